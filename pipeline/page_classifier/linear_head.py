"""A linear softmax head on many features of few pictures, fitted in the space that the pictures span."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from models.softmax import softmax

Array = NDArray[Any]
Validate = Callable[[Array], dict[str, float]]

ITERATIONS: Final = 60
_SHRINK: Final = 0.3  # of the mean standard deviation is added to each feature's, for near-constant ones
_RANK_TOLERANCE: Final = 1e-5


@dataclass(frozen=True, eq=False)
class Standard:
    """The average `mean` (d,) and standard deviation `std` (d,) of features, and the `scale` to unit length."""

    mean: Array
    std: Array
    scale: float


@dataclass(frozen=True, eq=False)
class Head:
    """`weights` (n, k) of training vectors, `bias` (k,): logits = products with training vectors @ weights + bias."""

    weights: Array
    bias: Array


def standard_of(features: Array) -> Standard:
    """Compute how features (n, d) of the training pictures are centred and scaled."""
    mean, std = features.mean(axis=0), features.std(axis=0)
    std = (std + _SHRINK * np.sqrt((std**2).mean())).astype(np.float32)
    length = float((((features - mean) / std) ** 2).sum(axis=1).mean())
    return Standard(mean.astype(np.float32), std, length)


def standardised(features: Array, standard: Standard) -> Array:
    """Return features (n, d) as vectors of mean square length 1 over the training pictures."""
    return np.asarray((features - standard.mean) / (standard.std * np.sqrt(standard.scale)), np.float32)


def fit_head(
    gram: Array, label: Array, classes: int, *, strength: float, validate: Validate | None = None
) -> tuple[Head, dict[str, list[float]]]:
    """Fit a softmax regression with a ridge penalty (L-BFGS), with classes weighted equally.

    Parameters
    ----------
    gram : (n, n) float
        Inner products of the training vectors; pictures may repeat.
    label : (n,) int64
        Classes.
    classes : int
        Number of classes.
    strength : float
        1 / penalty: larger fits more closely.
    validate : callable, optional
        Given weights and bias as a `Head`'s logits need them, returns measures to add to the curves.

    Returns
    -------
    head
        The fitted head.
    curves
        By iteration: loss, accuracy and what `validate` returns.
    """
    values, vectors = np.linalg.eigh(np.asarray(gram, np.float64))
    kept = values > _RANK_TOLERANCE * values[-1]
    back = vectors[:, kept] / np.sqrt(values[kept])
    z = vectors[:, kept] * np.sqrt(values[kept])
    n, r = z.shape
    weight = (n / (classes * np.maximum(np.bincount(label, minlength=classes), 1)))[label]
    truth = np.eye(classes)[label]
    curves: dict[str, list[float]] = {}

    def loss_and_slope(flat: Array) -> tuple[float, Array]:
        w = flat.reshape(r + 1, classes)
        p = softmax(z @ w[:-1] + w[-1])
        loss = -(weight * np.log(np.maximum(p[np.arange(n), label], 1e-300))).sum() + (w[:-1] ** 2).sum() / (
            2 * strength
        )
        residual = weight[:, None] * (p - truth)
        return float(loss), np.vstack([z.T @ residual + w[:-1] / strength, residual.sum(axis=0)]).ravel()

    def note(flat: Array) -> None:
        w = flat.reshape(r + 1, classes)
        p = softmax(z @ w[:-1] + w[-1])
        loss = float(-np.log(np.maximum(p[np.arange(n), label], 1e-300)).mean())
        measures = {"loss": loss, "accuracy": float((p.argmax(axis=1) == label).mean())}
        if validate is not None:
            measures |= validate(np.vstack([back @ w[:-1], w[-1]]))
        for key, value in measures.items():
            curves.setdefault(key, []).append(round(value, 4))

    start = np.zeros((r + 1) * classes)
    found = minimize(loss_and_slope, start, jac=True, method="L-BFGS-B", callback=note, options={"maxiter": ITERATIONS})
    w = found.x.reshape(r + 1, classes)
    return Head(back @ w[:-1], w[-1]), curves
