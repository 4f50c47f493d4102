"""Detectors of folds are found by evaluations, and none of them knows the records of its fold."""

from __future__ import annotations

import json

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from models.boosted_trees import from_scikit_learn
from models.detectors import detector_manifest, write_detector
from pipeline.evaluation.held_out_detectors import fold_count, readers
from pipeline.training.rhythms.folds import write_folds

FACTS = {
    "temperature": 1.0, "bias": (0.0, 0.0), "trained_on": "", "commit": "", "command": "", "seed": 0,
    "training_minutes": 0.0, "train_records": ("mitdb/100", "mitdb/201", "nstdb/em"),
}  # fmt: skip
SAID = {"title": "Some", "classes": ("no", "yes"), "measures": ("x",)}


def trees():
    x = np.linspace(0, 1, 50)[:, None]
    return from_scikit_learn(HistGradientBoostingClassifier(max_iter=2).fit(x, x[:, 0] > 0.5))


def test_evaluations_find_the_fold_of_each_record(tmp_path):
    weights, folds = tmp_path / "weights", tmp_path / "folds"
    write_detector("some", trees(), facts=dict(FACTS), folder=weights, **SAID)
    place = write_folds(
        "some", {0: trees(), 1: trees()}, {"mitdb/100": 0, "mitdb/201": 1}, facts=FACTS, folder=folds, **SAID
    )
    assert json.loads((place / "folds.json").read_text()) == {"mitdb/202": 1, "mitdb/100": 0, "mitdb/201": 1}
    for record, number in (("mitdb/100", 0), ("mitdb/201", 1), ("mitdb/202", 1)):
        found = readers(record, weights=weights, folds=folds)
        assert found.places == {"some": place / f"fold_{number}" / "some"}
        assert found.seen == ()
    assert readers("nstdb/em", weights=weights, folds=folds).seen == ("some",)  # of no fold
    assert detector_manifest("some", place / "fold_0").train_records == ("mitdb/201", "nstdb/em")
    assert fold_count("some", folds) == 2
