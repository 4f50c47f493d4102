"""Leads one above the other on ECG paper: as close as their traces allow, and no closer."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.export.ecg_paper import LABEL_MM, SPEED_MM_S, SQUARE_MM, lane_for, set_closer
from pipeline.types import FloatArray

FS = 250.0


def lead(*, high: float = 0.8, low: float = -0.3, at_s: float = 3.0) -> FloatArray:
    """Seven seconds of nearly nothing, and one wave up and down, mV."""
    value = np.zeros(round(7 * FS), np.float32)
    at = round(at_s * FS)
    value[at : at + 10], value[at + 10 : at + 20] = high, low
    return value


def zero_lines(lanes, values):
    bottom = np.cumsum([lane.height for lane in lanes])
    return [float(y) for y in bottom - [lane.zero for lane in lanes]]


@pytest.mark.parametrize("at_s", [0.2, 3.0, 6.5])
@pytest.mark.parametrize("low", [-0.3, -2.6])
def test_traces_that_are_set_closer_never_touch(low: float, at_s: float) -> None:
    values = [lead(low=low), lead(high=1.4, at_s=at_s)]
    lanes = set_closer([lane_for(value) for value in values], values, FS, 15.0)
    upper, lower = zero_lines(lanes, values)
    gap_mm = (lower - values[1] * lanes[1].gain) - (upper - values[0] * lanes[0].gain)
    assert gap_mm.min() >= 2.0
    assert lower - upper >= lanes[1].gain + LABEL_MM
    assert sum(lane.height for lane in lanes) % SQUARE_MM == pytest.approx(0)


def test_waves_at_different_times_share_the_paper_between_two_leads() -> None:
    values = [lead(low=-2.6, at_s=2.0), lead(high=2.0, at_s=5.0)]
    lanes = [lane_for(value) for value in values]
    closer = set_closer(lanes, values, FS, 15.0)
    assert sum(lane.height for lane in closer) <= sum(lane.height for lane in lanes) - 2 * SQUARE_MM
    assert [lane.gain for lane in closer] == [lane.gain for lane in lanes]


def test_a_deep_wave_stays_clear_of_the_name_below_it() -> None:
    values = [lead(low=-3.0, at_s=0.2), lead()]
    lanes = set_closer([lane_for(value) for value in values], values, FS, 15.0)
    upper, lower = zero_lines(lanes, values)
    deepest = upper - float(values[0][: round(15 / SPEED_MM_S * FS)].min()) * lanes[0].gain
    assert lower - lanes[1].gain - LABEL_MM >= deepest + 2.0


def test_a_lead_that_is_a_gap_keeps_its_pulse_and_one_lead_its_lane() -> None:
    values = [lead(), np.full(round(7 * FS), np.nan, np.float32)]
    lanes = [lane_for(value) for value in values]
    assert len(set_closer(lanes, values, FS, 15.0)) == 2
    assert set_closer(lanes[:1], values[:1], FS, 15.0) == lanes[:1]
