"""Intervals over patients: cluster sizes, determinism, agreement with the direct computation."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.datasets.splits import DS1, DS2
from pipeline.evaluation import bootstrap, metrics


def test_each_resample_draws_as_many_patients_as_there_are():
    weights = bootstrap.patient_weights(DS2, resamples=200)
    assert weights.shape == (200, 22)
    assert np.all(weights.sum(axis=1) == 22)


def test_the_two_records_of_one_man_are_drawn_together():
    records = (*DS1, *DS2)
    weights = bootstrap.patient_weights(records, resamples=100)
    assert np.array_equal(weights[:, records.index("201")], weights[:, records.index("202")])
    assert not np.array_equal(weights[:, records.index("201")], weights[:, records.index("203")])


def test_a_seed_fixes_the_resamples():
    same = [bootstrap.patient_weights(DS2, resamples=5, seed=seed) for seed in (1, 1, 2)]
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(same[0], same[2])


def test_a_resample_adds_up_the_counts_of_the_drawn_records():
    per_record = np.arange(2 * 36).reshape(2, 6, 6)
    drawn = bootstrap.resample(per_record, np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert np.array_equal(drawn[0], 2 * per_record[0])
    assert np.array_equal(drawn[1], per_record.sum(axis=0))


def test_patients_that_are_all_alike_leave_no_uncertainty():
    matrix = np.zeros((6, 6), int)
    matrix[0, 0], matrix[2, 2], matrix[2, 0] = 90, 8, 2
    drawn = bootstrap.resample(np.stack([matrix] * 22), bootstrap.patient_weights(DS2))
    low, high = bootstrap.intervals(metrics.all_scores(drawn))["V_se"]
    assert low == high == pytest.approx(0.8)


def test_one_odd_patient_widens_the_interval_as_the_binomial_law_says():
    matrices = np.zeros((22, 6, 6), int)
    matrices[:, 0, 0] = 100
    matrices[0, 0, 0], matrices[0, 0, 2] = 0, 100
    drawn = bootstrap.resample(matrices, bootstrap.patient_weights(DS2, resamples=4000))
    low, high = bootstrap.intervals(metrics.all_scores(drawn))["accuracy"]
    assert high == 1
    assert low == pytest.approx(1 - 3 / 22)


def test_an_undefined_measure_has_an_undefined_interval():
    assert np.isnan(bootstrap.intervals({"x": np.full(10, np.nan)})["x"]).all()


def test_the_ranking_of_binned_scores_is_that_of_the_scores_themselves():
    rng = np.random.default_rng(3)
    truth = [rng.random(3000) < share for share in (0.05, 0.3, 0.1)]
    score = [1 / (1 + np.exp(-rng.normal(3.0 * t - 2, 1.5))) for t in truth]
    weights = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 1.0]])
    found = bootstrap.ranking_resamples(truth, score, weights)
    for row, index in enumerate(([0, 1, 2], [1, 1, 2])):
        expected = metrics.ranking_scores(
            np.concatenate([truth[i] for i in index]), np.concatenate([score[i] for i in index])
        )
        assert found["binary_auc"][row] == pytest.approx(expected[0], abs=1e-3)
        assert found["binary_ap"][row] == pytest.approx(expected[1], abs=1e-3)


def test_beats_with_the_same_score_count_half():
    truth, score = np.array([True, True, False, False]), np.array([0.9, 0.5, 0.5, 0.1])
    found = bootstrap.ranking_resamples([truth], [score], np.ones((1, 1)))
    assert found["binary_auc"][0] == pytest.approx(metrics.ranking_scores(truth, score)[0])
    assert found["binary_ap"][0] == pytest.approx(metrics.ranking_scores(truth, score)[1])


def test_a_resample_without_abnormal_beats_has_no_ranking():
    found = bootstrap.ranking_resamples([np.zeros(5, bool)], [np.linspace(0, 1, 5)], np.ones((1, 1)))
    assert np.isnan(found["binary_auc"]).all()
