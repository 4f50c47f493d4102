"""What a server does: request analyses, watch their progress, cancel them; starts the worker when there is work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Final

from pipeline.config import ROOT
from pipeline.worker.jobs import Job, Jobs, JobStatus, worker_folder
from pipeline.worker.locks import acquire, is_held

LOG_BYTES: Final = 2**20


@dataclass
class Client:
    """One server's hold on the worker's folder: the worker lives no longer than the last of these.

    It can be shared between threads. `close` releases it; so does the end of the process, however it ends.
    """

    folder: Path = field(default_factory=worker_folder)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._jobs = Jobs(self.folder)
        self._alive = acquire(self._jobs.servers_lock, shared=True)
        self._starting = threading.Lock()

    def ready(self) -> None:
        """Start the worker before there is work: whoever is about to ask need not wait for its imports."""
        self._start()

    def ask(self, job: Job, *, study: str = "") -> None:
        """Request an analysis, join those who did, or resume one that was cancelled or stopped.

        With the name of a `study`, the worker makes a study of the result, whether anybody is still watching or not.
        """
        with self._starting:
            if self._process is not None and self._process.poll() is not None:
                self._process = None  # whatever ended it, the user asks again
        self._jobs.ask(job, study=study)
        self._start()

    def status(self, job: Job) -> JobStatus:
        """Return how far it is; restarts the worker of a waiting job if it has ended, unless it cannot start."""
        found = self._jobs.status(job)
        if found.state == "waiting" and not self._start():
            return replace(found, state="unstarted")
        return found

    def cancel(self, job: Job) -> None:
        """Cancel the analysis, for everybody; the blocks already computed are kept."""
        self._jobs.cancel(job)

    def jobs(self) -> list[tuple[Job, JobStatus]]:
        """Return all unfinished analyses, whoever requested them, and how far they are."""
        return [(job, self.status(job)) for job in self._jobs.all()]

    def remove(self, job: Job) -> None:
        """Remove a cancelled, stopped or refused analysis from the list, with the blocks already computed."""
        self._jobs.remove(job)

    def close(self) -> None:
        """Release the worker and, if nobody else holds it, wait for its end; once it is released, do nothing."""
        if self._alive < 0:
            return
        os.close(self._alive)
        self._alive = -1
        if self._process is not None and not is_held(self._jobs.servers_lock):
            self._process.wait()

    def _start(self) -> bool:
        """Make sure that a worker runs or starts; False if the last start failed."""
        with self._starting:
            if self._process is not None and self._process.poll() is None:
                return True
            if is_held(self._jobs.worker_lock):
                return True
            if self._process is not None and (self._process.returncode or 0) > 0:
                return False  # it could not begin; one that was killed in the middle is followed by the next
            self._process = self._spawned()
            return True

    def _spawned(self) -> subprocess.Popen[bytes]:
        log = self.folder / "log.txt"
        mode = "ab" if log.is_file() and log.stat().st_size < LOG_BYTES else "wb"
        with _opened(log, mode) as output:
            return subprocess.Popen(
                [sys.executable, "-m", "pipeline.worker", str(self.folder)],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip


def _opened(log: Path, mode: str) -> IO[bytes]:
    """Open the worker's log, or nothing in its place where the disk has no room for it."""
    try:
        return log.open(mode)
    except OSError:
        return Path(os.devnull).open(mode)
