"""Beats that stand out from the baseline: in asystole, whatever is highest in it looks like a beat to a detector.

A detector that knows no absolute height needs this: without a QRS nearby it takes noise or P waves for the usual beat.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT, REVIEW
from pipeline.signal.beat_windows import gather, heights_around
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.gaps import runs
from pipeline.signal.median import median
from pipeline.signal.r_peaks import snap
from pipeline.types import FloatArray, IntArray

REACH_S: Final = 0.06  # half of the window in which a beat's height is measured
HIGH: Final = 0.98  # quantile of the heights in a recording that its QRS reach
LOW: Final = 0.2  # of that height, a lead with little noise counting more: what stays below it may be no QRS
REST_STEP: Final = 5  # every fifth sample says how high a lead is at rest
FAINT: Final = 0.1  # of its median height: what stays below it is no QRS, even if it looks like one
LOW_MV: Final = 0.25  # if nothing in a recording is higher than this, all may be no QRS
SHOWN: Final = 0.5  # of its QRS: what is as high in one lead, while others show nothing, is not low
UNSEEN: Final = 0.12  # of its usual QRS: less in a lead shows nothing of a beat ...
CLEAR: Final = 10.0  # ... if its QRS are so many times as high as its median absolute value
RUN_S: Final = 2.5  # shorter runs of such beats are left alone
RUN_BEATS: Final = 3  # fewer are not compared with one another
TEMPLATE_BEATS: Final = 1000  # at most so many beats make up the usual one
ALIKE: Final = 0.75  # median correlation of QRS complexes with their median; of a beat with the usual one
WIDEST_S: Final = 0.044  # half-width of a low QRS; P waves are wider


def standing_out(conditioned: Conditioned, r_peak: IntArray) -> NDArray[np.bool_]:
    """Tell which detected beats are no part of a baseline at rest.

    A run of beats may be part of it if all are far lower than the recording's QRS, if nothing in the recording is as
    high as a QRS, or if one lead, clear elsewhere, shows nothing of them. It is, if the shapes differ like noise or are
    as wide as P waves; one or two are, if they do not look like the usual beat.

    Parameters
    ----------
    conditioned : Conditioned
        The filtered leads, mV.
    r_peak : (n,) int64
        Detected beats, increasing indices into `conditioned.signal`.

    Returns
    -------
    (n,) bool
        False for what is no beat.
    """
    kept = np.ones(r_peak.size, np.bool_)
    if r_peak.size < RUN_BEATS:
        return kept
    reach = round(REACH_S * conditioned.fs)
    heights = np.stack([heights_around(lead, r_peak, reach) for lead in conditioned.signal.T], axis=1)
    alive = heights >= REVIEW.dead_mv
    usual, middle = np.quantile(heights, HIGH, axis=0), median(heights, axis=0)
    rest = np.maximum([median(np.abs(lead[::REST_STEP])) for lead in conditioned.signal.T], np.float32(1e-6))
    clear = np.where(alive, np.square(middle / rest), 1e-12)  # the highest may be noise
    relative = heights / np.maximum(usual, 1e-6)
    low = ((relative * clear).sum(axis=1) < LOW * clear.sum(axis=1)) | (usual < LOW_MV).all()
    faint = (heights / np.maximum(middle, 1e-6) * clear).sum(axis=1) < FAINT * clear.sum(axis=1)
    unseen = ((heights < UNSEEN * middle) & alive & (middle >= CLEAR * rest)).any(axis=1)
    ends = np.concatenate([[0], r_peak, [len(conditioned.signal)]])
    some = r_peak[:: max(1, -(-r_peak.size // TEMPLATE_BEATS))]

    @cache
    def usual_beat(column: int, *, snapped: bool) -> FloatArray:
        lead = conditioned.signal[:, column]
        at = snap(some, lead, conditioned.fs, DEFAULT.signal) if snapped else some
        return median(gather(lead, at[:, None] + np.arange(-reach, reach + 1)), axis=0)

    for first, stop in runs(low | unseen):
        if float(ends[stop + 1] - ends[first]) / conditioned.fs < RUN_S:
            continue
        shown = median(relative[first:stop], axis=0)
        column, own = int(np.argmax(shown)), r_peak[first:stop]
        lead = conditioned.signal[:, column]
        is_low = bool(low[first:stop].all()) and not bool((shown[usual >= LOW_MV] >= SHOWN).any())
        if not is_low:  # R is where another lead is lost
            own = snap(own, lead, conditioned.fs, DEFAULT.signal)
        is_faint = is_low and bool(faint[first:stop].all())
        kept[first:stop] = not is_faint and _are_beats(
            lead, own, partial(usual_beat, column, snapped=not is_low), conditioned.fs, low=is_low
        )
    return kept


def _are_beats(lead: FloatArray, run: IntArray, usual: Callable[[], FloatArray], fs: float, *, low: bool) -> bool:
    """Tell whether a run of beats (n,) looks like QRS complexes in a lead, of which the `usual` one is known.

    Low ones do if they are alike and narrow. Of others, which a lead shows, one or two do if they look like the usual
    beat, and more in any case: they may be a ventricular run while another lead is lost.
    """
    reach = round(REACH_S * fs)
    offsets = np.arange(-reach, reach + 1)
    beats = gather(lead, run[:, None] + offsets)
    if len(beats) >= RUN_BEATS:
        return not low or (_look_alike(beats) and _width(median(beats, axis=0)) <= WIDEST_S * fs)
    return bool(median(_correlation(beats, usual())) >= ALIKE)


def _correlation(beats: FloatArray, usual: FloatArray) -> FloatArray:
    """Return the correlation (n,) of beats (n, n_points) with the usual one (n_points,)."""
    own = beats - beats.mean(axis=1, keepdims=True)
    level = usual - usual.mean()
    scale = np.maximum(np.sqrt(np.square(own).sum(axis=1) * np.square(level).sum()), 1e-12)
    return np.asarray(own @ level / scale, np.float32)


def _look_alike(beats: FloatArray) -> bool:
    return bool(median(_correlation(beats, median(beats, axis=0))) >= ALIKE)


def _width(beat: FloatArray) -> int:
    """Return how many points in the middle of a beat (n_points,) are at least half as high as that is."""
    about = beat - (beat[0] + beat[-1]) / 2
    middle, size = about.size // 2, np.abs(about)
    below = size < size[middle] / 2
    left, right = np.flatnonzero(below[:middle]), np.flatnonzero(below[middle:])
    return int((middle + right[0] if right.size else about.size) - (left[-1] if left.size else -1) - 1)
