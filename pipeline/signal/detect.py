"""R peaks: sleepecg's detector per stretch, a second look, snapped to the local extremum."""

from __future__ import annotations

import numpy as np
import sleepecg

from pipeline.config import SignalConfig
from pipeline.domain import FloatArray, IntArray
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.searchback import second_look


def detect_r_peaks(conditioned: Conditioned, config: SignalConfig) -> IntArray:
    """R peaks (n,) of the first lead, as increasing indices into `conditioned.signal`.

    References
    ----------
    sleepecg's modification of Pan & Tompkins 1985, doi:10.1109/TBME.1985.325532, run on each stretch on its own;
    `second_look` then adds and drops.
    """
    lead = conditioned.signal[:, 0]
    found = [
        start + np.asarray(sleepecg.detect_heartbeats(lead[start:stop].astype(np.float64), conditioned.fs), np.int64)
        for start, stop in conditioned.segments
        if np.ptp(lead[start:stop]) > 0
    ]
    peaks = np.concatenate(found) if found else np.zeros(0, np.int64)
    return np.unique(snap(second_look(peaks, conditioned, config), lead, conditioned.fs, config))


def snap(peaks: IntArray, lead: FloatArray, fs: float, config: SignalConfig) -> IntArray:
    """Move each index (n,) to the largest absolute value of `lead` within `config.snap_ms`."""
    reach = round(config.snap_ms / 1000 * fs)
    window = np.clip(peaks[:, None] + np.arange(-reach, reach + 1), 0, lead.size - 1)
    offset = np.abs(lead[window]).argmax(axis=1)
    return np.asarray(np.take_along_axis(window, offset[:, None], axis=1)[:, 0], np.int64)


def looks_inverted(lead: FloatArray, peaks: IntArray, fs: float) -> bool:
    """Whether the usual QRS of the lead points down: its median trough is over 1.5 times its median crest."""
    reach = round(0.06 * fs)
    inside = peaks[(peaks >= reach) & (peaks < lead.size - reach)]
    if inside.size == 0:
        return False
    windows = lead[inside[:, None] + np.arange(-reach, reach + 1)]
    return bool(np.median(-windows.min(axis=1)) > 1.5 * np.median(windows.max(axis=1)))
