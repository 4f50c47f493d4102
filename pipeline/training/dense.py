"""Trains small fully connected networks that tell two classes apart, on one core and in little memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.signal.r_peak_choice import DenseNetwork
from pipeline.types import FloatArray

BATCH: Final = 2048
RATE: Final = 4e-3  # of Adam at the start; it falls to zero along a cosine
DECAY: Final = (0.9, 0.999)  # of Adam's means: doi:10.48550/arXiv.1412.6980
TINY: Final = 1e-8
PENALTY: Final = 1e-6  # of squared weights


@dataclass(frozen=True, eq=False)
class Rows:
    """What a network is trained on.

    Attributes
    ----------
    features : (n, k) float16 or float32
        One row per case; read batch by batch.
    label : (n,) int8
        1 or 0; rows with any other label are left out.
    weight : (n,) float32
        How much each row counts.
    """

    features: NDArray[np.floating[Any]]
    label: NDArray[np.int8]
    weight: FloatArray


def fitted(rows: Rows, use: NDArray[np.bool_], hidden: tuple[int, ...], epochs: int, seed: int) -> DenseNetwork:
    """Train a network by Adam on the weighted cross-entropy.

    Parameters
    ----------
    rows : Rows
        The training data.
    use : (n,) bool
        The rows to train on, among those with a label.
    hidden : tuple of int
        Sizes of the hidden layers.
    epochs : int
        How often each row is read.
    seed : int
        Of the first weights, and of the order of the rows.
    """
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(use & (rows.label >= 0))
    mean, std = _moments(rows.features, chosen)
    sizes = (rows.features.shape[1], *hidden, 1)
    state = [rng.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32) for a, b in pairwise(sizes)]
    state += [np.zeros(size, np.float32) for size in sizes[1:]]
    slow, square = [np.zeros_like(part) for part in state], [np.zeros_like(part) for part in state]
    steps, step = epochs * -(-chosen.size // BATCH), 0
    for _ in range(epochs):
        order = rng.permutation(chosen)
        for first in range(0, order.size, BATCH):
            batch, step = order[first : first + BATCH], step + 1
            inputs = (rows.features[batch].astype(np.float32) - mean) / std
            gradients = _gradients(state, inputs, rows.label[batch], rows.weight[batch])
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps)) * np.sqrt(1 - DECAY[1] ** step)
            rate = np.float32(rate / (1 - DECAY[0] ** step))
            for part, gradient, m, v in zip(state, gradients, slow, square, strict=True):
                m += np.float32(1 - DECAY[0]) * (gradient - m)
                v += np.float32(1 - DECAY[1]) * (np.square(gradient) - v)
                part -= rate * m / (np.sqrt(v) + np.float32(TINY))
    weights, biases = state[: len(hidden) + 1], state[len(hidden) + 1 :]
    first_layer = weights[0] / std[:, None]
    return DenseNetwork((first_layer, *weights[1:]), (biases[0] - mean @ first_layer, *biases[1:]))


def _moments(features: NDArray[np.floating[Any]], chosen: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation (k,) of some rows."""
    total, squares = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    for part in np.array_split(chosen, -(-chosen.size // 100_000)):
        values = features[part].astype(np.float64)
        total += values.sum(axis=0)
        squares += np.square(values).sum(axis=0)
    mean = total / chosen.size
    std = np.sqrt(np.maximum(squares / chosen.size - np.square(mean), 0)) + 1e-3
    return mean.astype(np.float32), std.astype(np.float32)


def _gradients(
    state: list[FloatArray], inputs: FloatArray, label: NDArray[np.int8], weight: FloatArray
) -> list[FloatArray]:
    """Return the gradients of the mean cross-entropy of a batch, in the order of `state`: weights, then biases."""
    layers = len(state) // 2
    weights, biases = state[:layers], state[layers:]
    values = [inputs]
    for w, b in zip(weights[:-1], biases[:-1], strict=True):
        values.append(np.maximum(values[-1] @ w + b, 0))
    odds = (values[-1] @ weights[-1] + biases[-1])[:, 0]
    error = ((1 / (1 + np.exp(-np.clip(odds, -30, 30))) - label) * weight / label.size).astype(np.float32)[:, None]
    of_weights: list[FloatArray] = []
    of_biases: list[FloatArray] = []
    for layer in range(layers - 1, -1, -1):
        of_weights.insert(0, values[layer].T @ error + np.float32(PENALTY) * weights[layer])
        of_biases.insert(0, error.sum(axis=0))
        if layer:
            error = (error @ weights[layer].T) * (values[layer] > 0)
    return [*of_weights, *of_biases]


def together(networks: list[DenseNetwork]) -> DenseNetwork:
    """Return one network whose log odds are the mean of those of several of the same shape."""
    first = np.concatenate([network.weights[0] for network in networks], axis=1)
    middle = [_diagonal([network.weights[i] for network in networks]) for i in range(1, len(networks[0].weights) - 1)]
    last = np.concatenate([network.weights[-1] for network in networks]) / len(networks)
    biases = [np.concatenate(parts) for parts in zip(*(network.biases[:-1] for network in networks), strict=True)]
    end = np.mean([network.biases[-1] for network in networks], axis=0)
    return DenseNetwork((first, *middle, last.astype(np.float32)), (*biases, end.astype(np.float32)))


def _diagonal(blocks: list[FloatArray]) -> FloatArray:
    rows, columns = (np.cumsum([0, *(block.shape[axis] for block in blocks)]) for axis in (0, 1))
    whole = np.zeros((rows[-1], columns[-1]), np.float32)
    for block, row, column in zip(blocks, rows, columns, strict=False):
        whole[row : row + block.shape[0], column : column + block.shape[1]] = block
    return whole
