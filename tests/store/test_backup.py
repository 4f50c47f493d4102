"""A backup holds all that is kept, is made beside a running program, is verified, and is restored into nothing else."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.datasets import demo_path
from pipeline.errors import DataError, StoreError
from pipeline.identity import Identity
from pipeline.intake import read_path
from pipeline.review.decisions import Decision
from pipeline.store import backup
from pipeline.store.backup import back_up, restore_backup, verify_backup
from pipeline.store.database import close_databases, database
from pipeline.store.deletion import delete_signal, delete_unread
from pipeline.store.erasure import erase_names
from pipeline.store.identities import load_identity, save_identity
from pipeline.store.ledger import LEDGER
from pipeline.store.recordings import load_recording, neutral_name, recording_folder, save_recording
from pipeline.store.reviews import audit, begin_review, decide, reopen, sign, standing
from pipeline.store.studies import create_study, get_study
from pipeline.store.verification import verify_trail
from tests.helpers.databases import fresh_database
from tests.helpers.review_study import analysed, at, recorded

ANNA = "Dr. Anna Müller"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def own(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with its own SQLite file."""
    monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)
    return home


def fill() -> tuple[int, str]:
    """A study with a decision, and a stored recording."""
    study = create_study(analysed("NNVNSNNUFN", record="case")).id
    begin_review(study, reader=ANNA)
    version = standing(study).version
    decide(study, Decision("override", at(0, 1), "V", "wide"), reader=ANNA, expected_version=version, key="first")
    return study, save_recording(read_path(demo_path())).digest


def wiped(home: Path) -> None:
    close_databases()
    shutil.rmtree(home)


def test_what_was_decided_comes_back_with_its_recording_and_rights(own: Path, tmp_path: Path) -> None:
    study, digest = fill()
    before, target = standing(study), tmp_path / "backup"
    assert (own / "reviews.sqlite-wal").stat().st_size > 0  # the program still runs: most of it is in the log
    made = back_up(target)
    assert verify_backup(target) == made
    wiped(own)
    restore_backup(target)
    assert get_study(study).record == "case"
    assert standing(study) == before
    assert load_recording(digest) is not None
    assert {path.stat().st_mode & 0o077 for path in (own, *own.rglob("*"))} == {0}
    assert {path.stat().st_mode & 0o077 for path in target.rglob("*") if path.is_file()} == {0}


def test_a_decision_after_the_backup_is_not_in_it(own: Path, tmp_path: Path) -> None:
    study, _ = fill()
    back_up(tmp_path / "backup")
    then = standing(study).version
    decide(study, Decision("override", at(3), "S", ""), reader=ANNA, expected_version=then, key="second")
    wiped(own)
    restore_backup(tmp_path / "backup")
    assert standing(study).version == then


