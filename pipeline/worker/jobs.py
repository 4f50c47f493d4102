"""The jobs in one folder: what is requested, how far it is, and every change of state under one lock."""

from __future__ import annotations

import shutil
import time
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from pipeline._util.files import write_json
from pipeline.config import DEFAULT, cache_root
from pipeline.store.keys import code_id, result_key
from pipeline.store.stored_files import read_json
from pipeline.worker.locks import is_held, locked

State = Literal["absent", "waiting", "running", "cancelled", "stopped", "refused", "unstarted"]
KEPT_DAYS: Final = 30  # for the blocks of a job that nobody resumes; one that waits is never let go


@dataclass(frozen=True)
class Job:
    """One analysis that is requested.

    Attributes
    ----------
    digest : str
        SHA-256 of the recording.
    network, identity : str
        The network, and a hash of its weights and calibration.
    leads : tuple of str, optional
        The leads to read; its own choice if None.
    n_samples : int
        Length of the recording.
    """

    digest: str
    network: str
    identity: str
    leads: tuple[str, ...] | None
    n_samples: int

    @property
    def key(self) -> str:
        """Name of the job and of its result."""
        return result_key(self.digest, self.identity, DEFAULT, self.leads)


@dataclass(frozen=True)
class JobStatus:
    """How far a job is.

    Attributes
    ----------
    state : State
        "absent" is a job that nobody requested, or that is finished: its result is then in `store.results`. "stopped"
        means that the worker ended in the middle; "refused" that the recording cannot be analysed (`sentence` says
        why); "unstarted" that the job waits for a worker that cannot start.
    fraction, sentence : float
        Last reported progress, 0..1 and in words.
    paced_fraction, paced_at : float
        Fraction and time (seconds since the epoch) at which the network began in this run.
    at : float
        When this was written, seconds since the epoch.
    """

    state: State = "absent"
    fraction: float = 0.0
    sentence: str = ""
    paced_fraction: float = 0.0
    paced_at: float = 0.0
    at: float = 0.0

    def seconds_left(self) -> float | None:
        """Estimate from the pace of this run; None until five seconds of it have passed."""
        done, elapsed = self.fraction - self.paced_fraction, self.at - self.paced_at
        if self.state != "running" or done <= 0 or elapsed < 5 or not self.paced_at:
            return None
        return elapsed / done * (1 - self.fraction)


def worker_folder() -> Path:
    """Return the folder where workers with this code and cache meet; other code has its own folder and worker."""
    return cache_root() / "worker" / code_id("pipeline.worker")


@dataclass(frozen=True)
class Jobs:
    """The jobs in a folder."""

    folder: Path

    @property
    def worker_lock(self) -> Path:
        """Held by the worker as long as it lives."""
        return self.folder / "worker.lock"

    @property
    def servers_lock(self) -> Path:
        """Held, shared, by every server as long as it lives."""
        return self.folder / "servers.lock"

    def blocks(self, job: Job) -> Path:
        """Return where the answers of an unfinished job are stored."""
        return self._of(job.key) / "blocks"

    def ask(self, job: Job, *, study: str = "") -> None:
        """Request a job, or request one again that was cancelled, stopped or refused.

        Parameters
        ----------
        study : str
            The record's name if the worker is to make a study of the result, "" if not.
        """
        with self._changing():
            (self._of(job.key) / "cancel").unlink(missing_ok=True)
            if study:
                write_json(self._of(job.key) / "study.json", {"record": study}, private=True)
            if self.status(job).state not in ("waiting", "running"):
                write_json(self._of(job.key) / "request.json", asdict(job), private=True)
                self._write(job, JobStatus("waiting", sentence="Waiting for its turn"))

    def status(self, job: Job) -> JobStatus:
        """Return how far the job is; "stopped" if its worker ended in the middle."""
        found = self._read(job.key)
        if found.state == "running" and not is_held(self.worker_lock):
            found = self._read(job.key)  # it may have finished a moment ago
            return replace(found, state="stopped") if found.state == "running" else found
        return found

    def cancel(self, job: Job) -> None:
        """Request that the job be cancelled; the blocks already computed are kept."""
        with self._changing():
            state = self.status(job).state
            if state == "running":
                (self._of(job.key) / "cancel").touch()
            elif state == "waiting":
                self._write(job, JobStatus("cancelled"))

    def next(self) -> Job | None:
        """Return the shortest waiting job: a day must not hold up a minute."""
        return min(self._waiting(), key=lambda job: job.n_samples, default=None)

    def is_outranked(self, job: Job) -> bool:
        """Tell whether a much shorter job is waiting."""
        return any(4 * other.n_samples < job.n_samples for other in self._waiting())

    def report(self, job: Job, status: JobStatus) -> bool:
        """Report how far the job is; False if it was cancelled, which is then its state."""
        with self._changing():
            cancel = self._of(job.key) / "cancel"
            cancelled = cancel.exists()
            cancel.unlink(missing_ok=True)
            self._write(job, replace(status, state="cancelled") if cancelled else status)
            return not cancelled

    def finish(self, job: Job, *, made: str = "") -> str:
        """Remove a job whose result is stored; if a study other than `made` must be made first, return its name."""
        with self._changing():
            wanted = str((read_json(self._of(job.key) / "study.json") or {}).get("record", ""))
            if wanted != made:
                return wanted
            shutil.rmtree(self._of(job.key), ignore_errors=True)
            return ""

    def remove(self, job: Job) -> None:
        """Remove a job that nobody works on from the list, with the blocks already computed."""
        with self._changing():
            if self.status(job).state not in ("waiting", "running"):
                shutil.rmtree(self._of(job.key), ignore_errors=True)

    def all(self) -> list[Job]:
        """Return all unfinished jobs."""
        requests = (read_json(path) for path in sorted((self.folder / "jobs").glob("*/request.json")))
        return [_job(request) for request in requests if request is not None]

    def recover(self) -> None:
        """Mark what was running when the last worker ended as stopped; delete what nobody has resumed for long."""
        with self._changing():
            for job in self.all():
                found = self._read(job.key)
                if found.state == "running":
                    self._write(job, replace(found, state="stopped"))
                elif found.state != "waiting" and time.time() - found.at > KEPT_DAYS * 86_400:
                    shutil.rmtree(self._of(job.key), ignore_errors=True)

    def _waiting(self) -> list[Job]:
        return [job for job in self.all() if self._read(job.key).state == "waiting"]

    def _read(self, key: str) -> JobStatus:
        found = read_json(self._of(key) / "state.json")
        return JobStatus(**found) if found is not None else JobStatus()

    def _write(self, job: Job, status: JobStatus) -> None:
        write_json(self._of(job.key) / "state.json", asdict(replace(status, at=time.time())), private=True)

    def _of(self, key: str) -> Path:
        return self.folder / "jobs" / key

    def _changing(self) -> AbstractContextManager[None]:
        return locked(self.folder / "state.lock")


def _job(request: dict[str, Any]) -> Job:
    leads = request["leads"]
    return Job(**{**request, "leads": None if leads is None else tuple(leads)})
