"""Agreement with a second detector that is built on another principle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.config import SignalConfig
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.r_peaks import slopes
from pipeline.types import IntArray


def agreement(r_peak: IntArray, conditioned: Conditioned, config: SignalConfig) -> NDArray[np.bool_]:
    """Tell for each R peak (n,) whether the second detector found a beat within `config.trust_ms`, one to one.

    A beat that it misses is not wrong - it misses one slow ectopic beat in nine - but worth a look.

    Parameters
    ----------
    r_peak : (n,) int64
        R peaks, increasing indices into `conditioned.signal`.
    conditioned : Conditioned
        The filtered leads.
    config : SignalConfig
        Settings of the second detector, and the tolerance (ms).

    Returns
    -------
    (n,) bool
        One per R peak.
    """
    if r_peak.size == 0:
        return np.zeros(0, np.bool_)
    second = slopes(conditioned, config)
    if second.size == 0:
        return np.zeros(r_peak.size, np.bool_)
    nearest = np.abs(r_peak[:, None] - second[_around(second, r_peak)]).argmin(axis=1)
    partner = _around(second, r_peak)[np.arange(r_peak.size), nearest]
    distance = np.abs(r_peak - second[partner])
    closest = np.full(second.size, np.iinfo(np.int64).max)
    np.minimum.at(closest, partner, distance)
    agreed = (distance <= config.trust_ms / 1000 * conditioned.fs) & (distance == closest[partner])
    return np.asarray(agreed, np.bool_)


def _around(second: IntArray, r_peak: IntArray) -> NDArray[np.intp]:
    """Return the positions in `second` of the beats before and after each R peak, (n, 2)."""
    after = np.searchsorted(second, r_peak)
    return np.clip(np.stack([after - 1, after], axis=1), 0, second.size - 1)
