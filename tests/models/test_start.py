"""What a training on a folder starts from: a file, Keras's download, or chance; and that it is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.backbone import start
from models.networks import NETWORKS
from models.runtime import keras

SHAPE = (64, 64, 3)


@pytest.fixture
def network():
    """MobileNet, of which Keras fetches a known layer; and the layer's kernel."""
    source = keras().Sequential(
        [keras().layers.Input(SHAPE), keras().layers.Conv2D(32, 3, use_bias=False, name="Conv1"), _ReLU()]
    )
    use = replace(NETWORKS["mobilenet"].folders, imagenet=lambda: source)
    return replace(NETWORKS["mobilenet"], folders=use), np.asarray(source.get_layer("Conv1").kernel)


def _ReLU():  # noqa: N802 - it stands for the layer
    return keras().layers.Activation("relu", name="not_in_the_network")


def test_without_a_file_the_layers_that_keras_fetches_are_copied(network, tmp_path: Path, monkeypatch):
    monkeypatch.delenv("HEARTVISION_OFFLINE", raising=False)
    model = network[0].build(SHAPE, 2)
    assert start(network[0], model, tmp_path) == "ImageNet weights that Keras fetched"
    assert np.array_equal(np.asarray(model.get_layer("Conv1").kernel), network[1])


def test_offline_the_start_is_random_and_says_why(network, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HEARTVISION_OFFLINE", "1")
    told = start(network[0], network[0].build(SHAPE, 2), tmp_path)
    assert told.startswith("a random start: mobilenet_v2_1.0_224_no_top_from_tfjs.h5 is not in")
    assert "HEARTVISION_OFFLINE forbids" in told


def test_a_failed_download_leaves_a_random_start_and_its_reason(network, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.delenv("HEARTVISION_OFFLINE", raising=False)

    def unreachable():
        print("Downloading data from https://example.org")
        raise Exception("URL fetch failure on https://example.org: None -- no route\nmore")

    failing = replace(network[0], folders=replace(network[0].folders, imagenet=unreachable))
    told = start(failing, failing.build(SHAPE, 2), tmp_path)
    assert told.startswith("a random start")
    assert "(URL fetch failure on https://example.org: None -- no route)" in told
    assert capsys.readouterr() == ("", "Downloading data from https://example.org\n")  # stdout is for results


def test_a_file_in_the_data_folder_comes_first(network, tmp_path: Path):
    other = network[0].build(SHAPE, 2)
    name = network[0].folders.imagenet_file
    (tmp_path / name).write_bytes(b"")
    told = []
    reading = replace(network[0], initialise=lambda model, folder: told.append(folder) or "ImageNet weights")
    assert start(reading, other, tmp_path) == f"ImageNet weights from {name}"
    assert told == [tmp_path]


def test_a_network_without_imagenet_weights_starts_at_random(tmp_path: Path):
    assert start(NETWORKS["cnn"], NETWORKS["cnn"].build(SHAPE, 2), tmp_path) == "a random start"
