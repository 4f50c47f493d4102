"""Measures of conduction: for each beat, which P waves stand before it and how they follow on each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from pipeline._util.memory import give_back
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.p_averages import AVERAGES, Intervals, average_measures
from pipeline.rhythm.p_tracks import TRACKS, track_measures
from pipeline.signal.p_waves import FACTS, PWaves, find_p_waves
from pipeline.types import FloatArray, IntArray

REACH: Final = 4  # intervals on each side that a measure looks at
FAR: Final = 8  # likewise for the usual interval
PR_S: Final = (0.07, 0.40)  # a P wave so long before R may belong to that beat
ASSUMED_PR_S: Final = 0.16  # where no P wave is found
SURE: Final = 0.6  # score of a P wave that counts
LONGEST_S: Final = 4.0  # longer intervals are taken as this long
STEADY: Final = 0.12  # P-P intervals this near to their median are steady
NOTHING: Final = -1.0  # measure of what is not there
LONG_S: Final = 0.9  # a blocked P wave leaves an interval at least this long
ROWS_AT_ONCE: Final = 4096  # whose medians are taken: they fit the processor's cache
SOME_EXTRA: Final = 0.05  # mean score of the surest P waves that belong to no beat

_OF_ONE: Final = (
    *("rr_s", "rr_to_median", "rr_to_previous", "rr_to_next", "ventricular", "early"),
    *("pr_score", "pr_s", "pr_likeness", "pr_change_s"),
    *("extra_score", "extra_likeness", "extra_gain", "extra_place", "extra_after_r_s"),
    *("second_score", "second_place", "count"),
    *FACTS,
)
_AROUND: Final = (
    *("extra_mean", "extra_share", "extra_place_median", "extra_place_spread"),
    *("pr_mean", "pr_median_s", "pr_spread_s", "rr_spread"),
    *("pp_median_s", "pp_spread", "pp_steady", "pp_to_rr", "p_per_beat", "after_r_spread_s"),
)
_BESIDE: Final = ("extra_score", "extra_place", "pr_s", "rr_to_median", "count")
_SINGLE: Final = (*_OF_ONE, *_AROUND, *(f"{name}, {side}" for side in ("previous", "next") for name in _BESIDE))
MEASURES: Final = (*_SINGLE, *AVERAGES, *TRACKS)

Column = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Chosen:
    """Indices (n,) into the candidates: the P wave of each beat and two others before it; -1 where there is none."""

    own: IntArray
    extra: IntArray
    second: IntArray


def conduction_measures(context: RhythmContext, waves: PWaves) -> FloatArray:
    """Measure the interval before each beat.

    Parameters
    ----------
    context : RhythmContext
        The beats.
    waves : PWaves
        Candidates for P waves between them.

    Returns
    -------
    (n, len(MEASURES)) float32
        One row for each beat; -1 where something is not there. The "extra" P wave is the surest one that cannot belong
        to the beat, its "place" is where it stands between the P waves of both beats, 0.5 in the middle. Averages over
        many beats and courses of P waves are there only where `worth_asking`.
    """
    n = len(context)
    if n < FAR:
        return np.full((n, len(MEASURES)), NOTHING, np.float32)
    rr = np.clip(np.nan_to_num(context.rr_s, nan=LONGEST_S), 0.1, LONGEST_S)
    score = p_scores(waves)
    chosen = _chosen(context, waves, score)
    one = _of_one(context, waves, score, chosen, rr)
    odd = (one["ventricular"] > 0) | (rr >= LONGEST_S)
    measures = np.empty((n, len(MEASURES)), np.float32, order="F")  # what is written last takes no memory before
    for name, column in _singles(context, waves, score, one, rr):
        measures[:, _SINGLE.index(name)] = np.nan_to_num(column, nan=NOTHING)
    del one  # a day's columns take as much memory as its measures
    give_back()
    measures[:, len(_SINGLE) :] = NOTHING
    asked = worth_asking(measures)
    if asked.any():
        intervals = Intervals(context.time_s, rr, odd, context.symbol == "S")
        measures[asked, len(_SINGLE) : -len(TRACKS)] = average_measures(intervals, waves, asked)
        give_back()
        measures[asked, -len(TRACKS) :] = track_measures(context.time_s, rr, waves, asked)
    return measures


def _singles(
    context: RhythmContext, waves: PWaves, score: FloatArray, one: dict[str, Column], rr: Column
) -> Iterator[tuple[str, Column]]:
    """Yield the measures `_SINGLE` with their names."""
    yield from one.items()
    yield from _around(context, waves, score, one, rr).items()
    yield from ((f"{name}, {side}", _moved(one[name], by)) for side, by in _SIDES for name in _BESIDE)


def conduction_of(context: RhythmContext) -> FloatArray:
    """Measure the intervals before the beats (n, len(MEASURES)) with P waves of the signal; all -1 without a signal."""
    if context.conditioned is None:
        return np.full((len(context), len(MEASURES)), NOTHING, np.float32)
    waves = find_p_waves(context.conditioned, context.time_s)
    give_back()
    return conduction_measures(context, waves)


def worth_asking(measures: FloatArray) -> NDArray[np.bool_]:
    """Tell which intervals (n,) may be blocked: around them is a long one, and P waves that belong to no beat."""
    rr, extra = measures[:, MEASURES.index("rr_s")], measures[:, MEASURES.index("extra_mean")]
    return np.asarray((maximum_filter1d(rr, 2 * REACH + 1) > LONG_S) & (extra > SOME_EXTRA))


_SIDES: Final = (("previous", 1), ("next", -1))


def p_scores(waves: PWaves) -> FloatArray:
    """Return how surely each candidate (k,) is a P wave, 0..1: its likeness, less if its size is not the usual one."""
    return np.asarray(waves.likeness * np.sqrt(np.minimum(waves.gain, 1 / np.maximum(waves.gain, 1e-3))), np.float32)


def own_waves(context: RhythmContext, waves: PWaves) -> IntArray:
    """Return which candidate is the P wave of each beat (n,), -1 where there is none."""
    inside = waves.before < len(context)
    pr = np.where(inside, context.time_s[np.minimum(waves.before, len(context) - 1)] - waves.time_s, np.nan)
    return _best(p_scores(waves), waves.before, inside & (pr >= PR_S[0]) & (pr <= PR_S[1]), len(context))


def _chosen(context: RhythmContext, waves: PWaves, score: FloatArray) -> _Chosen:
    n = len(context)
    own = own_waves(context, waves)
    free = (waves.before < n) & (waves.before > 0)
    free[own[own >= 0]] = False
    extra = _best(score, waves.before, free, n)
    free[extra[extra >= 0]] = False
    return _Chosen(own, extra, _best(score, waves.before, free, n))


def _best(score: FloatArray, before: IntArray, among: NDArray[np.bool_], n: int) -> IntArray:
    """Return the best of the candidates before each beat (n,), -1 where there is none."""
    best = np.full(n, -1, np.int64)
    index = np.flatnonzero(among)
    index = index[np.argsort(score[index], kind="stable")]
    best[before[index]] = index  # the last one written is the best
    return best


def _taken(values: NDArray[np.floating], index: IntArray) -> Column:
    """Return values (n,) of candidates, NaN for index -1."""
    return np.where(index >= 0, values[index], np.nan) if values.size else np.full(index.size, np.nan)


def _of_one(context: RhythmContext, waves: PWaves, score: FloatArray, chosen: _Chosen, rr: Column) -> dict[str, Column]:
    time_s = context.time_s
    pr = time_s - _taken(waves.time_s, chosen.own)
    p_s = time_s - np.where(np.isfinite(pr), pr, ASSUMED_PR_S)
    previous_p, previous_r = _moved(p_s, 1), _moved(time_s, 1)
    span = np.maximum(p_s - previous_p, 0.1)
    odd = np.isin(context.symbol, ("V", "F", "Q"))
    early = context.symbol == "S"
    counted = np.bincount(waves.before[score >= SURE], minlength=len(context) + 1)[: len(context)]
    extra_s, second_s = _taken(waves.time_s, chosen.extra), _taken(waves.time_s, chosen.second)
    return {
        "rr_s": rr,
        "rr_to_median": rr / np.maximum(_median(_windows(rr, FAR)), 0.1),
        "rr_to_previous": rr / _moved(rr, 1),
        "rr_to_next": rr / _moved(rr, -1),
        "ventricular": (odd | (_moved(odd.astype(np.float64), 1) == 1)).astype(np.float64),
        "early": (early | (_moved(early.astype(np.float64), 1) == 1)).astype(np.float64),
        "pr_score": np.nan_to_num(_taken(score, chosen.own)),
        "pr_s": pr,
        "pr_likeness": _taken(waves.likeness, chosen.own),
        "pr_change_s": pr - _moved(pr, 1),
        "extra_score": np.nan_to_num(_taken(score, chosen.extra)),
        "extra_likeness": _taken(waves.likeness, chosen.extra),
        "extra_gain": _taken(waves.gain, chosen.extra),
        "extra_place": (extra_s - previous_p) / span,
        "extra_after_r_s": extra_s - previous_r,
        "second_score": np.nan_to_num(_taken(score, chosen.second)),
        "second_place": (second_s - previous_p) / span,
        "count": counted.astype(np.float64),
        **{name: waves.facts[:, k].astype(np.float64) for k, name in enumerate(FACTS)},
    }


def _around(
    context: RhythmContext, waves: PWaves, score: FloatArray, one: dict[str, Column], rr: Column
) -> dict[str, Column]:
    extra = _windows(one["extra_score"])
    sure = np.where(one["extra_score"] >= SURE, 1.0, np.nan)
    places, after = _windows(one["extra_place"] * sure), _windows(one["extra_after_r_s"] * sure)
    pr = _windows(one["pr_s"] * np.where(one["pr_score"] >= SURE, 1.0, np.nan))
    rr_around = _windows(rr)
    rr_median = _median(rr_around)
    place_median, pr_median = _median(places), _median(pr)
    counts = _windows(one["count"])
    return {
        "extra_mean": extra.mean(axis=1),
        "extra_share": (extra >= SURE).mean(axis=1),
        "extra_place_median": place_median,
        "extra_place_spread": _median(np.abs(places - place_median[:, None])),
        "pr_mean": _windows(one["pr_score"]).mean(axis=1),
        "pr_median_s": pr_median,
        "pr_spread_s": _median(np.abs(pr - pr_median[:, None])),
        "rr_spread": _median(np.abs(rr_around - rr_median[:, None])) / rr_median,
        **_p_to_p(context, waves, score, rr_median),
        "p_per_beat": counts.mean(axis=1),
        "after_r_spread_s": _median(np.abs(after - _median(after)[:, None])),
    }


def _p_to_p(context: RhythmContext, waves: PWaves, score: FloatArray, rr_median: Column) -> dict[str, Column]:
    """Measure how regularly the sure P waves around each beat follow on each other."""
    sure = np.flatnonzero(score >= SURE)
    nothing = np.full(len(context), np.nan)
    if sure.size < 2 * FAR:
        return dict.fromkeys(("pp_median_s", "pp_spread", "pp_steady", "pp_to_rr"), nothing)
    pp = np.diff(waves.time_s[sure], prepend=np.nan)
    windows = _windows(np.where(pp < LONGEST_S, pp, np.nan), FAR)
    at = np.clip(np.searchsorted(waves.time_s[sure], context.time_s), 0, sure.size - 1)
    windows = windows[at]
    median = _median(windows)
    apart = np.abs(windows / median[:, None] - 1)
    known = np.maximum(np.isfinite(windows).sum(axis=1), 1)
    return {
        "pp_median_s": median,
        "pp_spread": _median(apart),
        "pp_steady": (apart <= STEADY).sum(axis=1) / known,
        "pp_to_rr": median / rr_median,
    }


def _windows(values: NDArray[np.floating], reach: int = REACH) -> Column:
    """Return what stands around each of the values, (n, 2 * reach + 1); the ends repeat what is inside."""
    padded = np.pad(values.astype(np.float64), reach, mode="reflect" if values.size > reach else "edge")
    return np.asarray(sliding_window_view(padded, 2 * reach + 1))


def _median(rows: Column) -> Column:
    """Return the lower median (n,) of what is not NaN in each row, NaN where nothing is."""
    found = np.full(len(rows), np.nan)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        ordered = np.sort(rows[start : start + ROWS_AT_ONCE], axis=1)
        known = np.isfinite(ordered).sum(axis=1)
        middle = np.take_along_axis(ordered, np.maximum((known - 1) // 2, 0)[:, None], axis=1)[:, 0]
        found[start : start + ROWS_AT_ONCE] = np.where(known > 0, middle, np.nan)
    return found


def _moved(values: NDArray[np.floating], by: int) -> Column:
    """Return the values (n,) of the beat before (1) or after (-1) each, NaN at the end."""
    out = np.full(values.size, np.nan)
    if by == 1:
        out[1:] = values[:-1]
    else:
        out[:-1] = values[1:]
    return out
