"""What files of evaluations hold, as frozen dataclasses: evaluation.json, stress.json, explanations.json.

Their fields are the files' fields, in their order (`pipeline._util.typed_json`). None is what
is undefined: a measure of beats that do not occur, a confidence that no beat reaches. Imports no scikit-learn and no
SciPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pipeline._util.provenance import Provenance
from pipeline.labels import LabelTable

Kind = Literal["reference", "detected"]
EvaluationSplit = Literal["ds1", "ds2", "svdb"]
Way = Literal["deletion", "insertion"]
Matrix = tuple[tuple[int, ...], ...]
Numbers = tuple[float, ...]
Column = tuple[float | None, ...]
Curves = Mapping[str, Column]  # of a training, epoch by epoch, by measure


@dataclass(frozen=True)
class Estimate:
    """A measure with its 95 % interval, from drawing the patients anew."""

    value: float | None
    low: float | None
    high: float | None


UNDEFINED_ESTIMATE = Estimate(None, None, None)
Estimates = Mapping[str, Estimate]  # by measure: those of `metrics.all_scores` and `metrics.binary_scores`, and more


@dataclass(frozen=True)
class EvaluatedModel:
    """The network of an evaluation: its manifest without golden predictions.

    Attributes
    ----------
    name, title, classes, input_shape, preprocessing, sha256, parameters, size_bytes
        Identity and input; see `models.registry.Manifest` for these and all others.
    logit_bias, temperature, threshold, picture_threshold, abstain_below
        How its answers are read.
    trained_on, train_records, validation_records
        What it was trained on.
    commit, command, seed, training_minutes, pictures_seen
        How it was trained.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    preprocessing: str
    sha256: str
    parameters: int
    size_bytes: int
    logit_bias: tuple[float, ...]
    temperature: float
    threshold: float
    picture_threshold: float
    abstain_below: float
    trained_on: str
    train_records: tuple[str, ...]
    validation_records: tuple[str, ...]
    commit: str
    command: str
    seed: int
    training_minutes: float
    pictures_seen: int

    @property
    def identity(self) -> ModelIdentity:
        """What files beside an evaluation say of its network."""
        return ModelIdentity(self.name, self.title, self.sha256)


@dataclass(frozen=True)
class ModelIdentity:
    """Enough of a network to know whether a file beside its evaluation is of the same weights."""

    name: str
    title: str
    sha256: str


@dataclass(frozen=True)
class Speed:
    """Beats a second from samples to classes, over so many beats on so many processor cores."""

    beats_per_s: float
    beats: int
    cores: int | None


@dataclass(frozen=True)
class SheetLayout:
    """How the tiles of a sheet of pictures lie, row by row.

    Attributes
    ----------
    file : str
        Name of the sheet's file.
    columns : int
        Tiles in a row.
    width_px, height_px : int
        Size of a tile.
    count : int
        How many tiles there are.
    """

    file: str
    columns: int
    width_px: int
    height_px: int
    count: int


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


@dataclass(frozen=True)
class RandomSplitReport(Report):
    """A report on beats of patients that were trained on, and the `label` that says how optimistic that is."""

    optimistic: bool
    label: str


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


@dataclass(frozen=True)
class Evaluation:
    """An evaluation.json: a network on the patients of a split.

    Attributes
    ----------
    model : EvaluatedModel
        The network.
    split : {"ds1", "ds2", "svdb"}
        The records.
    seen : tuple of str
        Those of them that the network was trained on.
    provenance : Provenance
        How it was made.
    speed : Speed, optional
        How fast beats were read.
    random_split : RandomSplitReport, optional
        The same network on a random split of beats.
    uncertainty : Uncertainty, optional
        Class sets and abstention.
    error_sheet : SheetLayout, optional
        The sheet of pictures of errors.
    reference, detected : Report
        Scores at reference beats and at detected ones.
    """

    SCHEMA: ClassVar[str] = "heartvision.evaluation/1"

    model: EvaluatedModel
    split: EvaluationSplit
    seen: tuple[str, ...]
    provenance: Provenance
    speed: Speed | None
    random_split: RandomSplitReport | None
    uncertainty: Uncertainty | None
    error_sheet: SheetLayout | None
    reference: Report
    detected: Report

    def of(self, kind: Kind) -> Report:
        """Return the report at reference beats or at detected ones."""
        return self.reference if kind == "reference" else self.detected


@dataclass(frozen=True)
class ShareRight:
    """The share of all beats that some are, and the share of these that is right."""

    share: float
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class StressedCondition:
    """The scores under one condition of the stress test.

    Attributes
    ----------
    name, title : str
        Key of the condition, and its name for readers.
    noise : str
        The added noise; "" for none.
    snr_db, fs : float, optional
        Signal-to-noise ratio in dB, and another sampling frequency in Hz.
    records, beats : int
        Records, and sampled beats.
    overall : mapping of str to Estimate
        Every measure.
    without_232 : mapping of str to Estimate, optional
        The same without record 232.
    unclassified : float
        Share of beats that the app gives no class.
    classified, gated : ShareRight, optional
        Beats that get a class, and those that the quality gate stops.
    """

    name: str
    title: str
    noise: str
    snr_db: float | None
    fs: float | None
    records: int
    beats: int
    overall: Estimates
    without_232: Estimates | None
    unclassified: float
    classified: ShareRight | None = None
    gated: ShareRight | None = None


@dataclass(frozen=True)
class StressTest:
    """A stress.json: the same sampled beats under every condition.

    Attributes
    ----------
    model : ModelIdentity
        The network.
    provenance : Provenance
        How it was made.
    records : tuple of str
        The records.
    caps : mapping of str to int
        At most so many beats of each class are sampled from a record.
    beats : int
        How many were sampled.
    conditions : tuple of StressedCondition
        The scores under each condition.
    """

    SCHEMA: ClassVar[str] = "heartvision.stress/1"

    model: ModelIdentity
    provenance: Provenance
    records: tuple[str, ...]
    caps: Mapping[str, int]
    beats: int
    conditions: tuple[StressedCondition, ...]


