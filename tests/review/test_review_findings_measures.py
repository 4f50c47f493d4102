"""Variability against a second implementation and known values; counts, burden, rates and series."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import REVIEW
from pipeline.review.hrv import variability
from pipeline.review.summary import LETTERS, HeartRate, Moment, enclosed, poincare, range_words, summarise, tachogram
from pipeline.review.triage import triage
from tests.helpers.review_beats import written

MEASURES = ("mean_nn", "sdnn", "sdann", "sdnn_index", "rmssd", "pnn50", "triangular_index", "sd1", "sd2")


def naive(beats):
    """The Task Force's measures, one beat after another, with nothing but the standard library."""
    normal, differences, sums, by_segment = [], [], [], {}
    before = None
    for i in range(1, len(beats)):
        is_nn = beats.aami[i] == "N" and beats.aami[i - 1] == "N" and not beats.break_before[i]
        nn = (int(beats.sample[i]) - int(beats.sample[i - 1])) / beats.fs * 1000 if is_nn else None
        if nn is not None:
            normal.append(nn)
            by_segment.setdefault(int(int(beats.sample[i]) / beats.fs // 300), []).append(nn)
            if before is not None:
                differences.append(nn - before)
                sums.append(nn + before)
        before = nn
    segments = [part for part in by_segment.values() if sum(part) >= 150_000]
    histogram = {}
    for nn in normal:
        column = math.floor(nn * 128 / 1000 + 1e-6)
        histogram[column] = histogram.get(column, 0) + 1
    return {
        "mean_nn": statistics.fmean(normal),
        "sdnn": statistics.stdev(normal),
        "sdann": statistics.stdev([statistics.fmean(part) for part in segments]),
        "sdnn_index": statistics.fmean([statistics.stdev(part) for part in segments]),
        "rmssd": math.sqrt(statistics.fmean([d * d for d in differences])),
        "pnn50": 100 * sum(abs(d) > 50 + 1e-6 for d in differences) / len(normal),
        "triangular_index": len(normal) / max(histogram.values()),
        "sd1": statistics.stdev(differences) / math.sqrt(2),
        "sd2": statistics.stdev(sums) / math.sqrt(2),
    }


def random_beats(seed, n=3000):
    rng = np.random.default_rng(seed)
    classes = "".join(rng.choice(list("NNNNNNNNNNNNNNNVSXU"), n))
    rr_s = np.clip(0.85 + 0.1 * np.sin(np.arange(n) / 300) + rng.normal(0, 0.05, n), 0.35, 1.8)
    return written(classes, rr_s, breaks=np.flatnonzero(rng.random(n) < 0.01).tolist())


@pytest.mark.parametrize("seed", range(5))
def test_all_measures_are_those_of_a_second_implementation(seed):
    beats = random_beats(seed)
    found = variability(beats)
    expected = naive(beats)
    assert {name: getattr(found, name).value for name in MEASURES} == pytest.approx(expected, rel=1e-9)


def test_known_values_of_an_alternating_rhythm():
    found = variability(written("N" * 2001, [0.8, 0.9] * 1000 + [0.8]))
    assert found.mean_nn.value == pytest.approx(850)
    assert found.sdnn.value == pytest.approx(50, rel=1e-3)
    assert found.rmssd.value == pytest.approx(100)
    assert found.pnn50.value == pytest.approx(100 * 1999 / 2000)
    assert found.triangular_index.value == pytest.approx(2)
    assert found.sd1.value == pytest.approx(100 / math.sqrt(2), rel=1e-3)
    assert found.sd2.value == pytest.approx(0, abs=1e-9)


def test_known_values_of_a_rhythm_that_slows_down_every_five_minutes():
    rr_s = np.repeat([0.75, 1.0, 1.25], [400, 300, 240])
    found = variability(written("N" * rr_s.size, rr_s, start_s=0.0))
    assert found.sdann.value == pytest.approx(250, rel=0.01)
    assert found.sdnn_index.value == pytest.approx(0, abs=15)  # one interval at each seam


def test_differences_of_exactly_fifty_milliseconds_are_not_above_fifty():
    assert variability(written("N" * 400, [0.75, 0.8] * 200)).pnn50.value == 0


def test_ectopic_beats_leave_the_normal_intervals_as_they_were():
    rr_s = np.full(800, 0.8)
    classes = list("N" * 800)
    for at in range(5, 800, 10):
        classes[at], rr_s[at], rr_s[at + 1] = "V", 0.5, 1.1
    found = variability(written("".join(classes), rr_s))
    assert found.sdnn.value == pytest.approx(0, abs=1e-9)
    assert found.rmssd.value == pytest.approx(0, abs=1e-9)
    assert found.n_intervals == 799 - 160


@pytest.mark.parametrize("classes", ["", "N", "NN", "NNN", "X" * 500, "V" * 500, "NV" * 300])
def test_too_little_data_is_said_and_never_nan(classes):
    found = variability(written(classes))
    for name in MEASURES:
        measure = getattr(found, name)
        assert measure.value is None
        assert "needed" in measure.reason


def test_short_recordings_have_some_measures_only():
    found = variability(written("N" * 101, 0.8))
    assert found.rmssd.value is not None
    assert found.sdnn.value is None
    assert found.sdnn.reason == "80 s of normal intervals, 240 s are needed"
    assert found.sdann.reason == "0 stretches of 5 min have enough of them, 2 are needed"
    lonely = variability(written("NNV" * 200, 0.8))
    assert lonely.rmssd.reason == "0 pairs of adjacent normal intervals, 2 are needed"


@given(st.text("NNNNVSXU", min_size=0, max_size=400), st.integers(0, 10_000))
def test_no_measure_is_ever_nan_and_none_depends_on_the_start(classes, shift):
    beats = written(classes, 0.8, start_s=0)
    found = variability(beats)
    later = variability(replace(beats, sample=beats.sample + shift))
    for name in set(MEASURES) - {"sdann", "sdnn_index"}:
        value = getattr(found, name).value
        assert value is None or math.isfinite(value)
        assert getattr(later, name).value == value


@given(st.text("NSVFQUX", max_size=300))
def test_counts_add_up_to_all_beats_and_the_burden_to_all_classified_ones(classes):
    found = summarise(written(classes))
    assert sum(found.counts.values()) == len(classes)
    assert set(found.counts) == set(LETTERS)
    if set(classes) & set("NSVFQ"):
        assert sum(found.burden.values()) == pytest.approx(100)
    else:
        assert found.burden is None


def test_unclassified_and_rejected_beats_are_no_part_of_the_burden():
    found = summarise(written("NNNVUUXXXX"))
    assert found.burden["V"] == pytest.approx(25)
    assert found.counts == {"N": 3, "S": 0, "V": 1, "F": 0, "Q": 0, "U": 2, "X": 4}


def test_beats_that_a_human_decided_about_are_counted():
    assert summarise(written("NNVNN", decided=[1, 2])).reviewed == 2


def test_lowest_and_highest_rate_come_with_their_times():
    rr_s = np.concatenate([np.full(50, 0.8), np.full(20, 0.5), np.full(30, 1.2), np.full(20, 0.8)])
    beats = written("N" * 120, rr_s)
    rate = summarise(beats).rate
    assert rate.highest.value == pytest.approx(120)
    assert beats.time_s[54] <= rate.highest.time_s <= beats.time_s[69]
    assert rate.lowest.value == pytest.approx(50)
    assert beats.time_s[74] <= rate.lowest.time_s <= beats.time_s[99]
    assert rate.mean == pytest.approx(60 * 119 / rr_s[1:].sum(), rel=1e-4)


def test_a_single_early_beat_or_pause_is_no_rate():
    rr_s = np.full(60, 0.75)
    rr_s[20], rr_s[21], rr_s[40] = 0.3, 1.2, 2.9
    rate = summarise(written("N" * 60, rr_s)).rate
    assert rate.highest.value == pytest.approx(80)
    assert rate.lowest.value == pytest.approx(80)


def test_the_longest_interval_is_found_with_its_time_and_not_across_a_gap():
    rr_s = np.full(60, 0.8)
    rr_s[20], rr_s[40] = 2.5, 9.0
    beats = written("N" * 60, rr_s, breaks=[40])
    longest = summarise(beats).longest_rr
    assert longest.value == pytest.approx(2.5, rel=1e-3)
    assert longest.time_s == pytest.approx(beats.time_s[20])


def test_the_longest_interval_and_the_pause_that_it_is_are_the_same_number():
    rr_s = np.full(60, 0.8)
    rr_s[40] = 5.875
    offset = np.zeros(60, np.float32)
    offset[39:41] = 0.4, -0.4  # peaks between two samples each
    beats = replace(written("N" * 60, rr_s, fs=360), offset=offset)
    pause = next(finding for finding in triage(beats) if finding.kind == "long_pause")
    assert pause.detail == f"{summarise(beats).longest_rr.value:.2f} s"


@pytest.mark.parametrize("classes", ["", "N", "X", "XXXX"])
def test_recordings_without_an_interval_have_no_rates_and_no_series(classes):
    beats = written(classes)
    found = summarise(beats)
    assert (found.rate.mean, found.rate.lowest, found.rate.highest, found.longest_rr) == (None,) * 4
    assert tachogram(beats).x.size == poincare(beats).x.size == 0


def test_two_beats_have_a_mean_rate_only():
    rate = summarise(written("NN", 0.75)).rate
    assert rate.mean == pytest.approx(80)
    assert rate.lowest is rate.highest is None


def test_a_thinned_tachogram_keeps_every_extreme():
    rng = np.random.default_rng(0)
    rr_s = rng.uniform(0.7, 0.9, 50_000)
    rr_s[[1234, 33_333]] = [0.31, 2.9]
    beats = written("N" * 50_000, rr_s)
    found = tachogram(beats)
    assert 3000 < found.x.size <= REVIEW.points_max + 2
    assert {1234, 33_333} <= set(found.position.tolist())
    np.testing.assert_allclose(found.x, beats.time_s[found.position])
    assert (np.diff(found.position) > 0).all()


def test_a_poincare_plot_pairs_adjacent_normal_intervals():
    beats = written("NNNNVNNN", [0.8, 0.7, 0.8, 0.9, 0.5, 1.2, 1.0, 1.1])
    found = poincare(beats)
    assert found.x.tolist() == pytest.approx([0.7, 0.8, 1.0], abs=0.002)
    assert found.y.tolist() == pytest.approx([0.8, 0.9, 1.1], abs=0.002)
    assert found.position.tolist() == [2, 3, 7]


def test_an_outline_takes_the_beats_inside_it_and_those_that_a_thinned_chart_leaves_out():
    rr_s = np.full(9000, 0.8)
    rr_s[100:8900:10] = 0.5
    beats = written("N" * 9000, rr_s)
    whole = tachogram(beats, config=replace(REVIEW, points_max=10**9))
    middle = float(beats.time_s[4500])
    found = enclosed(whole, [0, middle, middle, 0], [0.3, 0.3, 0.6, 0.6])
    np.testing.assert_array_equal(found, np.arange(100, 4500, 10))
    assert enclosed(whole, [], []).size == enclosed(whole, [3.0], [0.8]).size == 0


def test_an_outline_that_is_hollow_takes_nothing_from_its_hollow():
    beats = written("NNN", [0.8, 0.4, 0.8])
    assert enclosed(tachogram(beats), [0, 9, 9, 1, 1, 9, 9, 0], [0, 0, 0.3, 0.3, 0.6, 0.6, 2, 2]).tolist() == [2]


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(0.001, 0.2))
def test_a_thinned_poincare_plot_keeps_points_that_lie_alone(seed, spread):
    rng = np.random.default_rng(seed)
    rr_s = np.clip(rng.normal(0.8, spread, 20_000), 0.4, 1.3)
    rr_s[5000] = 2.4
    found = poincare(written("N" * 20_000, rr_s))
    assert 100 < found.x.size <= REVIEW.points_max
    assert {5000, 5001} <= set(found.position.tolist())


def test_a_missed_beat_does_not_decide_on_the_variability():
    rr_s = 0.8 + 0.01 * np.sin(np.arange(200))
    whole = variability(written("N" * 200, rr_s))
    missed = variability(written("N" * 199, np.delete(rr_s, 100) + np.eye(1, 199, 100)[0] * rr_s[100]))
    assert whole.rmssd.value == pytest.approx(missed.rmssd.value, rel=0.05)
    assert missed.n_intervals == whole.n_intervals - 2


def test_a_range_that_leaves_the_mean_out_says_what_it_is_of():
    assert range_words(HeartRate(60.0, Moment(48.2, 1.0), Moment(101.7, 2.0))) == "48 to 102/min"
    assert range_words(HeartRate(61.0, Moment(62.0, 1.0), Moment(62.3, 2.0))) == "62/min over any 8 beats in a row"
    assert (
        range_words(HeartRate(59.0, Moment(62.0, 1.0), Moment(70.0, 2.0))) == "62 to 70/min over any 8 beats in a row"
    )
    assert range_words(HeartRate(60.0, None, None)) == "too few beats for a range"
