"""Class sets and abstention, as evaluation.json holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline._util.provenance import Provenance
from pipeline.evaluation.schema import Numbers


@dataclass(frozen=True)
class CalibrationPatients:
    """The records that class sets were calibrated on."""

    database: str
    records: tuple[str, ...]
    beats: int


@dataclass(frozen=True)
class SetThreshold:
    """The threshold that one way to calibrate gives; None: only the set of all classes keeps the promise."""

    name: str
    threshold: float | None


@dataclass(frozen=True)
class AbstentionRule:
    """The confidence to answer at for at most `target` of a patient's beats answered wrongly; None: never answer."""

    target: float
    confidence: float | None


@dataclass(frozen=True)
class SetCoverage:
    """How often class sets contain the truth.

    Attributes
    ----------
    name : str
        The way to calibrate.
    coverage : float
        Share of all beats whose set contains the truth.
    mean_size, single : float
        Mean number of classes in a set, and share of sets of one class.
    patients_held : float
        Share of the patients for whom the promise is kept.
    worst : float
        Coverage in the worst patient.
    per_class, per_patient : mapping of str to float
        Coverage by class (None without a beat) and by patient.
    """

    name: str
    coverage: float
    mean_size: float
    single: float
    patients_held: float
    worst: float
    per_class: Mapping[str, float | None]
    per_patient: Mapping[str, float]


@dataclass(frozen=True)
class RiskCurve:
    """Errors among the most confident beats by coverage, and the areas under that curve."""

    coverage: Numbers
    error: Numbers
    aurc: float
    excess: float


@dataclass(frozen=True)
class AbstentionResult:
    """What the abstention rule does: share answered, errors of these, and of a patient's beats on average, at worst."""

    answered: float
    wrong: float
    error: float | None
    worst: float


@dataclass(frozen=True)
class GateErrors:
    """Shares of wrong answers among the beats that the app treats alike; None without a beat.

    Attributes
    ----------
    all : float, optional
        All beats.
    noisy : float, optional
        Those in noisy signal, which the quality gate stops.
    unsure : float, optional
        Those that pass the gate with too little confidence.
    after_gate, answered : float, optional
        Those that pass the gate, and those of them that get a class.
    """

    all: float | None
    noisy: float | None
    unsure: float | None
    after_gate: float | None
    answered: float | None


@dataclass(frozen=True)
class CurvePoint:
    """A point of the risk curve."""

    coverage: float | None
    error: float | None


@dataclass(frozen=True)
class AppRule:
    """What the app leaves unclassified.

    Attributes
    ----------
    below : float
        The confidence below which a beat is unclassified.
    beats : int
        How many beats there are.
    unread, noisy, unsure, answered : float, optional
        Shares of beats that could not be read, lie in noise, have too little confidence, or get a class.
    error : GateErrors
        The errors among them.
    on_curve : CurvePoint
        Coverage and error by confidence alone.
    """

    below: float
    beats: int
    unread: float | None
    noisy: float | None
    unsure: float | None
    answered: float | None
    error: GateErrors
    on_curve: CurvePoint


@dataclass(frozen=True)
class PatientsTested:
    """What class sets and abstention give on patients that were not used for calibration.

    Attributes
    ----------
    name, title : str
        Key of the patients, and their name for readers.
    records : tuple of str
        Their records.
    methods : tuple of SetCoverage
        Coverage under each way to calibrate.
    without_232 : tuple of SetCoverage, optional
        The same without record 232; None where it is not among the records.
    risk : RiskCurve
        Error by coverage.
    abstention : AbstentionResult
        What the calibrated rule gives.
    app : AppRule
        What the app's own rule gives.
    """

    name: str
    title: str
    records: tuple[str, ...]
    methods: tuple[SetCoverage, ...]
    without_232: tuple[SetCoverage, ...] | None
    risk: RiskCurve
    abstention: AbstentionResult
    app: AppRule


@dataclass(frozen=True)
class MeanShare:
    """A mean over random halves, with the range of nine in ten of them."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class RandomHalves:
    """What other halves of the calibration database would have given, by way to calibrate."""

    repeats: int
    patients_held: Mapping[str, MeanShare]


@dataclass(frozen=True)
class Uncertainty:
    """Class sets and abstention, calibrated on patients of svdb and measured on others.

    Attributes
    ----------
    alpha, delta : float
        Share of beats that class sets may miss, and the probability that a patient has more misses than that.
    calibration : CalibrationPatients
        The patients that calibrated.
    methods : tuple of SetThreshold
        The ways to calibrate class sets, with their thresholds.
    abstention : AbstentionRule
        The calibrated rule.
    tested : tuple of PatientsTested
        What both give on other patients.
    halves : RandomHalves, optional
        What other random halves would have given.
    provenance : Provenance
        How it was made.
    """

    alpha: float
    delta: float
    calibration: CalibrationPatients
    methods: tuple[SetThreshold, ...]
    abstention: AbstentionRule
    tested: tuple[PatientsTested, ...]
    halves: RandomHalves | None
    provenance: Provenance
