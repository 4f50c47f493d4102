"""Agreement with a second detector that is built on another principle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.config import SignalConfig
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.nearest import mutually_nearest
from pipeline.signal.r_peaks import Detector, slopes
from pipeline.types import IntArray


def detector_agreement(
    r_peak: IntArray, conditioned: Conditioned, config: SignalConfig, second: Detector | None = None
) -> NDArray[np.bool_]:
    """Tell for each R peak (n,) whether the second detector found a beat nearby, one to one.

    Nearby means within `config.detector_agreement_ms`.

    A beat that it misses is not wrong - it misses one slow ectopic beat in nine - but worth a look.

    Parameters
    ----------
    r_peak : (n,) int64
        R peaks, increasing indices into `conditioned.signal`.
    conditioned : Conditioned
        The filtered leads.
    config : SignalConfig
        Settings of the second detector, and the tolerance (ms).
    second : callable, optional
        As in `detect_r_peaks`.

    Returns
    -------
    (n,) bool
        One per R peak.
    """
    if r_peak.size == 0:
        return np.zeros(0, np.bool_)
    seen = slopes(conditioned, config) if second is None else second()
    return mutually_nearest(r_peak, seen, within=config.detector_agreement_ms / 1000 * conditioned.fs)
