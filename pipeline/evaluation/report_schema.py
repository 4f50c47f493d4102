"""A report on scored beats, at reference beats or at detected ones: scores, curves, records, confident errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.evaluation.schema import Column, Estimate, Estimates, Kind, Matrix, Numbers
from pipeline.labels import LabelTable


@dataclass(frozen=True)
class BeatCounts:
    """How many beats the reference holds, the detector found, and the network read."""

    reference: int
    detected: int
    read: int


@dataclass(frozen=True)
class RefusedRecord:
    """A record that could not be read; its beats count as missed."""

    record: str
    reason: str


@dataclass(frozen=True)
class ClassRow:
    """The scores of one AAMI class.

    Attributes
    ----------
    aami, name : str
        The class ("class" in the file), and its name.
    reference, predicted, correct : int
        Beats of this class in the reference, beats called so, and those that are both.
    se, ppv, f1 : Estimate
        Sensitivity, positive predictivity and F1.
    auc, ap, ece : float, optional
        Area under the ROC curve, average precision and calibration error.
    """

    aami: str = field(metadata={"key": "class"})
    name: str
    reference: int
    predicted: int
    correct: int
    se: Estimate
    ppv: Estimate
    f1: Estimate
    auc: float | None
    ap: float | None
    ece: float | None


@dataclass(frozen=True)
class Confusion:
    """Counts (6, 6) by `labels`: rows the reference, columns the prediction; O is "no beat"."""

    labels: tuple[str, ...]
    counts: Matrix


@dataclass(frozen=True)
class CountedVariant:
    """The scores under one way to count; empty where it does not apply to the records.

    Attributes
    ----------
    name, title, table, start_s, without
        The way to count; see `report.Variant`.
    applies : bool
        Whether it applies to the records.
    overall, average : mapping of str
        Every measure over all beats, and its mean over records.
    confusion : Confusion, optional
        The confusion matrix.
    """

    name: str
    title: str
    table: LabelTable
    start_s: float
    without: tuple[str, ...]
    applies: bool
    overall: Estimates
    average: Mapping[str, float | None]
    confusion: Confusion | None


@dataclass(frozen=True)
class RecordRow:
    """One record: reference beats of each class, scores, and what networks are compared by.

    Attributes
    ----------
    record : str
        Name of the record.
    N, S, V, F, Q : int
        Reference beats of each class.
    errors : int
        Wrong answers.
    accuracy, qrs_se, qrs_ppv, S_se, S_ppv, S_f1, V_se, V_ppv, V_f1, binary_se, binary_sp : float, optional
        Scores, 0..1; None where undefined.
    confidence : float, optional
        Mean confidence.
    confusion : tuple of int
        The 36 counts of its confusion matrix.
    binary : tuple of int
        TP, FN, FP and TN of normal against abnormal.
    answers : str
        Truth and answer of every beat (`report_scores.packed`).
    """

    record: str
    N: int
    S: int
    V: int
    F: int
    Q: int
    errors: int
    accuracy: float | None
    qrs_se: float | None
    qrs_ppv: float | None
    S_se: float | None
    S_ppv: float | None
    S_f1: float | None
    V_se: float | None
    V_ppv: float | None
    V_f1: float | None
    binary_se: float | None
    binary_sp: float | None
    confidence: float | None
    confusion: tuple[int, ...]
    binary: tuple[int, ...]
    answers: str

    @property
    def beats(self) -> int:
        """Reference beats of all classes."""
        return self.N + self.S + self.V + self.F + self.Q


@dataclass(frozen=True)
class RocCurve:
    """ROC of abnormal against normal, thinned."""

    fpr: Numbers
    tpr: Numbers
    threshold: Numbers


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Precision against recall of abnormal against normal, thinned."""

    recall: Numbers
    precision: Numbers
    threshold: Numbers


@dataclass(frozen=True)
class ReliabilityBins:
    """Beats by stated confidence, in bins of equal width.

    Attributes
    ----------
    bins : int
        How many bins.
    lower, upper : tuple of float
        Limits of each bin.
    count : tuple of int
        Beats in each bin.
    stated, observed : tuple of float, optional
        Mean confidence and share of right answers in each bin; None in an empty one.
    ece : float, optional
        Expected calibration error.
    classwise : mapping of str to float, optional
        The same by class.
    """

    bins: int
    lower: Numbers
    upper: Numbers
    count: tuple[int, ...]
    stated: Column
    observed: Column
    ece: float | None
    classwise: Mapping[str, float | None]


