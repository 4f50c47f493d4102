"""Flutter with regular beats, in made signals: waves at a multiple of the rate, against P and T waves at the rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.regular_flutter import find_regular_flutter
from pipeline.signal.conditioning import Conditioned

FS = 250.0


def made(rr_s, *, waves=0, wave_mv=0.12, p_and_t=False, leads=1, waves_until_s=1e9):
    """QRS complexes in noise: with so many sawtooth waves to each beat, or with P and T waves."""
    time_s = np.cumsum(rr_s)
    t = np.arange(round((time_s[-1] + 0.4) * FS)) / FS
    signal = np.random.default_rng(1).normal(0, 0.015, (t.size, leads))
    beat = np.interp(t, time_s, np.arange(time_s.size))  # the atria go through `waves` cycles from beat to beat
    if waves:
        saw = np.sin(2 * np.pi * waves * beat) + 0.3 * np.sin(4 * np.pi * waves * beat + 0.8)
        signal += (wave_mv * saw * (t < waves_until_s))[:, None]
    for at in time_s:
        shape = np.exp(-(((t - at) / 0.012) ** 2))
        if p_and_t:
            shape += 0.12 * np.exp(-(((t - at + 0.14) / 0.022) ** 2)) + 0.25 * np.exp(-(((t - at - 0.2) / 0.05) ** 2))
        signal += shape[:, None]
    n = time_s.size
    return RhythmContext(
        duration_s=t.size / FS,
        time_s=time_s,
        symbol=np.full(n, "N"),
        trusted=np.ones(n, np.bool_),
        confidence=np.ones(n, np.float32),
        break_before=np.arange(n) == 0,
        conditioned=Conditioned(signal.astype(np.float32), FS, ((0, t.size),)),
    )


def regular(bpm, seconds, seed=0):
    n = round(seconds * bpm / 60)
    return 60 / bpm + np.random.default_rng(seed).normal(0, 0.004, n)


@pytest.mark.parametrize(("bpm", "waves"), [(150, 2), (130, 2), (95, 3), (72, 4)])
@pytest.mark.parametrize("leads", [1, 2])
def test_waves_at_a_multiple_of_the_rate_are_flutter(bpm, waves, leads):
    strip = made(regular(bpm, 30), waves=waves, leads=leads)
    (episode,) = find_regular_flutter(strip)
    assert (episode.rhythm, episode.detail) == ("AFL", f"{waves}:1")
    assert (episode.start_s, episode.stop_s) == (0.0, strip.duration_s)
    assert f"{waves} waves to each beat at {bpm}/min" in episode.evidence


def test_ten_seconds_are_enough():
    assert [one.rhythm for one in find_regular_flutter(made(regular(145, 10), waves=2))] == ["AFL"]


@pytest.mark.parametrize("bpm", [60, 72, 90, 105, 120, 140, 150, 170])
def test_p_and_t_waves_are_none_at_any_rate(bpm):
    assert find_regular_flutter(made(regular(bpm, 60), p_and_t=True)) == []


def test_without_waves_between_them_fast_beats_are_none():
    assert find_regular_flutter(made(regular(150, 60))) == []


def test_a_wave_in_one_of_two_leads_is_none():
    strip = made(regular(150, 30), waves=2, leads=2)
    signal = strip.conditioned.signal.copy()
    signal[:, 1] = made(regular(150, 30), p_and_t=True).conditioned.signal[:, 0]
    assert find_regular_flutter(replace(strip, conditioned=replace(strip.conditioned, signal=signal))) == []


def test_ventricular_beats_and_irregular_ones_are_not_asked():
    strip = made(regular(150, 30), waves=2)
    assert find_regular_flutter(replace(strip, symbol=np.full(len(strip), "V"))) == []
    irregular = np.clip(np.random.default_rng(3).gamma(14, 0.03, 70), 0.3, 0.8)
    assert find_regular_flutter(made(irregular, waves=2)) == []


def test_an_episode_ends_where_the_waves_do():
    strip = made(regular(140, 240), waves=2, waves_until_s=100.0)
    (episode,) = find_regular_flutter(strip)
    assert episode.start_s == 0.0
    assert episode.stop_s == pytest.approx(100, abs=6)


def test_without_a_signal_or_with_few_beats_nothing_is_found():
    strip = made(regular(150, 30), waves=2)
    assert find_regular_flutter(replace(strip, conditioned=None)) == []
    assert find_regular_flutter(made(regular(150, 1.5), waves=2)) == []


def test_waves_of_which_changing_numbers_are_conducted_are_flutter():
    waves = np.random.default_rng(3).choice([2, 3, 4], 60)
    strip = made(waves / 4.7)
    t = np.arange(len(strip.conditioned.signal)) / FS
    saw = np.sin(2 * np.pi * 4.7 * t) + 0.3 * np.sin(4 * np.pi * 4.7 * t + 0.8)
    signal = strip.conditioned.signal + 0.12 * saw[:, None].astype(np.float32)
    (episode,) = find_regular_flutter(replace(strip, conditioned=replace(strip.conditioned, signal=signal)))
    assert episode.rhythm == "AFL"
    assert "waves at 282/min, of which changing numbers are conducted" in episode.evidence
    assert episode.seconds > 0.9 * strip.duration_s


def test_irregular_beats_with_p_waves_and_coarse_fibrillation_are_no_flutter():
    rr_s = np.random.default_rng(4).uniform(0.5, 1.0, 60)
    assert find_regular_flutter(made(rr_s, p_and_t=True)) == []
    strip = made(rr_s)
    n = len(strip.conditioned.signal)
    rng = np.random.default_rng(5)
    phase = 2 * np.pi * np.cumsum(5.5 + 1.2 * np.sin(2 * np.pi * 0.4 * np.arange(n) / FS) + rng.normal(0, 3, n)) / FS
    waves = 0.1 * (1 + 0.5 * np.sin(np.arange(n) / 90)) * np.sin(phase)
    signal = strip.conditioned.signal + waves[:, None].astype(np.float32)
    assert find_regular_flutter(replace(strip, conditioned=replace(strip.conditioned, signal=signal))) == []
