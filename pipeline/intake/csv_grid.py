"""Stamps on an even grid of which some places are empty: lost rows that come so evenly that the rest looks whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LEAST_RISE: Final = 1.3  # times the mean step: a step over a lost row is longer, while half of the grid is there
_DIGITS: Final = 7  # decimals of a second in which stamps are looked for
_NOISE_S: Final = 2e-7  # of seconds since the year 2000, in double precision
_TICKS: Final = 2  # in a step, at least: with one, stamps that are rounded leap as lost rows do
_FILLED: Final = 0.4  # of the steps at least are single ones
_STRAY: Final = 0.75  # samples by which stamps may miss the grid


@dataclass(frozen=True, eq=False)
class Grid:
    """An even grid of stamps.

    Attributes
    ----------
    fs : float
        Places per second.
    before, missing : (k,) int64
        Rows before which places are empty, and how many.
    """

    fs: float
    before: NDArray[np.int64]
    missing: NDArray[np.int64]


def grid_of(times: NDArray[np.float64], longest_s: float) -> Grid | None:
    """Find the grid of stamps that lie near a line although rows are lost.

    Stamps tell it only if they are finer than the step: of whole milliseconds at 900 Hz every ninth step is 2 ms, and
    nothing is lost.

    Parameters
    ----------
    times : (n,) float64
        Seconds, ascending.
    longest_s : float
        The longest step, seconds.

    Returns
    -------
    Grid or None
        None where nothing is lost, or stamps cannot tell.
    """
    if longest_s * (times.size - 1) <= _LEAST_RISE * (times[-1] - times[0]):
        return None
    since = times - times[0]
    tick = next((10.0**-k for k in range(_DIGITS) if _on_ticks(since, 10.0**-k)), None)
    if tick is None:
        return None
    steps = np.diff(np.rint(since / tick))
    sizes, often = np.unique(steps, return_counts=True)
    usual = float(next(iter(sizes[often >= _FILLED * steps.size]), 0.0))
    single = np.abs(steps - usual) <= 1
    if usual < _TICKS or single.mean() < _FILLED:
        return None
    step = float(steps[single].mean())
    places = np.maximum(np.rint(steps / step), 1)
    at = np.concatenate([[0.0], np.cumsum(places)])
    step = float(since[-1]) / float(at[-1])
    if at[-1] == times.size - 1 or np.abs(since / step - at).max() > _STRAY:
        return None
    lost = np.flatnonzero(places > 1)
    return Grid(1.0 / step, (lost + 1).astype(np.int64), (places[lost] - 1).astype(np.int64))


def _on_ticks(since: NDArray[np.float64], tick: float) -> bool:
    return bool(np.abs(since - np.rint(since / tick) * tick).max() < min(_NOISE_S, tick / 4))