@dataclass(frozen=True)
class ThresholdSweep:
    """What each threshold on the probability of "abnormal" gives.

    Attributes
    ----------
    threshold : tuple of float
        The thresholds.
    se, sp, ppv, f1, balanced_accuracy : tuple of float, optional
        Scores of abnormal against normal at each; None where undefined.
    flagged_per_hour : tuple of float
        Beats called abnormal in an hour of recording.
    """

    threshold: Numbers
    se: Column
    sp: Column
    ppv: Column
    f1: Column
    balanced_accuracy: Column
    flagged_per_hour: Numbers


@dataclass(frozen=True)
class CoverageCurve:
    """Coverage, and accuracy of the remaining beats, when those below a confidence are left to a person."""

    confidence: Numbers
    coverage: Column
    accuracy: Column


@dataclass(frozen=True)
class WrongBeat:
    """A wrong answer.

    Attributes
    ----------
    record : str
        Name of the record.
    sample : int
        The beat, an index into the recording.
    time_s : float
        The same in seconds.
    symbol : str
        The reference's WFDB symbol.
    truth, predicted : str
        Classes of reference and answer.
    confidence : float
        Of the answer, 0..1.
    p : mapping of str to float
        Probabilities by class.
    """

    record: str
    sample: int
    time_s: float
    symbol: str
    truth: str
    predicted: str
    confidence: float
    p: Mapping[str, float]


@dataclass(frozen=True)
class Report:
    """The scores of a network at reference beats or at detected ones.

    Attributes
    ----------
    kind : {"reference", "detected"}
        Whose beats were classified.
    records, left_out : tuple of str
        Records that count, and records of the split that do not.
    refused : tuple of RefusedRecord
        Records that could not be analysed, with the reason.
    table : {"de_chazal", "bxb"}
        How escape beats are counted.
    threshold : float
        On the probability of "abnormal".
    hours : float
        Length of the records together.
    beats : BeatCounts
        How many beats of each sort.
    notes : tuple of str
        Remarks for readers.
    overall, average : mapping of str
        Every measure over all beats, and its mean over records.
    classes : tuple of ClassRow
        One row per class.
    s_without_232 : ClassRow, optional
        The row of S without the record that holds most of them; None where it is not among the records.
    confusion : Confusion
        The confusion matrix.
    ec57 : CountedVariant
        The variant by EC57's rules: bxb's table, without the first minutes.
    variants : tuple of CountedVariant
        All ways to count.
    per_record : tuple of RecordRow
        One row per record.
    roc, pr, reliability, thresholds, coverage
        Curves: ROC, precision-recall, calibration, threshold sweep, and coverage by confidence.
    errors : tuple of WrongBeat
        The most confident errors.
    error_count : int
        How many errors there are in all.
    """

    kind: Kind
    records: tuple[str, ...]
    left_out: tuple[str, ...]
    refused: tuple[RefusedRecord, ...]
    table: LabelTable
    threshold: float
    hours: float
    beats: BeatCounts
    notes: tuple[str, ...]
    overall: Estimates
    average: Mapping[str, float | None]
    classes: tuple[ClassRow, ...]
    s_without_232: ClassRow | None
    confusion: Confusion
    ec57: CountedVariant
    variants: tuple[CountedVariant, ...]
    per_record: tuple[RecordRow, ...]
    roc: RocCurve
    pr: PrecisionRecallCurve
    reliability: ReliabilityBins
    thresholds: ThresholdSweep
    coverage: CoverageCurve
    errors: tuple[WrongBeat, ...]
    error_count: int

    def class_row(self, aami: str) -> ClassRow:
        """Return the row of a class."""
        return next(row for row in self.classes if row.aami == aami)

    def variant(self, name: str) -> CountedVariant:
        """Return the scores under one way to count."""
        return next(each for each in self.variants if each.name == name)
