"""Windows around R peaks, and which beats of a recording are the usual ones."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.config import PictureConfig, SignalConfig
from pipeline.types import FloatArray, IntArray

MIN_USUAL_BEATS: Final = 5
PLACES_AT_ONCE: Final = 1024


def beat_offsets(fs: float, config: PictureConfig) -> IntArray:
    """Return the indices (n_points,), relative to the R peak, that the beat panel spans."""
    return np.arange(-round(config.beat_before_s * fs), round(config.beat_after_s * fs) + 1, dtype=np.int64)


def gather(lead: FloatArray, index: IntArray) -> FloatArray:
    """Return the values of `lead` (n,) at `index` (any shape), 0 outside."""
    if index.size and index.min() >= 0 and index.max() < lead.size:
        return np.asarray(lead[index], np.float32)
    inside = (index >= 0) & (index < lead.size)
    return np.where(inside, lead[np.clip(index, 0, lead.size - 1)], 0).astype(np.float32)


def gather_around(lead: FloatArray, at: NDArray[np.integer], offsets: IntArray) -> FloatArray:
    """Return what `gather` does at some offsets (m,) from some places (n,): (n, m), without an index for each value.

    Parameters
    ----------
    lead : (n_samples,) float32
        Any unit.
    at : (n,) int
        Positions in it.
    offsets : (m,) int64
        Samples after each.
    """
    found = np.empty((at.size, offsets.size), np.float32)
    for start in range(0, at.size, PLACES_AT_ONCE):
        part = slice(start, start + PLACES_AT_ONCE)
        found[part] = gather(lead, at[part, None] + offsets)
    return found


def heights_around(lead: FloatArray, at: NDArray[np.integer], reach: int) -> FloatArray:
    """Return how high (n,) a lead is from its lowest to its highest value around some places.

    Some places at a time are looked at: they fit the processor's cache.

    Parameters
    ----------
    lead : (n_samples,) float32
        Any unit; at least one sample. Beyond its ends it counts as 0.
    at : (n,) int
        Positions in it.
    reach : int
        How far on each side is looked, samples.
    """
    found, size = np.zeros(at.size, np.float32), 2 * reach + 1
    inside = np.flatnonzero((at >= reach) & (at < lead.size - reach))
    for start in range(0, inside.size, PLACES_AT_ONCE):
        some = inside[start : start + PLACES_AT_ONCE]
        rows = sliding_window_view(lead, size)[at[some] - reach]
        found[some] = rows.max(axis=1) - rows.min(axis=1)
    beside = np.flatnonzero((at < reach) | (at >= lead.size - reach))
    if beside.size:
        found[beside] = np.ptp(gather(lead, at[beside, None] + np.arange(-reach, reach + 1)), axis=1)
    return found


def cut_around(lead: FloatArray, at: NDArray[np.integer], first: int, stop: int) -> FloatArray:
    """Return the samples at + first ... at + stop - 1 (n, stop - first) of `lead`, beyond its ends the last one there.

    Parameters
    ----------
    lead : (n_samples,) float32
        Any unit; at least one sample.
    at : (n,) int
        Positions in it.
    first, stop : int
        The window around each.
    """
    start, last = at + first, lead.size - (stop - first)
    if last < 0:
        return np.asarray(lead[np.clip(start[:, None] + np.arange(stop - first), 0, lead.size - 1)])
    rows = np.asarray(sliding_window_view(lead, stop - first)[np.clip(start, 0, last)])
    beyond = np.flatnonzero((start < 0) | (start > last))
    rows[beyond] = lead[np.clip(start[beyond, None] + np.arange(stop - first), 0, lead.size - 1)]
    return rows


def usual_beats(rr_s: FloatArray, mean_rr_s: float, config: SignalConfig) -> IntArray:
    """Select beats that do not come early, from which the recording's usual beat and its height are measured.

    The dominant rhythm may be ectopic (MIT-BIH record 232), and pauses raise the mean RR interval: a beat therefore
    counts if the interval before it is at least `usual_rr_ratio` of the mean. All beats count if fewer than five do. If
    there are many, every k-th is taken, so that fewer than twice `template_beats` remain.

    Parameters
    ----------
    rr_s : (n,) float32
        Interval before each beat, seconds, NaN where unknown.
    mean_rr_s : float
        Mean RR interval, seconds.
    config : SignalConfig
        Its `usual_rr_ratio` and `template_beats` are used.

    Returns
    -------
    (k,) int64
        Positions of the beats.
    """
    usual = rr_s >= config.usual_rr_ratio * mean_rr_s
    at = np.flatnonzero(usual if usual.sum() >= MIN_USUAL_BEATS else np.ones(rr_s.size, np.bool_))
    return at[:: max(1, at.size // config.template_beats)]
