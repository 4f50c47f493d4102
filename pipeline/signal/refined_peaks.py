"""Where between two samples an R peak lies: by the usual beat, or by a parabola through its highest sample."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.signal.beat_windows import gather
from pipeline.types import FloatArray, IntArray

REACH_S: Final = 0.06  # half of the window that is compared with the usual beat: the QRS
ALIKE: Final = 0.95  # a beat that correlates less with the usual one is placed by its own parabola
SMALLEST: Final = 3  # beats that make up a usual one
TEMPLATE_BEATS: Final = 1000  # at most so many beats make up the usual one
ROUNDS: Final = 2  # the usual beat is made again from the beats moved into place
FURTHEST: Final = 1.0  # samples; a peak that would move further stays with its parabola
AT_ONCE: Final = 4096


def refined(lead: FloatArray, r_peak: IntArray, fs: float) -> NDArray[np.float64]:
    """Return R peaks (n,) as fractional indices into `lead`.

    Beats that look like the recording's usual one are moved to where it fits best, in the sense of least squares; its
    own peak decides what is zero. All other beats are placed at the vertex of the parabola through the extremum and its
    neighbours. A peak that is no extremum, such as a pacing spike placed by its slope, moves with the usual beat only.

    Parameters
    ----------
    lead : (n_samples,) float32
        The filtered lead in which the R peaks were found, at a rate that is well above twice its bandwidth.
    r_peak : (n,) int64
        R peaks, indices into `lead`.
    fs : float
        Sampling frequency, Hz.
    """
    own = _vertices(lead, r_peak)
    reach = round(REACH_S * fs)
    offsets = np.arange(-reach - 1, reach + 2)
    some = r_peak[:: max(1, -(-r_peak.size // TEMPLATE_BEATS))]
    if some.size < SMALLEST:
        return r_peak + own
    usual = np.median(gather(lead, some[:, None] + offsets).astype(np.float64), axis=0)
    shifts = np.zeros(some.size)
    for _ in range(ROUNDS):
        shifts, alike = _fitted(lead, some, offsets, usual)
        if np.count_nonzero(alike) < SMALLEST:
            return r_peak + own
        usual = _usual(lead, some[alike], shifts[alike], offsets)
    vertex = _vertices(usual.astype(np.float32), np.array([reach + 1]))[0]
    moved = [_fitted(lead, part, offsets, usual) for part in np.array_split(r_peak, -(-r_peak.size // AT_ONCE))]
    shift = np.concatenate([part for part, _ in moved]) + vertex
    alike = np.concatenate([part for _, part in moved])
    return np.asarray(r_peak + np.where(alike & (np.abs(shift) <= FURTHEST), shift, own), np.float64)


def _vertices(lead: FloatArray, at: IntArray) -> NDArray[np.float64]:
    """Return the vertex (n,) of the parabola through each extremum, in samples about it; 0 if it is none."""
    before, here, after = (gather(lead, at + step).astype(np.float64) for step in (-1, 0, 1))
    bend = before - 2 * here + after
    is_top = (np.abs(here) >= np.abs(before)) & (np.abs(here) >= np.abs(after)) & (np.abs(bend) > 0)
    return np.where(is_top, 0.5 * (before - after) / np.where(bend == 0, 1, bend), 0.0).clip(-0.5, 0.5)


def _fitted(
    lead: FloatArray, at: IntArray, offsets: IntArray, usual: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return how far each beat (n,) lies after the usual one, samples, and whether it looks like it.

    One Gauss-Newton step on height, level and position: a beat is a gain times (usual - shift times its slope) plus a
    level.
    """
    inner = slice(1, -1)
    slope = 0.5 * (usual[2:] - usual[:-2])
    design = np.stack([usual[inner], np.ones(slope.size), slope], axis=1)
    beats = gather(lead, at[:, None] + offsets[inner]).astype(np.float64)
    parts = beats @ np.linalg.pinv(design).T
    gain, _, moved = parts.T
    rest = np.square(beats - parts @ design.T).sum(axis=1)
    spread = np.square(beats - beats.mean(axis=1, keepdims=True)).sum(axis=1)
    alike = (gain > 0) & (1 - rest / np.maximum(spread, 1e-12) >= ALIKE**2)
    return np.where(alike, -moved / np.where(alike, gain, 1), 0.0), alike


def _usual(lead: FloatArray, at: IntArray, shift: NDArray[np.float64], offsets: IntArray) -> NDArray[np.float64]:
    """Return the median beat, each beat moved back by its shift, by cubic interpolation."""
    whole = np.floor(shift).astype(np.int64)
    part = (shift - whole)[:, None]
    y0, y1, y2, y3 = (gather(lead, (at + whole)[:, None] + offsets + k).astype(np.float64) for k in (-1, 0, 1, 2))
    c1, c2, c3 = 0.5 * (y2 - y0), y0 - 2.5 * y1 + 2 * y2 - 0.5 * y3, 0.5 * (y3 - y0) + 1.5 * (y1 - y2)
    return np.asarray(np.median(y1 + part * (c1 + part * (c2 + part * c3)), axis=0))
