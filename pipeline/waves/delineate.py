"""Onsets, peaks and ends of the P, QRS and T waves of given beats, in each lead and over all leads."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.signal.gaps import runs
from pipeline.types import Episode, FloatArray, RhythmCode, read_only

FS_HZ: Final = 250.0  # at which waves are looked for
BAND_HZ: Final = (0.5, 40.0)
FLAT_MV: Final = 0.01  # a lead whose samples around a beat differ by less shows no wave
QRS_S: Final = (-0.12, 0.16)  # around R, in which the QRS lies
QRS_SLOPE: Final = 0.1  # of the steepest slope: where the QRS begins and ends
T_S: Final = (0.08, 0.5)  # after the QRS, T waves have their top; at most before the next P wave
P_S: Final = (-0.3, -0.06)  # around R, P waves have their top
P_HEIGHT: Final = 0.04  # of the QRS, P waves are at least so high
NEXT_S: Final = 0.25  # before the next R, where its P wave begins
WITHOUT_P: Final[tuple[RhythmCode, ...]] = ("AFIB", "AFL", "NOD", "VT", "IVR", "VFL", "P")
P_ON, P_PEAK, P_OFF, QRS_ON, QRS_PEAK, QRS_OFF, T_ON, T_PEAK, T_OFF = range(len(WAVE_MARKS))


def delineate(
    p_signal_mv: FloatArray,
    fs: float,
    leads: Sequence[str],
    r_peak_s: NDArray[np.float64],
    *,
    without_p: Sequence[tuple[float, float]] = (),
) -> Waves:
    """Mark the waves of given beats in each lead and over all leads.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        The leads in mV, NaN where nothing was recorded.
    fs : float
        Their sampling frequency, Hz.
    leads : sequence of str
        Names of the leads.
    r_peak_s : (n,) float64
        R peaks in order, seconds from sample 0.
    without_p : sequence of (float, float), optional
        Stretches [start, stop), seconds, in which no beat has a P wave: atrial fibrillation, paced or junctional
        rhythm.

    Returns
    -------
    Waves
        Marks of all these beats; NaN where a lead is missing or flat, where there is no such wave, and where its place
        is uncertain.
    """
    beat_s = np.asarray(r_peak_s, np.float64)
    marks = np.full((beat_s.size, len(leads), len(WAVE_MARKS)), np.nan)
    for i, lead in enumerate(np.asarray(p_signal_mv).T):
        line, missing = _working(lead, fs)
        for k in range(beat_s.size):
            marks[k, i] = _of_beat(line, missing, beat_s, k)
    in_stretch = [(beat_s >= start) & (beat_s < stop) for start, stop in without_p]
    if in_stretch:
        marks[np.any(in_stretch, axis=0), :, P_ON : P_OFF + 1] = np.nan
    return Waves(tuple(leads), read_only(beat_s.copy()), read_only(marks), read_only(_over_leads(marks)))


def spans_without_p(rhythm: Sequence[Episode]) -> tuple[tuple[float, float], ...]:
    """Return the stretches, seconds, of the episodes in which no P wave comes before the beats."""
    return tuple((episode.start_s, episode.stop_s) for episode in rhythm if episode.rhythm in WITHOUT_P)


def _working(lead: FloatArray, fs: float) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return a lead filtered and resampled, and where it was not recorded."""
    there = np.isfinite(lead)
    if not there.any():
        return np.zeros(max(1, round(lead.size * FS_HZ / fs)), np.float32), np.ones(1, np.bool_)
    whole = np.interp(np.arange(lead.size), np.flatnonzero(there), lead[there])
    ratio = Fraction(FS_HZ / fs).limit_denominator(1000)
    sos = sps.butter(2, (BAND_HZ[0], min(BAND_HZ[1], 0.45 * fs)), "bandpass", fs=fs, output="sos")
    line = sps.resample_poly(sps.sosfiltfilt(sos, whole), ratio.numerator, ratio.denominator)
    missing = np.zeros(line.size, np.bool_)
    for start, stop in runs(~there):
        missing[int(start * ratio) : int(stop * ratio) + 1] = True
    return np.asarray(line, np.float32), missing


def _of_beat(line: FloatArray, missing: NDArray[np.bool_], beat_s: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Mark one beat in one lead (9,), seconds."""
    out = np.full(len(WAVE_MARKS), np.nan)
    n, r = line.size, round(beat_s[k] * FS_HZ)
    first, last = max(1, r + _samples(QRS_S[0])), min(n - 1, r + _samples(QRS_S[1]))
    if last - first < 10 or missing.size < n or missing[first:last].any() or np.ptp(line[first:last]) < FLAT_MV:
        return out
    slope = np.abs(np.gradient(line[first:last]))
    steep = np.flatnonzero(slope > QRS_SLOPE * slope.max())
    on, off = first + int(steep[0]), first + int(steep[-1])
    rest = float(np.median(line[max(0, on - 5) : on + 1]))
    out[QRS_ON], out[QRS_OFF] = on, off
    out[QRS_PEAK] = on + int(np.argmax(np.abs(line[on : off + 1] - rest)))
    height = float(np.ptp(line[on : off + 1]))
    after = beat_s[k + 1] * FS_HZ if k + 1 < beat_s.size else n + _samples(NEXT_S)
    out[T_ON : T_OFF + 1] = _bump(
        line, off + _samples(T_S[0]), min(off + _samples(T_S[1]), int(after) - _samples(NEXT_S)), 0.0
    )
    before = out[T_OFF] if k == 0 else beat_s[k - 1] * FS_HZ + _samples(0.3)
    start = max(r + _samples(P_S[0]), int(before) if np.isfinite(before) and k else 0)
    out[: P_OFF + 1] = _bump(line, start, min(on - 8, r + _samples(P_S[1])), P_HEIGHT * height)
    return out / FS_HZ


def _bump(line: FloatArray, start: int, stop: int, height_min: float) -> NDArray[np.float64]:
    """Return onset, peak and end of the wave between two samples by tangents at its steepest points, or NaN."""
    none = np.full(3, np.nan)
    if start < 0 or stop > line.size or stop - start < 12:
        return none
    part = sps.savgol_filter(line[start:stop], 9, 2)
    level = np.linspace(part[0], part[-1], part.size)
    away = part - level
    peak = int(np.argmax(np.abs(away)))
    if abs(away[peak]) <= height_min or not 3 < peak < part.size - 4:
        return none
    away = away * np.sign(away[peak])
    slope = np.gradient(away)
    rise, fall = int(np.argmax(slope[:peak])), peak + int(np.argmin(slope[peak:]))
    on = rise - away[rise] / max(slope[rise], 1e-9)
    off = fall + away[fall] / max(-slope[fall], 1e-9)
    return start + np.clip([on, peak, off], 0, part.size - 1)


def _over_leads(marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the earliest onset, the median peak and the latest end over leads, without the outermost fifth."""
    out = np.full((len(marks), len(WAVE_MARKS)), np.nan)
    for j, name in enumerate(WAVE_MARKS):
        share = 0.1 if name.endswith("_on") else 0.9 if name.endswith("_off") else 0.5
        some = np.isfinite(marks[:, :, j]).any(axis=1)
        out[some, j] = np.nanquantile(marks[some, :, j], share, axis=1)
    return out


def _samples(seconds: float) -> int:
    return round(seconds * FS_HZ)
