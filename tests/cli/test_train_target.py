"""Where `train` writes: a run by default, over the shipped weights only when that is asked for."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from models import registry
from pipeline import cli
from pipeline.beat_images import training as beat_pictures
from pipeline.cli import everything
from pipeline.cli.everything import Made
from pipeline.cli.train import train_again
from pipeline.page_classifier import training as pages
from pipeline.training import detectors, image_networks


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Path | None]:
    """Where the trainings were told to write; nothing is trained."""
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    told: list[Path | None] = []

    def run(*arguments: object, **options: object) -> Path:
        found = [value for value in arguments if value is None or isinstance(value, Path)]
        told.append(found[1])  # data, output
        return tmp_path / "written"

    for module, name in (
        *((image_networks, "run"), (image_networks, "run_random_split"), (pages, "run")),
        *((beat_pictures, "run"), (detectors, "train_detector")),
    ):
        monkeypatch.setattr(module, name, run)
    return told


@pytest.mark.parametrize("model", ["cnn", "resnet50", "page", "pictures", "waveform"])
def test_training_goes_into_a_new_run_unless_it_is_told_where(model, targets, tmp_path, capsys):
    assert cli.main(["train", "--model", model]) == 0
    assert "The shipped weights are unchanged" in capsys.readouterr().err
    assert cli.main(["train", "--model", model, "--output", str(tmp_path / "run")]) == 0
    assert cli.main(["train", "--model", model, "--ship"]) == 0
    new, given, shipped = targets
    assert new.parent == tmp_path / "home" / "runs"
    assert new.name.endswith(f"-{model}")
    assert (given, shipped) == (tmp_path / "run", None)


def test_the_score_of_a_random_split_is_added_to_a_copy_of_the_evaluation(targets, tmp_path):
    assert cli.main(["train", "--model", "cnn", "--random-split"]) == 0
    copy, shipped = targets[0] / "cnn" / "evaluation.json", registry.WEIGHTS / "cnn" / "evaluation.json"
    assert json.loads(copy.read_text()) == json.loads(shipped.read_text())


def test_a_command_of_a_manifest_is_repeated_over_what_is_shipped_or_elsewhere(targets, tmp_path):
    assert train_again(["train", "--model", "cnn", "--epochs", "7"], None, None) == 0
    assert train_again(["train", "--model", "cnn", "--epochs", "7"], None, tmp_path) == 0
    assert targets == [None, tmp_path]


def test_all_networks_are_trained_over_the_shipped_ones_only_when_that_is_asked_for(targets, monkeypatch, tmp_path):
    job = Made("cnn", registry.WEIGHTS / "cnn" / "manifest.json", ("train", "--model", "cnn"))
    monkeypatch.setattr(everything, "trained_networks", lambda weights: [job])
    monkeypatch.setattr(everything, "is_trained", lambda manifest, commit: False)
    assert cli.main(["train", "--all"]) == 2
    assert targets == []
    assert cli.main(["train", "--all", "--ship"]) == 0
    assert cli.main(["train", "--all", "--output", str(tmp_path)]) == 0
    assert targets == [None, tmp_path]


@pytest.mark.parametrize(("option", "left"), [([], None), (["--cpu"], "0")])
def test_a_gpu_is_left_alone_when_that_is_asked_for(option, left, targets, monkeypatch):
    monkeypatch.setenv("HEARTVISION_GPU", "")  # and taken away again after the test
    monkeypatch.delenv("HEARTVISION_GPU")
    assert cli.main(["train", "--model", "cnn", *option]) == 0
    assert os.environ.get("HEARTVISION_GPU") == left
    assert len(targets) == 1
