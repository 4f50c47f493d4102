"""The rhythm in force: each decision about an episode, what follows from it, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ReviewError
from pipeline.measurements import Measurements, Statement
from pipeline.review.beats_in_force import Board, ReviewedBeats, reviewed_beats
from pipeline.review.decisions import Decision, DecisionKind
from pipeline.review.rhythm_in_force import RHYTHM_SUBJECTS, rhythm_of, subject_name, subject_of
from pipeline.review.summary import summarise
from pipeline.review.triage import triage
from pipeline.rhythm_names import RHYTHM_NAMES, rhythm_times
from pipeline.types import Analysis, Episode, RhythmCode
from tests.helpers.review_study import FS, at
from tests.helpers.rhythms import with_rhythm

BEATS = "NNNNNNVVVNNNNNNNNNNNNNNNNNNNNN"  # thirty beats, 24.4 s
AF = (1000, 3000)  # samples: from 4 to 12 s


def made() -> Analysis:
    return with_rhythm(BEATS, (4.0, "N"), (12.0, "AFIB"), (24.4, "N"))


def decided(*decisions: Decision, analysis: Analysis | None = None) -> ReviewedBeats:
    return reviewed_beats(analysis or made(), decisions)


def spans(beats: ReviewedBeats) -> list[tuple[float, float, str]]:
    return [(round(one.start_s, 3), round(one.stop_s, 3), one.rhythm) for one in beats.rhythm]


def seconds(beats: ReviewedBeats, code: str) -> float:
    return sum(one.seconds for one in rhythm_times(beats.rhythm) if one.rhythm == code)


def found(beats: ReviewedBeats) -> dict[str, bool]:
    return {finding.kind: finding.reviewed for finding in triage(beats)}


def test_without_decisions_the_rhythm_is_the_models() -> None:
    assert decided().rhythm == made().rhythm
    assert found(decided())["afib"] is False


def test_a_confirmed_episode_stays_and_is_reviewed() -> None:
    beats = decided(Decision("rhythm_confirm", AF))
    assert beats.rhythm == made().rhythm
    assert found(beats)["afib"] is True
    assert beats.ruling is not None
    assert dict(beats.ruling.ruled) == {AF: "confirmed"}


def test_a_renamed_episode_has_the_new_name_and_the_burden_follows() -> None:
    beats = decided(Decision("rhythm_name", AF, subject="AFL"))
    assert spans(beats) == [(0.0, 4.0, "N"), (4.0, 12.0, "AFL"), (12.0, 24.4, "N")]
    assert (seconds(beats, "AFIB"), seconds(beats, "AFL")) == (0.0, 8.0)
    assert found(beats)["aflutter"] is True
    assert "afib" not in found(beats)


def test_a_rejected_episode_leaves_the_rhythm_around_it_in_one_piece() -> None:
    beats = decided(Decision("rhythm_reject", AF))
    assert spans(beats) == [(0.0, 24.4, "N")]
    assert beats.ruling is not None
    assert beats.ruling.rejected == ((AF, "AFIB"),)
    assert "afib" not in found(beats)


def test_what_was_rejected_and_then_named_is_not_rejected_any_more() -> None:
    beats = decided(Decision("rhythm_reject", AF), Decision("rhythm_name", AF, subject="AFIB"))
    assert beats.ruling is not None
    assert beats.ruling.rejected == ()


def test_rejecting_a_whole_recording_leaves_sinus_rhythm() -> None:
    beats = decided(Decision("rhythm_reject", (0, 6100)), analysis=with_rhythm(BEATS, (24.4, "AFIB")))
    assert spans(beats) == [(0.0, 24.4, "N")]


def test_a_rejected_run_in_fibrillation_is_fibrillation() -> None:
    analysis = with_rhythm(BEATS, (2.0, "N"), (8.0, "AFIB"), (10.0, "VT"), (12.0, "NOISE"), (24.4, "N"))
    assert spans(decided(Decision("rhythm_reject", (2000, 2500)), analysis=analysis)) == [
        (0.0, 2.0, "N"), (2.0, 10.0, "AFIB"), (10.0, 12.0, "NOISE"), (12.0, 24.4, "N"),
    ]  # fmt: skip


RUN = (round(4.8 * FS), round(7.2 * FS))  # of the three V in BEATS


def with_run(*rhythm: tuple[float, RhythmCode]) -> Analysis:
    return with_rhythm(BEATS, *(rhythm or ((4.8, "N"), (7.2, "VT"), (24.4, "N"))))


def test_a_run_whose_beats_a_reader_changes_is_none_and_is_not_asked_about_again() -> None:
    run, change = with_run(), Decision("override", at(7), "N")
    assert seconds(decided(analysis=run), "VT") == pytest.approx(2.4)
    beats = decided(change, analysis=run)
    assert seconds(beats, "VT") == 0
    assert not {"vt", "vt_waves"} & set(found(beats))
    assert seconds(decided(change, Decision("override", at(7), "V"), analysis=run), "VT") == pytest.approx(2.4)


def test_a_run_of_which_enough_is_left_and_one_seen_in_the_signal_alone_stay() -> None:
    longer = with_rhythm(BEATS.replace("VVV", "VVVV"), (4.8, "N"), (8.0, "VT"), (24.4, "N"))
    assert seconds(decided(Decision("override", at(6), "N"), analysis=longer), "VT") == pytest.approx(3.2)
    unseen = with_run((4.0, "N"), (12.0, "SVTA"), (24.4, "N"))
    assert seconds(decided(Decision("override", at(7), "N"), analysis=unseen), "SVTA") == 8.0
    deleted = decided(Decision("delete", at(7)), analysis=longer)
    assert seconds(deleted, "VT") == pytest.approx(3.2)


def test_fibrillation_goes_on_where_a_run_in_it_was_none() -> None:
    run = with_run((2.4, "N"), (4.8, "AFIB"), (7.2, "VT"), (24.4, "AFIB"))
    beats = decided(Decision("rhythm_confirm", (600, 1200)), Decision("override", at(7), "N"), analysis=run)
    assert seconds(beats, "AFIB") == pytest.approx(22.0)
    fibrillation = [finding.start_s for finding in triage(beats) if finding.kind == "afib"]
    assert sorted(fibrillation) == pytest.approx([2.4, 7.2])


@pytest.mark.parametrize("part", [(1100, 1600), (1600, 1800)])  # its changed beat and the one before, or its last
def test_a_rhythm_named_over_part_of_an_undone_run_does_not_bring_the_rest_back(part: tuple[int, int]) -> None:
    change, name = Decision("override", at(7), "N"), Decision("rhythm_name", part, subject="AFIB")
    assert seconds(decided(name, analysis=with_run()), "VT") > 0  # the reader has decided about no beat of it
    for decisions in ((change, name), (name, change)):
        beats = decided(*decisions, analysis=with_run())
        assert seconds(beats, "VT") == 0
        assert seconds(beats, "AFIB") == pytest.approx((part[1] - part[0]) / FS)


def test_a_beat_added_where_a_run_was_cut_counts_with_all_of_it() -> None:
    longer = with_rhythm(BEATS.replace("VVV", "VVVV"), (4.8, "N"), (8.0, "VT"), (24.4, "N"))
    cut = Decision("rhythm_name", (1100, 1640), subject="AFIB")
    between = Decision("add", (1600,), "N")  # between the second and the third of its beats
    assert seconds(decided(cut, analysis=longer), "VT") > 0
    assert seconds(decided(cut, between, analysis=longer), "VT") == 0


def test_many_undone_runs_take_as_long_as_there_are_runs() -> None:
    many, n = 4000, 2.4  # seconds each; where every one looks at all the others, this takes more than six
    parts = [Episode(n * i, n * (i + 1), "VT" if i % 2 else "N") for i in range(2 * many)]
    found = rhythm_of(replace(made(), duration_s=2 * many * n, rhythm=tuple(parts)))
    found = replace(found, rejected=tuple((piece.stretch, "AFIB") for piece in found.pieces))
    began = process_time()
    undone = found.without_runs(found.runs)
    assert process_time() - began < 1.0
    assert {piece.episode.rhythm for piece in undone.pieces} == {"N"}
    assert len(undone.undone) == many


@pytest.mark.parametrize("kind", ["rhythm_confirm", "rhythm_reject"])
def test_a_decision_about_the_place_of_an_undone_run_is_about_what_is_there_now(kind: DecisionKind) -> None:
    change = Decision("override", at(7), "N")
    beats = decided(change, Decision(kind, RUN), analysis=with_run((4.8, "AFIB"), (7.2, "VT"), (24.4, "N")))
    expected = {"rhythm_confirm": "N", "rhythm_reject": "AFIB"}[kind]
    assert next(one.rhythm for one in beats.rhythm if one.start_s <= 6.0 < one.stop_s) == expected


def test_half_of_a_split_episode_that_is_rejected_does_not_come_back_from_the_other_half() -> None:
    split = Decision("rhythm_split", (1000, 1500, 3000))
    beats = decided(split, Decision("rhythm_reject", (1000, 1500)))
    assert spans(beats) == [(0.0, 6.0, "N"), (6.0, 12.0, "AFIB"), (12.0, 24.4, "N")]
    assert beats.ruling is not None
    assert beats.ruling.rejected == (((1000, 1500), "AFIB"),)


@pytest.mark.parametrize("ends", [(1000, 1500, 1500, 3000), (1500, 3000, 1000, 1500)])
def test_halves_that_are_rejected_together_leave_the_rhythm_around_them(ends: tuple[int, ...]) -> None:
    beats = decided(Decision("rhythm_split", (1000, 1500, 3000)), Decision("rhythm_reject", ends))
    assert spans(beats) == [(0.0, 24.4, "N")]


def test_halves_of_a_whole_recording_that_are_rejected_leave_sinus_rhythm() -> None:
    split, reject = Decision("rhythm_split", (0, 1500, 6100)), Decision("rhythm_reject", (0, 1500, 1500, 6100))
    beats = decided(split, reject, analysis=with_rhythm(BEATS, (24.4, "AFIB")))
    assert spans(beats) == [(0.0, 24.4, "N")]


def test_a_rhythm_does_not_come_back_where_it_was_rejected_before() -> None:
    analysis = with_rhythm(BEATS, (4.0, "AFL"), (8.0, "AFIB"), (24.4, "AFIB"))
    beats = decided(Decision("rhythm_reject", (1000, 2000)), Decision("rhythm_reject", (0, 2000)), analysis=analysis)
    assert spans(beats) == [(0.0, 8.0, "N"), (8.0, 24.4, "AFIB")]


@pytest.mark.parametrize(
    ("ruling", "kind"),
    [
        (Decision("rhythm_confirm", (3000, 6100)), "confirmed"),
        (Decision("rhythm_name", (3000, 6100), subject="AFIB"), "named"),
    ],
)
def test_what_fills_a_rejected_stretch_is_decided_by_nobody(ruling: Decision, kind: str) -> None:
    analysis = with_rhythm(BEATS, (4.0, "NOISE"), (12.0, "SVTA"), (24.4, "AFIB"))
    beats = decided(ruling, Decision("rhythm_reject", AF), analysis=analysis)
    assert spans(beats) == [(0.0, 4.0, "NOISE"), (4.0, 12.0, "AFIB"), (12.0, 24.4, "AFIB")]
    assert beats.ruling is not None
    assert dict(beats.ruling.ruled) == {(3000, 6100): kind}
    assert "by the reader" not in beats.rhythm[1].evidence
    open_ones = [row.start_s for row in triage(beats) if row.kind == "afib" and not row.reviewed]
    assert open_ones == [4.0]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ((1500, 3000), [(0.0, 6.0, "N"), (6.0, 12.0, "AFIB"), (12.0, 24.4, "N")]),
        ((500, 2000), [(0.0, 2.0, "N"), (2.0, 8.0, "AFIB"), (8.0, 24.4, "N")]),
        ((0, 6100), [(0.0, 24.4, "AFIB")]),
        ((1250, 1500), [(0.0, 5.0, "N"), (5.0, 6.0, "AFIB"), (6.0, 24.4, "N")]),
    ],
)
def test_moved_ends_give_and_take(new: tuple[int, int], expected: list[tuple[float, float, str]]) -> None:
    beats = decided(Decision("rhythm_resize", (*AF, *new)))
    assert spans(beats) == expected
    assert found(beats)["afib"] is True


def test_an_episode_is_split_and_one_half_renamed() -> None:
    beats = decided(Decision("rhythm_split", (1000, 2000, 3000)), Decision("rhythm_name", (2000, 3000), subject="AFL"))
    assert spans(beats) == [(0.0, 4.0, "N"), (4.0, 8.0, "AFIB"), (8.0, 12.0, "AFL"), (12.0, 24.4, "N")]


def test_a_new_episode_is_drawn_over_whatever_was_there() -> None:
    beats = decided(Decision("rhythm_name", (500, 1500), subject="VF"))
    assert spans(beats) == [(0.0, 2.0, "N"), (2.0, 6.0, "VFL"), (6.0, 12.0, "AFIB"), (12.0, 24.4, "N")]
    assert triage(beats)[0].title == "Ventricular fibrillation"
    assert triage(beats)[0].reviewed


def test_nothing_is_found_in_an_artefact_and_its_beats_do_not_count() -> None:
    run = (at(6)[0] - 50, at(8)[0] + 50)
    assert found(decided())["idioventricular"] is False
    beats = decided(Decision("rhythm_name", run, subject="ARTEFACT"))
    assert "idioventricular" not in found(beats)
    assert (summarise(beats).counts["V"], summarise(beats).counts["X"]) == (0, 3)
    assert beats.break_before[6:10].all()
    again = decided(Decision("rhythm_name", run, subject="ARTEFACT"), Decision("rhythm_reject", run))
    assert found(again)["idioventricular"] is False
    assert summarise(again).counts["V"] == 3


def test_unclassified_and_doubtful_beats_of_an_artefact_are_not_listed() -> None:
    analysis = with_rhythm("NNNUUUNNNNNNNNNNNNNN", (16.4, "N"))
    assert "unclassified" in found(decided(analysis=analysis))
    whole = Decision("rhythm_name", (at(3)[0] - 50, at(5)[0] + 50), subject="ARTEFACT")
    assert "unclassified" not in found(decided(whole, analysis=analysis))


def test_a_decision_about_beats_of_an_artefact_alone_is_refused_with_the_way_out() -> None:
    artefact = Decision("rhythm_name", (at(6)[0] - 50, at(8)[0] + 50), subject="ARTEFACT")
    with pytest.raises(ReviewError, match="marked as artefact"):
        decided(artefact, Decision("override", at(7), "V"))
    assert decided(artefact, Decision("override", at(7, 9), "V")).aami[9] == "V"


def test_a_patient_event_is_listed_until_it_is_removed_and_changes_no_rhythm() -> None:
    marked = Decision("event_mark", (1200, 1300), text="palpitations")
    beats = decided(marked)
    assert [finding.detail for finding in triage(beats) if finding.kind == "patient_event"] == ["palpitations"]
    assert beats.rhythm == made().rhythm
    assert "patient_event" not in found(decided(marked, Decision("event_remove", (1200, 1300))))


def test_an_urgent_statement_ranks_first_until_it_is_rejected() -> None:
    stemi = Statement("STE-ANT", "infarction", "ST elevation.", "V2 0.4 mV", urgent=True)
    calm = Statement("RBBB", "conduction", "Right bundle branch block.", "QRS 140 ms")
    analysis = replace(with_rhythm("N" * 30, (24.4, "N")), measured=Measurements(statements=(stemi, calm)))
    rows = triage(decided(analysis=analysis))
    assert [(row.kind, row.title, row.priority, row.reviewed) for row in rows] == [
        ("statement", "ST elevation", 1, False)
    ]
    whole = rows[0].stretch or (0, 0)
    confirmed = decided(Decision("statement_confirm", whole, subject="STE-ANT"), analysis=analysis)
    assert found(confirmed) == {"statement": True}
    rejected = decided(Decision("statement_reject", whole, subject="STE-ANT"), analysis=analysis)
    assert found(rejected) == {}
    assert len(found(decided(Decision("statement_reject", whole, subject="RBBB"), analysis=analysis))) == 1
    with pytest.raises(ReviewError, match="LBBB"):
        decided(Decision("statement_confirm", whole, subject="LBBB"), analysis=analysis)


@pytest.mark.parametrize(
    ("decision", "sentence"),
    [
        (Decision("rhythm_confirm", (1000, 2999)), "any more"),
        (Decision("rhythm_reject", (1001, 3000)), "any more"),
        (Decision("rhythm_name", AF, subject="WALTZ"), "WALTZ"),
        (Decision("rhythm_name", (1000, 99_000), subject="AFIB"), "outside"),
        (Decision("rhythm_resize", (*AF, 3500, 4000)), "leave"),
        (Decision("event_remove", AF), "No patient event"),
    ],
)
def test_a_decision_that_does_not_fit_is_refused(decision: Decision, sentence: str) -> None:
    with pytest.raises(ReviewError, match=sentence):
        decided(decision)


def test_without_the_models_rhythm_no_rhythm_is_named() -> None:
    with pytest.raises(ReviewError, match="earlier version"):
        decided(Decision("rhythm_name", AF, subject="AFIB"), analysis=replace(made(), rhythm=()))


def test_every_rhythm_has_a_name_to_choose_and_is_recognised_by_it() -> None:
    assert {code for code, _ in RHYTHM_SUBJECTS.values()} == set(RHYTHM_NAMES)
    assert len({subject_name(subject) for subject in RHYTHM_SUBJECTS}) == len(RHYTHM_SUBJECTS)
    for subject, (code, detail) in RHYTHM_SUBJECTS.items():
        assert subject_of(Episode(0.0, 1.0, code, detail)) == subject
    assert subject_of(Episode(0.0, 1.0, "P", "dual chamber")) == "P"


@st.composite
def painted(draw: st.DrawFn) -> list[Decision]:
    """Decisions that fit whatever was decided before them."""
    found: list[Decision] = []
    rhythm = rhythm_of(made())
    for _ in range(draw(st.integers(1, 8))):
        piece = rhythm.pieces[draw(st.integers(0, len(rhythm.pieces) - 1))]
        start = draw(st.integers(0, 6099))
        stop = draw(st.integers(start + 1, 6100))
        kind = draw(st.sampled_from(["name", "reject", "confirm", "resize", "split"]))
        if kind == "name":
            own = Decision("rhythm_name", (start, stop), subject=draw(st.sampled_from(sorted(RHYTHM_SUBJECTS))))
        elif kind == "resize" and start < piece.stop and stop > piece.start:
            own = Decision("rhythm_resize", (*piece.stretch, start, stop))
        elif kind == "split" and piece.stop - piece.start > 1:
            cut = draw(st.integers(piece.start + 1, piece.stop - 1))
            own = Decision("rhythm_split", (piece.start, cut, piece.stop))
        else:
            own = Decision("rhythm_reject" if kind == "reject" else "rhythm_confirm", piece.stretch)
        rhythm = rhythm.after(own)
        found.append(own)
    return found


@given(painted())
def test_whatever_is_decided_the_episodes_cover_the_recording_without_overlap(decisions: list[Decision]) -> None:
    beats = decided(*decisions)
    assert beats.ruling is not None
    pieces = beats.ruling.pieces
    assert (pieces[0].start, pieces[-1].stop) == (0, beats.n_samples)
    assert [piece.stop for piece in pieces[:-1]] == [piece.start for piece in pieces[1:]]
    assert all(piece.stop > piece.start for piece in pieces)
    assert [one.stop_s for one in beats.rhythm[:-1]] == pytest.approx([one.start_s for one in beats.rhythm[1:]])
    assert sum(one.seconds for one in beats.rhythm) == pytest.approx(beats.n_samples / FS)
    triage(beats)


@given(painted())
def test_a_board_taken_one_decision_further_is_the_board_replayed(decisions: list[Decision]) -> None:
    board = Board(made(), ())
    for decision in decisions:
        board = board.after(decision)
    replayed = Board(made(), decisions)
    for decision in decisions:
        replayed.apply(decision)
    assert board.rhythm == replayed.rhythm


def test_measured_intervals_are_kept_moved_and_removed_and_change_nothing_else() -> None:
    steps = [Decision("measure", (100, 300)), Decision("measure", (100, 300, 500, 900))]
    beats = decided(*steps)
    assert beats.ruling is not None
    assert beats.ruling.measured == ((100, 300), (500, 900))
    assert spans(beats) == spans(decided())
    assert found(beats) == found(decided())
    moved = decided(*steps, Decision("measure_move", (100, 300, 120, 300)), Decision("measure_remove", (500, 900)))
    assert moved.ruling is not None
    assert moved.ruling.measured == ((120, 300),)


@pytest.mark.parametrize("kind", ["measure_remove", "measure_move"])
def test_what_is_not_measured_is_neither_moved_nor_removed(kind: DecisionKind) -> None:
    ends = (100, 300, 100, 400) if kind == "measure_move" else (100, 300)
    with pytest.raises(ReviewError, match="No interval is measured at 0\\.40 s"):
        decided(Decision(kind, ends))
