"""The functions that formulas over beats are computed with: numpy on arrays, Keras on tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from models.runtime import keras


def ops_of(x: Any) -> Any:
    """Return `numpy` for an array, `keras.ops` for a tensor: the functions that both have under the same name."""
    return np if isinstance(x, np.ndarray) else keras().ops


def reshaped(x: Any, *last: int) -> Any:
    """Reshape the last axes, from the third on; those of batch and beats stay."""
    if isinstance(x, np.ndarray):
        return x.reshape(*x.shape[:2], *last)
    return keras().layers.Reshape((-1, *last), dtype="float32")(x)


def beat_by_beat(x: Any) -> Any:
    """Return the same with the numbers of each beat side by side in memory, which decides how numpy rounds a sum."""
    return np.ascontiguousarray(x) if isinstance(x, np.ndarray) else x


def with_both_sides(x: Any, by: int) -> Any:
    """Join what was `by` beats before each of (batch, n, numbers), itself, and what is `by` beats after it."""
    if not isinstance(x, np.ndarray):
        return keras().ops.concatenate([shifted(x, by), x, shifted(x, -by)], axis=-1)
    out, n = np.zeros((*x.shape[:-1], 3, x.shape[-1]), x.dtype), x.shape[1]
    out[:, by:, 0], out[:, :, 1], out[:, : max(0, n - by), 2] = x[:, : max(0, n - by)], x, x[:, by:]
    return out.reshape(*x.shape[:-1], -1)


def indicator(condition: Any) -> Any:
    """Return 1 where a condition holds, else 0, as float32."""
    if isinstance(condition, np.ndarray):
        return condition.astype(np.float32)
    return keras().ops.cast(condition, "float32")


def shifted(x: Any, by: int) -> Any:
    """Shift beats so that each gets what was `by` beats before it; 0 where there is none."""
    if not isinstance(x, np.ndarray):
        padded = keras().ops.pad(x, ((0, 0), (max(by, 0), max(-by, 0)), (0, 0)))
        return padded[:, :-by] if by > 0 else padded[:, -by:]
    out, n = np.zeros_like(x), x.shape[1]
    out[:, max(0, by) : max(0, n + by)] = x[:, max(0, -by) : max(0, n - by)]
    return out


def mean_near(x: Any, reach: int) -> Any:
    """Return the mean over each beat and up to `reach` beats on each side of (batch, n, numbers).

    In numpy the terms are added in TensorFlow's order: where a lead is missing, differences that are 0 but for rounding
    meet thresholds near 0.
    """
    if not isinstance(x, np.ndarray):
        return keras().ops.average_pool(x, 2 * reach + 1, strides=1, padding="same")
    total, n = np.zeros_like(x), x.shape[1]
    for by in range(-min(reach, n - 1), min(reach, n - 1) + 1):
        total[:, max(0, -by) : n - max(0, by)] += x[:, max(0, by) : n + min(0, by)]
    at = np.arange(n)
    count = np.minimum(at + reach + 1, n) - np.maximum(at - reach, 0)
    return total / count.astype(np.float32)[:, None]
