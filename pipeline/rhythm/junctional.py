"""Junctional escape rhythm: regular beats at a slow rate without P waves, where P waves are seen otherwise."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.rhythm.conduction_measures import MEASURES, SURE
from pipeline.rhythm.context import RhythmContext
from pipeline.signal.gaps import runs
from pipeline.types import Episode, FloatArray

NO_P_SCORE: Final = 0.35  # of the best candidate before a beat without a P wave
NO_EXTRA_SCORE: Final = 0.5  # of any other candidate
AVERAGED_MAX: Final = 0.5  # of a usual P wave, in the average where it would stand
SEEN: Final = (0.4, 0.8, 0.3)  # "alike" and "same" at least, "noise" at most: P waves are seen well in this stretch
RR_S: Final = (0.55, 1.5)  # 40 to 110/min
BEATS_MIN: Final = 5
STEADY: Final = (0.08, 0.15)  # median and 80th percentile of how far intervals differ from their median
AROUND: Final = 60  # beats on each side, among which those with P waves ...
SINUS_MIN: Final = 10  # ... are so many, and ...
SLOWER: Final = 1.05  # ... have intervals shorter by this: an escape rhythm is slower than what it escapes from
EDGE_S: Final = 0.3
CONFIDENCE: Final = 0.6


def find_junctional(context: RhythmContext, measures: FloatArray) -> list[Episode]:
    """Find junctional escape rhythm.

    Parameters
    ----------
    context : RhythmContext
        The beats.
    measures : (n, len(MEASURES)) float32
        What `conduction_measures` returned for them.
    """
    if len(context) < BEATS_MIN:
        return []
    of = {name: measures[:, k] for k, name in enumerate(MEASURES)}
    rr, sinus = of["rr_s"], of["pr_score"] >= SURE
    found = []
    for first, stop in runs(_without_p_waves(context, of)):
        if stop - first < BEATS_MIN or not _steady(rr[first + 1 : stop]):
            continue
        near = slice(max(0, first - AROUND), stop + AROUND)
        usual = rr[near][sinus[near]]
        own = float(np.median(rr[first + 1 : stop]))
        if usual.size < SINUS_MIN or own < SLOWER * np.median(usual):
            continue
        start_s, stop_s = float(context.time_s[first]) - EDGE_S, float(context.time_s[stop - 1]) + EDGE_S
        what = f"{stop - first} regular beats at {60 / own:.0f}/min without P waves"
        found.append(Episode(max(0.0, start_s), min(stop_s, context.duration_s), "NOD", "", CONFIDENCE, what))
    return found


def _without_p_waves(context: RhythmContext, of: dict[str, FloatArray]) -> NDArray[np.bool_]:
    """Tell which beats (n,) surely have no P wave, and are not ventricular."""
    alike, same, noise = SEEN
    seen = (of["alike"] > alike) & (of["same"] > same) & (of["noise"] < noise)
    rate = (of["rr_s"] > RR_S[0]) & (of["rr_s"] < RR_S[1])
    none = (of["pr_score"] < NO_P_SCORE) & (of["extra_score"] < NO_EXTRA_SCORE) & (of["usual"] < AVERAGED_MAX)
    return np.asarray(seen & rate & none & ~np.isin(context.symbol, ("V", "F", "Q")))


def _steady(rr: FloatArray) -> bool:
    apart = np.abs(rr / np.median(rr) - 1)
    return bool(np.median(apart) < STEADY[0] and np.percentile(apart, 80) < STEADY[1])
