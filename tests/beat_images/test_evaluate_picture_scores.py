"""Scores of pictures of single beats: by hand, and where nothing was accepted."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.beat_images.scores import binary, called_abnormal, scores_of
from pipeline.evaluation.wilson import wilson

N, S, V, F = range(4)
ROWS = [
    *(("ink", N, "100", score) for score in (0.1, 0.2, 0.7)),
    *(("ink", V, "200", score) for score in (0.9, 0.8)),
    *(("ink", kind, "202", score) for kind, score in ((F, 0.6), (S, 0.3), (S, None))),
]


def test_what_was_refused_counts_for_acceptance_alone():
    found = scores_of(ROWS, 0.5)
    assert (found.n, found.accepted, found.share) == (8, 7, 7 / 8)
    assert (found.accuracy, found.sensitivity, found.specificity) == (0.7143, 0.75, 0.6667)
    assert found.auc == round(10 / 12, 4)
    assert found.intervals is None


def test_ventricular_and_fusion_beats_are_told_from_normal_ones_without_supraventricular_ones():
    found = scores_of(ROWS, 0.75)
    assert found.sensitivity_vf == round(2 / 3, 4)
    assert found.auc_vf == round(8 / 9, 4)


def test_a_style_of_which_nothing_was_accepted_has_no_scores():
    found = scores_of([("fax", V, "200", None), ("fax", N, "100", None)], 0.5, resamples=10)
    assert (found.accepted, found.interval) == (0, wilson(0, 2))
    for measure in ("accuracy", "sensitivity", "specificity", "auc", "sensitivity_vf", "auc_vf"):
        assert getattr(found, measure) is None, measure
    assert found.intervals is None
    assert called_abnormal([], V, 0.5) is None


def test_the_share_of_a_class_that_is_called_abnormal_is_of_what_was_accepted():
    assert called_abnormal(ROWS, S, 0.3) == 1.0
    assert called_abnormal(ROWS, N, 0.5) == 0.3333


def test_intervals_draw_patients_not_pictures():
    rows = [("ink", N, "100", 0.1)] * 50 + [("ink", N, "101", 0.9)] * 50
    assert scores_of(rows, 0.5, resamples=200).intervals["specificity"] == (0.0, 1.0)


def test_the_interval_of_a_share_is_wilsons():
    assert wilson(5, 10) == (0.2366, 0.7634)
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("truth", [True, False])
def test_one_class_alone_has_no_auc(truth):
    assert binary(np.full(3, truth), np.array([0.1, 0.5, 0.9]), 0.5).auc is None
