"""Beats that repeat: what comes again unchanged, waves and baseline with it, is hidden by no noise."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.signal.beat_windows import gather_around
from pipeline.signal.conditioning import Conditioned
from pipeline.types import FloatArray, IntArray

WINDOW_S: Final = (0.3, 0.5)  # before and after R
QRS_S: Final = 0.08  # around R, where a peak that is off by a sample would count most
AROUND_BEATS: Final = 40  # on each side, among which a beat has its like ...
LIKE: Final = 4  # ... so many times
REST_MAX: Final = 0.02  # of the height of a beat: what is left of it without its like, root mean square
PEAK_MAX: Final = 0.12  # and at most
BETWEEN_MAX: Final = 0.25  # of the height of a QRS: waves where no beat is, P waves among them
STEP: Final = 2  # every second sample


def repeating_windows(
    conditioned: Conditioned,
    r_peak: IntArray,
    start_s: NDArray[np.float64],
    stop_s: NDArray[np.float64],
    asked: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Tell in which windows every beat comes again, in all leads, at least three of them, and nothing else is there.

    Parameters
    ----------
    conditioned : Conditioned
        The filtered leads.
    r_peak : (n_beats,) int64
        The beats, increasing indices into the signal.
    start_s, stop_s : (n,) float64
        The windows, seconds.
    asked : (n,) bool
        The windows that are looked at; the others are False.
    """
    found = np.zeros(start_s.size, np.bool_)
    at_s = r_peak / conditioned.fs
    first, stop = np.searchsorted(at_s, [start_s - WINDOW_S[1], stop_s + WINDOW_S[0]])
    for k in np.flatnonzero(asked & (stop - first >= LIKE - 1)).tolist():
        near = slice(max(0, int(first[k]) - AROUND_BEATS), int(stop[k]) + AROUND_BEATS)
        own = slice(int(first[k]) - near.start, int(stop[k]) - near.start)
        span = round(start_s[k] * conditioned.fs), round(stop_s[k] * conditioned.fs)
        some = slice((own.start + own.stop) // 2, (own.start + own.stop) // 2 + 1)
        found[k] = _repeat(conditioned.signal[:, 0], r_peak[near], some, conditioned.fs) and all(
            _repeat(lead, r_peak[near], own, conditioned.fs) and _rests(lead, r_peak[near], span, conditioned.fs)
            for lead in conditioned.signal.T
        )
    return found


def _rests(lead: FloatArray, r_peak: IntArray, span: tuple[int, int], fs: float) -> bool:
    """Tell whether a lead is at rest wherever no beat is: fibrillation hides among beats that repeat."""
    reach = round(QRS_S * fs)
    height = float(np.median(np.ptp(gather_around(lead, r_peak, np.arange(-reach, reach + 1)), axis=1)))
    at, before, after = np.arange(*span), round(WINDOW_S[0] * fs), round(WINDOW_S[1] * fs)
    last = np.searchsorted(r_peak, at, side="right") - 1
    since = at - r_peak[np.maximum(last, 0)]
    until = r_peak[np.minimum(last + 1, r_peak.size - 1)] - at
    free = ((last < 0) | (since > after)) & ((last + 1 >= r_peak.size) | (until > before))
    rest = lead[span[0] : span[1]][free[: max(0, lead.size - span[0])]]
    return not rest.size or float(np.abs(rest - np.median(rest)).max()) <= BETWEEN_MAX * height


def _repeat(lead: FloatArray, r_peak: IntArray, own: slice, fs: float) -> bool:
    """Tell whether some of the beats have their like among all of them."""
    if r_peak.size <= 2 * LIKE:
        return False
    offsets = np.arange(-round(WINDOW_S[0] * fs), round(WINDOW_S[1] * fs) + 1, STEP)
    beats = gather_around(lead, r_peak, offsets)
    beats -= np.median(beats, axis=1, keepdims=True)
    outside = np.abs(offsets) > QRS_S * fs
    waves = beats[:, outside]
    apart = np.square(waves[own, None] - waves[None]).mean(axis=2)
    apart[np.arange(apart.shape[0]), np.arange(own.start, own.start + apart.shape[0])] = np.inf
    like = np.argpartition(apart, LIKE, axis=1)[:, :LIKE]
    left = np.abs(waves[own] - np.median(waves[like], axis=1))
    height = np.maximum(np.ptp(beats[own], axis=1), 1e-6)
    quiet = np.sqrt(np.square(left).mean(axis=1)) <= REST_MAX * height
    return bool((quiet & (left.max(axis=1) <= PEAK_MAX * height)).all())
