"""The beat after an interpolated V is early only by the V."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.labels import AAMI_CLASSES
from pipeline.rhythm.interpolated import after_interpolated, without_false_s


def rhythm(rr_s: list[float]) -> tuple[np.ndarray, np.ndarray]:
    time_s = np.cumsum([1.0, *rr_s])
    return time_s, np.arange(time_s.size) == 0


@pytest.mark.parametrize(
    ("last", "expected"),
    [([0.45, 0.47], True), ([0.45, 1.15], False), ([0.45, 0.3], False), ([0.5, 0.55], False)],
    ids=["interpolated", "compensatory", "an early beat after a V", "somewhat late"],
)
def test_only_a_v_within_one_usual_interval_is_interpolated(last: list[float], expected: bool) -> None:
    time_s, breaks = rhythm([0.9] * 8 + last + [0.9])
    symbol = np.array(list("NNNNNNNNN" + "V" + "SN"))
    found = after_interpolated(time_s, symbol, breaks)
    assert found.tolist() == [False] * 10 + [expected, False]


def test_a_gap_or_another_class_before_the_v_says_nothing() -> None:
    time_s, breaks = rhythm([0.9] * 8 + [0.45, 0.45, 0.9])
    symbol = np.array(list("NNNNNNNNNVSN"))
    gap = breaks.copy()
    gap[9] = True
    assert not after_interpolated(time_s, symbol, gap).any()
    assert not after_interpolated(time_s, np.array(list("NNNNNNNNVVSN")), breaks).any()
    assert not after_interpolated(time_s[:2], symbol[:2], breaks[:2]).any()


def test_the_probability_of_s_goes_to_n_there_and_nowhere_else() -> None:
    time_s, breaks = rhythm([0.9] * 8 + [0.45, 0.45, 0.9, 0.5, 0.9])
    letters = "NNNNNNNNNVSNSN"
    p = np.full((14, 5), 0.05, np.float32)
    p[np.arange(14), [AAMI_CLASSES.index(one) for one in letters]] = 0.8
    changed = without_false_s(p, time_s, breaks)
    assert changed[10] == pytest.approx([0.85, 0.0, 0.05, 0.05, 0.05])
    assert np.array_equal(np.delete(changed, 10, axis=0), np.delete(p, 10, axis=0))
    assert p[10, 1] == pytest.approx(0.8)
    assert without_false_s(np.zeros((0, 5), np.float32), time_s[:0], breaks[:0]).shape == (0, 5)
