"""The beats that the detectors of atrial fibrillation learn from: as annotated, as found, and with wrong classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import BeatClassifier, Prepared, prepare
from pipeline.config import DEFAULT
from pipeline.datasets.rhythm_references import read_rhythms, strip_rhythm
from pipeline.errors import SignalError
from pipeline.features.network_inputs import blocks
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.rr_measures import measure_rr
from pipeline.signal.conditioning import Conditioned
from pipeline.types import Episode, FloatArray

Numbers = NDArray[np.float64]
Labels = NDArray[np.int8]

UNKNOWN: Final = -1  # label of beats that are not trained on
# Here fibrillation may go on underneath, or is said by another word.
DOUBTFUL: Final = frozenset(("AFL", "P", "NOISE", "VFL"))
PIECE_BEATS, PIECE_DRAWN = 600, 20  # of a piece with made ectopic beats: its length, and how many are trained on
VENTRICULAR: Final = frozenset(("VT", "IVR", "B", "T"))


@dataclass(frozen=True, eq=False)
class AfRecord:
    """A record with its beats and where it fibrillates.

    Attributes
    ----------
    name : str
        DATABASE/RECORD.
    duration_s : float
        Seconds.
    time_s : (n,) float64
        R peaks, seconds.
    symbol : (n,) str
        AAMI class of each.
    episodes : tuple of Episode
        Annotated rhythms.
    conditioned : Conditioned or None
        Its filtered leads, if the beats were found in a signal.
    leads : tuple of str
        Their names.
    """

    name: str
    duration_s: float
    time_s: Numbers
    symbol: NDArray[np.str_]
    episodes: tuple[Episode, ...]
    conditioned: Conditioned | None = None
    leads: tuple[str, ...] = ()

    @property
    def database(self) -> str:
        """The database that it belongs to."""
        return self.name.partition("/")[0]

    @property
    def rr_s(self) -> Numbers:
        """Seconds (n,) since the previous beat, NaN for the first."""
        return np.diff(self.time_s, prepend=np.nan)

    @property
    def context(self) -> RhythmContext:
        """What finders are given."""
        n = self.time_s.size
        return RhythmContext(
            duration_s=self.duration_s,
            time_s=self.time_s,
            symbol=self.symbol,
            trusted=np.ones(n, np.bool_),
            confidence=np.ones(n, np.float32),
            break_before=np.arange(n) == 0,
            conditioned=self.conditioned,
            leads=self.leads,
        )

    @property
    def fibrillates(self) -> Labels:
        """Per beat (n,): 1 in fibrillation, 0 in another rhythm, `UNKNOWN` where nothing or no clear rhythm is told."""
        labels = np.full(self.time_s.size, UNKNOWN, np.int8)
        for index, episode in enumerate(self.episodes):
            within = (self.time_s >= episode.start_s) & (self.time_s < episode.stop_s)
            labels[within] = self._label(index)
        return labels

    def _label(self, index: int) -> int:
        rhythm = self.episodes[index].rhythm
        if rhythm == "AFIB":
            return 1
        beside = {episode.rhythm for episode in self.episodes[max(0, index - 1) : index + 2]}
        return UNKNOWN if rhythm in DOUBTFUL or (rhythm in VENTRICULAR and "AFIB" in beside) else 0


@dataclass(frozen=True)
class Sampling:
    """How many beats of a record are trained on.

    Attributes
    ----------
    recorded : int
        With their classes.
    changed : int
        With wrong classes and beats, and again with the class N for all.
    strips : int
        Short pieces; two beats of each.
    ectopic : int
        In pieces with made ectopic beats, and with wrong classes; for records without fibrillation.
    weight : float
        Of each of these beats.
    """

    recorded: int
    changed: int
    strips: int
    ectopic: int = 0
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Examples:
    """Measures (n, k) float32, labels (n,) and weights (n,) of the beats of one record."""

    record: str
    measures: FloatArray
    label: Labels
    weight: Numbers


def annotated_record(path: Path, database: str) -> AfRecord:
    """Read the annotated beats of a record.

    Parameters
    ----------
    path : Path
        The record, without ending.
    database : str
        Its database.
    """
    found = read_rhythms(path, database)
    symbol = np.array([aami_class(symbol) or "Q" for symbol in found.symbol], "<U1")
    time_s = found.sample / found.fs
    distinct = np.flatnonzero(np.diff(time_s, prepend=-1.0) > 0)
    return AfRecord(found.record, found.duration_s, time_s[distinct], symbol[distinct], found.episodes)


def found_record(path: Path, database: str, classifier: BeatClassifier, label: str = "") -> AfRecord | None:
    """Find and classify the beats of a record from its signal.

    Parameters
    ----------
    path : Path
        The record, without ending.
    database : str
        Its database.
    classifier : BeatClassifier
        The network over beats.
    label : str, optional
        What a strip of cinc2017 is called as a whole; other records have annotated rhythms.

    Returns
    -------
    AfRecord or None
        None if it cannot be read.
    """
    recording = read_path(path.with_suffix(".hea"))
    try:
        prepared = prepare(recording)
    except SignalError:
        return None
    if len(prepared.beats) == 0:
        return None
    return AfRecord(
        f"{database}/{path.name}",
        recording.duration_s,
        prepared.beats.sample / recording.fs,
        _classes(prepared, classifier),
        _strip(label, recording.duration_s) if label else read_rhythms(path, database).episodes,
        prepared.conditioned,
        prepared.leads,
    )


def _classes(prepared: Prepared, classifier: BeatClassifier) -> NDArray[np.str_]:
    """Return what the network alone says of each beat (n,), before any rhythm is known; Q where it says nothing."""
    symbol = np.full(len(prepared.beats), "Q")
    if all(prepared.beats.reason):
        return symbol
    for block in blocks(prepared.beats, classifier.preprocessing, DEFAULT):
        symbol[block.beat] = np.array(AAMI_CLASSES)[classifier.predict(block.inputs)[block.answer].argmax(axis=1)]
    return symbol


def _strip(label: str, duration_s: float) -> tuple[Episode, ...]:
    """Return the rhythm of a strip; one with "another rhythm" than these two does not fibrillate."""
    return strip_rhythm("N" if label == "O" else label, duration_s)


def examples(record: AfRecord, sampling: Sampling, rng: np.random.Generator) -> Examples | None:
    """Draw the beats of a record that are trained on.

    Parameters
    ----------
    record : AfRecord
        The record.
    sampling : Sampling
        How many.
    rng : numpy.random.Generator
        Source of randomness.
    """
    parts = list(_parts(record, sampling, rng))
    if not parts:
        return None
    measures, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Examples(record.name, measures, labels, np.full(labels.size, sampling.weight))


def _parts(record: AfRecord, sampling: Sampling, rng: np.random.Generator) -> Iterator[tuple[FloatArray, Labels]]:
    yield from _drawn(record, sampling.recorded, rng)
    wrong, bare = with_errors(record, rng), _without_classes(with_errors(record, rng))
    for changed in (wrong, bare):
        yield from _drawn(changed, sampling.changed, rng)
    for _ in range(0, sampling.ectopic, PIECE_DRAWN):
        yield from _drawn(with_errors(with_ectopic_beats(record, rng), rng), PIECE_DRAWN, rng)
    sources = (record, wrong, bare)
    for _ in range(sampling.strips):
        source = sources[int(rng.integers(len(sources)))]
        n, first = int(rng.integers(20, 160)), int(rng.integers(max(1, source.time_s.size - 20)))
        piece = slice(first, first + n)
        yield from _drawn(replace(source, time_s=source.time_s[piece], symbol=source.symbol[piece]), 2, rng)


def _drawn(record: AfRecord, n: int, rng: np.random.Generator) -> Iterator[tuple[FloatArray, Labels]]:
    """Yield measures and labels of up to `n` beats."""
    if n == 0 or record.time_s.size < 4:
        return
    labels = record.fibrillates
    beat = np.unique(rng.integers(0, record.time_s.size, n))
    beat = beat[labels[beat] != UNKNOWN]
    if beat.size:
        yield measure_rr(record.rr_s, record.symbol, beat).values, labels[beat]


def with_errors(record: AfRecord, rng: np.random.Generator) -> AfRecord:
    """Return a record with the errors that networks and detectors make: more in some records than in others.

    In fibrillation early beats are called S, elsewhere S are missed, some V are missed and some N called V, some beats
    are not found, and R peaks are placed a few milliseconds off.

    Parameters
    ----------
    record : AfRecord
        With the right classes.
    rng : numpy.random.Generator
        Source of randomness.
    """
    time_s, symbol = record.time_s, record.symbol
    called_s, missed_s, missed_v, called_v = rng.random(4) * (0.6, 0.6, 0.2, 0.03)
    rr_s = np.diff(time_s, prepend=time_s[0] - 0.8)
    around = np.convolve(np.pad(rr_s, 8, "edge"), np.full(17, 1 / 17), "valid")
    early, chance = rr_s < 0.88 * around, rng.random(time_s.size)
    symbol = np.where((symbol == "N") & early & (record.fibrillates == 1) & (chance < called_s), "S", symbol)
    symbol = np.where((symbol == "S") & (record.fibrillates != 1) & (chance < missed_s), "N", symbol)
    symbol = np.where((symbol == "V") & (chance < missed_v), "N", symbol)
    symbol = np.where((symbol == "N") & (chance > 1 - called_v), "V", symbol)
    found = rng.random(time_s.size) >= rng.choice((0.0, 0.003, 0.01))
    jittered = np.sort(time_s + rng.uniform(-0.004, 0.004, time_s.size))
    return replace(record, time_s=jittered[found], symbol=symbol[found])


def with_ectopic_beats(record: AfRecord, rng: np.random.Generator) -> AfRecord:
    """Return a piece of a record in which some N beats come early: alone, or every second or third.

    A V is followed by a compensatory pause, an S by an interval of usual length or a little more.

    Parameters
    ----------
    record : AfRecord
        Without fibrillation.
    rng : numpy.random.Generator
        Source of randomness.
    """
    first = int(rng.integers(max(1, record.time_s.size - PIECE_BEATS)))
    piece = slice(first, first + PIECE_BEATS)
    time_s, symbol = record.time_s[piece], record.symbol[piece].copy()
    rr_s = np.diff(time_s, prepend=time_s[0] - 0.8)
    share, kind = rng.uniform(0.03, 0.4), str(rng.choice(("V", "S")))
    every = np.arange(time_s.size) % int(rng.integers(2, 4)) == 0
    in_pattern = np.repeat(rng.random(time_s.size // 25 + 1) < rng.uniform(0, 0.8), 25)[: time_s.size]
    early = np.where(in_pattern, every, rng.random(time_s.size) < share) & (symbol == "N")
    early[1:] &= ~early[:-1]
    early[[0, -1]] = False
    at = np.flatnonzero(early)
    coupling = np.clip(rng.uniform(0.5, 0.8) + rng.normal(0, rng.uniform(0.005, 0.05), at.size), 0.4, 0.9)
    rest = 2 - coupling if kind == "V" else 1 + rng.uniform(0, 0.3) * rng.random(at.size)
    rr_s[at + 1] = rest * rr_s[at + 1]
    rr_s[at] *= coupling
    symbol[at] = kind
    return replace(record, time_s=time_s[0] + np.cumsum(rr_s) - rr_s[0], symbol=symbol)


def _without_classes(record: AfRecord) -> AfRecord:
    return replace(record, symbol=np.full(record.time_s.size, "N"))


def together(found: Sequence[Examples]) -> Examples:
    """Join the examples of several records; `record` is lost."""
    return Examples(
        "",
        np.concatenate([part.measures for part in found]),
        np.concatenate([part.label for part in found]),
        np.concatenate([part.weight for part in found]),
    )
