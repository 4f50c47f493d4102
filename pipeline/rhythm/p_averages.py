"""What stands before beats on average: P waves that noise hides before a single beat show over many.

The line of gains (`PWaves.line`) before the long intervals around a beat is averaged at each lag before R. In 2:1 and
high-degree block the P waves that are not conducted stand at the same lags, in Wenckebach's they end in a pause whose
length tells as much as the P waves do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from models.threads import side_by_side
from pipeline.signal.beat_windows import cut_around
from pipeline.signal.p_waves import PWaves
from pipeline.types import FloatArray, IntArray

STEP: Final = 2  # samples of the line from one lag to the next
LAGS_S: Final = (0.07, 2.4)  # before R
GAINS: Final = (-1.5, 3.0)  # what lies outside is counted as these
REACHES: Final = (5, 14)  # beats on each side
AS_LONG: Final = 0.85  # of the longest interval around, from which an interval is one of the long ones
LONGEST_AMONG: Final = 6  # beats on each side
OWN_S: Final = (0.08, 0.40)  # before R stands the P wave that is conducted ...
LATE_S: Final = 0.56  # ... from as early as this where P-R grew
PP_S: Final = (0.45, 1.35)
TEETH: Final = 4  # P waves before the conducted one that are looked for at equal distances
APART_S: Final = 0.36  # from the conducted P wave to any other
T_END_S: Final = 0.2  # after R
AT_ONCE: Final = 2048  # beats asked about: what is measured of them fits the processor's cache
ENOUGH: Final = 2  # intervals of an average
NOISE_S: Final = 10.0  # on each side of R
NOISE_MIN: Final = 0.05
CHANGE_MAX: Final = 0.5  # relative change of an interval; larger ones are counted as this
GREW: Final = 0.03  # relative change of an interval that is more than breathing
NOTHING: Final = -1.0

_OF_REACH: Final = (
    *("own", "own_lag_s", "other", "other_z", "other_away_s", "other_to_long", "other_to_short"),
    *("comb", "comb_least", "comb_between", "comb_pp_s", "comb_to_long", "comb_to_short", "comb_teeth"),
    *("count_long", "share_long", "long_s", "short_s", "long_to_short"),
    *("next_later_s", "next_gain", "last_later_s", "last_gain"),
    *("after_pause", "pause_to_short", "pause_spread", "share_pauses", "share_grew", "shortening"),
    *("share_odd", "share_early"),
)
AVERAGES: Final = (*(f"{name}, {reach} beats" for reach in REACHES for name in _OF_REACH), "noise_around")
Column = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals before beats.

    Attributes
    ----------
    time_s : (n,) float64
        R peaks, seconds.
    rr_s : (n,) float64
        Seconds since the beat before.
    odd, early : (n,) bool
        Whether no P wave is expected in it, as beside a ventricular beat; whether the beat is early.
    """

    time_s: Column
    rr_s: Column
    odd: Flags
    early: Flags

    def within(self, span: slice) -> Intervals:
        """Return some successive ones."""
        return Intervals(self.time_s[span], self.rr_s[span], self.odd[span], self.early[span])


