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
class Soak:
    """A soak.json; a part that was not run is None."""

    provenance: Provenance
    predictions: ManyPredictions | None = None
    use: ServedSessions | None = None


@dataclass(frozen=True)
class Sessions:
    """A sessions.json."""

    provenance: Provenance
    run: ServedSessions


@dataclass(frozen=True)
class CascadeRow:
    """One way to answer: the scores by database, and the share of the beats that `vgg16` is asked about.

    Attributes
    ----------
    name : str
        In words.
    below : float
        `vgg16` is asked where `rhythm_svdb` is less confident than this; 0 never, 1 always.
    abnormal : bool
        Whether it is also asked about every beat that `rhythm_svdb` does not call N.
    share : float
        Share of `vgg16` in the log probability of a beat that it is asked about; 1 replaces the answer.
    asked : Mapping of str to float
        Share of the beats that it is asked about.
    scores : Mapping of str to (Mapping of str to float)
        F1 of N, S, V and F, and Cohen's kappa.
    cost : float
        Processor time of both networks, of that of `rhythm_svdb` alone, by the beats of all databases.
    """

    name: str
    below: float
    abnormal: bool
    share: float
    asked: Mapping[str, float]
    scores: Mapping[str, Mapping[str, float]]
    cost: float


@dataclass(frozen=True)
class Cascade:
    """A cascade.json.

    Attributes
    ----------
    provenance : Provenance
        Where it comes from.
    ms_per_beat : Mapping of str to float
        Processor time of each network, what it reads included, in one run.
    load : float
        How many processes the machine worked on then.
    held_out : tuple of CascadeRow
        Every way on patients that neither network was trained on.
    chosen : CascadeRow
        Of the ways that ask `vgg16` about some beats, the one that gains most there, or loses least.
    plain : CascadeRow
        The same of the ways where `vgg16` answers everything abnormal, and what is doubtful.
    better : bool
        Whether the chosen way gains there in every database.
    test : tuple of CascadeRow
        Either network alone and both ways, on DS2 and on the half of svdb that nothing was trained on.
    difference : Mapping of str to (Mapping of str to tuple of float)
        By way and test database: by how much its kappa differs from that of `rhythm_svdb` alone, and the ends of a 95 %
        interval.
    """

    provenance: Provenance
    ms_per_beat: Mapping[str, float]
    load: float
    held_out: tuple[CascadeRow, ...]
    chosen: CascadeRow
    plain: CascadeRow
    better: bool
    test: tuple[CascadeRow, ...]
    difference: Mapping[str, Mapping[str, tuple[float, ...]]]


@dataclass(frozen=True)
class LayerSpeed:
    """A layer of a network: what it computes for one picture, how fast, and what share of the matrix product that is.

    Attributes
    ----------
    layer : str
        Its name.
    mflop : float
        Million floating-point operations for a picture; a multiplication and an addition are two.
    gflop_s : float
        Billion operations a second of processor time.
    share : float
        Of the rate of the large matrix product.
    share_of_own_shape : float
        Of the rate of a matrix product with as many rows, columns and products as the layer has.
    """

    layer: str
    mflop: float
    gflop_s: float
    share: float
    share_of_own_shape: float


@dataclass(frozen=True)
class Precision:
    """A network in one precision, and the machine's own matrix product in the same, by turns in one process.

    Attributes
    ----------
    dtype : str
        Keras' policy.
    product : tuple of int
        Rows, inner size and columns of the matrices whose product was fastest.
    product_gflop_s : float
        Its rate, billion operations a second of processor time.
    network_gflop_s : float
        The network's, the conversion of its pictures included.
    pictures_s : float
        Pictures a second of processor time.
    share : float
        The network's rate, of that of the product.
    load : float
        How many processes the machine worked on.
    layers : tuple of LayerSpeed
        The layers with weights, each alone.
    """

    dtype: str
    product: tuple[int, int, int]
    product_gflop_s: float
    network_gflop_s: float
    pictures_s: float
    share: float
    load: float
    layers: tuple[LayerSpeed, ...]


@dataclass(frozen=True)
class Roofline:
    """A roofline.json: a network in all precisions, one thread, batches of so many pictures."""

    provenance: Provenance
    network: str
    processor: str
    batch: int
    mflop: float
    precisions: tuple[Precision, ...]


@dataclass(frozen=True)
class PeerCost:
    """What one way of reading costs.

    Attributes
    ----------
    name : str
        The library.
    does : str
        What it does of an analysis.
    leads : int
        How many leads it read.
    beats : int
        How many beats it found, or was given.
    minutes : float
        How much of the recording it read.
    cpu_s_per_hour : float
        Processor seconds for an hour of these leads, the program loaded before.
    memory_mb : int
        Most memory of its process.
    """

    name: str
    does: str
    leads: int
    beats: int
    minutes: float
    cpu_s_per_hour: float
    memory_mb: int


@dataclass(frozen=True)
class Peers:
    """A peers.json: ways of reading the same recording, one after the other; and those that were not installed."""

    provenance: Provenance
    load: float
    rows: tuple[PeerCost, ...]
    missing: tuple[str, ...]
