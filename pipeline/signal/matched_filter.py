"""How much of a known wave is there, measured so that the noise of the recording disturbs it least."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

PIECES: Final = 6000  # of the signal, that show how its noise behaves
OUTLIER: Final = 30.0  # what is larger, in units of the signal, is counted as this
LOADING: Final = 0.1  # of the mean variance, added to each: the wave is never quite as it was learnt


def matched_gain(signal: FloatArray, wave: FloatArray, places: NDArray[np.bool_]) -> FloatArray:
    """Return how much of a wave stands around each sample: 1 where it stands alone, 0 on average where it does not.

    Noise on neighbouring samples and in several leads goes together: what is seen of it in one place tells how much of
    it is in the other. Of all weighted sums of the leads that answer 1 to the wave and nothing to an offset or a slope,
    this one varies least over the places.

    Parameters
    ----------
    signal : (n, n_leads) float32
        Leads of similar size.
    wave : (m, n_leads) float32
        The wave, m odd.
    places : (n,) bool
        Where the wave may have its middle: the noise is that of these places.

    Returns
    -------
    (n,) float32
        The gain; 0 everywhere if there are fewer places than the wave has values.

    References
    ----------
    Capon 1969, Proc. IEEE 57:1408-1418 (doi:10.1109/PROC.1969.7278). Deviation: the covariance is loaded.
    """
    half, n = len(wave) // 2, len(signal)
    at = np.flatnonzero(places)
    at = at[(at >= half) & (at < n - half)]
    if at.size <= wave.size:
        return np.zeros(n, np.float32)
    at = at[np.linspace(0, at.size - 1, min(at.size, PIECES)).astype(np.int64)]
    pieces = np.clip(signal[at[:, None] + np.arange(-half, half + 1)], -OUTLIER, OUTLIER)
    level = levelled(np.moveaxis(pieces, 2, 1)).reshape(at.size, -1).astype(np.float64)
    known = levelled(wave.T).reshape(-1).astype(np.float64)
    covariance = np.cov(level.T)
    loading = max(LOADING * float(np.trace(covariance)) / known.size, 1e-9)
    weights = np.linalg.solve(covariance + loading * np.eye(known.size), known)
    weights = (weights / max(float(weights @ known), 1e-9)).reshape(wave.T.shape)
    # offset and slope are taken from the weights instead of from each piece
    rows = [
        np.correlate(np.pad(lead, half, mode="edge"), row, mode="valid")
        for lead, row in zip(signal.T, levelled(weights.astype(np.float32)), strict=True)
    ]
    return np.asarray(sum(rows[1:], rows[0]), np.float32)


def levelled(waves: FloatArray) -> FloatArray:
    """Return waves (..., m) without their mean and slope."""
    m = waves.shape[-1]
    line = np.arange(m) - (m - 1) / 2
    kept = np.eye(m) - 1 / m - np.outer(line, line) / (line**2).sum()
    return np.asarray(waves @ kept.astype(np.float32), np.float32)
