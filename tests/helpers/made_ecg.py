"""An ECG of sums of bell curves, whose waves are where they are put."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

# Centre (s from R), standard deviation (s), height (mV)
P = (-0.17, 0.022, 0.15)
QRS = ((-0.025, 0.010, -0.12), (0.0, 0.011, 1.1), (0.028, 0.011, -0.25))
T = (0.28, 0.045, 0.32)


def made_ecg(
    fs: float, duration_s: float = 12.0, *, rr_s: float = 0.8, p_height: float = 1.0, seed: int = 0
) -> tuple[FloatArray, NDArray[np.float64]]:
    """Return one lead (n, 1) in mV with a little noise, and its R peaks, seconds."""
    at = np.arange(round(duration_s * fs)) / fs
    r_peak_s = np.arange(0.6, duration_s - 0.5, rr_s)
    lead = np.random.default_rng(seed).normal(0, 0.004, at.size)
    for r in r_peak_s:
        for centre, width, height in (*QRS, T, (P[0], P[1], p_height * P[2])):
            lead = lead + height * np.exp(-0.5 * ((at - r - centre) / width) ** 2)
    return lead[:, None].astype(np.float32), r_peak_s
