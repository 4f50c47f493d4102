"""Small networks: their gradients are those of the loss, they learn, and several become one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.training.dense import PENALTY, Rows, _gradients, fitted, together

Array = NDArray[Any]


def loss(state: list[Array], inputs: Array, label: Array, weight: Array) -> float:
    """Mean weighted cross-entropy of a network with one hidden layer, and half the penalty of its squared weights."""
    first, last, shift, end = state
    odds = (np.maximum(inputs @ first + shift, 0) @ last + end)[:, 0].astype(np.float64)
    squares = sum(float(np.square(part).sum()) for part in (first, last))
    return float(np.mean(weight * (np.logaddexp(0, odds) - label * odds))) + PENALTY / 2 * squares


def test_gradients_are_those_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    state: list[Array] = [rng.normal(size=shape) for shape in ((3, 4), (4, 1), (4,), (1,))]
    inputs: Array
    label: Array
    weight: Array
    inputs, label, weight = rng.normal(size=(20, 3)), rng.integers(0, 2, 20).astype(np.int8), rng.uniform(0.5, 2, 20)
    found = _gradients(state, inputs, label, weight)
    for part, gradient in zip(state, found, strict=True):
        for at in np.ndindex(part.shape):
            kept, losses = part[at], []
            for step in (1e-5, -1e-5):
                part[at] = kept + step
                losses.append(loss(state, inputs, label, weight))
            part[at] = kept
            assert gradient[at] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-5)


def drawn_rows() -> Rows:
    """Points in a square, of which those on one diagonal are 1; an offset and a scale that must not matter."""
    points = np.random.default_rng(1).uniform(-1, 1, (6000, 2)).astype(np.float32)
    label = (points[:, 0] * points[:, 1] > 0).astype(np.int8)
    return Rows(points * np.float32(30) + np.float32(100), label, np.ones(label.size, np.float32))


def test_what_no_line_separates_is_learnt_and_rows_without_a_label_are_left_out() -> None:
    rows = drawn_rows()
    rows.label[::10] = -1
    half = np.arange(rows.label.size) % 2 == 0
    network = fitted(rows, half, (16,), 200, seed=0)
    held_out = ~half & (rows.label >= 0)
    right = (network(rows.features[held_out]) > 0) == (rows.label[held_out] == 1)
    assert right.mean() > 0.95


def test_a_weight_moves_the_answer_where_the_labels_disagree() -> None:
    features, label = np.zeros((4000, 1), np.float32), np.tile(np.array([0, 1], np.int8), 2000)
    weight = np.where(label == 1, 3.0, 1.0).astype(np.float32)
    network = fitted(Rows(features, label, weight), np.ones(4000, np.bool_), (4,), 900, seed=0)
    assert network(np.zeros((1, 1), np.float32))[0] == pytest.approx(np.log(3), abs=0.05)


def test_networks_together_answer_with_the_mean_of_their_log_odds() -> None:
    rows = drawn_rows()
    every = np.ones(rows.label.size, np.bool_)
    networks = [fitted(rows, every, (5, 3), 1, seed) for seed in range(3)]
    mean = np.mean([network(rows.features) for network in networks], axis=0)
    assert together(networks)(rows.features) == pytest.approx(mean, abs=1e-4)
    assert not np.allclose(networks[0](rows.features), mean, atol=1e-2)
