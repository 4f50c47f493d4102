"""From the network's probabilities to marks: where a wave begins, has its peak and ends, or that this is uncertain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.waves import FS_HZ, WAVES
from pipeline.measurements import WAVE_MARKS
from pipeline.types import FloatArray
from pipeline.waves.inputs import LeadLines

# Before and after R, in which a wave is looked for, and how near to the neighbouring R at most; seconds.
SPAN_S: Final = {"P": (-0.45, 0.0), "QRS": (-0.14, 0.2), "T": (0.03, 0.8)}
APART_S: Final = {"P": 0.1, "QRS": 0.1, "T": 0.04}
# What follows was chosen on records held out of the training.
PRESENT: Final = 0.5  # probability from which a lead shows a wave
# A beat has a P wave if its mean probability, over the half of the leads that show it best, is above P_IN_LEADS, and so
# it is in P_SHARE of this beat and P_AROUND beats on each side: in bigeminy every second beat has one.
P_IN_LEADS: Final = 0.6
P_AROUND, P_SHARE = 5, 0.4
CERTAIN_S: Final = {  # width of the step in the probability, up to which an edge is marked
    "P": (0.016, 0.016),
    "QRS": (0.024, 0.024),
    "T": (0.024, 0.018),
}
LONGEST_S: Final = {"P": 0.2, "QRS": 0.26, "T": 0.36}  # of 1000 waves that were marked by hand, one is longer
SMOOTHED: Final = 9  # samples, over which the middle of a wave is looked for
EDGE: Final = 0.3  # a wave that reaches the end of what was looked at with this probability is cut off there


@dataclass(frozen=True, eq=False)
class Extents:
    """One wave in each of m windows, in samples of the window.

    Attributes
    ----------
    on, off : (m,) float64
        Expected place of its edges; NaN where the window cuts it off.
    on_width, off_width : (m,) float64
        Width of the steps in the probability there.
    likely : (m,) float64
        The probability in its middle.
    """

    on: NDArray[np.float64]
    off: NDArray[np.float64]
    on_width: NDArray[np.float64]
    off_width: NDArray[np.float64]
    likely: NDArray[np.float64]


def marks_of(
    probabilities: FloatArray, lines: LeadLines, r_peak_s: NDArray[np.float64], *, uncertain: bool = False
) -> NDArray[np.float64]:
    """Return the marks (k, n_leads, 9) of beats in the order of `WAVE_MARKS`, seconds, NaN where there is none.

    Parameters
    ----------
    probabilities : (n_leads, n, 3) float32
        How likely each sample lies in each wave.
    lines : LeadLines
        What the network was given.
    r_peak_s : (k,) float64
        R peaks in order, seconds from the first sample.
    uncertain : bool, optional
        Whether edges whose place is uncertain are marked as well.
    """
    out = np.full((r_peak_s.size, len(probabilities), len(WAVE_MARKS)), np.nan)
    for j, wave in enumerate(WAVES):
        out[:, :, 3 * j : 3 * j + 3] = _of_wave(probabilities[:, :, j], lines, r_peak_s, wave, uncertain)
    return _in_order(out)


def marks_of_each(
    probabilities: FloatArray, values: FloatArray, missing: NDArray[np.bool_], r_peak_s: float
) -> NDArray[np.float64]:
    """Return the marks (k, n_leads, 9) of the one beat in each of k pieces, as `marks_of` does one by one.

    Parameters
    ----------
    probabilities : (k, n_leads, n, 3) float32
        How likely each sample lies in each wave.
    values : (k, n_leads, n) float32
        The leads that the network was given.
    missing : (k, n_leads, n) bool
        Where each was not recorded.
    r_peak_s : float
        The R peak, seconds from the first sample of each piece, so far inside that every wave may be.
    """
    out = np.full((*values.shape[:2], len(WAVE_MARKS)), np.nan)
    at = round(r_peak_s * FS_HZ)
    for j, wave in enumerate(WAVES):
        first, stop = (at + round(edge * FS_HZ) for edge in SPAN_S[wave])
        p, lines = (x[:, :, first:stop].swapaxes(0, 1) for x in (probabilities[..., j], values))
        known = ~missing[:, :, first:stop].swapaxes(0, 1)
        index = np.full((len(values), 1), first)
        out[:, :, 3 * j : 3 * j + 3] = _in_windows(_Windows(p, lines, known, index), wave, False, alone=True)
    return _in_order(out)


@dataclass(frozen=True, eq=False)
class _Windows:
    """What lies around each of k beats in each lead: (n_leads, k, w), `first` (k, 1) sample; `own` where it counts."""

    probability: FloatArray
    values: FloatArray
    own: NDArray[np.bool_]
    first: NDArray[np.int64]


def _of_wave(
    probability: FloatArray, lines: LeadLines, r_peak_s: NDArray[np.float64], wave: str, uncertain: bool
) -> NDArray[np.float64]:
    """Return onset, peak and end (k, n_leads, 3) of one wave, seconds."""
    first, stop = (round(at * FS_HZ) for at in SPAN_S[wave])
    index = np.round(r_peak_s * FS_HZ).astype(np.int64)[:, None] + np.arange(first, stop)
    inside = np.clip(index, 0, probability.shape[1] - 1)
    own = _own(index, r_peak_s, APART_S[wave], probability.shape[1]) & ~lines.missing[:, inside]
    windows = _Windows(probability[:, inside], lines.values[:, inside, 0], own, index[:, :1])
    return _in_windows(windows, wave, uncertain)


def _in_windows(windows: _Windows, wave: str, uncertain: bool, *, alone: bool = False) -> NDArray[np.float64]:
    """Return onset, peak and end (k, n_leads, 3) of one wave, seconds; beats that are `alone` have no neighbours."""
    own = windows.own
    span = own.shape[2]
    found = extents(np.where(own, windows.probability, 0).reshape(-1, span))
    values = np.where(own, windows.values, np.nan).reshape(-1, span)
    there = found.likely > PRESENT
    if wave == "P":
        around = 0 if alone else P_AROUND
        there &= _with_p(found.likely.reshape(own.shape[:2]), np.asarray(own.any(axis=2)), around).ravel()
    short = ~(found.off - found.on > LONGEST_S[wave] * FS_HZ)
    steps = zip((found.on, found.off), (found.on_width, found.off_width), CERTAIN_S[wave], strict=True)
    certain = [(edge, uncertain | (short & (width <= most * FS_HZ))) for edge, width, most in steps]
    on, off = (np.where(there & sure, edge, np.nan) for edge, sure in certain)
    peak = np.where(there, _peaks(values, found, level=wave == "QRS"), np.nan)
    rows = np.stack([on, peak, off], axis=1).reshape(*own.shape[:2], 3).swapaxes(0, 1)
    return np.asarray((rows + windows.first[:, :, None]) / FS_HZ, np.float64)


def _with_p(likely: NDArray[np.float64], seen: NDArray[np.bool_], around: int) -> NDArray[np.bool_]:
    """Return which beats have a P wave (n_leads, k): where the leads together and the beats around it show one.

    In fibrillation, single waves before a QRS look like P waves, and in complete block P waves come before some QRS by
    chance.

    Parameters
    ----------
    likely : (n_leads, k) float64
        Probability of a P wave.
    seen : (n_leads, k) bool
        Whether the lead was recorded there.
    around : int
        Beats on each side that have a say.
    """
    best = -np.sort(-np.where(seen, likely, 0), axis=0)
    half = np.arange(len(best))[:, None] < np.maximum(1, seen.sum(axis=0) / 2)
    has = np.where(half, best, 0).sum(axis=0) / half.sum(axis=0) > P_IN_LEADS
    kernel, own = np.ones(2 * around + 1), slice(around, around + has.size)
    with_p, beats = (np.convolve(each, kernel)[own] for each in (has, np.ones(has.size)))
    return np.broadcast_to(has & (with_p >= P_SHARE * beats), likely.shape)


def _own(index: NDArray[np.int64], r_peak_s: NDArray[np.float64], apart_s: float, n: int) -> NDArray[np.bool_]:
    """Return which samples (k, w) of the windows are in the recording and no neighbour's."""
    before = np.concatenate(([-np.inf], r_peak_s[:-1] + apart_s)) * FS_HZ
    after = np.concatenate((r_peak_s[1:] - apart_s, [np.inf])) * FS_HZ
    return np.asarray((index >= 0) & (index < n) & (index > before[:, None]) & (index < after[:, None]), np.bool_)


