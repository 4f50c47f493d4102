"""Onsets, peaks and ends of the P, QRS and T waves of given beats, in each lead and over all leads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.waves import load_waves
from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.types import Episode, FloatArray, RhythmCode, read_only
from pipeline.waves.inputs import lead_lines
from pipeline.waves.marks import marks_of
from pipeline.waves.over_leads import over_leads

CHUNK_S: Final = 120.0  # marked at once, to need no more memory for a day than for minutes
MARGIN_S: Final = 4.0  # of signal on both sides of a chunk
WITHOUT_P: Final[tuple[RhythmCode, ...]] = ("AFIB", "AFL", "NOD", "VT", "IVR", "VFL", "P")
P_MARKS: Final = range(WAVE_MARKS.index("p_on"), WAVE_MARKS.index("p_off") + 1)


def delineate(
    p_signal_mv: FloatArray,
    fs: float,
    leads: Sequence[str],
    r_peak_s: NDArray[np.float64],
    *,
    without_p: Sequence[tuple[float, float]] = (),
    uncertain: bool = False,
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
        rhythm (`spans_without_p`).
    uncertain : bool, optional
        Whether marks whose place is uncertain are given as well.

    Returns
    -------
    Waves
        Marks of all these beats; NaN where a lead is missing or flat, where there is no such wave, and where its place
        is uncertain.

    Raises
    ------
    ModelError
        If the network's files are missing or damaged.
    """
    beat_s = np.array(r_peak_s, np.float64)
    marks = np.full((beat_s.size, len(leads), len(WAVE_MARKS)), np.nan)
    for own, near, first, stop in _chunks(beat_s, len(p_signal_mv), fs):
        there = beat_s[near] - first / fs
        kept = slice(own.start - near.start, own.stop - near.start)
        marks[own] = _of_piece(p_signal_mv[first:stop], fs, there, uncertain)[kept] + first / fs
    marks = without_these_p(marks, beat_s, without_p)
    return Waves(tuple(leads), read_only(beat_s), read_only(marks), read_only(over_leads(marks)))


def spans_without_p(rhythm: Sequence[Episode]) -> tuple[tuple[float, float], ...]:
    """Return the stretches, seconds, of the episodes in which no P wave comes before the beats."""
    return tuple((episode.start_s, episode.stop_s) for episode in rhythm if episode.rhythm in WITHOUT_P)


def without_these_p(
    marks: NDArray[np.float64], beat_s: NDArray[np.float64], spans: Sequence[tuple[float, float]]
) -> NDArray[np.float64]:
    """Return marks without the P waves of the beats in some stretches.

    Parameters
    ----------
    marks : (n, n_leads, 9) float64
        Marks of beats, seconds.
    beat_s : (n,) float64
        R peaks, seconds.
    spans : sequence of (float, float)
        Stretches [start, stop), seconds.
    """
    out = marks.copy()
    for start, stop in spans:
        inside = np.flatnonzero((beat_s >= start) & (beat_s < stop))
        out[inside, :, P_MARKS.start : P_MARKS.stop] = np.nan
    return out


def _of_piece(
    p_signal_mv: FloatArray, fs: float, r_peak_s: NDArray[np.float64], uncertain: bool
) -> NDArray[np.float64]:
    lines = lead_lines(p_signal_mv, fs, r_peak_s)
    used = np.flatnonzero(~lines.missing.all(axis=1))  # what is missing must not count in the mean over leads
    marks = np.full((r_peak_s.size, len(lines.values), len(WAVE_MARKS)), np.nan)
    if used.size:
        some = lines.of(used)
        marks[:, used] = marks_of(load_waves().probabilities(some.values), some, r_peak_s, uncertain=uncertain)
    return marks


def _chunks(beat_s: NDArray[np.float64], n_samples: int, fs: float) -> Iterator[tuple[slice, slice, int, int]]:
    """Yield beats to be marked, these and those near them, and the samples [first, stop) that are read for them."""
    duration_s = n_samples / fs
    count = max(1, round(duration_s / CHUNK_S))
    for number in range(count):
        start, end = number * duration_s / count, (number + 1) * duration_s / count
        low, high = max(0.0, start - MARGIN_S), min(duration_s, end + MARGIN_S)
        own = slice(*np.searchsorted(beat_s, (start, end if number < count - 1 else np.inf)).tolist())
        near = slice(*np.searchsorted(beat_s, (low, high if number < count - 1 else np.inf)).tolist())
        if own.start < own.stop:
            yield own, near, round(low * fs), round(high * fs)
