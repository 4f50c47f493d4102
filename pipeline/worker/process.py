"""The worker: one process per folder that runs the requested analyses, and ends when nobody needs it."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

from pipeline.analysis import BeatClassifier, Prepared, classify, prepare, with_measurements
from pipeline.config import DEFAULT, WORKER, WorkerLimits, cache_root, database_url, home_root
from pipeline.errors import DataError, EcgError
from pipeline.principal import LOCAL
from pipeline.store.copies import remove_copies
from pipeline.store.prepared import load_prepared, save_prepared
from pipeline.store.recordings import is_stored, open_recording
from pipeline.store.results import load_analysis, save_analysis
from pipeline.store.stored_files import remove_drafts, require_room
from pipeline.worker.blocks import Remembering
from pipeline.worker.jobs import Job, Jobs, JobStatus, worker_folder
from pipeline.worker.locks import is_held, try_acquire

IDLE_S: Final = 300.0  # after this long without a job the worker ends and frees the network's memory
LOOK_S: Final = 0.1
GUARD_S: Final = 0.5  # how soon a worker notices that the last server has gone
Load = Callable[[str], BeatClassifier]


class _Cancelled(Exception):  # noqa: N818 - not an error: someone asked for it
    """The job was cancelled by someone."""


class _Outranked(Exception):  # noqa: N818 - not an error: the job continues later
    """A much shorter job is waiting."""


def run(folder: Path, load: Load | None = None, *, idle_s: float = IDLE_S) -> int:
    """Work until there is nothing to do for `idle_s` seconds; end at once if there is another worker.

    The process ends, in the middle of whatever it does, within a second of the last server's end.

    Parameters
    ----------
    folder : Path
        Where the jobs are.
    load : callable, optional
        From the name of a network to the network; the registry's if None.
    idle_s : float, optional
        How long to wait for a job, seconds.

    Returns
    -------
    int
        The exit status.
    """
    jobs = Jobs(folder)
    if try_acquire(jobs.worker_lock) is None:
        return 0
    watch = _Watch()
    threading.Thread(target=_guard, args=(jobs, watch), daemon=True).start()
    jobs.recover()
    _finish_deletions()
    networks = load or _from_registry
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < idle_s:
        job = jobs.next()
        if job is None:
            time.sleep(LOOK_S)
            continue
        watch.since, watch.job = time.monotonic(), job
        _work(jobs, job, networks)
        watch.job = None
        idle_since = time.monotonic()
    return 0


@dataclass
class _Watch:
    """What the guard looks at: the job that is worked on, and since when (`time.monotonic`)."""

    job: Job | None = None
    since: float = 0.0


def _guard(jobs: Jobs, watch: _Watch, limits: WorkerLimits = WORKER) -> None:
    """End the process when no server is left, or when one job outgrows its limits.

    Everything on disk is whole at any moment, so nothing is cleaned up. A server starts the next worker, which goes on
    with the next job: the one that was too much is refused.
    """
    while is_held(jobs.servers_lock):
        time.sleep(GUARD_S)
        job = watch.job
        if job is not None and (why := beyond(limits, _resident_bytes(), time.monotonic() - watch.since)):
            jobs.report(job, JobStatus("refused", sentence=why))
            break
    os._exit(0)


def beyond(limits: WorkerLimits, used_bytes: int, seconds: float) -> str:
    """Say which limit a job has passed; "" if none.

    Parameters
    ----------
    limits : WorkerLimits
        What it may take.
    used_bytes : int
        Resident memory of the process.
    seconds : float
        Since it began.
    """
    if used_bytes > limits.memory_bytes:
        return (
            f"The analysis took {used_bytes / 2**30:.1f} GB of memory, the limit is {limits.memory_bytes / 2**30:g}; "
            "shorten the recording."
        )
    if seconds > limits.seconds:
        return f"The analysis took {seconds / 3600:.1f} hours, the limit is {limits.seconds / 3600:g}; shorten it."
    return ""


def _resident_bytes() -> int:
    """Memory of this process; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _work(jobs: Jobs, job: Job, load: Load) -> None:
    """Run one job to its end, to a refusal, to its cancellation, or until a shorter one comes."""
    steps = _Steps(jobs, job)
    _log("begins", job)
    try:
        _analyse(jobs, job, load, steps)
        _make_studies(jobs, job)
    except _Cancelled:
        return
    except _Outranked:
        jobs.report(job, JobStatus("waiting", steps.fraction, "Waiting for a shorter recording"))
    except EcgError as error:
        jobs.report(job, JobStatus("refused", steps.fraction, str(error)))
    except Exception as error:  # noqa: BLE001 - a recording that breaks a library must not stop the next one
        sys.stderr.write(f"{type(error).__name__}\n")  # not what it says: that may hold text of the file
        traceback.print_tb(error.__traceback__, limit=8)
        jobs.report(job, JobStatus("refused", steps.fraction, _broken(error)))
    else:
        _log("is finished", job)


