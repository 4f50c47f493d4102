"""The nouns of the pipeline: frozen dataclasses with read-only arrays."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, SupportsFloat, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.config import DEFAULT, Config
from pipeline.errors import IntakeError, LimitError
from pipeline.identity import DeviceReading, Identity, Sex
from pipeline.labels import AAMI_CLASSES
from pipeline.measurements import Measurements

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
PictureArray = NDArray[np.uint8]

Verdict = Literal["good", "noisy", "flat", "saturated", "gap"]
Status = Literal["classified", "unclassified"]
# fmt: off
RhythmCode = Literal[
    "N", "SBR", "ST", "AFIB", "AFL", "SVTA", "NOD", "B", "T", "VT", "IVR", "VFL", "ASYS", "BI", "BII", "BIII", "P",
    "NOISE",
]
# fmt: on


ArrayT = TypeVar("ArrayT", bound="NDArray[Any]")
RHYTHM_CODES: Final[tuple[RhythmCode, ...]] = get_args(RhythmCode)
LEAD_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _+.\-]{0,15}")
_SAMPLES_MEASURED: Final = 100_000  # of each lead, evenly spaced, are enough to tell its unit
# Letters and digits of any script, with the signs that some scripts write vowels and tones with.
NAME_SIGNS: Final = r"\w\u0300-\u036f\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e\u1000-\u109f\u1780-\u17d3-"
RECORD_NAME: Final = re.compile(f"[{NAME_SIGNS}]{{1,64}}")


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
    age_years : int or None
        The patient's age, where the file states it.
    sex : "F", "M" or None
        The patient's sex, where the file states it.
    channels : tuple of int
        Place of each lead in the file that it was read from, where that holds others, not of a voltage, as well; () if
        the leads are all that it holds.
    identity : Identity or None
        Who was recorded and when, where the file states it and the reader was asked to keep it.
    device : DeviceReading or None
        The recorder's own measurements and statements, where the file holds some.
    """

    name: str
    fs: float
    p_signal: FloatArray
    leads: tuple[str, ...]
    digest: str
    calibrated: tuple[bool, ...]
    reference: Annotations | None = None
    notices: tuple[str, ...] = ()
    age_years: int | None = None
    sex: Sex | None = None
    channels: tuple[int, ...] = ()
    identity: Identity | None = None
    device: DeviceReading | None = None

    def lead(self, name: str) -> FloatArray:
        """Return one lead (n_samples,), mV: a view of `p_signal`."""
        return self.p_signal[:, self.leads.index(name)]

    @property
    def start(self) -> datetime | None:
        """Clock time of the first sample, where it is kept."""
        return None if self.identity is None else self.identity.start

    @classmethod
    def from_array(
        cls,
        p_signal: ArrayLike,
        *,
        fs: float,
        leads: str | Sequence[str],
        name: str = "recording",
        calibrated: bool = True,
        config: Config = DEFAULT,
    ) -> Recording:
        """Make a recording of your own samples, checked like those of a file.

        Parameters
        ----------
        p_signal : (n_samples, n_leads) or (n_samples,) array-like of float
            The samples in mV, NaN where nothing was recorded. They are copied.
        fs : float
            Sampling frequency, Hz.
        leads : str or sequence of str
            Name of each column, such as ``["MLII", "V5"]``. Names that the networks know are in `signal.leads`.
        name : str, optional
            What results and files of this recording are called.
        calibrated : bool, optional
            False for values in arbitrary units: their size is then not checked.
        config : Config, optional
            Its limits apply.

        Returns
        -------
        Recording
            `digest` is a hash of samples, `fs` and `leads`.

        Raises
        ------
        IntakeError
            If shapes, names or values do not fit, or the values cannot be millivolts.
        LimitError
            If `fs`, the duration or the number of leads is out of bounds.

        Examples
        --------
        >>> import numpy as np
        >>> x_mv = np.sin(np.linspace(0, 100, 7200)).reshape(3600, 2)
        >>> recording = Recording.from_array(x_mv, fs=360, leads=["MLII", "V5"])
        >>> recording.duration_s, recording.leads
        (10.0, ('MLII', 'V5'))
        """
        names = (leads,) if isinstance(leads, str) else tuple(leads)
        rate = number("fs", fs)
        signal = _samples(p_signal, names)
        _check_names(name, names)
        _check_limits(signal, rate, config)
        if calibrated:
            _check_millivolts(signal, names, config)
        facts = f"array {rate!r} {names!r} {calibrated}\n".encode()
        return cls(
            name=name,
            fs=rate,
            p_signal=read_only(signal),
            leads=names,
            digest=hashlib.sha256(facts + signal.tobytes()).hexdigest(),
            calibrated=(calibrated,) * len(names),
        )

    def __repr__(self) -> str:
        return f"<Recording {self.name}: {', '.join(self.leads)}; {self.fs:g} Hz, {self.duration_s:g} s>"

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
    """A stretch [`start_s`, `stop_s`) of a recording, in seconds, with one verdict and the reason for it.

    Attributes
    ----------
    start_s, stop_s : float
        Seconds from the start of the recording.
    verdict : Verdict
        What can be read there.
    reason : str
        Why no more than that, "" if all is good.
    leads : tuple of str
        The analysed leads that the reason is about; empty if all is good, and in analyses of version 0.2.0.
    """

    start_s: float
    stop_s: float
    verdict: Verdict
    reason: str
    leads: tuple[str, ...] = ()


