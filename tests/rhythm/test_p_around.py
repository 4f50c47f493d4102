"""P waves around a place: scores and spreads of those that count."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rhythm.conduction_measures import MEASURES as OF_BEATS
from pipeline.rhythm.p_around import AROUND, FACTS, MEASURES, measure_p_around


def conduction(n, **values):
    measures = np.full((n, len(OF_BEATS)), -1.0, np.float32)
    for name, value in values.items():
        measures[:, OF_BEATS.index(name)] = value
    return measures


def measured(found, name):
    return found[:, MEASURES.index(name)]


def test_steady_p_waves_have_high_scores_and_no_spread():
    found = measure_p_around(conduction(60, pr_score=0.9, pr_s=0.16, usual=1.0), np.full(60, "N"), np.arange(60))
    assert measured(found, "p_score_5") == pytest.approx(0.9, abs=1e-6)
    assert measured(found, "p_sure_31") == pytest.approx(1.0, abs=1e-6)
    assert measured(found, "pr_spread_11") == pytest.approx(0.0, abs=1e-3)
    assert (measured(found, "usual") == 1).all()


def test_a_spread_is_that_of_sure_p_waves_alone():
    pr_s = np.where(np.arange(60) % 2, 0.14, 0.18)
    score = np.full(60, 0.9)
    pr_s[::7], score[::7] = 0.4, 0.2
    found = measure_p_around(conduction(60, pr_score=score, pr_s=pr_s), np.full(60, "N"), np.array([30]))
    assert measured(found, f"pr_spread_{AROUND}")[0] == pytest.approx(0.02, abs=0.002)


def test_ventricular_beats_count_for_nothing():
    score = np.where(np.arange(60) % 3 == 0, 0.0, 0.8)
    symbol = np.where(np.arange(60) % 3 == 0, "V", "N")
    found = measure_p_around(conduction(60, pr_score=score, pr_s=0.15), symbol, np.array([20, 40]))
    assert measured(found, "p_score_11") == pytest.approx(0.8, abs=1e-6)


def test_a_change_is_seen_within_a_few_beats():
    score = np.where(np.arange(80) < 40, 0.9, 0.1)
    near = measured(measure_p_around(conduction(80, pr_score=score), np.full(80, "N"), np.arange(80)), "p_score_5")
    assert near[37] == pytest.approx(0.9, abs=1e-6)
    assert near[42] == pytest.approx(0.1, abs=1e-6)


def test_without_p_waves_all_is_nothing():
    found = measure_p_around(conduction(20), np.full(20, "N"), np.arange(20))
    assert found.shape == (20, len(MEASURES))
    assert not found.any()
    assert set(FACTS) <= set(MEASURES)
