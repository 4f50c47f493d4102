"""The state model: one rhythm at a time, whatever the finders propose."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rhythm.states import EXACT, LASTING, LEAST_S, PRECEDENCE, partition
from pipeline.types import RHYTHM_CODES, Episode


def spans(episodes: tuple[Episode, ...]) -> list[tuple[str, float, float]]:
    return [(episode.rhythm, episode.start_s, episode.stop_s) for episode in episodes]


def test_every_rhythm_has_its_place_in_the_precedence() -> None:
    assert sorted(PRECEDENCE) == sorted(RHYTHM_CODES)
    assert set(RHYTHM_CODES) >= LASTING | EXACT


def test_fibrillation_stands_before_everything_that_is_proposed_beside_it() -> None:
    proposed = [Episode(0, 60, "N"), Episode(10, 40, "AFIB"), Episode(20, 30, "VFL", "VF"), Episode(18, 32, "NOISE")]
    assert spans(partition(proposed, 60)) == [
        ("N", 0, 10),
        ("AFIB", 10, 18),
        ("NOISE", 18, 20),
        ("VFL", 20, 30),
        ("NOISE", 30, 32),
        ("AFIB", 32, 40),
        ("N", 40, 60),
    ]


def test_block_and_pacing_explain_irregular_intervals_better_than_fibrillation_of_the_atria() -> None:
    proposed = [Episode(0, 30, "AFIB", confidence=0.99), Episode(0, 30, "BII", "Wenckebach", 0.6)]
    assert spans(partition(proposed, 30)) == [("BII", 0, 30)]
    assert spans(partition([Episode(0, 30, "AFIB"), Episode(0, 30, "P")], 30)) == [("P", 0, 30)]


def test_of_two_proposals_of_one_rhythm_the_surer_one_gives_the_detail() -> None:
    found = partition([Episode(0, 9, "VFL", "VFL", 0.6), Episode(0, 9, "VFL", "VF", 0.9)], 9)
    assert [(episode.detail, episode.confidence) for episode in found] == [("VF", 0.9)]


def test_a_short_remainder_of_a_lasting_rhythm_is_given_to_its_longer_neighbour() -> None:
    proposed = [Episode(0, 100, "N"), Episode(20, 60, "AFIB"), Episode(61, 99, "BII")]
    assert spans(partition(proposed, 100)) == [("N", 0, 20), ("AFIB", 20, 61), ("BII", 61, 100)]


def test_a_run_and_a_pause_end_at_beats_and_are_never_widened() -> None:
    proposed = [Episode(0, 50, "N"), Episode(10, 11, "VT"), Episode(11.5, 15, "ASYS")]
    assert spans(partition(proposed, 50)) == [
        ("N", 0, 10),
        ("VT", 10, 11),
        ("N", 11, 11.5),
        ("ASYS", 11.5, 15),
        ("N", 15, 50),
    ]


def test_a_run_that_the_recording_cuts_lasts_to_its_edge_and_a_pause_keeps_its_beat() -> None:
    rates = [Episode(0, 50, "N")]
    assert spans(partition([Episode(40, 49.94, "VT")], 50, rates)) == [("N", 0, 40), ("VT", 40, 50)]
    assert spans(partition([Episode(0.06, 10, "VT")], 50, rates)) == [("VT", 0, 10), ("N", 10, 50)]
    assert spans(partition([Episode(40, 49, "VT")], 50, rates))[-1] == ("N", 49, 50)  # a beat may lie there
    assert spans(partition([Episode(40, 49.94, "ASYS")], 50, rates))[-1] == ("N", 49.94, 50)


def test_what_nobody_proposed_is_not_called_normal() -> None:
    assert spans(partition([Episode(5, 10, "N")], 20)) == [("NOISE", 0, 5), ("N", 5, 10), ("NOISE", 10, 20)]
    assert spans(partition([], 20)) == [("NOISE", 0, 20)]


def test_neighbours_of_one_rhythm_are_joined_and_their_confidence_is_weighed_by_time() -> None:
    (found,) = partition([Episode(0, 30, "N", confidence=0.9), Episode(30, 40, "N", confidence=0.5)], 40)
    assert found.confidence == pytest.approx(0.8)


edges = st.tuples(st.integers(-20, 400), st.integers(0, 400)).map(lambda pair: (pair[0] / 10, sum(pair) / 10))
proposals = st.lists(
    st.builds(lambda edge, code, p: Episode(*edge, code, "", p), edges, st.sampled_from(RHYTHM_CODES), st.floats(0, 1)),
    max_size=25,
)


@given(proposals)
def test_episodes_cover_the_recording_in_order_and_neighbours_differ_but_for_two_pauses(
    proposed: list[Episode],
) -> None:
    found = partition(proposed, 30.0)
    assert found[0].start_s == 0
    assert found[-1].stop_s == 30
    assert all(first.stop_s == second.start_s for first, second in pairwise(found))
    assert all(episode.seconds > 0 for episode in found)
    assert all(a.rhythm == "ASYS" or (a.rhythm, a.detail) != (b.rhythm, b.detail) for a, b in pairwise(found))


@given(proposals)
def test_only_what_cannot_grow_leaves_a_short_remainder_beside_it(proposed: list[Episode]) -> None:
    found = partition(proposed, 30.0)
    for k, episode in enumerate(found):
        beside = {found[i].rhythm for i in (k - 1, k + 1) if 0 <= i < len(found)}
        if episode.rhythm in LASTING and episode.seconds < LEAST_S:
            assert beside <= EXACT


def test_two_pauses_in_a_row_are_two_episodes_and_one_that_others_cut_is_one() -> None:
    pauses = [Episode(10, 13, "ASYS", "pause"), Episode(13, 16, "ASYS", "pause")]
    rates = [Episode(0, 12, "N"), Episode(12, 30, "SBR")]
    assert spans(partition(pauses, 30, rates)) == [("N", 0, 10), ("ASYS", 10, 13), ("ASYS", 13, 16), ("SBR", 16, 30)]
