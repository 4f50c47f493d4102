"""Calibration: temperatures that are known, bins by hand, properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.softmax import softmax
from pipeline.evaluation import calibration


def honest_logits(n=20_000, seed=0):
    """Logits whose softmax is the true distribution of the labels drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (n, 5))
    cumulative = np.cumsum(softmax(logits), axis=1)
    return logits, np.sum(rng.random((n, 1)) > cumulative[:, :-1], axis=1)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.5])
def test_the_temperature_undoes_a_known_overconfidence(factor):
    logits, labels = honest_logits()
    found = calibration.fit_temperature(logits * factor, labels)
    assert found == pytest.approx(factor, rel=0.05)
    before = calibration.expected_calibration_error(softmax(logits * factor), labels)
    after = calibration.expected_calibration_error(softmax(logits * factor, temperature=found), labels)
    assert after < 0.015
    assert after <= before + 1e-3


def test_certainty_costs_nothing_and_is_not_printed_as_less_than_nothing():
    found = calibration.negative_log_likelihood(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 0]))
    assert f"{found:.4f}" == "0.0000"


def test_a_temperature_does_not_change_which_class_wins():
    logits, _ = honest_logits(200)
    cold, hot = softmax(logits, temperature=0.3), softmax(logits, temperature=9.0)
    assert np.array_equal(cold.argmax(axis=1), hot.argmax(axis=1))


@pytest.mark.parametrize("labels", [[], [0, 1]])
def test_a_temperature_cannot_be_fitted_to_nothing_or_to_other_beats(labels):
    with pytest.raises(ValueError, match=r"logits \(n, k\) and labels \(n,\) with n > 0 are needed"):
        calibration.fit_temperature(np.zeros((len(labels) * 2, 5)), np.array(labels, int))


@pytest.mark.parametrize(
    ("right", "wrong", "classes", "gap", "expected"),
    [
        (6, 0, 2, 4.0, 4 / np.log(7)),  # 7/8 : 1/8
        (8, 0, 3, 40.0, 40 / np.log(18)),  # 9/10 : 1/20 for each of the others
        (4, 0, 2, 100.0, 100 / np.log(5)),  # 5/6 : 1/6
        (97, 1, 2, 1.0, 1 / np.log(49)),  # (97 * 99/100 + 1/100) / 98 = 49/50
    ],
)
def test_a_smoothed_temperature_by_hand(right, wrong, classes, gap, expected):
    logits = np.zeros((right + wrong, classes))
    logits[:, 0] = gap
    labels = np.array([0] * right + [1] * wrong)
    assert calibration.fit_temperature(logits, labels, smoothed=True) == pytest.approx(expected, rel=1e-3)


def test_a_few_answers_that_are_all_right_are_certain_only_without_smoothing():
    truth = np.tile([0, 1], 3)
    logits = np.where(np.eye(2)[truth] > 0, 2.0, -2.0)
    plain, smoothed = (
        softmax(logits, temperature=calibration.fit_temperature(logits, truth, smoothed=way)).max(axis=1)
        for way in (False, True)
    )
    assert plain.min() > 1 - 1e-9
    assert smoothed == pytest.approx(7 / 8, abs=1e-3)


def test_smoothed_targets_are_platts_with_two_classes_and_share_the_rest_with_more():
    assert calibration.smoothed_targets(np.array([1, 0]), 2) == pytest.approx(np.array([[0.25, 0.75], [0.75, 0.25]]))
    assert calibration.smoothed_targets(np.array([2] * 8), 3)[0] == pytest.approx([0.05, 0.05, 0.9])


def test_smoothing_changes_nothing_with_many_answers():
    logits, labels = honest_logits()
    assert calibration.fit_temperature(logits, labels, smoothed=True) == pytest.approx(
        calibration.fit_temperature(logits, labels), rel=2e-3
    )


def test_the_calibration_error_by_hand():
    p = np.array([[0.9, 0.1]] * 10 + [[0.3, 0.7]] * 10)
    labels = np.array([0] * 8 + [1] * 2 + [1] * 7 + [0] * 3)
    assert calibration.expected_calibration_error(p, labels) == pytest.approx(0.5 * 0.1)
    assert calibration.classwise_calibration_error(p, labels) == pytest.approx([0.05, 0.05])


def test_a_border_belongs_to_the_lower_bin_and_the_ends_are_inside():
    bins = calibration.reliability(np.array([0.0, 0.5, 0.5001, 1.0]), np.ones(4, bool), bins=2)
    assert bins.count.tolist() == [2, 2]
    assert bins.lower.tolist() == [0.0, 0.5]


def test_an_empty_bin_has_no_rate():
    bins = calibration.reliability(np.array([0.9, 0.9]), np.array([True, False]), bins=2)
    assert np.isnan(bins.observed[0])
    assert bins.observed[1] == 0.5
    assert bins.error == pytest.approx(0.4)


def test_there_is_no_calibration_error_without_beats():
    assert np.isnan(calibration.expected_calibration_error(np.zeros((0, 5)), np.zeros(0, int)))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 59))
def test_sums_of_parts_add_up_to_the_whole(beats, cut):
    stated, right = np.array([s for s, _ in beats]), np.array([r for _, r in beats])
    whole = calibration.reliability_sums(stated, right)
    parts = [calibration.reliability_sums(stated[part], right[part]) for part in (slice(cut), slice(cut, None))]
    assert np.allclose(whole, parts[0] + parts[1])
    assert whole[:, 0].sum() == len(beats)
    assert calibration.reliability(stated, right).error == pytest.approx(float(calibration.error_of_sums(whole)))


def test_moving_the_prior_by_hand():
    logits = np.log(np.array([[0.5, 0.5]]))
    moved = calibration.adjust_prior(logits, trained=np.array([1.0, 1.0]), target=np.array([9.0, 1.0]))
    assert softmax(moved) == pytest.approx(np.array([[0.9, 0.1]]))


def test_moving_the_prior_there_and_back_changes_nothing():
    logits, _ = honest_logits(50)
    one, other = np.array([90, 2, 5, 2, 1.0]), np.ones(5)
    back = calibration.adjust_prior(
        calibration.adjust_prior(logits, trained=one, target=other), trained=other, target=one
    )
    assert softmax(back) == pytest.approx(softmax(logits))


def test_the_equal_cost_threshold_balances_sensitivity_and_specificity():
    score = np.array([0.05, 0.15, 0.25, 0.35, 0.30, 0.60, 0.90])
    abnormal = np.array([False] * 4 + [True] * 3)
    assert calibration.equal_cost_threshold(score, abnormal) == pytest.approx(0.26)  # 3 of 3 and 3 of 4


def test_a_score_on_the_threshold_counts_as_abnormal_and_the_lowest_of_equals_is_taken():
    score, abnormal = np.array([0.1, 0.5]), np.array([False, True])
    assert calibration.equal_cost_threshold(score, abnormal) == pytest.approx(0.11)
    assert calibration.equal_cost_threshold(np.array([0.0, 0.02]), abnormal) == pytest.approx(0.02)


def test_the_rarer_kind_weighs_no_less():
    score, abnormal = np.concatenate([np.linspace(0, 0.6, 1000), [0.5, 0.7]]), np.arange(1002) >= 1000
    once = calibration.equal_cost_threshold(score, abnormal)
    often = np.concatenate([score[:1000], np.repeat(score[1000:], 500)])
    assert calibration.equal_cost_threshold(often, np.arange(2000) >= 1000) == once
