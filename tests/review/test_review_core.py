"""Decisions on beats: what each does, what undo and redo leave in force, how far two readers agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from pipeline.errors import ReviewError
from pipeline.review.agreement import adopting, compare_readings
from pipeline.review.beats_in_force import Board, ReviewedBeats, reviewed_beats, snapped
from pipeline.review.decisions import DECISION_KINDS, STRETCH_KINDS, Decision, stacks
from pipeline.review.signal_evidence import SignalEvidence
from pipeline.types import Quality, QualitySegment
from tests.helpers.review_study import FIRST, FS, STEP, Answers, analysed, answers, at

CLASSES = "NNVNSNNUFN"


def reviewed(*decisions: Decision, classes: str = CLASSES) -> ReviewedBeats:
    return reviewed_beats(analysed(classes), decisions)


def test_without_decisions_the_model_stands_and_nothing_is_reviewed() -> None:
    beats = reviewed()
    assert "".join(beats.aami) == "".join(beats.model_aami) == CLASSES
    assert not beats.reviewed().any()
    np.testing.assert_allclose(beats.rr_s, [np.nan, *[0.8] * 9], rtol=1e-6)


def test_confirm_keeps_the_models_class_and_counts_as_reviewed() -> None:
    beats = reviewed(Decision("confirm", at(2, 7)))
    assert beats.human.tolist() == ["", "", "confirmed", *[""] * 4, "confirmed", "", ""]
    assert beats.aami[7] == "U"


def test_override_keeps_the_models_answer_beside_the_humans() -> None:
    beats = reviewed(Decision("override", at(1, 2), "V", "wide"))
    assert beats.aami[1:3].tolist() == ["V", "V"]
    assert beats.model_aami[1:3].tolist() == ["N", "V"]
    assert beats.human[1:3].tolist() == ["overridden", "confirmed"]
    assert beats.comment[1] == "wide"


def test_a_rejected_beat_stays_as_artefact_and_its_intervals_are_not_bridged() -> None:
    beats = reviewed(Decision("reject", at(3)))
    assert len(beats) == 10
    assert beats.aami[3] == "X"
    assert np.flatnonzero(np.isnan(beats.rr_s)).tolist() == [0, 3, 4]


def test_a_deleted_beat_is_gone_and_the_interval_spans_the_hole() -> None:
    beats = reviewed(Decision("delete", at(3)))
    assert len(beats) == 9
    assert beats.rr_s[3] == pytest.approx(1.6)
    assert np.isnan(beats.rr_s).sum() == 1


def test_an_added_beat_splits_the_interval_and_has_no_answer_of_the_model() -> None:
    beats = reviewed(Decision("add", (FIRST + 90,), "S"))
    assert (beats.aami[1], beats.model_aami[1], beats.human[1], beats.confidence[1]) == ("S", "", "added", 0)
    assert beats.rr_s[1:3] == pytest.approx([90 / FS, 110 / FS])


def test_an_added_beat_that_was_rejected_gets_its_class_back_when_confirmed() -> None:
    added = FIRST + 90
    beats = reviewed(Decision("add", (added,), "S"), Decision("reject", (added,)), Decision("confirm", (added,)))
    assert answers(beats)[added] == ("S", "added", "")


@pytest.mark.parametrize("shift", [0, 1, -37, 37])
def test_a_beat_cannot_be_added_within_150_ms_of_another(shift: int) -> None:
    with pytest.raises(ReviewError, match="already, within 150 ms"):
        reviewed(Decision("add", (at(4)[0] + shift,), "N"))


@pytest.mark.parametrize("shift", [-38, 38])
def test_a_beat_can_be_added_beyond_150_ms(shift: int) -> None:
    assert len(reviewed(Decision("add", (at(4)[0] + shift,), "N"))) == 11


def test_two_beats_added_at_once_must_keep_the_distance_too() -> None:
    with pytest.raises(ReviewError, match="already"):
        reviewed(Decision("add", (FIRST + 80, FIRST + 90), "N"))


def test_where_a_beat_was_deleted_one_can_be_added() -> None:
    beats = reviewed(Decision("delete", at(4)), Decision("add", at(4), "V"))
    assert (beats.aami[4], beats.model_aami[4], beats.p[4].sum()) == ("V", "", 0)


@pytest.mark.parametrize("sample", [-1, 2100, 10**9])
def test_a_beat_outside_the_recording_is_refused(sample: int) -> None:
    with pytest.raises(ReviewError, match="outside the recording of 2100 samples"):
        reviewed(Decision("add", (sample,), "N"))


def test_a_beat_added_again_does_not_carry_the_reason_why_it_was_deleted() -> None:
    beats = reviewed(Decision("delete", at(3), text="no beat"), Decision("add", at(3), "V"))
    assert (beats.human[3], beats.comment[3]) == ("added", "")


@pytest.mark.parametrize("kind", ["confirm", "reject", "delete", "comment"])
def test_a_decision_on_a_beat_that_is_not_there_is_refused(kind: str) -> None:
    with pytest.raises(ReviewError, match=r"No beat is at 0\.40 s"):
        reviewed(Decision(kind, (FIRST,)), Decision("delete", (FIRST,)), Decision(kind, (FIRST,)))  # type: ignore[arg-type]


def test_a_comment_changes_nothing_else_and_an_empty_one_takes_it_away() -> None:
    beats = reviewed(Decision("comment", at(0, 1), text="look"), Decision("comment", at(1)))
    assert beats.comment[:2] == ("look", "")
    assert not beats.reviewed().any()


def test_gaps_break_the_interval_across_them_and_no_other() -> None:
    beats = reviewed_beats(analysed(), [], SignalEvidence(FS, [(FIRST + 210, FIRST + 260), (FIRST + 620, FIRST + 630)]))
    assert np.flatnonzero(beats.break_before).tolist() == [0, 2, 4]


def test_the_gaps_of_the_quality_count_where_no_others_are_given() -> None:
    segments = (
        QualitySegment(0, 2.1, "good", ""),
        QualitySegment(2.1, 2.5, "gap", ""),
        QualitySegment(2.5, 9, "good", ""),
    )
    beats = reviewed_beats(analysed(quality=Quality(segments, 1.0)), [])
    assert np.flatnonzero(beats.break_before).tolist() == [0, 3]


def test_a_gap_that_holds_the_deleted_beat_still_breaks() -> None:
    beats = reviewed_beats(analysed(), [Decision("delete", at(2))], SignalEvidence(FS, [(FIRST + 390, FIRST + 410)]))
    assert np.flatnonzero(beats.break_before).tolist() == [0, 2]


def test_a_beat_is_snapped_to_the_extremum_even_on_a_shifted_baseline() -> None:
    lead = np.full(1000, 3.0, np.float32)
    lead[505] = 2.0
    assert snapped(500, lead, 250.0, np.array([100, 900])) == 505


def test_snapping_onto_a_beat_or_into_a_gap_is_refused() -> None:
    lead = np.zeros(1000, np.float32)
    lead[505] = 1.0
    lead[700:] = np.nan
    with pytest.raises(ReviewError, match="already"):
        snapped(500, lead, 250.0, np.array([520]))
    for sample in (-1, 800, 1000):
        with pytest.raises(ReviewError, match="Nothing was recorded"):
            snapped(sample, lead, 250.0, np.array([], np.int64))


@pytest.mark.parametrize(
    ("kind", "samples", "aami", "text"),
    [
        ("burn", (1,), "", ""),
        ("confirm", (), "", ""),
        ("override", (1,), "", ""),
        ("override", (1,), "U", ""),
        ("reject", (1,), "V", ""),
        ("comment", (1,), "", "x" * 2001),
        ("comment", (1,), "", "null \0"),
        ("comment", (1,), "", "lone \ud800"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(kind: str, samples: tuple[int, ...], aami: str, text: str) -> None:
    with pytest.raises(ReviewError):
        Decision(kind, samples, aami, text)  # type: ignore[arg-type]


def test_a_decisions_samples_are_sorted_and_each_once() -> None:
    assert Decision("confirm", (5, 1, 5)).samples == (1, 5)


def test_a_new_decision_clears_redo_and_no_undo_reaches_behind_a_barrier() -> None:
    steps = [("decide", 1), ("decide", 2), ("undo", 0)]
    assert stacks(steps) == ((1,), (2,))  # type: ignore[arg-type]
    assert stacks([*steps, ("decide", 3)]) == ((1, 3), ())  # type: ignore[arg-type]
    for last in ("undo", "redo"):
        with pytest.raises(ReviewError, match=f"nothing to {last}"):
            stacks([*steps, ("barrier", 0), (last, 0)])  # type: ignore[arg-type]


def simple_model(state: Answers, model: dict[int, str], decision: Decision) -> Answers:
    """The same decisions, one beat at a time, in a dict."""
    state = dict(state)
    for sample in decision.samples:
        if decision.kind == "add":
            if not 0 <= sample < FIRST + STEP * len(CLASSES) or any(abs(sample - s) <= 0.15 * FS for s in state):
                raise ReviewError("")
            state[sample] = (decision.aami, "added", decision.text)
            model[sample] = ""
            continue
        if sample not in state:
            raise ReviewError("")
        aami, human, comment = state[sample]
        comment = decision.text if decision.text or decision.kind == "comment" else comment
        if decision.kind == "delete":
            del state[sample]
            continue
        if decision.kind == "reject":
            aami, human = "X", "rejected"
        elif decision.kind == "confirm":
            aami, human = model[sample], "confirmed"
        elif decision.kind == "override":
            aami, human = decision.aami, "confirmed" if decision.aami == model[sample] else "overridden"
        state[sample] = (aami, human, comment)
    return state


@st.composite
def some_decision(draw: st.DrawFn) -> Decision:
    kind = draw(st.sampled_from([kind for kind in DECISION_KINDS if kind not in STRETCH_KINDS]))
    on_beats = st.lists(st.sampled_from(at(*range(len(CLASSES)))), min_size=1, max_size=4)
    anywhere = st.lists(st.integers(-10, 2200), min_size=1, max_size=2)
    samples = draw(anywhere if kind == "add" else on_beats)
    aami = draw(st.sampled_from("NSVFQ")) if kind in ("override", "add") else ""
    return Decision(kind, tuple(samples), aami, draw(st.sampled_from(["", "seen"])))


@settings(max_examples=150, deadline=None)
@given(st.lists(some_decision(), max_size=12))
def test_any_decisions_give_what_a_simple_model_gives(decisions: list[Decision]) -> None:
    model = {sample: answer[0] for sample, answer in answers(reviewed()).items()}
    state, taken = answers(reviewed()), []
    for decision in decisions:
        if any(model.get(sample) == "" for sample in decision.samples):
            continue  # added beats have their own tests
        try:
            expected = simple_model(state, model, decision)
        except ReviewError:
            with pytest.raises(ReviewError):
                reviewed(*taken, decision)
            continue
        state, taken = expected, [*taken, decision]
    assert answers(reviewed(*taken)) == state


def test_the_board_names_classes_before_and_after() -> None:
    decision = Decision("delete", at(2, 4))
    board = Board(analysed(), [decision])
    before = board.classes((0, *at(2, 4)))
    board.apply(decision)
    assert (before, board.classes(at(2, 3, 4)), board.model_classes(at(2, 4))) == ("-VS", "-N-", "VS")


def test_kappa_is_that_of_scikit_learn() -> None:
    first, second = "NNNNVVVSNN", "NNNVVVNSSN"
    found = compare_readings(reviewed(classes=first), reviewed(classes=second))
    assert found.everything.kappa == pytest.approx(cohen_kappa_score(list(first), list(second)))
    assert (found.everything.n, found.everything.agreed, len(found.differences)) == (10, 7, 3)
    assert (found.decided.n, found.decided.kappa) == (0, None)


def test_readers_who_call_everything_normal_have_no_kappa() -> None:
    assert compare_readings(reviewed(classes="NNNNN"), reviewed(classes="NNNNN")).everything.kappa is None


def test_beats_decided_by_both_are_counted_apart() -> None:
    first = reviewed(Decision("override", at(0, 1), "V"), Decision("confirm", at(2)))
    second = reviewed(Decision("confirm", at(0, 2)))
    found = compare_readings(first, second)
    assert (found.decided.n, found.decided.agreed) == (2, 1)
    assert (found.everything.n, found.everything.agreed) == (10, 8)


def test_a_beat_added_by_both_a_little_apart_is_one_beat() -> None:
    first = reviewed(Decision("add", (FIRST + 90,), "V"))
    second = reviewed(Decision("add", (FIRST + 100,), "S"))
    difference = compare_readings(first, second).differences
    assert [(d.first_sample, d.second_sample, d.first, d.second) for d in difference] == [(190, 200, "V", "S")]


def test_of_two_beats_near_the_other_readers_one_the_nearer_is_the_same() -> None:
    first = reviewed(Decision("add", (FIRST + 40,), "V"))
    second = reviewed(Decision("delete", at(0)), Decision("add", (FIRST + 30,), "V"))
    difference = compare_readings(first, second).differences
    assert [(d.first_sample, d.second_sample, d.first, d.second) for d in difference] == [(FIRST, -1, "N", "-")]


@pytest.mark.parametrize(
    "second",
    [
        Decision("override", at(0), "V"),
        Decision("reject", at(1, 2)),
        Decision("delete", at(3)),
        Decision("add", (FIRST + 90,), "F"),
        Decision("confirm", at(4)),
    ],
)
def test_adopting_every_difference_leaves_none(second: Decision) -> None:
    start = [Decision("override", at(4), "V")]
    theirs = reviewed(second)
    for difference in compare_readings(reviewed(*start), theirs).differences:
        decision = adopting(difference)
        assert decision is not None
        start.append(decision)
    assert compare_readings(reviewed(*start), theirs).differences == ()
