"""Decisions that stay: versions, undo and redo, signatures, the audit trail, the second reader; on both databases."""

from __future__ import annotations

import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from pipeline.errors import ReviewError, StaleVersion, StoreError
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.store.comparison import comparison
from pipeline.store.database import database
from pipeline.store.log import stacks_of
from pipeline.store.reviews import (
    Outcome,
    Standing,
    audit,
    begin_review,
    decide,
    redo,
    reopen,
    save_decisions,
    sign,
    standing,
    undo,
)
from pipeline.store.second_reading import adjudicate, begin_second, finish_second, withdraw_second
from pipeline.store.studies import create_study, find_study, get_study, stored_analysis
from tests.helpers.review_study import FIRST, analysed, answers, at

pytestmark = pytest.mark.usefixtures("store")
ANNA, BERT, CARLA = "Dr. Anna Müller", "Bert 山田", "Carla"
TO_V = Decision("override", at(0, 1), "V", "breit ♥")


def opened(record: str = "case", classes: str = "NNVNSNNUFN") -> int:
    return create_study(analysed(classes, record=record)).id


def began(record: str = "case") -> Standing:
    study = opened(record)
    begin_review(study, reader=ANNA)
    return standing(study)


def in_force(study: int) -> str:
    return "".join(reviewed_beats(stored_analysis(study), standing(study).decisions).aami)


def test_opening_again_finds_the_same_study_and_its_first_analysis() -> None:
    first = create_study(analysed())
    assert first == create_study(analysed()) == find_study(analysed())
    assert first.state == "new"
    assert first.counts["unclassified"] == 1
    assert find_study(analysed(record="another")) is None


def test_all_who_open_a_recording_at_once_get_the_same_study() -> None:
    together = Barrier(8)

    def opened_with_the_others(record: str) -> int:
        together.wait()
        return create_study(analysed(record=record)).id

    with ThreadPoolExecutor(8) as threads:
        for record in ("a", "b", "c"):
            assert len(set(threads.map(opened_with_the_others, [record] * 8))) == 1


def test_a_study_that_does_not_exist_is_named() -> None:
    for ask in (get_study, standing, audit, stored_analysis):
        with pytest.raises(ReviewError, match="Study 77 does not exist"):
            ask(77)


def test_a_decision_is_kept_with_all_that_an_auditor_asks() -> None:
    now = began()
    version = decide(now.study.id, TO_V, reader=ANNA, expected_version=now.version)
    assert version == standing(now.study.id).version == 2
    begin, entry = audit(now.study.id)
    assert (begin.event, begin.seq) == ("begin", 1)
    assert (entry.who, entry.event, entry.decision) == (ANNA, "decide", TO_V)
    assert (entry.before, entry.after, entry.model, entry.model_version) == ("NN", "VV", "NN", "r-1")
    assert entry.at.utcoffset() is not None
    assert standing(now.study.id).decisions == (TO_V,)


def test_decisions_of_one_transaction_are_entries_of_their_own_and_undone_one_by_one() -> None:
    now = began()
    both = (TO_V, Decision("event_mark", (100, 200), text="dizzy"))
    outcomes = (Outcome(("NN", "VV", "NN")), Outcome())
    after = save_decisions(now, both, outcomes, reader=ANNA, key="diary")
    assert after == standing(now.study.id)
    assert after.decisions == both
    assert [(entry.event, entry.who, entry.after) for entry in audit(now.study.id)[1:]] == [
        ("decide", ANNA, "VV"),
        ("decide", ANNA, ""),
    ]
    assert save_decisions(now, both, outcomes, reader=ANNA, key="diary") == after
    undo(now.study.id, reader=ANNA, expected_version=after.version)
    assert standing(now.study.id).decisions == (TO_V,)


def test_decisions_of_one_transaction_are_refused_together() -> None:
    now = began()
    decide(now.study.id, TO_V, reader=BERT, expected_version=now.version)
    with pytest.raises(StaleVersion, match="Bert"):
        save_decisions(now, (TO_V, TO_V), (Outcome(), Outcome()), reader=ANNA)
    seen = save_decisions(standing(now.study.id), (TO_V,), (Outcome(),), reader=ANNA, key="diary")
    with pytest.raises(ReviewError, match="used for something else"):
        save_decisions(seen, (Decision("confirm", at(2)),), (Outcome(),), reader=ANNA, key="diary")
    assert standing(now.study.id) == seen


