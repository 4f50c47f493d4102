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
        Of going from one state (row) to another (column), no more than by way of a third; 0 for staying.

    Returns
    -------
    (n,) int64
        The state at each step; none of zero steps.

    References
    ----------
    Viterbi AJ. Error bounds for convolutional codes and an asymptotically optimum decoding algorithm. IEEE Trans Inf
    Theory 1967;13(2):260-269. doi:10.1109/TIT.1967.1054010.
    """
    n = len(gain)
    if n == 0:
        return np.zeros(0, np.int64)
    relative = gain - gain[:, :1]
    loud = np.where((relative > 0).any(axis=1), np.arange(n), n)
    next_loud, costs = np.minimum.accumulate(loud[::-1])[::-1], cost.T.tolist()
    best, came = relative[0].tolist(), [[0] * len(costs)]
    while len(came) < n:  # plain numbers: arrays of a few states would cost ten times as much
        step = len(came)
        reached = [[value - price for value, price in zip(best, of_state, strict=True)] for of_state in costs]
        came.append([values.index(max(values)) for values in reached])
        if not any(came[-1]):  # all come from the first state, and will until another one gains
            came += [came[-1]] * (int(next_loud[step]) - step - 1)
            reached = [[best[0] - of_state[0]] for of_state in costs]
        best = [max(values) + more for values, more in zip(reached, relative[len(came) - 1].tolist(), strict=True)]
    path = [best.index(max(best))]
    for before in reversed(came[1:]):
        path.append(before[path[-1]])
    return np.array(path[::-1], np.int64)
