"""Nothing is limited unless it is said; then what is due goes, what is signed stays, and the trail says why."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np
import pytest

from pipeline.cli import main
from pipeline.config import Retention, cache_root, home_root
from pipeline.errors import UsageError
from pipeline.store import retention
from pipeline.store.recordings import is_stored, recording_folder, save_recording
from pipeline.store.retention import expire, settings, used_bytes
from pipeline.store.reviews import audit, begin_review, sign
from pipeline.store.studies import create_study, get_study
from pipeline.store.verification import verify_trail
from pipeline.worker import process
from pipeline.worker.jobs import Job, Jobs, JobStatus, State, worker_folder
from tests.helpers.review_study import analysed, recorded

pytestmark = pytest.mark.usefixtures("store")
DAY = 86_400.0
ANNA = "Anna"
MONTH = Retention(days=30.0)


def stored(record: str, *, age_days: float = 0.0) -> str:
    """A recording without a study, last touched so long ago; its digest."""
    kept = save_recording(recorded(analysed(record=record)))
    facts = recording_folder(kept.digest) / "facts.json"  # type: ignore[operator]
    os.utime(facts, (time.time() - age_days * DAY,) * 2)
    return kept.digest


def studied(record: str, *, signed: bool = False) -> tuple[int, str]:
    digest = stored(record)
    number = create_study(analysed(record=record)).id
    version = begin_review(number, reader=ANNA)
    if signed:
        sign(number, reader=ANNA, expected_version=version)
    return number, digest


def derived(digest: str, size: int) -> None:
    folder = cache_root() / "prepared" / digest[:2] / digest / "key"
    folder.mkdir(parents=True)
    np.save(folder / "signal.npy", np.zeros(size, np.uint8))


def test_without_a_setting_everything_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEARTVISION_KEEP_DAYS", "HEARTVISION_QUOTA_GB"):
        monkeypatch.delenv(name, raising=False)
    digest = stored("old", age_days=10_000)
    assert settings() == Retention()
    assert expire(settings()).gone == ()
    process._finish_deletions()
    assert is_stored(digest)
    assert main(["expire"]) == 2


def test_the_environment_sets_it_and_nonsense_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTVISION_KEEP_DAYS", "90")
    monkeypatch.setenv("HEARTVISION_QUOTA_GB", "1.5")
    assert settings() == Retention(90.0, 1_500_000_000)
    for nonsense in ("-1", "0", "inf", "nan", "a year"):
        monkeypatch.setenv("HEARTVISION_KEEP_DAYS", nonsense)
        with pytest.raises(UsageError, match="HEARTVISION_KEEP_DAYS is"):
            settings()


def test_what_was_left_alone_for_too_long_goes_and_the_trail_says_why() -> None:
    old, young = stored("old", age_days=31), stored("young", age_days=29)
    number, of_study = studied("studied")
    later = time.time() + 31 * DAY
    assert [due.digest for due in expire(MONTH).gone] == [old]
    assert [is_stored(digest) for digest in (old, young, of_study)] == [False, True, True]
    assert {due.digest for due in expire(MONTH, now=later).gone} == {young, of_study}
    last = audit(number)[-1]
    assert (last.who, last.event, last.text) == ("retention", "forgotten", "nothing was done with it for 30 days")
    assert get_study(number).reader == ANNA
    assert verify_trail().faults == ()


def test_a_signed_study_keeps_its_recording_unless_that_is_said() -> None:
    number, digest = studied("signed", signed=True)
    later = time.time() + 400 * DAY
    assert expire(MONTH, now=later).gone == ()
    assert is_stored(digest)
    assert [due.studies for due in expire(replace(MONTH, signed=True), now=later).gone] == [1]
    assert not is_stored(digest)
    assert get_study(number).state == "signed"
    assert verify_trail().faults == ()


def test_a_dry_run_changes_nothing() -> None:
    digest = stored("old", age_days=31)
    assert [due.digest for due in expire(MONTH, dry=True).gone] == [digest]
    assert is_stored(digest)


def test_a_clock_that_is_wrong_once_deletes_nothing() -> None:
    """A worker marks what is old, and deletes it a day later: a clock a year ahead and set right again does no harm."""
    digest = stored("young")
    ahead = time.time() + 365 * DAY
    assert expire(MONTH, now=ahead, patient=True).gone == ()
    assert expire(MONTH, now=time.time(), patient=True).gone == ()
    assert expire(MONTH, now=time.time() + 2 * DAY, patient=True).gone == ()
    assert is_stored(digest)
    assert not list((home_root() / "expiry").glob("*.json"))
    due = time.time() + 31 * DAY
    assert expire(MONTH, now=due, patient=True).gone == ()
    assert [one.digest for one in expire(MONTH, now=due + DAY, patient=True).gone] == [digest]


def test_a_worker_lets_go_what_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTVISION_KEEP_DAYS", "30")
    digest = stored("old", age_days=31)
    process._finish_deletions()
    assert is_stored(digest)
    monkeypatch.setattr(time, "time", lambda now=time.time(): now + DAY)  # noqa: B008 - the time of now
    process._finish_deletions()
    assert not is_stored(digest)


def test_over_the_quota_what_can_be_made_again_goes_first_then_what_has_no_study() -> None:
    old, young = stored("old", age_days=9), stored("young", age_days=2)
    number, of_study = studied("studied")
    derived(old, 500_000)
    derived(of_study, 500_000)
    all_of_it = used_bytes()
    assert expire(Retention(quota_bytes=all_of_it)).gone == ()
    found = expire(Retention(quota_bytes=all_of_it - 400_000))
    assert (found.gone, found.over_bytes) == ((), 0)
    assert used_bytes() < all_of_it - 400_000
    found = expire(Retention(quota_bytes=used_bytes() - 501_000))
    assert [due.digest for due in found.gone] == [old]
    found = expire(Retention(quota_bytes=1))
    assert [due.digest for due in found.gone] == [young]
    assert found.over_bytes == used_bytes() - 1 > 0
    assert is_stored(of_study)
    assert audit(number)[-1].event == "begin"


@pytest.mark.parametrize("patient", [True, False])
def test_a_quota_leaves_a_fresh_upload_until_a_day_has_passed(patient: bool) -> None:
    digest = stored("young")
    tight = Retention(quota_bytes=1)
    assert expire(tight, patient=patient).gone == ()
    assert is_stored(digest)
    later = time.time() + tight.grace_s
    assert [due.digest for due in expire(tight, patient=patient, now=later).gone] == [digest]


@pytest.mark.parametrize("state", ["waiting", "running"])
def test_what_an_analysis_waits_for_or_reads_is_not_taken(state: State) -> None:
    digest = stored("old", age_days=31)
    derived(digest, 500_000)
    jobs = Jobs(worker_folder())
    job = Job(digest, "net", "identity", None, 1000)
    jobs.ask(job)
    jobs.report(job, JobStatus(state))
    both = replace(MONTH, quota_bytes=1)
    assert expire(both).gone == ()
    assert used_bytes() > 500_000
    jobs.report(job, JobStatus("refused"))
    assert [due.digest for due in expire(both).gone] == [digest]


def test_a_study_that_is_made_while_room_is_found_keeps_its_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    first, digest = stored("first", age_days=31), stored("old", age_days=30.5)
    remove = retention.remove_copies

    def removed(gone: str) -> int:
        create_study(analysed(record="old"))
        return remove(gone)

    monkeypatch.setattr(retention, "remove_copies", removed)
    assert [due.digest for due in expire(Retention(quota_bytes=1)).gone] == [first]
    assert is_stored(digest)


def test_the_command_says_what_goes(capsys: pytest.CaptureFixture[str]) -> None:
    digest = stored("old", age_days=31)
    assert main(["expire", "--days", "30", "--dry-run"]) == 0
    assert f"{digest[:12]}" in capsys.readouterr().out
    assert is_stored(digest)
    assert main(["expire", "--days", "30"]) == 0
    assert "1 recordings are gone" in capsys.readouterr().out
    assert not is_stored(digest)
    studied("studied")
    assert main(["expire", "--quota-gb", "0.000001"]) == 3
    assert "which a quota keeps" in capsys.readouterr().err
    assert main(["expire", "--days", "-1"]) == 2
