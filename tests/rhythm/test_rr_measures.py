"""Measures of RR intervals: what ectopic beats do not change, and what a plain loop gives as well."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rhythm.rr_measures import MEASURES, SHORTEST_S, STRIDE, measure_rr, places


def measured(rr_s, symbol=None, beat=None):
    rr_s = np.asarray(rr_s, float)
    symbol = np.full(rr_s.size, "N") if symbol is None else np.asarray(symbol)
    found = measure_rr(rr_s, symbol, beat)
    return found, lambda name: found.values[:, MEASURES.index(name)]


def irregular(n, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 1.1, n)


def test_a_measure_has_one_name():
    assert len(set(MEASURES)) == len(MEASURES)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 40, 1000])
def test_recordings_of_any_length_are_measured(n):
    found, _ = measured(irregular(n))
    assert found.values.shape == (found.beat.size, len(MEASURES))
    assert np.isfinite(found.values).all()


def test_a_strip_is_measured_at_every_beat_and_a_day_at_every_fourth():
    assert places(40).tolist() == list(range(40))
    assert np.unique(np.diff(places(100_000))).tolist() == [STRIDE]


def test_a_recording_of_ectopic_beats_alone_has_no_measures_but_shares():
    found, of = measured(irregular(60), np.full(60, "V"))
    assert np.isfinite(found.values).all()
    assert not found.values[:, [i for i, name in enumerate(MEASURES) if not name.startswith("share")]].any()
    assert (of("share_V_24") == 1).all()


def test_a_regular_rhythm_stays_regular_if_every_fifth_beat_is_ventricular():
    n = 300
    rr_s, symbol = np.full(n, 0.8), np.full(n, "N")
    rr_s[5::5], rr_s[6::5], symbol[5::5] = 0.5, 1.1, "V"
    _, known = measured(rr_s, symbol)
    _, unknown = measured(rr_s)
    assert known("N_change_24").max() == pytest.approx(0, abs=1e-6)
    assert unknown("N_change_24").min() > 0.2
    assert known("share_V_96") == pytest.approx(0.2, abs=0.02)


def test_intervals_at_s_beats_stay_in_one_series_and_leave_the_other():
    n = 300
    rr_s, symbol = np.full(n, 0.8), np.full(n, "N")
    rr_s[5::5], symbol[5::5] = 0.5, "S"
    _, of = measured(rr_s, symbol)
    assert of("N_change_24").max() == pytest.approx(0, abs=1e-6)
    assert of("NS_change_24").min() > 0.1


def test_intervals_that_no_heart_makes_are_left_out():
    rr_s = np.full(200, 0.8)
    rr_s[[50, 100]] = SHORTEST_S / 2, 40.0
    _, of = measured(rr_s)
    assert of("N_spread_96").max() == pytest.approx(0, abs=1e-4)


def test_an_unknown_interval_is_left_out():
    rr_s = np.full(200, 0.8)
    rr_s[[0, 70]] = np.nan
    _, of = measured(rr_s)
    assert of("N_count_1024").tolist() == [198] * of("N_count_1024").size
    assert of("N_spread_96").max() == pytest.approx(0, abs=1e-4)


def test_a_window_is_measured_as_a_plain_loop_measures_it():
    rr_s, at = irregular(400), 200
    _, of = measured(rr_s, beat=np.array([at]))
    window = slice(at + 1 - 12, at + 1 + 12)  # half of 24 intervals end before the beat after it
    change = [min(abs(np.log(rr_s[k] / rr_s[k - 1])), 0.7) for k in range(window.start, window.stop)]
    assert of("N_change_24")[0] == pytest.approx(np.mean(change), rel=1e-5)
    assert of("N_change_10_24")[0] == pytest.approx(np.mean(np.array(change) > 0.1), rel=1e-5)
    assert of("N_spread_24")[0] == pytest.approx(np.std(np.log(rr_s[window])), rel=1e-4)
    assert of("N_rate_24")[0] == pytest.approx(np.mean(np.log(rr_s[window])), rel=1e-4)


def test_a_pattern_is_told_from_disorder():
    pattern = np.tile([0.6, 1.0, 0.8], 100)
    disorder = np.random.default_rng(0).permutation(pattern)
    _, of_pattern = measured(pattern)
    _, of_disorder = measured(disorder)
    assert of_pattern("N_change_48").min() > 0.2
    assert of_pattern("N_lag_3_48").max() == pytest.approx(0, abs=1e-6)
    assert of_disorder("N_lag_3_48").min() > 0.1


def test_what_lies_beyond_the_longest_window_does_not_matter():
    rr_s = irregular(4000)
    other = rr_s.copy()
    other[3000:] = 0.8
    beat = np.arange(0, 2400, 7)
    assert np.allclose(measured(rr_s, beat=beat)[0].values, measured(other, beat=beat)[0].values, atol=1e-5)
