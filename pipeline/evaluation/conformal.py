"""Sets of classes that contain the truth as often as they promise, with the patient as the unit.

The beats of one patient resemble each other, so a new patient's beats are not exchangeable with those of others: the
usual split conformal set, calibrated on pooled beats, guarantees nothing for a patient. Patients are exchangeable with
patients. Three thresholds on the same score, 1 - p(true class), are compared:

- "beats": split conformal over pooled beats; its guarantee is void here, and the figures show it
- "hierarchical": a beat of a new patient is covered with probability 1 - ALPHA, on average over patients
- "patients": with probability 1 - DELTA, at least 1 - ALPHA of a new patient's beats are covered
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.metrics import Q
from pipeline.evaluation.record_predictions import RecordPredictions
from pipeline.labels import AAMI_CLASSES, aami_class

Array = NDArray[np.float64]

ALPHA: Final = 0.05
DELTA: Final = 0.05
TINY: Final = 1e-9  # 0.95 x 20 is 19, not 20


@dataclass(frozen=True, eq=False)
class Patient:
    """Reference beats of one patient: `p` (n, 5) probabilities (all 0 where `read` (n,) is False) and `truth` (n,)."""

    record: str
    p: Array
    truth: NDArray[np.int64]
    read: NDArray[np.bool_]

    @property
    def score(self) -> Array:
        """1 - p of the true class (n,); 0 where the beat was not read: its set is all classes."""
        return np.asarray(np.where(self.read, 1 - self.p[np.arange(self.truth.size), self.truth], 0.0))

    @property
    def confidence(self) -> Array:
        """The highest probability (n,), 0 where the beat was not read."""
        return np.asarray(self.p.max(axis=1, initial=0.0))

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether the most likely class is not the true one (n,); an unread beat counts as Q."""
        return np.asarray(np.where(self.read, self.p.argmax(axis=1), Q) != self.truth)


def patient_of(item: RecordPredictions) -> Patient:
    """Return a record, at its reference beats, as a patient."""
    truth = np.array([AAMI_CLASSES.index(aami_class(symbol) or "Q") for symbol in item.reference_symbol], np.int64)
    return Patient(item.record, item.p.astype(np.float64), truth, item.has_p)


def beat_threshold(scores: Sequence[Array], alpha: float = ALPHA) -> float:
    """Return the split conformal threshold over pooled beats, valid only if beats were exchangeable (they are not).

    References
    ----------
    Vovk, Gammerman & Shafer 2005; Sadinle, Lei & Wasserman 2019, doi:10.1080/01621459.2017.1395341 (the score).
    """
    return _rank(np.concatenate(list(scores)), alpha)


def hierarchical_threshold(scores: Sequence[Array], alpha: float = ALPHA) -> float:
    """Return the threshold with equal weight for each patient, and the new one at infinity; inf with too few patients.

    References
    ----------
    Lee, Barber & Willett 2023, Distribution-free inference with hierarchical data, arXiv:2306.06342.
    """
    pooled = np.concatenate(list(scores))
    weight = np.concatenate([np.full(s.size, 1 / ((len(scores) + 1) * s.size)) for s in scores])
    order = np.argsort(pooled)
    enough = np.flatnonzero(np.cumsum(weight[order]) >= 1 - alpha - TINY)
    return float(pooled[order[enough[0]]]) if enough.size else inf


def patient_threshold(scores: Sequence[Array], alpha: float = ALPHA, delta: float = DELTA) -> float:
    """Return the 1 - delta conformal quantile over patients of what each needs to cover 1 - alpha of the beats.

    For a new patient exchangeable with these, at least 1 - alpha of the beats are covered with probability 1 - delta:
    exactly, whatever the distributions. The result is inf with fewer than 1 / delta - 1 patients.

    Parameters
    ----------
    scores : sequence of (n,) float64
        Scores of each patient's beats.
    alpha : float, optional
        Share of beats that may be missed.
    delta : float, optional
        Share of patients for whom this may fail.
    """
    return _rank(np.array([own_threshold(s, alpha) for s in scores]), delta)


def own_threshold(scores: Array, alpha: float = ALPHA) -> float:
    """Return the lowest threshold that covers at least 1 - alpha of these scores (n,), n > 0."""
    return float(np.sort(scores)[max(ceil((1 - alpha) * scores.size - TINY), 1) - 1])


def class_sets(patient: Patient, threshold: float) -> NDArray[np.bool_]:
    """Return the classes in each set (n, 5): 1 - p up to the threshold, always the likeliest; all if unread."""
    held = 1 - patient.p <= threshold
    held[np.arange(held.shape[0]), patient.p.argmax(axis=1)] = True
    return held | ~patient.read[:, None]


def contains_truth(patient: Patient, threshold: float) -> NDArray[np.bool_]:
    """Tell whether the set of each beat (n,) contains its true class; like `class_sets`, without making the sets."""
    return (patient.score <= threshold) | ~patient.wrong | ~patient.read


def _rank(values: Array, alpha: float) -> float:
    """Return the ceil((n + 1)(1 - alpha))-th smallest of n values; inf if there are not that many."""
    rank = ceil((values.size + 1) * (1 - alpha) - TINY)
    return float(np.sort(values)[rank - 1]) if rank <= values.size else inf


METHODS: Final[Mapping[str, Callable[[Sequence[Array]], float]]] = MappingProxyType(
    {"beats": beat_threshold, "hierarchical": hierarchical_threshold, "patients": patient_threshold}
)