def _broken(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"The analysis could not be kept ({error.strerror}); make room, then try again."
    if isinstance(error, MemoryError):
        return "The analysis needs more memory than there is; close other programs or shorten the recording."
    return f"The recording could not be analysed ({type(error).__name__}); please report it."


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
    analysis = with_measurements(prepared.recording, classify(prepared, network, DEFAULT, progress=steps))
    save_analysis(analysis, job.identity, DEFAULT, job.leads)
    _require_stored(job)


def _make_studies(jobs: Jobs, job: Job) -> None:
    """Finish the job, with a study of its result if one is wanted, however late it was requested."""
    made = ""
    while wanted := jobs.finish(job, made=made):
        _make_study(job, wanted)
        made = wanted


def _make_study(job: Job, record: str) -> None:
    from pipeline.store.listing import study_of_analysis  # a worker that makes no study must not import SQLAlchemy

    analysis = load_analysis(job.digest, job.identity, DEFAULT, job.leads)
    if analysis is None:
        raise DataError("The result was deleted before a study was made of it; analyse the recording again.")
    study_of_analysis(replace(analysis, record=record), open_recording(job.digest, reader=LOCAL), reader=LOCAL)


def _prepared(job: Job) -> Prepared:
    recording = open_recording(job.digest, reader=LOCAL)
    stored = load_prepared(recording, DEFAULT, job.leads)
    if stored is not None:
        return stored
    require_room(cache_root(), recording.p_signal.nbytes)
    made = save_prepared(prepare(recording, DEFAULT, leads=job.leads), DEFAULT, job.leads)
    _require_stored(job)
    return made


def _require_stored(job: Job) -> None:
    """Take away what was just made of a recording that was deleted meanwhile, and end the job."""
    if not is_stored(job.digest):
        remove_copies(job.digest)
        raise DataError("The recording was deleted while it was analysed.")


def _finish_deletions() -> None:
    """Clear away what killed writers left, finish deletions, let go what is kept for too long.

    Without any of it, SQLAlchemy is not imported.
    """
    for place in (home_root() / "recordings", cache_root() / "prepared"):
        remove_drafts(place)
    if any((home_root() / "deletions").glob("*.json")) or not database_url().startswith("sqlite"):
        from pipeline.store.deletion import finish_deletions  # SQLAlchemy, which a worker seldom needs

        with suppress(EcgError):  # a database that does not answer: the next worker tries again
            finish_deletions()
    if os.environ.get("HEARTVISION_KEEP_DAYS") or os.environ.get("HEARTVISION_QUOTA_GB"):
        from pipeline.store.retention import expire, settings

        try:
            expire(settings(), patient=True)
        except EcgError as error:
            sys.stderr.write(f"{error}\n")


@dataclass
class _Steps:
    """Reports how far a job is, and stops it if it is cancelled or outranked."""

    jobs: Jobs
    job: Job
    fraction: float = field(default=0.0, init=False)
    network: Remembering | None = field(default=None, init=False)
    paced: tuple[float, float] = field(default=(0.0, 0.0), init=False)

    def __call__(self, fraction: float, sentence: str) -> None:
        self.fraction = fraction
        if self.network is not None and not self.network.fresh:  # the pace counts from the first block that is computed
            self.paced = (fraction, time.time())
        if not self.jobs.report(self.job, JobStatus("running", fraction, sentence, *self.paced)):
            raise _Cancelled
        if self.jobs.is_outranked(self.job):
            raise _Outranked


@cache
def _from_registry(name: str) -> BeatClassifier:
    from models import registry  # a worker that finds nothing to do must not import TensorFlow

    return registry.load(name)


def main(arguments: list[str]) -> int:
    """`python -m pipeline.worker FOLDER`."""
    folder = Path(arguments[0])
    if folder != worker_folder():
        sys.stderr.write("The code on the disk is not the server's any more; restart the server.\n")
        return 3
    os.nice(5)  # the web page has priority
    return run(folder)
