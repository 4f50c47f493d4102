"""Junctional escape rhythm: regular slow beats without P waves, where they are seen otherwise or would be seen."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.rhythm.conduction_measures import MEASURES, SURE
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.resting_line import is_empty
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
# Where P waves are seen nowhere, and would be if there were any: no slow sinus rhythm has so empty a line.
EMPTY_RR_S: Final = (0.95, 1.75)  # 34 to 63/min
EMPTY_BEATS: Final = 8
EMPTY_MOST: Final = 0.03  # before any beat of the stretch
EMPTY_STEADY: Final = (0.04, 0.08)  # as `STEADY`: fibrillation whose waves are too low to be seen is less regular
EMPTY_CONFIDENCE: Final = 0.8


def find_junctional(context: RhythmContext, measures: FloatArray, heights: FloatArray) -> list[Episode]:
    """Find junctional escape rhythm.

    Parameters
    ----------
    context : RhythmContext
        The beats.
    measures : (n, len(MEASURES)) float32
        What `conduction_measures` returned for them.
    heights : (n,) float32
        What `line_heights` returned for them.
    """
    return [*_among_p_waves(context, measures), *_on_empty_lines(context, heights)]


def _on_empty_lines(context: RhythmContext, heights: FloatArray) -> list[Episode]:
    """Return regular slow stretches with nothing at all between T wave and QRS."""
    rr_s = context.rr_s
    slow = (rr_s >= EMPTY_RR_S[0]) & (rr_s <= EMPTY_RR_S[1]) & ~np.isin(context.symbol, ("V", "F", "Q"))
    found = []
    for first, stop in runs(slow & (heights < EMPTY_MOST)):
        if (
            stop - first < EMPTY_BEATS
            or not is_empty(heights[first:stop])
            or not _steady(rr_s[first:stop], EMPTY_STEADY)
        ):
            continue
        bpm = 60 / float(np.median(rr_s[first:stop]))
        start_s, stop_s = float(context.time_s[first - 1]) - EDGE_S, float(context.time_s[stop - 1]) + EDGE_S
        start_s, stop_s = (0.0 if first == 1 else max(0.0, start_s)), min(stop_s, context.duration_s)
        stop_s = context.duration_s if stop == len(context) else stop_s
        what = f"{stop - first + 1} regular beats at {bpm:.0f}/min, and no wave between T wave and QRS"
        found.append(Episode(start_s, stop_s, "NOD", "", EMPTY_CONFIDENCE, what))
    return found


def _among_p_waves(context: RhythmContext, measures: FloatArray) -> list[Episode]:
    """Return stretches without P waves where they are seen in other beats around."""
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


def _steady(rr: NDArray[np.floating[Any]], within: tuple[float, float] = STEADY) -> bool:
    apart = np.abs(rr / np.median(rr) - 1)
    return bool(np.median(apart) < within[0] and np.percentile(apart, 80) < within[1])
