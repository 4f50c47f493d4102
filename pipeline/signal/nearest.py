"""The nearest beat, and which beats of two lists are the same: the rules for everything but EC57 scoring."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.types import IntArray

NO_BEAT: Final = -1


def nearest(there: NDArray[Any], wanted: ArrayLike, *, within: float = np.inf) -> NDArray[np.intp]:
    """Return the position in `there` of the value nearest to each of `wanted`; of two equally near, the earlier.

    Parameters
    ----------
    there : (m,) int or float
        Increasing: sample indices or times of beats.
    wanted : (n,) int or float, or one number
        In the unit of `there`, in any order.
    within : float, optional
        Largest distance that counts as near, inclusive, in the unit of `there`.

    Returns
    -------
    (n,) intp, or () for one number
        `NO_BEAT` (-1) where nothing is near enough, which is everywhere if `there` is empty.
    """
    values = np.asarray(wanted)
    if there.size == 0:
        return np.full(values.shape, NO_BEAT, np.intp)
    after = np.searchsorted(there, values).clip(0, there.size - 1)
    before = np.maximum(after - 1, 0)
    found = np.where(np.abs(there[before] - values) <= np.abs(there[after] - values), before, after)
    return np.where(np.abs(there[found] - values) <= within, found, NO_BEAT)


def mutually_nearest(first: IntArray, second: IntArray, *, within: float) -> NDArray[np.bool_]:
    """Tell which beats of one list have a near beat in the other that has no nearer beat in the first.

    Two of `first` at the same distance from one of `second`, on either side of it, both count.

    Parameters
    ----------
    first : (n,) int64
        Beats, increasing.
    second : (m,) int64
        Beats, increasing.
    within : float
        Largest distance that counts as near, inclusive, samples.

    Returns
    -------
    (n,) bool
        One per beat of `first`.
    """
    partner = nearest(second, first, within=within)
    has = partner != NO_BEAT
    distance = np.abs(first[has] - second[partner[has]])
    closest = np.full(second.size, np.iinfo(np.int64).max)
    np.minimum.at(closest, partner[has], distance)
    found = np.zeros(first.size, np.bool_)
    found[has] = distance == closest[partner[has]]
    return found


def paired(first: IntArray, second: IntArray, *, within: float) -> dict[int, int]:
    """Pair the beats of two lists that are the same, each in one pair, the nearest pairs first.

    Of pairs at the same distance, the earlier is taken.

    Parameters
    ----------
    first : (n,) int64
        Beats, increasing.
    second : (m,) int64
        Beats, increasing.
    within : float
        Largest distance within a pair, inclusive, samples.

    Returns
    -------
    dict of int to int
        Positions in `first` to positions in `second`.
    """
    start, stop = np.searchsorted(second, first - within), np.searchsorted(second, first + within, side="right")
    close = [(a, b) for a in range(first.size) for b in range(int(start[a]), int(stop[a]))]
    found: dict[int, int] = {}
    taken: set[int] = set()
    for a, b in sorted(close, key=lambda pair: abs(int(first[pair[0]]) - int(second[pair[1]]))):
        if a not in found and b not in taken:
            found[a] = b
            taken.add(b)
    return found
