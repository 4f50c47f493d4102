"""Curves of one event: what they have in common."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.synthesis.held_out.kinds import HELD_OUT_KINDS
from pipeline.synthesis.single_events import EVENTS, single_event

BEATS = np.zeros((2, 400), np.float32)


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_is_finite_moves_and_differs_from_time_to_time(kind):
    curves = [np.asarray(EVENTS[kind](np.random.default_rng(seed), BEATS)) for seed in range(20)]
    assert all(curve.shape == (400,) and np.isfinite(curve).all() and np.ptp(curve) > 0 for curve in curves)
    assert not np.allclose(curves[0], curves[1])


def test_an_event_changes_most_within_a_part_of_the_width_and_rests_elsewhere():
    t, narrow = np.linspace(0, 1, 400), []
    for seed in range(200):
        steps = np.abs(np.diff(single_event(np.random.default_rng(seed), t)))
        narrow.append(np.sort(steps)[::-1][:200].sum() / steps.sum())
    assert np.median(narrow) > 0.9  # of the way, within half of the width; of a straight line it is a half


def test_no_event_of_the_training_is_drawn_by_the_evaluation():
    assert not set(EVENTS) & set(HELD_OUT_KINDS)
