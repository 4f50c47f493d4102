"""Whether a stated confidence comes true, and how to make it so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from models.softmax import log_softmax, softmax
from pipeline.types import IntArray

Array = NDArray[np.float64]

BINS = 15  # Guo et al. 2017
_TINY = 1e-12
_LOG_TEMPERATURE = (-3.0, 3.0)
_LOG_TEMPERATURE_SMOOTHED = (-3.0, 7.0)  # logits that lie 100 apart on 4 pictures need 62


@dataclass(frozen=True, eq=False)
class Reliability:
    """Beats sorted into bins of equal width by a stated probability.

    Attributes
    ----------
    lower, upper : (bins,) float64
        Borders of the bins.
    count : (bins,) int64
        Beats in each.
    stated, observed : (bins,) float64
        Mean probability, and how often it came true; NaN in an empty bin.
    """

    lower: Array
    upper: Array
    count: NDArray[np.int64]
    stated: Array
    observed: Array

    @property
    def error(self) -> float:
        """Expected calibration error: the gap between stated and observed, weighted by beats."""
        gap = np.where(self.count > 0, np.abs(self.stated - self.observed), 0)
        return float((gap * self.count).sum() / max(int(self.count.sum()), 1))


def negative_log_likelihood(p: Array, labels: IntArray) -> float:
    """Return the mean of -log p of the true class, in nats."""
    return abs(float(np.log(np.maximum(p[np.arange(len(labels)), labels], _TINY)).mean()))  # certainty is 0, not -0


def smoothed_targets(labels: IntArray, classes: int) -> Array:
    """Return targets (n, k) of (n + 1) / (n + 2) for the true class of n answers; the others share the rest equally.

    They are what one more answer of each kind, right and wrong, would leave of n right ones.

    References
    ----------
    Platt 1999, Probabilistic outputs for support vector machines, section 2.2. Two deviations: n counts all answers
    instead of those of one class, since one temperature serves all; and there may be more than two classes.
    """
    doubt = 1 / (len(labels) + 2)
    targets = np.full((len(labels), classes), doubt / (classes - 1))
    targets[np.arange(len(labels)), labels] = 1 - doubt
    return targets


def fit_temperature(logits: Array, labels: IntArray, *, smoothed: bool = False) -> float:
    """Return the temperature that makes held-out logits most likely; fit it on patients not trained on.

    Parameters
    ----------
    logits : (n, k) float
        Before the softmax.
    labels : (n,) int64
        True class indices.
    smoothed : bool, optional
        Whether to fit to `smoothed_targets` instead of to certainty, which a few answers that are all right ask for.

    Returns
    -------
    float
        In [0.05, 20], or in [0.05, 1096] if smoothed.

    Raises
    ------
    ValueError
        If there are no beats, or the shapes disagree.

    References
    ----------
    Guo et al. 2017, On calibration of modern neural networks, arXiv:1706.04599.
    """
    logits = np.asarray(logits, np.float64)
    if logits.ndim != 2 or len(logits) != len(labels) or not len(labels):
        raise ValueError(f"logits (n, k) and labels (n,) with n > 0 are needed, not {logits.shape} and {labels.shape}.")
    targets = smoothed_targets(labels, logits.shape[1]) if smoothed else None

    def cost(log_t: float) -> float:
        temperature = float(np.exp(log_t))
        if targets is None:
            return negative_log_likelihood(softmax(logits, temperature=temperature), labels)
        return float(-(targets * log_softmax(logits / temperature)).sum(axis=1).mean())

    found = minimize_scalar(
        cost,
        bounds=_LOG_TEMPERATURE_SMOOTHED if smoothed else _LOG_TEMPERATURE,
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))


def adjust_prior(logits: Array, *, trained: Array, target: Array) -> Array:
    """Return logits for other class frequencies than those trained on: adds log(target / trained), class by class.

    Parameters
    ----------
    logits : (n, k) float
        Before the softmax.
    trained, target : (k,) float
        Class proportions; zeros count as one in a million.

    References
    ----------
    Saerens et al. 2002, doi:10.1162/089976602753284446; Menon et al. 2021, arXiv:2007.07314.
    """
    floor = 1e-6
    shift = np.log(np.maximum(target / target.sum(), floor)) - np.log(np.maximum(trained / trained.sum(), floor))
    return np.asarray(np.asarray(logits, np.float64) + shift)


def reliability(stated: Array, came_true: NDArray[np.bool_], *, bins: int = BINS) -> Reliability:
    """Sort probabilities and their outcomes into bins of equal width; a border belongs to the lower bin.

    Parameters
    ----------
    stated : (n,) float
        Probabilities.
    came_true : (n,) bool
        Outcomes.
    bins : int, optional
        How many.
    """
    return reliability_of_sums(reliability_sums(stated, came_true, bins=bins))


def reliability_sums(stated: Array, came_true: NDArray[np.bool_], *, bins: int = BINS) -> Array:
    """Return sums per bin that can be added up over records.

    Parameters
    ----------
    stated : (n,) float
        Probabilities.
    came_true : (n,) bool
        Outcomes.
    bins : int, optional
        How many.

    Returns
    -------
    (bins, 3) float64
        Count, sum of stated probabilities, and number that came true.
    """
    index = np.clip(np.ceil(np.asarray(stated, np.float64) * bins).astype(np.int64) - 1, 0, bins - 1)
    columns = (np.ones(len(index)), stated, came_true)
    return np.stack([np.bincount(index, np.asarray(c, np.float64), minlength=bins) for c in columns], axis=-1)


def reliability_of_sums(sums: Array) -> Reliability:
    """Return the means of what `reliability_sums` added up."""
    edges = np.linspace(0, 1, len(sums) + 1)
    count = sums[:, 0]
    safe = np.maximum(count, 1)
    stated, observed = (np.where(count > 0, sums[:, i] / safe, np.nan) for i in (1, 2))
    return Reliability(edges[:-1], edges[1:], count.astype(np.int64), stated, observed)


def error_of_sums(sums: Array) -> Array:
    """Return the expected calibration error (...) of sums (..., bins, 3); NaN where there is no beat."""
    total = sums[..., 0].sum(-1)
    gap = np.abs(sums[..., 1] - sums[..., 2]).sum(-1)
    return np.asarray(np.where(total > 0, gap / np.where(total > 0, total, 1), np.nan))


def expected_calibration_error(p: Array, labels: IntArray, *, bins: int = BINS) -> float:
    """Return the top-label ECE.

    Parameters
    ----------
    p : (n, k) float
        Probabilities.
    labels : (n,) int64
        True class indices.
    bins : int, optional
        How many.

    References
    ----------
    Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602; Guo et al. 2017, arXiv:1706.04599.
    """
    return float(error_of_sums(reliability_sums(p.max(axis=1), p.argmax(axis=1) == labels, bins=bins)))


def classwise_calibration_error(p: Array, labels: IntArray, *, bins: int = BINS) -> Array:
    """Return the ECE (k,) of each class's probability on its own.

    Parameters
    ----------
    p : (n, k) float
        Probabilities.
    labels : (n,) int64
        True class indices.
    bins : int, optional
        How many.

    References
    ----------
    Kull et al. 2019, arXiv:1910.12656.
    """
    errors = [error_of_sums(reliability_sums(p[:, k], labels == k, bins=bins)) for k in range(p.shape[1])]
    return np.asarray(errors, np.float64)


def equal_cost_threshold(score: Array, abnormal: NDArray[np.bool_]) -> float:
    """Return the threshold with the best mean of sensitivity and specificity; of equal ones, the lowest.

    Parameters
    ----------
    score : (n,) float
        0 to 1, higher for what is abnormal; a score on the threshold counts as abnormal.
    abnormal : (n,) bool
        What is abnormal in truth; both kinds must occur.

    Returns
    -------
    float
        One of 0.02, 0.03, ... 0.98.
    """
    thresholds = np.linspace(0.02, 0.98, 97)
    balance = [np.mean(score[abnormal] >= t) + np.mean(score[~abnormal] < t) for t in thresholds]
    return float(thresholds[int(np.argmax(balance))])
