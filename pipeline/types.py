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
    """The same array with writing switched off."""
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Annotations:
    """Reference annotations of beats.

    `sample` (n,) int64 indices into the recording, non-decreasing; `symbol` (n,) WFDB beat symbols;
    `ignored` counts annotations that are not beats or that no table knows.
    """

    sample: IntArray
    symbol: tuple[str, ...]
    ignored: int = 0


@dataclass(frozen=True, eq=False)
class Recording:
    """A validated recording.

    `p_signal` (n_samples, n_leads) float32 in mV, NaN where nothing was recorded; `fs` in Hz; `digest` the
    SHA-256 of the bytes it came from; `calibrated[i]` is False where the header gives no gain for lead i
    (its values are then in arbitrary units); `notices` are sentences for the user.
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
        return int(self.p_signal.shape[0])

    @property
    def duration_s(self) -> float:
        return self.n_samples / self.fs


@dataclass(frozen=True)
class QualitySegment:
    """A stretch [`start_s`, `stop_s`) of the recording, in seconds, with one verdict and its reason."""

    start_s: float
    stop_s: float
    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Quality:
    """The quality of the analysed lead: stretches in order, covering the recording without overlap."""

    segments: tuple[QualitySegment, ...]
    analysed_fraction: float

    def index_at(self, time_s: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
        """Which of `segments` holds each of the times (n,), in seconds."""
        stops = np.array([segment.stop_s for segment in self.segments])
        return np.minimum(np.searchsorted(stops, time_s, side="right"), stops.size - 1)

    def is_noisy(self, time_s: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Whether each of the times (n,), in seconds, lies in a stretch with the verdict "noisy"."""
        noisy = np.array([segment.verdict == "noisy" for segment in self.segments])
        return noisy[self.index_at(time_s)]


@dataclass(frozen=True, eq=False)
class Beats:
    """Detected (or given) beats and all that their pictures need, at the working sampling frequency.

    `signal` (n_leads_used, n_work) float32: filtered, resampled leads, each divided by its median QRS height
    (so 1.0 is this patient's usual QRS), 0 in gaps; `r_peak` (n,) indices into `signal`; `sample` (n,) indices
    into the recording; `rr_s` (n,) seconds since the previous beat, NaN at the start of a segment;
    `mean_rr_s` the mean RR interval of the recording; `template` (n_template,) the median of the usual beats
    of the first lead over the beat window, 0 where unknown; `scale_mv` (n_leads_used,) the QRS heights;
    `reason` (n,) "" where the beat can be classified, else why not; `agreed` (n,) bool where a second detector
    found the beat as well, None where none was asked.
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
        return int(self.r_peak.size)


@dataclass(frozen=True, eq=False)
class Analysis:
    """What the pipeline found in one recording.

    `sample` (n,) R peaks, indices at the recording's `fs`; `p` (n, 5) calibrated probabilities in the order of
    `AAMI_CLASSES` (all 0 where `has_p` is False: the network was not run on that beat); `status` and `reason`
    per beat; `threshold` the abnormal-probability threshold of the model; `leads` the one or two leads used.
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
        """Beats per class that were classified, and `unclassified`."""
        found = dict.fromkeys((*AAMI_CLASSES, "unclassified"), 0)
        for symbol, status in zip(self.symbol, self.status, strict=True):
            found[symbol if status == "classified" else "unclassified"] += 1
        return found


@dataclass(frozen=True, eq=False)
class RgbPicture:
    """An uploaded picture or PDF page as a viewer shows it: `pixels` (height, width, 3) uint8, RGB, read-only.

    `name` is a safe label, `digest` the SHA-256 of the file, `kind` one of "PNG", "JPEG", "WebP", "PDF"; `page` counts
    from 0 of `pages`.
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

    `column_px` (n,) and `row_px` (n,) follow the trace in the original picture (row 0 on top); `value` (n,) is
    the trace upwards, scaled to 0..1 over its own range; `picture` (h, w, 3) uint8 is the decoded original, RGB;
    `finding` (7,) says how it was found: the trace's share of the picture's width and height, the share of the ink that
    is the trace, of the columns met more than once, of the picture that is plain ground, of the columns without ink,
    and the stroke's thickness over the trace's height.
    """

    name: str
    digest: str
    picture: PictureArray
    column_px: FloatArray
    row_px: FloatArray
    value: FloatArray
    finding: FloatArray
