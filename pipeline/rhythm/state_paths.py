"""The most probable path through states: the rhythm stays what it is unless the evidence insists."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.types import IntArray


def likeliest_states(scores: NDArray[np.floating[Any]], change: float) -> IntArray:
    """Return the most probable path where all changes cost the same.

    Parameters
    ----------
    scores : (n, k) float
        Log likelihood of each state at each place.
    change : float
        Subtracted for each change of state; 0 chooses the best state of each place.

    Returns
    -------
    (n,) int64
        The state at each place.
    """
    cost = np.full((scores.shape[1],) * 2, change, np.float64)
    np.fill_diagonal(cost, 0.0)
    return most_probable_path(scores.astype(np.float64), cost)


def most_probable_path(gain: NDArray[np.float64], cost: NDArray[np.float64]) -> IntArray:
    """Return the path of states with the greatest sum of gains less costs.

    Parameters
    ----------
    gain : (n, k) float64
        Of each state at each step.
    cost : (k, k) float64
        Of going from one state (row) to another (column).

    Returns
    -------
    (n,) int64
        The state at each step; none of zero steps.

    References
    ----------
    Viterbi AJ. Error bounds for convolutional codes and an asymptotically optimum decoding algorithm. IEEE Trans Inf
    Theory 1967;13(2):260-269. doi:10.1109/TIT.1967.1054010.
    """
    n, k = gain.shape
    if n == 0:
        return np.zeros(0, np.int64)
    best, came = gain[0], np.zeros((n, k), np.int64)
    for step in range(1, n):
        reached = best[:, None] - cost
        came[step] = reached.argmax(axis=0)
        best = reached.max(axis=0) + gain[step]
    path = np.zeros(n, np.int64)
    path[-1] = int(best.argmax())
    for step in range(n - 1, 0, -1):
        path[step - 1] = came[step, path[step]]
    return path
