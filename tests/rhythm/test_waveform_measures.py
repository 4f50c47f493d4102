"""Measures of the waveform: what must not matter to them, and what must."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rhythm.waveform_measures import LEAD_MEASURES, MEASURES, measured, measured_alone, per_second
from pipeline.types import FloatArray

FS = 250.0


def waves(hz: float, seconds: int = 30, phase: float = 0.0) -> FloatArray:
    time_s = np.arange(round(seconds * FS)) / FS
    return np.sin(2 * np.pi * hz * time_s + phase).astype(np.float32)


def two_leads() -> FloatArray:
    rng = np.random.default_rng(0)
    beats = np.zeros(round(40 * FS))
    beats[100::200] = 1
    sharp = np.convolve(beats, np.hanning(20), "same")
    return np.stack([sharp, waves(3.3, 40) + 0.1 * rng.standard_normal(beats.size)], axis=1).astype(np.float32)


def value(of_leads: FloatArray, name: str) -> float:
    return float(np.median(of_leads[0, :, LEAD_MEASURES.index(name)]))


def test_waves_repeat_after_their_period() -> None:
    assert value(per_second(waves(3.3)[:, None], FS), "wave_s") == pytest.approx(1 / 3.3, abs=0.01)


@pytest.mark.parametrize("hz", [1.7, 3.3, 5.1])
def test_waves_are_measured_by_their_frequency(hz: float) -> None:
    of_leads = per_second(waves(hz)[:, None], FS)
    assert of_leads.shape == (1, 30, len(LEAD_MEASURES))
    assert value(of_leads, "dominant_hz") == pytest.approx(hz, abs=0.15)
    assert value(of_leads, "wave_repeats") > 0.97
    assert value(of_leads, "leakage") < -0.9


def test_beats_are_sharp_and_rest_between() -> None:
    signal = two_leads()
    beats, sine = per_second(signal[:, :1], FS), per_second(signal[:, 1:], FS)
    assert value(beats, "beat_s") == pytest.approx(0.8, abs=0.05)
    assert value(beats, "quiet_slope") > 0.8 > 0.3 > value(sine, "quiet_slope")
    assert value(beats, "kurtosis") > 2 > value(sine, "kurtosis")


def test_order_sign_and_scale_of_the_leads_do_not_matter() -> None:
    signal = two_leads()
    expected = measured(per_second(signal, FS))
    for other in (signal[:, ::-1], -signal, signal * np.float32([8.0, 8.0])):
        np.testing.assert_allclose(measured(per_second(other, FS)), expected, rtol=2e-3, atol=2e-3)


def test_one_lead_gives_as_many_measures_as_two_and_a_dead_one_is_replaced() -> None:
    lead = two_leads()[:, :1]
    alone = measured(per_second(lead, FS))
    assert alone.shape == (40, len(MEASURES))
    beside_a_dead_one = measured(per_second(np.concatenate([lead, 0 * lead], axis=1), FS))
    np.testing.assert_allclose(beside_a_dead_one, alone, atol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, 100, 700, 2500])
def test_any_length_and_silence_have_finite_measures(samples: int) -> None:
    found = measured(per_second(np.zeros((samples, 2), np.float32), FS))
    assert np.isfinite(found).all()
    assert len(found) == max(1, round(samples / FS))


def test_a_day_is_measured_in_pieces_that_fit_together() -> None:
    signal = np.random.default_rng(1).standard_normal((round(1810 * FS), 1)).astype(np.float32)
    whole, end = per_second(signal, FS), per_second(signal[round(1700 * FS) :], FS)
    np.testing.assert_allclose(whole[0, 1710:], end[0, 10:], rtol=1e-3, atol=1e-3)


def test_a_second_alone_is_measured_as_if_all_around_were_like_it() -> None:
    rng = np.random.default_rng(0)
    steady = np.repeat(rng.normal(0, 1, (2, 1, len(LEAD_MEASURES))), 60, axis=1).astype(np.float32)
    assert np.allclose(measured_alone(steady, np.array([20])), measured(steady)[20], atol=1e-5)
    brief = steady.copy()
    brief[:, 30] += 1
    alone, around = measured_alone(brief, np.array([30]))[0], measured(brief)[30]
    own = MEASURES.index("mean_height of the sharper lead")
    within = MEASURES.index("mean_height within 21 s of the sharper lead")
    assert alone[within] == alone[own] == around[own]
    assert around[within] < around[own] - 0.9
