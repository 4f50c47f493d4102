"""R peaks between samples: where a known beat was put, at any rate and in noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal as sps

from pipeline.analysis import prepare
from pipeline.config import DEFAULT
from pipeline.signal.conditioning import condition
from pipeline.signal.refined_peaks import refined
from pipeline.types import Recording

RR_S = 0.8537  # no whole number of samples at any rate below


def constant(
    fs: float, seconds: float = 64.0, noise_mv: float = 0.0, seed: int = 0
) -> tuple[Recording, NDArray[np.float64]]:
    """Beats of 1 mV, always `RR_S` apart, drawn at their exact times; and these times."""
    times = np.arange(1.0, seconds - 1.0, RR_S)
    t = np.arange(round(seconds * fs)) / fs
    lead = np.zeros(t.size)
    for at in times:
        near = slice(max(0, int((at - 0.4) * fs)), int((at + 0.5) * fs))
        off = t[near] - at
        for height, centre, width in (
            (0.1, -0.17, 0.025),
            (-0.15, -0.03, 0.009),
            (1.0, 0.0, 0.011),
            (0.3, 0.28, 0.045),
        ):
            lead[near] += height * np.exp(-0.5 * np.square((off - centre) / width))
    lead += np.random.default_rng(0).normal(0, noise_mv, lead.size)
    return Recording.from_array(lead, fs=fs, leads="II"), times


def rmssd_ms(time_s: NDArray[np.float64]) -> float:
    return float(1000 * np.sqrt(np.mean(np.diff(np.diff(time_s)) ** 2)))


@pytest.mark.parametrize(("fs", "limit_ms"), [(1000, 0.3), (500, 0.3), (360, 0.3), (250, 0.3), (128, 1.0)])
def test_a_constant_rhythm_has_no_variability_at_any_rate(fs: float, limit_ms: float) -> None:
    recording, times = constant(fs)
    beats = prepare(recording).beats
    assert beats.offset is not None
    assert len(beats) == times.size
    assert rmssd_ms((beats.sample + beats.offset) / fs) < limit_ms
    assert np.all(np.abs(beats.offset) <= 0.5)


def test_noise_moves_a_peak_less_than_one_sample_of_the_working_rate() -> None:
    recording, times = constant(1000, noise_mv=0.05)
    beats = prepare(recording).beats
    assert beats.offset is not None
    assert len(beats) == times.size
    assert rmssd_ms((beats.sample + beats.offset) / 1000) < 1.0 < rmssd_ms(beats.r_peak / beats.fs)


def test_an_inverted_lead_has_its_peaks_at_the_same_times() -> None:
    recording, _ = constant(250, noise_mv=0.02)
    lead = condition(recording, ("II",), DEFAULT.signal).signal[:, 0]
    peaks = prepare(recording).beats.r_peak
    assert np.allclose(refined(lead, peaks, 250.0), refined(-lead, peaks, 250.0))


def test_a_single_parabola_is_found_exactly() -> None:
    index = np.arange(200)
    lead = (5 - np.square((index - 100.3) / 20)).astype(np.float32)
    assert refined(lead, np.array([100]), 250.0) == pytest.approx([100.3], abs=1e-3)


def test_a_beat_of_another_shape_stands_at_its_own_parabola() -> None:
    lead = np.zeros(4000, np.float32)
    bell = sps.windows.gaussian(61, 4)
    at = np.arange(200, 3600, 200)
    for peak in at:
        lead[peak - 30 : peak + 31] = bell
    lead[at[5] - 30 : at[5] + 31] = -np.exp(-0.5 * np.square((np.arange(-30, 31) - 0.25) / 12))
    moved = refined(lead, at, 250.0) - at
    assert moved[5] == pytest.approx(0.25, abs=0.02)
    assert np.delete(moved, 5) == pytest.approx(0, abs=1e-3)


def test_given_beats_stay_where_they_were_given() -> None:
    recording, times = constant(360)
    samples = np.round(times * 360).astype(np.int64)
    beats = prepare(recording, samples=samples).beats
    assert beats.offset is None
    assert np.array_equal(beats.sample, samples)
