"""Scores: published tables recomputed, cases by hand, properties, scikit-learn beside ours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    cohen_kappa_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

from pipeline.evaluation import metrics
from pipeline.evaluation.class_scores import class_report
from pipeline.evaluation.record_predictions import RecordPredictions

# de Chazal et al. 2004, DS2 (rows N S V F Q): the rows sum to the beats of DS2, the rates are the published ones.
DE_CHAZAL_2004 = np.array(
    [
        [38444, 1904, 303, 3509, 99, 0],
        [173, 1395, 252, 16, 1, 0],
        [117, 321, 2504, 176, 103, 0],
        [33, 1, 7, 347, 0, 0],
        [5, 0, 0, 2, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
)


def make(record="100", *, truth="NNVSN", predicted="NNVSN", sample=None, fs=360.0, has_p=None, n_samples=36_000):
    """A record whose beats lie one second apart and are predicted with p = 0.9."""
    at = np.arange(1, len(truth) + 1, dtype=np.int64) * int(fs)
    p = np.full((len(predicted), 5), 0.025, np.float32)
    p[np.arange(len(predicted)), ["NSVFQ".index(c) for c in predicted]] = 0.9
    return RecordPredictions(
        record=record,
        fs=fs,
        n_samples=n_samples,
        reference_sample=at,
        reference_symbol=tuple(truth),
        sample=at if sample is None else np.array(sample, np.int64),
        p=p,
        has_p=np.ones(len(predicted), bool) if has_p is None else np.array(has_p),
    )


def test_the_confusion_matrix_of_de_chazal_2004_gives_the_rates_he_published():
    assert DE_CHAZAL_2004.sum(axis=1).tolist() == [44259, 1837, 3221, 388, 7, 0]
    scores = metrics.all_scores(DE_CHAZAL_2004)
    published = {
        **{"N_se": 86.9, "N_ppv": 99.2, "S_se": 75.9, "sveb_se": 75.9, "sveb_ppv": 38.5},
        **{"V_se": 77.7, "veb_se": 77.7, "veb_ppv": 81.9, "F_se": 89.4, "F_ppv": 8.6, "accuracy": 85.9},
    }
    assert {name: round(float(scores[name]) * 100, 1) for name in published} == published


@pytest.mark.parametrize(
    ("kappa", "s_se", "s_ppv", "v_se", "v_ppv", "j_kappa"),
    [(0.890, 0.872, 0.838, 0.946, 0.955, 0.896), (0.880, 0.800, 0.792, 0.983, 0.964, 0.882)],
)
def test_j_kappa_weighs_kappa_and_j_as_mar_2011_does(kappa, s_se, s_ppv, v_se, v_ppv, j_kappa):
    """A row of Teijeiro 2018 and one of this project's first network, recomputed independently."""
    assert kappa / 2 + (s_se + s_ppv + v_se + v_ppv) / 8 == pytest.approx(j_kappa, abs=6e-4)
    scores = metrics.overall_scores(DE_CHAZAL_2004)
    assert scores["j_kappa"] == pytest.approx(scores["kappa"] / 2 + scores["j"] / 8)


def test_ec57_does_not_blame_a_classifier_for_calling_fusion_or_unknown_beats_ventricular():
    matrix = np.zeros((6, 6), int)
    matrix[[0, 1, 2, 3, 4, 5], 2] = [1, 2, 60, 30, 40, 3]  # N S V F Q and extra detections called V
    matrix[2, [0, 5]] = [4, 6]  # V called N, V missed
    scores = metrics.ec57_scores(matrix)
    assert scores["veb_ppv"] == pytest.approx(60 / (60 + 1 + 2 + 3))
    assert scores["veb_se"] == pytest.approx(60 / (60 + 4 + 6))
    assert metrics.class_scores(matrix)["V_ppv"] == pytest.approx(60 / (60 + 1 + 2 + 30 + 40 + 3))


def test_ec57_blames_a_classifier_for_calling_ventricular_and_fusion_beats_supraventricular_but_not_unknown_ones():
    matrix = np.zeros((6, 6), int)
    matrix[[0, 1, 2, 3, 4, 5], 1] = [1, 50, 2, 3, 40, 4]
    assert metrics.ec57_scores(matrix)["sveb_ppv"] == pytest.approx(50 / (50 + 1 + 2 + 3 + 4))


def test_ec57_counts_missed_and_extra_beats_in_the_qrs_statistics():
    matrix = np.zeros((6, 6), int)
    matrix[0, 0], matrix[0, 5], matrix[5, 2] = 90, 10, 30
    scores = metrics.ec57_scores(matrix)
    assert (scores["qrs_se"], scores["qrs_ppv"]) == (pytest.approx(0.9), pytest.approx(0.75))
    assert scores["veb_fpr"] == pytest.approx(30 / (90 + 30))


