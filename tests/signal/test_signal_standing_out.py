"""A baseline at rest has no beats, however high its highest noise is; low beats stay."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.signal.conditioning import condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.signal.standing_out import standing_out
from pipeline.types import Recording
from tests.signal.test_signal_hard_rhythms import drawn

NONE = np.zeros(0)
EIGHT = np.arange(1.0, 8.0, 0.9)
LATER_P = np.arange(9.0, 59.0, 0.85)


def found(lead: NDArray[np.float64]) -> NDArray[np.float64]:
    conditioned = condition(Recording.from_array(lead, fs=250, leads="II"), ("II",), DEFAULT.signal)
    r_peak = detect_r_peaks(conditioned, DEFAULT.signal)
    return np.asarray(r_peak[standing_out(conditioned, r_peak)] / conditioned.fs)


@pytest.mark.parametrize("more_p", [None, np.arange(1.0, 59.0, 0.8)], ids=["noise", "P waves"])
def test_a_minute_without_a_qrs_has_no_beat(more_p: NDArray[np.float64] | None) -> None:
    assert found(drawn(NONE, 60.0, more_p=more_p)).size == 0


@pytest.mark.parametrize("more_p", [None, LATER_P], ids=["noise", "P waves"])
def test_the_last_beats_before_a_standstill_are_the_only_ones(more_p: NDArray[np.float64] | None) -> None:
    assert found(drawn(EIGHT, 60.0, more_p=more_p)) == pytest.approx(EIGHT, abs=0.02)


def test_a_low_voltage_or_a_wrong_gain_leaves_every_beat() -> None:
    times = np.arange(1.0, 59.0, 0.8)
    assert found(0.1 * drawn(times, 60.0)) == pytest.approx(times, abs=0.02)


def test_low_beats_among_high_ones_stay() -> None:
    times = np.arange(1.0, 59.0, 0.8)
    lead = drawn(times, 60.0)
    lead[lead.size // 2 :] = 0.15 * drawn(times, 60.0)[lead.size // 2 :]
    assert found(lead).size >= times.size - 1


def test_nothing_is_taken_from_the_demo() -> None:
    recording = read_path(demo_path())
    conditioned = condition(recording, choose_leads(recording.leads), DEFAULT.signal)
    assert standing_out(conditioned, detect_r_peaks(conditioned, DEFAULT.signal)).all()
    assert standing_out(conditioned, np.zeros(0, np.int64)).size == 0
