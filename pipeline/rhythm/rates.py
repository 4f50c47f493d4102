"""Slow, normal and fast: the rhythm that is left where nothing else was found."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.config import REVIEW, ReviewConfig
from pipeline.rhythm.context import RhythmContext
from pipeline.types import Episode, RhythmCode

SVT_BPM: Final = 200.0  # faster than almost any sinus rhythm, also of infants: doi:10.1161/CIR.0000000000000311
SVT_VARIATION: Final = 0.05  # of the interval: a re-entry is regular
# A tachycardia this fast and regular, whose beginning and end were not seen, may come from the sinus node or from
# elsewhere: nobody can tell from the intervals alone.
UNDECIDED_BPM, UNDECIDED_VARIATION = 140.0, 0.01
BEATLESS_S: Final = 5.0  # a stretch without any beat for longer than this has no sinus rhythm
CONFIDENCE_MAX: Final = 0.99
UNREAD_S: Final = 10.0  # a standard strip; in a shorter stretch what is found on both sides goes on
UNREAD_CONFIDENCE: Final = 0.7  # that nothing can be read where the quality says so
_ECTOPIC: Final = ("V", "F")


def find_rates(context: RhythmContext, config: ReviewConfig = REVIEW) -> list[Episode]:
    """Divide the whole recording into N, SBR and ST by heart rate, SVTA above any sinus rhythm, NOISE in noise.

    Parameters
    ----------
    context : RhythmContext
        The beats.
    config : ReviewConfig, optional
        Limits of the rate (1/min), number of intervals that make a rate, and least duration (s) of a change.

    Returns
    -------
    list of Episode
        They cover the recording; those of noise come last, and lie over the others.
    """
    if len(context) < 2:
        return []
    rate = _rates(context, config)
    codes = _codes(rate, context, config)
    edges = _edges(context)
    found: list[Episode] = []
    for first, last in _alike(codes, edges, context, config):
        found.append(_episode(context, codes, rate, first, last, edges))
    return [*found, *_unread(context)]


def find_beatless(context: RhythmContext) -> list[Episode]:
    """Find stretches without any beat that are longer than a rhythm may pause: what else they are, others may find.

    Parameters
    ----------
    context : RhythmContext
        The beats.

    Returns
    -------
    list of Episode
        NOISE, in order.
    """
    times = np.concatenate([[0.0], context.time_s, [context.duration_s]])
    empty = np.flatnonzero(np.diff(times) > BEATLESS_S)
    why = "no beat could be found"
    return [Episode(float(times[k]), float(times[k + 1]), "NOISE", "", 0.5, why) for k in empty]


def find_unread(context: RhythmContext) -> list[Episode]:
    """Find stretches that are too long for a rhythm to be told across them, and whose beats cannot be relied on.

    Parameters
    ----------
    context : RhythmContext
        Its quality.

    Returns
    -------
    list of Episode
        NOISE, in order.
    """
    return [episode for episode in _unread(context) if episode.seconds >= UNREAD_S]


def _unread(context: RhythmContext) -> list[Episode]:
    """Return where the beats are not to be relied on: a rate there would look like a sinus rhythm."""
    segments = context.quality.segments if context.quality is not None else ()
    return [
        Episode(segment.start_s, segment.stop_s, "NOISE", "", UNREAD_CONFIDENCE, segment.reason)
        for segment in segments
        if segment.verdict != "good"
    ]


def moving_median(values: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """Return the median (n,) of the `size` values around each; NaN is left out, all NaN gives NaN.

    Parameters
    ----------
    values : (n,) float
        Any unit.
    size : int
        Odd number of values; values beyond the ends are left out.
    """
    padded = np.pad(np.asarray(values, np.float64), size // 2, constant_values=np.nan)
    windows = np.sort(sliding_window_view(padded, size), axis=1)  # NaN sorts to the end
    known = np.count_nonzero(~np.isnan(windows), axis=1)
    low, high = np.maximum(known - 1, 0) // 2, np.maximum(known, 1) // 2
    rows = np.arange(len(windows))
    return np.where(known > 0, (windows[rows, low] + windows[rows, np.minimum(high, size - 1)]) / 2, np.nan)


def _rates(context: RhythmContext, config: ReviewConfig) -> NDArray[np.float64]:
    """Return the rate (n,) around each beat, 1/min, from intervals without ectopic beats, else from all together."""
    half = config.rate_beats // 2
    ectopic = np.isin(context.symbol, _ECTOPIC)
    aside = ectopic | np.concatenate([[False], ectopic[:-1]])
    usual = 60 / moving_median(np.where(aside, np.nan, context.rr_s), 2 * half + 1)
    rr_s = np.pad(context.rr_s, half, constant_values=np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a window without any interval
        together = 60 / np.nanmean(sliding_window_view(rr_s, 2 * half + 1), axis=1)
        overall = 60 / np.nanmedian(context.rr_s)
    rate = np.where(np.isnan(usual), together, usual)
    return np.where(np.isnan(rate), overall, rate)


def _codes(rate: NDArray[np.float64], context: RhythmContext, config: ReviewConfig) -> NDArray[np.str_]:
    variation = moving_median(np.abs(context.rr_s - moving_median(context.rr_s, 9)), 9) * rate / 60
    svt = (rate >= SVT_BPM) & (variation <= SVT_VARIATION)
    slow, fast = rate < config.bradycardia_bpm, rate > config.tachycardia_bpm
    return np.select([svt, fast, slow], ["SVTA", "ST", "SBR"], "N")


def _variation(rr_s: NDArray[np.float64]) -> float:
    """Return the median change from one interval to the next, as a share; infinite if none is known."""
    changes = np.abs(np.diff(rr_s)) / np.nanmedian(rr_s) if np.isfinite(rr_s).any() else np.zeros(0)
    changes = changes[np.isfinite(changes)]
    return float(np.median(changes)) if changes.size else float("inf")


def _edges(context: RhythmContext) -> NDArray[np.float64]:
    """Return where the time of each beat (n + 1,) begins: at the beat, and the first at 0."""
    return np.concatenate([[0.0], context.time_s[1:], [context.duration_s]])


def _alike(
    codes: NDArray[np.str_], edges: NDArray[np.float64], context: RhythmContext, config: ReviewConfig
) -> list[tuple[int, int]]:
    """Return first and last beat of each stretch of one code; a shorter one than `stretch_s` joins the one before."""
    starts = [0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1).tolist()]
    least = min(config.stretch_s, 0.5 * context.duration_s)
    kept: list[int] = []
    for start, stop in pairwise([*starts, codes.size]):
        if edges[stop] - edges[start] >= least and not (kept and codes[kept[-1]] == codes[start]):
            kept.append(start)
    return [(first, stop - 1) for first, stop in pairwise([0, *kept[1:], codes.size])]


def _episode(
    context: RhythmContext,
    codes: NDArray[np.str_],
    rate: NDArray[np.float64],
    first: int,
    last: int,
    edges: NDArray[np.float64],
) -> Episode:
    values, count = np.unique(codes[first : last + 1], return_counts=True)
    code: RhythmCode = str(values[count.argmax()])  # type: ignore[assignment]
    bpm = float(np.median(rate[first : last + 1]))
    share = float(count.max() / count.sum())
    trusted = float(context.trusted[first : last + 1].mean())
    evidence = f"{bpm:.0f}/min"
    if code == "SVTA":
        evidence = f"regular at {bpm:.0f}/min, too fast for the sinus node"
    if code == "ST" and bpm >= UNDECIDED_BPM and _variation(context.rr_s[first + 1 : last + 1]) <= UNDECIDED_VARIATION:
        evidence = f"{bpm:.0f}/min; so regular that a supraventricular tachycardia or 2:1 flutter cannot be ruled out"
    return Episode(
        float(edges[first]), float(edges[last + 1]), code, "", min(CONFIDENCE_MAX, share * trusted), evidence
    )
