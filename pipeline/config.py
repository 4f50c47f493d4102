"""Every number that the pipeline depends on, with its unit and its source."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

PICTURE_ENDINGS = ("png", "jpg", "jpeg", "webp", "pdf")  # what the loader reads, in the form that file dialogs expect
ROOT = Path(__file__).resolve().parent.parent
IS_CHECKOUT: Final = (ROOT / "pyproject.toml").is_file()  # else installed, and ROOT is the folder of all packages
SHIPPED: Final = ROOT / "data" if IS_CHECKOUT else Path(__file__).parent / "shipped"  # the demo, checksums, statistics


@dataclass(frozen=True)
class Limits:
    """What the intake accepts; published on the About page."""

    upload_bytes: int = 150 * 2**20  # a 24 h, 3-lead, 250 Hz Holter is 130 MB
    file_bytes: int = 500 * 2**20  # of a recording on this machine's own disk; 24 h of 12 leads at 250 Hz are 494 MB
    header_bytes: int = 64 * 2**10
    csv_bytes: int = 150 * 2**20
    picture_bytes: int = 20 * 2**20
    picture_pixels: int = 25_000_000
    picture_side_px: int = 10_000
    pictures: int = 500  # in one batch, ZIP archives unpacked
    pdf_pages: int = 50
    pdf_dpi: int = 200  # an 11 x 8.5 inch page becomes 3.7 megapixels
    pdf_seconds: float = 30.0
    zip_members: int = 500  # a PhysioNet folder has three files a record; their bytes are bounded below
    zip_total_bytes: int = 300 * 2**20
    zip_ratio: float = 100.0
    leads: int = 16
    fs_min_hz: float = 50.0
    fs_max_hz: float = 10_000.0
    duration_max_s: float = 49 * 3600.0
    duration_min_s: float = 10.0


@dataclass(frozen=True)
class SignalConfig:
    """Settings of the path from millivolts to R peaks and beats."""

    working_fs_hz: float = 250.0  # every recording is resampled to this rate, so that all share one geometry
    highpass_hz: float = 0.5  # baseline wander; IEC 60601-2-47 allows 0.67 Hz for monitoring
    lowpass_hz: float = 40.0  # mains and muscle; QRS energy lies below
    filter_order: int = 2  # zero phase: applied forwards and backwards
    snap_ms: float = 60.0  # an R peak is moved to the extremum within this distance
    # which candidates are R peaks (signal/r_peak_choice.py), tuned on DS1: ADR 0004
    beats_apart_ms: float = 200.0  # the least distance between two beats
    beat_score: float = -0.5  # log odds from which a candidate is a beat
    same_beat_ms: float = 150.0  # a slope within this distance belongs to the beat
    elsewhere_ms: float = 40.0  # if the slope is further from R than this ...
    elsewhere_alike_ms: float = 10.0  # ... by a distance that differs from the usual one by at most this ...
    elsewhere_share: float = 0.1  # ... in more than this share of the beats ...
    elsewhere_most: float = 0.5  # ... and of those that are elsewhere, the slopes decide where R is
    detector_agreement_ms: float = 100.0  # two detectors agree on a beat within this distance
    usual_rr_ratio: float = 0.95  # a beat is usual if its RR interval is at least this share of the mean; ADR 0003
    scale_reach_ms: float = 80.0  # the QRS height is measured within this distance of R
    template_beats: int = 2000  # at most this many usual beats make up the recording's usual beat
    # probabilities of the noise detectors, chosen on held-out patients of their training data; ADR 0037
    noisy_from: float = 0.10  # that noise makes a class wrong: from here no beat of a window is classified
    noise_from: float = 0.01  # from here a beat must be the surer, the more noise there is:
    noise_doubt_weight: float = 0.4  # this times (1 - confidence) is added to the probability ...
    noise_doubt_from: float = 0.08  # ... and must stay below this
    noise_ectopic_from: float = 0.02  # the same two for a beat that is not N: noise rather hides than shows what it is
    noise_ectopic_doubt_from: float = 0.12
    no_ecg_from: float = 0.90  # that there is no ECG in a window
    segment_min_s: float = 9.0  # shorter stretches are not analysed; a printed page of "10 s" may show a little less
    gap_bridge_ms: float = 40.0  # shorter runs of missing samples are interpolated
    flat_mv: float = 0.02  # peak to peak below this in a quality window: no signal
    amplitude_min_mv: float = 0.05  # a 99th percentile outside these limits makes the unit doubtful
    amplitude_max_mv: float = 20.0
    rr_min_ms: float = 250.0  # a median RR outside these limits makes the sampling frequency doubtful
    rr_max_ms: float = 3000.0


# The fields of `SignalConfig` that change the picture of a given beat; the others only affect beats and verdicts.
_PICTURE_SHAPING = (
    *("working_fs_hz", "highpass_hz", "lowpass_hz", "filter_order", "snap_ms"),
    *("gap_bridge_ms", "usual_rr_ratio", "scale_reach_ms", "template_beats", "rr_min_ms", "rr_max_ms"),
)


@dataclass(frozen=True)
class PictureConfig:
    """The geometry of the beat picture; ADR 0003 has the measurements behind it."""

    width_px: int = 96
    beat_height_px: int = 38
    strip_height_px: int = 13
    rr_height_px: int = 13
    beat_before_s: float = 0.25
    beat_after_s: float = 0.45
    strip_half_s: float = 3.0
    rr_neighbours: int = 6  # intervals drawn before and after the beat's own
    scale_span: float = 2.6  # panel height in units of the lead's median QRS height
    baseline: float = 0.55  # where 0 lies in the beat panel, as a fraction of its height from the top
    rr_span: float = 2.0  # RR intervals up to this many times the mean fit into the bars
    drawing: int = 1  # raised whenever the drawing code changes what a picture looks like

    @property
    def height_px(self) -> int:
        """Height of the whole picture, pixels."""
        return self.beat_height_px + self.strip_height_px + self.rr_height_px


@dataclass(frozen=True)
class SequenceConfig:
    """Beats as the rows of a sequence, for networks that read the rhythm of many beats; ADR 0010."""

    step_s: float = 0.008  # 125 Hz: more than twice the 40 Hz that the low-pass filter leaves
    points: int = 100
    points_before: int = 38  # 0.30 s before R: the P wave of a slow rhythm; 0.49 s after: the T wave
    height_limit: float = 6.0  # in usual QRS heights; an artefact does not gain weight by being higher
    local_beats: tuple[int, ...] = (8, 32)  # reach of the running medians of the RR intervals, on each side
    absolute_rr_s: float = 0.8  # 75/min
    ratio_limit: float = 1.5  # log2: intervals beyond about a third or three times the usual one are clipped
    margin_beats: int = 64  # a beat's answer depends on at most this many neighbours on each side
    block: int = 2048  # beats classified at once

    @property
    def rhythm_size(self) -> int:
        """How many numbers describe the RR intervals of one beat."""
        return 2 * (1 + len(self.local_beats)) + 1 + 2


@dataclass(frozen=True)
class ReviewConfig:
    """What counts as a finding in a review.

    Not part of `Config`, so that no analysis depends on it; ADR 0007.
    """

    run_beats: int = 3  # "three or more": AHA/ACC/HRS 2017, doi:10.1161/CIR.0000000000000549, table of definitions
    run_bpm: float = 100.0  # same table: tachycardia from here, idioventricular (or atrial) rhythm below
    sustained_s: float = 30.0  # same table: sustained ventricular tachycardia
    # V beats of a run are so far apart at least, the refractory period of the ventricles: of 1 518 intervals between V
    # beats of mitdb and svdb outside flutter one is shorter, and 4 are up to 10 ms longer
    v_apart_s: float = 0.25
    cycles: int = 3  # this many cycles in a row make a bigeminy or trigeminy; usual in Holter reports
    pause_s: float = 2.0  # usual in Holter reports
    long_pause_s: float = 3.0  # ACC/AHA/HRS 2018, doi:10.1161/CIR.0000000000000628: sinus pause
    compensatory_ratio: float = 1.1  # compensatory: coupling + pause at most this many times two usual intervals
    # an interval as long as two of its neighbours, where these are steady: a beat was missed or dropped
    doubled_ratio: tuple[float, float] = (1.8, 2.2)
    doubled_neighbours: int = 8  # on each side, as many of which must be known in all
    doubled_steady: float = 0.06  # median deviation of the neighbours from their median, relative
    # between two beats: a drift of half a QRS is not cardiac; 0.35 finds all flutter in record 207 (DS1); ADR 0019
    silence_after_s: float = 0.7  # the T wave of the beat before
    silence_before_s: float = 0.3  # the P wave of the beat after
    silence_step_s: float = 0.2
    wave_height: float = 0.35  # of the usual QRS
    p_height: float = 0.6  # waves up to this share of the usual QRS may be P waves ...
    p_share: float = 0.45  # ... if they fill at most this share of the steps: flutter and noise fill nearly all
    drift_height: float = 0.5
    dead_mv: float = 0.006  # steps of no more than one digit of 5 uV most of the time: no electrode is connected
    usual_intervals: int = 20  # the usual interval is the median of the NN intervals among this many before
    bradycardia_bpm: float = 50.0  # ACC/AHA/HRS 2018: sinus bradycardia
    tachycardia_bpm: float = 100.0  # AHA/ACCF/HRS: above the normal 60 to 100/min
    beside_s: float = 2.0  # so close to a gap, an artefact or noise, no extreme of a rate or length is taken: two beats
    rate_beats: int = 8  # a heart rate is taken from the median of this many intervals: one ectopic beat is no rate
    stretch_s: float = (
        30.0  # shorter slow, fast or irregular stretches are not listed; AF: doi:10.1093/eurheartj/ehaa612
    )
    af_intervals: int = 32  # window of the irregularity measure; this and the next two were chosen on DS1
    af_tolerance_s: float = 0.05
    af_threshold: float = -0.9
    doubtful_below: float = 0.7  # confidence
    unclassified_join_s: float = 10.0  # unclassified beats closer than this are one finding
    unreadable_s: float = 10.0  # shorter unreadable stretches are drawn, not listed, unless flat: one standard strip
    # heart rate variability: Task Force 1996, doi:10.1161/01.CIR.93.5.1043
    hrv_segment_s: float = 300.0  # SDANN and SDNN index
    hrv_segment_filled: float = 0.5  # a segment counts if normal intervals fill at least this share of it
    hrv_bin_ms: float = 1000 / 128  # histogram of the triangular index
    hrv_short_s: float = 60.0  # least sum of normal intervals for RMSSD and pNN50 ...
    hrv_sdnn_s: float = 240.0  # ... for SDNN (most of the five minutes of a short recording) ...
    hrv_triangular_s: float = 1200.0  # ... and for the triangular index (at least 20 minutes)
    # morphology families (review/families.py), tuned on DS1
    family_before_s: float = 0.12
    family_after_s: float = 0.24
    family_step_s: float = 0.008  # distance between the points of the compared window
    family_components: int = 10
    family_radius: float = 0.45  # distance between unit-length beats; 0.45 is a correlation of 0.90
    family_merge: float = 0.30
    family_count_max: int = 40
    family_beats_min: int = 2
    family_median_beats: int = 200
    points_max: int = 4000  # of a series or scatter plot on display


@dataclass(frozen=True)
class Config:
    """One frozen configuration for the whole pipeline."""

    limits: Limits = field(default_factory=Limits)
    signal: SignalConfig = field(default_factory=SignalConfig)
    picture: PictureConfig = field(default_factory=PictureConfig)
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    match_window_ms: float = 150.0  # ANSI/AAMI EC57
    learning_period_s: float = 300.0  # EC57 excludes the first five minutes from the scores
    predict_batch: int = 128

    def preprocessing_id(self) -> str:
        """Return a hash of everything that changes a beat picture; a manifest with another id is refused."""
        signal = {name: getattr(self.signal, name) for name in _PICTURE_SHAPING}
        text = json.dumps([signal, asdict(self.picture)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def sequence_id(self) -> str:
        """Return a hash of everything that changes the rows of a sequence of beats; see `preprocessing_id`."""
        signal = {name: getattr(self.signal, name) for name in _PICTURE_SHAPING}
        text = json.dumps([signal, asdict(replace(self.sequence, block=0))], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class WorkerLimits:
    """What one analysis may take of the machine before it is refused, so that the next one is not held up."""

    memory_bytes: int = 6 * 2**30  # resident; a day of three leads took 1.5 GB
    seconds: float = 3 * 3600.0  # by the clock; a day of three leads took two minutes


@dataclass(frozen=True)
class IntakeProcess:
    """What reading one upload may take of the machine before it is refused."""

    memory_bytes: int = 6 * 2**30  # of address space; a day of three leads took 1 GB
    seconds: float = 300.0  # of the processor, and by the clock


@dataclass(frozen=True)
class Retention:
    """How long recordings are kept and how much room they take; nothing is limited unless it is said.

    `HEARTVISION_KEEP_DAYS`, `HEARTVISION_QUOTA_GB` and `HEARTVISION_EXPIRE_SIGNED` set it for a server, see
    `pipeline.store.retention`.
    """

    days: float | None = None  # after the last thing that was done with a recording
    quota_bytes: int | None = None  # of recordings and what is made of them
    signed: bool = False  # whether recordings of signed studies go too
    grace_s: float = 86_400.0  # between the two looks that a worker takes: a clock that is wrong deletes nothing


@dataclass(frozen=True)
class SignInLimits:
    """How long a sign-in holds, where people sign in; see `sign_in_limits`."""

    idle_min: float = 15.0  # without a click; NIST SP 800-63B, AAL3: 15 minutes of inactivity
    prove_again_min: float = 10.0  # a signature needs a sign-in at most this old, in the spirit of 21 CFR 11.200(a)
    seen_every_s: float = 60.0  # how exactly the last click is kept


DEFAULT = Config()
ON_DISK = replace(DEFAULT, limits=replace(DEFAULT.limits, upload_bytes=DEFAULT.limits.file_bytes))  # of a recording
WORKER = WorkerLimits()
INTAKE = IntakeProcess()
REVIEW = ReviewConfig()
RECORDING_NETWORK: Final = "rhythm_svdb"  # reads recordings unless another is asked for; ADR 0026 says why
PICTURE_NETWORK: Final = "vgg16"  # likewise for pictures of beats


def data_root() -> Path:
    """Where the public datasets lie: `HEARTVISION_DATA`, else data/external, or `home_root()`/data when installed."""
    if configured := os.environ.get("HEARTVISION_DATA"):
        return Path(configured)
    return ROOT / "data" / "external" if IS_CHECKOUT else home_root() / "data"


def cache_root() -> Path:
    """Return the folder of finished analyses: `HEARTVISION_CACHE`, else the user's cache folder."""
    configured = os.environ.get("HEARTVISION_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "heartvision"


def home_root() -> Path:
    """Return the folder where recordings and reviews are stored for good.

    `HEARTVISION_HOME`, else the user's data folder.
    """
    configured = os.environ.get("HEARTVISION_HOME")
    return Path(configured) if configured else Path.home() / ".local" / "share" / "heartvision"


def runs_root() -> Path:
    """Where trainings and evaluations leave what they go on from: `runs` in a checkout, else in the cache."""
    return (ROOT if IS_CHECKOUT else cache_root()) / "runs"


def database_url() -> str:
    """Return the database that holds the reviews: `HEARTVISION_DATABASE_URL`, else an SQLite file in `home_root()`."""
    return os.environ.get("HEARTVISION_DATABASE_URL") or f"sqlite:///{home_root() / 'reviews.sqlite'}"


def sign_in_required() -> bool:
    """Tell whether people sign in here: `HEARTVISION_SIGN_IN`.

    The application sets it where its secrets have a section `[auth]`.
    """
    return os.environ.get("HEARTVISION_SIGN_IN", "") not in ("", "0")


def sign_in_limits() -> SignInLimits:
    """Return how long a sign-in holds: `HEARTVISION_IDLE_MINUTES` and `HEARTVISION_PROVE_AGAIN_MINUTES`, if set."""
    usual = SignInLimits()
    return SignInLimits(
        idle_min=float(os.environ.get("HEARTVISION_IDLE_MINUTES") or usual.idle_min),
        prove_again_min=float(os.environ.get("HEARTVISION_PROVE_AGAIN_MINUTES") or usual.prove_again_min),
    )
