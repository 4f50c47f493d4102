"""Summary of a recording: counts, burden, heart rate, the longest interval, and series for display."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import REVIEW, ReviewConfig
from pipeline.labels import AAMI_CLASSES
from pipeline.review.beats_in_force import REJECTED, UNCLASSIFIED, ReviewedBeats
from pipeline.review.hrv import normal_pairs
from pipeline.review.readable import readable_rr_s
from pipeline.review.rhythm_events import beat_letters, moving_rate
from pipeline.types import FloatArray

LETTERS: Final = (*AAMI_CLASSES, UNCLASSIFIED, REJECTED)
_GRID: Final = 60  # cells per side when a scatter plot is thinned: at most 3 721 cells, fewer than `points_max`


@dataclass(frozen=True)
class Moment:
    """A value and its time, in seconds from the start."""

    value: float
    time_s: float


@dataclass(frozen=True)
class HeartRate:
    """Mean, lowest and highest heart rate in 1/min; None if there are too few intervals in a row."""

    mean: float | None
    lowest: Moment | None
    highest: Moment | None


@dataclass(frozen=True)
class Summary:
    """Figures of the whole recording.

    Attributes
    ----------
    counts : dict of str to int
        Beats by letter of `LETTERS`.
    burden : dict of str to float, optional
        Share of each class in the classified beats (N, S, V, F and Q), per cent; None if there are none.
    reviewed : int
        Beats that a reader has decided about.
    rate : HeartRate
        Mean, lowest and highest heart rate.
    longest_rr : Moment, optional
        The longest RR interval; None if there is no interval.
    """

    counts: dict[str, int]
    burden: dict[str, float] | None
    reviewed: int
    rate: HeartRate
    longest_rr: Moment | None


@dataclass(frozen=True, eq=False)
class Series:
    """Points for a chart: `x` and `y` (k,); `position` (k,) of the beats in `ReviewedBeats` that they belong to."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    position: NDArray[np.intp]


def summarise(beats: ReviewedBeats, config: ReviewConfig = REVIEW) -> Summary:
    """Count the beats, and measure the rate.

    The mean rate is that of all RR intervals together, including ectopic beats. Lowest and highest are of the median of
    `rate_beats` intervals in a row, so that no single early beat or pause is a rate; their time is the end of the last
    of these intervals. Commercial systems average 4 to 16 intervals; eight, and the median, are those of the Analyse
    page: ADR 0007. Beats that nobody could class because noise hides them have no rate, and end no interval. Lowest,
    highest and longest are of readable stretches only, see `pipeline.review.readable`. The longest interval is in whole
    samples, as pauses are, so that it is the same number as the longest of them.
    """
    letters, rr_s = beat_letters(beats), readable_rr_s(beats.rate_rr_s, beats.time_s, beats.unread)
    rate = moving_rate(rr_s, config)
    whole_s = np.where(np.isnan(rr_s), np.nan, np.diff(beats.sample, prepend=0) / beats.fs)
    counts = _counts(letters)
    classified = sum(counts[letter] for letter in AAMI_CLASSES)
    return Summary(
        counts=counts,
        burden={c: 100 * counts[c] / classified for c in AAMI_CLASSES} if classified else None,
        reviewed=int(beats.reviewed().sum()),
        rate=HeartRate(_mean_rate(beats.rate_rr_s), _extreme(beats, -rate, -1), _extreme(beats, rate)),
        longest_rr=_extreme(beats, whole_s),
    )


def begun(interval: Moment | None) -> Moment | None:
    """Return an interval at the time when it begins, as pauses are listed; its own time is that of its end."""
    return None if interval is None else Moment(interval.value, interval.time_s - interval.value)


def range_words(rate: HeartRate, config: ReviewConfig = REVIEW) -> str:
    """Write the lowest and the highest rate, once if they are the same number, and of what where the mean lies outside.

    The mean is of all intervals, the range of medians: in a short or steady recording with an early beat or a pause the
    mean may lie beside it.

    Parameters
    ----------
    rate : HeartRate
        The rates.
    config : ReviewConfig, optional
        How many intervals the lowest and the highest are of.
    """
    if rate.mean is None or rate.lowest is None or rate.highest is None:
        return "too few beats for a range"
    low, mean, high = (round(value) for value in (rate.lowest.value, rate.mean, rate.highest.value))
    words = f"{low}/min" if low == high else f"{low} to {high}/min"
    return words if low <= mean <= high and low < high else f"{words} over any {config.rate_beats} beats in a row"


