"""Stretches of a lead in which nothing was recorded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.config import SignalConfig
from pipeline.types import FloatArray


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the stretches [start, stop) in which `mask` (n,) is True."""
    edges = (np.flatnonzero(mask[1:] != mask[:-1]) + 1).tolist()
    begin, end = ([0] if mask[:1].any() else []), ([mask.size] if mask[-1:].any() else [])
    edges = [*begin, *edges, *end]
    return list(zip(edges[::2], edges[1::2], strict=True))


def gaps_in(lead: FloatArray, fs: float, config: SignalConfig) -> list[tuple[int, int]]:
    """Find the gaps of a lead: what the analysis does not interpolate.

    A gap is a run of missing samples longer than `config.gap_bridge_ms`, or any at the beginning or the end, where
    there is nothing to interpolate from.

    Parameters
    ----------
    lead : (n_samples,) float32
        The lead, NaN where a sample is missing.
    fs : float
        Sampling frequency, Hz.
    config : SignalConfig
        Its `gap_bridge_ms` is used.

    Returns
    -------
    list of (int, int)
        Samples [start, stop).
    """
    bridged = config.gap_bridge_ms / 1000 * fs
    missing = runs(~np.isfinite(lead))
    return [(start, stop) for start, stop in missing if stop - start > bridged or start == 0 or stop == lead.size]
