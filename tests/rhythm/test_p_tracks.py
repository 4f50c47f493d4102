"""Courses of P waves, on lines of gains whose P waves stand at known times under noise twice as high as they are."""

import numpy as np
import pytest

from pipeline.rhythm.p_tracks import TRACKS, track_measures
from pipeline.signal.p_waves import FACTS, PWaves

FS = 250 / 3
SECONDS = 90.0


def waves(p_s, *, noise=0.0, seed=0):
    t = np.arange(round(SECONDS * FS)) / FS
    line = np.random.default_rng(seed).normal(0, noise, t.size) if noise else np.zeros(t.size)
    for at in p_s:
        line += np.exp(-0.5 * ((t - at) / 0.03) ** 2)
    none = np.zeros(0)
    return PWaves(none, none, none, none.astype(np.int64), np.zeros((0, len(FACTS))), line.astype(np.float32), FS)


def paced(interval_s, seed=1):
    """Return times at an interval that varies a little."""
    steps = interval_s * np.random.default_rng(seed).lognormal(0, 0.012, round(SECONDS / interval_s) - 1)
    return np.cumsum(steps)


def measured(beats, line):
    """Return the measures at the beat in the middle by name."""
    asked = np.arange(beats.size) == beats.size // 2
    (row,) = track_measures(beats, np.diff(beats, prepend=beats[0] - 1.0), line, asked)
    return dict(zip(TRACKS, row.tolist(), strict=True))


@pytest.mark.parametrize("noise", [0.0, 1.0, 2.0])
def test_the_pace_of_p_waves_is_found_though_the_beats_have_another(noise):
    found = measured(paced(1.55, seed=2), waves(paced(0.7), noise=noise))
    assert found["course_pp_s"] == pytest.approx(0.7, abs=0.03)
    assert found["course_rr_to_pp"] == pytest.approx(1.55 / 0.7, abs=0.2)
    assert found["course_lag_spread"] > 0.7


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_p_waves_that_belong_to_beats_stand_at_a_constant_distance(noise):
    p_s = paced(0.7)
    found = measured(p_s[::2] + 0.16, waves(p_s, noise=noise))
    assert found["course_pp_s"] == pytest.approx(0.7, abs=0.03)
    assert found["course_lag_s"] == pytest.approx(0.16, abs=0.05)
    assert found["course_lag_spread"] < 0.2
    assert found["course_lag_change"] < 0.1


def test_a_course_stands_out_from_noise_only_where_there_are_p_waves():
    beats = paced(1.55, seed=2)
    with_p = [measured(beats, waves(paced(0.7), noise=1.0, seed=k))["course_clear"] for k in range(5)]
    without = [measured(beats, waves((), noise=1.0, seed=k))["course_clear"] for k in range(5)]
    assert min(with_p) > max(without)


def test_what_cannot_be_seen_speaks_neither_for_a_course_nor_against_it():
    p_s, beats = paced(0.7), paced(1.55, seed=2)
    line = waves(p_s)
    hidden = line.line.copy()
    hidden[(np.arange(hidden.size) / FS % 1.55) < 0.3] = np.nan
    found = measured(beats, PWaves(*(getattr(line, name) for name in _CANDIDATES), hidden, FS))
    assert found["course_pp_s"] == pytest.approx(0.7, abs=0.03)
    nothing = measured(beats, PWaves(*(getattr(line, name) for name in _CANDIDATES), np.full_like(hidden, np.nan), FS))
    assert nothing["course"] == 0


def test_nothing_is_measured_where_nothing_is_asked_and_without_a_line():
    line, beats = waves(()), paced(1.0)
    assert track_measures(beats, np.ones(beats.size), line, np.zeros(beats.size, bool)).shape == (0, len(TRACKS))
    empty = PWaves(*(getattr(line, name) for name in _CANDIDATES), np.zeros(0, np.float32), FS)
    assert np.all(track_measures(beats, np.ones(beats.size), empty, np.arange(beats.size) == 3) == -1)


_CANDIDATES = ("time_s", "likeness", "gain", "before", "facts")