@dataclass(frozen=True)
class BothWays:
    """A measure as parts of a beat are taken away in a map's order, and as they are put back."""

    deletion: Estimate
    insertion: Estimate

    def by(self, way: Way) -> Estimate:
        """Return one of the two."""
        return self.deletion if way == "deletion" else self.insertion


@dataclass(frozen=True)
class RemovalCurves:
    """The answer's mean probability, step by step, as parts are taken away and as they are put back."""

    deletion: Column
    insertion: Column

    def by(self, way: Way) -> Column:
        """Return one of the two."""
        return self.deletion if way == "deletion" else self.insertion


@dataclass(frozen=True)
class HeatShare:
    """How much of the heat lies in a part: its share, that of the part itself, and their ratio."""

    share: Estimate
    area: float | None
    ratio: Estimate


@dataclass(frozen=True)
class AnswerHeat:
    """Where the heat of one answer lies, part by part; `blank` maps show nothing."""

    answer: str
    beats: int
    blank: int
    places: Mapping[str, HeatShare]


@dataclass(frozen=True, kw_only=True)
class ExplainedSet:
    """How far the heatmaps of some patients can be trusted; maps by name, "heat" is the network's own.

    Attributes
    ----------
    name, title : str
        Key of the set, and its name for readers.
    records : tuple of str
        Its records.
    beats, blank : int
        Beats that were sampled, and those of them whose heatmap is empty.
    compared : int, optional
        Beats that count for the comparison of maps.
    faithfulness : mapping of str to BothWays
        Areas under the deletion and insertion curves of each map.
    against : mapping of str to BothWays
        By how much the heat is better than each other map.
    curves : mapping of str to RemovalCurves
        The curves of each map.
    answers : tuple of AnswerHeat
        Where the heat lies, by the network's answer.
    """

    name: str
    title: str
    records: tuple[str, ...]
    beats: int
    blank: int
    compared: int | None = None
    faithfulness: Mapping[str, BothWays]
    against: Mapping[str, BothWays]
    curves: Mapping[str, RemovalCurves]
    answers: tuple[AnswerHeat, ...]


@dataclass(frozen=True)
class RandomStage:
    """Rank correlation of maps with those of a network whose weights are random from the answer back to `layer`."""

    layer: str
    correlation: Estimate


@dataclass(frozen=True)
class RandomWeights:
    """What is left of the maps of some beats as the weights are lost."""

    beats: int
    stages: tuple[RandomStage, ...]


@dataclass(frozen=True, kw_only=True)
class Explanations:
    """An explanations.json: how far a network's heatmaps can be trusted.

    Attributes
    ----------
    model : ModelIdentity
        The network.
    provenance : Provenance
        How it was made.
    reads : {"pictures", "beats"}, optional
        What the network reads.
    method : str
        How the maps are made.
    part : str, optional
        What is removed at once, in words.
    per_class : int
        At most so many beats of each class are sampled.
    square_px : int, optional
        Side of the squares that are removed from pictures.
    sets : tuple of ExplainedSet
        The measurements, by set of patients.
    randomised : RandomWeights
        How maps change as the weights are randomised.
    """

    SCHEMA: ClassVar[str] = "heartvision.explanations/1"

    model: ModelIdentity
    provenance: Provenance
    reads: Literal["pictures", "beats"] | None = None
    method: str
    part: str | None = None
    per_class: int
    square_px: int | None = None
    sets: tuple[ExplainedSet, ...]
    randomised: RandomWeights

    @property
    def is_of_signal(self) -> bool:
        """Whether the maps are over the signal, not over a picture of it."""
        return self.reads == "beats"

    @property
    def part_named(self) -> str:
        """What is taken away at once, in words."""
        return self.part or f"square of {self.square_px or 16} pixels"


@dataclass(frozen=True)
class PictureScores:
    """The scores of a classifier of whole pictures, over all classes."""

    macro_f1: Estimate
    accuracy: Estimate
    balanced_accuracy: Estimate


@dataclass(frozen=True)
class PictureClassRow:
    """The scores of one class of pictures.

    Attributes
    ----------
    class_name : str
        The class ("class" in the file).
    reference, predicted : int
        Pictures of this class, and pictures called so.
    precision, recall, f1 : Estimate
        Scores with their intervals.
    """

    class_name: str = field(metadata={"key": "class"})
    reference: int
    predicted: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True)
class StatedAndObserved:
    """Stated confidence, how often it came true, and pictures, bin by bin; None in an empty bin."""

    stated: Column
    observed: Column
    count: tuple[int, ...]


@dataclass(frozen=True)
class ClassReport:
    """All scores of a classifier of whole pictures.

    Attributes
    ----------
    pictures, groups : int
        Pictures, and groups of them that are resampled for the intervals.
    overall : PictureScores
        Accuracy, macro-F1 and the like.
    ece : float
        Expected calibration error.
    classes : tuple of PictureClassRow
        One row per class.
    confusion : Matrix
        Confusion matrix, rows the reference.
    reliability : StatedAndObserved
        Stated and observed confidence by bin.
    """

    pictures: int
    groups: int
    overall: PictureScores
    ece: float
    classes: tuple[PictureClassRow, ...]
    confusion: Matrix
    reliability: StatedAndObserved

    def class_row(self, name: str) -> PictureClassRow:
        """Return the row of a class."""
        return next(row for row in self.classes if row.class_name == name)