def test_the_first_decision_takes_a_new_study_into_review() -> None:
    study = opened()
    assert decide(study, TO_V, reader=ANNA, expected_version=0) == 2
    assert (standing(study).state, standing(study).study.reader) == ("in_review", ANNA)
    begin_review(study, reader=BERT)
    assert standing(study).version == 2


def test_undo_and_redo_go_all_the_way_and_add_entries_instead_of_removing() -> None:
    study, version = opened(), 0
    for beat in range(4):
        version = decide(study, Decision("override", at(beat), "F"), reader=ANNA, expected_version=version)
    for _ in range(4):
        version = undo(study, reader=ANNA, expected_version=version)
    assert (in_force(study), standing(study).undoable, standing(study).redoable) == ("NNVNSNNUFN", 0, 4)
    with pytest.raises(ReviewError, match="nothing to undo"):
        undo(study, reader=ANNA, expected_version=version)
    for _ in range(4):
        version = redo(study, reader=ANNA, expected_version=version)
    assert in_force(study) == "FFFFSNNUFN"
    assert [entry.event for entry in audit(study)] == ["begin", *["decide"] * 4, *["undo"] * 4, *["redo"] * 4]
    undone = audit(study)[5]
    assert (undone.samples, undone.before, undone.after, undone.model) == (at(3), "F", "N", "N")


def test_a_new_decision_clears_redo() -> None:
    study = opened()
    version = decide(study, TO_V, reader=ANNA, expected_version=0)
    version = undo(study, reader=ANNA, expected_version=version)
    version = decide(study, Decision("reject", at(5)), reader=ANNA, expected_version=version)
    with pytest.raises(ReviewError, match="nothing to redo"):
        redo(study, reader=ANNA, expected_version=version)


def test_who_has_not_seen_the_last_change_is_told_who_did_what() -> None:
    now = began()
    decide(now.study.id, TO_V, reader=ANNA, expected_version=now.version)
    with pytest.raises(StaleVersion, match=rf"^{ANNA} overrode 2 beats as V at 20\S+ \S+ UTC, after you opened"):
        decide(now.study.id, Decision("reject", at(1)), reader=BERT, expected_version=now.version)
    assert standing(now.study.id).decisions == (TO_V,)


def test_several_unseen_changes_are_counted() -> None:
    now = began()
    version = decide(now.study.id, TO_V, reader=ANNA, expected_version=now.version)
    undo(now.study.id, reader=ANNA, expected_version=version)
    with pytest.raises(StaleVersion, match=r"undid overriding 2 beats as V at .* and 1 more change before"):
        undo(now.study.id, reader=BERT, expected_version=now.version)
    with pytest.raises(StaleVersion, match="Version 99 of this study does not exist"):
        undo(now.study.id, reader=BERT, expected_version=99)


def test_the_same_request_sent_twice_is_carried_out_once() -> None:
    study = opened()
    for _ in range(2):
        assert decide(study, TO_V, reader=ANNA, expected_version=0, key="a") == 2
    for _ in range(2):
        assert undo(study, reader=ANNA, expected_version=2, key="b") == 3
    for _ in range(2):
        assert sign(study, reader=ANNA, expected_version=3, key="c") == 4
    for _ in range(2):
        assert reopen(study, reader=ANNA, expected_version=4, reason="typo", key="d") == 5
    assert [entry.event for entry in audit(study)] == ["begin", "decide", "undo", "sign", "reopen"]


def test_a_key_used_for_something_else_is_refused() -> None:
    study = opened()
    decide(study, TO_V, reader=ANNA, expected_version=0, key="a")
    with pytest.raises(ReviewError, match="used for something else"):
        decide(study, Decision("reject", at(1)), reader=ANNA, expected_version=2, key="a")
    with pytest.raises(ReviewError, match="used for something else"):
        undo(study, reader=ANNA, expected_version=2, key="a")


def test_a_decision_that_does_not_fit_leaves_nothing_behind() -> None:
    study = opened()
    with pytest.raises(ReviewError, match="No beat is at"):
        decide(study, Decision("reject", (FIRST + 1,)), reader=ANNA, expected_version=0)
    assert (audit(study), get_study(study).state) == ((), "new")


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\0b"])
def test_nobody_decides_without_a_name(name: str) -> None:
    with pytest.raises(ReviewError):
        decide(opened(), TO_V, reader=name, expected_version=0)


