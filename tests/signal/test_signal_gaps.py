"""What a gap is, for the analysis and for the review: one answer."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import DEFAULT
from pipeline.signal import conditioning
from pipeline.signal.conditioning import condition
from pipeline.signal.gaps import gaps_in, runs
from pipeline.types import Recording

SIGNAL = DEFAULT.signal


def _lead(*missing: slice, size: int = 1000) -> np.ndarray:
    lead = np.zeros(size, np.float32)
    for stretch in missing:
        lead[stretch] = np.nan
    return lead


def test_runs_are_where_the_mask_is_true():
    assert runs(np.array([True, False, True, True])) == [(0, 1), (2, 4)]
    assert runs(np.zeros(0, np.bool_)) == []


def test_a_gap_is_longer_than_what_is_interpolated():
    lead = _lead(slice(100, 105), slice(300, 400), slice(990, None))
    assert gaps_in(lead, 125.0, SIGNAL) == [(300, 400), (990, 1000)]  # 5 samples of 8 ms are bridged
    assert gaps_in(lead, 100.0, SIGNAL) == [(100, 105), (300, 400), (990, 1000)]


@pytest.mark.parametrize(("fs", "bridged"), [(250.0, 10), (360.0, 14), (1000.0, 40), (128.0, 5), (97.5, 3)])
def test_the_border_of_forty_milliseconds_is_bridged(fs, bridged):
    assert gaps_in(_lead(slice(100, 100 + bridged)), fs, SIGNAL) == []
    assert gaps_in(_lead(slice(100, 101 + bridged)), fs, SIGNAL) == [(100, 101 + bridged)]


def test_at_an_end_there_is_nothing_to_interpolate_from():
    assert gaps_in(_lead(slice(0, 1), slice(999, 1000)), 250.0, SIGNAL) == [(0, 1), (999, 1000)]


def test_a_lead_without_signal_is_one_gap():
    assert gaps_in(_lead(slice(0, None)), 250.0, SIGNAL) == [(0, 1000)]


@pytest.mark.parametrize("length", [9, 10, 11, 500])
def test_the_analysis_and_the_review_see_the_same_gaps(length):
    fs = 250.0
    signal = np.sin(np.arange(30 * 250) / 20).astype(np.float32)
    signal[4000 : 4000 + length] = np.nan
    recording = Recording("case", fs, signal[:, None], ("II",), "0" * 64, (True,))
    segments = condition(recording, ("II",), DEFAULT.signal).segments
    assert len(segments) - 1 == len(gaps_in(signal, fs, SIGNAL))


def _segments(*missing: tuple[float, float], seconds: float = 24.0) -> tuple[tuple[int, int], ...]:
    signal = np.sin(np.arange(int(seconds * 250)) / 20).astype(np.float32)
    for start_s, stop_s in missing:
        signal[round(start_s * 250) : round(stop_s * 250)] = np.nan
    recording = Recording("case", 250.0, signal[:, None], ("II",), "0" * 64, (True,))
    return condition(recording, ("II",), SIGNAL).segments


def test_pieces_too_short_alone_are_read_with_their_neighbour_across_a_short_gap():
    assert _segments((12, 12.56), (20.8, 21.36)) == ((0, 6000),)
    assert _segments((7, 7.5), (15, 15.5)) == ((0, 6000),)
    assert _segments((2, 2.5)) == ((0, 6000),)


def test_pieces_that_are_long_enough_stay_apart_and_long_gaps_are_not_crossed():
    assert _segments((12, 12.56)) == ((0, 3000), (3140, 6000))
    assert _segments((12, 14.5), (20, 20.4)) == ((0, 3000), (3625, 6000))
    assert _segments((12, 20)) == ((0, 3000),)
    assert _segments((12, 13.8), (15, 17)) == ((0, 3000),)  # 1.2 s between gaps of 2 s are nothing to read


@pytest.mark.parametrize("fs", [128.0, 250.0, 257.0, 360.0, 333.3])
def test_a_lead_that_is_filtered_in_stretches_is_the_lead_filtered_at_once(fs, monkeypatch):
    lead = np.random.default_rng(0).normal(0, 1, round(350 * fs)).astype(np.float32)
    for middle in (50.0, 100.0, 130.0, 200.0):  # within a stretch, at its edge, at the edge of its margin
        lead[round(middle * fs) - 2 : round(middle * fs) + 2] = np.nan
    recording = Recording.from_array(lead, fs=fs, leads="II")
    whole = condition(recording, ("II",), SIGNAL)
    monkeypatch.setattr(conditioning, "STRETCH_S", 100.0)
    monkeypatch.setattr(conditioning, "MARGIN_S", 30.0)
    parts = condition(recording, ("II",), SIGNAL)
    assert parts.segments == whole.segments
    assert np.abs(whole.signal).max() > 1
    np.testing.assert_allclose(parts.signal, whole.signal, rtol=0, atol=1e-5)
