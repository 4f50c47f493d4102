"""What is noted of deletions: before they are done, never for good when they are refused, void when a file returns."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.config import ROOT, Retention, home_root
from pipeline.datasets import demo_path
from pipeline.errors import DataError, StoreError
from pipeline.identity import Identity
from pipeline.intake import read_path
from pipeline.store import backup, database
from pipeline.store.backup import back_up, restore_backup
from pipeline.store.database import close_databases
from pipeline.store.deletion import delete_signal, delete_unread
from pipeline.store.erasure import erase_names
from pipeline.store.identities import load_identity
from pipeline.store.ledger import LEDGER, Gone, in_force, noting, read_ledger, write_ledger
from pipeline.store.recordings import load_recording, save_recording
from pipeline.store.retention import expire
from pipeline.store.reviews import audit
from pipeline.store.studies import create_study
from tests.helpers.review_study import analysed, recorded
from tests.store.test_backup import named_study

ANNA, AT = "Anna", datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home with its own SQLite file."""
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)


@pytest.fixture
def no_more_room() -> Iterator[Callable[[int], None]]:
    """Limits files to so many bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def demo() -> str:
    return save_recording(read_path(demo_path())).digest


def noted() -> list[tuple[str, str]]:
    return [(line.digest, line.what) for line in read_ledger(home_root() / LEDGER)]


def restored(target: Path) -> backup.Restored:
    """Put a backup into a home that keeps its ledger only, as after a loss."""
    close_databases()
    kept = (home_root() / LEDGER).read_bytes()
    home_root().rename(home_root().with_name(f"lost-{time.time_ns()}"))
    home_root().mkdir()
    (home_root() / LEDGER).write_bytes(kept)
    return restore_backup(target)


def erase(study: int, unread: str) -> None:
    erase_names(study, reader=ANNA, reason="asked for")


def delete(study: int, unread: str) -> None:
    delete_signal(study, reader=ANNA, reason="asked for")


def delete_without_study(study: int, unread: str) -> None:
    delete_unread(unread, reader=ANNA)


def retain(study: int, unread: str) -> None:
    expire(Retention(days=1), now=time.time() + 10 * 86_400)


@pytest.mark.parametrize("act", [erase, delete, delete_without_study, retain])
def test_what_is_refused_at_the_commit_is_not_carried_out_by_a_restore(
    act: Callable[[int, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (study, digest), unread = named_study(), demo()
    back_up(tmp_path / "backup")

    def full(session: object) -> None:
        assert [what for _, what in noted()] in (["deleted"], ["erased"])  # before, should the machine stop here
        raise StoreError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(database, "chain_appended", full)
        with pytest.raises(StoreError, match="full"):
            act(study, unread)
    assert [what for _, what in noted()] == ["refused"]
    assert restored(tmp_path / "backup").gone_again == 0
    assert load_identity(digest, reader=ANNA).name == "Maria Garcia"
    assert load_recording(unread) is not None
    act(study, unread)  # the second time it is done, and stays
    assert restored(tmp_path / "backup").gone_again > 0


def noted_before(act: Callable[[], None]) -> None:
    with noting() as going:
        going("a" * 64, "erased")
        act()


def test_a_refusal_takes_no_room_and_leaves_what_others_noted_behind_it(
    no_more_room: Callable[[int], None],
) -> None:
    def filled() -> None:
        write_ledger(home_root() / LEDGER, [Gone(AT, "b" * 64, "erased with reports")])
        no_more_room((home_root() / LEDGER).stat().st_size)  # and not a byte more, as on a disk that is full
        write_ledger(home_root() / LEDGER, [Gone(AT, "c" * 64, "erased")])

    with pytest.raises(OSError, match="large"):
        noted_before(filled)
    assert noted() == [("a" * 64, "refused"), ("b" * 64, "erased with reports")]


def test_a_refusal_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pipeline.store.ledger._refuse", broken)
    with pytest.raises(DataError, match=r"'erasures.jsonl' says so .*Input/output error"):
        noted_before(broken)


def test_who_is_stopped_between_note_and_commit_leaves_the_note() -> None:
    script = (
        "import os\nfrom pipeline.store.ledger import noting\n"
        "with noting() as going:\n    going('a' * 64, 'deleted')\n    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 9
    assert noted() == [("a" * 64, "deleted")]


def test_what_was_stored_again_after_its_deletion_comes_back_from_an_older_backup(tmp_path: Path) -> None:
    unread, study = demo(), create_study(analysed(record="case")).id
    read = save_recording(recorded(analysed(record="case"))).digest
    back_up(tmp_path / "backup")
    delete_unread(unread, reader=ANNA)
    delete_signal(study, reader=ANNA, reason="asked for")
    assert demo() == unread
    save_recording(recorded(analysed(record="case")))
    demo()  # said once
    assert [what for _, what in noted()] == ["deleted", "deleted", "wanted", "wanted"]
    assert restored(tmp_path / "backup").gone_again == 0
    assert load_recording(unread) is not None
    assert load_recording(read) is not None
    delete_unread(unread, reader=ANNA)  # and once more, for good
    assert restored(tmp_path / "backup").gone_again == 1
    assert load_recording(unread) is None


def test_storing_a_recording_that_was_never_deleted_or_only_erased_notes_nothing(tmp_path: Path) -> None:
    study, digest = named_study()
    demo()
    assert not (home_root() / LEDGER).exists()
    back_up(tmp_path / "backup")
    erase_names(study, reader=ANNA, reason="asked for")
    assert save_recording(recorded(analysed(record="Maria_Garcia"))).digest == digest
    assert noted() == [(digest, "erased")]
    assert restored(tmp_path / "backup").gone_again == 1


def test_a_restore_says_which_texts_have_words_again_that_were_masked_on_demand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, digest = named_study()
    back_up(tmp_path / "backup")
    assert main(["erase", str(study), "--as", ANNA, "--reason", "asked for", "--also", "Ms"]) == 0
    assert "after a restore, give them again" in capsys.readouterr().err
    assert b"Ms" not in (home_root() / LEDGER).read_bytes()
    assert restored(tmp_path / "backup").named == (digest,)
    assert [entry.text for entry in audit(study)][2] == "Ms [erased]"
    ledger = home_root().with_name("saved.jsonl")
    ledger.write_bytes((home_root() / LEDGER).read_bytes())
    close_databases()
    home_root().rename(home_root().with_name("gone"))
    assert main(["restore", str(tmp_path / "backup"), "--erasures", str(ledger)]) == 0
    assert f"Texts about recording {digest[:12]} have the words of `--also` again" in capsys.readouterr().err


def test_what_fails_to_go_again_is_told_and_the_rest_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (study, digest), unread = named_study(), demo()
    back_up(tmp_path / "backup")
    erase_names(study, reader=ANNA, reason="asked for")
    delete_unread(unread, reader=ANNA)

    def refused(*given: object, **more: object) -> None:
        raise DataError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(backup, "erase_names", refused)
        done = restored(tmp_path / "backup")
    assert done.failed == ((digest, "erased", "The disk is full."),)
    assert done.gone_again == 1
    assert load_recording(unread) is None
    assert load_identity(digest, reader=ANNA) == Identity(name="Maria Garcia")  # which is what was told
    ledger = home_root().with_name("saved.jsonl")
    ledger.write_bytes((home_root() / LEDGER).read_bytes())
    close_databases()
    home_root().rename(home_root().with_name("gone"))
    monkeypatch.setattr(backup, "erase_names", refused)
    assert main(["restore", str(tmp_path / "backup"), "--erasures", str(ledger)]) == 3
    assert f"Recording {digest[:12]} was erased since, and was not again; do it by hand. The disk is full." in (
        capsys.readouterr().err
    )
    monkeypatch.undo()


def test_a_ledger_that_is_there_twice_is_read_once_and_kept_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(tmp_path / "backup")
    lines = [Gone(AT + timedelta(seconds=second), f"{second:064}", "erased") for second in range(50)]
    reads: list[Path] = []
    close_databases()
    home_root().rename(home_root().with_name("lost"))
    home_root().mkdir()
    for path in (home_root() / LEDGER, tmp_path / "saved.jsonl"):
        write_ledger(path, lines)

    def counted(path: Path, *, about: str = "") -> list[Gone]:
        reads.append(path)
        return read_ledger(path, about=about)

    monkeypatch.setattr(backup, "read_ledger", counted)
    restore_backup(tmp_path / "backup", erasures=tmp_path / "saved.jsonl")
    assert read_ledger(home_root() / LEDGER) == lines
    assert len(reads) == 3


def test_in_force_is_what_was_not_refused_nor_stored_again_each_once() -> None:
    one, other = "a" * 64, "b" * 64

    def line(second: int, digest: str, what: str) -> Gone:
        return Gone(AT + timedelta(seconds=second), digest, what)  # type: ignore[arg-type]

    lines = [
        line(5, one, "deleted"),
        line(1, one, "deleted"),
        line(2, one, "erased"),
        line(3, one, "wanted"),
        line(1, other, "deleted"),
        line(1, other, "refused"),  # of the same moment: a copy that was taken between
        line(2, one, "erased"),
    ]
    assert in_force(lines) == [line(2, one, "erased"), line(5, one, "deleted")]
