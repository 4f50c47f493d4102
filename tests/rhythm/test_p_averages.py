"""Averages before beats, on lines of gains whose P waves stand at known times under noise as high as they are."""

import numpy as np
import pytest

from pipeline.rhythm.p_averages import AVERAGES, Intervals, average_measures
from pipeline.signal.p_waves import FACTS, PWaves

FS = 250 / 3
PR_S = 0.16


def waves(p_s, seconds, *, noise=0.0, seed=0):
    t = np.arange(round(seconds * FS)) / FS
    line = np.random.default_rng(seed).normal(0, noise, t.size) if noise else np.zeros(t.size)
    for at in p_s:
        line += np.exp(-0.5 * ((t - at) / 0.02) ** 2)
    none = np.zeros(0)
    return PWaves(none, none, none, none.astype(np.int64), np.zeros((0, len(FACTS))), line.astype(np.float32), FS)


def intervals(time_s, odd=(), early=()):
    flags = [np.isin(np.arange(time_s.size), places) for places in (odd, early)]
    return Intervals(time_s, np.diff(time_s, prepend=time_s[0] - 1.0), *flags)


def measured(time_s, p_s, **changes):
    """Return the measures at the beat in the middle, over 14 beats on each side, by name."""
    asked = np.arange(time_s.size) == time_s.size // 2
    (row,) = average_measures(intervals(time_s), waves(p_s, time_s[-1] + 2, **changes), asked)
    return {name.removesuffix(", 14 beats"): value for name, value in zip(AVERAGES, row.tolist(), strict=True)}


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_p_wave_midway_between_beats_shows_on_average_as_one_that_is_not_there_does_not(noise):
    p_s = np.arange(1.0, 80.0, 0.75)
    beats = p_s[::2] + PR_S
    blocked, slow = measured(beats, p_s, noise=noise), measured(beats, p_s[::2], noise=noise)
    assert blocked["other"] > 0.7
    assert blocked["other_away_s"] == pytest.approx(0.75, abs=0.03)
    assert blocked["comb_pp_s"] == pytest.approx(0.75, abs=0.03)
    assert blocked["own_lag_s"] == pytest.approx(PR_S, abs=0.03)
    assert blocked["other_z"] > slow["other_z"] + (2 if noise else 10)


def test_p_waves_at_equal_distances_are_a_comb_whose_least_tooth_is_high():
    p_s = np.arange(1.0, 100.0, 0.6)
    thirds, halves = measured(p_s[::3] + PR_S, p_s), measured(p_s[::3] + PR_S, np.sort([*p_s[::3], *(p_s[::3] + 0.9)]))
    assert (thirds["comb_teeth"], thirds["comb_pp_s"]) == (2, pytest.approx(0.6, abs=0.03))
    assert thirds["comb_least"] > 0.8
    assert thirds["comb_between"] < 0.2
    assert halves["comb_pp_s"] == pytest.approx(0.9, abs=0.04)


def test_intervals_that_grow_shorter_after_pauses_that_are_no_double_ones_are_told_from_dropped_beats():
    late_s, beats = (0.0, 0.12, 0.18, 0.22), []
    for start in np.arange(1.0, 60.0, 5 * 0.7):
        beats += [start + 0.7 * k + late for k, late in enumerate(late_s)]
    wenckebach = measured(np.array(beats), ())
    dropped = measured(np.array([start + 0.7 * k for start in np.arange(1.0, 60.0, 3.5) for k in range(4)]), ())
    assert wenckebach["after_pause"] > 0.08
    assert wenckebach["pause_to_short"] < 0.9
    assert wenckebach["shortening"] < -0.05
    assert dropped["after_pause"] == pytest.approx(0, abs=0.01)
    assert dropped["pause_to_short"] == pytest.approx(1, abs=0.01)
    assert wenckebach["share_grew"] == 1
    assert dropped["share_grew"] == 0


def test_odd_intervals_are_left_out_and_counted():
    time_s = np.arange(1.0, 41.0)
    line = waves(time_s - PR_S, 42.0)
    asked = np.arange(40) == 20
    plain = average_measures(intervals(time_s), line, asked)[0]
    odd = average_measures(intervals(time_s, odd=(18, 22), early=(19,)), line, asked)[0]
    at = {name: k for k, name in enumerate(AVERAGES)}
    assert odd[at["count_long, 14 beats"]] == plain[at["count_long, 14 beats"]] - 2
    assert odd[at["share_odd, 5 beats"]] == pytest.approx(2 / 11)
    assert odd[at["share_early, 5 beats"]] == pytest.approx(1 / 11)
    assert odd[at["own, 14 beats"]] == pytest.approx(plain[at["own, 14 beats"]], abs=0.01)


def test_only_beats_asked_about_are_measured_and_what_is_asked_elsewhere_changes_nothing():
    p_s = np.arange(1.0, 200.0, 0.75)
    beats, line = p_s[::2] + PR_S, waves(p_s, 202.0, noise=0.5)
    few = np.isin(np.arange(beats.size), (3, 90, 120))
    some = average_measures(intervals(beats), line, few)
    every = average_measures(intervals(beats), line, np.ones(beats.size, np.bool_))
    assert some.shape == (3, len(AVERAGES))
    np.testing.assert_allclose(some, every[few], atol=1e-5)
