"""The linear head over the superclass network's logits, and how it is fitted and judged without a patient's own record.

Each superclass's log odds are a linear function of all five mean logits, by ridge-penalised logistic regression: the
network was trained with a focal loss, so its own probabilities are far from what comes true.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.superclasses import SUPERCLASSES
from pipeline.evaluation.calibration import equal_cost_threshold

FOLDS: Final = 10  # where patients are assigned at random instead of to PTB-XL's own folds ...
SEEDS: Final = (0, 1, 2)  # ... with these seeds
SPECIFICITY: Final = 0.97
PENALTY: Final = 1.0  # scikit-learn's C, its default, on standardised logits; nothing else was tried on a finer scale

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Log odds of the superclasses: `factors` (5, k) times inputs (n, k), plus `bias` (5,)."""

    factors: Array
    bias: Array

    def log_odds(self, inputs: Array) -> Array:
        """Return the log odds (n, 5) of inputs (n, k)."""
        return np.asarray(inputs @ self.factors.T + self.bias)


Fit = Callable[[Array, Flags], LinearHead]


def fit_head(logits: Array, stated: Flags) -> LinearHead:
    """Fit the head to logits (n, k) and the superclasses stated (n, 5)."""
    mean, sd = logits.mean(axis=0), logits.std(axis=0)
    fitted = [LogisticRegression(C=PENALTY).fit((logits - mean) / sd, stated[:, i]) for i in range(stated.shape[1])]
    factors = np.stack([each.coef_[0] for each in fitted]) / sd
    return LinearHead(factors, np.array([each.intercept_[0] for each in fitted]) - factors @ mean)


def fit_alone(logits: Array, stated: Flags) -> LinearHead:
    """Fit each superclass to its own logit only (Platt 1999), for comparison; logits (n, 5), stated (n, 5)."""
    heads = [fit_head(logits[:, [i]], stated[:, [i]]) for i in range(len(SUPERCLASSES))]
    return LinearHead(np.diag([head.factors[0, 0] for head in heads]), np.array([head.bias[0] for head in heads]))


def patient_folds(patients: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Assign each record (n,) to one of `FOLDS`, all records of a patient to the same.

    Parameters
    ----------
    patients : sequence of str
        Patient of each record.
    seed : int
        Seed of the random generator.
    """
    names = sorted(set(patients))
    place = dict(zip(np.random.default_rng(seed).permutation(names).tolist(), range(len(names)), strict=True))
    return np.array([place[patient] % FOLDS for patient in patients], np.int64)


def out_of_fold(
    logits: Array, stated: Flags, fold: NDArray[np.int64], *, fit: Fit = fit_head, read: Array | None = None
) -> Array:
    """Return the probabilities (n, 5) of each record by a head fitted on the other folds.

    Parameters
    ----------
    logits : (n, k) float64
        Mean logits of the records.
    stated : (n, 5) bool
        Their superclasses.
    fold : (n,) int64
        Their folds; all records of a patient are in one.
    fit : callable, optional
        How the head is fitted.
    read : (n, k) float64, optional
        What the heads answer, such as logits of the same records seen on pages; `logits` by default.
    """
    found, asked = np.empty(stated.shape), logits if read is None else read
    for own in (fold == i for i in np.unique(fold)):
        found[own] = fit(logits[~own], stated[~own]).log_odds(asked[own])
    return np.asarray(1 / (1 + np.exp(-found)))


def balanced_thresholds(p: Array, stated: Flags) -> Array:
    """Return per superclass the probability (5,) with the best mean of sensitivity and specificity.

    Parameters
    ----------
    p, stated : (n, 5) float64, (n, 5) bool
        Probabilities, and the superclasses of the records.
    """
    return np.array([equal_cost_threshold(p[:, i], stated[:, i]) for i in range(stated.shape[1])])


def specific_thresholds(p: Array, stated: Flags) -> Array:
    """Return per superclass the least probability (5,) with a specificity of at least `SPECIFICITY`.

    Parameters
    ----------
    p, stated : (n, 5) float64, (n, 5) bool
        Probabilities, and the superclasses of the records.
    """
    quantiles = (np.quantile(p[~own, i], SPECIFICITY, method="higher") for i, own in enumerate(stated.T))
    return np.asarray(np.nextafter(np.array(list(quantiles)), np.inf), np.float64)


def called_out_of_fold(
    p: Array, stated: Flags, fold: NDArray[np.int64], choose: Callable[[Array, Flags], Array]
) -> Flags:
    """Return which superclasses (n, 5) are called, each record by thresholds chosen on the other folds.

    Parameters
    ----------
    p, stated : (n, 5) float64, (n, 5) bool
        Probabilities out of fold, and the superclasses of the records.
    fold : (n,) int64
        Fold of each record.
    choose : callable
        `balanced_thresholds` or `specific_thresholds`.
    """
    called = np.zeros_like(stated)
    for own in (fold == i for i in np.unique(fold)):
        called[own] = p[own] >= choose(p[~own], stated[~own])
    return called