def extents(p: FloatArray) -> Extents:
    """Find the likeliest wave in windows (m, w) of probabilities.

    At an edge the probability steps from 0 to 1. If it is read as the chance that the wave has begun, its sum gives the
    expected place of the edge, and the sum of p (1 - p) the width of the step.
    """
    padded = np.pad(p, ((0, 0), (SMOOTHED // 2, SMOOTHED // 2)))
    smooth = np.lib.stride_tricks.sliding_window_view(padded, SMOOTHED, axis=1).mean(axis=2)
    middle = np.argmax(smooth, axis=1)
    likely = np.take_along_axis(p, middle[:, None], axis=1)[:, 0].astype(np.float64)
    left, left_cut = _falling(p, middle, -1)
    right, right_cut = _falling(p, middle, 1)
    return Extents(
        on=np.where(left_cut, np.nan, middle + 0.5 - left.sum(axis=1)),
        off=np.where(right_cut, np.nan, middle - 0.5 + right.sum(axis=1)),
        on_width=(left * (1 - left)).sum(axis=1),
        off_width=(right * (1 - right)).sum(axis=1),
        likely=likely,
    )


def _falling(p: FloatArray, middle: NDArray[np.int64], way: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return p from the middle outwards without rising again (m, w), and whether the window ends inside the wave."""
    steps = middle[:, None] + way * np.arange(p.shape[1])
    within = (steps >= 0) & (steps < p.shape[1])
    values = np.take_along_axis(p, np.clip(steps, 0, p.shape[1] - 1), axis=1)
    falling = np.minimum.accumulate(values.astype(np.float64), axis=1)
    last = np.where(within, falling, np.inf).min(axis=1)
    return np.where(within, falling, 0), last > EDGE


def _peaks(values: FloatArray, found: Extents, *, level: bool) -> NDArray[np.float64]:
    """Return where (m,) waves lie furthest from their chord, or from the level at the onset; NaN if cut off."""
    w = values.shape[1]
    rows, at = np.arange(len(values)), np.arange(w)
    known = np.isfinite(found.on) & np.isfinite(found.off)
    on, off = (np.clip(np.round(np.where(known, edge, 0)), 0, w - 1).astype(np.int64) for edge in (found.on, found.off))
    first, last = values[rows, on][:, None], values[rows, off][:, None]
    share = np.clip((at - on[:, None]) / np.maximum(off - on, 1)[:, None], 0, 1)
    away = np.abs(values - (first if level else first + (last - first) * share))
    away[(at < on[:, None]) | (at > off[:, None]) | ~np.isfinite(away)] = -1
    peak = np.clip(np.argmax(away, axis=1), found.on, found.off)  # edges lie between samples
    return np.where(known & (away.max(axis=1) >= 0), peak, np.nan)


def _in_order(marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let no P wave end after its QRS begins, and no T wave begin before it ends."""
    p_off, qrs_on = WAVE_MARKS.index("p_off"), WAVE_MARKS.index("qrs_on")
    qrs_off, t_on = WAVE_MARKS.index("qrs_off"), WAVE_MARKS.index("t_on")
    marks[..., p_off] = np.where(marks[..., p_off] > marks[..., qrs_on], marks[..., qrs_on], marks[..., p_off])
    marks[..., t_on] = np.where(marks[..., t_on] < marks[..., qrs_off], marks[..., qrs_off], marks[..., t_on])
    return marks
