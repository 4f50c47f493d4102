"""Seeded fuzzing of a reader: good files, cut, spliced and with other numbers in them, for so many seconds."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence

import numpy as np

from pipeline.errors import IntakeError
from pipeline.types import Recording

SECONDS_MAX = 5.0  # of the processor, for one file
MEMORY_MAX = 10**9  # bytes, more than before
_TEXTS = (b"0", b"-1", b"1", b"99999999", b"1e30", b"nan", b"inf", b"-inf", b"1e-30", b"", b"\0\0", b"+", b".")
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def fuzzed(
    read: Callable[[bytes], Recording], good: Sequence[bytes], seconds: float, *, seed: int, head: int = 2048
) -> int:
    """Read changed files until the time is up; return how many of them were read as recordings.

    Parameters
    ----------
    read : callable
        Raises IntakeError, or returns a recording.
    good : sequence of bytes
        Files to change.
    seconds : float
        How long.
    seed : int
        Of the changes.
    head : int
        Bytes from the start in which most changes are made.
    """
    rng = np.random.default_rng(seed)
    before, until, done = _memory(), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        payload = changed(good, rng, head)
        started = time.process_time()
        found = outcome(read, payload)
        if isinstance(found, str):
            assert 0 < len(found) < 400
            assert "\n" not in found
        else:
            done += 1
            assert found.p_signal.dtype == np.float32
            assert not np.isinf(found.p_signal).any()
            assert found.p_signal.shape[1] == len(found.leads) == len(found.calibrated)
        assert time.process_time() - started < SECONDS_MAX, payload[:head]
        assert _memory() - before < MEMORY_MAX, payload[:head]
    return done


def outcome(read: Callable[[bytes], Recording], payload: bytes) -> Recording | str:
    """The recording, or the sentence that refuses the file."""
    try:
        return read(payload)
    except IntakeError as error:
        return str(error)


def changed(good: Sequence[bytes], rng: np.random.Generator, head: int) -> bytes:
    """One of the files with one to four changes."""
    payload = bytearray(good[rng.integers(len(good))])
    for _ in range(rng.integers(1, 5)):
        reach = min(len(payload), head) if rng.random() < 0.8 else len(payload)
        at = int(rng.integers(max(1, reach)))
        match rng.integers(7):
            case 0:
                payload[at : at + 1] = bytes([rng.integers(256)])
            case 1:
                text = _TEXTS[rng.integers(len(_TEXTS))]
                at -= at % 8
                payload[at : at + 8] = text.ljust(8)
            case 2:
                width = int(rng.choice((1, 2, 4)))
                value = _EXTREMES[rng.integers(len(_EXTREMES))] % 2 ** (8 * width)
                payload[at : at + width] = value.to_bytes(width, str(rng.choice(("little", "big"))))
            case 3:
                del payload[at:]
            case 4:
                del payload[at : at + int(rng.integers(1, 64))]
            case 5:
                payload[at:at] = payload[at : at + int(rng.integers(1, 64))]
            case 6:
                other = good[rng.integers(len(good))]
                payload[at:] = other[at:]
    return bytes(payload)


def _memory() -> int:
    """The largest memory of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
