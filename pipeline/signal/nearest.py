"""The nearest beat, and which beats of two lists are one: the rules of all but EC57's scoring (`evaluate.matching`)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.types import IntArray

NO_BEAT: Final = -1


def nearest(there: NDArray[Any], wanted: ArrayLike, *, within: float = np.inf) -> NDArray[np.intp]:
    """Position in `there` of the value nearest to each of `wanted`; of two at the same distance, the earlier.

    Parameters
    ----------
    there : (m,) int or float
        Increasing: sample indices or times of beats.
    wanted : (n,) int or float, or one number
        In the unit of `there`, in any order.
    within : float
        The largest distance that counts as near, itself included, in the unit of `there`.

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
    """Which of `first` (n,) have a beat of `second` (m,) near that has no nearer beat in `first`; both increasing.

    Two of `first` at the same distance from one of `second`, on either side of it, both count.
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
    """Positions in `first` (n,) and `second` (m,) of beats that are one: each in one pair, the nearest pairs first.

    Both increase. Beats `within` of each other, that distance included, may be a pair; of pairs at the same distance
    the earlier is taken.
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
