"""Examples for the network that marks waves: pieces of marked records, changed at random."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from models.waves import FS_HZ
from pipeline.analysis import prepare
from pipeline.datasets.wave_references import QTDB_ANNOTATOR, WAVE_NAMES, WaveReference, read_wave_reference
from pipeline.intake import read_path
from pipeline.synthesis.noise import NOISE_KINDS, half_of, read_noise
from pipeline.types import FloatArray
from pipeline.waves.inputs import FLAT_MV, LARGEST, bumps, filtered, qrs_heights

MARGIN_S: Final = 12.0  # of signal on both sides of what is marked in a long record
LEAD_S: Final = (0.3, 0.5)  # before and after a marked QRS, what is known if its neighbours are not marked ...
NEIGHBOUR_S: Final = 1.2  # ... which are further away than this
UNSURE_S: Final = 0.5  # before a marked T wave whose onset is not marked

# changes
NOISE_SHARE, NOISE_LARGEST = 0.4, 0.25  # of the examples; RMS in QRS heights
WANDER_SHARE, WANDER_LARGEST = 0.3, 0.5
MAINS_SHARE, MAINS_LARGEST = 0.1, 0.1
SMOOTH_SHARE, SMOOTH_HZ = 0.3, (20.0, 45.0)
WITHOUT_P_SHARE: Final = 0.15  # of the examples lose their P waves ...
F_WAVES_SHARE, F_WAVES_LARGEST, F_WAVES_HZ = 0.5, 0.12, (4.0, 9.0)  # ... and of these get waves of fibrillation
STRETCH: Final = (0.92, 1.08)  # of time
HEIGHT_SPREAD: Final = 0.15  # of the logarithm of the scale
R_SPREAD_S: Final = 0.012  # of the R peaks
R_JITTER_S: Final = 0.004


@dataclass(frozen=True, eq=False)
class MarkedRecord:
    """A record with its marks at the network's rate.

    Attributes
    ----------
    name : str
        DATABASE/RECORD.
    lines : (n_leads, n) float32
        Filtered leads, mV.
    r_peak_s : (k,) float64
        Detected R peaks, seconds from the first sample.
    inside, known : (n_leads, n, 3) float32
        How much of each sample lies in a P wave, a QRS complex, a T wave, and 1 where that is known.
    """

    name: str
    lines: FloatArray
    r_peak_s: NDArray[np.float64]
    inside: FloatArray
    known: FloatArray


def read_marked(folder: Path, database: str, record: str) -> MarkedRecord:
    """Read a record of LUDB or QTDB with its marks.

    Parameters
    ----------
    folder : Path
        The folder of the databases.
    database : {"ludb", "qtdb"}
        Which.
    record : str
        Its name.
    """
    path = folder / database / f"{record}.hea"
    recording = read_path(path)
    prepared = prepare(recording)
    annotators = [lead.lower() if database == "ludb" else QTDB_ANNOTATOR for lead in recording.leads]
    marks = [read_wave_reference(path, name) for name in annotators]
    first_s = max(0.0, min(one.start_s for one in marks) - MARGIN_S)
    stop_s = max(one.stop_s for one in marks) + MARGIN_S
    part = recording.p_signal[round(first_s * recording.fs) : round(stop_s * recording.fs)]
    up = round(1000 * FS_HZ / recording.fs)
    lines = filtered(sps.resample_poly(np.nan_to_num(part), up, 1000, axis=0, padtype="line"))
    r_peak_s = prepared.beats.sample / recording.fs - first_s
    n = lines.shape[1]
    inside, known = zip(*(labels(one, first_s, n, database == "qtdb") for one in marks), strict=True)
    within = r_peak_s[(r_peak_s >= 0) & (r_peak_s < n / FS_HZ)]
    return MarkedRecord(f"{database}/{record}", lines, within, np.stack(inside), np.stack(known))


def labels(marks: WaveReference, first_s: float, n: int, sparse: bool) -> tuple[FloatArray, FloatArray]:
    """Return how much of each sample of a lead lies in each wave (n, 3), and 1 where that is known.

    Parameters
    ----------
    marks : WaveReference
        What was marked.
    first_s : float
        Time of the first sample, seconds.
    n : int
        Samples at the network's rate.
    sparse : bool
        Whether only some beats were marked: then what is near these is known.
    """
    inside, known = np.zeros((n, 3), np.float32), np.zeros((n, 3), np.float32)
    at = np.arange(n) / FS_HZ + first_s
    if sparse:
        peaks = marks.waves["qrs"].peak_s
        gap = np.diff(peaks, append=np.inf)
        for peak, before, after in zip(peaks, np.concatenate(([np.inf], gap[:-1])), gap, strict=True):
            low = peak - (before if before < NEIGHBOUR_S else LEAD_S[0])
            high = peak + (after if after < NEIGHBOUR_S else LEAD_S[1])
            known[(at >= max(low, marks.start_s)) & (at <= min(high, marks.stop_s))] = 1
    else:
        known[(at >= marks.start_s) & (at <= marks.stop_s)] = 1
    for j, name in enumerate(WAVE_NAMES):
        waves = marks.waves[name]
        for on, peak, off in zip(waves.on_s, waves.peak_s, waves.off_s, strict=True):
            if np.isnan(off):
                known[(at > peak) & (at < peak + UNSURE_S), j] = 0
                off = peak
            if np.isnan(on):
                known[(at < peak) & (at > peak - UNSURE_S), j] = 0
                on = peak
            inside[:, j] = np.maximum(inside[:, j], covered(at, on, off))
    return inside, known


def covered(at: NDArray[np.float64], on: float, off: float) -> FloatArray:
    """Return how much of each sample lies in a wave: a sample reaches half an interval to both sides.

    Parameters
    ----------
    at : (n,) float64
        Times of the samples, seconds.
    on, off : float
        Edges of the wave, seconds.
    """
    low = np.clip((at - on) * FS_HZ + 0.5, 0, 1)
    high = np.clip((off - at) * FS_HZ + 0.5, 0, 1)
    return np.asarray(np.minimum(low, high), np.float32)


def read_noises(folder: Path) -> FloatArray:
    """Return the training halves of the recorded noises at the network's rate, (3, n), mean square 1."""
    rows = []
    for kind in NOISE_KINDS:
        noise = half_of(read_noise(folder / "nstdb", kind), 0)
        lead = filtered(sps.resample_poly(noise.p_signal[:, :1], round(1000 * FS_HZ / noise.fs), 1000, axis=0))[0]
        rows.append(lead / lead.std())
    shortest = min(row.size for row in rows)
    return np.stack([row[:shortest] for row in rows]).astype(np.float32)


