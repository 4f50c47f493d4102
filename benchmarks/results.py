"""The content of docs/experiments/*.json as frozen dataclasses (`pipeline._util.typed_json`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline._util.provenance import Provenance


@dataclass(frozen=True)
class RecipeRow:
    """A recipe and its measures on held-out patients."""

    recipe: str
    val_loss: float
    val_f1_N: float  # noqa: N815 - the measure's name
    val_f1_V: float  # noqa: N815
    val_f1_S: float  # noqa: N815
    val_f1_S_simulated: float  # noqa: N815
    minutes: float


@dataclass(frozen=True)
class Recipes:
    """A recipes.json: each part of the training recipe omitted or changed, in `epochs` of so many `pictures`."""

    network: str
    epochs: int
    pictures: int
    provenance: Provenance
    recipes: tuple[RecipeRow, ...]


@dataclass(frozen=True)
class SizeRow:
    """A size of the beat picture with a seed: measures, and pictures a second of two networks."""

    size: int
    height: int
    width: int
    seed: int
    val_loss: float
    val_f1_N: float  # noqa: N815
    val_f1_V: float  # noqa: N815
    val_f1_S: float  # noqa: N815
    val_f1_S_simulated: float  # noqa: N815
    mobilenet: float
    vgg16: float


@dataclass(frozen=True)
class Resolution:
    """A resolution.json."""

    network: str
    provenance: Provenance
    sizes: tuple[SizeRow, ...]


@dataclass(frozen=True, kw_only=True)
class PageResult:
    """One digitised page: scores of each lead and what was asked or wrong, or why it was `refused`."""

    refused: str | None = None
    snr_db: Mapping[str, float] | None = None
    r: Mapping[str, float] | None = None
    asked: tuple[str, ...] | None = None
    silently_wrong: tuple[str, ...] | None = None
    cpu_s: float


@dataclass(frozen=True)
class PageGroup:
    """Digitised pages of a kind: how many were refused, asked about or silently wrong, and the scores of all leads."""

    pages: int
    refused: int
    asked: int
    silently_wrong: int
    leads: int
    snr_db_mean: float | None
    snr_db_median: float | None
    snr_db_10th: float | None
    r_mean: float | None
    r_median: float | None
    cpu_s_mean: float


@dataclass(frozen=True, kw_only=True)
class PhotoResult:
    """The result for a photo whose signal is not known."""

    refused: str | None = None
    layout: str | None = None
    asked: tuple[str, ...] | None = None
    span_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Digitisation:
    """A digitise.json: accuracy on pages of known signal, on pictures that are no page, and on photos."""

    command: str
    commit: str
    written: str
    summary: Mapping[str, PageGroup]
    refusals: Mapping[str, str] | None = None
    photos: Mapping[str, PhotoResult] | None = None
    peak_memory_mib: int
    pages: Mapping[str, PageResult]


@dataclass(frozen=True, kw_only=True)
class PageOutcome:
    """What became of a real page: read, asked, wrong or refused, and what was found on it."""

    outcome: str
    reason: str = ""
    asked: tuple[str, ...] | None = None
    layout: str | None = None
    names: int | None = None
    speed: float | None = None
    gain: float | None = None
    px_per_mm: float | None = None
    cpu_s: float


@dataclass(frozen=True, kw_only=True)
class PageOutcomes:
    """A page_outcomes.json: what became of photos and of random scans, page by page."""

    command: str
    commit: str
    written: str
    seed: int
    pages: int
    read_or_asked: int
    total: Mapping[str, int]
    outcomes: Mapping[str, PageOutcome]


@dataclass(frozen=True)
class DetectorScores:
    """What an R-peak detector found within a window: beats found, missed (of them V) and extra, Se, +P and F1."""

    found: int
    missed: int
    extra: int
    missed_v: int
    se: float
    ppv: float
    f1: float


@dataclass(frozen=True)
class BothWindows:
    """The scores of a detector where peaks match within 150 ms and within 50 ms."""

    wide: DetectorScores = field(metadata={"key": "150_ms"})
    narrow: DetectorScores = field(metadata={"key": "50_ms"})


@dataclass(frozen=True)
class BothDetectors:
    """This detector beside that of sleepecg."""

    ours: BothWindows
    sleepecg: BothWindows


@dataclass(frozen=True)
class DayTime:
    """Seconds that each detector takes for so many hours of two leads, and their ratio."""

    hours: float
    ours_s: float
    sleepecg_s: float
    ratio: float


@dataclass(frozen=True)
class AgreementScores:
    """The share of beats that a second detector agrees on, and how many of these and of the others are beats."""

    agreed_share: float
    ppv_agreed: float
    ppv_not_agreed: float
    wrong_beats_flagged: float


@dataclass(frozen=True)
class LeftOutCounts:
    """Beats found, missed and extra in patients that the detector's weights were not fitted on."""

    found: int
    missed: int
    extra: int


