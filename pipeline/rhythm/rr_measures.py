"""What the detector of atrial fibrillation is given: how irregular the RR intervals around a beat are.

Ectopic beats make any rhythm irregular. So every measure is taken of two series of intervals: one without those that
touch a beat of class V, F or Q, and one without those at an S as well; how many were left out is a measure of its own.
Networks call some beats of atrial fibrillation S and miss some ectopic ones, so neither series is right everywhere: the
trees are trained on both, with right and with wrong classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.types import FloatArray

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]

LENGTHS: Final = (12, 24, 48, 96)  # intervals of a window, around the beat
LONG: Final = (256, 1024)  # intervals of the context: about four and fifteen minutes
SORTED: Final = 48  # intervals of which quartiles are taken
LAGS: Final = 6  # how far back a similar interval is looked for: any pattern of up to this many beats repeats
STRIDE: Final = 4  # beats from one place to the next ...
PLACES_MIN: Final = 64  # ... but at least this many places, so that a strip of 30 s has one at each beat
USABLE: Final = 12  # intervals of which it is told how many are of use
SHORTEST_S, LONGEST_S = 0.2, 3.0  # no RR interval of a heart that beats by itself lies outside
NEAR_S: Final = 0.05  # two intervals are alike within this; as in the coefficient of sample entropy
CHANGES: Final = (0.02, 0.05, 0.1, 0.2)  # steps of the histogram of relative changes
CHANGE_MAX: Final = 0.7  # |log ratio| of two intervals: larger ones are counted as this, a factor of two

_SERIES: Final = ("NS", "N")  # classes whose intervals each series keeps
# fmt: off
_SUMS: Final = (
    "log_rr", "log_rr_squared", "change", "change_squared", "change_product", "turn", "second", "lag_2", "lag_3",
    "least", "alike", "alike_twice", *(f"change_{100 * limit:g}" for limit in CHANGES),
)
# fmt: on
_OF_SUMS: Final = ("spread", "rate", *_SUMS[2:], "entropy", "poincare")
_OF_SORTED: Final = ("quartiles", "tenths", "skew", "median_change", "median_least")
_OF_LONG: Final = ("spread", "change", "least", "entropy")
_SHARES: Final = ("S", "V", "F", "Q")


def _names() -> tuple[str, ...]:
    of_series = [
        *(f"{name}_{length}" for length, name in product(LENGTHS, _OF_SUMS)),
        *_OF_SORTED,
        *(f"{name}_{length}" for length, name in product(LONG, _OF_LONG)),
        *(f"count_{length}" for length in (*LENGTHS, *LONG)),
    ]
    shares = [f"share_{name}_{length}" for length, name in product((LENGTHS[1], LENGTHS[-1], LONG[-1]), _SHARES)]
    return (*(f"{series}_{name}" for series, name in product(_SERIES, of_series)), *shares)


MEASURES: Final[tuple[str, ...]] = _names()
# Those that a strip of 30 s has as well: neither the context nor how much of it there is.
SHORT: Final[tuple[str, ...]] = tuple(
    name for name in MEASURES if "count" not in name and not name.endswith(tuple(f"_{length}" for length in LONG))
)


@dataclass(frozen=True, eq=False)
class RrMeasures:
    """Measures at some beats of a recording.

    Attributes
    ----------
    beat : (k,) intp
        The beats around which intervals were measured, increasing.
    values : (k, n_measures) float32
        In the order of `MEASURES`.
    usable : (k,) float64
        Share of the `USABLE` intervals around the beat that any measure is taken of, 0..1.
    """

    beat: Places
    values: NDArray[np.float32]
    usable: Numbers

    @property
    def short(self) -> NDArray[np.float32]:
        """The measures `SHORT` (k, n_short)."""
        return self.values[:, [MEASURES.index(name) for name in SHORT]]


def places(n_beats: int) -> Places:
    """Return the beats to measure at: every `STRIDE`-th of a long recording, every one of a short one."""
    step = max(1, min(STRIDE, n_beats // PLACES_MIN))
    return np.arange(step // 2, n_beats, step)


def measure_rr(rr_s: Numbers, symbol: NDArray[np.str_], beat: Places | None = None) -> RrMeasures:
    """Measure the irregularity of the RR intervals around some beats.

    A window holds as many intervals of its series as its name says, half of them before the beat, or as many as there
    are: a strip of 30 s has 20 to 60, and `count` says how many were found. Windows reach over breaks of the signal.

    Parameters
    ----------
    rr_s : (n,) float64
        Seconds since the previous beat, NaN where the interval is no RR interval.
    symbol : (n,) str
        AAMI class of each beat.
    beat : (k,) intp, optional
        The beats to measure at; `places` if None.
    """
    at = places(rr_s.size) if beat is None else beat
    codes = symbol.astype("<U1").view(np.uint32) if symbol.size else np.zeros(0, np.uint32)
    parts = [_of_series(rr_s, codes, kept, at) for kept in _SERIES]
    values = np.concatenate([*parts, _shares(codes, at)], axis=1, dtype=np.float32)
    return RrMeasures(at, values, _usable_share(rr_s, codes, at))


def _of_series(rr_s: Numbers, codes: NDArray[np.uint32], kept: str, at: Places) -> FloatArray:
    """Measure the series of intervals between two beats of the kept classes."""
    where = np.flatnonzero(_usable(rr_s, codes, kept))
    rr, middle = rr_s[where], np.searchsorted(where, at, side="right")
    if rr.size == 0:
        return np.zeros((at.size, (len(MEASURES) - len(_SHARES) * 3) // len(_SERIES)), np.float32)
    total = np.zeros((rr.size + 1, len(_SUMS)))
    for k, column in enumerate(_steps(rr)):
        total[1:, k] = column
    change, least = (total[1:, _SUMS.index(name)].copy() for name in ("change", "least"))
    np.cumsum(total, axis=0, out=total)
    windows = {length: _window(middle, length, rr.size) for length in (*LENGTHS, *LONG)}
    means = {length: _means(total, *windows[length]).astype(np.float32) for length in windows}
    del total
    return np.concatenate(
        [
            *(means[length] for length in LENGTHS),
            _of_sorted(rr, change, least, windows[SORTED]),
            *(means[length][:, [_OF_SUMS.index(name) for name in _OF_LONG]] for length in LONG),
            *((windows[length][1] - windows[length][0])[:, None] for length in windows),
        ],
        axis=1,
        dtype=np.float32,
    )


def _usable(rr_s: Numbers, codes: NDArray[np.uint32], kept: str) -> NDArray[np.bool_]:
    """Tell which intervals (n,) lie between beats of the kept classes and may be those of a heart.

    The interval after the one that follows an ectopic beat is left out as well: it often differs from the usual one.
    """
    is_kept = np.isin(codes, [ord(letter) for letter in kept])
    usable = is_kept & (rr_s >= SHORTEST_S) & (rr_s <= LONGEST_S)
    for beats_before in (1, 2):
        usable[beats_before:] &= is_kept[:-beats_before]
    return usable


def _usable_share(rr_s: Numbers, codes: NDArray[np.uint32], at: Places) -> Numbers:
    total = np.concatenate([[0.0], np.cumsum(_usable(rr_s, codes, _SERIES[0]))])
    start, stop = _window(at, USABLE, codes.size)
    return np.asarray((total[stop] - total[start]) / np.maximum(stop - start, 1), np.float64)


def _steps(rr: Numbers) -> Iterator[NDArray[Any]]:
    """Yield what is summed over windows, n_sums of (m,): per interval, its size and its likeness to those before it."""
    log_rr = np.log(rr)
    back = [_before(log_rr, lag) for lag in range(1, LAGS + 1)]
    distance = [np.minimum(np.abs(log_rr - other), CHANGE_MAX) for other in back]
    change, size = np.clip(log_rr - back[0], -CHANGE_MAX, CHANGE_MAX), distance[0]
    previous = _before(change, 1)
    near = [np.abs(rr - _before(rr, lag)) <= NEAR_S for lag in range(1, 2 * LAGS + 1)]
    alike = np.sum(near, axis=0)
    alike_twice = np.sum([each & np.concatenate([[False], each[:-1]]) for each in near], axis=0)
    yield from (
        log_rr,
        log_rr**2,
        size,
        size**2,
        change * previous,
        change * previous < 0,
        np.minimum(np.abs(change - previous), 2 * CHANGE_MAX),
        distance[1],
        distance[2],
        np.min(distance, axis=0),
        alike,
        alike_twice,
        *(size > limit for limit in CHANGES),
    )


def _before(values: Numbers, lag: int) -> Numbers:
    """Return the values `lag` places before; the first ones are compared with those after them."""
    at = np.arange(values.size)
    return values[np.where(at < lag, np.minimum(at + lag, values.size - 1), at - lag)]


def _window(middle: Places, length: int, n: int) -> tuple[Places, Places]:
    """Return start and stop of the windows: `length` intervals around the middle, moved inwards at the ends."""
    start = np.clip(middle - length // 2, 0, max(0, n - length))
    return start, np.minimum(start + length, n)


def _means(total: Numbers, start: Places, stop: Places) -> Numbers:
    """Return the measures `_OF_SUMS` of each window."""
    mean = (total[stop] - total[start]) / (stop - start)[:, None]
    log_rr, log_rr_squared, _, change_squared = mean[:, :4].T
    spread = np.sqrt(np.maximum(log_rr_squared - log_rr**2, 0))
    alike, twice = mean[:, _SUMS.index("alike")], mean[:, _SUMS.index("alike_twice")]
    entropy = np.log((alike + 0.1) / (twice + 0.1)) + np.log(2 * NEAR_S) - log_rr
    poincare = np.sqrt(change_squared) / (spread + 1e-3)
    return np.concatenate([spread[:, None], log_rr[:, None], mean[:, 2:], entropy[:, None], poincare[:, None]], axis=1)


def _of_sorted(rr: Numbers, change: Numbers, least: Numbers, window: tuple[Places, Places]) -> Numbers:
    """Return the measures `_OF_SORTED`, which a few wild intervals do not move.

    Parameters
    ----------
    rr, change, least : (m,) float64
        The intervals, seconds, and their columns of `_SUMS`.
    window : two of (k,) int64
        Start and stop of each window.
    """
    start, stop = window
    size = int((stop - start).max())

    def ordered(values: Numbers, *place: int) -> Numbers:
        return np.sort(sliding_window_view(values, size)[start], axis=1)[:, place].T

    low, first, middle, third, high = ordered(rr, *(round(q * (size - 1)) for q in (0.1, 0.25, 0.5, 0.75, 0.9)))
    columns = [
        (third - first) / middle,
        (high - low) / middle,
        (high + low - 2 * middle) / middle,
        *ordered(change, size // 2),
        *ordered(least, size // 2),
    ]
    return np.stack(columns, axis=1)


def _shares(codes: NDArray[np.uint32], at: Places) -> Numbers:
    """Return the share of each class but N among the beats around."""
    is_class = np.stack([codes == ord(name) for name in _SHARES], axis=1)
    total = np.concatenate([np.zeros((1, len(_SHARES))), np.cumsum(is_class, axis=0)])
    found = []
    for length in (LENGTHS[1], LENGTHS[-1], LONG[-1]):
        start, stop = _window(at, length, codes.size)
        found.append((total[stop] - total[start]) / np.maximum(stop - start, 1)[:, None])
    return np.concatenate(found, axis=1)
