"""Mobitz's second type of block: single beats that drop out while the P waves march on and P-R stays as it was.

No recording to train on has it. Each sign is plain, though, where P waves are seen: an interval of two P-P intervals, a
P wave in its middle, no QRS after that, and the same P-R before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.labels import AAMI_CLASSES
from pipeline.rhythm.conduction_measures import MEASURES
from pipeline.rhythm.context import RhythmContext
from pipeline.types import Episode, FloatArray

SURE: Final = 0.8  # score of each of the three P waves
DOUBLED: Final = 0.1  # relative: how far the long interval differs from two of the one before or after, ...
TO_PP: Final = (1.8, 2.15)  # ... and what it is of the P-P interval of the course of P waves
MIDDLE: Final = 0.06  # how far from the middle between two P waves the blocked one may be
PR_CHANGE_S: Final = 0.03  # P-R before and after
QRS_S: Final = 0.08  # around where the QRS of the blocked P wave would be
QRS_HEIGHT: Final = 0.2  # of a QRS: a higher wave there is a beat that was missed
DROPS: Final = 3  # of an episode ...
APART_BEATS: Final = 12  # ... with at most so many beats from one to the next
BEFORE_S: Final = 0.3  # an episode begins with the P wave before a beat
CONFIDENCE: Final = 0.8
MOBITZ: Final = "Mobitz II"
_N, _S = AAMI_CLASSES.index("N"), AAMI_CLASSES.index("S")


def find_dropped_beats(context: RhythmContext, measures: FloatArray) -> list[Episode]:
    """Find second-degree block in which single beats drop out without a change of P-R.

    Parameters
    ----------
    context : RhythmContext
        The beats and the signal; without a signal nothing is found.
    measures : (n, len(MEASURES)) float32
        What `conduction_measures` returned for them.

    Returns
    -------
    list of Episode
        BII, from the beat before the first dropped one to the beat after the last.
    """
    dropped = np.flatnonzero(_dropped(context, measures))
    if dropped.size < DROPS:
        return []
    found = []
    for part in np.split(dropped, np.flatnonzero(np.diff(dropped) > APART_BEATS) + 1):
        if part.size >= DROPS:
            first, last = context.time_s[part[0] - 1] - BEFORE_S, context.time_s[part[-1]]
            evidence = f"{part.size} P waves on time without a QRS, and P-R unchanged before and after them"
            found.append(Episode(max(0.0, float(first)), float(last), "BII", MOBITZ, CONFIDENCE, evidence))
    return found


def without_false_s_in_block(p: FloatArray, context: RhythmContext, rhythm: Sequence[Episode]) -> FloatArray:
    """Return the probabilities of S beats with that of S added to N in second-degree block: its pauses make them early.

    Beats of other classes stay as they are, and so do beats in doubt: this is no reason to be sure of them.

    Parameters
    ----------
    p : (n, 5) float32
        Probabilities in the order of `AAMI_CLASSES`; all 0 where a beat has none.
    context : RhythmContext
        The beats; `trusted` tells which are not in doubt.
    rhythm : sequence of Episode
        The rhythm.

    Returns
    -------
    (n, 5) float32
        A new array.
    """
    changed, early = p.copy(), context.trusted & (p.argmax(axis=1) == _S)
    for episode in rhythm:
        if episode.rhythm == "BII":
            first, stop = np.searchsorted(context.time_s, [episode.start_s, episode.stop_s])
            own = first + np.flatnonzero(early[first:stop])
            changed[own, _N] += changed[own, _S]
            changed[own, _S] = 0
    return changed


def _dropped(context: RhythmContext, measures: FloatArray) -> NDArray[np.bool_]:
    """Tell before which beats (n,) one was dropped."""
    of = {name: measures[:, k] for k, name in enumerate(MEASURES)}
    rr = of["rr_s"]
    before, after = (np.roll(rr, by) for by in (1, -1))
    doubled = np.minimum(*(np.abs(rr / (2 * np.maximum(one, 0.1)) - 1) for one in (before, after))) <= DOUBLED
    on_time = (of["course_rr_to_pp"] >= TO_PP[0]) & (of["course_rr_to_pp"] <= TO_PP[1])
    middle = (np.abs(of["extra_place"] - 0.5) <= MIDDLE) & (of["extra_score"] >= SURE)
    own = (of["pr_score"] >= SURE) & (np.roll(of["pr_score"], 1) >= SURE)
    constant = np.abs(of["pr_s"] - np.roll(of["pr_s"], 1)) <= PR_CHANGE_S
    ventricular = np.isin(context.symbol, ("V", "F"))
    usual = ~(ventricular | np.roll(ventricular, 1) | context.break_before)
    found = doubled & on_time & middle & own & constant & usual
    found[:2] = found[-1:] = False
    for k in np.flatnonzero(found).tolist():
        found[k] = not _has_qrs(context, float(context.time_s[k - 1] + of["extra_after_r_s"][k] + of["pr_s"][k - 1]))
    return np.asarray(found)


def _has_qrs(context: RhythmContext, at_s: float) -> bool:
    """Tell whether a lead shows a wave where a QRS would be, which the detector missed."""
    conditioned = context.conditioned
    assert conditioned is not None
    fs = conditioned.fs
    first, stop = round((at_s - QRS_S) * fs), round((at_s + QRS_S) * fs)
    pieces = (lead[max(0, first) : stop] for lead in conditioned.signal.T)
    return any(
        piece.size > 0 and float(np.ptp(piece)) >= QRS_HEIGHT * height
        for piece, height in zip(pieces, context.heights, strict=True)
    )
