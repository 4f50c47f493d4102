"""Detectors answer as they were trained to, or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from models.boosted_trees import from_scikit_learn
from models.detectors import Detector, forget_detectors, load_detector, write_detector
from models.errors import ModelError

FACTS = {
    "temperature": 1.0,
    "trained_on": "made-up numbers",
    "train_records": ("made/1",),
    "commit": "0",
    "command": "python -m pipeline train --model toy",
    "seed": 0,
    "training_minutes": 0.1,
}


def trained(classes: int) -> tuple[HistGradientBoostingClassifier, np.ndarray]:
    rng = np.random.default_rng(classes)
    measures = rng.normal(size=(400, 3)).astype(np.float32)
    truth = np.digitize(measures[:, 0] + 0.3 * rng.normal(size=400), np.linspace(-0.5, 0.5, classes - 1))
    return HistGradientBoostingClassifier(max_iter=8, random_state=0).fit(measures, truth), measures


def written(
    folder: Path, classes: int = 3, **facts: object
) -> tuple[Detector, HistGradientBoostingClassifier, np.ndarray]:
    learner, measures = trained(classes)
    names = tuple("abc"[:classes])
    facts = {**FACTS, "bias": (0.0,) * classes, **facts}
    write_detector(
        "toy",
        from_scikit_learn(learner),
        title="Toy",
        classes=names,
        measures=("x", "y", "z"),
        facts=facts,
        folder=folder,
    )
    return load_detector("toy", folder), learner, measures


@pytest.mark.parametrize("classes", [2, 3])
def test_a_detector_answers_as_the_trees_that_were_trained(tmp_path: Path, classes: int) -> None:
    detector, learner, measures = written(tmp_path, classes)
    found = detector.probabilities(measures)
    assert found.shape == (400, classes)
    np.testing.assert_allclose(found, learner.predict_proba(measures), atol=1e-5)


def test_temperature_and_bias_calibrate_the_answers(tmp_path: Path) -> None:
    plain, _, measures = written(tmp_path / "plain")
    other, _, _ = written(tmp_path / "other", temperature=2.0, bias=(0.0, 0.0, 1.0))
    logits = np.log(plain.probabilities(measures)) + np.array([0, 0, 1])
    expected = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(other.probabilities(measures), expected, atol=1e-4)


def test_other_measures_are_refused(tmp_path: Path) -> None:
    detector, _, measures = written(tmp_path)
    with pytest.raises(ModelError, match="reads 3 measures"):
        detector.probabilities(measures[:, :2])


def test_damaged_weights_and_manifests_are_refused(tmp_path: Path) -> None:
    written(tmp_path)
    weights = tmp_path / "toy" / "weights.npz"
    payload = bytearray(weights.read_bytes())
    payload[len(payload) // 2] ^= 1
    weights.write_bytes(payload)
    forget_detectors()
    with pytest.raises(ModelError, match="damaged"):
        load_detector("toy", tmp_path)
    (tmp_path / "toy" / "manifest.json").write_text(json.dumps({"name": "toy"}))
    forget_detectors()
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_detector("toy", tmp_path)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_detector("unheard_of", tmp_path)
