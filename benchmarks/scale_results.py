"""The content of docs/experiments/{soak,sessions,roofline,cascade,peers}.json as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline._util.provenance import Provenance


@dataclass(frozen=True)
class MemoryPoint:
    """Resident memory of a process, MB, after so much of a run is done."""

    done: float
    memory_mb: float


@dataclass(frozen=True)
class ManyPredictions:
    """Predictions that one or several processes made, one after the other.

    Attributes
    ----------
    network : str
        What answered.
    predictions : int
        How many pictures were answered.
    processes : int
        How many processes it took: a run that is interrupted goes on in a new one.
    cpu_s : float
        Processor seconds of all.
    load : float
        How many processes the machine worked on, mean of all points.
    growth_mb : float
        Memory at the end of a process less that after its first tenth; of several processes the most.
    memory : tuple of MemoryPoint
        Of the longest process; `done` is the predictions of that process.
    """

    network: str
    predictions: int
    processes: int
    cpu_s: float
    load: float
    growth_mb: float
    memory: tuple[MemoryPoint, ...]


@dataclass(frozen=True)
class Soak:
    """A soak.json."""

    provenance: Provenance
    predictions: ManyPredictions


@dataclass(frozen=True)
class Waits:
    """How long so many actions of a kind took until the page was there again, seconds by the clock."""

    n: int
    median_s: float
    p95_s: float
    most_s: float


@dataclass(frozen=True)
class ServedSessions:
    """Sessions on one server, the first half analysing and the others reviewing.

    Attributes
    ----------
    sessions : int
        How many at the same time.
    minutes : float
        How long it took by the clock.
    pace : float
        How many times as fast as people they acted; 1 is a click every five seconds.
    hours_of_use : float
        Time that people need for as many clicks: all clicks by the seconds of one, divided by the sessions.
    load : float
        How many processes the machine worked on, mean.
    waits : Mapping of str to Waits
        By kind of action.
    server_cpu_s, cpu_s_per_action : float
        Processor seconds of the server, in all and divided by the actions; the worker's are not among them.
    analysed, lost_jobs : int
        Recordings of 30 minutes whose analysis was asked for and shown, and those that were never shown.
    decisions, lost_decisions : int
        Decisions that reviewers took, and those of them that are not in the database.
    pages_checked, wrong_pages : int
        Pages that name a recording, and those of them that named one of another session, or not the session's own.
    errors : tuple of str
        What went wrong otherwise, each kind once.
    growth_mb, worker_growth_mb : float
        Memory of the server, and of its worker, in the last fifth less that in the second fifth; means.
    memory : tuple of MemoryPoint
        Of the server; `done` is minutes.
    """

    sessions: int
    minutes: float
    pace: float
    hours_of_use: float
    load: float
    waits: Mapping[str, Waits]
    server_cpu_s: float
    cpu_s_per_action: float
    analysed: int
    lost_jobs: int
    decisions: int
    lost_decisions: int
    pages_checked: int
    wrong_pages: int
    errors: tuple[str, ...]
    growth_mb: float
    worker_growth_mb: float
    memory: tuple[MemoryPoint, ...]


@dataclass(frozen=True)
class Sessions:
    """A sessions.json."""

    provenance: Provenance
    run: ServedSessions