def test_a_signed_study_is_read_only_until_it_is_reopened_with_a_reason() -> None:
    study = opened()
    version = decide(study, TO_V, reader=ANNA, expected_version=0)
    version = sign(study, reader=ANNA, expected_version=version, text="Agreed")
    signature = standing(study).signature
    assert signature is not None
    assert (signature.who, signature.text) == (ANNA, "Agreed")
    for change in (undo, sign):
        with pytest.raises(ReviewError, match="signed and read-only"):
            change(study, reader=ANNA, expected_version=version)
    with pytest.raises(ReviewError, match="signed and read-only"):
        decide(study, Decision("reject", at(1)), reader=BERT, expected_version=version)
    with pytest.raises(ReviewError, match="No reason"):
        reopen(study, reader=BERT, expected_version=version, reason=" ")
    version = reopen(study, reader=BERT, expected_version=version, reason="second thoughts")
    assert (standing(study).state, standing(study).signature) == ("reopened", None)
    version = undo(study, reader=BERT, expected_version=version)
    sign(study, reader=BERT, expected_version=version)
    assert [entry.event for entry in audit(study)[2:]] == ["sign", "reopen", "undo", "sign"]


def test_what_nobody_reviewed_cannot_be_signed_and_what_is_open_not_reopened() -> None:
    study = opened()
    with pytest.raises(ReviewError, match="has not been reviewed"):
        sign(study, reader=ANNA, expected_version=0)
    with pytest.raises(ReviewError, match="not signed"):
        reopen(study, reader=ANNA, expected_version=0, reason="why not")


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET who = 'nobody'", "DELETE FROM audit", "UPDATE audit SET seq = seq WHERE id = 1"]
)
def test_the_database_itself_refuses_to_change_the_audit_trail(statement: str) -> None:
    study = began().study.id
    before = audit(study)
    with pytest.raises(StoreError, match="append-only"), database().writing() as session:
        session.execute(text(statement))
    assert audit(study) == before


def test_an_audit_entry_cannot_be_replaced_or_truncated(store: str) -> None:
    study = began().study.id
    sqlite = store.startswith("sqlite")
    statement = "INSERT OR REPLACE INTO audit SELECT * FROM audit" if sqlite else "TRUNCATE audit CASCADE"
    with pytest.raises(StoreError, match="append-only"), database().writing() as session:
        session.execute(text(statement))
    assert len(audit(study)) == 1


def test_a_study_survives_an_emptied_cache(tmp_path: Path) -> None:
    study = opened()
    decide(study, TO_V, reader=ANNA, expected_version=0)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    assert in_force(study) == "VVVNSNNUFN"
    assert stored_analysis(study).reason == analysed().reason


def test_a_damaged_stored_analysis_is_refused_in_one_sentence() -> None:
    study = opened()
    with database().writing() as session:
        session.execute(text("UPDATE analyses SET payload = :payload"), {"payload": b"damaged"})
    with pytest.raises(StoreError, match="is damaged"):
        stored_analysis(study)


def test_the_second_reader_starts_from_the_model_and_sees_nothing_of_the_first() -> None:
    first = began()
    decide(first.study.id, TO_V, reader=ANNA, expected_version=first.version)
    version = begin_second(first.study.id, reader=BERT)
    second = standing(first.study.id, reading="second", reader=BERT)
    assert (second.version, second.decisions, second.second_reader) == (version, (), BERT)
    assert begin_second(first.study.id, reader=BERT) == version
    with pytest.raises(ReviewError, match="still reading"):
        comparison(first.study.id)


def test_both_readers_work_side_by_side_without_getting_in_each_others_way() -> None:
    first = began()
    study, version = first.study.id, first.version
    second = begin_second(study, reader=BERT)
    version = decide(study, TO_V, reader=ANNA, expected_version=version)
    second = decide(study, Decision("reject", at(1)), reader=BERT, expected_version=second, reading="second")
    version = undo(study, reader=ANNA, expected_version=version)
    second = undo(study, reader=BERT, expected_version=second, reading="second")
    assert standing(study).decisions == standing(study, reading="second", reader=BERT).decisions == ()


