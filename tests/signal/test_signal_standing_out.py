"""A baseline at rest has no beats, however high its highest noise is; low beats stay."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.signal.conditioning import Conditioned, condition
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


def two_leads(first: NDArray[np.float64], second: NDArray[np.float64]) -> Conditioned:
    signal = np.stack([first, second], axis=1).astype(np.float32)
    return Conditioned(signal, 250.0, ((0, len(signal)),))


def at_samples(times: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.round(times * 250).astype(np.int64)


def burst(lead: NDArray[np.float64], at_s: float) -> None:
    """Draw what an electrode does that is touched: as high as a QRS, and much slower."""
    axis = np.arange(lead.size) / 250 - at_s
    lead += 0.8 * np.exp(-0.5 * np.square(axis / 0.09)) * np.sin(2 * np.pi * 4 * axis)


WITH_PAUSE: Final = np.concatenate([EIGHT, np.arange(20.0, 58.0, 0.8)])


def test_what_a_lead_at_rest_does_not_show_is_no_beat_in_a_pause() -> None:
    first, second = drawn(WITH_PAUSE, 60.0), 0.6 * drawn(WITH_PAUSE, 60.0)
    burst(second, 12.0)
    r_peak = np.sort(np.append(at_samples(WITH_PAUSE), at_samples(np.array([12.0]))))
    kept = standing_out(two_leads(first, second), r_peak)
    assert r_peak[~kept].tolist() == [3000]


def test_a_single_low_wave_in_a_pause_is_no_beat_and_a_low_beat_is_one() -> None:
    wave, beat = drawn(WITH_PAUSE, 60.0, more_p=np.array([12.2])), drawn(WITH_PAUSE, 60.0)
    beat[: 15 * 250] += 0.15 * drawn(np.array([12.0]), 60.0)[: 15 * 250]
    r_peak = np.sort(np.append(at_samples(WITH_PAUSE), 3000))
    low = [standing_out(two_leads(lead, lead), r_peak) for lead in (wave, beat)]
    assert r_peak[~low[0]].tolist() == [3000]
    assert low[1].all()


@pytest.mark.parametrize("noise_mv", [0.0, 0.02], ids=["nothing", "noise"])
def test_a_lost_lead_takes_no_beat_from_the_other(noise_mv: float) -> None:
    """Wide beats, in a clear lead that is lost for ten seconds of every minute, and in a noisy one."""
    times = np.arange(1.0, 178.0, 0.8)
    lost = drawn(times, 180.0)
    noisy = gaussian_filter1d(lost, 6.0) + gaussian_filter1d(np.random.default_rng(2).normal(0, 0.4, lost.size), 3.0)
    inside = np.arange(lost.size) % 15_000 < 2500
    lost[inside] = np.random.default_rng(1).normal(0, noise_mv, np.count_nonzero(inside))
    assert standing_out(two_leads(lost, noisy), at_samples(times)).all()


def test_a_ventricular_run_that_one_lead_does_not_show_stays() -> None:
    before, run, after = np.arange(1.0, 20.0, 0.8), np.arange(20.6, 23.4, 0.5), np.arange(24.4, 58.0, 0.8)
    rest = np.concatenate([before, after])
    first = drawn(rest, 60.0) + 0.02 * drawn(run, 60.0)
    axis = np.arange(first.size)[:, None] / 250 - run
    second = 0.6 * drawn(rest, 60.0) + (np.exp(-0.5 * np.square(axis / 0.06)) * np.sin(20 * axis)).sum(axis=1)
    assert standing_out(two_leads(first, second), at_samples(np.concatenate([before, run, after]))).all()


def test_nothing_is_taken_from_the_demo() -> None:
    recording = read_path(demo_path())
    conditioned = condition(recording, choose_leads(recording.leads), DEFAULT.signal)
    assert standing_out(conditioned, detect_r_peaks(conditioned, DEFAULT.signal)).all()
    assert standing_out(conditioned, np.zeros(0, np.int64)).size == 0
