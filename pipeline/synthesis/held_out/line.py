"""Building blocks of the curves that only the evaluation draws: an axis, soft noise, bells."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Array = NDArray[Any]

T: Final = np.linspace(0, 1, 400)


def soft(rng: Rng, width: float) -> Array:
    """Return noise (400,) without detail finer than `width` points, of about unit size."""
    rough = cv2.GaussianBlur(rng.normal(0, 1, (1, T.size)), (0, 0), width)[0]
    return np.asarray(rough / rough.std())


def bell(at: Any, width: Any) -> Array:
    """Return a bell of height 1."""
    return np.asarray(np.exp(-0.5 * ((T - at) / width) ** 2))
