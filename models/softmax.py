"""Probabilities from logits, with numpy alone: the one softmax of training, calibration and answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray


def softmax(logits: ArrayLike, *, temperature: float = 1.0, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return the probabilities of logits divided by `temperature`, over the last axis.

    Parameters
    ----------
    logits : (..., k) float
        One row of k classes per case; large numbers do not overflow.
    temperature : float, optional
        A value above 1 makes the answers less confident, one below 1 more confident.
    dtype : dtype, optional
        Type of computation and result: float64 for training and calibration, float32 for answers.

    Returns
    -------
    (..., k) `dtype`
        Rows that add up to 1.
    """
    scaled = np.asarray(logits, dtype)
    scaled = scaled / scaled.dtype.type(temperature)
    exponent = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(exponent / exponent.sum(axis=-1, keepdims=True))


def log_softmax(logits: ArrayLike, *, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Return the logarithm of `softmax`, exact even where a probability is too small for `dtype`; same shapes."""
    values = np.asarray(logits, dtype)
    shifted = values - values.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))