def test_each_reader_writes_in_their_own_reading_only() -> None:
    study = began().study.id
    second = begin_second(study, reader=BERT)
    with pytest.raises(ReviewError, match="You are the second reader"):
        decide(study, TO_V, reader=BERT, expected_version=1)
    with pytest.raises(ReviewError, match=f"The second reading is {BERT}'s"):
        decide(study, TO_V, reader=ANNA, expected_version=second, reading="second")
    with pytest.raises(ReviewError, match="is still reading"):
        sign(study, reader=ANNA, expected_version=1)


def test_who_cannot_be_second_reader_is_told_why() -> None:
    with pytest.raises(ReviewError, match="no first reader"):
        begin_second(opened("new"), reader=BERT)
    study = began().study.id
    with pytest.raises(ReviewError, match="You are the first reader"):
        begin_second(study, reader=ANNA)
    begin_second(study, reader=BERT)
    with pytest.raises(ReviewError, match=f"{BERT} is the second reader"):
        begin_second(study, reader=CARLA)


def test_a_withdrawn_second_reading_stays_in_the_trail_and_makes_room() -> None:
    study = began().study.id
    version = begin_second(study, reader=BERT)
    decide(study, TO_V, reader=BERT, expected_version=version, reading="second")
    with pytest.raises(ReviewError, match="No reason"):
        withdraw_second(study, reader=ANNA, reason="")
    withdraw_second(study, reader=ANNA, reason="on leave")
    assert [entry.event for entry in audit(study)] == ["begin", "second_begun", "decide", "second_withdrawn"]
    begin_second(study, reader=CARLA)
    assert standing(study, reading="second", reader=CARLA).decisions == ()


def test_a_blind_reading_is_seen_by_nobody_but_its_reader_until_it_is_finished() -> None:
    study = began().study.id
    version = begin_second(study, reader=BERT)
    for reader in (ANNA, CARLA, ""):
        with pytest.raises(ReviewError, match="nobody but its reader"):
            standing(study, reading="second", reader=reader)
    with pytest.raises(ReviewError, match="finish your own reading first"):
        standing(study, reader=BERT)
    assert standing(study, reader=ANNA).reading == "main"
    finish_second(study, reader=BERT, expected_version=version)
    assert standing(study, reading="second", reader=ANNA).second_done
    assert standing(study, reader=BERT).reading == "main"


def test_a_signed_study_can_be_read_again_and_stays_signed() -> None:
    first = began()
    study = first.study.id
    sign(study, reader=ANNA, expected_version=first.version)
    version = begin_second(study, reader=BERT)
    version = decide(study, TO_V, reader=BERT, expected_version=version, reading="second")
    finish_second(study, reader=BERT, expected_version=version)
    assert standing(study).state == "signed"
    assert len(comparison(study).agreement.differences) == 2
    with pytest.raises(ReviewError, match="signed and read-only"):
        decide(study, TO_V, reader=BERT, expected_version=standing(study).version)


def compared() -> int:
    """A study read twice: the readers differ on beats 1 (V, N), 5 (N, no beat) and 190 (no beat, S)."""
    first = began()
    study = first.study.id
    decide(study, TO_V, reader=ANNA, expected_version=first.version)
    version = begin_second(study, reader=BERT)
    for decision in (
        Decision("override", at(0), "V"),
        Decision("confirm", at(1)),
        Decision("delete", at(5)),
        Decision("add", (FIRST + 90,), "S"),
    ):
        version = decide(study, decision, reader=BERT, expected_version=version, reading="second")
    finish_second(study, reader=BERT, expected_version=version, key="done")
    assert finish_second(study, reader=BERT, expected_version=version, key="done") == standing(study).version
    return study


def test_two_finished_readings_are_compared_with_kappa() -> None:
    study = compared()
    found = comparison(study)
    assert (found.first_reader, found.second_reader) == (ANNA, BERT)
    assert (found.agreement.everything.n, found.agreement.everything.agreed) == (11, 8)
    assert found.agreement.everything.kappa is not None
    assert [(d.first, d.second) for d in found.unsettled] == [("-", "S"), ("V", "N"), ("N", "-")]


