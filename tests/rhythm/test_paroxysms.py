"""Supraventricular tachycardia by how it begins and ends."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.paroxysms import find_paroxysms
from pipeline.rhythm.rates import find_rates

SLOW, FAST = [0.8] * 40, [0.38] * 40
WARMING_UP = np.linspace(0.8, 0.38, 60).tolist()


def context(rr_s: list[float], symbols: str = "N", *, trusted: bool = True) -> RhythmContext:
    rng = np.random.default_rng(0)
    time_s = np.cumsum([1.0, *(np.array(rr_s) * (1 + 0.01 * rng.standard_normal(len(rr_s))))])
    n = time_s.size
    symbol = np.array(list((symbols * n)[:n]))
    first = np.arange(n) == 0
    return RhythmContext(float(time_s[-1]) + 1, time_s, symbol, np.full(n, trusted), np.ones(n, np.float32), first)


def test_an_abrupt_regular_tachycardia_is_found_from_its_first_beat_to_its_last() -> None:
    beats = context([*SLOW, *FAST, *SLOW])
    (found,) = find_paroxysms(beats)
    assert (found.rhythm, found.detail) == ("SVTA", "")
    assert found.start_s == pytest.approx(beats.time_s[40], abs=0.9)
    assert found.stop_s == pytest.approx(beats.time_s[80], abs=0.9)
    assert "15" in found.evidence
    assert "/min" in found.evidence


def test_one_abrupt_end_is_enough() -> None:
    (found,) = find_paroxysms(context([*WARMING_UP, *FAST, *SLOW]))
    assert "ends within" in found.evidence
    (found,) = find_paroxysms(context([*SLOW, *FAST, *WARMING_UP[::-1]]))
    assert "begins within" in found.evidence


def test_a_tachycardia_that_comes_and_goes_slowly_is_sinus() -> None:
    assert find_paroxysms(context([*SLOW, *WARMING_UP, *FAST, *WARMING_UP[::-1], *SLOW])) == []


@pytest.mark.parametrize(
    "rr_s",
    [
        [*SLOW, *([0.3, 0.5, 0.35, 0.45] * 10), *SLOW],  # irregular
        [*SLOW, *([0.56] * 40), *SLOW],  # too slow
        [*SLOW, *FAST[:6], *SLOW],  # too short
        FAST,  # neither beginning nor end
        SLOW[:5],
    ],
)
def test_others_are_none(rr_s: list[float]) -> None:
    assert find_paroxysms(context(rr_s)) == []


def test_beats_that_cannot_be_relied_on_and_ventricular_ones_have_no_interval() -> None:
    assert find_paroxysms(context([*SLOW, *FAST, *SLOW], trusted=False)) == []
    assert find_paroxysms(context([*SLOW, *FAST, *SLOW], "V")) == []


def test_where_nobody_can_tell_it_is_said() -> None:
    rigid = context([0.38] * 200)
    exact = np.cumsum([1.0, *([0.38] * 200)])
    rigid = RhythmContext(
        float(exact[-1]) + 1, exact, rigid.symbol, rigid.trusted, rigid.confidence, rigid.break_before
    )  # fmt: skip
    (found,) = find_rates(rigid)
    assert found.rhythm == "ST"
    assert "cannot be ruled out" in found.evidence
    (slower,) = find_rates(context([0.5] * 200))
    assert "ruled out" not in slower.evidence
