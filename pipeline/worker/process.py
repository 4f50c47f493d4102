"""The worker: one process per folder that analyses what is asked for, and ends when nobody needs it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

from pipeline.analysis import BeatClassifier, Prepared, classify, prepare
from pipeline.config import DEFAULT
from pipeline.errors import DataError, EcgError
from pipeline.store.prepared import load_prepared, save_prepared
from pipeline.store.recordings import open_recording
from pipeline.store.results import load_analysis, save_analysis
from pipeline.worker.blocks import Remembering
from pipeline.worker.jobs import Job, Jobs, Status, worker_folder
from pipeline.worker.locks import is_held, try_acquire

IDLE_S: Final = 300.0  # after so long without a job the worker ends and gives back the network's memory
LOOK_S: Final = 0.1
GUARD_S: Final = 0.5  # how soon a worker notices that the last server is gone
Load = Callable[[str], BeatClassifier]


class _Cancelled(Exception):  # noqa: N818 - no error: someone asked for it
    """The job was given up by someone."""


class _Outranked(Exception):  # noqa: N818 - no error: the job goes on later
    """A much shorter job waits."""


def run(folder: Path, load: Load | None = None, *, idle_s: float = IDLE_S) -> int:
    """Work until there is nothing to do for `idle_s` seconds; at once if another worker is there.

    The process ends, in the middle of whatever it does, within a second of the last server's end.

    Parameters
    ----------
    load : callable, optional
        From the name of a network to the network; the registry's if None.
    """
    jobs = Jobs(folder)
    if try_acquire(jobs.worker_lock) is None:
        return 0
    threading.Thread(target=_guard, args=(jobs,), daemon=True).start()
    jobs.recover()
    networks = load or _from_registry
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < idle_s:
        job = jobs.next()
        if job is None:
            time.sleep(LOOK_S)
            continue
        _work(jobs, job, networks)
        idle_since = time.monotonic()
    return 0


def _guard(jobs: Jobs) -> None:
    """Ends the process when no server is left. Everything on disk is whole at any moment, so nothing is tidied up."""
    while is_held(jobs.servers_lock):
        time.sleep(GUARD_S)
    os._exit(0)


def _work(jobs: Jobs, job: Job, load: Load) -> None:
    """One job, to its end, to a refusal, to its cancellation, or until a shorter one comes."""
    steps = _Steps(jobs, job)
    _log("begins", job)
    try:
        _analyse(jobs, job, load, steps)
        _make_studies(jobs, job)
    except _Cancelled:
        return
    except _Outranked:
        jobs.report(job, Status("waiting", steps.fraction, "Waiting for a shorter recording"))
    except EcgError as error:
        jobs.report(job, Status("refused", steps.fraction, str(error)))
    else:
        _log("is finished", job)


def _log(what: str, job: Job) -> None:
    sys.stderr.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} analysis {job.key[:12]} by {job.network} {what}\n")


def _analyse(jobs: Jobs, job: Job, load: Load, steps: _Steps) -> None:
    steps(0.0, "Filtering the signal and finding R peaks")
    prepared = _prepared(job)
    stored = load_analysis(job.digest, job.identity, DEFAULT, job.leads)
    if stored is not None and stored.sample.size == len(prepared.beats):
        return
    steps(0.08, "Loading the network")
    network = Remembering(load(job.network), jobs.blocks(job))
    steps.network = network
    save_analysis(classify(prepared, network, DEFAULT, progress=steps), job.identity, DEFAULT, job.leads)


def _make_studies(jobs: Jobs, job: Job) -> None:
    """Finish the job, with a study of its result if one is wanted: none is forgotten, however late it was asked for."""
    made = ""
    while wanted := jobs.finish(job, made=made):
        _make_study(job, wanted)
        made = wanted


def _make_study(job: Job, record: str) -> None:
    from pipeline.store.listing import study_of_analysis  # SQLAlchemy's import is not for a worker that needs no study

    analysis = load_analysis(job.digest, job.identity, DEFAULT, job.leads)
    if analysis is None:
        raise DataError("The result was deleted before a study was made of it; analyse the recording again.")
    study_of_analysis(replace(analysis, record=record), open_recording(job.digest))


def _prepared(job: Job) -> Prepared:
    recording = open_recording(job.digest)
    stored = load_prepared(recording, DEFAULT, job.leads)
    return stored or save_prepared(prepare(recording, DEFAULT, leads=job.leads), DEFAULT, job.leads)


@dataclass
class _Steps:
    """Tells the folder how far a job is, and stops it where it is cancelled or outranked."""

    jobs: Jobs
    job: Job
    fraction: float = field(default=0.0, init=False)
    network: Remembering | None = field(default=None, init=False)
    paced: tuple[float, float] = field(default=(0.0, 0.0), init=False)

    def __call__(self, fraction: float, sentence: str) -> None:
        self.fraction = fraction
        if self.network is not None and not self.network.fresh:  # the pace counts from the first block computed
            self.paced = (fraction, time.time())
        if not self.jobs.report(self.job, Status("running", fraction, sentence, *self.paced)):
            raise _Cancelled
        if self.jobs.is_outranked(self.job):
            raise _Outranked


@cache
def _from_registry(name: str) -> BeatClassifier:
    from models import registry  # TensorFlow's import is not for a worker that finds nothing to do

    return registry.load(name)


def main(arguments: list[str]) -> int:
    """`python -m pipeline.worker FOLDER`."""
    folder = Path(arguments[0])
    if folder != worker_folder():
        sys.stderr.write("The code on the disk is not the server's any more; restart the server.\n")
        return 3
    os.nice(5)  # the page comes first
    return run(folder)
