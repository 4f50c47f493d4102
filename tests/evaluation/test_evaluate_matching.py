"""Matching by EC57: golden cases by hand, properties, and wfdb's implementation beside ours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from wfdb.processing import compare_annotations

from pipeline.evaluation.matching import match_beats

# At 1000 Hz the window of 150 ms is 150 samples.
GOLDEN = {
    "identical beats": ([100, 900], [100, 900], [(0, 0), (1, 1)]),
    "the window's border belongs to it": ([1000], [1150], [(0, 0)]),
    "one sample beyond the window": ([1000], [1151], [(0, -1), (-1, 0)]),
    "one sample before the window": ([1000], [849], [(-1, 0), (0, -1)]),
    "nothing detected": ([100, 900], [], [(0, -1), (1, -1)]),
    "nothing to detect": ([], [100, 900], [(-1, 0), (-1, 1)]),
    "the nearer of two detections before the beat": ([1000], [900, 990], [(-1, 0), (0, 1)]),
    "the nearer of two detections around the beat": ([1000], [990, 1100], [(0, 0), (-1, 1)]),
    "a detection between two beats goes to the nearer": ([1000, 1200], [1120], [(0, -1), (1, 0)]),
    "a detection midway goes to the later beat, as in bxb": ([1000, 1200], [1100], [(0, -1), (1, 0)]),
    "a beat midway goes to the later detection, as in bxb": ([1100], [1000, 1200], [(-1, 0), (0, 1)]),
    "a T wave counted as a beat": ([1000, 2000], [1000, 1300, 2000], [(0, 0), (-1, 1), (1, 2)]),
    "a constant offset below the window": ([1000, 1800, 2600], [1040, 1840, 2640], [(0, 0), (1, 1), (2, 2)]),
    "two beats at one sample": ([1000, 1000], [1000], [(0, -1), (1, 0)]),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_a_case_worked_out_by_hand_from_the_four_rules_of_bxb(case):
    reference, detected, pairs = GOLDEN[case]
    found = match_beats(np.array(reference, int), np.array(detected, int), fs=1000.0, window_ms=150.0)
    assert list(zip(found.reference.tolist(), found.detected.tolist(), strict=True)) == pairs


def test_the_window_is_54_samples_at_360_hz():
    at = np.array([1000])
    assert match_beats(at, at + 54, fs=360.0, window_ms=150.0).matched == 1
    assert match_beats(at, at + 55, fs=360.0, window_ms=150.0).matched == 0


def test_beats_out_of_order_are_refused():
    with pytest.raises(ValueError, match="The detected beats must be in time order"):
        match_beats(np.array([1, 2]), np.array([2, 1]), fs=360.0, window_ms=150.0)


beat_lists = st.lists(st.integers(0, 3000), max_size=30).map(lambda values: np.array(sorted(values), np.int64))


@settings(deadline=None)  # a busy machine is no error
@given(beat_lists, beat_lists)
def test_every_beat_occurs_once_and_no_pair_is_wider_than_the_window(reference, detected):
    found = match_beats(reference, detected, fs=1000.0, window_ms=150.0)
    assert sorted(found.reference[found.reference >= 0].tolist()) == list(range(reference.size))
    assert sorted(found.detected[found.detected >= 0].tolist()) == list(range(detected.size))
    paired = (found.reference >= 0) & (found.detected >= 0)
    assert np.all(np.abs(reference[found.reference[paired]] - detected[found.detected[paired]]) <= 150)


@settings(deadline=None)  # a busy machine is no error
@given(beat_lists)
def test_a_list_of_distinct_beats_matches_itself_completely(beats):
    distinct = np.unique(beats)
    assert match_beats(distinct, distinct, fs=1000.0, window_ms=150.0).matched == distinct.size


@st.composite
def recordings(draw):
    """Beats at least 301 ms apart, so that a detection is near one beat only; jitter, losses and extras."""
    intervals = draw(st.lists(st.integers(301, 1500), min_size=2, max_size=25))
    reference = np.cumsum(intervals)
    kept = [r + draw(st.integers(-200, 200)) for r in reference.tolist() if draw(st.booleans())]
    extra = draw(st.lists(st.integers(0, int(reference[-1]) + 500), max_size=10))
    return reference.astype(np.int64), np.unique(np.array(kept + extra + [0], np.int64).clip(0))


@settings(deadline=None)  # a busy machine is no error
@given(recordings())
def test_as_many_beats_are_found_as_wfdb_and_as_graph_theory_find(material):
    reference, detected = material
    ours = match_beats(reference, detected, fs=1000.0, window_ms=150.0).matched
    theirs = compare_annotations(reference, detected, 151)  # wfdb's window is open
    near = np.abs(reference[:, None] - detected[None]) <= 150
    best = int(np.sum(maximum_bipartite_matching(csr_array(near), perm_type="column") >= 0))
    assert ours == best
    assert ours / reference.size == pytest.approx(theirs.sensitivity)
    assert ours / detected.size == pytest.approx(theirs.positive_predictivity)
