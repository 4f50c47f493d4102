"""Times in a table stand in order of time when they are sorted, and say what the rest of the page says."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from pipeline.cases.case import times_in_order
from pipeline.wording import clock_text

HOURS = np.array([0.0, 9.96, 59.96, 599.4, 3599.96, 35_999.0, 36_000.0, 90_000.0])


@pytest.mark.parametrize("count", [2, 4, 6, 8])
def test_elapsed_times_sort_as_text(count: int) -> None:
    texts = list(times_in_order(HOURS[:count], None))
    assert sorted(texts) == texts
    assert len(set(map(len, texts))) == 1
    assert texts[1].endswith("0:10.0")


@pytest.mark.parametrize("microsecond", [0, 60_000, 949_999])
def test_times_of_the_clock_are_moments_rounded_as_everywhere(microsecond: int) -> None:
    start = datetime(2025, 3, 3, 23, 0, 0, microsecond)
    moments = np.asarray(times_in_order(HOURS, start))
    assert (np.diff(moments) > np.timedelta64(0)).all()
    for moment, seconds in zip(moments, HOURS, strict=True):
        assert str(moment)[11:21] == clock_text(seconds, start, tenths=True)[-10:]


def test_no_beat_has_no_time() -> None:
    assert list(times_in_order(np.zeros(0), None)) == []
    assert np.asarray(times_in_order(np.zeros(0), datetime(2025, 3, 3))).size == 0
