"""Names go, decisions and signatures stay; what still names somebody is said; another home follows."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text as sql

from pipeline.cli import main
from pipeline.config import cache_root, home_root
from pipeline.errors import DataError, ReviewError, StoreError
from pipeline.identity import Identity
from pipeline.review.decisions import Decision
from pipeline.store import erasure
from pipeline.store.access import accesses
from pipeline.store.database import database
from pipeline.store.deletion import delete_signal, finish_deletions
from pipeline.store.erasure import erase_names
from pipeline.store.identities import identity_file, load_identity, save_identity
from pipeline.store.recordings import is_stored, load_recording, recording_folder, save_recording
from pipeline.store.reviews import audit, begin_review, decide, redo, rename, reopen, sign, standing, undo
from pipeline.store.second_reading import begin_second, withdraw_second
from pipeline.store.signing import signings
from pipeline.store.studies import create_study, get_study, stored_analysis, worklist
from pipeline.store.tables import AccessRow
from pipeline.store.verification import verify_files, verify_study, verify_trail
from tests.helpers.review_study import analysed, at, recorded
from tests.store.test_chain import by_owner

pytestmark = pytest.mark.usefixtures("store")
ANNA, PATIENT = "Anna", "Maria_Garcia_MRN77"


@pytest.fixture
def signed() -> int:
    """A signed study that names its patient everywhere."""
    kept = save_recording(recorded(analysed(record=PATIENT)))
    save_identity(kept.digest, Identity(name="Maria Garcia", patient_id="MRN77"), reader=ANNA)
    number = create_study(analysed(record=PATIENT)).id
    version = begin_review(number, reader=ANNA)
    version = decide(number, Decision("override", at(0, 1), "V"), reader=ANNA, expected_version=version)
    sign(number, reader=ANNA, expected_version=version, text="Seen.", report=lambda entry: b"%PDF Maria Garcia")
    return number


def where_named() -> list[str]:
    """Files of home and cache, the database included, that hold a part of the name."""
    files = [path for root in (home_root(), cache_root()) for path in root.rglob("*") if path.is_file()]
    files += [path for path in home_root().parent.glob("reviews.sqlite*") if path.is_file()]
    return sorted(path.name for path in files if b"Garcia" in path.read_bytes() or "Garcia" in str(path))


def test_names_go_and_decisions_signature_and_chain_stay(signed: int) -> None:
    before = standing(signed)
    done = erase_names(signed, reader="Carla", reason="asked for by letter", reports=True)
    assert (done.studies, done.identity, done.reports_gone, done.reports_left) == (1, True, 1, 0)
    now = standing(signed)
    assert now.decisions == before.decisions
    assert (now.state, now.signature) == ("signed", before.signature)
    study = get_study(signed)
    assert study.record == done.name == f"recording-{study.digest[:8]}"
    assert study.reader == ANNA
    assert not load_identity(study.digest)
    assert load_recording(study.digest).name == done.name  # type: ignore[union-attr]
    assert stored_analysis(signed).record == done.name
    assert worklist(text="garcia").total == 0
    last = audit(signed)[-1]
    assert (last.who, last.sentence(), last.text) == ("Carla", "erased who was recorded", "asked for by letter")
    assert verify_trail().faults == verify_files() == ()


def test_nothing_on_the_disk_names_the_patient_afterwards(signed: int, store: str) -> None:
    assert where_named()
    erase_names(signed, reader="Carla", reason="asked for", reports=True)
    if store.startswith("sqlite"):
        from pipeline.store.database import close_databases

        close_databases()
        _compacted(home_root().parent / "reviews.sqlite")
    assert where_named() == []


def _compacted(file: Path) -> None:
    import sqlite3

    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("VACUUM")
    connection.close()


@pytest.fixture
def typed(signed: int) -> int:
    """The signed study with the patient in comments, both readings, a reason, a renaming and a signed conclusion."""
    version = reopen(signed, reader=ANNA, expected_version=standing(signed).version, reason="Ms GARCIA rang, MRN77")
    comment = Decision("override", at(3), "S", "as in Garcia's last one, long QT")
    decide(signed, comment, reader=ANNA, expected_version=version)
    seen = begin_second(signed, reader="Bert")
    blind = Decision("confirm", at(4), text="maria garcia, really")
    decide(signed, blind, reader="Bert", expected_version=seen, reading="second")
    withdraw_second(signed, reader=ANNA, reason="not needed")
    rename(signed, "Garcia-again", reader=ANNA)
    version = standing(signed).version
    sign(signed, reader=ANNA, expected_version=version, text="Ms Garcia: normal.", report=lambda entry: b"%PDF M")
    return signed


def test_what_people_typed_names_nobody_afterwards_and_chain_and_signatures_hold(typed: int, store: str) -> None:
    done = erase_names(typed, reader="Carla", reason="Garcia asked for it", reports=True, also=["rang"])
    texts = [entry.text for entry in audit(typed)]
    assert not [text for text in texts if "garcia" in text.casefold() or "MRN77" in text]
    for wanted in ("Ms [erased] [erased], [erased]", "as in [erased]'s last one, long QT", "[erased], really",
                   "Ms [erased]: normal.", "[erased] asked for it"):  # fmt: skip
        assert wanted in texts
    assert done.masked == 5
    assert not any(signing.report for signing in signings(audit(typed)))
    assert verify_trail().faults == verify_study(typed) == verify_files() == ()
    assert audit(typed)[-1].after == ""  # hashes are for the chain
    again = erase_names(typed, reader="Carla", reason="once more", also=["normal"])
    assert again.masked == 1
    assert verify_trail().faults == verify_study(typed) == ()
    if store.startswith("sqlite"):
        from pipeline.store.database import close_databases

        close_databases()
        _compacted(home_root().parent / "reviews.sqlite")
        assert where_named() == []


def test_a_masked_entry_that_is_changed_later_is_named(typed: int) -> None:
    erase_names(typed, reader="Carla", reason="asked for")
    by_owner(f"UPDATE audit SET text = 'Ms [erased]: ill.' WHERE study_id = {typed} AND text = 'Ms [erased]: normal.'")
    assert any("was changed after it was written" in fault for fault in verify_study(typed))
    assert any("is not what is there now" in fault for fault in verify_study(typed))
    assert len(verify_trail().faults) == 2


def test_an_erasure_does_not_cover_what_was_changed_before_it(typed: int) -> None:
    by_owner(f"UPDATE audit SET text = 'Ms Garcia: ill.' WHERE study_id = {typed} AND text = 'Ms Garcia: normal.'")
    before = verify_study(typed)
    erase_names(typed, reader="Carla", reason="asked for")
    assert verify_study(typed) == before != ()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET text = 'Seen!' WHERE study_id = {study}",
        "UPDATE audit SET text = '[erased]', who = 'Bert' WHERE study_id = {study}",
        "UPDATE audit SET text = '[erased]', samples = '[1]' WHERE study_id = {study}",
        "UPDATE access SET text = 'x'",
        "UPDATE access SET text = '[erased]', who = 'x'",
        "DELETE FROM audit WHERE study_id = {study}",
        "DELETE FROM access",
    ],
)
def test_the_database_lets_nothing_but_a_mask_into_its_logs(signed: int, change: str) -> None:
    with database().writing() as session:
        session.add(AccessRow(at=datetime.now(UTC), who="A", key="k", event="search", digest="", text="garcia"))
    with pytest.raises(StoreError, match="append-only"), database().writing() as session:
        session.execute(sql(change.format(study=signed)))


def test_what_was_searched_for_names_nobody_afterwards(signed: int) -> None:
    with database().writing() as session:
        session.add(AccessRow(at=datetime.now(UTC), who="A", key="k", event="search", digest="", text="maria garcia"))
        session.add(AccessRow(at=datetime.now(UTC), who="A", key="k", event="search", digest="", text="vt"))
    erase_names(signed, reader="Carla", reason="asked for")
    assert [entry.text for entry in accesses(ANNA)] == ["vt", "[erased]"]


def test_the_log_of_others_loses_whole_names_only_and_searches_all(signed: int) -> None:
    own, other = get_study(signed).digest, "0" * 64
    said = [
        ("search", "", "GARCIA long qt", "[erased] long qt"),
        ("search", "", "garcia", "[erased]"),
        ("delete", own, "Mrs Garcia rang", "Mrs [erased] rang"),
        ("delete", other, "Maria Lopez and Jo Garcia rang", "Maria Lopez and Jo Garcia rang"),
        ("delete", other, "mixed up with maria garcia, MRN77", "mixed up with [erased], [erased]"),
        ("export", "", f"audit trail of {PATIENT}", "audit trail of [erased]"),
        ("view", own, "study 77, main reading", "study 77, main reading"),
    ]
    with database().writing() as session:
        for event, digest, text, _ in said:
            session.add(AccessRow(at=datetime.now(UTC), who="A", key="k", event=event, digest=digest, text=text))
    erase_names(signed, reader="Carla", reason="asked for")
    assert [entry.text for entry in accesses(ANNA)][::-1] == [left for *_, left in said]


def test_what_the_name_of_a_file_says_of_the_ecg_stays(store: str) -> None:
    kept = save_recording(recorded(analysed(record="ECG_Lee")))
    number = create_study(analysed(record="ECG_Lee")).id
    version = begin_review(number, reader=ANNA)
    decide(number, Decision("comment", at(0), text="ECG normal, see ECG_Lee"), reader=ANNA, expected_version=version)
    erase_names(number, reader=ANNA, reason="asked for")
    assert get_study(number).digest == kept.digest
    assert [entry.text for entry in audit(number)][1] == "ECG normal, see [erased]"


def test_a_long_comment_with_masks_can_be_read_decided_on_and_signed(signed: int) -> None:
    reopen(signed, reader=ANNA, expected_version=standing(signed).version, reason="7 " * 999)
    save_identity(get_study(signed).digest, Identity(name="Li Na", patient_id="7"), reader=ANNA)
    version = standing(signed).version
    long = ("Li Na, 7; " * 200).rstrip()
    version = decide(signed, Decision("comment", at(3), text=long), reader=ANNA, expected_version=version)
    sign(signed, reader=ANNA, expected_version=version, text=long)
    erase_names(signed, reader=ANNA, reason=long)
    conclusion = audit(signed)[-2].text
    assert len(conclusion) > 2000
    assert "Li Na" not in conclusion
    now = standing(signed)
    assert verify_study(signed) == ()
    version = reopen(signed, reader=ANNA, expected_version=now.version, reason="a second look")
    version = undo(signed, reader=ANNA, expected_version=version)
    version = redo(signed, reader=ANNA, expected_version=version)
    assert standing(signed).decisions == now.decisions
    sign(signed, reader=ANNA, expected_version=version, text=conclusion)  # as the page fills it in


def test_signed_reports_stay_unless_they_are_asked_to_go_and_that_is_said(
    signed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["erase", str(signed), "--as", "Carla", "--reason", "asked for"]) == 0
    assert "1 signed reports still print what was known then" in capsys.readouterr().err
    assert signings(audit(signed))[0].report
    assert main(["erase", str(signed), "--as", "Carla", "--reason", "asked for", "--reports"]) == 0
    assert "1 signed reports are deleted" in capsys.readouterr().out
    assert signings(audit(signed))[0].report == ""
    assert verify_files() == ()
    assert not list((home_root() / "reports").rglob("*.pdf"))


@pytest.mark.parametrize(("reader", "reason"), [("", "why"), (ANNA, " ")])
def test_nobody_erases_without_a_name_and_a_reason(signed: int, reader: str, reason: str) -> None:
    with pytest.raises(ReviewError):
        erase_names(signed, reader=reader, reason=reason)
    assert get_study(signed).record == PATIENT


def test_another_home_with_the_same_database_deletes_and_erases_too(
    signed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = home_root(), tmp_path / "second"
    digest = get_study(signed).digest
    other = create_study(analysed(record="other"))
    save_recording(recorded(analysed(record="other")))
    shutil.copytree(first, second)
    for path in second.rglob("*.json"):
        os.utime(path, (time.time() - 60,) * 2)
    erase_names(signed, reader=ANNA, reason="asked for")
    delete_signal(other.id, reader=ANNA, reason="asked for")
    monkeypatch.setenv("HEARTVISION_HOME", str(second))
    assert is_stored(other.digest)
    assert identity_file(digest).is_file()
    assert finish_deletions() == []
    assert not is_stored(other.digest)
    assert not identity_file(digest).exists()
    assert is_stored(digest)
    save_recording(recorded(analysed(record="other")))  # opened again since: it is wanted
    assert finish_deletions() == []
    assert is_stored(other.digest)


@pytest.fixture
def elsewhere(signed: int, tmp_path: Path) -> Path:
    """A second home with the same database and files, an hour old, and a cache of its own."""
    digest = get_study(signed).digest
    folder = recording_folder(digest)
    assert folder is not None
    (folder / "page.jpg").write_bytes(b"Garcia")
    second = tmp_path / "second"
    shutil.copytree(home_root(), second)
    made = tmp_path / "second cache" / "analyses" / digest[:2] / digest
    made.mkdir(parents=True)
    (made / "key.npz").write_bytes(b"Garcia")
    for path in (*second.rglob("*"), *made.rglob("*")):
        os.utime(path, (time.time() - 3600,) * 2)
    return second


def move_to(second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTVISION_HOME", str(second))
    monkeypatch.setenv("HEARTVISION_CACHE", str(second.with_name("second cache")))


@pytest.mark.parametrize("reports", [True, False])
@pytest.mark.parametrize("identity", [True, False])
def test_another_home_erases_all_that_names_the_patient(
    signed: int, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, reports: bool, identity: bool
) -> None:
    digest = get_study(signed).digest
    if not identity:
        (elsewhere / "identities" / f"{digest}.json").unlink()
    erase_names(signed, reader=ANNA, reason="asked for", reports=reports)
    move_to(elsewhere, monkeypatch)
    assert load_recording(digest).name == PATIENT  # type: ignore[union-attr]
    assert finish_deletions() == []
    assert load_recording(digest).name == get_study(signed).record  # type: ignore[union-attr]
    left = [path for path in (*elsewhere.rglob("*"), *cache_root().rglob("*")) if path.is_file()]
    named = [path.suffix for path in left if b"Garcia" in path.read_bytes() and "sqlite" not in path.name]
    assert named == ([] if reports else [".pdf"])
    assert verify_files() == ()


def test_what_is_kept_elsewhere_after_an_erasure_stays(
    signed: int, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = get_study(signed).digest
    erase_names(signed, reader=ANNA, reason="asked for")
    move_to(elsewhere, monkeypatch)
    time.sleep(0.02)  # a file's time is that of the last tick of the kernel
    page, identity = elsewhere / "recordings" / digest[:2] / digest / "page.jpg", identity_file(digest)
    for path in (page, identity):
        path.touch()
    finish_deletions()
    assert (page.is_file(), identity.is_file()) == (True, True)


def test_what_was_deleted_and_then_erased_by_way_of_other_homes_goes_too(
    signed: int, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = get_study(signed).digest
    reopen(signed, reader=ANNA, expected_version=standing(signed).version, reason="a second look")
    delete_signal(signed, reader=ANNA, reason="asked for")
    move_to(elsewhere, monkeypatch)
    erase_names(signed, reader=ANNA, reason="asked for")
    assert is_stored(digest)
    finish_deletions()
    assert not is_stored(digest)


def test_what_was_opened_again_after_a_deletion_elsewhere_stays(
    signed: int, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = get_study(signed).digest
    reopen(signed, reader=ANNA, expected_version=standing(signed).version, reason="a second look")
    delete_signal(signed, reader=ANNA, reason="asked for")
    move_to(elsewhere, monkeypatch)
    time.sleep(0.02)
    save_recording(recorded(analysed(record=PATIENT)))
    assert finish_deletions() == []
    assert is_stored(digest)


def test_a_full_disk_changes_nothing(signed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before, files = audit(signed), where_named()

    def full(*args: object) -> None:
        raise DataError("The disk is full.")

    monkeypatch.setattr(erasure, "rename_recording", full)
    with pytest.raises(DataError, match="full"):
        erase_names(signed, reader=ANNA, reason="asked for", reports=True)
    assert audit(signed) == before
    assert get_study(signed).record == PATIENT
    assert where_named() == files
    assert verify_files() == ()


def test_what_could_not_be_deleted_goes_when_the_application_starts_again(
    signed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(digest: str) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "delete_report", refused)
        with pytest.raises(DataError, match="tried again whenever"):
            erase_names(signed, reader=ANNA, reason="asked for", reports=True)
    assert list((home_root() / "reports").rglob("*.pdf"))
    assert audit(signed)[-1].event == "erased"
    finish_deletions()
    assert not list((home_root() / "reports").rglob("*.pdf"))


def test_a_photo_of_the_page_goes_with_the_name(signed: int) -> None:
    folder = recording_folder(get_study(signed).digest)
    assert folder is not None
    (folder / "page.jpg").write_bytes(b"Garcia")
    erase_names(signed, reader=ANNA, reason="asked for")
    assert not (folder / "page.jpg").exists()
