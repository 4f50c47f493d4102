"""Tables made to be slow or large: they end in a recording or in one sentence, soon and in little memory."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from pipeline.errors import EcgError
from pipeline.intake.csv_reader import CsvOptions, read_csv
from pipeline.types import Recording
from tests.intake.test_csv_dialects import table

SECONDS_MAX = 5.0  # of the processor, for one file
BYTES_MAX = 2**30


def _outcome(payload: bytes, options: CsvOptions) -> Recording | str:
    """What became of a file: a recording, or the sentence that refuses it."""
    try:
        return read_csv("r", payload, options)
    except EcgError as error:
        return str(error)


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
        b"time_us,II\n0,1\n4000,2\n8000,3\n" + b"\n".join(b"%.9f,%d" % (i / 10**9, i % 7) for i in range(5000)),
    ],
    ids=lambda payload: repr(payload[:12]),
)
def test_what_is_made_to_be_slow_or_large_is_neither(payload):
    tracemalloc.start()
    started = time.process_time()
    for fs in (None, 250.0):
        _outcome(payload, CsvOptions(fs, "mV"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert time.process_time() - started < 4 * SECONDS_MAX  # it is read twice, and tracing costs as much again
    assert peak < BYTES_MAX
