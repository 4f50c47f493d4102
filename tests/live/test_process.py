"""Real recording processes: stopped, killed, and never left behind by whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.config import ROOT
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.live.choice import SourceChoice
from pipeline.live.process import LiveManager, LiveOrder, LiveProcess, live_root

DEMO = SourceChoice("replay", path=str(demo_path()), speed=20.0)
SERVER = """
import sys, time
from pathlib import Path
from pipeline.datasets import demo_path
from pipeline.live.choice import SourceChoice
from pipeline.live.process import LiveManager
manager = LiveManager()
manager.start(SourceChoice("replay", path=str(demo_path()), speed=20.0))
print(manager.process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_recording_starts_is_watched_and_stops() -> None:
    manager = LiveManager()
    manager.start(DEMO)
    assert manager.process is not None
    process = manager.process
    until(lambda: process.state().counts)
    pid = process.pid
    manager.stop()
    assert not is_running(pid)
    assert manager.ended is not None
    assert manager.ended.phase == "finished"
    read = read_path(Path(manager.ended.header))
    assert read.n_samples == manager.ended.n_frames
    assert sorted(path.suffix for path in live_root().iterdir()) == [".dat", ".hea", ".txt"]


def test_a_recording_that_is_killed_is_kept_and_said() -> None:
    process = LiveProcess(LiveOrder(str(live_root()), "live-1", DEMO))
    until(lambda: process.state().n_frames)
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: process.state().is_over)
    state = process.state()
    assert state.phase == "failed"
    assert "what was recorded until then is kept" in state.sentence
    assert read_path(Path(state.header)).n_samples >= state.n_frames
    process.stop()


def test_a_recording_ends_with_whoever_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        pid = int(server.stdout.readline())
        until(lambda: list(live_root().glob("*.dat")))
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    until(lambda: not is_running(pid))
    (header,) = live_root().glob("*.hea")
    assert "under way" not in header.read_text()
    assert read_path(header).n_samples


def test_a_recording_waits_a_while_for_a_user_who_has_gone() -> None:
    manager = LiveManager()
    manager.start(DEMO)
    assert manager.process is not None
    pid = manager.process.pid
    manager.let_go(0.5)
    manager.hold()
    time.sleep(1.0)
    assert is_running(pid)
    manager.let_go(0.2)
    until(lambda: manager.process is None)
    assert not is_running(pid)


def test_a_source_that_cannot_be_read_is_said() -> None:
    process = LiveProcess(LiveOrder(str(live_root()), "live-1", SourceChoice("replay", path="/nowhere.hea")))
    until(lambda: process.state().is_over)
    assert "was not found" in process.stop().sentence
