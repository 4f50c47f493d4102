"""Deletion deletes: every copy, of every version, also when it was interrupted, refused, or nobody made a study."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.analysis import Prepared, prepare
from pipeline.config import cache_root, home_root
from pipeline.datasets import demo_path
from pipeline.errors import DataError, ReviewError
from pipeline.identity import Identity
from pipeline.intake import read_path
from pipeline.store.copies import copies, finish_removals, remove_copies
from pipeline.store.deletion import delete_unread, finish_deletions
from pipeline.store.identities import load_identity, save_identity
from pipeline.store.prepared import save_prepared
from pipeline.store.recordings import is_stored, load_recording, removal_note, save_recording
from pipeline.store.results import save_analysis
from pipeline.store.reviews import begin_review, sign, standing
from pipeline.store.studies import create_study
from pipeline.types import Recording
from pipeline.worker import Job, process
from tests.helpers.review_study import analysed

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def recording() -> Recording:
    """The demo with everything that is ever kept of a recording."""
    found = save_recording(read_path(demo_path()))
    save_identity(found.digest, Identity(name="Somebody"), reader="Anna")
    for leads in (None, ("MLII",)):
        save_prepared(prepare(found, leads=leads), leads=leads)
    save_analysis(replace(analysed(), digest=found.digest), "some network")
    earlier = cache_root() / "prepared" / found.digest[:2] / found.digest / ("0" * 12)  # by earlier code
    earlier.mkdir(parents=True)
    (earlier / "signal.npy").write_bytes(b"x")
    job = cache_root() / "worker" / "code" / "jobs" / "key"
    job.mkdir(parents=True)
    (job / "request.json").write_text(json.dumps({"digest": found.digest}))
    nameless = cache_root() / "prepared" / "ab" / "abcd"  # as versions before this one named them
    nameless.mkdir(parents=True)
    (nameless / "facts.json").write_text("{}")
    return found


def anywhere(digest: str) -> list[Path]:
    """Files below home and cache, but for the database, that have the digest in their path."""
    return [path for root in (home_root(), cache_root()) for path in root.rglob("*") if digest in str(path)]


def test_every_copy_goes(recording: Recording) -> None:
    assert len(copies(recording.digest)) == 6
    delete_unread(recording.digest)
    assert copies(recording.digest) == []
    assert anywhere(recording.digest) == []
    assert not list((cache_root() / "worker").glob("*/jobs/*"))
    assert load_recording(recording.digest) is None
    assert not load_identity(recording.digest)
    assert not is_stored(recording.digest)


def test_another_recording_keeps_its_copies(recording: Recording) -> None:
    other = save_recording(read_path(demo_path().with_name("207_flutter.hea")))
    remove_copies(recording.digest)
    assert load_recording(other.digest) is not None


def test_a_copy_that_cannot_be_deleted_is_said_and_tried_again(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.rmtree

    def refusing(path: Path, **options: object) -> None:
        if "recordings" in str(path):
            raise OSError(1, "Operation not permitted")
        real(path)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refusing)
        with pytest.raises(DataError, match=r"1 of 6 copies .* \(Operation not permitted\); it is tried again"):
            remove_copies(recording.digest)
        assert not is_stored(recording.digest)
        assert finish_removals() == [recording.digest]
    assert finish_removals() == []
    assert copies(recording.digest) == []


def test_a_removal_that_was_killed_is_finished(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(path: Path, **_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_copies(recording.digest)
    assert not is_stored(recording.digest)
    assert finish_removals() == []
    assert anywhere(recording.digest) == []


def test_a_recording_with_a_study_is_deleted_there(recording: Recording) -> None:
    create_study(replace(analysed(), digest=recording.digest))
    with pytest.raises(ReviewError, match="has a study"):
        delete_unread(recording.digest)
    assert is_stored(recording.digest)


def test_no_digest_is_no_path() -> None:
    assert copies("../../etc") == []
    assert not is_stored("../..")


def test_a_recording_that_is_opened_again_after_a_refused_deletion_stays(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(path: Path, **_: object) -> None:
        raise OSError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", refusing)
        with pytest.raises(DataError):
            remove_copies(recording.digest)
    assert load_recording(recording.digest) is None  # nothing shows it any more
    save_recording(read_path(demo_path()))
    assert finish_deletions() == []
    assert load_recording(recording.digest) is not None


def test_a_note_of_a_recording_that_is_signed_since_deletes_nothing(recording: Recording) -> None:
    study = create_study(replace(analysed(), digest=recording.digest)).id
    begin_review(study, reader="Anna")
    sign(study, reader="Anna", expected_version=standing(study).version)
    note = removal_note(recording.digest)
    note.parent.mkdir(exist_ok=True)
    note.write_text("{}")
    assert finish_deletions() == []
    assert load_recording(recording.digest) is not None


def test_what_is_made_of_a_recording_that_was_deleted_meanwhile_goes_too(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    remove_copies(recording.digest)
    kept = save_recording(read_path(demo_path()))

    def deleted_meanwhile(found: Recording, *_: object, **__: object) -> Prepared:
        remove_copies(found.digest)
        return prepare(kept)

    monkeypatch.setattr(process, "prepare", deleted_meanwhile)
    with pytest.raises(DataError, match="deleted while it was analysed"):
        process._prepared(Job(kept.digest, "cnn", "identity", None, kept.n_samples))
    assert anywhere(kept.digest) == []
