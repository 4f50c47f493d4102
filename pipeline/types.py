"""The nouns of the pipeline: frozen dataclasses with read-only arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.labels import AAMI_CLASSES

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
PictureArray = NDArray[np.uint8]

Verdict = Literal["good", "noisy", "flat", "saturated", "gap"]
Status = Literal["classified", "unclassified"]


ArrayT = TypeVar("ArrayT", bound="NDArray[Any]")


def read_only(array: ArrayT) -> ArrayT:
    """Return the same array with writing switched off."""
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Annotations:
    """Reference annotations of beats.

    Attributes
    ----------
    sample : (n,) int64
        Indices into the recording, non-decreasing.
    symbol : tuple of str
        WFDB beat symbol of each.
    ignored : int
        Annotations that were passed over: they mark no beat, or no table knows them.
    """

    sample: IntArray
    symbol: tuple[str, ...]
    ignored: int = 0


@dataclass(frozen=True, eq=False)
class Recording:
    """A validated recording.

    Attributes
    ----------
    name : str
        A safe label.
    fs : float
        Sampling frequency, Hz.
    p_signal : (n_samples, n_leads) float32
        The signal in mV, NaN where nothing was recorded; read-only.
    leads : tuple of str
        Name of each lead.
    digest : str
        SHA-256 of the bytes that it was read from.
    calibrated : tuple of bool
        Per lead: False where the header gives no gain, so that its values are in arbitrary units.
    reference : Annotations
        Reference beats that came with the recording.
    notices : tuple of str
        Sentences for the user.
    """

    name: str
    fs: float
    p_signal: FloatArray
    leads: tuple[str, ...]
    digest: str
    calibrated: tuple[bool, ...]
    reference: Annotations | None = None
    notices: tuple[str, ...] = ()

    @property
    def n_samples(self) -> int:
        """Number of samples per lead."""
        return int(self.p_signal.shape[0])

    @property
    def duration_s(self) -> float:
        """Duration, seconds."""
        return self.n_samples / self.fs


@dataclass(frozen=True)
class QualitySegment:
    """A stretch [`start_s`, `stop_s`) of a recording, in seconds, with one verdict and the reason for it."""

    start_s: float
    stop_s: float
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Quality:
    """The quality of the analysed lead: stretches in order that cover the recording without overlap."""

    segments: tuple[QualitySegment, ...]
    analysed_fraction: float

    def index_at(self, time_s: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
        """Return the index into `segments` for each of the times (n,), in seconds."""
        stops = np.array([segment.stop_s for segment in self.segments])
        return np.minimum(np.searchsorted(stops, time_s, side="right"), stops.size - 1)

    def is_noisy(self, time_s: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Tell for each of the times (n,), in seconds, whether it lies in a stretch with the verdict "noisy"."""
        noisy = np.array([segment.verdict == "noisy" for segment in self.segments])
        return noisy[self.index_at(time_s)]


@dataclass(frozen=True, eq=False)
class Beats:
    """Detected (or given) beats and all that their pictures need, at the working sampling frequency.

    Attributes
    ----------
    fs : float
        Working sampling frequency, Hz.
    signal : (n_work, n_leads_used) float32
        Filtered, resampled leads, each divided by its median QRS height (so that 1.0 is this patient's usual QRS); 0 in
        gaps.
    leads : tuple of str
        Names of the leads used.
    r_peak : (n,) int64
        Indices into `signal`.
    sample : (n,) int64
        Indices into the recording.
    rr_s : (n,) float32
        Seconds since the previous beat, NaN at the start of a segment.
    mean_rr_s : float
        Mean RR interval of the recording, seconds.
    template : (n_template,) float32
        Median of the usual beats of the first lead over the beat window, 0 where unknown.
    scale_mv : (n_leads_used,) float32
        Median QRS height of each lead, mV.
    reason : tuple of str
        Per beat: "" where it can be classified, else why not.
    agreed : (n,) bool or None
        Where a second detector found the beat as well; None if none was run.
    """

    fs: float
    signal: FloatArray
    leads: tuple[str, ...]
    r_peak: IntArray
    sample: IntArray
    rr_s: FloatArray
    mean_rr_s: float
    template: FloatArray
    scale_mv: FloatArray
    reason: tuple[str, ...]
    agreed: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        """Return the number of beats."""
        return int(self.r_peak.size)


