"""One line of a benchmark's table: best and median wall time, and best processor time.

On a machine that others use as well, the best and the processor time tell what the work takes, the
median what a user feels.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
_WIDTH: Final = 56


def header(title: str) -> None:
    """The head of the table."""
    print(f"{title:{_WIDTH}}{'best':>9}{'median':>9}{'CPU':>9}   seconds", flush=True)


def timed(title: str, work: Callable[[], T], repeats: int = 7, *, wanted: float | None = None) -> T:
    """Do the work several times, print its times, and return its last result; `wanted` is printed beside them."""
    wall, cpu = [], []
    for _ in range(repeats):
        start, used = time.perf_counter(), time.process_time()
        result = work()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    aim = "" if wanted is None else f"   aim {wanted:g}"
    print(f"{title:{_WIDTH}}{min(wall):9.4f}{statistics.median(wall):9.4f}{min(cpu):9.4f}{aim}", flush=True)
    return result
