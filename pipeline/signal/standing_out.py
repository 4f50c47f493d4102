"""Beats that stand out from the baseline: in asystole, whatever is highest in it looks like a beat to a detector.

A detector that knows no absolute height needs this: without a QRS nearby it takes noise or P waves for the usual beat.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.signal.beat_windows import gather
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.gaps import runs
from pipeline.types import FloatArray, IntArray

REACH_S: Final = 0.06  # half of the window in which a beat's height is measured
HIGH: Final = 0.98  # quantile of the heights in a recording that its QRS reach
LOW: Final = 0.2  # of that height, a lead with little noise counting more: what stays below it may be no QRS
REST_STEP: Final = 5  # every fifth sample says how high a lead is at rest
LOW_MV: Final = 0.25  # if nothing in a recording is higher than this, all may be no QRS
RUN_S: Final = 2.5  # shorter runs of low beats are left alone, and so are ...
RUN_BEATS: Final = 3  # ... runs of fewer beats
ALIKE: Final = 0.75  # median correlation of QRS complexes with their median
WIDEST_S: Final = 0.044  # half-width of a low QRS; P waves are wider


def standing_out(conditioned: Conditioned, r_peak: IntArray) -> NDArray[np.bool_]:
    """Tell which detected beats are no part of a baseline at rest.

    A run of beats is part of it if all are far lower than the recording's QRS, or nothing in the recording is as high
    as a QRS, and if their shapes differ like noise or are as wide as P waves.

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
    around = r_peak[:, None] + np.arange(-reach, reach + 1)
    heights = np.stack([np.ptp(gather(lead, around), axis=1) for lead in conditioned.signal.T], axis=1)
    usual = np.quantile(heights, HIGH, axis=0)
    clear = np.square(usual / np.maximum(np.median(np.abs(conditioned.signal[::REST_STEP]), axis=0), 1e-6))
    share = (heights / np.maximum(usual, 1e-6)) @ (clear / max(float(clear.sum()), 1e-12))
    low = (share < LOW) | (usual < LOW_MV).all()
    ends = np.concatenate([[0], r_peak, [len(conditioned.signal)]])
    for first, stop in runs(low):
        seconds = float(ends[stop + 1] - ends[first]) / conditioned.fs
        if stop - first < RUN_BEATS or seconds < RUN_S:
            continue
        lead = int(np.argmax(np.median(heights[first:stop] / np.maximum(usual, 1e-6), axis=0)))
        kept[first:stop] = _like_qrs(gather(conditioned.signal[:, lead], around[first:stop]), conditioned.fs)
    return kept


def _like_qrs(beats: FloatArray, fs: float) -> bool:
    """Tell whether beats (n, n_points) in the middle of their windows look alike, and are narrow."""
    usual = np.median(beats, axis=0)
    about = usual - (usual[0] + usual[-1]) / 2
    own = beats - beats.mean(axis=1, keepdims=True)
    level = usual - usual.mean()
    scale = np.maximum(np.sqrt(np.square(own).sum(axis=1) * np.square(level).sum()), 1e-12)
    middle, size = about.size // 2, np.abs(about)
    below = size < size[middle] / 2
    left = np.flatnonzero(below[:middle])
    right = np.flatnonzero(below[middle:])
    width = (middle + right[0] if right.size else about.size) - (left[-1] if left.size else -1) - 1
    return bool(np.median(own @ level / scale) >= ALIKE and width <= WIDEST_S * fs)
