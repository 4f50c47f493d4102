"""Atrial fibrillation in made beats: a day and a strip, with ectopic beats, without classes, without a signal."""

from __future__ import annotations

import time

import numpy as np
import pytest

from pipeline.rhythm.atrial import BEATS_MIN, find_atrial
from pipeline.rhythm.context import RhythmContext
from pipeline.signal.conditioning import Conditioned


def context(rr_s, symbol=None, conditioned=None):
    time_s = np.cumsum(rr_s)
    n = time_s.size
    symbol = np.full(n, "N") if symbol is None else np.asarray(symbol)
    return RhythmContext(
        duration_s=float(time_s[-1]) + 0.5 if n else 30.0,
        time_s=time_s,
        symbol=symbol,
        trusted=np.ones(n, np.bool_),
        confidence=np.ones(n, np.float32),
        break_before=np.arange(n) == 0,
        conditioned=conditioned,
    )


def signal(rr_s, *, wave_hz=0.0, wave_until_s=1e9, p_mv=0.0, fs=250.0, seed=0):
    """QRS complexes in noise, with a sawtooth or with P waves."""
    time_s = np.cumsum(rr_s)
    t = np.arange(round((time_s[-1] + 0.5) * fs)) / fs
    lead = np.random.default_rng(seed).normal(0, 0.02, t.size)
    lead += 0.15 * ((t * wave_hz) % 1 - 0.5) * (t < wave_until_s) * (wave_hz > 0)
    for at in time_s:
        lead += np.exp(-(((t - at) / 0.012) ** 2)) + p_mv * np.exp(-(((t - at + 0.16) / 0.025) ** 2))
    return Conditioned(lead[:, None].astype(np.float32), fs, ((0, t.size),))


def test_a_sawtooth_under_irregular_beats_is_flutter():
    rr_s = fibrillation(150)
    strip = context(rr_s, conditioned=signal(rr_s, wave_hz=5.0))
    assert named(find_atrial(strip)) == [("AFL", 0.0, strip.duration_s)]
    assert "sawtooth" in find_atrial(strip)[0].evidence


def test_without_a_sawtooth_they_are_fibrillation():
    rr_s = fibrillation(150)
    strip = context(rr_s, conditioned=signal(rr_s))
    assert named(find_atrial(strip)) == [("AFIB", 0.0, strip.duration_s)]
    assert "no constant wave before the QRS" in find_atrial(strip)[0].evidence


def test_a_p_wave_before_each_beat_is_no_fibrillation_however_irregular_the_intervals():
    rr_s = np.clip(np.random.default_rng(5).normal(0.95, 0.12, 150), 0.65, 1.4)
    assert find_atrial(context(rr_s)) != []
    assert find_atrial(context(rr_s, conditioned=signal(rr_s, p_mv=0.15))) == []


def test_flutter_that_ends_in_fibrillation_is_divided():
    rr_s = fibrillation(300)
    strip = context(rr_s, conditioned=signal(rr_s, wave_hz=5.0, wave_until_s=100.0))
    first, second = find_atrial(strip)
    assert (first.rhythm, second.rhythm) == ("AFL", "AFIB")
    assert first.stop_s == second.start_s == pytest.approx(100, abs=8)


def sinus(n, seed=0):
    """Respiratory arrhythmia and a slow drift."""
    k = np.arange(n)
    noise = np.random.default_rng(seed).normal(0, 0.01, n)
    return 0.85 + 0.04 * np.sin(k * 1.6) + 0.05 * np.sin(k / 90) + noise


def fibrillation(n, seed=0):
    return np.clip(np.random.default_rng(seed).gamma(14, 0.05, n), 0.35, 1.6)


def named(episodes):
    return [(episode.rhythm, episode.start_s, episode.stop_s) for episode in episodes]


@pytest.mark.parametrize("n", [0, 1, BEATS_MIN - 1])
def test_a_few_beats_have_no_rhythm(n):
    assert find_atrial(context(fibrillation(n))) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_strip_of_fibrillation_is_named_whole(seed):
    strip = context(fibrillation(45, seed))
    assert named(find_atrial(strip)) == [("AFIB", 0.0, strip.duration_s)]


@pytest.mark.parametrize("n", [35, 500, 5000])
@pytest.mark.parametrize("seed", range(3))
def test_sinus_rhythm_is_not_named(n, seed):
    assert find_atrial(context(sinus(n, seed))) == []


def test_an_episode_begins_and_ends_where_the_intervals_change():
    rr_s = np.concatenate([sinus(600), fibrillation(400), sinus(600, 1)])
    (episode,) = find_atrial(context(rr_s))
    start_s, stop_s = np.cumsum(rr_s)[[600, 1000]]
    assert episode.start_s == pytest.approx(start_s, abs=15)
    assert episode.stop_s == pytest.approx(stop_s, abs=15)
    assert episode.confidence > 0.9
    assert "P waves were not looked at" in episode.evidence


def test_frequent_ectopic_beats_are_no_fibrillation():
    rng = np.random.default_rng(2)
    rr_s, symbol = sinus(1200), np.full(1200, "N")
    early = np.flatnonzero(rng.random(1200) < 0.15)
    early = early[(np.diff(early, prepend=-9) > 1) & (early < 1199)]
    rr_s[early + 1] += 0.35 * rr_s[early]
    rr_s[early] *= rng.uniform(0.55, 0.75, early.size)
    symbol[early] = rng.choice(["V", "S"], early.size)
    assert find_atrial(context(rr_s, symbol)) == []


def test_some_beats_called_s_do_not_hide_fibrillation():
    rr_s = fibrillation(600)
    symbol = np.where(rr_s < 0.5, "S", "N")
    assert np.mean(symbol == "S") > 0.1
    episodes = find_atrial(context(rr_s, symbol))
    assert sum(episode.seconds for episode in episodes) > 0.95 * np.sum(rr_s)


def test_a_day_takes_little_time():
    rr_s = np.concatenate([sinus(50_000), fibrillation(50_000)])
    find_atrial(context(rr_s[:100]))
    started = time.process_time()
    find_atrial(context(rr_s))
    assert time.process_time() - started < 6  # 1.2 s on a quiet core
