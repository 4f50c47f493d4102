"""Ventricular fibrillation, flutter and tachycardia from the waveform: the state model, and what is neither."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal as sps

from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.state_paths import most_probable_path
from pipeline.rhythm.ventricular import (
    FIBRILLATION,
    OTHER,
    TACHYCARDIA,
    VentricularSeconds,
    find_ventricular,
    recorded_seconds,
    ventricular_episodes,
    ventricular_states,
    waveform_probabilities,
    with_exact_edges,
)
from pipeline.signal.conditioning import Conditioned
from pipeline.types import FloatArray

FS = 250.0


def seconds_with(probability: list[float], *, repeats: float = 0.2, wave_hz: float = 4.0) -> VentricularSeconds:
    n = len(probability)
    return VentricularSeconds(
        np.array(probability, np.float32),
        np.full(n, repeats, np.float32),
        np.full(n, wave_hz, np.float32),
        np.full(n, 0.5, np.float32),
        np.zeros((n, 0), np.float32),
        np.zeros(n, np.float32),
    )


def context(signal: FloatArray) -> RhythmContext:
    none = np.zeros(0)
    conditioned = Conditioned(signal.astype(np.float32), FS, ((0, len(signal)),))
    return RhythmContext(
        len(signal) / FS, none, none.astype(str), none.astype(bool), none.astype(np.float32), none.astype(bool),
        conditioned=conditioned,
    )  # fmt: skip


def beats(every_s: float, seconds: int = 60, width_s: float = 0.08) -> FloatArray:
    """P, QRS and T at a constant rate, with a little noise."""
    n = round(seconds * FS)
    at = np.zeros(n)
    at[np.round(np.arange(0.4, seconds - 0.4, every_s) * FS).astype(int)] = 1
    time_s = np.arange(-0.4, 0.4, 1 / FS)
    qrs = np.exp(-0.5 * (time_s / (width_s / 5)) ** 2)
    rest = min(1.0, every_s / 0.8)
    t_wave = 0.25 * np.exp(-0.5 * ((time_s - 0.28 * rest) / (0.05 * rest)) ** 2)
    p_wave = 0.1 * np.exp(-0.5 * ((time_s + 0.16 * rest) / (0.025 * rest)) ** 2)
    noise = 0.01 * np.random.default_rng(0).standard_normal(n)
    return np.convolve(at, qrs + t_wave + p_wave, "same") + noise


def fibrillation(seconds: int = 60, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    sos = sps.butter(2, (3.5, 6.0), "bandpass", fs=FS, output="sos")
    waves = sps.sosfiltfilt(sos, rng.standard_normal(round(seconds * FS)))
    return np.asarray(0.4 * waves / waves.std())


def test_the_most_probable_path_weighs_gains_against_changes() -> None:
    gain = np.array([[0.0, -3.0], [0.0, 3.0], [0.0, -1.0], [0.0, 3.0], [0.0, -3.0]])
    free, dear = np.zeros((2, 2)), np.array([[0.0, 1.4], [1.4, 0.0]])
    assert most_probable_path(gain, free).tolist() == [0, 1, 0, 1, 0]
    assert most_probable_path(gain, dear).tolist() == [0, 1, 1, 1, 0]
    assert most_probable_path(gain, 10 * dear).tolist() == [0, 0, 0, 0, 0]


def test_one_sure_second_is_nothing_and_ten_are_an_episode() -> None:
    assert (ventricular_states(seconds_with([0.01] * 20 + [0.97] + [0.01] * 20)) == OTHER).all()
    (found,) = ventricular_episodes(seconds_with([0.01] * 20 + [0.97] * 10 + [0.01] * 20), 50)
    assert (found.rhythm, found.start_s, found.stop_s) == ("VFL", 20, 30)
    assert found.confidence == pytest.approx(0.97, abs=0.01)


def test_a_doubtful_second_does_not_divide_an_episode() -> None:
    found = ventricular_episodes(seconds_with([0.01] * 9 + [0.99] * 9 + [0.4] + [0.99] * 9 + [0.01] * 9), 37)
    assert [(one.start_s, one.stop_s) for one in found] == [(9, 28)]


def test_waves_that_repeat_are_tachycardia_and_others_fibrillation() -> None:
    sure = [0.99] * 30
    assert (ventricular_states(seconds_with(sure, repeats=0.97)) == TACHYCARDIA).all()
    assert (ventricular_states(seconds_with(sure, repeats=0.3)) == FIBRILLATION).all()


def test_waves_that_repeat_less_well_are_tachycardia_only_if_they_are_slow() -> None:
    sure = [0.99] * 30
    assert (ventricular_states(seconds_with(sure, repeats=0.85, wave_hz=2.3)) == TACHYCARDIA).all()
    assert (ventricular_states(seconds_with(sure, repeats=0.85, wave_hz=3.3)) == FIBRILLATION).all()


def test_slow_regular_waves_are_left_to_the_classified_beats() -> None:
    assert (ventricular_states(seconds_with([0.99] * 30, repeats=0.97, wave_hz=1.9)) == OTHER).all()


def test_slow_waves_that_do_not_repeat_may_be_fibrillation() -> None:
    assert (ventricular_states(seconds_with([0.9] * 30, repeats=0.4, wave_hz=1.9)) == FIBRILLATION).all()
    assert (ventricular_states(seconds_with([0.3] * 30, repeats=0.4, wave_hz=1.9)) == OTHER).all()


def test_edges_are_put_where_the_waveform_changes() -> None:
    rng = np.random.default_rng(0)
    shape = np.repeat([[0.0, 1.0], [3.0, 0.0], [0.0, 1.0]], 20, axis=0) + 0.1 * rng.standard_normal((60, 2))
    late = np.array([OTHER] * 24 + [FIBRILLATION] * 13 + [OTHER] * 23)
    exact = np.array([OTHER] * 20 + [FIBRILLATION] * 20 + [OTHER] * 20)
    assert with_exact_edges(late, shape.astype(np.float32)).tolist() == exact.tolist()
    assert with_exact_edges(exact, shape.astype(np.float32)).tolist() == exact.tolist()
    assert with_exact_edges(late, np.zeros((60, 0), np.float32)).tolist() == late.tolist()


def test_a_recording_of_nothing_but_fibrillation_is_one_episode() -> None:
    (found,) = find_ventricular(context(fibrillation()[:, None]))
    assert (found.rhythm, found.detail, found.start_s, found.stop_s) == ("VFL", "VF", 0, 60)
    assert "Hz waves" in found.evidence
    assert found.confidence > 0.9


def test_fibrillation_between_beats_begins_and_ends_where_it_does() -> None:
    lead = np.concatenate([beats(0.8, 40), fibrillation(20), beats(0.8, 40)])
    (found,) = find_ventricular(context(np.stack([lead, -0.5 * lead], axis=1)))
    assert found.rhythm == "VFL"
    assert found.start_s == pytest.approx(40, abs=4)
    assert found.stop_s == pytest.approx(60, abs=4)


@pytest.mark.parametrize("every_s", [1.2, 0.8, 0.5, 0.4, 0.3, 0.24])
def test_narrow_beats_at_any_rate_are_nothing(every_s: float) -> None:
    assert find_ventricular(context(beats(every_s)[:, None])) == []


@pytest.mark.parametrize("seconds", [0, 1, 3, 5, 12])
def test_any_length_and_silence_are_nothing(seconds: int) -> None:
    assert find_ventricular(context(np.zeros((round(seconds * FS), 1)))) == []


def test_without_a_signal_nothing_is_found() -> None:
    none = np.zeros(0)
    empty = RhythmContext(9.0, none, none.astype(str), none.astype(bool), none.astype(np.float32), none.astype(bool))
    assert find_ventricular(empty) == []


def test_what_was_not_recorded_has_no_probability() -> None:
    lead = fibrillation()[:, None].astype(np.float32)
    lead[5000:10000] = 0
    conditioned = Conditioned(lead, FS, ((0, 5000), (10000, len(lead))))
    assert recorded_seconds(conditioned, 60).sum() == 40
    seconds = waveform_probabilities(conditioned)
    assert (seconds.probability[20:40] == 0).all()
    assert np.median(seconds.probability[:18]) > 0.8


@pytest.mark.parametrize(("wave_hz", "rhythm"), [(5, "VFL"), (4.2, "VFL"), (3.6, "VT")])
def test_waves_faster_than_any_tachycardia_are_flutter_however_well_they_repeat(wave_hz: float, rhythm: str) -> None:
    time_s = np.arange(60 * 250) / 250
    phase = 2 * np.pi * wave_hz * time_s
    lead = 1.2 * np.sin(phase) + 0.3 * np.sin(2 * phase + 0.6) + np.random.default_rng(0).normal(0, 0.01, time_s.size)
    signal = lead[:, None].astype(np.float32)
    found = waveform_probabilities(Conditioned(signal, 250.0, ((0, len(signal)),)))
    assert {episode.rhythm for episode in ventricular_episodes(found, 60.0)} == {rhythm}


def wandering_waves(seconds: float, seed: int) -> FloatArray:
    """Waves of 4 to 6 Hz whose height wanders."""
    rng, time_s = np.random.default_rng(seed), np.arange(round(seconds * FS)) / FS
    slow = np.interp(time_s, np.arange(0, seconds + 1, 0.4), rng.normal(0, 1, np.arange(0, seconds + 1, 0.4).size))
    phase = 2 * np.pi * np.cumsum(5 + 0.6 * slow) / FS
    return np.asarray(0.5 * np.sin(phase) * np.exp(0.3 * slow[::-1]))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("every_s", [0.6, 0.9, 1.1])
def test_fibrillation_of_five_seconds_within_sinus_rhythm_is_named(seed: int, every_s: float) -> None:
    signal = beats(every_s)
    signal[round(30 * FS) : round(35 * FS)] = wandering_waves(5, seed)
    found = find_ventricular(context(np.stack([signal, 0.6 * signal], axis=1)))
    assert [episode.rhythm for episode in found] == ["VFL"]
    assert abs(found[0].start_s - 30) <= 2
    assert abs(found[0].stop_s - 35) <= 2


@pytest.mark.parametrize("bpm", [180, 200])
def test_a_tachycardia_of_ten_seconds_at_the_edge_of_flutter_keeps_its_name(bpm: float) -> None:
    signal = beats(0.85)
    time_s = np.arange(round(10 * FS)) / FS
    phase = (time_s * bpm / 60) % 1
    signal[round(30 * FS) : round(40 * FS)] = 1.5 * np.exp(-0.5 * ((phase - 0.4) / 0.14) ** 2) - 0.5
    found = find_ventricular(context(signal[:, None]))
    assert [episode.rhythm for episode in found] == ["VT"]
    assert abs(found[0].start_s - 30) <= 2
    assert abs(found[0].stop_s - 40) <= 2


def test_a_few_waves_that_repeat_are_a_run_of_beats_and_others_are_fibrillation() -> None:
    silent = seconds_with([0.01] * 40, repeats=0.8, wave_hz=3.3)
    brief = np.zeros(40, np.float32)
    brief[20:25] = 0.9
    assert (ventricular_states(replace(silent, brief=brief))[20:25] == TACHYCARDIA).all()
    wild = replace(silent, brief=brief, repeats=np.full(40, 0.4, np.float32))
    assert (ventricular_states(wild)[20:25] == FIBRILLATION).all()
    assert not ventricular_states(wild)[:20].any()
    slow = replace(wild, wave_hz=np.full(40, 1.9, np.float32))
    assert not ventricular_states(slow).any()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("height", [0.3, 0.6, 1.0])
def test_waves_of_five_seconds_through_which_the_qrs_goes_on_are_not_named(seed: int, height: float) -> None:
    rng, signal = np.random.default_rng(seed), beats(0.85, width_s=0.06)
    low = rng.uniform(0.8, 5.0)
    sos = sps.butter(2, (low, low + rng.uniform(3.0, 10.0)), "bandpass", fs=FS, output="sos")
    noise = sps.sosfiltfilt(sos, rng.standard_normal(signal.size))
    span = slice(round(30 * FS), round(35 * FS))
    signal[span] += height * (noise / noise.std())[span]
    found = find_ventricular(replace(context(signal[:, None]), time_s=np.arange(0.4, 59.6, 0.85)))
    assert found == []
