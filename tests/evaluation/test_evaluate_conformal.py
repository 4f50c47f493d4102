"""Conformal sets and abstention: thresholds by hand, promises kept in simulation, a second computation of each."""

from __future__ import annotations

import itertools
from math import inf

import numpy as np
import pytest

from pipeline._util.provenance import Provenance
from pipeline.errors import DataError
from pipeline.evaluation import abstention, conformal
from pipeline.evaluation import uncertainty as measured
from pipeline.evaluation.conformal import Patient
from pipeline.evaluation.record_predictions import RecordPredictions
from pipeline.evaluation.uncertainty_schema import CurvePoint, GateErrors

MADE = Provenance("a test", "abc123", "synthetic", "2026-11-22")


def patient(p, truth, record="800", read=None):
    p = np.asarray(p, float)
    return Patient(record, p, np.asarray(truth), np.ones(len(p), bool) if read is None else np.asarray(read))


def simulated(rng, record, n=200):
    """A patient whose own quality differs from others': the network reads some people worse."""
    skill = rng.normal(3.0, 1.2)
    truth = rng.choice(5, n, p=[0.8, 0.08, 0.09, 0.02, 0.01])
    logits = rng.normal(0, 1.2, (n, 5))
    logits[np.arange(n), truth] += skill
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return patient(p, truth, record)


def test_the_beat_threshold_is_the_ranked_score_by_hand():
    scores = [np.arange(1, 11) / 100, np.arange(11, 20) / 100]  # 19 beats
    assert conformal.beat_threshold(scores, 0.1) == 0.18  # ceil(20 x 0.9) = 18th
    assert conformal.beat_threshold(scores, 0.05) == 0.19
    assert conformal.beat_threshold(scores, 0.04) == inf


def test_one_beat_a_patient_makes_the_hierarchical_threshold_the_usual_one():
    rng = np.random.default_rng(0)
    for n, alpha in itertools.product((9, 19, 40, 99), (0.05, 0.1, 0.2)):
        scores = [rng.random(1) for _ in range(n)]
        assert conformal.hierarchical_threshold(scores, alpha) == conformal.beat_threshold(scores, alpha)


def test_in_the_hierarchical_threshold_a_patient_with_many_beats_weighs_no_more():
    few, many = np.array([0.1, 0.9]), np.linspace(0, 0.05, 1000)
    # weights 1/3 for each patient and the new one: 2/3 reached only with the last beat of the few
    assert conformal.hierarchical_threshold([few, many], 1 / 3) == 0.9
    assert conformal.hierarchical_threshold([few, many], 0.5) == 0.1
    assert conformal.hierarchical_threshold([few, many], 0.3) == inf


def test_each_patients_own_threshold_holds_exactly_the_share_asked_for():
    scores = np.arange(1, 21) / 100
    assert conformal.own_threshold(scores, 0.05) == 0.19
    assert conformal.own_threshold(scores, 0.06) == 0.19
    assert conformal.own_threshold(scores, 0.04) == 0.20
    assert conformal.own_threshold(np.array([0.3]), 0.05) == 0.3


def test_nineteen_patients_are_needed_and_the_worst_of_them_sets_the_threshold():
    scores = [np.full(10, k / 100) for k in range(1, 20)]
    assert conformal.patient_threshold(scores, 0.05, 0.05) == 0.19
    assert conformal.patient_threshold(scores[:18], 0.05, 0.05) == inf
    assert conformal.patient_threshold(scores, 0.05, 0.1) == 0.18


def test_the_promise_to_patients_is_kept_and_that_over_beats_is_not():
    rng = np.random.default_rng(1)
    held = {"beats": [], "patients": []}
    mean = []
    for _ in range(150):
        group = [simulated(rng, str(i), 60) for i in range(40)]
        scores = [one.score for one in group[:-1]]
        for name, threshold in (
            ("beats", conformal.beat_threshold(scores)),
            ("patients", conformal.patient_threshold(scores)),
        ):
            held[name].append(conformal.contains_truth(group[-1], threshold).mean() >= 0.95)
        mean.append(conformal.contains_truth(group[-1], conformal.hierarchical_threshold(scores)).mean())
    assert np.mean(held["beats"]) < 0.8
    assert np.mean(held["patients"]) > 0.92  # 0.95 promised; 150 patients leave 0.018 of error
    assert np.mean(mean) > 0.93