def average_measures(intervals: Intervals, waves: PWaves, asked: Flags) -> FloatArray:
    """Measure what is there on average around some beats.

    Parameters
    ----------
    intervals : Intervals
        All n intervals.
    waves : PWaves
        P waves between the beats.
    asked : (n,) bool
        The beats that are asked about, k of them.

    Returns
    -------
    (k, len(AVERAGES)) float32
        For each reach: "own", the P wave before the long intervals' beats, "other", the highest one before it, and
        "comb", those at equal distances before it, as averaged gains; the distances in seconds, and as shares of the
        mean long and of the mean short interval; how much later ("later_s") P stands before the beat after a long
        interval, and before the last one before it; how intervals change around pauses, and what beats are among them.
        -1 where something is not there.
    """
    at = np.flatnonzero(asked)
    parts = np.array_split(at, max(1, -(-at.size // AT_ONCE)))
    edges = [0, *(int(part[0]) for part in parts[1:]), asked.size]
    margin = max(REACHES) + LONGEST_AMONG + 2
    spans = [slice(max(0, low - margin), high + margin) for low, high in pairwise(edges)]

    def read(part: IntArray, span: slice) -> FloatArray:
        return _averages(intervals.within(span), waves, part - span.start)

    return np.concatenate(list(side_by_side(lambda one: read(*one), zip(parts, spans, strict=True))))


def _averages(intervals: Intervals, waves: PWaves, at: IntArray) -> FloatArray:
    asked = np.zeros(intervals.rr_s.size, np.bool_)
    asked[at] = True
    near = maximum_filter1d(asked, 2 * max(REACHES) + 1)
    known = _Known.of(intervals, waves, near)
    noise, sums = _noise(waves, intervals.time_s[at]), _Sums.of(known)
    windows = (_Window.around(at, reach, near) for reach in REACHES)
    columns = [column for window in windows for column in _columns(known, sums, window, noise)]
    return np.nan_to_num(np.stack([*columns, noise], axis=1), nan=NOTHING).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Known:
    """What is averaged: gains (m, n_lags) before the beats near those asked, whether seen, and facts (n,) of all."""

    gain: FloatArray
    seen: Flags
    lag_s: Column
    near: Flags
    intervals: Intervals
    long: Flags
    short: Flags

    @classmethod
    def of(cls, intervals: Intervals, waves: PWaves, near: Flags) -> _Known:
        fs = waves.line_fs
        lags = np.arange(round(LAGS_S[0] * fs), round(LAGS_S[1] * fs), STEP)
        rr = np.where(intervals.odd, 0.0, intervals.rr_s)
        long = (rr >= AS_LONG * maximum_filter1d(rr, 2 * LONGEST_AMONG + 1)) & ~intervals.odd
        r = np.round(intervals.time_s[near] * fs).astype(np.int64)
        gain = cut_around(waves.line, r, -int(lags[-1]), 1 - int(lags[0]))[:, ::-STEP]
        seen = np.isfinite(gain) & (lags < rr[near, None] * fs) & (lags <= r[:, None])
        gain = np.where(seen, np.clip(gain, *GAINS), 0).astype(np.float32)
        return cls(gain, seen, lags / fs, near, intervals, long, ~long & ~intervals.odd)


@dataclass(frozen=True, eq=False)
class _Sum:
    """Gains (m + 1, k) at the first lags before some beats, added up from the first beat on, and how many are seen."""

    gain: Column
    count: NDArray[np.int32]

    @classmethod
    def of(cls, known: _Known, among: Flags, lags: int) -> _Sum:
        kept = known.seen[:, :lags] & among[known.near][:, None]
        gain, count = (np.zeros((len(kept) + 1, kept.shape[1]), kind) for kind in (np.float64, np.int32))
        gain[1:], count[1:] = np.where(kept, known.gain[:, :lags], np.float32(0)), kept
        for sums in (gain, count):  # converted before, not within: that is slower
            np.cumsum(sums, axis=0, out=sums)
        return cls(gain, count)


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums before the beats after long intervals, and before the one that follows and the one that comes before."""

    long: _Sum
    after: _Sum
    before: _Sum

    @classmethod
    def of(cls, known: _Known) -> _Sums:
        late = int(np.searchsorted(known.lag_s, LATE_S))
        beside = (_Sum.of(known, np.roll(known.long, by) & known.short, late) for by in (1, -1))
        return cls(_Sum.of(known, known.long, known.lag_s.size), *beside)


@dataclass(frozen=True, eq=False)
class _Window:
    """Beats [low, high) around each of those asked, and their places among the beats near any of them."""

    low: IntArray
    high: IntArray
    near_low: IntArray
    near_high: IntArray

    @classmethod
    def around(cls, at: IntArray, reach: int, near: Flags) -> _Window:
        low, high = np.maximum(at - reach, 0), np.minimum(at + reach + 1, near.size)
        before = np.concatenate([[0], np.cumsum(near)])
        return cls(low, high, before[low], before[high])

    @property
    def size(self) -> Column:
        return (self.high - self.low).astype(np.float64)

    def total(self, values: NDArray[Any]) -> Column:
        """Return the sums (k,) of what stands at the beats (n,)."""
        sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
        return np.asarray(sums[self.high] - sums[self.low])

    def mean(self, values: Column, among: Flags) -> Column:
        """Return the means (k,) of values (n,) of some beats, NaN without any."""
        count = self.total(among)
        return np.where(count > 0, self.total(np.where(among, values, 0)) / np.maximum(count, 1), np.nan)

    def profile(self, sums: _Sum) -> tuple[Column, NDArray[np.int32]]:
        """Return the mean gain (k, lags) before some of the beats, NaN where too few are seen, and how many are."""
        total = sums.gain[self.near_high] - sums.gain[self.near_low]
        count = sums.count[self.near_high] - sums.count[self.near_low]
        return np.where(count >= ENOUGH, total / np.maximum(count, 1), np.nan), count


def _columns(known: _Known, sums: _Sums, window: _Window, noise: Column) -> Iterator[Column]:
    """Yield the measures `_OF_REACH`."""
    intervals, lag_s = known.intervals, known.lag_s
    average, count = window.profile(sums.long)
    long_s, short_s = (window.mean(intervals.rr_s, among) for among in (known.long, known.short))
    own = _highest(average, (lag_s >= OWN_S[0]) & (lag_s < OWN_S[1]))
    own_lag_s = lag_s[own]
    yield from (_taken(average, own), own_lag_s)
    free = (lag_s >= own_lag_s[:, None] + APART_S) & (lag_s <= long_s[:, None] - T_END_S)
    other = _highest(average, free)
    gain = np.where(np.take_along_axis(free, other[:, None], axis=1)[:, 0], _taken(average, other), np.nan)
    away_s = np.where(np.isfinite(gain), lag_s[other] - own_lag_s, np.nan)
    yield from (gain, gain * np.sqrt(_taken(count, other)) / np.maximum(noise, NOISE_MIN))
    yield from (away_s, away_s / long_s, away_s / short_s)
    *comb, pp_s, teeth = _comb(average, own, np.searchsorted(lag_s, long_s - T_END_S), lag_s[1] - lag_s[0])
    yield from (*comb, pp_s, pp_s / long_s, pp_s / short_s, teeth)
    longs = window.total(known.long)
    yield from (longs, longs / window.size, long_s, short_s, long_s / short_s)
    for beside in (sums.after, sums.before):
        there = window.profile(beside)[0]
        place = _highest(there, lag_s[: there.shape[1]] >= OWN_S[0])
        seen = _taken(there, place)
        yield from (np.where(np.isfinite(seen), lag_s[place] - own_lag_s, np.nan), seen)
    yield from _pauses(known, window)
    yield from (window.total(intervals.odd) / window.size, window.total(intervals.early) / window.size)


def _pauses(known: _Known, window: _Window) -> Iterator[Column]:
    """Yield how intervals change around single long ones: Wenckebach's grow shorter, and pauses are not doubled."""
    rr, short = np.where(known.intervals.odd, 0.0, known.intervals.rr_s), known.short
    previous, following = np.roll(rr, 1), np.roll(rr, -1)
    pause = known.long & np.roll(short, 1) & np.roll(short, -1)
    change = np.clip(following / np.maximum(previous, 0.1) - 1, -CHANGE_MAX, CHANGE_MAX)
    doubled = np.clip(rr / np.maximum(2 * np.minimum(previous, following), 0.1), 0, 2)
    second = np.roll(known.long, 1) & short & np.roll(short, -1)
    shorter = np.clip(following / np.maximum(rr, 0.1) - 1, -CHANGE_MAX, CHANGE_MAX)
    mean = window.mean(doubled, pause)
    yield from (window.mean(change, pause), mean)
    yield np.sqrt(np.maximum(window.mean(doubled**2, pause) - mean**2, 0))
    yield window.total(pause) / window.size
    yield window.mean((change > GREW).astype(np.float64), pause)
    yield window.mean(shorter, second)


def _comb(average: Column, own: IntArray, end: IntArray, step_s: float) -> list[Column]:
    """Look for P waves at equal distances before the conducted one.

    Parameters
    ----------
    average : (k, n_lags) float64
        Mean gains.
    own, end : (k,) int64
        Places of the conducted P wave and of the end of the T wave before, among the lags.
    step_s : float
        From one lag to the next, seconds.

    Returns
    -------
    list of (k,) float64
        Of the best distance: the mean and the least gain, the mean gain in the middles between, the distance in
        seconds, and how many P waves there is room for.
    """
    pp = np.arange(round(PP_S[0] / step_s), round(PP_S[1] / step_s))
    rows, last = np.arange(len(average))[:, None], average.shape[1] - 1
    filled = np.where(np.isfinite(average), average, -np.inf)
    wide = maximum_filter1d(filled, 3, axis=1)
    at = own[:, None, None] + np.arange(1, TEETH + 1)[:, None] * pp  # (k, teeth, pp)
    value = np.where((at < end[:, None, None]) & (at <= last), wide[rows[..., None], np.minimum(at, last)], -np.inf)
    seen = np.isfinite(value)
    teeth, total = seen.sum(axis=1), np.where(seen, value, 0).sum(axis=1)
    best = np.where(teeth > 0, total - teeth / 2, -np.inf).argmax(axis=1)
    count, gain = _taken(teeth, best), _taken(total, best)
    there = count > 0
    middle = own[:, None] + np.round((np.arange(TEETH - 1) + 0.5) * pp[best][:, None]).astype(np.int64)
    between = np.where(middle < np.minimum(end, last)[:, None], filled[rows, np.minimum(middle, last)], -np.inf)
    known = np.isfinite(between)
    least = _taken(np.where(seen, value, np.inf).min(axis=1), best)
    means = np.where(known, between, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return [
        np.where(there, gain / np.maximum(count, 1), np.nan),
        np.where(there, least, np.nan),
        np.where(known.any(axis=1), means, np.nan),
        np.where(there, pp[best] * step_s, np.nan),
        count.astype(np.float64),
    ]


def _highest(rows: Column, among: Flags) -> IntArray:
    """Return the place (k,) of the highest of some values in each row, 0 if none is there."""
    return np.asarray(np.where(among & np.isfinite(rows), rows, -np.inf).argmax(axis=1))


def _taken(rows: NDArray[Any], place: IntArray) -> NDArray[Any]:
    """Return what stands at a place (k,) of each row."""
    return np.take_along_axis(rows, place[:, None], axis=1)[:, 0]


def _noise(waves: PWaves, at_s: Column) -> Column:
    """Return the mean size (k,) of gains around some times."""
    at, reach = np.round(at_s * waves.line_fs).astype(np.int64), round(NOISE_S * waves.line_fs)
    low, high = (np.clip(edge, 0, waves.line.size) for edge in (at - reach, at + reach))
    first = int(low.min(initial=waves.line.size))
    line = waves.line[first : high.max(initial=first)]
    size, known = np.abs(np.nan_to_num(line)), np.isfinite(line)
    total, count = np.concatenate([[0.0], np.cumsum(size, dtype=np.float64)]), np.append(0, np.cumsum(known))
    low, high = low - first, high - first
    return np.asarray((total[high] - total[low]) / np.maximum(count[high] - count[low], 1))
