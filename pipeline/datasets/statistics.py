"""What is in the public databases: beats per class, RR intervals, leads, and what occurs twice."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline._util.typed_json import read_as, to_json
from pipeline.config import DEFAULT, SHIPPED, Config
from pipeline.datasets.splits import SAME_PERSON, split_of
from pipeline.errors import DataError
from pipeline.labels import AAMI_CLASSES, LabelTable, aami_class
from pipeline.types import IntArray, Recording

STATISTICS_PATH: Final = SHIPPED / "statistics.json"
TABLES: Final[tuple[LabelTable, ...]] = ("de_chazal", "bxb")
RR_BIN_MS: Final = 40
RR_BINS: Final = 50  # 0 to 2000 ms; the last bin also holds all longer intervals
TWINS_LISTED: Final = 20


@dataclass(frozen=True)
class RecordStatistics:
    """One record, counted.

    Attributes
    ----------
    dataset, record : str
        Database and record.
    group : str
        Its set (ds1, ds2, paced) or its database.
    fs_hz, duration_s : float
        Sampling frequency in Hz, and length in seconds.
    leads : tuple of str
        Names of its leads.
    counts : mapping of str to mapping of str to int
        Beats by label table and class.
    ignored : int
        Annotations that mark no beat.
    heart_rate_bpm : float
        Mean rate, beats a minute.
    """

    dataset: str
    record: str
    group: str
    fs_hz: float
    duration_s: float
    leads: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    ignored: int
    heart_rate_bpm: float

    @property
    def n_beats(self) -> int:
        """Number of beats."""
        return sum(self.counts["de_chazal"].values())


@dataclass(frozen=True)
class Twins:
    """What is byte-identical: groups of names ("mitdb/100 MLII", "mitdb/100 sample 77"), only a few of them listed."""

    compared: int
    groups: int
    across_sets: int
    listed: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Statistics:
    """Everything that the Dataset page shows.

    Attributes
    ----------
    provenance : mapping of str to str
        How it was made.
    records : tuple of RecordStatistics
        The records, counted.
    rr_counts : mapping of str to mapping of str to tuple of int
        By group and class, a histogram of RR intervals: RR_BINS bins of RR_BIN_MS.
    twins : mapping of str to Twins
        What is byte-identical, by what was compared.
    same_person : tuple of (str, str)
        Pairs of records of one person.
    """

    provenance: Mapping[str, str]
    records: tuple[RecordStatistics, ...]
    rr_counts: Mapping[str, Mapping[str, tuple[int, ...]]]
    twins: Mapping[str, Twins]
    same_person: tuple[tuple[str, str], ...]

    def groups(self) -> tuple[str, ...]:
        """Return the sets and databases, in the order of the records."""
        return tuple(dict.fromkeys(record.group for record in self.records))

    def counts(self, group: str, table: LabelTable = "de_chazal") -> dict[str, int]:
        """Count the beats per AAMI class of one set or database."""
        inside = [record.counts[table] for record in self.records if record.group == group]
        return {name: sum(counts[name] for counts in inside) for name in AAMI_CLASSES}


def gather_statistics(recordings: Iterable[tuple[str, Recording]], provenance: dict[str, str]) -> Statistics:
    """Gather statistics of annotated recordings, given as (database name, recording) one after the other.

    Raises
    ------
    DataError
        If a recording has no reference annotations.
    """
    records: list[RecordStatistics] = []
    rr_counts: dict[str, dict[str, IntArray]] = defaultdict(
        lambda: {name: np.zeros(RR_BINS, np.int64) for name in AAMI_CLASSES}
    )
    prints: dict[str, dict[str, list[str]]] = {"signals": defaultdict(list), "beats": defaultdict(list)}
    for dataset, recording in recordings:
        record = record_statistics(dataset, recording)
        records.append(record)
        for name, counts in rr_histograms(recording).items():
            rr_counts[record.group][name] += counts
        for kind, found in (("signals", _signal_prints(recording)), ("beats", _beat_prints(recording))):
            for digest, what in found:
                prints[kind][digest].append(f"{record.group}: {record.record} {what}")
    return Statistics(
        provenance=provenance,
        records=tuple(records),
        rr_counts={g: {n: tuple(c.tolist()) for n, c in classes.items()} for g, classes in rr_counts.items()},
        twins={kind: _twins(found.values()) for kind, found in prints.items()},
        same_person=SAME_PERSON,
    )


def record_statistics(dataset: str, recording: Recording) -> RecordStatistics:
    """Return counts, duration, leads and mean heart rate of one annotated recording."""
    sample, symbols = _reference(recording)
    counts = {table: Counter(aami_class(symbol, table=table) for symbol in symbols) for table in TABLES}
    span_s = float(sample[-1] - sample[0]) / recording.fs if sample.size > 1 else 0.0
    return RecordStatistics(
        dataset=dataset,
        record=recording.name,
        group=(split_of(recording.name) if dataset == "mitdb" else None) or dataset,
        fs_hz=recording.fs,
        duration_s=round(recording.duration_s, 3),
        leads=recording.leads,
        counts={table: {name: found[name] for name in AAMI_CLASSES} for table, found in counts.items()},
        ignored=recording.reference.ignored if recording.reference else 0,
        heart_rate_bpm=round(60 * (sample.size - 1) / span_s, 1) if span_s else 0.0,
    )


def rr_histograms(recording: Recording) -> dict[str, IntArray]:
    """Return the histogram (RR_BINS,) of the RR intervals before the beats of each AAMI class (de Chazal)."""
    sample, symbols = _reference(recording)
    rr_ms = np.diff(sample) / recording.fs * 1000
    position = np.clip(rr_ms // RR_BIN_MS, 0, RR_BINS - 1).astype(np.int64)
    classes = np.array([aami_class(symbol) for symbol in symbols[1:]])
    return {name: np.bincount(position[classes == name], minlength=RR_BINS) for name in AAMI_CLASSES}


def write_statistics(statistics: Statistics, path: Path = STATISTICS_PATH) -> None:
    """Write the statistics as JSON, one record per line."""
    text = json.dumps(to_json(statistics), separators=(",", ":"))
    path.write_text(text.replace('{"dataset"', '\n{"dataset"') + "\n", encoding="utf-8", newline="\n")


def load_statistics(path: Path = STATISTICS_PATH) -> Statistics:
    """Read what `write_statistics` wrote.

    Raises
    ------
    DataError
        If there is no such file, or it was not written by `write_statistics`.
    """
    again = "run `python -m pipeline data --statistics`"
    try:
        return read_as(Statistics, path, again=again)
    except DataError as error:
        raise DataError(f"The statistics {path.name} are missing or broken; {again}.") from error


def _reference(recording: Recording) -> tuple[IntArray, tuple[str, ...]]:
    if recording.reference is None:
        raise DataError(f"Record {recording.name!r} has no reference annotations; statistics need them.")
    return recording.reference.sample, recording.reference.symbol


def _signal_prints(recording: Recording) -> Iterator[tuple[str, str]]:
    for lead, values in zip(recording.leads, recording.p_signal.T, strict=True):
        yield hashlib.sha256(values.tobytes()).hexdigest(), lead


def _beat_prints(recording: Recording, config: Config = DEFAULT) -> Iterator[tuple[str, str]]:
    """Yield the SHA-256 of all leads over the window of a beat picture; windows cut by an end are left out."""
    before = round(config.picture.beat_before_s * recording.fs)
    after = round(config.picture.beat_after_s * recording.fs)
    for sample in _reference(recording)[0]:
        if before <= sample < recording.n_samples - after:
            window = recording.p_signal[sample - before : sample + after]
            yield hashlib.sha256(window.tobytes()).hexdigest(), f"sample {sample}"


def _twins(groups: Iterable[list[str]]) -> Twins:
    everything = list(groups)
    repeated = [tuple(group) for group in everything if len(group) > 1]
    across = [group for group in repeated if len({name.split(":")[0] for name in group}) > 1]
    within = [group for group in repeated if group not in across]
    return Twins(sum(map(len, everything)), len(repeated), len(across), tuple((across + within)[:TWINS_LISTED]))
