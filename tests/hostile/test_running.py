"""What the running application meets: killed workers, full disks, clocks that jump, neighbours."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.dataset import folder as own_folder
from pipeline.config import cache_root, home_root
from pipeline.datasets import demo_path
from pipeline.errors import DataError, IntakeError
from pipeline.intake import read_path, read_uploads
from pipeline.intake.batch import holds_table, picture_files
from pipeline.intake.wfdb_annotations import parse_annotations
from pipeline.review.decisions import Decision
from pipeline.store.recordings import is_stored, load_recording, neutral_name, open_recording, save_recording
from pipeline.store.reviews import audit, begin_review, decide
from pipeline.store.studies import create_study
from pipeline.store.verification import verify_trail
from pipeline.types import Recording
from pipeline.worker import Client, Job, process
from pipeline.worker.jobs import Jobs, JobStatus
from pipeline.worker.locks import acquire
from tests.helpers.review_study import analysed, at
from tests.helpers.studies import MAIN, said
from tests.hostile.cases import cases
from tests.hostile.make_corpus import record
from tests.worker.test_limits import Network, asked

PATIENT = "Maria_Garcia_MRN77"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home and a cache of their own."""
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)
    return tmp_path


def test_annotations_are_bounded_by_the_recording() -> None:
    marks = np.full(20_000_000, (1 << 10) | 1, "<u2").tobytes()  # 40 MB: a beat at every sample
    started = time.process_time()
    with pytest.raises(IntakeError, match="40,000,000 bytes, the limit for a recording of this length is"):
        parse_annotations(marks, n_samples=60 * 360, fs=360.0)
    assert time.process_time() - started < 0.5
    files = {**record(), "r.atr": marks}
    assert "limit for a recording of this length" in " ".join(read_uploads(list(files.items()))[0].notices)


def test_a_member_without_a_name_troubles_no_question_about_an_archive() -> None:
    files = next(case.files for case in cases() if case.name == "zip: a member without a name")
    assert not holds_table(files)
    assert all(one.refusal for one in picture_files(files))


class Poison(Network):
    """Kills its process, as a broken library or the system's memory killer does."""

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(inputs)


def _worker(folder: Path) -> None:
    networks: dict[str, Callable[[], Network]] = {"poison": lambda: Poison(None), "good": lambda: Network(None)}
    process.run(folder, lambda name: networks[name](), idle_s=0.5)


def test_a_job_that_kills_its_worker_does_not_stop_the_next_one(places: Path) -> None:
    jobs = Jobs(places / "jobs")
    acquire(jobs.servers_lock, shared=True)
    poison, good = asked(jobs, "bad", "poison"), asked(jobs, "good", "good")
    ended = []
    for _ in range(3):
        worker = multiprocessing.get_context("fork").Process(target=_worker, args=(places / "jobs",))
        worker.start()
        worker.join(120)
        ended.append(worker.exitcode)
    assert -signal.SIGKILL in ended
    assert jobs.status(poison).state == "stopped"
    assert jobs.status(good) == JobStatus()  # finished, and off the list


