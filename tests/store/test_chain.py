"""The audit trail is one chain: an entry that is changed, removed, put in or put elsewhere is named, on both databases.

Whoever changes it here owns the database: the triggers that protect it are switched off first.
"""

from __future__ import annotations

import sqlite3
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from pipeline.errors import StoreError
from pipeline.review.decisions import Decision
from pipeline.store.chain import START, Trail, goes_on_from, read_trail, study_faults
from pipeline.store.database import close_databases, database
from pipeline.store.reviews import begin_review, decide, redo, reopen, sign, undo
from pipeline.store.studies import create_study
from tests.helpers.review_study import analysed, at

pytestmark = pytest.mark.usefixtures("store")
ANNA, BERT = "Dr. Anna Müller", "Bert 山田"
EARLIER = Path(__file__).resolve().parent.parent / "fixtures" / "home-0.1.0.zip"


def trail() -> Trail:
    with database().reading() as session:
        return read_trail(session)


def of_study(number: int) -> tuple[str, ...]:
    with database().reading() as session:
        return study_faults(session, number)


def two_studies() -> tuple[int, int]:
    """Two studies whose entries alternate: one is signed, the other in review."""
    one, other = create_study(analysed(record="one")).id, create_study(analysed(record="other")).id
    for number in (one, other):
        begin_review(number, reader=ANNA)
    version = decide(one, Decision("override", at(0, 1), "V", "wide"), reader=ANNA, expected_version=1)
    later = decide(other, Decision("confirm", at(2), text="é 山"), reader=BERT, expected_version=1)
    undo(other, reader=BERT, expected_version=later)
    redo(other, reader=BERT, expected_version=later + 1)
    sign(one, reader=ANNA, expected_version=version, text="Seen.")
    return one, other


def by_owner(*statements: str, keys: bool = True) -> None:
    """Change the database as its owner can, past the triggers, and past foreign keys if wanted."""
    with database().engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
            if not keys:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
                connection.exec_driver_sql("BEGIN")
            for name in names:
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            for table in ("audit", "chain"):
                connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            connection.execute(text(statement))
        connection.commit()


def test_a_trail_that_nobody_touched_is_whole() -> None:
    one, other = two_studies()
    found = trail()
    assert (found.entries, found.adopted, found.faults) == (7, 0, ())
    assert len(found.head) == 64
    assert found.head != START
    assert of_study(one) == of_study(other) == ()


def test_the_same_history_in_another_database_has_another_head_and_each_entry_moves_it() -> None:
    study = create_study(analysed()).id
    empty = trail()
    begin_review(study, reader=ANNA)
    assert (empty.entries, empty.head) == (0, START)
    heads = {empty.head, trail().head}
    decide(study, Decision("confirm", at(1)), reader=ANNA, expected_version=1)
    assert len(heads | {trail().head}) == 3


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET who = 'Nobody' WHERE study_id = {one} AND seq = 2",
        "UPDATE audit SET text = text || '.' WHERE study_id = {one} AND seq = 2",
        "UPDATE audit SET aami = 'S' WHERE study_id = {one} AND seq = 2",
        "UPDATE audit SET samples = '[100]' WHERE study_id = {one} AND seq = 2",
        "UPDATE audit SET at = '2020-01-01 00:00:00.000000' WHERE study_id = {one} AND seq = 2",
    ],
)
def test_an_entry_that_was_edited_is_named(change: str) -> None:
    one, other = two_studies()
    by_owner(change.format(one=one))
    said = f"An entry of study {one} (version 2) was changed after it was written."
    assert trail().faults == (said,)
    assert of_study(one) == (said,)
    assert of_study(other) == ()


def test_an_entry_that_was_removed_with_its_link_is_named() -> None:
    _, other = two_studies()
    which = f"study_id = {other} AND seq = 2"
    entry = f"(SELECT id FROM audit WHERE {which})"
    by_owner(f"DELETE FROM chain WHERE entry = {entry}", f"DELETE FROM audit WHERE {which}")
    assert trail().faults[0] == "Entry 4 of the audit trail is missing."


def test_an_entry_that_was_removed_without_its_link_is_named(store: str) -> None:
    _, other = two_studies()
    free = "ALTER TABLE chain DROP CONSTRAINT fk_chain_entry_audit"
    by_owner(*([] if store.startswith("sqlite") else [free]), "UPDATE chain SET entry = 5000 WHERE place = 4",
             f"DELETE FROM audit WHERE study_id = {other} AND seq = 2", keys=False)  # fmt: skip
    assert trail().faults[0] == "Entry 4 of the audit trail was removed."


