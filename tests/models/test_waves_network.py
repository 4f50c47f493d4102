"""The network that marks waves: what Keras trains is what numpy answers, and damaged files answer nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.waves import STEP, WEIGHTS, build, load_waves, network_of, write_waves

FACTS = {
    "trained_on": "nothing",
    "train_records": (),
    "validation_records": (),
    "commit": "",
    "command": "",
    "seed": 0,
    "training_minutes": 0.0,
}


@pytest.fixture(scope="module")
def model():
    made = build()
    rng = np.random.default_rng(0)
    for weight in made.weights:  # as after training: normalisations with numbers of their own
        if "_norm" in weight.path:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return made


def _values(n_leads: int, n: int = 8 * STEP) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(n_leads, n, 2)).astype(np.float32)


def test_numpy_answers_as_keras_does(model):
    values = _values(3)
    keras_says = 1 / (1 + np.exp(-np.asarray(model(values[None]))[0]))
    np.testing.assert_allclose(network_of(model)(values), keras_says, atol=2e-6)


def test_the_network_is_small(model):
    assert 20_000 < model.count_params() < 100_000


def test_several_recordings_are_read_as_each_alone():
    network, values = load_waves(), _values(4)
    both = network.probabilities(np.stack([values[:2], values[2:]]))
    np.testing.assert_allclose(both[1], network.probabilities(values[2:]), atol=1e-5)


def test_a_lead_alone_is_read_as_itself_and_with_others_in_any_order():
    network, values = load_waves(), _values(3)
    together = network.probabilities(values)
    np.testing.assert_allclose(network.probabilities(values[::-1]), together[::-1], atol=1e-5)
    assert np.abs(network.probabilities(values[:1]) - together[:1]).max() > 1e-3


@pytest.mark.parametrize("shape", [(3, STEP + 1, 2), (3, STEP, 1), (STEP, 2), (0, STEP, 2)])
def test_an_input_of_another_shape_is_refused(shape):
    with pytest.raises(ModelError, match="reads"):
        load_waves().probabilities(np.zeros(shape, np.float32))


def test_what_is_written_is_loaded_again(model, tmp_path):
    place = write_waves(model, _values(2), FACTS, tmp_path)
    network = load_waves(tmp_path)
    kept = json.loads((place / "manifest.json").read_text("utf-8"))
    assert network.manifest.sha256 == kept["sha256"]
    assert network.manifest.version == kept["sha256"][:12]
    np.testing.assert_allclose(network.probabilities(_values(1)), network_of(model)(_values(1)), atol=0.01)


def _shipped(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WEIGHTS / "waves", tmp_path / "waves"))


def test_damaged_weights_are_refused(tmp_path):
    place = _shipped(tmp_path)
    payload = bytearray((place / "weights.npz").read_bytes())
    payload[len(payload) // 2] ^= 1
    (place / "weights.npz").write_bytes(bytes(payload))
    with pytest.raises(ModelError, match="damaged"):
        load_waves(tmp_path)


def test_a_network_that_answers_otherwise_than_recorded_is_refused(tmp_path):
    place = _shipped(tmp_path)
    with np.load(place / "golden.npz") as kept:
        leads, answer = kept["leads"], kept["answer"]
    np.savez(place / "golden.npz", leads=leads, answer=1 - answer)
    with pytest.raises(ModelError, match="self-test"):
        load_waves(tmp_path)


def test_missing_files_are_one_sentence(tmp_path):
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_waves(tmp_path)
