"""Whether anything stands between the T wave and the next QRS of slow beats: without any wave there is no P wave."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.rhythm.context import RhythmContext
from pipeline.signal.beat_windows import cut_around
from pipeline.types import FloatArray

SLOW_S: Final = (0.9, 3.0)  # shorter intervals leave no room after the T wave
T_END_S: Final = 0.5  # after R, times the root of the interval
BEFORE_R_S: Final = 0.045  # where the QRS begins
TOP_S, SIDE_AT_S, SIDE_S = 0.025, 0.065, 0.012  # a bump is what is higher in its middle than on both sides
# Median height over the beats of a stretch, as a share of the QRS. 108 stretches of 300 s of DS1 and half of svdb have
# 0.025 and more, 123 strips of 10 s and more of ptbxl and cinc2017 have 0.017 and more; a line without P waves has
# 0.008 where the noise is a fiftieth of the QRS.
EMPTY: Final = 0.015
BEATS_AT_ONCE: Final = 1024


def line_heights(context: RhythmContext) -> FloatArray:
    """Return the highest bump (n,) before each beat, as a share of the QRS, in the lead that shows most.

    Parameters
    ----------
    context : RhythmContext
        Beats and signal.

    Returns
    -------
    (n,) float32
        NaN for beats after an interval that is not slow, and all without a signal.
    """
    found = np.full(len(context), np.nan, np.float32)
    slow = np.flatnonzero((context.rr_s >= SLOW_S[0]) & (context.rr_s <= SLOW_S[1]))
    if context.conditioned is None or not slow.size:
        return found
    fs = context.conditioned.fs
    r_peak = np.round(context.time_s * fs).astype(np.int64)
    starts = context.time_s[slow - 1] + T_END_S * np.sqrt(context.rr_s[slow]) - context.time_s[slow]  # from R
    highest = np.zeros(slow.size, np.float32)
    for lead, height in zip(context.conditioned.signal.T, context.heights, strict=True):
        highest = np.maximum(highest, _bumps(lead, r_peak[slow], starts, fs) / np.float32(max(height, 1e-3)))
    found[slow] = highest
    return found


def is_empty(heights: FloatArray) -> bool:
    """Tell whether nothing stands before most of some beats (n,): `line_heights`, at least one of them known."""
    known = heights[np.isfinite(heights)]
    return bool(known.size) and 2 * known.size > heights.size and float(np.median(known)) < EMPTY


def _bumps(lead: FloatArray, at: NDArray[np.int64], starts: NDArray[np.float64], fs: float) -> FloatArray:
    """Return the highest bump (n,), mV, from some seconds before R to the QRS."""
    top, side, away = (round(seconds * fs) for seconds in (TOP_S, SIDE_S, SIDE_AT_S))
    reach, last = away + side, -round(BEFORE_R_S * fs)
    highest, order = np.zeros(at.size, np.float32), np.argsort(starts)  # those of like length together
    for begin in range(0, at.size, BEATS_AT_ONCE):
        part = order[begin : begin + BEATS_AT_ONCE]
        first = int(np.floor(float(starts[part[0]]) * fs))
        rows = np.nan_to_num(cut_around(lead, at[part], first, last))
        if rows.shape[1] <= 2 * reach + 1:
            continue
        sums = np.zeros((len(rows), rows.shape[1] + 1))
        sums[:, 1:] = rows
        np.cumsum(sums, axis=1, out=sums)
        middle = _means(sums, reach - top, 2 * top + 1, reach)
        sides = _means(sums, 0, 2 * side + 1, reach) + _means(sums, 2 * away, 2 * side + 1, reach)
        bumps = np.abs(middle - sides / 2)
        early = first + np.arange(bumps.shape[1]) < starts[part, None] * fs
        highest[part] = np.where(early, 0, bumps).max(axis=1)
    return highest


def _means(sums: NDArray[np.float64], first: int, size: int, reach: int) -> NDArray[np.float64]:
    """Return the means of `size` samples from `first` samples after the start of each window of a bump."""
    count = sums.shape[1] - 1 - 2 * reach
    return (sums[:, first + size : first + size + count] - sums[:, first : first + count]) / size