@dataclass(frozen=True)
class Origin:
    """The command and the commit of a run, and the command that fitted the detector's weights."""

    command: str
    commit: str
    weights: str


RPeakTable = Origin | BothDetectors | DayTime | LeftOutCounts | Mapping[str, AgreementScores]


@dataclass(frozen=True, kw_only=True)
class RPeaks:
    """An r_peaks.json: tables by name in sections; a section that is not reached yet is None."""

    about: Mapping[str, Origin] | None = None
    sets: Mapping[str, BothDetectors] | None = None
    speed: Mapping[str, DayTime] | None = None
    with_flutter: Mapping[str, BothDetectors] | None = field(default=None, metadata={"key": "with flutter of 207"})
    left_out: Mapping[str, LeftOutCounts] | None = field(default=None, metadata={"key": "ds1, left-out patients"})
    noise: Mapping[str, BothDetectors] | None = field(default=None, metadata={"key": "noise, ds2"})
    agreement: Mapping[str, Mapping[str, AgreementScores]] | None = None
    svdb: Mapping[str, BothDetectors] | None = None
    changed: Mapping[str, BothDetectors] | None = field(default=None, metadata={"key": "changed, ds2"})


@dataclass(frozen=True)
class AsystoleCounts:
    """Spliced pauses, and what is found in the recordings as they are.

    Attributes
    ----------
    pauses, found, named : int
        How many were spliced; of these, detected with both neighbours and nothing between, and named as episodes.
    with_p, found_with_p : int
        Those with P waves inside, and found.
    beats_inside, neighbours_lost : int
        Beats detected inside pauses, and beats beside them that were not detected.
    false_intervals, false_episodes, true_episodes : int
        In the recordings as they are: intervals of at least 2.5 s that the reference does not have, episodes that it
        does not have, and episodes that it has.
    hours : float
        Duration of the recordings as they are.
    """

    pauses: int = 0
    found: int = 0
    named: int = 0
    with_p: int = 0
    found_with_p: int = 0
    beats_inside: int = 0
    neighbours_lost: int = 0
    false_intervals: int = 0
    false_episodes: int = 0
    true_episodes: int = 0
    hours: float = 0.0


@dataclass(frozen=True)
class Asystole:
    """An asystole.json: counts by database, and of all."""

    command: str
    commit: str
    counts: Mapping[str, AsystoleCounts]


@dataclass(frozen=True)
class ExportedFormat:
    """A network in one format: size, and how far probabilities of a new process differ; or why it cannot be written."""

    network: str
    format: str
    runtime: str
    size_bytes: int
    inputs: int
    largest_difference: float | None
    refused: str


@dataclass(frozen=True)
class Exports:
    """An exports.json: every network in every format, and the difference that is tolerated."""

    provenance: Provenance
    tolerance: float
    rows: tuple[ExportedFormat, ...]


@dataclass(frozen=True)
class MarkErrors:
    """Found less reference of one mark, one to one within 150 ms; ms; None where nothing was found."""

    mean_ms: float | None
    sd_ms: float | None
    found: int
    reference: int


@dataclass(frozen=True)
class IntervalErrors:
    """Per record: the median found interval less the median of the reference, ms."""

    mean_ms: float | None
    sd_ms: float | None
    median_absolute_ms: float | None
    records: int


@dataclass(frozen=True)
class WaveScores:
    """How one detector marks the held-out records; P waves are counted in lead II of LUDB."""

    ludb: Mapping[str, MarkErrors]
    intervals: Mapping[str, IntervalErrors]
    p_se: float
    p_ppv: float
    beats_without_p: int
    no_p_there: float
    qtdb: Mapping[str, MarkErrors]


@dataclass(frozen=True)
class WaveBenchmark:
    """A waves.json: scores by detector, and the detectors that were not installed."""

    command: str
    commit: str
    weights: str
    ludb_records: tuple[str, ...]
    qtdb_records: tuple[str, ...]
    without_p: tuple[str, ...]
    scores: Mapping[str, WaveScores]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class RecordReview:
    """One record read to the signature: with groups on the page, and one by one by the same rule.

    `keys` counts every key press and click; `wrong` are decided beats whose class is not that of the reference.
    """

    record: str
    findings: int
    decisions: int
    keys: int
    beats: int
    wrong: int
    one_by_one_decisions: int
    one_by_one_beats: int
    one_by_one_wrong: int


@dataclass(frozen=True)
class ReviewSpeed:
    """A review_speed.json: what was wanted of all records together, and each record."""

    provenance: Provenance
    decisions_max: int
    keys_max: int
    records: tuple[RecordReview, ...]


@dataclass(frozen=True)
class LiveAgreement:
    """Provisional against final classes of replayed records, of one piece of `piece_s` in `one_piece_in`."""

    records: int
    one_piece_in: int
    piece_s: float
    beats: int
    same: int
    contrary: int
    missed: int
    extra: int
    fraction: float
    worst_record: str
    worst_fraction: float