def test_the_end_that_was_cut_off_is_named() -> None:
    one, _ = two_studies()
    by_owner(
        f"DELETE FROM chain WHERE entry = (SELECT max(id) FROM audit WHERE study_id = {one})",
        f"DELETE FROM audit WHERE study_id = {one} AND event = 'sign'",
    )
    assert "Entry 7 of the audit trail is missing." in trail().faults
    assert f"Study {one} has had 3 entries in its main reading, 2 are there." in trail().faults
    assert of_study(one)


def test_an_entry_that_was_put_in_is_named() -> None:
    one, other = two_studies()
    names = "reading_id, who, at, event, kind, samples, aami, before, after, model, text, model_version, subject, seal"
    by_owner(
        f"INSERT INTO audit (id, study_id, seq, key, {names}) "
        f"SELECT 1000, study_id, 9, 'forged', {names} FROM audit WHERE study_id = {other} AND seq = 2"
    )
    assert trail().faults == (f"An entry of study {other} (version 9) was put in without the application.",
                              f"Study {other} has had 4 entries in its main reading, 9 are there.")  # fmt: skip
    assert of_study(other)[0] == f"An entry of study {other} (version 9) was put in without the application."
    assert of_study(one) == ()


def test_entries_that_changed_places_are_named() -> None:
    one, other = two_studies()
    by_owner(
        f"UPDATE audit SET seq = 99 WHERE study_id = {other} AND seq = 2",
        f"UPDATE audit SET seq = 2 WHERE study_id = {other} AND seq = 3",
        f"UPDATE audit SET seq = 3 WHERE study_id = {other} AND seq = 99",
    )
    assert len(trail().faults) == 2
    assert of_study(one) == ()
    assert len(of_study(other)) == 2


def test_links_that_changed_places_are_named() -> None:
    two_studies()
    by_owner(
        "UPDATE chain SET place = 100 WHERE place = 3",
        "UPDATE chain SET place = 3 WHERE place = 4",
        "UPDATE chain SET place = 4 WHERE place = 100",
    )
    assert len(trail().faults) >= 2


def test_a_signature_that_was_taken_back_by_hand_is_named() -> None:
    one, _ = two_studies()
    by_owner(f"UPDATE studies SET state = 'in_review' WHERE id = {one}")
    said = (f"Study {one} is marked as 'in_review', its audit trail says 'signed'.",)
    assert trail().faults == said
    assert of_study(one) == said


def test_a_trail_written_anew_differs_from_the_head_that_was_noted() -> None:
    two_studies()
    noted = trail()
    with database().reading() as session:
        assert goes_on_from(session, noted.entries, noted.head)
        assert goes_on_from(session, 0, START)
        assert not goes_on_from(session, noted.entries - 1, noted.head)
    study = create_study(analysed(record="third")).id
    begin_review(study, reader=ANNA)
    with database().reading() as session:
        assert goes_on_from(session, noted.entries, noted.head)


def test_without_its_last_link_nothing_is_written() -> None:
    study = create_study(analysed()).id
    by_owner("DELETE FROM chain_head")
    with pytest.raises(StoreError, match="lost its last link, nothing is saved"):
        begin_review(study, reader=ANNA)
    with pytest.raises(StoreError, match="lost its last link"):
        trail()


def test_writers_of_many_studies_at_once_make_one_chain() -> None:
    studies = [create_study(analysed(record=f"case-{i}")).id for i in range(4)]

    def work(number: int) -> None:
        version = begin_review(number, reader=ANNA)
        for i in range(8):
            version = decide(number, Decision("confirm", at(i)), reader=ANNA, expected_version=version)
        version = sign(number, reader=ANNA, expected_version=version)
        reopen(number, reader=BERT, expected_version=version, reason="again")

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(work, number) for number in studies]:
            done.result()
    found = trail()
    assert (found.entries, found.faults) == (4 * 11, ())


def test_an_earlier_home_is_taken_into_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(EARLIER) as packed:
        packed.extractall(tmp_path / "earlier")
    file = tmp_path / "earlier" / "home" / "reviews.sqlite"
    monkeypatch.setenv("HEARTVISION_DATABASE_URL", f"sqlite:///{file}")
    found = trail()
    with sqlite3.connect(file) as connection:
        (entries,) = connection.execute("SELECT count(*) FROM audit").fetchone()
    assert found.entries == found.adopted == entries > 0
    assert found.faults == ()
    by_owner("UPDATE audit SET who = 'Nobody' WHERE id = 1")
    assert len(trail().faults) == 1
    close_databases()
