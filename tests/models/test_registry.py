"""No weights answer before they are verified."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models import registry
from models.errors import ModelError
from models.networks import NETWORKS
from models.runtime import keras
from pipeline.analysis import check_classifier
from pipeline.config import DEFAULT
from pipeline.labels import AAMI_CLASSES

SHAPE = (DEFAULT.picture.height_px, DEFAULT.picture.width_px, 3)
FACTS = {
    "classes": AAMI_CLASSES,
    "preprocessing": DEFAULT.preprocessing_id(),
    "logit_bias": (0.0,) * 5,
    "temperature": 1.5,
    "threshold": 0.5,
    "picture_threshold": 0.5,
    "abstain_below": 0.4,
    "trained_on": "nothing",
    "train_records": (),
    "validation_records": (),
    "commit": "test",
    "command": "test",
    "seed": 1,
    "training_minutes": 0.0,
    "pictures_seen": 0,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights with an untrained cnn."""
    folder = tmp_path_factory.mktemp("weights")
    keras().utils.set_random_seed(1)
    model = NETWORKS["cnn"].build(SHAPE, 5)
    golden = np.random.default_rng(0).integers(0, 255, (5, *SHAPE), np.uint8)
    registry.write("cnn", model, {"loss": [1.0], "val_loss": [1.0]}, golden, FACTS, folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "weights"))


def edit(folder: Path, **changes: object) -> None:
    """Another manifest, with the seal of its own making unless one is given."""
    path = folder / "cnn" / "manifest.json"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in raw.items() if name != "seal"} | changes))


def test_what_was_written_loads_and_answers_in_probabilities(folder: Path) -> None:
    classifier = registry.load("cnn", folder)
    check_classifier(classifier, DEFAULT)
    p = classifier.predict(np.zeros((3, *SHAPE), np.uint8))
    assert p.shape == (3, 5)
    assert np.allclose(p.sum(axis=1), 1, atol=1e-5)
    assert registry.available(folder) == ("cnn",)


def test_no_pictures_give_no_probabilities(folder: Path) -> None:
    assert registry.load("cnn", folder).predict(np.zeros((0, *SHAPE), np.uint8)).shape == (0, 5)


@pytest.mark.parametrize("position", [100, 5000, -100])
def test_one_flipped_bit_is_refused(folder: Path, position: int) -> None:
    weights = folder / "cnn" / "weights.npz"
    payload = bytearray(weights.read_bytes())
    payload[position] ^= 1
    weights.write_bytes(payload)
    with pytest.raises(ModelError, match="damaged"):
        registry.load("cnn", folder)


def test_missing_weights_are_refused(folder: Path) -> None:
    (folder / "cnn" / "weights.npz").unlink()
    with pytest.raises(ModelError, match="damaged or missing"):
        registry.load("cnn", folder)


def test_other_golden_answers_are_refused(folder: Path) -> None:
    edit(folder, golden=[[1.0, 0, 0, 0, 0]] * 5)
    with pytest.raises(ModelError, match="self-test"):
        registry.load("cnn", folder)


def test_missing_golden_inputs_are_refused_in_a_sentence(folder: Path) -> None:
    (folder / "cnn" / "golden.npz").unlink()
    with pytest.raises(ModelError, match="cannot be put together from its files"):
        registry.load("cnn", folder)


def test_weights_of_another_making_are_refused_in_a_sentence(folder: Path) -> None:
    file = folder / "cnn" / "weights.npz"
    with np.load(file) as arrays:
        kept = dict(list(arrays.items())[1:])
    np.savez_compressed(file, **kept)
    edit(folder, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    with pytest.raises(ModelError, match="cannot be put together from its files"):
        registry.load("cnn", folder)


def test_not_a_number_among_golden_answers_is_refused(folder: Path) -> None:
    edit(folder, golden=[[float("nan")] * 5] * 5)
    with pytest.raises(ModelError, match="self-test"):
        registry.load("cnn", folder)


def test_permuted_classes_are_refused(folder: Path) -> None:
    edit(folder, classes=["S", "N", "V", "F", "Q"])
    with pytest.raises(ModelError, match="answers in classes"):
        check_classifier(registry.load("cnn", folder), DEFAULT)


def test_other_preprocessing_is_refused(folder: Path) -> None:
    edit(folder, preprocessing="000000000000")
    with pytest.raises(ModelError, match="trained on pictures"):
        check_classifier(registry.load("cnn", folder), DEFAULT)


def test_a_manifest_without_a_field_is_refused(folder: Path) -> None:
    path = folder / "cnn" / "manifest.json"
    facts = json.loads(path.read_text())
    del facts["temperature"]
    path.write_text(json.dumps(facts))
    with pytest.raises(ModelError, match="temperature"):
        registry.load("cnn", folder)


@pytest.mark.parametrize("name", ["resnet", "../cnn", ""])
def test_an_unknown_name_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(ModelError, match="no trained network"):
        registry.load(name, folder)


def test_pictures_of_another_shape_are_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="reads uint8 pictures"):
        registry.load("cnn", folder).predict(np.zeros((1, 10, 10, 3), np.uint8))


@pytest.mark.parametrize("name", [name for name, network in NETWORKS.items() if network.reads == "pictures"])
def test_a_network_that_is_built_again_has_the_same_names(name: str) -> None:
    """Keras numbers layers without a name by how many were built before; weights are found by their names."""
    first, second = ([weight.path for weight in NETWORKS[name].build((64, 96, 3), 5).weights] for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name", registry.available())
def test_shipped_networks_pass_their_own_checks(name: str) -> None:
    classifier = registry.load(name)
    check_classifier(classifier, DEFAULT)
    assert not set(classifier.manifest.train_records) & set(classifier.manifest.validation_records)


@pytest.mark.parametrize("change", [{"threshold": 0.99}, {"abstain_below": 0.0}, {"temperature": 3.0}])
def test_a_threshold_that_was_changed_after_the_manifest_was_written_is_refused(
    folder: Path, change: dict[str, float]
) -> None:
    edit(folder, seal=registry.manifest("cnn", folder).seal, **change)
    with pytest.raises(ModelError, match="was changed after it was written"):
        registry.load("cnn", folder)


@pytest.mark.parametrize("place", [registry.WEIGHTS, registry.WEIGHTS / "pages"])
def test_every_shipped_manifest_is_sealed(place: Path) -> None:
    for name in registry.available(place):
        assert json.loads((place / name / "manifest.json").read_text())["seal"] == registry.manifest(name, place).seal
