"""How faithful a map of importance is, whatever it is drawn on: the effect of each map, and how beats are drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.registry import Classifier
from pipeline.labels import AAMI_CLASSES

SEED: Final = 20261122
DRAWN: Final = AAMI_CLASSES[:4]  # Q has too many meanings
PARTS: Final = ("qrs", "p", "rr")
QRS_S: Final = 0.06  # on each side of R
P_S: Final = (-0.24, -0.08)  # before R


@dataclass(frozen=True, eq=False)
class Explained:
    """Beats (n,), the network's answers, their maps, and how faithful these are.

    Attributes
    ----------
    record, answer : (n,) str
        Record of each beat, and the network's answer.
    maps : (n, ...) float
        Importance, all 0 where blank.
    share, area : (n, 3) float64
        How much of a map lies in each of `PARTS`, and how much would by chance.
    p : mapping of str to (n, 2, steps) float64
        By map: probability of the answer as parts are removed in the map's order (deletion) or come back (insertion);
        "heat" is the network's own map.
    compared : (n,) bool
        Whether these count for the beat.
    again : Callable[[Classifier, int], NDArray[np.floating]]
        `again(classifier, i)` draws the map of beat i for another network.
    """

    record: NDArray[np.str_]
    answer: NDArray[np.str_]
    maps: NDArray[np.floating]
    share: NDArray[np.float64]
    area: NDArray[np.float64]
    p: Mapping[str, NDArray[np.float64]]
    compared: NDArray[np.bool_]
    again: Callable[[Classifier, int], NDArray[np.floating]]

    @property
    def blank(self) -> NDArray[np.bool_]:
        """Which maps (n,) show nothing."""
        return np.asarray(~(self.maps.reshape(self.record.size, -1).max(axis=1) > 0))


def drawn(label: NDArray[np.int64], record: NDArray[np.str_], per_class: int) -> NDArray[np.int64]:
    """Draw at most `per_class` beats of each class of `DRAWN`, from as many patients as possible.

    Parameters
    ----------
    label : (n,) int64
        Classes.
    record : (n,) str
        Record of each beat.
    per_class : int
        How many.

    Returns
    -------
    (k,) int64
        Indices, sorted.
    """
    rng = np.random.default_rng(SEED)
    chosen: list[int] = []
    for name in DRAWN:
        index = rng.permutation(np.flatnonzero(label == AAMI_CLASSES.index(name)))
        turn = np.zeros(index.size, np.int64)
        for patient in np.unique(record[index]):
            own = record[index] == patient
            turn[own] = np.arange(own.sum())
        chosen += index[np.argsort(turn, kind="stable")][:per_class].tolist()
    return np.array(sorted(chosen), np.int64)


def area_under(p: NDArray[np.floating]) -> float:
    """Return the area under probabilities at even steps from no part to all, 0..1."""
    return float((p[:-1] + p[1:]).mean() / 2)
