"""An archive analysed by Dask workers: a cluster of this machine's own unless a scheduler is named."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline._util.progress import Progress, no_progress
from pipeline.archive.sources import Source, find_sources
from pipeline.archive.tables import LINES, Line, write_line, write_summary
from pipeline.archive.worker import SKIPPED, process
from pipeline.config import RECORDING_NETWORK
from pipeline.errors import DataError, UsageError

if TYPE_CHECKING:
    from distributed import Client

WAITING: Final = 4  # tasks per worker that the scheduler holds at a time: it need not know a million at once
MOST_DEATHS: Final = 3  # workers that a recording may take with it before it is given up
_CONNECT_S: Final = 10
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes
    ----------
    counts : dict of str to int
        Recordings "analysed", "skipped" (finished before), "refused" and "failed".
    refused : tuple of (str, str)
        Name and reason of those that were refused or failed.
    rows : int
        Rows of the summary.
    """

    counts: dict[str, int]
    refused: tuple[tuple[str, str], ...]
    rows: int


def run_archive(
    place: str,
    output: Path,
    *,
    network: str = RECORDING_NETWORK,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: Progress = no_progress,
) -> Outcome:
    """Analyse an archive, leaving out what is finished; a bad file stops nothing but itself.

    Parameters
    ----------
    place : str
        Folder, pattern or URL; see `find_sources`.
    output : Path
        Folder of the tables: `beats/record=ID/*.parquet`, `rhythm/record=ID/*.parquet`, `summary.parquet`. Workers on
        other machines must see it under the same path.
    network : str
        Name of the network.
    scheduler : str, optional
        Address of a Dask scheduler, such as "tcp://10.0.0.5:8786"; a cluster on this machine if None.
    workers : int, optional
        Processes of the cluster on this machine; one per processor if None.
    progress : Progress, optional
        Called as work goes on.

    Returns
    -------
    Outcome
        What was done.

    Raises
    ------
    IntakeError
        If there is no recording.
    UsageError
        If the scheduler does not answer, or is lost: what is finished stays, and a new run goes on.
    DataError
        If the tables cannot be written.
    """
    sources = find_sources(place)
    (output / LINES).mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    refused = []
    with _cluster(scheduler, workers) as client:
        for done, outcomes in enumerate(_results(client, sources, str(output.resolve()), network), 1):
            for record, status, reason in outcomes:
                counts[status] += 1
                if reason:
                    refused.append((record, reason))
            progress(done / len(sources), f"{done} of {len(sources)}, {counts[SKIPPED]} finished before")
    return Outcome(dict(counts), tuple(refused), write_summary(output))


def _results(
    client: Client, sources: Sequence[Source], output: str, network: str
) -> Iterator[list[tuple[str, str, str]]]:
    """Hand out the sources as workers become free, and yield what each gave."""
    from distributed import CancelledError, as_completed
    from distributed.client import TimeoutError as Lost
    from distributed.scheduler import KilledWorker

    room = WAITING * max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
    waiting = iter(sources)
    pending: dict[Any, Source] = {}

    def hand_out() -> Any | None:
        source = next(waiting, None)
        if source is None:
            return None
        future = client.submit(process, source, output, network, pure=False, retries=0)
        pending[future] = source
        return future

    queue = as_completed([future for _ in range(room) if (future := hand_out()) is not None], loop=client.loop)
    try:
        for future in queue:
            source = pending.pop(future)
            try:
                yield future.result()
            except KilledWorker:
                yield [_given_up(source, Path(output))]
            if (following := hand_out()) is not None:
                queue.add(following)
    except (OSError, Lost, CancelledError) as error:
        raise UsageError("The scheduler was lost; what is finished stays, run the command again to go on.") from error


def _given_up(source: Source, output: Path) -> tuple[str, str, str]:
    why = f"It stopped {MOST_DEATHS} workers, perhaps for want of memory; it is tried again by the next run."
    line = write_line(Line(source.record, source.place, "failed", why), output)
    return line.record, line.status, line.reason


@contextmanager
def _cluster(scheduler: str | None, workers: int | None) -> Iterator[Client]:
    """Provide a client of the named scheduler, or of a cluster that lives as long as this block."""
    import dask
    from distributed import Client, LocalCluster

    settings = {
        "distributed.scheduler.allowed-failures": MOST_DEATHS - 1,
        "distributed.worker.daemon": True,
        "distributed.comm.timeouts.connect": f"{_CONNECT_S}s",
        "distributed.nanny.environ": {**dict.fromkeys(_ONE_THREAD, "1"), "DASK_LOGGING__DISTRIBUTED": "critical"},
    }
    with dask.config.set(settings):
        if scheduler is not None:
            try:
                client = Client(scheduler, timeout=_CONNECT_S, set_as_default=False)
            except (OSError, ValueError) as error:
                raise UsageError(
                    f"No Dask scheduler answers at {scheduler!r}; start one with `python -m dask scheduler`."
                ) from error
            try:
                yield client
            finally:
                with suppress(OSError):
                    client.close()
            return
        try:
            cluster = LocalCluster(
                n_workers=workers or len(os.sched_getaffinity(0)), threads_per_worker=1, processes=True,
                dashboard_address=None, host="127.0.0.1", silence_logs=logging.CRITICAL,
            )  # fmt: skip
        except OSError as error:
            raise DataError(f"The workers could not be started: {error.strerror}.") from error
        with cluster, Client(cluster, set_as_default=False) as client:
            yield client
