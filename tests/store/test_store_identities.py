"""Who was recorded and when: kept apart, private, audited without a word of it, deleted with the recording."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import home_root
from pipeline.errors import IntakeError, ReviewError
from pipeline.identity import FIELD_WORDS, Identity
from pipeline.review.decisions import Decision
from pipeline.store.deletion import delete_signal
from pipeline.store.identities import delete_identity, load_identity, save_identity
from pipeline.store.recordings import load_recording, open_recording, save_recording
from pipeline.store.reviews import audit, decide, sign, standing
from pipeline.store.studies import create_study, worklist
from pipeline.types import Recording
from tests.helpers.review_study import analysed, at

pytestmark = pytest.mark.usefixtures("store")
ANNA = "Anna"
WHO = Identity("4711-X", "Quirin Zwiebelfisch", "M", 1951, "syncope at night", datetime(2025, 3, 3, 23, 0, 0, 250_000))
PERSONAL = ("4711", "Quirin", "Zwiebelfisch", "1951", "syncope", "2025-03-03", "23:00")


def _stored(**other: object) -> str:
    """A stored recording with its identity in hand, which is not kept by that."""
    analysis = analysed()
    signal = np.zeros((round(analysis.duration_s * analysis.fs), 1), np.float32)
    digest = str(other.get("digest", analysis.digest))
    recording = Recording("case", analysis.fs, signal, analysis.leads, digest, (True,), identity=WHO)
    assert save_recording(recording).identity is None
    return digest


def test_storing_a_recording_keeps_nobody() -> None:
    digest = _stored()
    assert open_recording(digest).identity is None
    assert not load_identity(digest)
    assert not any("Quirin" in file.read_text("latin-1") for file in home_root().rglob("*") if file.is_file())


def test_what_is_kept_comes_back_with_the_recording_and_lies_in_one_private_file() -> None:
    digest = _stored()
    assert save_identity(digest, WHO, reader=ANNA) == tuple(words for _, words in FIELD_WORDS)
    assert load_identity(digest) == WHO
    assert open_recording(digest).identity == WHO
    files = [file for file in home_root().rglob("*") if file.is_file() and "Zwiebelfisch" in file.read_text("latin-1")]
    assert [file.relative_to(home_root()).as_posix() for file in files] == [f"identities/{digest}.json"]
    assert (files[0].stat().st_mode & 0o777, files[0].parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_time_zone_survives() -> None:
    digest = _stored()
    start = datetime(2025, 3, 3, 23, 0, tzinfo=timezone(timedelta(hours=2)))
    save_identity(digest, Identity(start=start), reader=ANNA)
    found = load_identity(digest).start
    assert found == start
    assert found is not None
    assert found.utcoffset() == timedelta(hours=2)


def test_the_trail_of_each_study_says_which_fields_and_never_what(caplog: pytest.LogCaptureFixture) -> None:
    digest, analysis = _stored(), analysed()
    studies = [create_study(replace(analysis, model=name)).id for name in ("cnn", "resnet")]
    save_identity(digest, WHO, reader=ANNA)
    save_identity(digest, replace(WHO, name="Quirina Zwiebelfisch", birth_year=None), reader="Bob")
    for number in studies:
        first, second = audit(number)
        assert (first.who, first.event, first.sentence()) == (ANNA, "identity", "changed the patient's details")
        assert (second.who, second.text) == ("Bob", "name, year of birth")
        told = json.dumps([vars(first) | {"at": ""}, vars(second) | {"at": ""}], default=str)
        assert not any(word in told for word in PERSONAL)
    database = (home_root() / "reviews.sqlite").read_bytes() if (home_root() / "reviews.sqlite").exists() else b""
    assert not any(word.encode() in database for word in ("Quirin", "Zwiebelfisch", "syncope"))
    assert not any(word in caplog.text for word in PERSONAL)
    assert not worklist(text="zwiebelfisch").studies


def test_nothing_changed_is_no_entry() -> None:
    digest = _stored()
    study = create_study(analysed()).id
    save_identity(digest, WHO, reader=ANNA)
    assert save_identity(digest, WHO, reader=ANNA) == ()
    assert len(audit(study)) == 1


def test_decisions_stay_in_force_when_the_patient_is_named() -> None:
    digest = _stored()
    study = create_study(analysed()).id
    decide(study, Decision("override", at(1), "V"), reader=ANNA, expected_version=0)
    save_identity(digest, WHO, reader=ANNA)
    assert standing(study).decisions == (Decision("override", at(1), "V"),)
    assert standing(study).version == 3  # begun, decided, named
    assert standing(study).state == "in_review"


def test_a_signed_study_keeps_its_patient() -> None:
    digest = _stored()
    study = create_study(analysed()).id
    save_identity(digest, WHO, reader=ANNA)
    version = decide(study, Decision("confirm", at(1)), reader=ANNA, expected_version=1)
    sign(study, reader=ANNA, expected_version=version)
    with pytest.raises(ReviewError, match="signed and read-only"):
        save_identity(digest, Identity(), reader=ANNA)
    assert load_identity(digest) == WHO


def test_deleting_the_recording_deletes_who_it_was() -> None:
    digest = _stored()
    study = create_study(analysed()).id
    save_identity(digest, WHO, reader=ANNA)
    delete_signal(study, reader=ANNA, reason="was asked to")
    assert not load_identity(digest)
    assert list((home_root() / "identities").iterdir()) == []
    assert load_recording(digest) is None


def test_leaving_everything_out_leaves_no_file() -> None:
    digest = _stored()
    save_identity(digest, WHO, reader=ANNA)
    save_identity(digest, Identity(), reader=ANNA)
    assert list((home_root() / "identities").iterdir()) == []


@pytest.mark.parametrize(
    "act",
    [
        lambda digest: save_identity(digest, replace(WHO, name="Zwiebelfisch" * 40), reader=ANNA),
        lambda digest: save_identity(digest, replace(WHO, birth_year=1066), reader=ANNA),
        lambda digest: save_identity(digest, replace(WHO, start=datetime(1066, 3, 3)), reader=ANNA),
        lambda digest: save_identity(digest, WHO, reader="  "),
        lambda digest: save_identity("../../etc/passwd", WHO, reader=ANNA),
    ],
)
def test_what_cannot_be_kept_is_refused_without_repeating_it(act: Callable[[str], object]) -> None:
    digest = _stored()
    with pytest.raises((IntakeError, ReviewError)) as refused:
        act(digest)
    assert not any(word in str(refused.value) for word in ("Zwiebelfisch", "1066", "passwd"))
    assert not load_identity(digest)


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"name": 5}', b'{"nobody": ""}', b'{"start": "when"}', b'{"start": 7}']
)
def test_a_damaged_file_is_nobody(damage: bytes) -> None:
    digest = _stored()
    save_identity(digest, WHO, reader=ANNA)
    (home_root() / "identities" / f"{digest}.json").write_bytes(damage)
    assert not load_identity(digest)
    assert open_recording(digest).identity is None


def test_only_a_digest_names_a_file(tmp_path: Path) -> None:
    (tmp_path / "identities").mkdir(exist_ok=True)
    assert not load_identity("../facts")
    delete_identity("../facts")
