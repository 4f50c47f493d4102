"""Two networks compared: cases by hand, the exact permutation test, statsmodels-free second implementations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from pipeline.datasets.splits import DS2
from pipeline.errors import DataError
from pipeline.evaluation import compare, metrics
from pipeline.evaluation.report import evaluate_predictions
from tests.helpers.predictions import detected, synthetic


def reported(skill, records=DS2[:8], *, kind="reference", n=200, seed=0):
    items = [synthetic(name, n, seed, skill=skill) for name in records]
    if kind == "detected":
        items = [detected(item) for item in items]
    return evaluate_predictions(items, kind=kind, resamples=20)


def measure(comparison, name):
    return next(d for d in comparison.differences if d.measure == name)


def test_a_network_does_not_differ_from_itself():
    report = reported(3.0)
    found = compare.compare_reports(report, report, resamples=50, swaps=50)
    for row in found.differences:
        assert (row.difference, row.low, row.high, row.p) == (0, 0, 0, 1), row.measure
    assert found.mcnemar == compare.McNemar(0, 0, 1.0, 1.0)


def test_the_difference_is_that_of_the_two_reports_and_turns_its_sign_with_their_order():
    good, poor = reported(4.0), reported(2.0)
    there, back = compare.compare_reports(good, poor, resamples=200), compare.compare_reports(poor, good, resamples=200)
    for row in there.differences:
        values = [report.overall[row.measure].value for report in (good, poor)]
        assert row.difference == pytest.approx(values[0] - values[1], abs=2e-5)
        assert row.low <= row.difference <= row.high
        other = measure(back, row.measure)
        assert (other.low, other.high) == pytest.approx((-row.high, -row.low))
    assert measure(there, "accuracy").p < 0.05
    assert measure(there, "accuracy").low > 0


def test_p_is_that_of_all_exchanges_of_whole_patients():
    good, poor = reported(2.6, DS2[:6], n=80), reported(2.2, DS2[:6], n=80)
    right = [np.array([np.trace(np.reshape(row.confusion, (6, 6))) for row in r.per_record]) for r in (good, poor)]
    surplus = right[0] - right[1]
    signs = np.array(list(itertools.product((1, -1), repeat=6)))
    exact = np.mean(np.abs(signs @ surplus) >= abs(surplus.sum()))
    found = measure(compare.compare_reports(good, poor, resamples=20, swaps=20_000), "accuracy").p
    assert found == pytest.approx(exact, abs=0.02)


def test_one_lucky_patient_is_no_proof_though_mcnemar_over_beats_says_so():
    n = 10
    first = [np.ones(100, bool)] + [np.ones(100, bool) for _ in range(n - 1)]
    second = [np.zeros(100, bool)] + [np.ones(100, bool) for _ in range(n - 1)]
    found = compare.mcnemar(first, second, units=np.arange(n))
    assert (found.only_first, found.only_second) == (100, 0)
    assert found.p_beats < 1e-20
    assert found.p_patients > 0.2


def test_mcnemar_over_beats_is_the_textbook_test():
    rng = np.random.default_rng(0)
    first, second = rng.random(500) < 0.9, rng.random(500) < 0.86
    found = compare.mcnemar([first], [second], units=np.zeros(1, np.int64))
    b, c = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    assert (found.only_first, found.only_second) == (b, c)
    assert found.p_beats == pytest.approx(chi2.sf((b - c) ** 2 / (b + c), 1))
    assert found.p_beats == pytest.approx(binomtest(b, b + c).pvalue, abs=0.1)
    assert np.isnan(found.p_patients)


def test_with_one_beat_a_patient_the_clustered_test_is_the_usual_one():
    rng = np.random.default_rng(1)
    first, second = rng.random(4000) < 0.9, rng.random(4000) < 0.89
    units = np.arange(4000)
    found = compare.mcnemar(list(first[:, None]), list(second[:, None]), units=units)
    whole = compare.mcnemar([first], [second], units=np.zeros(1, np.int64))
    assert found.p_patients == pytest.approx(whole.p_beats, abs=0.01)


def test_records_of_one_person_are_one_patient():
    right, wrong = np.ones(50, bool), np.zeros(50, bool)
    two = compare.mcnemar([right, right, right], [wrong, wrong, right], units=np.array([0, 0, 1]))
    three = compare.mcnemar([right, right, right], [wrong, wrong, right], units=np.array([0, 1, 2]))
    assert two.p_patients > three.p_patients


def test_detected_beats_are_compared_without_mcnemar():
    found = compare.compare_reports(
        reported(4.0, kind="detected"), reported(2.0, kind="detected"), resamples=20, swaps=20
    )
    assert found.mcnemar is None
    assert measure(found, "V_f1").difference > 0


def test_a_record_can_be_left_out():
    found = compare.compare_reports(reported(4.0), reported(3.0), without=("100",), resamples=20, swaps=20)
    assert found.records == DS2[1:8]


def test_reports_of_other_records_are_compared_on_those_they_share():
    first, second = compare.shared(reported(4.0), reported(3.0, DS2[2:10]))
    assert compare.compare_reports(first, second, resamples=20, swaps=20).records == DS2[2:8]
    whole = reported(4.0)
    assert compare.shared(whole, whole) == (whole, whole)


def test_reports_that_are_no_pair_are_refused():
    report = reported(3.0)
    with pytest.raises(DataError, match="not evaluated on the same records"):
        compare.compare_reports(report, reported(3.0, DS2[:3]))
    with pytest.raises(DataError, match="not evaluated on the same records"):
        compare.compare_reports(report, reported(3.0, kind="detected"))
    with pytest.raises(DataError, match="Record '100' does not have the same reference beats"):
        compare.compare_reports(report, reported(3.0, seed=5), resamples=20, swaps=20)
    with pytest.raises(DataError, match="no record to be compared on"):
        compare.compare_reports(report, report, without=report.records)


def test_the_text_names_every_measure_and_which_test_to_believe():
    text = compare.as_text(compare.compare_reports(reported(4.0), reported(3.0), resamples=20, swaps=20))
    assert all(name in text for name in compare.MEASURES)
    assert "patients as units" in text
    assert "taken for independent (they are not)" in text


def test_every_measure_compared_is_one_of_the_reports():
    known = set(metrics.all_scores(np.zeros((6, 6)))) | set(metrics.binary_scores(np.zeros(4)))
    assert set(compare.MEASURES) <= known
