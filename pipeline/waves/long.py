"""Long recordings: the median beat of every half minute instead of each beat, and the P wave of each in one lead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.threads import side_by_side, single_threaded_blas
from models.waves import FS_HZ, load_waves
from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.types import FloatArray, read_only
from pipeline.waves.delineate import P_MARKS, delineate, without_these_p
from pipeline.waves.inputs import LeadLines, bumps, lines_of_each
from pipeline.waves.marks import marks_of_each
from pipeline.waves.over_leads import over_leads

LONG_S: Final = 600.0  # in a longer recording not every beat is marked, unless asked for
STRETCH_S: Final = 30.0  # of which the median beat is marked
REACH: Final = 256  # samples at the network's rate before and after R, that a median beat spans
BEATS_MIN: Final = 3  # a median of fewer beats is none
NEXT_S: Final = 0.1  # before the next R, and after the one before, nothing belongs to the median beat
MARGIN_S: Final = 2.0
AT_ONCE: Final = 8  # median beats that the network reads together: they fit the processor's cache


@dataclass(frozen=True, eq=False)
class LongWaves:
    """What is marked in a long recording.

    Attributes
    ----------
    usual : Waves
        The median beat of every 30 s with at least three beats, in all leads; `beat_s` is the R peak nearest to the
        middle of the stretch, and the marks lie around it.
    p_waves : Waves
        Each beat in one lead; all but P marks are NaN.
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
    each = delineate(column, fs, (p_lead,), r_peak_s, without_p=without_p)
    usual = usual_waves(p_signal_mv, fs, leads, r_peak_s, without_p=without_p)
    return LongWaves(usual, _only_p(each))


def usual_waves(
    p_signal_mv: FloatArray,
    fs: float,
    leads: Sequence[str],
    r_peak_s: NDArray[np.float64],
    *,
    without_p: Sequence[tuple[float, float]] = (),
) -> Waves:
    """Mark the median beat of every 30 s.

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
        Stretches [start, stop), seconds, in which no beat has a P wave.
    """
    signal, beats = np.asarray(p_signal_mv), np.asarray(r_peak_s, np.float64)
    stretches = _stretches(beats, fs, len(signal))
    beat_s = np.array([stretch.beat_s for stretch in stretches], np.float64)
    marks = np.full((beat_s.size, len(leads), len(WAVE_MARKS)), np.nan)
    starts = range(0, len(stretches), AT_ONCE)
    with single_threaded_blas():
        read = side_by_side(lambda first: _marked(signal, fs, stretches[first : first + AT_ONCE]), starts)
        for first, some in zip(starts, read, strict=True):
            marks[first : first + len(some)] = some
    marks = without_these_p(marks, beat_s, without_p)
    return Waves(tuple(leads), read_only(beat_s), read_only(marks), read_only(over_leads(marks)))


@dataclass(frozen=True, eq=False)
class _Stretch:
    """A stretch with enough beats.

    Attributes
    ----------
    beat_s : float
        The beat nearest to its middle, seconds.
    own_s, near_s : (n,) float64
        Its beats, and these with those of its margins, seconds.
    first, last : int
        Samples [first, last) of the signal that are read for it.
    """

    beat_s: float
    own_s: NDArray[np.float64]
    near_s: NDArray[np.float64]
    first: int
    last: int


