"""The model of states: against every sequence there is, and at the ends of its price of a change."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from pipeline.rhythm.state_paths import likeliest_states


def value(path, scores, change):
    changes = sum(first != second for first, second in pairwise(path))
    return sum(scores[i, state] for i, state in enumerate(path)) - change * changes


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("change", [0.0, 0.7, 3.0])
def test_no_sequence_is_likelier(seed, change):
    scores = np.random.default_rng(seed).normal(size=(6, 3))
    best = max(value(path, scores, change) for path in product(range(3), repeat=6))
    assert value(likeliest_states(scores, change), scores, change) == pytest.approx(best)


def test_a_few_places_change_no_state_if_that_costs_more():
    scores = np.zeros((20, 2))
    scores[:, 1] = np.where((np.arange(20) >= 8) & (np.arange(20) < 10), 2.0, -2.0)
    assert not likeliest_states(scores, 3.0).any()
    assert likeliest_states(scores, 1.0).tolist() == [0] * 8 + [1] * 2 + [0] * 10


def test_a_free_change_takes_the_best_state_everywhere_and_a_dear_one_the_best_for_all():
    scores = np.random.default_rng(0).normal(size=(50, 2))
    assert (likeliest_states(scores, 0.0) == scores.argmax(axis=1)).all()
    assert (likeliest_states(scores, 1e6) == scores.sum(axis=0).argmax()).all()


def test_no_place_has_no_state():
    assert likeliest_states(np.zeros((0, 2)), 3.0).shape == (0,)