@dataclass(frozen=True)
class LiveChoice:
    """What a live look may read, and when: provisional against final classes of the same beats, and its CPU time."""

    name: str
    newest_s: float
    grid_s: float
    stretches: int
    settled_s: float
    beats: int
    same: int
    contrary: int
    missed: int
    extra: int
    fraction: float
    cpu_ms: float


@dataclass(frozen=True)
class LiveChoices:
    """A live_choices.json: choices compared on beats of training records that are easily classified otherwise."""

    provenance: Provenance
    records: int
    beats_per_record: int
    doubtful_below: float
    choices: tuple[LiveChoice, ...]


@dataclass(frozen=True)
class LiveTimes:
    """Of so many measurements the median, 95th percentile and most; what is aimed at; ms."""

    n: int
    median_ms: float
    p95_ms: float
    most_ms: float
    aim_ms: float


@dataclass(frozen=True)
class LiveHour:
    """An hour that was replayed: what was lost, and the memory that it took."""

    seconds: float
    fs: float
    leads: int
    speed: float
    wall_s: float
    cpu_s: float
    frames: int
    lost: int
    every_value_the_same: bool
    memory_after_six_minutes_mb: float
    memory_at_the_end_mb: float
    memory_most_mb: float
    provisional_beats: int
    fraction_the_same: float


@dataclass(frozen=True)
class LiveBenchmark:
    """A live.json; each part may have been run alone, at a commit of its own."""

    command: str = "python -m benchmarks.live --write"
    commits: Mapping[str, str] = field(default_factory=dict)
    agreement: LiveAgreement | None = None
    loopback: Mapping[str, LiveTimes] | None = None
    screen: LiveTimes | None = None
    hour: LiveHour | None = None


@dataclass(frozen=True)
class Seconds:
    """Seconds of an analysis by the clock and of the processor, the best of some rounds."""

    wall: float
    processor: float


@dataclass(frozen=True)
class RhythmDay:
    """A rhythm_day.json: an analysis without and with rhythms and quality, and processor seconds of each step.

    `load` is how many processes the machine worked on when the first round began: above its number of processors, all
    figures are too high.
    """

    provenance: Provenance
    hours: float
    rounds: int
    load: float
    without: Seconds
    with_rhythms: Seconds
    added: Seconds
    steps: Mapping[str, float]


@dataclass(frozen=True)
class TwelveLeadReading:
    """A twelve_lead_reading.json: seconds for an ECG of 10 s in twelve leads, medians over recordings.

    `load` is how many processes the machine worked on before: above its number of processors, all figures are too high.
    """

    provenance: Provenance
    recordings: int
    load: float
    beats_and_rhythm: Seconds
    measurements: Seconds
    whole: Seconds
    slowest: Seconds


@dataclass(frozen=True)
class Stage:
    """A stage of an analysis: its seconds by the clock and of the processor, and the most memory in it."""

    name: str
    wall_s: float
    cpu_s: float
    memory_mb: int


@dataclass(frozen=True)
class StagedRun:
    """An analysis in a process of its own; `load` is how many processes the machine worked on when it began."""

    hours: float
    leads: int
    fs: float
    load: float
    wall_s: float
    cpu_s: float
    memory_mb: int
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Lengths:
    """A stages.json: analyses of recordings of different lengths.

    `cpu_s_per_hour` is that of the longest with two leads, without loading the program; `most_from_line` how far those
    of at least an hour are from it, as a share.
    """

    provenance: Provenance
    cpu_s_per_hour: float
    most_from_line: float
    runs: tuple[StagedRun, ...]


@dataclass(frozen=True)
class SimulatedRun:
    """Recordings of an archive handed to some workers, simulated.

    Attributes
    ----------
    workers : int
        How many.
    wall_h : float
        Hours until the last recording is finished.
    used : float
        Share of the workers' time in which they analyse what is finished later.
    deaths : int
        Workers that stopped, each with the recording that it was at.
    tail_h : float
        Hours at the end in which some worker has nothing left to do.
    held_at_once : int
        Recordings that the scheduler knows of at a time, at most.
    """

    workers: int
    wall_h: float
    used: float
    deaths: int
    tail_h: float
    held_at_once: int


@dataclass(frozen=True)
class Scheduling:
    """A scheduling.json: what handing out a recording takes, ms, and simulated runs with so many hours in all."""

    provenance: Provenance
    recordings: int
    hours: int
    each_ms: float
    cpu_s_per_hour: float
    cpu_h_per_1000_hours: float
    runs: tuple[SimulatedRun, ...]


@dataclass(frozen=True)
class LearntStatement:
    """A statement by several ways: sensitivity at the specificity that is asked for, and the area under the ROC."""

    code: str
    positives: int
    negatives: int
    sensitivity: Mapping[str, float]
    auc: Mapping[str, float]


@dataclass(frozen=True)
class LearntStatements:
    """A statements.json: statements by criteria and by models in so many folds."""

    provenance: Provenance
    records: int
    folds: int
    statements: tuple[LearntStatement, ...]
