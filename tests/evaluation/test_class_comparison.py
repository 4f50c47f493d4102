"""Two classifiers on the same pictures: differences, intervals and p mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from pipeline.evaluation.class_comparison import MEASURES, SWAPS, compare_answers, exact_p


def answers(label: np.ndarray, right: np.ndarray) -> np.ndarray:
    called = np.where(right, label, (label + 1) % 3)
    return np.eye(3, dtype=np.float32)[called]


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (1, 0), (7, 2), (3, 3), (25, 9)])
def test_the_exact_p_is_that_of_the_binomial_distribution(only_first, only_second):
    n = only_first + only_second
    wanted = binomtest(only_first, n).pvalue if n else 1.0
    assert exact_p(only_first, only_second) == pytest.approx(wanted)


def test_a_better_classifier_is_found_to_be_better_and_exchanging_them_only_turns_the_sign():
    rng = np.random.default_rng(1)
    label = rng.integers(0, 3, 200)
    good, bad = answers(label, rng.random(200) < 0.9), answers(label, rng.random(200) < 0.6)
    one, other = compare_answers(good, bad, label, 3), compare_answers(bad, good, label, 3)
    assert [row.measure for row in one.differences] == list(MEASURES)
    for a, b in zip(one.differences, other.differences, strict=True):
        assert 0 < a.low < a.difference < a.high
        assert (a.low, a.high) == pytest.approx((-b.high, -b.low))
        assert a.difference == pytest.approx(-b.difference)
        assert a.p == pytest.approx(1 / (SWAPS + 1))
    assert one.p < 0.001
    assert (one.only_first, one.only_second) == (other.only_second, other.only_first)
    accuracy = next(row for row in one.differences if row.measure == "accuracy")
    assert accuracy.difference == pytest.approx((one.only_first - one.only_second) / 200)


def test_where_there_is_no_difference_five_in_a_hundred_are_called_one():
    called = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        label = rng.integers(0, 3, 80)
        pair = [answers(label, rng.random(80) < 0.7) for _ in (0, 1)]
        found = compare_answers(pair[0], pair[1], label, 3, seed=seed)
        called += found.differences[1].p < 0.05
    assert called <= 11  # of a fair test, more in one run of 200


def test_copies_count_as_one():
    rng = np.random.default_rng(2)
    label = rng.integers(0, 3, 40)
    good, bad = answers(label, rng.random(40) < 0.9), answers(label, rng.random(40) < 0.7)
    alone = compare_answers(good, bad, label, 3)
    tenfold = compare_answers(
        np.repeat(good, 10, 0), np.repeat(bad, 10, 0), np.repeat(label, 10), 3, group=np.repeat(np.arange(40), 10)
    )
    assert (alone.test, tenfold.test) == ("exact", "clustered")
    assert (alone.groups, tenfold.groups, tenfold.pictures) == (40, 40, 400)
    for a, b in zip(alone.differences, tenfold.differences, strict=True):
        assert (b.difference, b.low, b.high, b.p) == pytest.approx((a.difference, a.low, a.high, a.p))
    assert tenfold.p > 0.2 * alone.p
