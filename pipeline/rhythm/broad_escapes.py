"""Regular broad complexes without P waves: a rhythm of the ventricles, also where all beats look alike.

A network that compares beats with the usual ones of a recording calls them N, if it has nothing else to compare with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import REVIEW
from pipeline.rhythm.conduction_measures import MEASURES
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.qrs_through_waves import sharpness
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.gaps import runs
from pipeline.signal.sampling import qrs_width_ms
from pipeline.types import Episode, FloatArray

# Width by the slopes, T waves that begin at once included. Of all stretches of mitdb and vfdb, those that are broader
# in both leads and have no P wave are ventricular; left bundle branch block has up to 200 ms, paced beats up to 230.
BROAD_MS: Final = 240.0
SHARP_MAX: Final = 0.1  # share of the energy of its QRS above 12 Hz, at most: broad complexes have 0.08
P_HEIGHT: Final = 0.05  # of the QRS: less of a usual P wave is none
BEATS: Final = 12  # that are looked at together
TRUSTED: Final = 0.75  # share of their classes that can be relied on, at least: noise looks broad
STEADY: Final = 0.05  # median deviation of the intervals from their median, as a share
CONFIDENCE: Final = 0.7


def find_broad_escapes(context: RhythmContext, measures: FloatArray, blocks: Iterable[Episode] = ()) -> list[Episode]:
    """Find regular rhythms below 100/min of broad complexes without P waves.

    Parameters
    ----------
    context : RhythmContext
        The beats and the signal; without a signal nothing is found.
    measures : (n, len(MEASURES)) float32
        What `conduction_measures` returned for them.
    blocks : iterable of Episode, optional
        Blocks that were found: in complete block, broad escapes are part of it.

    Returns
    -------
    list of Episode
        IVR, in order.
    """
    if context.conditioned is None or len(context) < BEATS:
        return []
    few_p = measures[:, MEASURES.index("height")] < P_HEIGHT
    broad = np.zeros(len(context), np.bool_)
    for first, stop in runs(few_p & ~np.isin(context.symbol, ("V", "F"))):
        for start in range(first, stop - BEATS + 1, BEATS // 2):
            own = slice(start, start + BEATS if start + BEATS + BEATS // 2 <= stop else stop)
            broad[own] |= _is_broad(context, context.conditioned, own)
    known = [one for one in blocks if one.rhythm == "BIII"]
    found = [_episode(context, first, stop) for first, stop in runs(broad)]
    return [one for one in found if not any(_shared(one, other) > 0.5 * one.seconds for other in known)]


def _is_broad(context: RhythmContext, conditioned: Conditioned, own: slice) -> bool:
    rr_s = context.rr_s[own][1:]
    usual = float(np.nanmedian(rr_s)) if np.isfinite(rr_s).all() else 0.0
    if (
        usual < 60 / REVIEW.run_bpm
        or np.mean(context.trusted[own]) < TRUSTED
        or float(np.median(np.abs(rr_s / usual - 1))) > STEADY
    ):
        return False
    time_s = context.time_s[own]
    if any(width < BROAD_MS for width in _widths(conditioned, time_s)):
        return False
    return sharpness(conditioned.signal, conditioned.fs, time_s) <= SHARP_MAX  # else noise makes it look broad


def _widths(conditioned: Conditioned, time_s: NDArray[np.float64]) -> Iterator[float]:
    r_peak = np.round(time_s * conditioned.fs).astype(np.int64)
    alone = (Conditioned(lead[:, None], conditioned.fs, conditioned.segments) for lead in conditioned.signal.T)
    return (qrs_width_ms(lead, r_peak) for lead in alone)


def _episode(context: RhythmContext, first: int, stop: int) -> Episode:
    assert context.conditioned is not None
    rate = 60 / float(np.median(np.diff(context.time_s[first:stop])))
    width = min(_widths(context.conditioned, context.time_s[first:stop]))
    what = f"broad complexes ({width:.0f} ms), regular at {rate:.0f}/min, without P waves"
    start_s = 0.0 if first == 0 else float(context.time_s[first])
    stop_s = context.duration_s if stop == len(context) else float(context.time_s[stop])
    return Episode(start_s, stop_s, "IVR", "", CONFIDENCE, what)


def _shared(first: Episode, second: Episode) -> float:
    return min(first.stop_s, second.stop_s) - max(first.start_s, second.start_s)
