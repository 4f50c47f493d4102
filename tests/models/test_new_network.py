"""A network is one file: it is found, trained by the usual command, evaluated and on the board."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import wfdb
from streamlit.testing.v1 import AppTest

import models
from models import registry
from models.gradcam import heatmap
from models.networks import NETWORKS
from pipeline._util.typed_json import read_as
from pipeline.cli import main
from pipeline.config import ROOT
from pipeline.datasets.splits import DS1, DS2
from pipeline.evaluation import run
from pipeline.evaluation.saved import read_evaluation
from pipeline.image_folders.runs import read_run
from pipeline.training import image_networks, training_set, tuning
from pipeline.training.schema import SettingsSearch
from tests.helpers.picture_folders import curves_folder

FS = 360
TOY = '''"""A toy: the mean of a small convolution."""

from models.network import Network, everything, random_start
from models.runtime import keras


def build(input_shape, classes):
    layers = keras().layers
    inputs = layers.Input(input_shape, name="picture")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(4, 5, strides=4, activation="relu", name="seen")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras().Model(inputs, layers.Dense(classes, dtype="float32", name="logits")(x))


NETWORK = Network("A toy", build, random_start, everything, "seen", 1e-3, place=999)
'''


def write_record(folder: Path, name: str, symbols: str) -> None:
    """40 seconds with a beat each, of the symbols in turn; all but N are wide."""
    rng = np.random.default_rng(int(name))
    at = (np.arange(1, 39) * FS + rng.integers(-20, 20, 38)).astype(np.int64)
    told = [symbols[i % len(symbols)] for i in range(at.size)]
    time, signal = np.arange(40 * FS), rng.normal(0, 0.01, 40 * FS)
    for sample, symbol in zip(at, told, strict=True):
        signal += np.exp(-(((time - sample) / (6 if symbol == "N" else 16)) ** 2))
    both = np.stack([signal, 0.5 * signal], axis=1)
    with warnings.catch_warnings():  # wfdb 4.3 writes headers in a way that pandas 3.1 calls deprecated
        warnings.simplefilter("ignore")
        wfdb.wrsamp(name, FS, ["mV", "mV"], ["MLII", "V1"], p_signal=both, fmt=["16", "16"], adc_gain=[200, 200],
                    baseline=[0, 0], write_dir=str(folder))  # fmt: skip
        wfdb.wrann(name, "atr", at, told, write_dir=str(folder))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A public data folder with short synthetic records under the names of MIT-BIH's."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "mitdb").mkdir()
    for name in (*DS1, *DS2[:2]):
        write_record(folder / "mitdb", name, "NNNNAVNF")
    for name in (*training_set.PACED_TRAINING, *training_set.PACED_VALIDATION):
        write_record(folder / "mitdb", name, "/")
    return folder


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of a network beside those of models/."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "toy.py").write_text(TOY)
    (tmp_path / "more" / "helper.py").write_text('"""No network."""\n')
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path / "more")])


@pytest.mark.usefixtures("toy")
def test_a_network_is_found_by_its_file_alone() -> None:
    assert list(NETWORKS)[-1] == "toy"
    assert NETWORKS["toy"].title == "A toy"
    assert "helper" not in NETWORKS


@pytest.mark.usefixtures("toy")
def test_a_file_that_is_added_changed_or_removed_later_is_noticed_without_a_restart(tmp_path: Path) -> None:
    assert "later" not in NETWORKS
    file = tmp_path / "more" / "later.py"
    file.write_text(TOY.replace("A toy", "Later"))
    assert NETWORKS["later"].title == "Later"
    file.write_text(TOY.replace("A toy", "Changed since"))
    os.utime(file, ns=(1, file.stat().st_mtime_ns + 2 * 10**9))  # not within one tick of the file system's clock
    assert NETWORKS["later"].title == "Changed since"
    file.unlink()
    assert "later" not in NETWORKS


def test_the_example_of_the_documentation_is_trained_on_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "train-on-folders.md").read_text("utf-8")
    example = page.split("<!-- tests/models/test_new_network.py trains this -->")[1].split("```")[1]
    source = example.removeprefix("python\n")
    assert len(source.splitlines()) <= 20
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "three.py").write_text(source)
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path / "more")])
    data, written = curves_folder(tmp_path / "curves"), tmp_path / "run"
    command = ["train", "--model", "three", "--data", str(data), "--output", str(written), "--epochs", "2"]
    assert main([*command, "--size", "64"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(written)
    assert read_run(written).model == "three"
    network = registry.load("three", written)
    assert network.predict(np.full((1, 64, 64, 3), 255, np.uint8)).sum() == pytest.approx(1, abs=1e-3)


@pytest.mark.usefixtures("toy")
def test_a_new_file_is_trained_evaluated_and_on_the_board(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image_networks, "runs_root", lambda: tmp_path / "runs")  # where checkpoints go
    monkeypatch.setattr(training_set, "SIMULATED_BEATS", 40)
    monkeypatch.setattr(training_set, "SIMULATED_CHECKS", 40)
    out = tmp_path / "weights"
    command = ["train", "--model", "toy", "--data", str(data), "--output", str(out), "--epochs", "1"]
    assert main([*command, "--pictures", "128"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "toy")
    facts = json.loads((out / "toy" / "manifest.json").read_text())
    assert facts["title"] == "A toy"
    assert facts["command"] == "python -m pipeline train --model toy --epochs 1 --pictures 128"
    assert "from a random start; reduced budget: one run of 1 epochs" in facts["trained_on"]

    classifier = registry.load("toy", out)
    run.evaluate_classifier(
        classifier, run.describe_model("toy", out), data, "ds2", out / "toy" / "evaluation.json",
        records=DS2[:2], cache=tmp_path / "cache", resamples=20,
    )  # fmt: skip
    picture = np.zeros(classifier.manifest.input_shape, np.uint8)
    assert heatmap(classifier, picture, "V").method == "HiResCAM"
    monkeypatch.setattr(registry, "WEIGHTS", out)
    page = AppTest.from_file(str(ROOT / "app" / "evaluation" / "page.py"), default_timeout=60).run()
    assert not page.exception, page.exception
    assert page.dataframe[0].value["Network"].tolist() == ["A toy"]


@pytest.mark.usefixtures("toy")
def test_a_network_without_a_record_is_scored_beside_the_usual_one_and_leaves_its_weights_alone(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image_networks, "runs_root", lambda: tmp_path / "runs")
    monkeypatch.setattr(run, "DS2", DS2[:2])
    monkeypatch.setattr(training_set, "SIMULATED_BEATS", 40)
    monkeypatch.setattr(training_set, "SIMULATED_CHECKS", 40)
    command = ["train", "--model", "toy", "--data", str(data), "--output", str(tmp_path / "out"), "--epochs", "1"]
    assert main([*command, "--pictures", "64", "--without", "201"]) == 0
    written = tmp_path / "out" / "toy" / "evaluation-without-201.json"
    assert capsys.readouterr().out.splitlines()[-1] == str(written)
    content = read_evaluation(written)
    assert "201" not in content.model.train_records
    assert "203" in content.model.validation_records
    assert ", without record 201; from a random start" in content.model.trained_on
    told = "python -m pipeline train --model toy --epochs 1 --without 201 --pictures 64"
    assert content.provenance.command == content.model.command == told
    assert content.reference.records == DS2[:2]
    assert not (tmp_path / "out" / "toy" / "weights.npz").exists()
    assert main([*command, "--without", "100"]) == 3
    assert "Record '100' is not trained on" in capsys.readouterr().err


@pytest.mark.usefixtures("toy")
def test_settings_are_looked_for_and_the_best_are_written(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (image_networks, tuning):
        monkeypatch.setattr(module, "runs_root", lambda: tmp_path / "runs")
    monkeypatch.setattr(training_set, "SIMULATED_BEATS", 40)
    monkeypatch.setattr(training_set, "SIMULATED_CHECKS", 40)
    written = tuning.tune("toy", 2, data, plan=image_networks.DEFAULT_PLAN.reduced(1, 64))
    found = read_as(SettingsSearch, written, again="")
    assert (found.network, found.epochs, len(found.trials)) == ("toy", 1, 2)
    settings, value = found.trials[0]
    assert settings == {"learning_rate": NETWORKS["toy"].learning_rate, "weight_decay": 1e-4}
    assert found.value <= value


@pytest.mark.parametrize("name", ["mobilenet", "efficientnet", "vit", "resnet50"])
def test_every_network_reads_pictures_and_answers_in_classes(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name]
    model = network.build((64, 96, 3), 5)
    assert network.initialise(model, tmp_path).startswith("a random start")
    assert model.output_shape == (None, 5)
    assert model.count_params() < (10_000_000 if name == "resnet50" else 2_000_000)
    assert not network.heat_layer or model.get_layer(network.heat_layer).output.shape[1:3] == (4, 6)
