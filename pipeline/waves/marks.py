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
PRESENT: Final = {"P": 0.5, "QRS": 0.5, "T": 0.5}  # probability from which there is such a wave; chosen on held-out
# training records, as is what follows
CERTAIN_S: Final = {"P": 0.018, "QRS": 0.014, "T": 0.026}  # width of the step in the probability at a certain edge
SMOOTHED: Final = 9  # samples, over which the middle of a wave is looked for
EDGE: Final = 0.3  # a wave that reaches the end of what was looked at with this probability is cut off there


@dataclass(frozen=True, eq=False)
class _Extents:
    """One wave of each of m beats, in samples of its window; NaN where there is none or an edge is uncertain."""

    on: NDArray[np.float64]
    off: NDArray[np.float64]
    there: NDArray[np.bool_]
    on_width: NDArray[np.float64]
    off_width: NDArray[np.float64]


def marks_of(probabilities: FloatArray, lines: LeadLines, r_peak_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the marks (k, n_leads, 9) of beats in the order of `WAVE_MARKS`, seconds, NaN where there is none.

    Parameters
    ----------
    probabilities : (n_leads, n, 3) float32
        How likely each sample lies in each wave.
    lines : LeadLines
        What the network was given.
    r_peak_s : (k,) float64
        R peaks in order, seconds from the first sample.
    """
    out = np.full((r_peak_s.size, len(probabilities), len(WAVE_MARKS)), np.nan)
    for j, wave in enumerate(WAVES):
        out[:, :, 3 * j : 3 * j + 3] = _of_wave(probabilities[:, :, j], lines, r_peak_s, wave)
    return _in_order(out)


def _of_wave(
    probability: FloatArray, lines: LeadLines, r_peak_s: NDArray[np.float64], wave: str
) -> NDArray[np.float64]:
    """Return onset, peak and end (k, n_leads, 3) of one wave, seconds."""
    first, stop = (round(at * FS_HZ) for at in SPAN_S[wave])
    index = np.round(r_peak_s * FS_HZ).astype(np.int64)[:, None] + np.arange(first, stop)
    inside = np.clip(index, 0, probability.shape[1] - 1)
    own = _own(index, r_peak_s, APART_S[wave], probability.shape[1]) & ~lines.missing[:, inside]
    width = index.shape[1]
    p = np.where(own, probability[:, inside], 0).reshape(-1, width)
    found = extents(p, PRESENT[wave], CERTAIN_S[wave] * FS_HZ)
    values = np.where(own, lines.values[:, inside, 0], np.nan).reshape(-1, width)
    rows = np.stack([found.on, _peaks(values, found, level=wave == "QRS"), found.off], axis=1)
    return (rows.reshape(len(probability), -1, 3).swapaxes(0, 1) + index[:, :1, None]) / FS_HZ


def _own(index: NDArray[np.int64], r_peak_s: NDArray[np.float64], apart_s: float, n: int) -> NDArray[np.bool_]:
    """Return which samples (k, w) of the windows are in the recording and no neighbour's."""
    before = np.concatenate(([-np.inf], r_peak_s[:-1] + apart_s)) * FS_HZ
    after = np.concatenate((r_peak_s[1:] - apart_s, [np.inf])) * FS_HZ
    return np.asarray((index >= 0) & (index < n) & (index > before[:, None]) & (index < after[:, None]), np.bool_)


def extents(p: FloatArray, present: float, certain: float) -> _Extents:
    """Find the likeliest wave in windows of probabilities.

    At an edge the probability steps from 0 to 1. If it is read as the chance that the wave has begun, its sum gives the
    expected place of the edge, and the sum of p (1 - p) the width of the step.

    Parameters
    ----------
    p : (m, w) float32
        How likely each sample lies in the wave.
    present : float
        From this probability there is one.
    certain : float
        Width of the step, samples, up to which an edge is marked.
    """
    m, w = p.shape
    kernel = np.ones(SMOOTHED) / SMOOTHED
    padded = np.pad(p, ((0, 0), (SMOOTHED // 2, SMOOTHED // 2)))
    smooth = np.lib.stride_tricks.sliding_window_view(padded, SMOOTHED, axis=1) @ kernel
    middle = np.argmax(smooth, axis=1) if w else np.zeros(m, np.int64)
    there = np.take_along_axis(p, middle[:, None], axis=1)[:, 0] > present
    left, left_cut = _falling(p, middle, -1)
    right, right_cut = _falling(p, middle, 1)
    on, on_width = middle + 0.5 - left.sum(axis=1), (left * (1 - left)).sum(axis=1)
    off, off_width = middle - 0.5 + right.sum(axis=1), (right * (1 - right)).sum(axis=1)
    on = np.where(there & ~left_cut & (on_width <= certain), on, np.nan)
    off = np.where(there & ~right_cut & (off_width <= certain), off, np.nan)
    return _Extents(on, off, there, on_width, off_width)


def _falling(p: FloatArray, middle: NDArray[np.int64], way: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return p from the middle outwards without rising again (m, w), and whether the window ends inside the wave."""
    steps = middle[:, None] + way * np.arange(p.shape[1])
    within = (steps >= 0) & (steps < p.shape[1])
    values = np.take_along_axis(p, np.clip(steps, 0, p.shape[1] - 1), axis=1)
    falling = np.minimum.accumulate(values.astype(np.float64), axis=1)
    last = np.where(within, falling, np.inf).min(axis=1)
    return np.where(within, falling, 0), last > EDGE


def _peaks(values: FloatArray, found: _Extents, *, level: bool) -> NDArray[np.float64]:
    """Return where (m,) a wave lies furthest from its chord, or from the level at its onset; NaN without a wave."""
    m, w = values.shape
    rows, at = np.arange(m), np.arange(w)
    on = np.clip(np.nan_to_num(np.round(np.where(np.isfinite(found.on), found.on, 0))), 0, w - 1).astype(np.int64)
    off = np.clip(np.where(np.isfinite(found.off), np.round(found.off), w - 1), 0, w - 1).astype(np.int64)
    first, last = values[rows, on][:, None], values[rows, off][:, None]
    share = np.clip((at - on[:, None]) / np.maximum(off - on, 1)[:, None], 0, 1)
    chord = first if level else first + (last - first) * share
    away = np.abs(values - np.nan_to_num(chord))
    away[(at < on[:, None]) | (at > off[:, None]) | ~np.isfinite(away)] = -1
    known = found.there & np.isfinite(found.on) & np.isfinite(found.off)
    return np.where(known, np.argmax(away, axis=1), np.nan)


def _in_order(marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let no P wave end after its QRS begins, and no T wave begin before it ends."""
    p_off, qrs_on = WAVE_MARKS.index("p_off"), WAVE_MARKS.index("qrs_on")
    qrs_off, t_on = WAVE_MARKS.index("qrs_off"), WAVE_MARKS.index("t_on")
    marks[..., p_off] = np.where(marks[..., p_off] > marks[..., qrs_on], marks[..., qrs_on], marks[..., p_off])
    marks[..., t_on] = np.where(marks[..., t_on] < marks[..., qrs_off], marks[..., qrs_off], marks[..., t_on])
    return marks