def test_sets_hold_what_is_likely_enough_the_likeliest_always_and_all_where_nobody_read():
    one = patient([[0.6, 0.3, 0.1, 0, 0], [0.2, 0.2, 0.3, 0.2, 0.1], [0, 0, 0, 0, 0]], [1, 0, 3], read=[1, 1, 0])
    one = Patient(one.record, one.p, one.truth, one.read.astype(bool))
    assert conformal.class_sets(one, 0.7).tolist() == [
        [True, True, False, False, False],
        [False, False, True, False, False],
        [True] * 5,
    ]
    assert conformal.class_sets(one, inf).all()


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.8, 0.97, inf])
def test_a_truth_is_held_exactly_where_its_set_says_so(threshold):
    one = simulated(np.random.default_rng(2), "800", 500)
    read = np.random.default_rng(3).random(500) < 0.9
    one = Patient("800", np.where(read[:, None], one.p, 0), one.truth, read)
    sets = conformal.class_sets(one, threshold)
    assert np.array_equal(conformal.contains_truth(one, threshold), sets[np.arange(500), one.truth])


def answers(confidence, wrong):
    """A patient answered N with these confidences; wrong ones are V."""
    rest = (1 - np.asarray(confidence, float)) / 4
    p = np.stack([confidence, rest, rest, rest, rest], axis=1)
    return patient(p, np.where(wrong, 2, 0))


def test_the_confidence_to_answer_at_by_hand():
    group = [answers([0.99, 0.9, 0.8, 0.7], [0, 0, 0, 0])] * 18 + [answers([0.99, 0.9, 0.8, 0.7], [0, 0, 1, 1])]
    # (errors / 4 + 1) / 20: answering nothing gives 0.05 already; each error adds 0.0125
    assert abstention.abstention_confidence(group, 0.05) == 0.9
    assert abstention.abstention_confidence(group, 0.063) == 0.8
    assert abstention.abstention_confidence(group, 0.08) == 0.0
    assert abstention.abstention_confidence(group, 0.04) == inf


def test_beats_that_are_equally_sure_are_answered_together_or_not_at_all():
    group = [answers([0.9, 0.8, 0.8, 0.8], [0, 0, 0, 0])] * 18 + [answers([0.9, 0.8, 0.8, 0.8], [0, 0, 0, 1])]
    assert abstention.abstention_confidence(group, 0.05) == 0.9


def test_abstention_keeps_to_its_target_on_new_patients():
    rng = np.random.default_rng(4)
    wrong = []
    for _ in range(150):
        group = [simulated(rng, str(i), 60) for i in range(30)]
        at = abstention.abstention_confidence(group[:-1], 0.1)
        wrong.append(np.mean(group[-1].wrong & (group[-1].confidence >= at)))
    assert np.mean(wrong) <= 0.11


def test_risk_and_coverage_by_hand_and_ties_share_their_errors():
    kept, error = abstention.risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([False, True, False, True]))
    assert kept.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert error == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])
    _, tied = abstention.risk_coverage(np.full(4, 0.5), np.array([True, False, False, False]))
    assert tied == pytest.approx([0.25] * 4)


def test_the_area_is_the_mean_over_all_orders_of_ties_and_nothing_spares_a_perfect_order():
    confidence, wrong = np.array([0.9, 0.5, 0.5, 0.5, 0.2]), np.array([False, True, False, False, True])
    areas = [np.mean(np.cumsum(wrong[[0, *order, 4]]) / np.arange(1, 6)) for order in itertools.permutations((1, 2, 3))]
    area, excess = abstention.area_under_risk(confidence, wrong)
    assert area == pytest.approx(np.mean(areas))
    best = min(np.mean(np.cumsum(wrong[list(o)]) / np.arange(1, 6)) for o in itertools.permutations(range(5)))
    assert excess == pytest.approx(area - best)
    assert abstention.area_under_risk(-wrong.astype(float), wrong)[1] == pytest.approx(0)


