"""Seeded fuzzing of the CSV reader: any bytes end in a recording or in one sentence, soon and in little memory."""

from __future__ import annotations

import time
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest

from pipeline.errors import EcgError
from pipeline.intake.csv_reader import CsvOptions, describe_csv, read_csv
from pipeline.types import Recording
from tests.intake.test_csv_dialects import CASES, stated, table

SECONDS_MAX = 5.0  # of the processor, for one file
BYTES_MAX = 2**30
_PIECES = (
    *(b",", b";", b"\t", b"|", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b'"', b"'", b"#", b"%", b"=", b":", b"!", b"-"),
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"nan", b"inf", b"-inf", b"1e400", b"1e38", b"-32768", b"9999"),
    *(b"99999999999999999999", b"0.1", b"0,1", b"1.234,5", b"1,234.5", b"12:00:00", b"24:60:61", b"2024-05-01T10:00"),
    *(b"01.05.2024", b"time", b"II", b"ECG [mV]", b"Sample Rate,0 Hz", b"fs=1e308", b"sep=,", b"sep=\t", b"Unit,mV"),
    *(b"# {}", b'# {"x": {"column": ["a"], "label": [], "sensor": [], "sampling rate": "x"}}', b"[" * 5000),
    *("µ".encode(), "王".encode(), "\u2212".encode(), "\u202e".encode(), b"A" * 70_000, b"1" * 400, b"," * 300),
)


def _damaged(payload: bytes, rng: np.random.Generator) -> bytes:
    """One to five random changes: flipped bytes, cuts, splices, pieces of other files, lines mixed."""
    changed = bytearray(payload)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(0, len(changed) + 1))
        if rng.random() < 0.5:  # what stands above the samples is read with the most care
            at = min(at, int(rng.integers(0, 400)))
        match int(rng.integers(0, 7)):
            case 0:
                for position in rng.integers(0, max(1, len(changed)), 8):
                    if changed:
                        changed[position] = int(rng.integers(0, 256))
            case 1:
                del changed[at:]
            case 2:
                del changed[at : at + int(rng.integers(1, 200))]
            case 3:
                changed[at:at] = _PIECES[int(rng.integers(0, len(_PIECES)))] * int(rng.integers(1, 4))
            case 4:
                other = CASES[int(rng.integers(0, len(CASES)))].payload
                start = int(rng.integers(0, len(other)))
                changed[at:at] = other[start : start + int(rng.integers(1, 2000))]
            case 5:
                lines = bytes(changed).split(b"\n")
                rng.shuffle(lines)
                changed = bytearray(b"\n".join(lines))
            case _:
                old, new = (_PIECES[int(i)] for i in rng.integers(0, 12, 2))
                changed = bytearray(bytes(changed[:20_000]).replace(old, new))
    return bytes(changed)


def _options(rng: np.random.Generator) -> CsvOptions:
    fs = (None, 250.0, 500.0)[int(rng.integers(0, 3))]
    unit = (None, "mV", "uV", "none")[int(rng.integers(0, 4))]
    columns = ((), (), (1,), (2,), ("II",))[int(rng.integers(0, 5))]
    time_column = (None, None, None, "none", 1)[int(rng.integers(0, 5))]
    return CsvOptions(fs, unit, columns, time_column)


def _outcome(payload: bytes, options: CsvOptions) -> Recording | str:
    """What became of a file: a recording, or the sentence that refuses it."""
    try:
        return read_csv("r", payload, options)
    except EcgError as error:
        return str(error)


def _fuzz(seconds: float, seed: int) -> int:
    """Read damaged files for so many seconds; return how many could be read."""
    rng = np.random.default_rng(seed)
    read, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        case = CASES[int(rng.integers(0, len(CASES)))]
        payload = _damaged(case.payload, rng)
        options = stated(case) if rng.random() < 0.7 else _options(rng)
        started = time.process_time()
        with suppress(EcgError):
            describe_csv(payload, CsvOptions(columns=options.columns, time_column=options.time_column))
        found = _outcome(payload, options)
        if isinstance(found, str):
            assert "\n" not in found
            assert len(found) < 700
        else:
            read += 1
            assert found.p_signal.shape == (found.n_samples, len(found.leads))
            assert not np.isinf(found.p_signal).any()
            assert 50 <= found.fs <= 10_000
            assert all("Test Person" not in notice for notice in found.notices)
        assert time.process_time() - started < SECONDS_MAX, payload[:300]
    return read


def test_damaged_tables_are_read_or_refused_in_a_sentence():
    assert _fuzz(10.0, 20_261_130) > 20


@pytest.mark.slow
def test_damaged_tables_are_read_or_refused_for_five_minutes():
    assert _fuzz(300.0, 19) > 100


@pytest.mark.parametrize(
    "payload",
    [
        b"1," * 500_000,
        b"a" * 5_000_000,
        b"\n" * 5_000_000,
        b"1\n" * 2_500_000,
        b'"' * 1_000_000,
        b"1 " * 1_000_000,
        b";;;;\n" * 500_000,
        table(["0"] * 200_000, ["9" * 30] * 200_000),
        table(["NaN"] * 300_000),
        table([f"{i * 10**15}" for i in range(20_000)], ["1", "2"] * 10_000, names="time_ns,II"),
        b"time,II\n" + b"\n".join(b"%d,%d" % (i * 3_600_000, i % 7) for i in range(50_000)),
        b"time,II\n0,1\n4,2\n8,3\n" + b"\n".join(b"%d,%d" % (8 + 4 * i + 10**9, i % 7) for i in range(5000)),
    ],
    ids=lambda payload: repr(payload[:12]),
)
def test_what_is_made_to_be_slow_or_large_is_neither(payload):
    tracemalloc.start()
    started = time.process_time()
    _outcome(payload, CsvOptions(250.0, "mV"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - started < 2 * SECONDS_MAX  # tracing costs as much again
    assert peak < BYTES_MAX