def _stretches(beat_s: NDArray[np.float64], fs: float, n_samples: int) -> list[_Stretch]:
    """Return the stretches with enough beats; the beats (n,) are in order, seconds."""
    found = []
    at = beat_s * fs
    numbers, starts = np.unique((beat_s // STRETCH_S).astype(np.int64), return_index=True)
    for number, start, stop in zip(numbers.tolist(), starts, np.append(starts[1:], beat_s.size), strict=True):
        own = beat_s[start:stop]
        if own.size < BEATS_MIN:
            continue
        low = max(0.0, number * STRETCH_S - MARGIN_S)
        first, last = round(low * fs), round(((number + 1) * STRETCH_S + MARGIN_S) * fs)
        near = beat_s[np.searchsorted(beat_s, low) : np.searchsorted(at, min(last, n_samples))]
        middle = float(own[np.argmin(np.abs(own - (number + 0.5) * STRETCH_S))])
        found.append(_Stretch(middle, own, near, first, last))
    return found


def _marked(p_signal_mv: FloatArray, fs: float, stretches: Sequence[_Stretch]) -> NDArray[np.float64]:
    """Return the marks (k, n_leads, 9) of the median beats of some stretches, seconds."""
    beats = [
        _median_beat(one, fs, stretch)
        for _, alike in groupby(stretches, lambda each: min(each.last, len(p_signal_mv)) - each.first)
        for one, stretch in _lines(p_signal_mv, fs, tuple(alike))
    ]
    values, missing = np.stack([beat.values for beat in beats]), np.stack([beat.missing for beat in beats])
    at_s, beat_s = REACH / FS_HZ, np.array([stretch.beat_s for stretch in stretches])
    marks = marks_of_each(load_waves().probabilities(values), values[..., 0], missing, at_s)
    return np.asarray(marks - at_s + beat_s[:, None, None], np.float64)


def _lines(p_signal_mv: FloatArray, fs: float, stretches: Sequence[_Stretch]) -> Iterator[tuple[LeadLines, _Stretch]]:
    """Yield the leads of each of some stretches, equally long, at the network's rate."""
    parts = [p_signal_mv[stretch.first : stretch.last] for stretch in stretches]
    near_s = [stretch.near_s - stretch.first / fs for stretch in stretches]
    return zip(lines_of_each(parts, fs, near_s), stretches, strict=True)


def _median_beat(lines: LeadLines, fs: float, stretch: _Stretch) -> LeadLines:
    """Return the median of the leads around the R peaks of a stretch; what lies beyond the neighbours is missing."""
    start_s = stretch.first / fs
    rr_s = float(np.median(np.diff(stretch.own_s)))
    known = np.where(lines.missing, np.float32(np.nan), lines.values[..., 0])
    around = np.pad(known, ((0, 0), (REACH, REACH)), constant_values=np.nan)
    at = np.round((stretch.own_s - start_s) * FS_HZ).astype(np.int64) + np.arange(2 * REACH)[:, None]
    middle, missing = _medians(around.take(at, axis=1))
    marks = bumps(REACH / FS_HZ + np.array([-rr_s, 0.0, rr_s]), 2 * REACH)
    values = np.stack([middle, np.broadcast_to(marks, middle.shape)], axis=-1).astype(np.float32)
    away_s = np.abs(np.arange(-REACH, REACH)) / FS_HZ
    return LeadLines(values, missing | (away_s > rr_s - NEXT_S))


def _medians(rows: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return the median (...,) of what is known of rows (..., n), 0 where nothing is, and where that is so."""
    rows.sort(axis=-1)  # NaN come last
    if not np.isnan(rows[..., -1]).any():
        n = rows.shape[-1]
        middle = (rows[..., (n - 1) // 2] + rows[..., n // 2]) / 2
        return np.asarray(middle, np.float32), np.zeros(rows.shape[:-1], np.bool_)
    count = np.isfinite(rows).sum(axis=-1, keepdims=True)
    low, high = (np.take_along_axis(rows, np.maximum(at, 0), axis=-1) for at in ((count - 1) // 2, count // 2))
    missing = np.asarray(count[..., 0] == 0, np.bool_)
    return np.asarray(np.where(missing, 0, ((low + high) / 2)[..., 0]), np.float32), missing


def _only_p(waves: Waves) -> Waves:
    others = [j for j in range(len(WAVE_MARKS)) if j not in P_MARKS]
    time_s, overall_s = waves.time_s.copy(), waves.overall_s.copy()
    time_s[:, :, others], overall_s[:, others] = np.nan, np.nan
    return Waves(waves.leads, waves.beat_s, read_only(time_s), read_only(overall_s))
