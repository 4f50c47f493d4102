"""Beats that are a spike: what the detector found there is gone once a few milliseconds are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.signal.median import median
from pipeline.signal.pacing import SPIKE_FS_HZ, beat_rows
from pipeline.types import FloatArray, IntArray

NEAR_S: Final = 0.04  # of the R peak lies the spike ...
HALF_S: Final = 0.015  # ... of which so much is left out on each side
AROUND_S: Final = (-0.06, 0.15)  # the spike: there is a QRS that it lies beside, or that it starts
SLOPE_S: Final = 0.01  # over which slopes are taken
# Steepest slope that is left, as a share of what is left of most beats. In two leads none of the 109 749 beats that are
# found in mitdb has less; spikes between beats have up to 0.22. In one lead alone 180 and more have less.
LEFT: Final = 0.3
LEADS_MIN: Final = 2
BEATS_MIN: Final = 8  # of a recording, so that most are no spikes


def are_spikes(leads: Sequence[FloatArray], at: IntArray, fs: float) -> NDArray[np.bool_]:
    """Tell which detected beats are a spike without a QRS: of a muscle, a contact or a stimulus that does not capture.

    Each beat is looked at without the 30 ms around its highest sample. A QRS is wider, and one that a stimulus starts
    follows at once; what is left of a spike is flat in all leads. What was left out is steeper than most beats are, or
    it is a broad low QRS.

    Parameters
    ----------
    leads : sequence of (n_samples,) float32
        The analysed leads as recorded, mV; with less than two, no beat is one.
    at : (n,) int64
        R peaks, indices into them.
    fs : float
        Sampling frequency, Hz; below 200 Hz a QRS is as sharp as a spike, and no beat is one.

    Returns
    -------
    (n,) bool
    """
    nothing = np.zeros(at.size, np.bool_)
    if fs < SPIKE_FS_HZ or at.size < BEATS_MIN or len(leads) < LEADS_MIN:
        return nothing
    whole, left = np.stack([_steepest(lead, at, fs) for lead in leads], axis=2)
    usual = median(left, axis=0)
    if not (usual > 0).all():
        return nothing
    return np.asarray((left < LEFT * usual).all(axis=1) & (whole > usual).any(axis=1))


def _steepest(lead: FloatArray, at: IntArray, fs: float) -> FloatArray:
    """Return the steepest slopes (2, n) around each beat of a lead, with and without its highest 30 ms, mV."""
    near, half, step = (round(seconds * fs) for seconds in (NEAR_S, HALF_S, SLOPE_S))
    before, after = round(AROUND_S[0] * fs) - near, round(AROUND_S[1] * fs) + near
    found = []
    for rows in beat_rows(lead, at, before, after + 1):
        middle = rows[:, -before - near : -before + near + 1]
        top = np.abs(middle - np.median(middle, axis=1, keepdims=True)).argmax(axis=1) - before - near
        slopes = np.abs(rows[:, step:] - rows[:, :-step])
        places = np.arange(slopes.shape[1])[None]
        touched = (places + step >= top[:, None] - half) & (places <= top[:, None] + half)
        found.append([slopes.max(axis=1), np.where(touched, 0, slopes).max(axis=1)])
    return np.concatenate(found, axis=1)
