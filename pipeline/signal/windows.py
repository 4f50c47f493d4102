"""Windows around R peaks."""

from __future__ import annotations

import numpy as np

from pipeline.config import PictureConfig
from pipeline.types import FloatArray, IntArray


def beat_offsets(fs: float, config: PictureConfig) -> IntArray:
    """Return the indices (n_points,), relative to the R peak, that the beat panel spans."""
    return np.arange(-round(config.beat_before_s * fs), round(config.beat_after_s * fs) + 1, dtype=np.int64)


def gather(lead: FloatArray, index: IntArray) -> FloatArray:
    """Return the values of `lead` (n,) at `index` (any shape), 0 outside."""
    inside = (index >= 0) & (index < lead.size)
    return np.where(inside, lead[np.clip(index, 0, lead.size - 1)], 0).astype(np.float32)
