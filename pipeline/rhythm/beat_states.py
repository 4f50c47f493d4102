"""A model with a state for each beat: the rhythm stays what it is unless the beats insist."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def likeliest_states(scores: NDArray[np.floating[Any]], change: float) -> NDArray[np.intp]:
    """Return the likeliest sequence of states, by the algorithm of Viterbi.

    All states are equally likely at first, and each change between two of them costs the same.

    Parameters
    ----------
    scores : (n, k) float
        Log likelihood of each state at each place.
    change : float
        Subtracted for each change of state; 0 chooses the best state of each place, infinity one state for all.

    Returns
    -------
    (n,) intp
        The state at each place; of two equally likely sequences, the one that changes later.

    References
    ----------
    Viterbi AJ. Error bounds for convolutional codes and an asymptotically optimum decoding algorithm. IEEE Trans Inf
    Theory 1967;13(2):260-269. doi:10.1109/TIT.1967.1054010.
    """
    n, k = scores.shape
    if n == 0:
        return np.zeros(0, np.intp)
    total: list[float] = scores[0].tolist()
    origins: list[list[int]] = []
    for row in scores[1:].tolist():
        best = max(range(k), key=total.__getitem__)
        changed = total[best] - change
        origins.append([state if total[state] >= changed else best for state in range(k)])
        total = [max(before, changed) + own for before, own in zip(total, row, strict=True)]
    state = max(range(k), key=total.__getitem__)
    path = [state]
    for origin in reversed(origins):
        state = origin[state]
        path.append(state)
    return np.array(path[::-1], np.intp)