def enclosed(series: Series, x: Sequence[float], y: Sequence[float]) -> NDArray[np.intp]:
    """Return the positions of the beats whose points lie inside an outline.

    A point is inside if a ray from it crosses the outline an odd number of times.

    Parameters
    ----------
    series : Series
        The points of a chart.
    x, y : sequence of float
        Corners of the outline, in the chart's units; it closes itself.

    Returns
    -------
    (m,) intp
        Positions in `ReviewedBeats`.
    """
    inside = np.zeros(series.x.size, np.bool_)
    corners = list(zip(x, y, strict=True))
    for (x0, y0), (x1, y1) in pairwise([*corners, *corners[:1]]):
        crosses = (series.y < y0) != (series.y < y1)
        inside ^= crosses & (series.x < x0 + (series.y - y0) * ((x1 - x0) / ((y1 - y0) or 1.0)))
    return series.position[inside]


def tachogram(beats: ReviewedBeats, config: ReviewConfig = REVIEW) -> Series:
    """Return RR intervals in seconds over the time of their end, at most `points_max`.

    The shortest and the longest interval of each stretch are kept, so that no early beat and no pause disappears.
    """
    position = np.flatnonzero(~np.isnan(beats.rr_s))
    position = position[_extremes(beats.rr_s[position], config.points_max)]
    return Series(beats.time_s[position], beats.rr_s[position].astype(np.float64), position)


def poincare(beats: ReviewedBeats, config: ReviewConfig = REVIEW) -> Series:
    """Return each NN interval over the previous NN interval, in seconds, at most `points_max`.

    If there are more, isolated points stay and crowded ones are thinned evenly.
    """
    later = normal_pairs(beats)
    rr_s = beats.rr_s.astype(np.float64)
    kept = later[_sparse(rr_s[later - 1], rr_s[later], config.points_max)]
    return Series(rr_s[kept - 1], rr_s[kept], kept)


def _counts(letters: NDArray[np.uint8]) -> dict[str, int]:
    found = np.bincount(letters, minlength=128)
    return {letter: int(found[ord(letter)]) for letter in LETTERS}


def _mean_rate(rr_s: FloatArray) -> float | None:
    known = rr_s[~np.isnan(rr_s)].astype(np.float64)
    return float(60 * known.size / known.sum()) if known.size else None


def _extreme(beats: ReviewedBeats, values: FloatArray, sign: int = 1) -> Moment | None:
    """Return the largest of values (n,), times `sign`, and its time; None if all are NaN."""
    known = np.flatnonzero(~np.isnan(values))
    if known.size == 0:
        return None
    at = known[values[known].argmax()]
    return Moment(sign * float(values[at]), float(beats.time_s[at]))


def _extremes(values: FloatArray, points: int) -> NDArray[np.intp]:
    """Return the positions of the extremes of each of `points` / 2 stretches of values; all if they are few."""
    if values.size <= points:
        return np.arange(values.size)
    size = -(-2 * values.size // points)
    whole = values.size // size * size
    blocks = values[:whole].reshape(-1, size)
    start = np.arange(len(blocks)) * size
    rest = np.arange(whole, values.size)
    ends = whole + np.array([values[whole:].argmin(), values[whole:].argmax()]) if rest.size else rest
    return np.unique(np.concatenate([start + blocks.argmin(axis=1), start + blocks.argmax(axis=1), ends]))


def _sparse(x: NDArray[np.float64], y: NDArray[np.float64], points: int) -> NDArray[np.intp]:
    """Return at most `points` of the points: as many from each cell of a grid as keep the sum within bounds."""
    if x.size <= points:
        return np.arange(x.size)
    step = max(float(np.ptp(x)), float(np.ptp(y)), 1e-9) / _GRID
    column, row = (((axis - axis.min()) / step).astype(np.int64) for axis in (x, y))
    cell = column * (_GRID + 1) + row
    order = np.argsort(cell, kind="stable")
    _, first, count = np.unique(cell[order], return_index=True, return_counts=True)
    rank = np.arange(x.size) - np.repeat(first, count)
    each = int(np.searchsorted(np.cumsum(np.bincount(rank)), points, side="right"))
    return np.sort(order[rank < each])
