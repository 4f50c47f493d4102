"""Two classifiers of whole pictures on the same pictures: differences, with the chance that they are none."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap import LEVEL
from pipeline.evaluation.class_scores import confusion_scores, drawn_confusions, grouped_cells
from pipeline.evaluation.compare import MeasureDifference, clustered_p
from pipeline.types import IntArray

Array = NDArray[np.float64]

MEASURES: Final = ("macro_f1", "accuracy", "balanced_accuracy")
SWAPS: Final = 2000
_AT_ONCE: Final = 250  # exchanges whose weights are in memory together


@dataclass(frozen=True)
class PictureComparison:
    """Two classifiers on the same pictures.

    Attributes
    ----------
    pictures, groups : int
        Pictures, and groups of copies, which are drawn and exchanged together.
    differences : tuple of MeasureDifference
        First minus second, by measure.
    only_first, only_second : int
        Pictures that only one of them classified correctly.
    p : float
        Of McNemar's test that both are right equally often; NaN if all pictures are copies of one.
    test : {"exact", "clustered"}
        The exact test, or Obuchowski's for pictures that are copies of each other.
    """

    pictures: int
    groups: int
    differences: tuple[MeasureDifference, ...]
    only_first: int
    only_second: int
    p: float
    test: Literal["exact", "clustered"]


def compare_answers(
    first: NDArray[np.floating[Any]],
    second: NDArray[np.floating[Any]],
    label: IntArray,
    classes: int,
    *,
    group: IntArray | None = None,
    seed: int = 0,
) -> PictureComparison:
    """Compare the answers of two classifiers to the same pictures.

    Parameters
    ----------
    first, second : (n, k) float
        Probabilities.
    label : (n,) int64
        True class indices.
    classes : int
        Number of classes.
    group : (n,) int64, optional
        Pictures with the same number are drawn and exchanged together; each on its own if None.
    seed : int, optional
        Seed of the random generator; the same seed gives the same result.

    References
    ----------
    McNemar 1947, doi:10.1007/BF02295996 (here exact, from the binomial distribution); Obuchowski 1998,
    doi:10.1002/(SICI)1097-0258(19980715)17:13<1495::AID-SIM863>3.0.CO;2-I (clustered); Efron & Tibshirani 1993, ch. 8
    (paired bootstrap over groups); Good 2005, ch. 3 (exchange within pairs).
    """
    called = [np.asarray(p).argmax(axis=1) for p in (first, second)]
    unit = np.arange(label.size) if group is None else np.unique(group, return_inverse=True)[1]
    right = [answers == label for answers in called]
    only = [int(np.sum(right[i] & ~right[1 - i])) for i in (0, 1)]
    groups = int(unit.max()) + 1
    cells = [grouped_cells(label * classes + answers, unit, classes) for answers in called]
    apart = groups == label.size
    gained = np.bincount(unit, right[0].astype(np.float64) - right[1]).astype(np.float64)
    return PictureComparison(
        pictures=int(label.size),
        groups=groups,
        differences=_differences(cells[0], cells[1], classes, seed),
        only_first=only[0],
        only_second=only[1],
        p=exact_p(*only) if apart else clustered_p(gained, np.bincount(unit).astype(np.float64)),
        test="exact" if apart else "clustered",
    )


def exact_p(only_first: int, only_second: int) -> float:
    """Return the two-sided p of McNemar's exact test: both numbers come from a fair coin.

    Examples
    --------
    >>> exact_p(5, 0), exact_p(3, 3)
    (0.0625, 1.0)
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    return float(min(1.0, 2 * sum(comb(n, i) for i in range(fewer + 1)) / 2**n))


def _differences(first: Array, second: Array, k: int, seed: int) -> tuple[MeasureDifference, ...]:
    """Compute the differences from cells of the confusion matrix by group (groups, k * k)."""
    value = [confusion_scores(cells.sum(axis=0).reshape(1, k, k)) for cells in (first, second)]
    drawn = [confusion_scores(drawn_confusions(cells, k, seed)) for cells in (first, second)]  # the same draws for both
    p = _exchanged_p(first, second, k, seed)
    tail, found = (1 - LEVEL) / 2, []
    for m in MEASURES:
        low, high = np.quantile(drawn[0][m] - drawn[1][m], [tail, 1 - tail])
        a, b = float(value[0][m][0]), float(value[1][m][0])
        found.append(MeasureDifference(m, a, b, a - b, float(low), float(high), p[m]))
    return tuple(found)


def _exchanged_p(first: Array, second: Array, k: int, seed: int) -> dict[str, float]:
    """Return how often a random exchange of the answers, group by group, differs as much as they do (plus one)."""
    random, further = np.random.default_rng(seed), first - second
    as_found = np.abs(_gap(np.zeros((1, len(first))), first, further, k)[:, 0])
    more = np.ones(len(MEASURES))  # what was found is one of the exchanges
    for _ in range(SWAPS // _AT_ONCE):
        swap = (random.random((_AT_ONCE, len(first))) < 0.5).astype(np.float64)
        more += (np.abs(_gap(swap, first, further, k)) >= as_found[:, None] - 1e-12).sum(axis=1)
    return dict(zip(MEASURES, (more / (SWAPS + 1)).tolist(), strict=True))


def _gap(swap: Array, first: Array, further: Array, k: int) -> Array:
    """Return first minus second (measures, exchanges) after exchanging the groups where `swap` is 1."""
    moved = swap @ further
    mine = (first.sum(axis=0) - moved).reshape(-1, k, k)
    other = ((first - further).sum(axis=0) + moved).reshape(-1, k, k)
    scores = confusion_scores(mine), confusion_scores(other)
    return np.stack([scores[0][m] - scores[1][m] for m in MEASURES])
