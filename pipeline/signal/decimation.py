"""Samples thinned for drawing: the lowest and the highest of each bucket, so that no peak is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def decimate(time_s: Array, value: Array, points: int) -> tuple[Array, Array]:
    """Return at most `points` samples: the lowest and the highest of each bucket, in their order.

    Parameters
    ----------
    time_s, value : (n,) float
        Samples and their times; NaN where nothing was recorded.
    points : int
        How many are drawn at most. Fewer samples come back as they are.

    Returns
    -------
    time_s, value : (m,) float
        What is drawn; NaN where a bucket has no number.
    """
    if value.size <= points:
        return time_s, value
    size = int(np.ceil(value.size / (points // 2)))
    buckets = int(np.ceil(value.size / size))
    padded = np.full(size * buckets, np.nan)
    padded[: value.size] = value
    grid = padded.reshape(buckets, size)
    empty = np.isnan(grid).all(axis=1)
    low = np.where(np.isnan(grid), np.inf, grid).argmin(axis=1)
    high = np.where(np.isnan(grid), -np.inf, grid).argmax(axis=1)
    kept = np.sort(np.stack([low, high], axis=1), axis=1) + np.arange(buckets)[:, None] * size
    kept = np.minimum(kept.ravel(), value.size - 1)
    return time_s[kept], np.where(np.repeat(empty, 2), np.nan, value[kept])
