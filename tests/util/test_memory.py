"""Freed memory goes back to the system."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import numpy as np
import pytest

from pipeline._util.memory import give_back


def resident_mb() -> float:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library gives back by itself")
def test_small_arrays_that_were_freed_are_no_longer_resident() -> None:
    arrays = [np.ones(10_000) for _ in range(2000)]  # 160 MB in the heap, not mapped one by one
    kept = arrays[-1]  # at its end: nothing below it would go back by itself
    del arrays
    before = resident_mb()
    give_back()
    assert resident_mb() < before - 50
    assert kept.sum() == 10_000
