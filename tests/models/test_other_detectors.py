"""Within a context, detectors are loaded from elsewhere: those that were not trained on the record in hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from models.boosted_trees import from_scikit_learn
from models.detectors import (
    available_detectors,
    detector_manifest,
    detectors_from,
    load_detector,
    write_detector,
)
from models.errors import ModelError

FACTS = {
    "temperature": 1.0,
    "bias": (0.0, 0.0),
    "trained_on": "made numbers",
    "train_records": ("mitdb/100",),
    "commit": "",
    "command": "",
    "seed": 0,
    "training_minutes": 0.0,
}


def written(folder, name="af", *, turned=False):
    x = np.linspace(0, 1, 200)[:, None]
    y = (x[:, 0] > 0.5) != turned
    trees = from_scikit_learn(HistGradientBoostingClassifier(max_iter=5).fit(x, y))
    return write_detector(
        name, trees, title="AF", classes=("other", "AF"), measures=("x",), facts=FACTS, folder=folder
    )  # fmt: skip


def high(detector):
    return float(detector.probabilities(np.array([[0.9]]))[0, 1])


def test_within_the_context_a_detector_comes_from_elsewhere(tmp_path):
    usual = tmp_path / "usual"
    written(usual)
    place = written(tmp_path / "fold_0", turned=True)
    with detectors_from({"af": place, "other": place}) as asked:
        assert high(load_detector("af")) < 0.5
        assert high(load_detector("af", usual)) > 0.5  # a folder that is asked for is the one that is read
        assert asked == {"af"}
        with pytest.raises(ModelError):
            load_detector("no_such_detector")
    with pytest.raises(ModelError):  # models/weights, where no detector of this name need be
        load_detector("a detector of the test")
    assert high(load_detector("af", usual)) > 0.5


def fail_within(place):
    with detectors_from({"af": place}):
        assert high(load_detector("af")) < 0.5
        raise KeyError


def test_contexts_nest_and_end_with_an_error(tmp_path):
    first, second = written(tmp_path / "a"), written(tmp_path / "b", turned=True)
    with detectors_from({"af": first}):
        with pytest.raises(KeyError):
            fail_within(second)
        assert high(load_detector("af")) > 0.5


def test_detectors_are_listed_beside_networks(tmp_path):
    written(tmp_path)
    written(tmp_path, "waveform")
    (tmp_path / "cnn").mkdir()
    (tmp_path / "cnn" / "manifest.json").write_text('{"name": "cnn"}')
    assert available_detectors(tmp_path) == ("af", "waveform")
    assert detector_manifest("af", tmp_path).train_records == ("mitdb/100",)
    with pytest.raises(ModelError):
        detector_manifest("cnn", tmp_path)


def test_damaged_weights_are_refused(tmp_path):
    place = written(tmp_path)
    (place / "weights.npz").write_bytes(b"other")
    with pytest.raises(ModelError, match="damaged"):
        load_detector("af", tmp_path)