def test_a_perfect_classifier_scores_one_everywhere():
    beats = metrics.score_beats(make(truth="NSVFN", predicted="NSVFN"), kind="reference")
    scores = metrics.all_scores(metrics.confusion(beats.truth, beats.predicted))
    for name in ("accuracy", "macro_f1", "kappa", "j_kappa", "S_f1", "V_f1", "F_f1", "qrs_f1", "veb_f1", "sveb_f1"):
        assert scores[name] == 1, name


def test_a_classifier_that_always_says_normal_has_no_kappa_and_no_f1_for_what_it_never_says():
    beats = metrics.score_beats(make(truth="NNNNSVF", predicted="NNNNNNN"), kind="reference")
    scores = metrics.all_scores(metrics.confusion(beats.truth, beats.predicted))
    assert (scores["accuracy"], scores["kappa"], scores["j"]) == (pytest.approx(4 / 7), 0, 0)
    assert (scores["V_f1"], scores["V_se"]) == (0, 0)
    assert np.isnan(scores["V_ppv"])


labels = arrays(np.int64, st.shared(st.integers(1, 60), key="n"), elements=st.integers(0, 4))


@settings(deadline=None)  # a busy machine is no error
@given(labels, labels)
def test_without_missed_and_extra_beats_our_scores_are_those_of_scikit_learn(truth, predicted):
    matrix = metrics.confusion(truth, predicted)
    scores = metrics.all_scores(matrix)
    assert matrix.sum() == truth.size
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    if len({*truth.tolist(), *predicted.tolist()}) > 1:
        assert scores["kappa"] == pytest.approx(cohen_kappa_score(truth, predicted), nan_ok=True)
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted, labels=range(5), zero_division=np.nan)
    for i, name in enumerate("NSVFQ"):
        assert scores[f"{name}_se"] == pytest.approx(recall[i], nan_ok=True)
        assert scores[f"{name}_ppv"] == pytest.approx(precision[i], nan_ok=True)
        assert scores[f"{name}_f1"] == pytest.approx(f1[i], nan_ok=True)


@settings(deadline=None)  # a busy machine is no error
@given(arrays(np.int64, (4, 6, 6), elements=st.integers(0, 50)))
def test_many_matrices_at_once_score_as_each_alone(matrices):
    together = metrics.all_scores(matrices)
    for i, matrix in enumerate(matrices):
        for name, value in metrics.all_scores(matrix).items():
            assert together[name][i] == pytest.approx(float(value), nan_ok=True)


@settings(deadline=None)  # a busy machine is no error
@given(st.text("NLRejAaJSVEF/fQn", min_size=1, max_size=40), st.data())
def test_at_reference_beats_the_matrix_holds_each_beat_once(truth, data):
    predicted = data.draw(st.text("NSVFQ", min_size=len(truth), max_size=len(truth)))
    beats = metrics.score_beats(make(truth=truth, predicted=predicted), kind="reference")
    matrix = metrics.confusion(beats.truth, beats.predicted)
    assert matrix.sum() == len(truth)
    assert matrix[5].sum() == matrix[:, 5].sum() == 0


@settings(deadline=None)  # a busy machine is no error
@given(st.text("NSVF", max_size=30), st.lists(st.integers(0, 11_000), max_size=30, unique=True))
def test_at_detected_beats_rows_hold_the_reference_and_columns_the_detections(truth, sample):
    beats = metrics.score_beats(make(truth=truth, predicted="N" * len(sample), sample=sorted(sample)), kind="detected")
    matrix = metrics.confusion(beats.truth, beats.predicted)
    assert matrix[:5].sum() == len(truth)
    assert matrix[:, :5].sum() == len(sample)
    assert matrix[5, 5] == 0


def test_a_detected_beat_takes_the_truth_of_its_partner_and_others_are_missed_or_extra():
    record = make(truth="NVS", predicted="NVS", sample=[360, 720 + 54, 1500])
    beats = metrics.score_beats(record, kind="detected")
    assert beats.truth.tolist() == [metrics.N, metrics.V, metrics.S, metrics.O]
    assert beats.predicted.tolist() == [metrics.N, metrics.V, metrics.O, metrics.S]
    assert beats.sample.tolist() == [360, 720, 1080, 1500]
    assert beats.symbol == ("N", "V", "S", "")


def test_a_beat_that_the_network_was_not_run_on_counts_as_q_and_is_not_flagged():
    beats = metrics.score_beats(make(truth="VV", predicted="VV", has_p=[True, False]), kind="reference")
    assert beats.predicted.tolist() == [metrics.V, metrics.Q]
    assert beats.abnormal.tolist() == [pytest.approx(0.975), 0]