def draw(
    record: MarkedRecord, n_leads: int, n: int, noises: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Draw a changed piece of a record.

    Parameters
    ----------
    record : MarkedRecord
        The record.
    n_leads : int
        So many of its leads, some more than once if it has fewer.
    n : int
        Samples at the network's rate.
    noises : (k, m) float32
        Recorded noise.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    (n_leads, n, 2), (n_leads, n, 3) and (n_leads, n, 3) float32
        What the network is given, how much of each sample lies in each wave, and 1 where that is known.
    """
    chosen = _leads(len(record.lines), n_leads, rng)
    stretch = rng.uniform(*STRETCH)
    where = _piece(record, n, stretch, rng)
    lines: NDArray[np.floating[Any]] = np.stack(
        [np.interp(where, np.arange(record.lines.shape[1]), record.lines[i]) for i in chosen]
    )
    nearest = np.round(where).astype(np.int64)
    inside = np.stack([_between(record.inside[i], where) for i in chosen])
    known = record.known[chosen][:, nearest]
    heights = qrs_heights(record.lines, record.r_peak_s)[chosen]
    lines = lines / np.maximum(heights, FLAT_MV)[:, None]
    if rng.random() < WITHOUT_P_SHARE:
        lines, inside = _without_p(lines, inside, known, rng)
    lines = _changed(lines, noises, rng)
    r_peak_s = (record.r_peak_s * FS_HZ - where[0]) / stretch / FS_HZ
    r_peak_s = r_peak_s + rng.normal(0, R_SPREAD_S) + rng.normal(0, R_JITTER_S, r_peak_s.size)
    marks = np.broadcast_to(bumps(r_peak_s, n), lines.shape)
    return np.stack([np.clip(lines, -LARGEST, LARGEST), marks], axis=-1).astype(np.float32), inside, known


def _leads(there: int, wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    if wanted <= there:
        return np.asarray(rng.permutation(there)[:wanted], np.int64)
    return np.concatenate([rng.permutation(there), rng.integers(0, there, wanted - there)])


def _piece(record: MarkedRecord, n: int, stretch: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return positions (n,) in a record, around something that is known."""
    total, span = record.lines.shape[1], (n - 1) * stretch
    marked = np.flatnonzero(record.known[0, :, 1])
    middle = rng.choice(marked) + rng.uniform(-0.3, 0.3) * span
    start = np.clip(middle - span / 2, 0, max(0.0, total - 1 - span))
    return np.asarray(np.clip(start + np.arange(n) * stretch, 0, total - 1), np.float64)


def _between(values: FloatArray, where: NDArray[np.float64]) -> FloatArray:
    low = np.floor(where).astype(np.int64)
    high, share = np.minimum(low + 1, len(values) - 1), (where - low)[:, None]
    return np.asarray(values[low] * (1 - share) + values[high] * share, np.float32)


def _without_p(
    lines: NDArray[np.floating[Any]], inside: FloatArray, known: FloatArray, rng: np.random.Generator
) -> tuple[NDArray[np.floating[Any]], FloatArray]:
    """Replace the P waves by straight lines, and add waves of fibrillation to some."""
    lines, inside = lines.copy(), inside.copy()
    at = np.arange(lines.shape[1])
    for i in range(len(lines)):
        wave = np.convolve(inside[i, :, 0], np.ones(9), "same") > 0
        if wave.any() and not wave.all():
            lines[i] = np.where(wave, np.interp(at, at[~wave], lines[i][~wave]), lines[i])
        known[i, :, 0] = np.where(known[i, :, 0] > 0, 1, 0)
        inside[i, :, 0] = 0
    if rng.random() < F_WAVES_SHARE:
        lines = lines + _f_waves(lines.shape, rng)
    return lines, inside


def _f_waves(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Return waves of fibrillation: a tone that wanders, with overtones, of another size in each lead."""
    rate = rng.uniform(*F_WAVES_HZ) * (1 + 0.15 * np.cumsum(rng.normal(0, 0.02, shape[1])).clip(-1, 1))
    phase = 2 * np.pi * np.cumsum(rate) / FS_HZ + rng.uniform(0, 6)
    swell = 1 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.2, 0.6) * np.arange(shape[1]) / FS_HZ + rng.uniform(0, 6))
    wave = swell * (np.sin(phase) + rng.uniform(0, 0.5) * np.sin(2 * phase))
    sizes = rng.uniform(0.01, F_WAVES_LARGEST, (shape[0], 1)) * rng.choice([-1, 1], (shape[0], 1))
    return np.asarray(sizes * wave, np.float32)


def _changed(
    lines: NDArray[np.floating[Any]], noises: FloatArray, rng: np.random.Generator
) -> NDArray[np.floating[Any]]:
    """Change scale and polarity of each lead, smooth some and add noise to some."""
    n_leads, n = lines.shape
    lines = lines * np.exp(rng.normal(0, HEIGHT_SPREAD, (n_leads, 1))) * rng.choice([-1, 1], (n_leads, 1))
    if rng.random() < SMOOTH_SHARE:
        sos = sps.butter(2, rng.uniform(*SMOOTH_HZ), fs=FS_HZ, output="sos")
        lines = sps.sosfiltfilt(sos, lines, axis=1)
    if rng.random() < NOISE_SHARE:
        for i in range(n_leads):
            start = rng.integers(0, noises.shape[1] - n)
            size = rng.uniform(0, NOISE_LARGEST) * rng.random()
            lines[i] = lines[i] + size * noises[rng.integers(len(noises)), start : start + n]
    at = np.arange(n) / FS_HZ
    if rng.random() < WANDER_SHARE:
        wander = np.sin(2 * np.pi * rng.uniform(0.3, 0.8) * at + rng.uniform(0, 6))
        lines = lines + rng.uniform(0, WANDER_LARGEST, (n_leads, 1)) * wander
    if rng.random() < MAINS_SHARE:
        mains = np.sin(2 * np.pi * rng.choice([50.0, 60.0]) * at + rng.uniform(0, 6))
        lines = lines + rng.uniform(0, MAINS_LARGEST, (n_leads, 1)) * mains
    return lines