@dataclass(frozen=True)
class Episode:
    """A stretch of a recording with one rhythm.

    Attributes
    ----------
    start_s, stop_s : float
        Seconds from sample 0.
    rhythm : RhythmCode
        N sinus rhythm, SBR sinus bradycardia, ST sinus tachycardia, AFIB atrial fibrillation, AFL atrial flutter,
        SVTA supraventricular tachycardia, NOD junctional rhythm, B and T ventricular bigeminy and trigeminy, VT
        ventricular tachycardia, IVR idioventricular rhythm, VFL ventricular fibrillation or flutter, ASYS asystole or
        a pause, BI, BII and BIII atrioventricular block, P paced, NOISE unreadable. MIT-BIH's codes where it has one.
    detail : str
        What exactly, such as "VF", "Wenckebach" or "dual chamber"; "" if the code says all.
    confidence : float
        Calibrated probability that the rhythm is of this kind, 0..1: readers call the same waves ventricular
        tachycardia, flutter or fibrillation (`pipeline.evaluation.rhythm_confidence`).
    evidence : str
        What in the signal says so, a phrase for the reader.
    """

    start_s: float
    stop_s: float
    rhythm: RhythmCode
    detail: str = ""
    confidence: float = 1.0
    evidence: str = ""

    @property
    def seconds(self) -> float:
        """Duration, seconds."""
        return self.stop_s - self.start_s


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
        return self._has("noisy", time_s)

    def is_flat(self, time_s: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Tell for each of the times (n,), in seconds, whether it lies in a stretch with the verdict "flat"."""
        return self._has("flat", time_s)

    def _has(self, verdict: Verdict, time_s: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        found = np.array([segment.verdict == verdict for segment in self.segments])
        return found[self.index_at(time_s)]


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
    offset : (n,) float32 or None
        How far each R peak lies after its `sample`, in samples of the recording, at most half of one on either side;
        None for given beats.
    noise : (n,) float32 or None
        Probability that noise makes a class wrong where the beat lies; None if it was not judged.
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
    offset: FloatArray | None = None
    noise: FloatArray | None = None

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
    rr_s : (n,) float32 or None
        Seconds since the previous beat, NaN for the first one and after a gap; None in an analysis that an earlier
        version stored.
    rhythm : tuple of Episode
        In order, covering the recording without overlap; empty in an analysis that an earlier version stored.
    offset : (n,) float32 or None
        How far each R peak lies after its `sample`, in samples; None where the beats were given, and in an analysis
        that an earlier version stored.
    measured : Measurements or None
        Intervals, levels and statements; None where nothing was measured, and in an analysis that an earlier version
        stored.
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
    rr_s: FloatArray | None = None
    rhythm: tuple[Episode, ...] = ()
    offset: FloatArray | None = None
    measured: Measurements | None = None

    def __repr__(self) -> str:
        found = ", ".join(f"{count} {name}" for name, count in self.counts().items() if count)
        return f"<Analysis of {self.record} by {self.model}: {found or 'no beat'}>"

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Time of each R peak (n,), seconds, to less than a sample."""
        return (self.sample if self.offset is None else self.sample + self.offset.astype(np.float64)) / self.fs

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

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row per beat, in time order.

        Returns
        -------
        pandas.DataFrame
            The index `beat` counts from 0. Columns: `time_s` from the start of the recording; `class`, one of N, S, V,
            F and Q; `p_N`, `p_S`, `p_V`, `p_F` and `p_Q`, the calibrated probabilities, NaN where the network was
            not run; `confidence`, the largest of them, 0 where there is none; `status`, "classified" or
            "unclassified"; `reason`, why a beat is unclassified, else ""; `rr_ms`, milliseconds since the previous
            beat, NaN for the first one and after a gap.

        Examples
        --------
        >>> import pipeline as hv
        >>> frame = hv.analyse(hv.read_recording(hv.demo_path())).to_frame()
        >>> frame.shape, frame["class"].iloc[0], frame["status"].iloc[0]
        ((503, 11), 'N', 'classified')
        """
        import pandas as pd

        p = np.where(self.has_p[:, None], self.p, np.nan)
        columns: dict[str, Any] = {
            "time_s": self.time_s,
            "class": self.symbol,
            **{f"p_{name}": p[:, i] for i, name in enumerate(AAMI_CLASSES)},
            "confidence": self.confidence,
            "status": self.status,
            "reason": self.reason,
            "rr_ms": 1000 * self._rr_s(),
        }
        return pd.DataFrame(columns, index=pd.RangeIndex(self.sample.size, name="beat"))

    def _rr_s(self) -> FloatArray:
        if self.rr_s is not None:
            return self.rr_s
        gaps = np.cumsum([segment.verdict == "gap" for segment in self.quality.segments])
        gaps_before = gaps[self.quality.index_at(self.time_s)]
        rr_s = np.diff(self.time_s, prepend=np.nan).astype(np.float32)
        return np.where(np.diff(gaps_before, prepend=gaps_before[:1]) == 0, rr_s, np.float32(np.nan))


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
    drawn : (height_px, width_px, 3) uint8 or None
        The beat picture as networks read it, where the upload is one that HeartVision drew.
    doubts : tuple of str
        What is doubtful about the picture, such as that it looks mirrored; one sentence each.
    """

    name: str
    digest: str
    picture: PictureArray
    column_px: FloatArray
    row_px: FloatArray
    value: FloatArray
    finding: FloatArray
    drawn: PictureArray | None = None
    doubts: tuple[str, ...] = ()


def number(name: str, value: SupportsFloat) -> float:
    """Return the argument called `name` as a finite number.

    Raises
    ------
    IntakeError
        If it is not one.
    """
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = float("nan")
    if not np.isfinite(found):
        raise IntakeError(f"{name} must be a number, not {value!r}.")
    return found


def _samples(p_signal: ArrayLike, leads: tuple[str, ...]) -> FloatArray:
    """Copy to (n_samples, n_leads) float32."""
    try:
        if np.iscomplexobj(p_signal):
            raise TypeError("complex numbers")
        signal = np.array(p_signal, np.float32, order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise IntakeError("The samples must be an array of real numbers, one column for each lead.") from error
    signal = signal[:, None] if signal.ndim == 1 else signal
    if signal.ndim != 2 or signal.shape[1] != len(leads):
        shape = "transpose it" if signal.ndim == 2 and signal.shape[0] == len(leads) else "name each column"
        raise IntakeError(
            f"The samples must be (n_samples, n_leads); {signal.shape} does not fit {len(leads)} leads: {shape}."
        )
    if not signal.size:
        raise IntakeError(f"The samples are empty: {signal.shape}.")
    if (bad := np.argwhere(np.isinf(signal))).size:
        raise IntakeError(
            f"Sample {bad[0, 0]} of lead {leads[bad[0, 1]]!r} is infinite; use NaN where nothing was recorded."
        )
    if (empty := np.flatnonzero(np.isnan(signal).all(axis=0))).size:
        raise IntakeError(f"Lead {leads[empty[0]]!r} has no sample that is a number; leave it out.")
    return signal


def _check_names(name: str, leads: tuple[str, ...]) -> None:
    if not RECORD_NAME.fullmatch(name):
        raise IntakeError(f"The name {name!r} must have 1 to 64 letters, digits, '_' and '-'.")
    if wrong := [lead for lead in leads if not isinstance(lead, str) or not LEAD_NAME.fullmatch(lead)]:
        raise IntakeError(f"The lead name {wrong[0]!r} must have 1 to 16 letters, digits, spaces and '_+.-'.")
    if twice := [lead for lead in leads if leads.count(lead) > 1]:
        raise IntakeError(f"Two leads are called {twice[0]!r}; give each a name of its own.")


def _check_limits(signal: FloatArray, fs: float, config: Config) -> None:
    limits = config.limits
    if not limits.fs_min_hz <= fs <= limits.fs_max_hz:
        raise LimitError(f"fs={fs:g} Hz is outside {limits.fs_min_hz:g} to {limits.fs_max_hz:g} Hz.")
    if signal.shape[1] > limits.leads:
        raise LimitError(f"{signal.shape[1]} leads were given, the limit is {limits.leads}.")
    if signal.shape[0] > limits.duration_max_s * fs:
        hours, most = signal.shape[0] / fs / 3600, limits.duration_max_s / 3600
        raise LimitError(f"The samples last {hours:,.1f} hours, the limit is {most:g}.")


def _check_millivolts(signal: FloatArray, leads: tuple[str, ...], config: Config) -> None:
    """Refuse volts, microvolts and an AD converter's numbers, by how far samples lie from a lead's median."""
    low, high = config.signal.amplitude_min_mv, config.signal.amplitude_max_mv
    some = signal[:: max(1, len(signal) // _SAMPLES_MEASURED)]
    sizes = np.nanpercentile(np.abs(some - np.nanmedian(some, axis=0)), 99, axis=0)
    largest = int(np.argmax(sizes))
    if sizes[largest] > 0 and not low <= sizes[largest] <= high:
        found = np.format_float_positional(sizes[largest], 3, fractional=False, trim="-")
        raise IntakeError(
            f"Lead {leads[largest]!r} departs from its median by {found}, an ECG in mV by {low:g} to {high:g}: convert "
            "the samples to mV, or state calibrated=False."
        )
