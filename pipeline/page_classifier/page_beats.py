"""The beats of a page: where they are, and each lead's beats superimposed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from pipeline.digitisation.layouts import TWELVE_LEADS
from pipeline.errors import IntakeError
from pipeline.page_classifier.printed_page import PX_PER_S
from pipeline.page_classifier.traces import COLUMN_PX, PageTraces
from pipeline.types import FloatArray, IntArray, read_only

BEFORE_PX: Final = 26  # from 0.29 s before R ...
AFTER_PX: Final = 44  # ... to 0.50 s after it
_APART_PX: Final = 24  # two beats are at least 0.27 s apart
_SMOOTH_PX: Final = 2.5
_EDGE_PX: Final = 4
_HEIGHT: Final = 0.35  # share of the 98th percentile of the summed slopes


@dataclass(frozen=True, eq=False)
class PageBeats:
    """The beats of a page.

    Attributes
    ----------
    r_px : (n,) int64
        Columns of the R peaks from the left end of the rhythm strip, for all leads: they share one time axis.
    beats : tuple of (n_i, 70) float32
        Per lead (the last is the rhythm strip): the beats that fit in, mV about the lead's median; one padded beat
        where none fits.
    rhythm : (884,) float32
        The rhythm strip, mV about its median.
    """

    r_px: IntArray
    beats: tuple[FloatArray, ...]
    rhythm: FloatArray

    @property
    def rr_s(self) -> FloatArray:
        """RR intervals (n - 1,), seconds."""
        return np.asarray(np.diff(self.r_px) / PX_PER_S, np.float32)


def find_beats(traces: PageTraces) -> PageBeats:
    """Find R peaks where the slopes of all traces are jointly steepest, and cut the beats around them.

    Raises
    ------
    IntakeError
        If fewer than three beats are found in the ten seconds.
    """
    strength = _slopes(traces)
    r_px, _ = find_peaks(strength, distance=_APART_PX, height=_HEIGHT * np.percentile(strength, 98))
    if r_px.size < 3:
        raise IntakeError(f"The page shows {r_px.size} beats, at least 3 are needed; it gets no class.")
    beats = [_cut(traces.leads[i], r_px - i // 3 * COLUMN_PX) for i in range(len(TWELVE_LEADS))]
    beats.append(_cut(traces.rhythm, r_px))
    rhythm = traces.rhythm - np.float32(np.median(traces.rhythm))
    return PageBeats(read_only(r_px.astype(np.int64)), tuple(read_only(b) for b in beats), read_only(rhythm))


def _slopes(traces: PageTraces) -> FloatArray:
    total = _relative_slope(traces.rhythm)
    for i, lead in enumerate(traces.leads):
        slope = _relative_slope(lead)
        slope[:_EDGE_PX] = slope[-_EDGE_PX:] = 0
        start = i // 3 * COLUMN_PX
        total[start : start + COLUMN_PX] += slope[: total.size - start]
    return np.asarray(gaussian_filter1d(total, _SMOOTH_PX), np.float32)


def _relative_slope(trace: FloatArray) -> FloatArray:
    slope = np.abs(np.diff(trace, prepend=trace[0]))
    return np.asarray(slope / (np.percentile(slope, 99) + 1e-6), np.float32)


def _cut(trace: FloatArray, r_px: IntArray) -> FloatArray:
    """Return the windows (n, 70) around the R peaks inside a trace; the most central one, padded, if none is."""
    inside = r_px[(r_px >= 0) & (r_px < trace.size)]
    whole = inside[(inside >= BEFORE_PX + 2) & (inside <= trace.size - AFTER_PX - 2)]
    centred = trace - np.float32(np.median(trace))
    if not whole.size:
        at = int(inside[np.abs(inside - trace.size // 2).argmin()]) if inside.size else trace.size // 2
        padded = np.pad(centred, (BEFORE_PX, AFTER_PX), mode="edge")
        return padded[None, at : at + BEFORE_PX + AFTER_PX]
    return np.stack([centred[r - BEFORE_PX : r + AFTER_PX] for r in whole])
