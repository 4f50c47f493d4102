"""Long recordings: the median beat of every half minute instead of each beat, and the P wave of each in one lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.types import FloatArray, read_only
from pipeline.waves.delineate import delineate

STRETCH_S: Final = 30.0  # of which the median beat is marked
LONG_S: Final = 600.0  # in a longer recording not every beat is marked, unless asked for
REACH_S: Final = (0.6, 0.8)  # before and after R, that a median beat is cut from
BEATS_MIN: Final = 3  # a median of fewer beats is none
CHUNK_S: Final = 300.0  # of one lead, marked at once
MARGIN_S: Final = 3.0


@dataclass(frozen=True, eq=False)
class LongWaves:
    """What is marked in a long recording.

    Attributes
    ----------
    usual : Waves
        The median beat of every 30 s with at least three beats, in all leads; `beat_s` is the R peak nearest to the
        middle of the stretch, and the marks lie around it.
    p_waves : Waves
        Each beat in one lead; only P marks that are certain are there.
    """

    usual: Waves
    p_waves: Waves


def delineate_long(
    p_signal_mv: FloatArray,
    fs: float,
    leads: Sequence[str],
    r_peak_s: NDArray[np.float64],
    *,
    p_lead: str,
    without_p: Sequence[tuple[float, float]] = (),
) -> LongWaves:
    """Mark the median beat of every 30 s in all leads, and the P wave of each beat in one.

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
    p_lead : str
        The lead in which the P wave of each beat is looked for.
    without_p : sequence of (float, float), optional
        Stretches [start, stop), seconds, in which no beat has a P wave.
    """
    column = p_signal_mv[:, [list(leads).index(p_lead)]]
    return LongWaves(
        usual_waves(p_signal_mv, fs, leads, r_peak_s, without_p=without_p),
        _only_p(_in_chunks(column, fs, (p_lead,), r_peak_s, without_p)),
    )


def usual_waves(
    p_signal_mv: FloatArray,
    fs: float,
    leads: Sequence[str],
    r_peak_s: NDArray[np.float64],
    *,
    without_p: Sequence[tuple[float, float]] = (),
) -> Waves:
    """Mark the median beat of every 30 s; parameters and order as in `delineate_long`."""
    beat_s = np.asarray(r_peak_s, np.float64)
    stretch = (beat_s // STRETCH_S).astype(np.int64)
    kept, pieces = [], []
    for number in np.unique(stretch):
        inside = beat_s[stretch == number]
        if inside.size < BEATS_MIN:
            continue
        kept.append(float(inside[np.argmin(np.abs(inside - (number + 0.5) * STRETCH_S))]))
        pieces.append(_median_beat(p_signal_mv, fs, inside))
    at = np.array(kept)
    if not pieces:
        return delineate(p_signal_mv[:1], fs, leads, at)
    length = len(pieces[0]) / fs
    line_s = np.arange(at.size) * length + round(REACH_S[0] * fs) / fs
    line = delineate(np.concatenate(pieces), fs, leads, line_s)
    away = at - line_s
    time_s, overall_s = line.time_s + away[:, None, None], line.overall_s + away[:, None]
    for start, stop in without_p:
        inside = (at >= start) & (at < stop)
        time_s[inside, :, :3], overall_s[inside, :3] = np.nan, np.nan
    return Waves(tuple(leads), read_only(at), read_only(time_s), read_only(overall_s))


def _median_beat(p_signal_mv: FloatArray, fs: float, beat_s: NDArray[np.float64]) -> FloatArray:
    """Return the median (m, n_leads) of the signal around beats."""
    at = np.round(beat_s * fs).astype(np.int64)[:, None] + np.arange(-round(REACH_S[0] * fs), round(REACH_S[1] * fs))
    outside = (at < 0) | (at >= len(p_signal_mv))
    rows = p_signal_mv[np.clip(at, 0, len(p_signal_mv) - 1)].astype(np.float32)
    rows[outside] = np.nan
    there = np.isfinite(rows)
    middle = np.nanmedian(np.where(there.any(axis=0), rows, 0), axis=0)
    return np.where(there.any(axis=0), middle, np.nan).astype(np.float32)


def _in_chunks(
    lead: FloatArray,
    fs: float,
    leads: tuple[str, ...],
    beat_s: NDArray[np.float64],
    without_p: Sequence[tuple[float, float]],
) -> Waves:
    """Mark each beat of a lead (n_samples, 1), a few minutes at a time."""
    parts = []
    for start in np.arange(0, len(lead) / fs, CHUNK_S):
        low, high = max(0.0, start - MARGIN_S), start + CHUNK_S + MARGIN_S
        first = round(low * fs)
        inside = beat_s[(beat_s >= low) & (beat_s < high)]
        spans = [(a - first / fs, b - first / fs) for a, b in without_p]
        found = delineate(lead[first : round(high * fs)], fs, leads, inside - first / fs, without_p=spans)
        own = (inside >= start) & (inside < start + CHUNK_S)
        parts.append((inside[own], found.time_s[own] + first / fs, found.overall_s[own] + first / fs))
    beats, times, overall = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Waves(leads, read_only(beats), read_only(times), read_only(overall))


def _only_p(waves: Waves) -> Waves:
    others = [j for j, name in enumerate(WAVE_MARKS) if not name.startswith("p_")]
    time_s, overall_s = waves.time_s.copy(), waves.overall_s.copy()
    time_s[:, :, others], overall_s[:, others] = np.nan, np.nan
    return Waves(waves.leads, waves.beat_s, read_only(time_s), read_only(overall_s))
