"""What a server does: ask for analyses, look how far they are, cancel them; starts the worker when there is work."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pipeline.config import ROOT
from pipeline.worker.jobs import Job, Jobs, Status, worker_folder
from pipeline.worker.locks import acquire, is_held

LOG_BYTES: Final = 2**20


@dataclass
class Client:
    """One server's hold on the worker's folder: the worker lives no longer than the last of these.

    Safe to share between threads. `close` lets go; so does the end of the process, however it ends.
    """

    folder: Path = field(default_factory=worker_folder)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._jobs = Jobs(self.folder)
        self._alive = acquire(self._jobs.servers_lock, shared=True)
        self._starting = threading.Lock()

    def ask(self, job: Job, *, study: str = "") -> None:
        """Ask for an analysis, or join those who did, or go on with one that was cancelled or stopped.

        With the name of a `study` the worker makes one of the result, whether anybody still looks or not.
        """
        with self._starting:
            if self._process is not None and self._process.poll() is not None:
                self._process = None  # whatever ended it, the user asks anew
        self._jobs.ask(job, study=study)
        self._start()

    def status(self, job: Job) -> Status:
        """How far it is; a waiting job finds its worker started again if that has ended, unless it cannot start."""
        found = self._jobs.status(job)
        if found.state == "waiting" and not self._start():
            return replace(found, state="unstarted")
        return found

    def cancel(self, job: Job) -> None:
        """Give the analysis up, for everybody; what was read is kept."""
        self._jobs.cancel(job)

    def jobs(self) -> list[tuple[Job, Status]]:
        """All analyses that are not finished, whoever asked for them, and how far they are."""
        return [(job, self.status(job)) for job in self._jobs.all()]

    def forget(self, job: Job) -> None:
        """Take an analysis that was cancelled, stopped or refused off the list, with what was read of it."""
        self._jobs.forget(job)

    def close(self) -> None:
        """Let go of the worker and, if nobody else holds it, wait for its end."""
        os.close(self._alive)
        if self._process is not None and not is_held(self._jobs.servers_lock):
            self._process.wait()

    def _start(self) -> bool:
        """Makes sure that a worker runs or starts; False if the last start failed."""
        with self._starting:
            if self._process is not None and self._process.poll() is None:
                return True
            if is_held(self._jobs.worker_lock):
                return True
            if self._process is not None and self._process.returncode != 0:
                return False
            self._process = self._spawned()
            return True

    def _spawned(self) -> subprocess.Popen[bytes]:
        log = self.folder / "log.txt"
        mode = "ab" if log.is_file() and log.stat().st_size < LOG_BYTES else "wb"
        with log.open(mode) as output:
            return subprocess.Popen(
                [sys.executable, "-m", "pipeline.worker", str(self.folder)],
                cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip
