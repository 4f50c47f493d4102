"""What the evaluation of rhythms holds: seconds, episodes, burdens and false alarms, by source and by record.

Imports no scikit-learn and no SciPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import read_as
from pipeline.evaluation.schema import Estimate, Estimates

ReadFrom = Literal["signal", "beats"]
AGAIN: Final = "run `python -m pipeline evaluate --rhythm` again"
FOLDER: Final = "rhythm_episodes"  # in models/weights


@dataclass(frozen=True)
class Place:
    """A stretch of a record, in seconds from its start."""

    record: str
    start_s: float
    stop_s: float


@dataclass(frozen=True, kw_only=True)
class TargetScores:
    """How well one rhythm is named.

    Attributes
    ----------
    name, title : str
        Its key, and its name for readers.
    minutes : float
        How long it is annotated.
    records : int
        In how many records.
    time : mapping of str to Estimate
        "se", "sp", "ppv" and "f1" over seconds.
    annotated, found, named, right : int
        Episodes: annotated; of them found; named; of them right.
    half_found : int
        Annotated episodes of which more than half is named.
    episodes : mapping of str to Estimate
        "se" and "ppv" over episodes.
    missed : tuple of Place
        Annotated episodes that are not found, at most the first of them.
    """

    name: str
    title: str
    minutes: float
    records: int
    time: Estimates
    annotated: int
    found: int
    named: int
    right: int
    half_found: int
    episodes: Estimates
    missed: tuple[Place, ...] = ()


@dataclass(frozen=True)
class AlarmScores:
    """How often something is named that nothing justifies: key, name for readers, number, rate, and places."""

    name: str
    title: str
    false: int
    per_24h: Estimate
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class BurdenScores:
    """By how many percentage points of a record's time the share of AF is wrong: median and worst, and its record."""

    median: float
    worst: float
    worst_record: str


@dataclass(frozen=True)
class ConfidenceBin:
    """Stated confidences in a tenth of the scale: hours, their mean, and what share of the time was right.

    Attributes
    ----------
    hours, stated : float
        Hours so named, and the mean confidence.
    right : float
        Share of the time in which a reader gave the same code.
    kind : float
        Share in which the reader's rhythm is of the same kind (`rhythm_confidence`).
    """

    hours: float
    stated: float
    right: float
    kind: float


@dataclass(frozen=True)
class StripScores:
    """Strips called AF or not: scores without noisy ones, and how many of each label are called what."""

    overall: Estimates
    called: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class RecordRhythms:
    """One record.

    Attributes
    ----------
    record : str
        DATABASE/RECORD.
    hours : float
        Its length.
    seconds : mapping of str to mapping of str to float
        Seconds by annotated rhythm and by named one, "" where there is none; `rhythm_scores.STATES`.
    af_annotated, af_named : float, optional
        Percent of the time that is AF.
    alarms : mapping of str to int
        False alarms of each kind.
    held_out, seen : tuple of str
        Detectors that were exchanged for ones not trained on this record, and those that were trained on it.
    refused : str
        Why the record was not read.
    label, called : str
        Of a strip: what it is, and what it is called.
    """

    record: str
    hours: float
    seconds: Mapping[str, Mapping[str, float]]
    af_annotated: float | None = None
    af_named: float | None = None
    alarms: Mapping[str, int]
    held_out: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    refused: str = ""
    label: str = ""
    called: str = ""


@dataclass(frozen=True, kw_only=True)
class SourceScores:
    """The scores on one set of records, read in one way.

    Attributes
    ----------
    name, title : str
        Its key, such as "mitdb-signal", and its name for readers.
    read_from : {"signal", "beats"}
        End to end from the signal, or from reference beats.
    hours : float
        Length of all records.
    records, refused : int
        Records, and how many of them could not be read.
    held_out, seen : mapping of str to int
        By detector: how many records were read by one of its kind that was not trained on them, because the detector
        itself was; and how many it read although it was trained on them.
    targets : tuple of TargetScores
        Rhythms that are annotated here.
    alarms : tuple of AlarmScores
        False alarms.
    burden : BurdenScores, optional
        Of AF.
    strips : StripScores, optional
        Where each record has one label.
    confidence : tuple of ConfidenceBin
        How far stated confidences came true; without the bins that nothing falls into.
    calibration_error : float, optional
        The expected calibration error, by kinds of rhythm; None where no rhythm is annotated.
    unknown : mapping of str to int
        Annotated labels that are not scored.
    rows : tuple of RecordRhythms
        Record by record; empty where another source has them.
    """

    name: str
    title: str
    read_from: ReadFrom
    hours: float
    records: int
    refused: int
    held_out: Mapping[str, int]
    seen: Mapping[str, int]
    targets: tuple[TargetScores, ...]
    alarms: tuple[AlarmScores, ...]
    burden: BurdenScores | None = None
    strips: StripScores | None = None
    confidence: tuple[ConfidenceBin, ...] = ()
    calibration_error: float | None = None
    unknown: Mapping[str, int]
    rows: tuple[RecordRhythms, ...] = ()

    def target(self, name: str) -> TargetScores | None:
        """Return the scores of a target; None where it is not annotated."""
        return next((target for target in self.targets if target.name == name), None)


@dataclass(frozen=True, kw_only=True)
class EvaluatedDetector:
    """A detector that took part: its manifest in short, its size, and in how many folds it was trained again.

    Attributes
    ----------
    name, title, sha256, trained_on, commit, command
        As in `models.detectors.DetectorManifest`.
    records : int
        Records that it was trained on.
    size_bytes : int
        Size of its weights file.
    folds : int
        How many detectors were trained without some of these records, to read those; 0 if none.
    """

    name: str
    title: str
    sha256: str
    trained_on: str
    records: int
    size_bytes: int
    folds: int
    commit: str
    command: str


@dataclass(frozen=True, kw_only=True)
class RhythmEvaluation:
    """An evaluation of rhythms.

    Attributes
    ----------
    provenance : Provenance
        How it was made.
    network, network_sha256, network_trained_on : str
        The network that classified the beats that were detected.
    detectors : tuple of EvaluatedDetector
        What named rhythms besides rules.
    sources : tuple of SourceScores
        The scores.
    """

    SCHEMA: ClassVar[str] = "heartvision.rhythm/1"

    provenance: Provenance
    network: str
    network_sha256: str
    network_trained_on: str
    detectors: tuple[EvaluatedDetector, ...]
    sources: tuple[SourceScores, ...]

    def source(self, name: str) -> SourceScores | None:
        """Return the scores on a set of records; None if there are none."""
        return next((source for source in self.sources if source.name == name), None)


def rhythm_file(weights: Path) -> Path:
    """Return where the evaluation of rhythms is stored in the folder with the networks' folders."""
    return weights / FOLDER / "rhythm.json"


def read_rhythm_evaluation(path: Path) -> RhythmEvaluation:
    """Read an evaluation of rhythms.

    Raises
    ------
    DataError
        If the file is missing, not JSON, of another schema, or lacks something.
    """
    return read_as(RhythmEvaluation, path, again=AGAIN)
