"""A run that is cut short, by its scheduler or by the disk, and run again, gives the bytes of a quiet one."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pipeline.archive import tables
from pipeline.archive.run import run_archive
from pipeline.archive.sources import find_sources
from pipeline.archive.worker import process
from pipeline.config import RECORDING_NETWORK, ROOT
from pipeline.errors import DataError
from tests.archive.test_archive import content

DEMO = ROOT / "data" / "demo"
SMALL = ("unshare", "--map-root-user", "--mount")
# On a file system of its own with room for some of the tables; then with room for all of them.
FULL = """
set -u
mount -t tmpfs -o size={kilobytes}k none {folder}
{batch} --output {folder}; echo "first $?"
mount -o remount,size=64m {folder}
{batch} --output {folder}; echo "second $?"
cp -r {folder}/. {kept}
"""


def sources() -> list[str]:
    return [str(DEMO / f"{name}.hea") for name in ("207_flutter", "219_fibrillation")]


def direct(output: Path) -> None:
    """Two recordings in this process, then the summary."""
    for place in sources():
        process(find_sources(place)[0], str(output), RECORDING_NETWORK)
    tables.write_summary(output)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    output = tmp_path_factory.mktemp("quiet")
    direct(output)
    return content(output)


@pytest.mark.parametrize("written", [0, 1, 2, 3, 4, 7, 8])
def test_wherever_the_disk_is_full_a_rerun_gives_the_same_bytes(
    written: int, quiet: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, left = os.replace, [written]

    def full(*given: object, **more: object) -> None:
        if left[0] == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= 1
        whole(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DataError, match="No space left"):
        direct(tmp_path)
    assert len(content(tmp_path)) == written
    assert set(content(tmp_path).items()) <= set(quiet.items())
    monkeypatch.undo()
    direct(tmp_path)
    assert content(tmp_path) == quiet


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [60, 160])
def test_a_file_system_that_is_full_stops_a_batch_in_one_sentence_and_a_rerun_gives_the_same_bytes(
    kilobytes: int, tmp_path: Path
) -> None:
    mount = [*SMALL, "mount", "-t", "tmpfs", "none", str(tmp_path)]
    if shutil.which("unshare") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a file system of their own")
    small, kept, usual = (tmp_path / name for name in ("small", "kept", "usual"))
    small.mkdir()
    kept.mkdir()
    batch = f"{sys.executable} -m pipeline batch {DEMO} --workers 1"
    script = FULL.format(kilobytes=kilobytes, folder=small, kept=kept, batch=batch)
    done = subprocess.run([*SMALL, "bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "No space left on device" in done.stderr, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert "first 0" not in done.stdout
    assert "second 0" in done.stdout
    run_archive(str(DEMO), usual, workers=1)
    assert content(kept) == content(usual)


@pytest.mark.slow
def test_a_scheduler_that_is_killed_and_started_again_changes_no_byte(tmp_path: Path) -> None:
    usual, lost = tmp_path / "usual", tmp_path / "lost"
    run_archive(str(DEMO), usual, workers=1)
    with cluster(tmp_path) as (address, scheduler):
        running = batch(lost, address)
        while not list(lost.glob("records/*.json")):  # in the middle of the run
            assert running.poll() is None, running.communicate()
            time.sleep(0.1)
        os.kill(scheduler.pid, signal.SIGKILL)
        _, said = running.communicate(timeout=300)
    assert running.returncode != 0
    assert "scheduler was lost" in said
    assert "Traceback" not in said
    before = len(list(lost.glob("records/*.json")))
    assert 0 < before < len(list(usual.glob("records/*.json")))
    with cluster(tmp_path) as (address, _):
        again = batch(lost, address)
        told, said = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert "skipped" in told
    assert content(lost) == content(usual)


def batch(output: Path, scheduler: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipeline", "batch", str(DEMO), "--output", str(output), "--scheduler", scheduler]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a scheduler and one worker of it, as `docs/scaling.md` says; give its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / f"scheduler-{port}.json"
    dask = (sys.executable, "-m", "dask")
    where = ("--host", "127.0.0.1", "--no-dashboard")
    started = [start(*dask, "scheduler", *where, "--port", str(port), "--scheduler-file", str(file))]
    try:
        until(file.is_file)
        address = json.loads(file.read_text())["address"]
        started.append(start(*dask, "worker", address, "--nthreads", "1", *where))
        yield address, started[0]
    finally:
        for process_group in reversed(started):
            with suppress(ProcessLookupError):
                os.killpg(process_group.pid, signal.SIGKILL)
            process_group.wait()


def start(*command: str) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def until(condition: object, seconds: float = 60.0) -> None:
    """Wait until something is true."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