def test_adjudication_settles_and_leaves_both_readings_as_they_were() -> None:
    study = compared()
    version = standing(study).version
    before = comparison(study).agreement
    added, class_, deleted = before.differences
    version = adjudicate(study, added, "second", reader=CARLA, expected_version=version, text="seen")
    version = adjudicate(study, class_, "first", reader=CARLA, expected_version=version)
    assert comparison(study).unsettled == (deleted,)
    version = decide(study, Decision("reject", at(5)), reader=CARLA, expected_version=version)
    assert (comparison(study).agreement, comparison(study).unsettled) == (before, ())
    assert in_force(study) == "VSVVNSXNUFN"
    version = undo(study, reader=CARLA, expected_version=version)
    assert comparison(study).unsettled == (deleted,)
    assert [entry.event for entry in audit(study)][-4:] == ["adjudicate"] * 3 + ["undo"]


def test_adjudication_cannot_undo_what_a_reader_decided() -> None:
    study = compared()
    now = standing(study)
    assert (now.adjudicating, now.undoable) == (True, 0)
    with pytest.raises(ReviewError, match="nothing to undo"):
        undo(study, reader=CARLA, expected_version=now.version)
    with pytest.raises(ReviewError, match="finished and read-only"):
        decide(study, TO_V, reader=BERT, expected_version=5, reading="second")
    with pytest.raises(ReviewError, match="finished and stays"):
        withdraw_second(study, reader=BERT, reason="no")


def test_differences_are_settled_before_the_signature() -> None:
    study = compared()
    version = standing(study).version
    with pytest.raises(ReviewError, match="3 differences between the readers are open"):
        sign(study, reader=ANNA, expected_version=version)
    for difference in comparison(study).unsettled:
        version = adjudicate(study, difference, "first", reader=CARLA, expected_version=version)
    sign(study, reader=ANNA, expected_version=version)
    assert in_force(study) == "VVVNSNNUFN"


def test_adjudication_needs_two_finished_readings() -> None:
    difference = comparison(compared()).unsettled[0]
    other = began("other")
    begin_second(other.study.id, reader=BERT)
    with pytest.raises(ReviewError, match="second reading is not finished"):
        adjudicate(other.study.id, difference, "first", reader=CARLA, expected_version=other.version)


@st.composite
def some_step(draw: st.DrawFn) -> Decision | str:
    kind = draw(st.sampled_from(["undo", "undo", "redo", "confirm", "override", "reject", "delete", "add", "comment"]))
    if kind in ("undo", "redo"):
        return kind
    beat = draw(st.integers(0, 9))
    samples = (FIRST + 200 * beat + 100,) if kind == "add" else at(*{beat, draw(st.integers(0, 9))})
    aami = draw(st.sampled_from("NSVF")) if kind in ("override", "add") else ""
    return Decision(kind, samples, aami)  # type: ignore[arg-type]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(some_step(), min_size=5, max_size=15))
def test_any_edits_and_undos_equal_the_replayed_audit_trail_and_a_simple_model(
    steps: list[Decision | str],
) -> None:
    """The model: a list of pictures of the beats, of which undo and redo move the last in force."""
    name = str(uuid.uuid4())
    study, analysis, version = opened(name), analysed(record=name), 0
    pictures, taken, now = [answers(reviewed_beats(analysis, []))], list[Decision](), 0
    for step in steps:
        moved = {"undo": now - 1, "redo": now + 1}.get(step, now) if isinstance(step, str) else now
        try:
            if isinstance(step, Decision):
                picture = answers(reviewed_beats(analysis, [*taken[:now], step]))
                version = decide(study, step, reader=ANNA, expected_version=version)
                pictures, taken, now = [*pictures[: now + 1], picture], [*taken[:now], step], now + 1
            else:
                change = undo if step == "undo" else redo
                version = change(study, reader=ANNA, expected_version=version)
                now = moved
        except ReviewError:
            assert isinstance(step, Decision) or not 0 <= moved < len(pictures)
    entries = audit(study)
    replayed = [entry.decision for entry in stacks_of(entries)[0]]
    assert tuple(replayed) == standing(study).decisions == tuple(taken[:now])
    assert answers(reviewed_beats(stored_analysis(study), standing(study).decisions)) == pictures[now]
    assert [entry.seq for entry in entries] == list(range(1, version + 1))
