"""Whole patients divided at random into training, validation and test, so that classes are spread evenly."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

PARTS: Final = ("train", "val", "test")
SHARES: Final[Mapping[str, float]] = MappingProxyType({"train": 0.7, "val": 0.15, "test": 0.15})
TRIALS: Final = 500  # divisions at random, of which the one with the most even classes is taken


def most_even(table: np.ndarray, seed: int, shares: Mapping[str, float] = SHARES) -> list[str]:
    """Return the part of each patient: the random division in which classes are spread most as `shares` says.

    What differs is measured as in a chi-squared test, so that a part without a class counts most.

    Parameters
    ----------
    table : (patients, classes) float64
        Pictures of each class.
    seed : int
        Of the random generator.
    shares : mapping of str to float, optional
        Share of each of `PARTS`; the usual ones if left out.
    """
    n = len(table)
    sizes = [max(1, round(shares[part] * n)) for part in ("val", "test")]
    layout = np.array(["val"] * sizes[0] + ["test"] * sizes[1] + ["train"] * (n - sum(sizes)))
    share = table / np.maximum(table.sum(axis=0), 1)
    rng = np.random.default_rng(seed)
    best, least = layout, np.inf
    for _ in range(TRIALS):
        tried = rng.permutation(layout)
        uneven = sum(float(((share[tried == p].sum(axis=0) - shares[p]) ** 2).sum()) / shares[p] for p in PARTS)
        if uneven < least:
            best, least = tried, uneven
    return [str(part) for part in best]
