"""The median, found by sorting."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def median(values: NDArray[np.floating[Any]], axis: int = -1) -> NDArray[Any]:
    """Return what `numpy.median` does, faster: where a processor has vector instructions, numpy sorts with them.

    Parameters
    ----------
    values : (..., n, ...) float32 or float64
        Any unit. NaN wherever a value along the axis is NaN, or there is none.
    axis : int, optional
        Along which the median is taken.

    Returns
    -------
    (...) float32 or float64
        As precise as `values`; a number if they have one axis.
    """
    count = values.shape[axis]
    found: NDArray[Any]
    if not count:
        found = np.median(values, axis=axis)
        return found
    ordered = np.sort(values, axis=axis)
    low, high, last = (ordered.take(place, axis=axis) for place in ((count - 1) // 2, count // 2, count - 1))
    middle = (low + high) / 2 if count % 2 == 0 else high
    found = np.where(np.isnan(last), last, middle)[()]
    return found
