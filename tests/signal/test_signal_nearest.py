"""The nearest beat: the same answer as looking at every beat, the border inside, the earlier one of two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.signal.nearest import NO_BEAT, mutually_nearest, nearest, paired

SAMPLES = st.lists(st.integers(0, 400), max_size=30, unique=True).map(lambda found: np.array(sorted(found), np.int64))


def _by_looking_at_all(there, wanted, within):
    if not len(there):
        return NO_BEAT
    at = int(np.abs(there - wanted).argmin())  # the first of equals, which is the earlier beat
    return at if abs(int(there[at]) - wanted) <= within else NO_BEAT


@given(SAMPLES, st.lists(st.integers(-50, 450), max_size=20), st.integers(0, 60))
def test_it_answers_as_a_search_of_all_beats_does(there, wanted, within):
    found = nearest(there, np.array(wanted, np.int64), within=within)
    assert found.tolist() == [_by_looking_at_all(there, each, within) for each in wanted]


@pytest.mark.parametrize(
    ("wanted", "at"), [(-5, 0), (100, 0), (149, 0), (150, 0), (151, 1), (200, 1), (249, 1), (251, 2), (900, 2)]
)
def test_of_two_beats_at_the_same_distance_the_earlier_is_taken(wanted, at):
    assert nearest(np.array([100, 200, 300]), wanted) == at


def test_the_border_of_the_tolerance_is_inside():
    there = np.array([1000])
    assert nearest(there, [946, 1054], within=54).tolist() == [0, 0]
    assert nearest(there, [945, 1055], within=54).tolist() == [NO_BEAT, NO_BEAT]
    assert nearest(there, 1054, within=53.99) == NO_BEAT


def test_without_beats_nothing_is_near():
    none = np.zeros(0, np.int64)
    assert nearest(none, [1, 2]).tolist() == [NO_BEAT, NO_BEAT]
    assert nearest(none, 7) == NO_BEAT
    assert nearest(np.array([3]), none).size == 0


def test_times_in_seconds_are_found_like_samples():
    assert nearest(np.array([0.5, 1.3, 2.1]), 1.0) == 1


@given(SAMPLES, SAMPLES, st.integers(0, 60))
def test_a_mutually_nearest_beat_is_the_nearest_from_both_sides(first, second, within):
    distance = np.abs(first[:, None] - second[None, :])
    expected = []
    for i in range(first.size):
        j = _by_looking_at_all(second, int(first[i]), within)
        expected.append(
            j != NO_BEAT and distance[i, j] == min(distance[k, j] for k in _whose_nearest_is(first, second, j))
        )
    assert mutually_nearest(first, second, within=within).tolist() == expected


def _whose_nearest_is(first, second, j):
    return [k for k in range(first.size) if _by_looking_at_all(second, int(first[k]), np.inf) == j]


@given(SAMPLES, SAMPLES, st.integers(0, 60))
def test_pairs_are_one_to_one_and_within_the_tolerance(first, second, within):
    found = paired(first, second, within=within)
    assert len(set(found.values())) == len(found)
    assert all(abs(int(first[a]) - int(second[b])) <= within for a, b in found.items())
    left_a = [a for a in range(first.size) if a not in found]
    left_b = [b for b in range(second.size) if b not in found.values()]
    assert all(abs(int(first[a]) - int(second[b])) > within for a in left_a for b in left_b)


def test_the_nearest_pair_goes_first():
    assert paired(np.array([100, 140]), np.array([130]), within=54) == {1: 0}
    assert paired(np.array([100, 140]), np.array([120]), within=54) == {0: 0}  # equally near: the earlier
