"""Real worker processes with a real network: killed, cancelled, shared, and never left behind."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models import registry
from pipeline.analysis import analyse
from pipeline.config import ROOT
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.store.recordings import save_recording
from pipeline.store.results import load_analysis
from pipeline.types import Analysis, Recording
from pipeline.worker import Client, Job
from pipeline.worker.jobs import Jobs, worker_folder
from pipeline.worker.locks import is_held

NETWORK = "cnn"
WITHIN_S = 600.0
SERVER = """
import sys, time
from pipeline.worker import Client, Job
Client().ask(Job(sys.argv[1], sys.argv[2], sys.argv[3], None, int(sys.argv[4])))
time.sleep(600)
"""


def until(condition: Callable[[], object]) -> None:
    """Waits until the condition holds."""
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def tiled(times: int) -> Recording:
    """The demo recording over and over."""
    demo = read_path(demo_path())
    digest = hashlib.sha256(f"{times}".encode()).hexdigest()
    return replace(demo, p_signal=np.tile(demo.p_signal, (times, 1)), reference=None, digest=digest)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    return worker_folder()


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    with_hold = Client()
    yield with_hold
    with_hold.close()
    until(lambda: not workers(folder))


@pytest.fixture
def jobs(folder: Path) -> Jobs:
    return Jobs(folder)


def workers(folder: Path) -> list[int]:
    """Processes that work in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"pipeline.worker" in command and str(folder).encode() in command:
            found.append(int(process.name))
    return found


@contextmanager
def server(wanted: Job) -> Iterator[subprocess.Popen[bytes]]:
    """Another server, which asks for a job; it is killed at the end of the block if it still lives."""
    arguments = (wanted.digest, wanted.network, wanted.identity, str(wanted.n_samples))
    process = subprocess.Popen([sys.executable, "-c", SERVER, *arguments], cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def job(recording: Recording) -> Job:
    kept = save_recording(recording)
    return Job(kept.digest, NETWORK, registry.manifest(NETWORK).identity, None, kept.n_samples)


def result(wanted: Job) -> Analysis:
    found = load_analysis(wanted.digest, wanted.identity)
    assert found is not None
    return found


def blocks(jobs: Jobs, wanted: Job) -> int:
    return len(list(jobs.blocks(wanted).glob("*.npy")))


def test_a_worker_that_is_ready_before_there_is_work_does_the_work(client: Client, jobs: Jobs) -> None:
    client.ready()
    until(lambda: workers(jobs.folder))
    (worker,) = workers(jobs.folder)
    client.ready()
    wanted = job(tiled(1))
    client.ask(wanted)
    until(lambda: client.status(wanted).state == "absent")
    assert result(wanted).sample.size > 400
    assert workers(jobs.folder) == [worker]
    log = jobs.folder / "log.txt"
    until(lambda: len(log.read_text().splitlines()) > 1)  # the last line follows the result
    assert [line.rpartition(f" by {NETWORK} ")[2] for line in log.read_text().splitlines()] == ["begins", "is finished"]


def test_an_analysis_killed_in_the_middle_goes_on_to_the_same_result(client: Client, jobs: Jobs) -> None:
    recording = tiled(8)
    wanted = job(recording)
    client.ask(wanted)
    until(lambda: blocks(jobs, wanted) >= 2)
    (worker,) = workers(jobs.folder)
    os.kill(worker, signal.SIGKILL)
    until(lambda: client.status(wanted).state == "stopped")
    kept = blocks(jobs, wanted)
    assert kept < 8
    assert load_analysis(wanted.digest, wanted.identity) is None
    client.ask(wanted)
    until(lambda: client.status(wanted).state == "absent")
    found, expected = result(wanted), analyse(recording, registry.load(NETWORK))
    assert np.array_equal(found.sample, expected.sample)
    assert found.p.tobytes() == expected.p.tobytes()
    assert found.reason == expected.reason


def test_two_servers_that_ask_at_once_share_one_worker_and_one_analysis(client: Client, jobs: Jobs) -> None:
    wanted = job(tiled(4))
    with server(wanted), server(wanted):
        client.ask(wanted)
        until(lambda: client.status(wanted).state == "absent")
        until(lambda: len(workers(jobs.folder)) == 1)
    assert result(wanted).sample.size > 1000
    log = jobs.folder / "log.txt"
    until(lambda: " is finished" in log.read_text())  # logged after the result is there
    assert log.read_text().count(" begins") == log.read_text().count(" is finished") == 1


def test_a_cancelled_analysis_stops_keeps_what_was_read_and_can_go_on(client: Client, jobs: Jobs) -> None:
    wanted = job(tiled(8))
    client.ask(wanted)
    until(lambda: blocks(jobs, wanted) >= 1)
    client.cancel(wanted)
    until(lambda: client.status(wanted).state == "cancelled")
    assert blocks(jobs, wanted) >= 1
    client.ask(wanted)
    until(lambda: client.status(wanted).state == "absent")
    assert result(wanted).sample.size > 3000


def test_a_short_recording_does_not_wait_for_a_long_one(client: Client, jobs: Jobs) -> None:
    long, short = job(tiled(12)), job(tiled(1))
    client.ask(long)
    until(lambda: blocks(jobs, long) >= 1)
    client.ask(short)
    until(lambda: client.status(short).state == "absent")
    assert client.status(long).state in ("waiting", "running")
    until(lambda: client.status(long).state == "absent")
    assert result(long).sample.size > 10 * result(short).sample.size


def test_what_cannot_be_analysed_is_refused_with_its_sentence(client: Client) -> None:
    recording = tiled(1)
    p_signal = recording.p_signal.copy()
    p_signal[round(5 * recording.fs) :] = np.nan
    short = job(replace(recording, p_signal=p_signal))
    client.ask(short)
    until(lambda: client.status(short).state == "refused")
    assert "Not enough signal" in client.status(short).sentence


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_server(folder: Path, jobs: Jobs, number: signal.Signals) -> None:
    wanted = job(tiled(8))
    with server(wanted) as process:
        until(lambda: jobs.status(wanted).state == "running")
        process.send_signal(number)
        process.wait()
    until(lambda: not workers(folder))
    until(lambda: jobs.status(wanted).state == "stopped")


def test_a_worker_of_other_code_does_not_start_and_that_is_said(tmp_path: Path) -> None:
    client = Client(tmp_path / "other")
    wanted = job(tiled(1))
    client.ask(wanted)
    until(lambda: client.status(wanted).state == "unstarted")
    assert "restart the server" in (tmp_path / "other" / "log.txt").read_text()
    client.close()


@pytest.mark.usefixtures("client")
def test_an_idle_worker_ends_by_itself(folder: Path) -> None:
    script = "import sys; from pathlib import Path; from pipeline.worker.process import run; "
    script += "sys.exit(run(Path(sys.argv[1]), idle_s=0.1))"
    assert subprocess.run([sys.executable, "-c", script, str(folder)], cwd=ROOT, timeout=WITHIN_S).returncode == 0


def test_a_client_can_be_closed_twice(tmp_path: Path) -> None:
    client = Client(tmp_path)
    client.close()
    client.close()
    assert not is_held(Jobs(tmp_path).servers_lock)
