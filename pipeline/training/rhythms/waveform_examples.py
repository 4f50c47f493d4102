"""Examples for the detector `waveform`: seconds of annotated records, as recorded and changed.

Changes that a rhythm survives keep its label: one lead alone, noise, the spikes of a pacemaker. Played more slowly,
flutter and ventricular tachycardia become waves that are too slow for either, which no public record has. Fibrillation
is also made, as there are three records of it, and the movement of electrodes that looks like it but is higher.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import butter, sosfiltfilt

from pipeline.config import DEFAULT, REVIEW
from pipeline.datasets.rhythm_references import RhythmReference, read_rhythms
from pipeline.datasets.splits import DS1, PACED
from pipeline.intake import read_path
from pipeline.labels import aami_class
from pipeline.rhythm.waveform_measures import LEAD_MEASURES, measured, per_second
from pipeline.signal.conditioning import condition
from pipeline.signal.leads import choose_leads
from pipeline.synthesis.noise import NOISE_KINDS, half_of, read_noise
from pipeline.types import FloatArray

OTHER, FLUTTER, TACHYCARDIA, NOISE, IGNORED = 0, 1, 2, 3, -1
EXCERPT_S: Final = 40
RUN_GAP_S: Final = 1.5  # between beats of one run
RUN_EDGE_S: Final = 0.5  # its first and last waves begin and end about as long before and after their R peaks
SLOW_BPM, FAST_BPM = 121.0, 128.0  # waves changed to below are neither; in between nobody can say
SPEEDS: Final = (0.45, 1.6)
_DOMINANT: Final = LEAD_MEASURES.index("dominant_hz")

Labels = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class WaveformRecord:
    """One record.

    Attributes
    ----------
    name : str
        DATABASE/RECORD.
    signal : (n, n_leads) float32
        Its analysed leads, conditioned, mV.
    fs : float
        Their sampling frequency, Hz.
    label : (n_seconds,) int8
        OTHER, FLUTTER, TACHYCARDIA, NOISE or IGNORED, in the middle of each second.
    """

    name: str
    signal: FloatArray
    fs: float
    label: Labels


@dataclass(frozen=True, eq=False)
class Examples:
    """Seconds of one record: measures (n, k) and label (n,)."""

    measures: FloatArray
    label: Labels


def read_record(root: Path, name: str) -> WaveformRecord:
    """Read a record of mitdb, svdb or vfdb, `name` DATABASE/RECORD, with a label for every second."""
    database = name.split("/")[0]
    recording = read_path(root / f"{name}.hea")
    conditioned = condition(recording, choose_leads(recording.leads), DEFAULT.signal)
    seconds = max(1, round(len(conditioned.signal) / conditioned.fs))
    reference = read_rhythms(root / name, database)
    return WaveformRecord(name, conditioned.signal, conditioned.fs, labels(reference, seconds))


def labels(reference: RhythmReference, seconds: int) -> Labels:
    """Label the middle of every second.

    Where beats are annotated, three or more ventricular ones in a row at 100/min or faster are tachycardia, and slower
    runs are ignored, whatever the rhythm is called; elsewhere the annotated rhythm counts.

    Parameters
    ----------
    reference : RhythmReference
        Beats and rhythms of a record.
    seconds : int
        Its length.
    """
    middle = np.arange(seconds) + 0.5
    label = np.full(seconds, OTHER, np.int8)
    codes = {"VFL": FLUTTER} if reference.sample.size else {"VFL": FLUTTER, "VT": TACHYCARDIA, "NOISE": NOISE}
    for start_s, stop_s, bpm in ventricular_runs(reference):
        inside = (middle >= start_s - RUN_EDGE_S) & (middle <= stop_s + RUN_EDGE_S)
        label[inside] = TACHYCARDIA if bpm >= REVIEW.run_bpm else IGNORED
    for episode in reference.episodes:
        if episode.rhythm in codes:
            label[(middle >= episode.start_s) & (middle < episode.stop_s)] = codes[episode.rhythm]
    return label


def ventricular_runs(reference: RhythmReference) -> Iterator[tuple[float, float, float]]:
    """Yield first and last R peak, seconds, and rate, 1/min, of each run of three or more annotated V beats."""
    time_s = reference.sample / reference.fs
    ventricular = np.array([aami_class(symbol) == "V" for symbol in reference.symbol], np.bool_)
    joined = ventricular[1:] & ventricular[:-1] & (np.diff(time_s) < RUN_GAP_S)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], joined, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2):
        if last - first + 1 >= REVIEW.run_beats:
            yield float(time_s[first]), float(time_s[last]), 60 * (last - first) / float(time_s[last] - time_s[first])


def training_noise(root: Path) -> list[FloatArray]:
    """Return the first half of each noise record, conditioned like any recording: (n, 2) each, at the working rate."""
    halves = [half_of(read_noise(root / "nstdb", kind), 0) for kind in NOISE_KINDS]
    return [condition(half, half.leads, DEFAULT.signal).signal for half in halves]


def as_recorded(record: WaveformRecord, rng: np.random.Generator, share: float) -> Examples:
    """Return the seconds of a record, but those beside a change of rhythm, and only a share of a common rhythm.

    Parameters
    ----------
    record : WaveformRecord
        The record.
    rng : numpy.random.Generator
        Chooses the seconds.
    share : float
        How much of what is no ventricular rhythm, 0..1.
    """
    label = record.label
    change = np.flatnonzero(np.diff(label))
    kept = label >= OTHER
    kept[np.unique(np.clip([change, change + 1], 0, label.size - 1))] = False
    kept &= (label == FLUTTER) | (label == TACHYCARDIA) | (rng.random(label.size) < share)
    measures = measured(per_second(record.signal, record.fs))
    return Examples(measures[kept], label[kept])


def changed(
    record: WaveformRecord, rng: np.random.Generator, count: int, share: float, noise: Sequence[FloatArray]
) -> Examples:
    """Return seconds of changed excerpts of a record, in which the excerpt is all that is known of the usual.

    Parameters
    ----------
    record : WaveformRecord
        The record.
    rng : numpy Generator
        Chooses all changes.
    count : int
        Number of excerpts of 40 s.
    share : float
        Of their seconds to take.
    noise : sequence of (n, 2) float32
        `training_noise`.
    """
    rate_bpm = 60 * median_filter(per_second(record.signal[:, :1], record.fs)[0, :, _DOMINANT], 9)
    parts: list[Examples] = []
    for _ in range(count):
        signal, label = _excerpt(record, rng, rate_bpm)
        if is_narrow(record.name) and rng.random() < 0.1:
            signal, label = _fibrillating(signal, label, record.fs, rng)
        signal = _with_noise(signal, label, rng, noise) if rng.random() < 0.35 else signal
        signal, label = _with_motion(signal, label, record.fs, rng) if rng.random() < 0.1 else (signal, label)
        signal = _with_spikes(signal, record.fs, rng) if rng.random() < 0.25 else signal
        signal, label = _silenced(signal, label, record.fs, rng) if rng.random() < 0.1 else (signal, label)
        signal = signal[:, [int(rng.integers(signal.shape[1]))]] if rng.random() < 0.3 else signal
        measures = measured(per_second(signal, record.fs))
        kept = (label[: len(measures)] >= OTHER) & (rng.random(len(measures)) < share)
        parts.append(Examples(measures[kept], label[: len(measures)][kept]))
    return Examples(np.concatenate([part.measures for part in parts]), np.concatenate([part.label for part in parts]))


def _excerpt(record: WaveformRecord, rng: np.random.Generator, rate_bpm: FloatArray) -> tuple[FloatArray, Labels]:
    """Return (n, n_leads) and a label per second of an excerpt, half of the time played at another speed."""
    speed = float(rng.uniform(*SPEEDS)) if rng.random() < 0.5 else 1.0
    if not is_narrow(record.name):
        speed = min(speed, 1.1)
    wanted = rng.choice(np.unique(record.label))
    middle = int(rng.choice(np.flatnonzero(record.label == wanted))) + 0.5
    span_s = EXCERPT_S * speed
    start_s = float(np.clip(middle - rng.uniform(0, span_s), 0, max(0.0, record.label.size - span_s - 1)))
    at = start_s * record.fs + speed * np.arange(round(EXCERPT_S * record.fs))
    at = at[at <= len(record.signal) - 1]
    grid = np.arange(len(record.signal), dtype=np.float64)[int(at[0]) : int(at[-1]) + 2]
    piece = record.signal[int(at[0]) : int(at[-1]) + 2]
    signal = np.stack([np.interp(at, grid, lead) for lead in piece.T], axis=1).astype(np.float32)
    seconds = max(1, round(len(signal) / record.fs))
    source = np.minimum((start_s + speed * (np.arange(seconds) + 0.5)).astype(np.int64), record.label.size - 1)
    label = record.label[source].copy()
    if speed != 1:
        waves, rate = (label == FLUTTER) | (label == TACHYCARDIA), speed * rate_bpm[source]
        label[waves & (rate < FAST_BPM)] = IGNORED
        label[waves & (rate < SLOW_BPM)] = OTHER
    return signal, label


def is_narrow(name: str) -> bool:
    """Tell whether a record may be played faster: one of mitdb or svdb, whose other rhythms stay no tachycardia."""
    return not name.startswith("vfdb")


def _with_noise(signal: FloatArray, label: Labels, rng: np.random.Generator, noise: Sequence[FloatArray]) -> FloatArray:
    kind = noise[int(rng.integers(len(noise)))]
    start = int(rng.integers(0, len(kind) - len(signal)))
    piece = kind[start : start + len(signal), rng.permutation(2)[: signal.shape[1]]]
    waves = ((label == FLUTTER) | (label == TACHYCARDIA)).any()
    ratio = rng.uniform(0.05, 0.4 if waves else 2.0, signal.shape[1])
    return np.asarray(signal + piece * (ratio * signal.std(axis=0) / (piece.std(axis=0) + 1e-6)), np.float32)


def _fibrillating(signal: FloatArray, label: Labels, fs: float, rng: np.random.Generator) -> tuple[FloatArray, Labels]:
    """Replace 8 to 25 s, or all, by waves of wandering frequency and height, lower than the QRS complexes were."""
    seconds = label.size if rng.random() < 0.5 else int(rng.integers(8, 26))
    first = int(rng.integers(0, max(1, label.size - seconds)))
    n, shape = len(signal), signal.shape
    slow = butter(1, 0.5, fs=fs, output="sos")

    def wandering(spread: float) -> NDArray[np.float64]:
        values = sosfiltfilt(slow, rng.standard_normal(shape), axis=0)
        return np.asarray(spread * values / (values.std(axis=0) + 1e-9))

    waves = np.zeros(shape)
    for part in (1.0, rng.uniform(0, 0.8)):
        hz = rng.uniform(3.0, 7.5) * np.exp(wandering(rng.uniform(0, 0.15)))
        phase = 2 * np.pi * np.cumsum(hz, axis=0) / fs + rng.uniform(0, 6.3, shape[1])
        waves += part * np.sin(phase) * np.exp(wandering(rng.uniform(0.05, 0.6)))
    height = np.quantile(np.abs(signal), 0.99, axis=0) * rng.uniform(0.15, 0.6)
    waves = waves / waves.std(axis=0) * height + 0.02 * height * rng.standard_normal(shape)
    span = slice(round(first * fs), n if seconds >= label.size else round((first + seconds) * fs))
    out, fibrillates = signal.copy(), label.copy()
    out[span] = waves[span]
    fibrillates[max(0, first - 1) : first + seconds + 1] = IGNORED
    fibrillates[first : first + seconds] = FLUTTER
    return out, fibrillates


def _with_motion(signal: FloatArray, label: Labels, fs: float, rng: np.random.Generator) -> tuple[FloatArray, Labels]:
    """Let the electrodes move for 3 to 15 s: waves of any frequency, as high as several QRS complexes, over all."""
    seconds = int(rng.integers(3, 16))
    first = int(rng.integers(0, max(1, label.size - seconds)))
    span = slice(round(first * fs), round((first + seconds) * fs))
    low_hz = rng.uniform(0.7, 6.0)
    sos = butter(2, (low_hz, low_hz + rng.uniform(2.5, 8.0)), "bandpass", fs=fs, output="sos")
    waves = sosfiltfilt(sos, rng.standard_normal(signal.shape), axis=0)[span]
    height = np.quantile(np.abs(signal), 0.99, axis=0) * rng.uniform(1.5, 5.0, signal.shape[1])
    out, moved = signal.copy(), label.copy()
    out[span] += waves / (waves.std(axis=0) + 1e-6) * height
    moved[max(0, first - 1) : first + seconds + 1] = IGNORED
    moved[first : first + seconds] = OTHER
    return out, moved


def _with_spikes(signal: FloatArray, fs: float, rng: np.random.Generator) -> FloatArray:
    """Add what a pacemaker without capture leaves after filtering: a spike and its decay, at a constant rate."""
    period = round(fs * 60 / rng.uniform(50, 95))
    time_s = np.arange(round(0.5 * fs)) / fs
    width_s, decay_s, tail = rng.uniform(0.006, 0.02), rng.uniform(0.03, 0.15), rng.uniform(0, 0.6)
    shape = np.exp(-0.5 * ((time_s - 0.06) / width_s) ** 2)
    shape = shape + tail * np.where(time_s > 0.06, np.exp(-(time_s - 0.06) / decay_s), 0)
    train = np.zeros(len(signal))
    train[int(rng.integers(period)) :: period] = 1
    spikes = np.convolve(train, shape)[: len(signal), None]
    heights = rng.choice([-1, 1], signal.shape[1]) * rng.uniform(1, 5, signal.shape[1]) * signal.std(axis=0)
    return np.asarray(signal + spikes * heights, np.float32)


def _silenced(signal: FloatArray, label: Labels, fs: float, rng: np.random.Generator) -> tuple[FloatArray, Labels]:
    """Let the heart stop for 10 to 25 s: what is left is the noise of the recorder."""
    seconds = int(rng.integers(10, 26))
    first = int(rng.integers(0, max(1, label.size - seconds)))
    out, silent = signal.copy(), label.copy()
    span = slice(round(first * fs), round((first + seconds) * fs))
    out[span] *= rng.uniform(0.002, 0.03)
    silent[first : first + seconds] = OTHER
    silent[[i for i in (first - 1, first, first + seconds - 1, first + seconds) if 0 <= i < silent.size]] = IGNORED
    return out, silent


def training_records(root: Path) -> list[str]:
    """Return the records that the shipped detector is trained on, DATABASE/RECORD: all of vfdb, DS1, half of svdb."""
    found = [f"vfdb/{path.stem}" for path in sorted((root / "vfdb").glob("*.hea"))]
    found += [f"mitdb/{record}" for record in sorted((*DS1, *PACED))]
    return found + [f"svdb/{path.stem}" for path in sorted((root / "svdb").glob("*.hea"))[::2]]