def test_escape_beats_are_normal_for_de_chazal_and_supraventricular_for_bxb():
    record = make(truth="ejn", predicted="NNN")
    assert metrics.score_beats(record, kind="reference").truth.tolist() == [0, 0, 1]
    assert metrics.score_beats(record, kind="reference", table="bxb").truth.tolist() == [1, 1, 1]


def test_the_learning_period_is_left_out_by_the_time_of_the_reference_beat():
    record = make(truth="NNV", predicted="NNV", sample=[360, 700, 1100], n_samples=3600)
    beats = metrics.score_beats(record, kind="detected", start_s=2.0)
    assert beats.sample.tolist() == [720, 1080]  # the beat at 720 was detected at 700, before the two seconds
    assert beats.scored_s == pytest.approx(8.0)


def test_predictions_at_other_samples_than_the_reference_are_refused():
    with pytest.raises(ValueError, match="Record '100' has 2 predictions for 3 reference beats"):
        metrics.score_beats(make(truth="NNN", predicted="NN", sample=[360, 720]), kind="reference")


def test_for_normal_against_abnormal_unknown_beats_do_not_count_and_missed_ones_count_if_abnormal():
    record = make(truth="NQVNF", predicted="VVV", sample=[360, 720, 2500])
    beats = metrics.score_beats(record, kind="detected")
    counted, abnormal = metrics.binary_truth(beats)
    found = sorted(zip(beats.truth[counted].tolist(), abnormal[counted].tolist(), strict=True))
    assert found == [(metrics.N, False), (metrics.V, True), (metrics.F, True), (metrics.O, False)]
    counts = metrics.binary_counts(abnormal[counted], beats.abnormal[counted] >= 0.5)
    assert counts.tolist() == [0, 2, 2, 0]


def test_binary_scores_by_hand():
    scores = metrics.binary_scores(np.array([80, 20, 10, 90]))
    expected = {"se": 0.8, "sp": 0.9, "ppv": 80 / 90, "f1": 160 / 190, "balanced_accuracy": 0.85, "accuracy": 0.85}
    assert {name: float(scores[f"binary_{name}"]) for name in expected} == pytest.approx(expected)


def test_ranking_by_hand_and_undefined_for_one_class():
    assert metrics.ranking_scores(np.array([True, False]), np.array([0.9, 0.1])) == (1, 1)
    assert all(np.isnan(metrics.ranking_scores(np.array([True, True]), np.array([0.9, 0.1]))))


def test_average_statistics_leave_out_records_where_a_measure_is_undefined():
    first, second = np.zeros((6, 6), int), np.zeros((6, 6), int)
    first[2, 2], first[2, 0], second[0, 0] = 3, 1, 5
    average = metrics.average_scores(np.stack([first, second]))
    assert average["V_se"] == pytest.approx(0.75)
    assert average["accuracy"] == pytest.approx((0.75 + 1) / 2)


@pytest.mark.parametrize("steps", [4, 50, 10**9])
def test_ranking_agrees_with_scikit_learn_also_where_scores_are_equal(steps):
    rng = np.random.default_rng(steps)
    truth = rng.random(2000) < 0.1
    score = np.round(rng.random(2000) * 0.7 + 0.3 * truth * rng.random(2000), 9)
    score = np.floor(score * steps) / steps
    expected = roc_auc_score(truth, score), average_precision_score(truth, score)
    assert metrics.ranking_scores(truth, score) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("pictures", [4, 10, 200])
def test_answers_that_are_all_right_leave_room_for_those_that_were_not_seen(pictures):
    label = np.arange(pictures) % 2
    found = class_report(np.eye(2)[label], label, ("a", "b"))
    accuracy = found.overall.accuracy
    assert (accuracy.value, accuracy.high) == (1.0, 1.0)
    assert accuracy.low == pytest.approx(binomtest(pictures, pictures).proportion_ci(0.95).low, abs=1e-4)
    of_class = binomtest(pictures // 2, pictures // 2).proportion_ci(0.95).low
    for row in found.classes:
        assert [estimate.low for estimate in (row.recall, row.precision, row.f1)] == pytest.approx(
            [of_class] * 3, abs=1e-4
        )
    wrong = class_report(np.eye(2)[1 - label], label, ("a", "b")).overall.accuracy
    assert (wrong.low, wrong.high) == pytest.approx((0.0, 1 - accuracy.low), abs=1e-4)
    patients = class_report(np.eye(2)[label], label, ("a", "b"), group=np.arange(pictures) // 2)
    assert patients.overall.accuracy.low < accuracy.low