def test_a_server_follows_a_worker_that_was_killed_with_another_one(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    class Ended:
        def __init__(self, code: int) -> None:
            self.returncode = code

        def poll(self) -> int:
            return self.returncode

        def wait(self) -> int:
            return self.returncode

    client = Client(places / "jobs")
    try:
        for code, state in ((-signal.SIGKILL, "waiting"), (-signal.SIGSEGV, "waiting"), (1, "unstarted")):
            monkeypatch.setattr(Client, "_spawned", lambda self, code=code: started.append(code) or Ended(code))
            client._process = None
            client.ask(Job("0" * 64, "cnn", "identity", None, 1000))
            assert client.status(client._jobs.all()[0]).state == state
    finally:
        client._process = None
        client.close()
    assert started.count(-signal.SIGKILL) == 2


def test_a_clock_that_jumps_a_month_ahead_loses_no_job_that_waits(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(places / "jobs")
    waiting, cancelled = (Job(digest * 64, "cnn", "identity", None, 1000) for digest in "ab")
    for job in (waiting, cancelled):
        jobs.ask(job)
    jobs.cancel(cancelled)
    monkeypatch.setattr(time, "time", lambda now=time.time(): now + 31 * 86_400)  # noqa: B008 - the time of now
    jobs.recover()
    assert jobs.all() == [waiting]
    assert jobs.status(waiting).state == "waiting"


@pytest.mark.usefixtures("store")
def test_a_clock_that_goes_back_keeps_order_versions_and_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    import pipeline.store.log as log

    number = create_study(analysed()).id
    version = begin_review(number, reader="Anna")

    class Back(log.datetime):
        @classmethod
        def now(cls, tz=None):  # type: ignore[no-untyped-def]
            return super().now(tz).replace(year=2001)

    monkeypatch.setattr(log, "datetime", Back)
    decide(number, Decision("confirm", at(1)), reader="Anna", expected_version=version)
    trail = audit(number)
    assert [(entry.seq, entry.at.year > 2001) for entry in trail] == [(1, True), (2, False)]
    assert verify_trail().faults == ()


def test_a_recording_for_which_there_is_no_room_is_refused_before_anything_is_written(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(places)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    demo = read_path(demo_path())
    with pytest.raises(DataError, match=r"MB are needed in .* MB are free; make room"):
        save_recording(demo)
    assert not is_stored(demo.digest)
    assert not (home_root() / "recordings").exists()


def test_an_analysis_for_which_there_is_no_room_is_refused_in_one_sentence(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(places / "jobs")
    acquire(jobs.servers_lock, shared=True)
    job = asked(jobs, "one", "good")
    usage = shutil.disk_usage(places)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    assert process.run(places / "jobs", lambda name: Network(None), idle_s=0.3) == 0
    assert jobs.status(job).state == "refused"
    assert "MB are needed" in jobs.status(job).sentence
    assert not (cache_root() / "prepared").exists()


@pytest.mark.parametrize("page", ["", "worklist"])
def test_a_cache_that_cannot_be_written_is_one_sentence_on_the_page(
    page: str, places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (places / "cache").write_text("a file where the folder should be")
    st.cache_resource.clear()
    opened = AppTest.from_file(MAIN, default_timeout=120).run()
    assert not opened.exception
    if page:
        opened.switch_page(f"{page}/page.py").run()
    else:
        opened.query_params["recording"] = save_recording(read_path(demo_path())).digest
        opened = AppTest.from_file(MAIN, default_timeout=120)
        opened.query_params["recording"] = read_path(demo_path()).digest
        opened.run()
    assert not opened.exception
    assert "cache cannot be written" in said(opened)


def test_what_a_killed_writer_left_half_made_is_cleared_away_and_what_is_being_made_is_not(places: Path) -> None:
    left, young = home_root() / "recordings" / "ab" / "x.part", home_root() / "recordings" / "ab" / "y.part"
    for folder in (left, young):
        folder.mkdir(parents=True)
        (folder / "signal.npy").write_bytes(b"x")
    os.utime(left, (time.time() - 7200,) * 2)
    process._finish_deletions()
    assert not left.exists()
    assert young.exists()


def test_a_name_that_one_uploader_gave_is_not_shown_to_another(places: Path) -> None:
    demo = read_path(demo_path())
    save_recording(replace(demo, name=PATIENT))
    assert open_recording(demo.digest).name == PATIENT
    assert save_recording(replace(demo, name="anon_case_12")).name == "anon_case_12"
    assert open_recording(demo.digest).name == neutral_name(demo.digest)
    assert save_recording(replace(demo, name=PATIENT)).name == PATIENT
    assert load_recording(demo.digest).name == neutral_name(demo.digest)  # type: ignore[union-attr]
    assert not [path for path in home_root().rglob("*") if path.is_file() and b"Garcia" in path.read_bytes()]


class Context:
    """What Streamlit knows of a browser."""

    def __init__(self, ip_address: str | None, headers: dict[str, str]) -> None:
        self.ip_address, self.headers = ip_address, headers


@pytest.mark.parametrize(
    ("address", "headers", "local"),
    [
        (None, {}, True),
        (None, {"Origin": "http://localhost:8501"}, True),
        (None, {"Origin": "http://[::1]:8501"}, True),
        (None, {"Origin": "https://ecg.hospital.example", "Host": "127.0.0.1:8501"}, False),  # a silent proxy
        (None, {"Origin": "http://localhost:8501", "X-Forwarded-For": "10.0.0.1"}, False),
        ("10.0.0.1", {"Origin": "http://localhost:8501"}, False),
    ],
)
def test_a_proxy_that_says_nothing_of_itself_is_not_this_computer(
    address: str | None, headers: dict[str, str], local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_folder.st, "context", Context(address, headers))
    assert own_folder.is_local() is local


def test_two_million_samples_that_differ_in_five_are_two_recordings(places: Path) -> None:
    rng = np.random.default_rng(0)
    signal = rng.normal(0, 0.1, (2_000_000, 1)).astype(np.float32)
    other = signal.copy()
    other[[7, 400_000, 900_001, 1_500_003, 1_999_999]] += 0.25
    first, second = (Recording.from_array(each, fs=250.0, leads="MLII") for each in (signal, other))
    assert first.digest != second.digest
    for one, content in ((first, signal), (second, other)):
        save_recording(one)
        assert np.array_equal(np.asarray(open_recording(one.digest).p_signal), content)


@pytest.mark.usefixtures("store")
def test_no_log_of_the_worker_names_the_patient(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / "jobs")
    acquire(jobs.servers_lock, shared=True)
    kept = save_recording(replace(read_path(demo_path()), name=PATIENT))
    for network in ("good", "bad"):
        jobs.ask(Job(kept.digest, network, network, None, kept.n_samples), study=PATIENT if network == "good" else "")
    answer = {"good": Network(None), "bad": Network(ValueError(f"cannot read {PATIENT}"))}
    process.run(tmp_path / "jobs", lambda name: answer[name], idle_s=0.3)
    told = capfd.readouterr()
    assert "begins" in told.err
    assert "ValueError" in told.err  # what broke, and where, but not what it said
    assert "Garcia" not in told.err + told.out
