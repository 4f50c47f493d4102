"""Every number that steers the pipeline, with its unit and where it comes from."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

PICTURE_ENDINGS = ("png", "jpg", "jpeg", "webp", "pdf")  # what the loader reads, as file dialogs want it
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Limits:
    """What intake accepts; published on the About page."""

    upload_bytes: int = 150 * 2**20  # a 24 h, 3-lead, 250 Hz Holter is 130 MB
    header_bytes: int = 64 * 2**10
    csv_bytes: int = 150 * 2**20
    picture_bytes: int = 20 * 2**20
    picture_pixels: int = 25_000_000
    picture_side_px: int = 10_000
    pictures: int = 500  # in one batch, ZIP archives unpacked
    pdf_pages: int = 50
    pdf_dpi: int = 200  # a page of 11 x 8.5 inches has 3.7 megapixels then
    pdf_seconds: float = 30.0
    zip_members: int = 20
    zip_total_bytes: int = 300 * 2**20
    zip_ratio: float = 100.0
    leads: int = 16
    fs_min_hz: float = 50.0
    fs_max_hz: float = 10_000.0
    duration_max_s: float = 49 * 3600.0
    duration_min_s: float = 10.0
    beats_min: int = 5


@dataclass(frozen=True)
class SignalConfig:
    """From millivolts to R peaks and beats."""

    working_fs_hz: float = 250.0  # every recording is resampled to it: one geometry for all
    highpass_hz: float = 0.5  # baseline wander; IEC 60601-2-47 allows 0.67 Hz for monitoring
    lowpass_hz: float = 40.0  # mains and muscle; QRS energy lies below
    filter_order: int = 2  # zero phase: applied forwards and backwards
    snap_ms: float = 60.0  # an R peak is moved to the extremum within this distance
    # which candidates are R peaks (signal/choice.py), tuned on DS1: ADR 0004
    beats_apart_ms: float = 200.0  # two beats are at least so far apart
    beat_score: float = -0.5  # log odds from which a candidate is a beat
    same_beat_ms: float = 150.0  # a slope within this distance belongs to the beat
    elsewhere_ms: float = 40.0  # if it is further away than this ...
    elsewhere_alike_ms: float = 10.0  # ... by a distance that differs from the usual one by no more than this ...
    elsewhere_share: float = 0.1  # ... in more than this share of the beats, the slopes say where R is
    trust_ms: float = 100.0  # two detectors agree on a beat within this distance
    usual_rr_ratio: float = 0.95  # a beat is usual unless it comes earlier than this share of the mean RR; ADR 0003
    scale_reach_ms: float = 80.0  # the QRS height is measured within this distance of R
    template_beats: int = 2000  # at most so many usual beats make the recording's usual beat
    quality_window_s: float = 10.0
    segment_min_s: float = 9.0  # shorter stretches are not analysed; a printed page of "10 s" may show a little less
    gap_bridge_ms: float = 40.0  # shorter runs of missing samples are interpolated
    flat_mv: float = 0.02  # peak to peak below this in a quality window: no signal
    amplitude_min_mv: float = 0.05  # 99th percentile outside these: unit is doubtful
    amplitude_max_mv: float = 20.0
    rr_min_ms: float = 250.0  # a median RR outside these: sampling frequency is doubtful
    rr_max_ms: float = 3000.0


# The fields of `SignalConfig` that change a picture of a given beat; the others decide on beats and verdicts only.
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
    rr_span: float = 2.0  # RR intervals up to so many times the mean fit into the bars
    drawing: int = 1  # raised whenever the drawing code changes what a picture looks like

    @property
    def height_px(self) -> int:
        return self.beat_height_px + self.strip_height_px + self.rr_height_px


@dataclass(frozen=True)
class SequenceConfig:
    """Beats as the rows of a sequence, for networks that read the rhythm of many beats; ADR 0010."""

    step_s: float = 0.008  # 125 Hz: twice what the 40 Hz low-pass leaves, and some
    points: int = 100
    points_before: int = 38  # 0.30 s before R: the P wave of a slow rhythm; 0.49 s after: the T wave
    height_limit: float = 6.0  # usual QRS heights; an artefact says no more by being higher
    local_beats: tuple[int, ...] = (8, 32)  # running medians of the RR intervals reach so far on each side
    absolute_rr_s: float = 0.8  # 75/min
    ratio_limit: float = 1.5  # log2: an interval of a third or of three times the usual says no less
    margin_beats: int = 64  # a beat's answer depends on so many neighbours on each side, at most
    block: int = 2048  # beats that are answered at once

    @property
    def rhythm_size(self) -> int:
        return 2 * (1 + len(self.local_beats)) + 1 + 2


@dataclass(frozen=True)
class ReviewConfig:
    """What counts as a finding of the review; not part of `Config`, so no analysis depends on it. ADR 0007."""

    run_beats: int = 3  # "three or more": AHA/ACC/HRS 2017, doi:10.1161/CIR.0000000000000549, table of definitions
    run_bpm: float = 100.0  # same table: tachycardia from here, idioventricular (or atrial) rhythm below
    sustained_s: float = 30.0  # same table: sustained ventricular tachycardia
    cycles: int = 3  # so many cycles in a row make a bigeminy or trigeminy; usual in Holter reports
    pause_s: float = 2.0  # usual in Holter reports
    long_pause_s: float = 3.0  # ACC/AHA/HRS 2018, doi:10.1161/CIR.0000000000000628: sinus pause
    compensatory_ratio: float = 1.1  # coupling + pause up to so many times two usual intervals are compensatory
    # between two beats: half a QRS of drift is none of the heart; 0.35 finds all of the flutter of 207 (DS1). ADR 0007
    silence_after_s: float = 0.7  # the T wave of the beat before
    silence_before_s: float = 0.3  # the P wave of the beat after
    silence_step_s: float = 0.2
    wave_height: float = 0.35  # of the usual QRS
    drift_height: float = 0.5
    dead_mv: float = 0.006  # a step no higher than one digit of 5 uV, most of the time: nothing is connected
    usual_intervals: int = 20  # the usual interval is the median of the NN intervals among so many before
    bradycardia_bpm: float = 50.0  # ACC/AHA/HRS 2018: sinus bradycardia
    tachycardia_bpm: float = 100.0  # AHA/ACCF/HRS: above the normal 60 to 100/min
    rate_beats: int = 8  # a heart rate is that of the median of so many intervals: one ectopic is no rate
    stretch_s: float = (
        30.0  # shorter slow, fast or irregular stretches are not listed; AF: doi:10.1093/eurheartj/ehaa612
    )
    af_intervals: int = 32  # window of the irregularity measure; this and the next two were chosen on DS1
    af_tolerance_s: float = 0.05
    af_threshold: float = -0.9
    doubtful_below: float = 0.7  # confidence
    unclassified_join_s: float = 10.0  # unclassified beats closer than this are one finding
    # heart rate variability: Task Force 1996, doi:10.1161/01.CIR.93.5.1043
    hrv_segment_s: float = 300.0  # SDANN and SDNN index
    hrv_segment_filled: float = 0.5  # a segment counts if normal intervals fill this share of it
    hrv_bin_ms: float = 1000 / 128  # histogram of the triangular index
    hrv_short_s: float = 60.0  # least sum of normal intervals for RMSSD and pNN50 ...
    hrv_sdnn_s: float = 240.0  # ... for SDNN (most of the five minutes of a short recording) ...
    hrv_triangular_s: float = 1200.0  # ... and for the triangular index (at least 20 minutes)
    # morphology families (review/families.py), tuned on DS1
    family_before_s: float = 0.12
    family_after_s: float = 0.24
    family_step_s: float = 0.008  # points of the compared window are so far apart
    family_components: int = 10
    family_radius: float = 0.45  # distance between unit-length beats; 0.45 is a correlation of 0.90
    family_merge: float = 0.30
    family_count_max: int = 40
    family_beats_min: int = 2
    family_median_beats: int = 200
    points_max: int = 4000  # of a series or a cloud for display


@dataclass(frozen=True)
class Config:
    """One frozen configuration for the whole pipeline."""

    limits: Limits = field(default_factory=Limits)
    signal: SignalConfig = field(default_factory=SignalConfig)
    picture: PictureConfig = field(default_factory=PictureConfig)
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    match_window_ms: float = 150.0  # ANSI/AAMI EC57
    learning_period_s: float = 300.0  # EC57 leaves the first five minutes out of the scores
    predict_batch: int = 128

    def preprocessing_id(self) -> str:
        """Hash of all that changes a beat picture; a manifest trained on another id is refused."""
        signal = {name: getattr(self.signal, name) for name in _PICTURE_SHAPING}
        text = json.dumps([signal, asdict(self.picture)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def sequence_id(self) -> str:
        """Hash of all that changes the rows of a sequence of beats; as `preprocessing_id` for pictures."""
        signal = {name: getattr(self.signal, name) for name in _PICTURE_SHAPING}
        text = json.dumps([signal, asdict(replace(self.sequence, block=0))], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


DEFAULT = Config()
REVIEW = ReviewConfig()
RECORDING_NETWORK: Final = "rhythm_svdb"  # that reads a recording unless another is asked for; ADR 0010 says why
PICTURE_NETWORK: Final = "vgg16"  # likewise a picture of a beat


def data_root() -> Path:
    """Where the public datasets lie: `HEARTVISION_DATA`, else data/external, else ../shared/data."""
    if configured := os.environ.get("HEARTVISION_DATA"):
        return Path(configured)
    external, shared = ROOT / "data" / "external", ROOT.parent / "shared" / "data"
    return shared if shared.exists() and not external.exists() else external


def cache_root() -> Path:
    """Where finished analyses are kept: `HEARTVISION_CACHE`, else the user's cache folder."""
    configured = os.environ.get("HEARTVISION_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "heartvision"


def home_root() -> Path:
    """Where recordings and reviews are kept for good: `HEARTVISION_HOME`, else the user's data folder."""
    configured = os.environ.get("HEARTVISION_HOME")
    return Path(configured) if configured else Path.home() / ".local" / "share" / "heartvision"


def database_url() -> str:
    """Where reviews are kept: `HEARTVISION_DATABASE_URL`, else an SQLite file in `home_root()`."""
    return os.environ.get("HEARTVISION_DATABASE_URL") or f"sqlite:///{home_root() / 'reviews.sqlite'}"