def predictions(name, seed, n=120):
    rng = np.random.default_rng(seed)
    one = simulated(rng, name, n)
    at = np.arange(1, n + 1, dtype=np.int64) * 200
    symbols = tuple("NAVFQ"[k] for k in one.truth)
    return RecordPredictions(name, 128.0, n * 300, at, symbols, at, one.p.astype(np.float32), np.ones(n, bool))


def test_every_other_record_calibrates_and_no_calibrating_patient_is_tested():
    everyone = [predictions(str(800 + i), i) for i in range(40)]
    others = [predictions(name, i) for i, name in enumerate(("100", "103", "232"))]
    noisy = {item.record: np.zeros(item.sample.size, bool) for item in (*everyone, *others)}
    found = measured.uncertainty(
        everyone[::-1], {"ds2": ("DS2", others)}, database="svdb", below=0.4, noisy=noisy, provenance=MADE, halves=5
    )
    assert found.calibration.records == tuple(str(800 + i) for i in range(0, 40, 2))
    assert found.calibration.beats == 20 * 120
    here, there = found.tested
    assert here.records == tuple(str(800 + i) for i in range(1, 40, 2))
    assert there.records == ("100", "103", "232")
    assert here.without_232 is None
    assert [row.name for row in there.without_232] == ["beats", "hierarchical", "patients"]
    by_name = {row.name: row for row in here.methods}
    assert by_name["beats"].coverage <= by_name["hierarchical"].coverage <= by_name["patients"].coverage
    own = list(by_name["patients"].per_patient.values())
    assert by_name["patients"].worst == min(own)
    assert by_name["patients"].patients_held == np.mean(np.array(own) >= 0.95)
    assert found.halves.repeats == 5


def test_where_half_would_be_too_few_all_calibrate_and_only_others_test():
    everyone = [predictions(str(800 + i), i) for i in range(26)]
    noisy = {item.record: np.zeros(item.sample.size, bool) for item in everyone}
    found = measured.uncertainty(
        everyone[:20], {"ds2": ("DS2", everyone[20:])}, database="svdb", below=0.4, noisy=noisy, provenance=MADE
    )
    assert len(found.calibration.records) == 20
    assert [tested.name for tested in found.tested] == ["ds2"]
    assert found.halves is None


def test_too_few_patients_are_refused():
    with pytest.raises(DataError, match="18 patients of 'svdb' can calibrate and at least 19 are needed"):
        measured.uncertainty(
            [predictions(str(800 + i), i) for i in range(18)], {}, database="svdb", below=0.4, noisy={}, provenance=MADE
        )


def test_the_rule_of_the_app_counts_each_beat_once_and_the_errors_where_it_went():
    p = np.array([[0.9, 0.1, 0, 0, 0], [0.35, 0.3, 0.2, 0.15, 0], [0.2, 0.8, 0, 0, 0], [0] * 5, [0.7, 0.3, 0, 0, 0]])
    one = patient(p, [0, 0, 0, 0, 2], read=[True, True, True, False, True])
    found = abstention.app_rule([one], 0.4, {"800": np.array([False, False, True, True, False])})
    shares = {name: getattr(found, name) for name in ("unread", "noisy", "unsure", "answered")}
    assert shares == {"unread": 0.2, "noisy": 0.2, "unsure": 0.2, "answered": 0.4}
    assert found.error == GateErrors(all=0.6, noisy=1.0, unsure=0.0, after_gate=pytest.approx(1 / 3), answered=0.5)
    assert found.on_curve == CurvePoint(coverage=0.6, error=pytest.approx(2 / 3))


def test_the_rule_of_the_app_lies_on_the_risk_coverage_curve_where_nothing_is_noisy():
    group = [simulated(np.random.default_rng(seed), str(seed)) for seed in range(4)]
    found = abstention.app_rule(group, 0.8, {item.record: np.zeros(200, bool) for item in group})
    kept, error = abstention.risk_coverage(
        np.concatenate([item.confidence for item in group]), np.concatenate([item.wrong for item in group])
    )
    at = found.on_curve
    assert np.interp(at.coverage, kept, error) == pytest.approx(at.error)
    assert at == CurvePoint(coverage=found.answered, error=found.error.answered)
