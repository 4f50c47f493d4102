"""Seeded damage to good files, of which a reader makes a recording or one sentence, soon and in little memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator

import numpy as np

from pipeline.errors import EcgError

SECONDS_MAX = 5.0  # of the processor, for one file
MEMORY_MAX = 2**20  # kB that the process may grow by: 1 GB


def damaged(payload: bytes, seed: int) -> bytes:
    """A file with a few bytes flipped, cut out, cut off, repeated, put in, or a number made huge."""
    draw = np.random.default_rng(seed)
    content = bytearray(payload)
    for _ in range(int(draw.integers(1, 5))):
        place = int(draw.integers(0, max(1, len(content))))
        size = int(draw.integers(1, 64))
        match int(draw.integers(0, 7)):
            case 0:
                content[place : place + 1] = bytes([int(draw.integers(0, 256))])
            case 1:
                del content[place : place + size]
            case 2:
                del content[place:]
            case 3:
                content[place:place] = content[place : place + size] * int(draw.integers(1, 20))
            case 4:
                content[place:place] = draw.integers(0, 256, size, dtype=np.uint8).tobytes()
            case 5:
                content[place : place + 4] = b"\xff\xff\xff\xff"[: int(draw.integers(1, 5))]
            case _:
                _exaggerate(content, draw)
    return bytes(content)


def cuts(payload: bytes, count: int) -> Iterator[bytes]:
    """A file cut off at `count` places, evenly spaced, and after each of its first bytes."""
    for place in sorted({*range(min(64, len(payload))), *np.linspace(0, len(payload) - 1, count).astype(int).tolist()}):
        yield payload[:place]


def assert_survives(read: Callable[[bytes], object], payload: bytes, what: str) -> bool:
    """Read a damaged file: True if it was read, False if it was refused in a sentence; anything else fails."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    refusal = None
    try:
        read(payload)
    except EcgError as error:
        refusal = str(error)
    assert refusal is None or (0 < len(refusal) < 400 and "\n" not in refusal), what
    assert time.process_time() - start < SECONDS_MAX, what
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY_MAX, what
    return refusal is None


def fuzz(read: Callable[[bytes], object], payloads: list[bytes], seconds: float, *, seed: int = 0) -> int:
    """Read damaged files for some seconds of the processor; returns how many."""
    end, number = time.process_time() + seconds, 0
    while time.process_time() < end:
        payload = payloads[number % len(payloads)]
        assert_survives(read, damaged(payload, seed + number), f"file {number % len(payloads)}, seed {seed + number}")
        number += 1
    return number


def _exaggerate(content: bytearray, draw: np.random.Generator) -> None:
    """Replace a run of digits in text by a number that no file can hold."""
    places = [i for i in range(len(content) - 1) if 48 <= content[i] <= 57] if len(content) < 2**16 else []
    numbers = (b"99999999999", b"-1", b"0", b"nan", b"1e308", b"4294967295")
    if places:
        place = places[int(draw.integers(0, len(places)))]
        content[place : place + 1] = numbers[int(draw.integers(0, len(numbers)))]
