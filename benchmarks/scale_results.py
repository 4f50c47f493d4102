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