@pytest.mark.parametrize("ending", ["", "-wal", "-shm"])
def test_nothing_is_restored_beside_a_database_or_its_log(own: Path, tmp_path: Path, ending: str,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    fill()
    back_up(tmp_path / "backup")
    wiped(own)
    elsewhere = tmp_path / "database" / "reviews.sqlite"
    elsewhere.parent.mkdir()
    monkeypatch.setenv("HEARTVISION_DATABASE_URL", f"sqlite:///{elsewhere}")
    elsewhere.with_name(elsewhere.name + ending).write_bytes(b"old")
    with pytest.raises(StoreError, match=f"'reviews.sqlite{ending}' is still there"):
        restore_backup(tmp_path / "backup")
    assert not own.exists()


def test_a_home_that_is_not_empty_stays_as_it_is(own: Path, tmp_path: Path) -> None:
    study, _ = fill()
    back_up(tmp_path / "backup")
    with pytest.raises(StoreError, match="is not empty"):
        restore_backup(tmp_path / "backup")
    assert get_study(study).record == "case"


def named_study() -> tuple[int, str]:
    """A study whose recording and comment name the patient."""
    digest = save_recording(recorded(analysed(record="Maria_Garcia"))).digest
    study = create_study(analysed(record="Maria_Garcia")).id
    save_identity(digest, Identity(name="Maria Garcia"), reader=ANNA)
    version = begin_review(study, reader=ANNA)
    decide(study, Decision("override", at(0), "V", "Ms Garcia"), reader=ANNA, expected_version=version)
    return study, digest


@pytest.mark.parametrize("where", ["in the home", "given"])
def test_what_was_erased_or_deleted_since_the_backup_goes_again(
    own: Path, tmp_path: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study, digest = named_study()
    other, gone = fill()
    delete_unread(gone, reader=ANNA)
    unread = save_recording(read_path(demo_path())).digest  # opened again: it is wanted
    back_up(tmp_path / "backup")
    erase_names(study, reader=ANNA, reason="asked for")
    delete_unread(unread, reader=ANNA)
    ledger = (own / LEDGER).read_bytes()
    assert b"arcia" not in ledger
    wiped(own)
    kept = own / LEDGER if where == "in the home" else tmp_path / "saved.jsonl"
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(ledger)
    assert main(["restore", str(tmp_path / "backup"), *(["--erasures", str(kept)] if where == "given" else [])]) == 0
    assert "2 recordings that were deleted or erased since are so again" in capsys.readouterr().out
    assert get_study(study).record == neutral_name(digest)
    assert not load_identity(digest, reader=ANNA)
    assert [entry.text for entry in audit(study)][2] == "Ms [erased]"
    assert audit(study)[-1].text.endswith("brought it back")
    assert load_recording(unread) is None
    assert standing(other).version == 2  # what was not erased is as it was
    assert verify_trail().faults == ()
    assert ledger in (own / LEDGER).read_bytes()
    assert (own / LEDGER).stat().st_mode & 0o077 == 0


def test_what_was_erased_before_the_backup_and_named_again_stays(own: Path, tmp_path: Path) -> None:
    study, digest = named_study()
    erase_names(study, reader=ANNA, reason="asked for")
    save_identity(digest, Identity(name="Maria Garcia"), reader=ANNA)
    back_up(tmp_path / "backup")
    ledger = (own / LEDGER).read_bytes()
    wiped(own)
    own.mkdir()
    (own / LEDGER).write_bytes(ledger)
    assert restore_backup(tmp_path / "backup").gone_again == 0
    assert load_identity(digest, reader=ANNA).name == "Maria Garcia"
    assert (own / LEDGER).read_bytes() == ledger


def test_a_recording_that_is_signed_in_the_backup_stays_and_is_named(own: Path, tmp_path: Path) -> None:
    study, digest = named_study()
    version = sign(study, reader=ANNA, expected_version=standing(study).version)
    back_up(tmp_path / "backup")
    reopen(study, reader=ANNA, expected_version=version, reason="to delete it")
    delete_signal(study, reader=ANNA, reason="asked for")
    ledger = (own / LEDGER).read_bytes()
    wiped(own)
    own.mkdir()
    (own / LEDGER).write_bytes(b'{"at": "2026\n' + ledger + b'{"at"')  # a line cut off by a crash is passed over
    done = restore_backup(tmp_path / "backup")
    assert (done.gone_again, done.kept) == (0, (digest,))
    assert load_recording(digest) is not None


def damage(backup: Path, how: str) -> str:
    file = next(path for path in sorted((backup / "home").rglob("signal.npy")))
    if how == "changed":
        content = bytearray(file.read_bytes())
        content[1000] ^= 1
        file.write_bytes(content)
        return "is not what was written"
    if how == "lost":
        file.unlink()
        return "has lost"
    if how == "added":
        (backup / "home" / "other").write_text("x")
        return "does not name"
    (backup / "manifest.json").write_text("{")
    return "is no backup"


@pytest.mark.parametrize("how", ["changed", "lost", "added", "manifest"])
def test_a_damaged_backup_is_named_and_not_restored(own: Path, tmp_path: Path, how: str) -> None:
    fill()
    back_up(tmp_path / "backup")
    words = damage(tmp_path / "backup", how)
    with pytest.raises(StoreError, match=words):
        verify_backup(tmp_path / "backup")
    wiped(own)
    with pytest.raises(StoreError, match=words):
        restore_backup(tmp_path / "backup")
    assert not own.exists()


def test_a_full_disk_leaves_no_half_backup(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill()
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(DataError, match="MB are needed"):
        back_up(tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == []


def test_a_database_that_is_damaged_is_refused_when_it_is_opened(own: Path) -> None:
    fill()
    close_databases()
    path = own / "reviews.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x5a" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged; restore the last backup"):
        database()


def test_the_commands_say_what_they_did(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, digest = fill()
    target = str(tmp_path / "backup")
    assert main(["backup", target]) == 0
    assert main(["backup", target]) == 3
    assert main(["verify", target]) == 0
    wiped(own)
    assert main(["restore", target]) == 0
    assert recording_folder(digest) is not None
    told = capsys.readouterr()
    assert "all as they were written" in told.out
    assert "exists already" in told.err


def test_postgresql_is_dumped_and_restored(
    home: Path, tmp_path: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_database(postgres_server) as first, fresh_database(postgres_server) as second:
        monkeypatch.setenv("HEARTVISION_DATABASE_URL", first)
        study, digest = fill()
        before = standing(study)
        back_up(tmp_path / "backup")
        wiped(home)
        with pytest.raises(StoreError, match="holds tables already"):
            restore_backup(tmp_path / "backup")
        monkeypatch.setenv("HEARTVISION_DATABASE_URL", second)
        restore_backup(tmp_path / "backup")
        assert standing(study) == before
        assert load_recording(digest) is not None
        close_databases()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_backups_that_are_made_while_somebody_decides_hold_what_was_confirmed_before_them(
    kind: str, home: Path, tmp_path: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One person decides as fast as the database takes it; each of three backups is a whole moment of that."""
    with fresh_database(postgres_server) as first, ExitStack() as databases:
        if kind == "postgres":
            monkeypatch.setenv("HEARTVISION_DATABASE_URL", first)
        else:
            monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)
        study, _ = fill()
        confirmed, over = [standing(study).version], threading.Event()

        def work() -> None:
            while not over.is_set():
                symbol = "V" if confirmed[-1] % 2 else "S"
                decision = Decision("override", at(3), symbol, "")
                confirmed.append(decide(study, decision, reader=ANNA, expected_version=confirmed[-1]))

        spans = []
        with ThreadPoolExecutor(1) as threads:
            working = threads.submit(work)
            for number in range(3):
                before = confirmed[-1]
                made = back_up(tmp_path / f"backup-{number}")
                spans.append((before, confirmed[-1]))
                assert verify_backup(tmp_path / f"backup-{number}") == made
            over.set()
            working.result()
        assert spans[0][0] < spans[-1][1]
        wiped(home)
        for number, (before, after) in enumerate(spans):
            if kind == "postgres":
                monkeypatch.setenv("HEARTVISION_DATABASE_URL", databases.enter_context(fresh_database(postgres_server)))
            restore_backup(tmp_path / f"backup-{number}")
            assert before <= standing(study).version <= after + 1  # the last one may not have been told yet
            assert verify_trail().faults == ()
            wiped(home)


def test_a_backup_inside_the_home_is_refused(own: Path) -> None:
    fill()
    with pytest.raises(StoreError, match="lies in the home"):
        back_up(own / "backups" / "one")


def test_what_is_stored_until_the_database_is_written_is_in_the_backup(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill()
    dump = backup._dump

    def later(url: object, draft: Path) -> None:
        (own / "reports").mkdir()
        (own / "reports" / "signed.pdf").write_bytes(b"%PDF")
        dump(url, draft)

    monkeypatch.setattr(backup, "_dump", later)
    assert "home/reports/signed.pdf" in back_up(tmp_path / "backup").files