@dataclass(frozen=True, eq=False)
class Analysis:
    """What the pipeline found in one recording.

    Attributes
    ----------
    record : str
        Name of the recording.
    digest : str
        SHA-256 of the bytes it came from.
    fs : float
        Sampling frequency of the recording, Hz.
    duration_s : float
        Duration, seconds.
    leads : tuple of str
        The one or two leads used.
    model, model_version : str
        Network and its version.
    version : str
        Version of HeartVision.
    quality : Quality
        Quality of the first lead used.
    sample : (n,) int64
        R peaks, indices at `fs`.
    p : (n, 5) float32
        Calibrated probabilities in the order of `AAMI_CLASSES`; all 0 where `has_p` is False.
    has_p : (n,) bool
        False where the network was not run on the beat.
    confidence : (n,) float32
        Largest probability, 0 where there is none.
    status, reason : tuple of Status
        Per beat: whether its class can be used, and if not, why.
    notices : tuple of str
        Sentences for the user.
    threshold : float
        Abnormal probability from which the model calls a beat abnormal.
    """

    record: str
    digest: str
    fs: float
    duration_s: float
    leads: tuple[str, ...]
    model: str
    model_version: str
    version: str
    quality: Quality
    sample: IntArray
    p: FloatArray
    has_p: NDArray[np.bool_]
    confidence: FloatArray
    status: tuple[Status, ...]
    reason: tuple[str, ...]
    notices: tuple[str, ...]
    threshold: float

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Time of each R peak (n,), seconds."""
        return self.sample / self.fs

    @property
    def abnormal(self) -> FloatArray:
        """1 - p(N): the binary view of the same network; 0 where the network was not run."""
        return np.where(self.has_p, 1.0 - self.p[:, 0], 0.0).astype(np.float32)

    @property
    def symbol(self) -> tuple[str, ...]:
        """AAMI class per beat; Q ("unclassifiable") where the network was not run."""
        best = np.where(self.has_p, self.p.argmax(axis=1), AAMI_CLASSES.index("Q"))
        return tuple(AAMI_CLASSES[i] for i in best)

    def counts(self) -> dict[str, int]:
        """Count the classified beats of each class, and the `unclassified` ones."""
        found = dict.fromkeys((*AAMI_CLASSES, "unclassified"), 0)
        for symbol, status in zip(self.symbol, self.status, strict=True):
            found[symbol if status == "classified" else "unclassified"] += 1
        return found


@dataclass(frozen=True, eq=False)
class RgbPicture:
    """An uploaded picture or PDF page, decoded for display.

    Attributes
    ----------
    name : str
        A safe label.
    digest : str
        SHA-256 of the file.
    pixels : (height, width, 3) uint8
        RGB, read-only.
    kind : str
        "PNG", "JPEG", "WebP" or "PDF".
    page : int
        Page number, from 0.
    pages : int
        Number of pages in the file.
    """

    name: str
    digest: str
    pixels: PictureArray
    kind: str
    page: int = 0
    pages: int = 1


@dataclass(frozen=True, eq=False)
class BeatTrace:
    """The trace found in an uploaded picture of one beat.

    Attributes
    ----------
    name : str
        A safe label.
    digest : str
        SHA-256 of the file.
    picture : (h, w, 3) uint8
        The decoded original, RGB.
    column_px, row_px : (n,) float32
        Position of the trace in the original picture, row 0 at the top.
    value : (n,) float32
        The trace, upwards, scaled to 0..1 over its own range.
    finding : (7,) float32
        How the trace was found: its share of the picture's width and height; the share of the ink that belongs to it;
        the share of columns crossed more than once; the share of the picture that is plain background; the share of
        columns without ink; and the stroke's thickness over the trace's height.
    """

    name: str
    digest: str
    picture: PictureArray
    column_px: FloatArray
    row_px: FloatArray
    value: FloatArray
    finding: FloatArray
