"""A network learns a folder of labelled pictures: what is learnt, what is kept apart, and what is written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from models import registry
from models.networks import NETWORKS
from models.runtime import keras
from models.transfer import feature_maps, logits_of, tail_of
from pipeline.errors import DataError
from pipeline.image_folders import fitting
from pipeline.image_folders.copies import copy_groups
from pipeline.image_folders.dataset import read_folder
from pipeline.image_folders.fitting import fit, folder_networks
from pipeline.image_folders.runs import list_runs, read_run
from pipeline.image_folders.settings import planned
from pipeline.image_folders.training import run_folder
from pipeline.image_folders.training_set import FolderPlan, divide, labels, prepare
from tests.helpers.picture_folders import curves_folder

PLAN = FolderPlan(head_epochs=1, tuning_epochs=2, side_px=64, batch=16)


@pytest.fixture
def folder(tmp_path):
    return curves_folder(tmp_path / "curves")


def test_copies_never_lie_on_both_sides(folder):
    dataset = read_folder(folder)
    copies = copy_groups(dataset)
    parts = divide(dataset, copies, PLAN)
    groups = [set(copies[rows].tolist()) for rows in (parts.train, parts.validation, parts.test)]
    assert not groups[0] & groups[1]
    assert not groups[0] & groups[2]
    assert not groups[1] & groups[2]
    assert parts.train.size + parts.validation.size + parts.test.size == 48


def test_copies_of_the_folders_own_test_pictures_are_not_learnt(folder):
    place = folder / "test" / "high"
    place.mkdir(parents=True)
    (folder / "high" / "1a.png").rename(place / "1.png")
    dataset = read_folder(folder)
    parts = divide(dataset, copy_groups(dataset), PLAN)
    assert parts.own_test
    assert parts.dropped == 1
    assert [dataset.pictures[i].path for i in parts.test] == ["test/high/1.png"]
    assert "high/1b.png" not in {dataset.pictures[i].path for i in (*parts.train, *parts.validation)}


def test_a_class_with_too_few_pictures_is_refused(folder):
    (folder / "rare").mkdir()
    (folder / "low" / "0a.png").rename(folder / "rare" / "0.png")
    dataset = read_folder(folder)
    with pytest.raises(DataError, match=r"Too few pictures: .*'rare' \(1 in all\) of 'curves' has none left"):
        divide(dataset, np.arange(len(dataset.pictures)), FolderPlan(held_out=1))


def test_a_run_is_written_listed_and_its_network_loads(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    (folder / "low" / "broken.png").write_bytes(b"no picture")
    written = run_folder("cnn", folder, plan=PLAN, tune=1)
    assert list_runs() == (written,)
    run = read_run(written)
    assert run.classes == ("high", "low")
    assert run.refused == 1
    assert run.verdict.severity == "warning"
    assert sum(map(sum, run.report.confusion)) == run.division.test
    assert len(run.trials) == 1
    assert (run.trials[0].frozen, run.trials[0].frozen_up_to) == (-1.0, "none")  # `cnn` has no depth to search
    assert len(list((tmp_path / "home" / "runs" / "tune").glob("cnn-*.journal"))) == 1
    assert len(run.curves["val_loss"]) == len(run.curves["loss"]) >= 2
    assert all((written / sample.file).is_file() for sample in run.samples)
    network = registry.load("cnn", written)
    assert network.classes == ("high", "low")
    p = network.predict(np.full((1, 64, 64, 3), 255, np.uint8))
    assert p.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", folder_networks())
def test_every_place_where_a_network_may_be_divided_is_a_layer_that_can_be_the_last_frozen_one(name):
    model = NETWORKS[name].build((64, 64, 3), 2)
    for cut in filter(None, NETWORKS[name].folders.cuts):
        features = model.get_layer(cut).output
        assert tail_of(model, cut).input_shape == features.shape


def test_a_network_that_reads_no_pictures_is_refused(folder):
    with pytest.raises(DataError, match="'rhythm' cannot be trained on a folder; choose one of vgg16, cnn"):
        run_folder("rhythm", folder)


def test_a_run_of_another_version_is_refused(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"schema": "heartvision.folder-run/0"}))
    with pytest.raises(DataError, match="another version"):
        read_run(tmp_path)


def test_labels_follow_the_alphabetical_classes(folder):
    dataset = read_folder(folder)
    assert [dataset.classes[i] for i in labels(dataset)] == [picture.class_name for picture in dataset.pictures]


def test_after_a_random_start_the_first_layers_are_trained_too(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTVISION_OFFLINE", "1")
    monkeypatch.setenv("HEARTVISION_DATA", str(tmp_path / "nothing"))
    use = folder_networks()["mobilenet"]
    plan = planned(use, {"epochs": 1, "side_px": 64, "frozen_up_to": use.cuts[0]}, "")
    dataset = read_folder(folder)
    prepared = prepare(dataset, plan)
    fitted = fit("mobilenet", prepared.divided(divide(dataset, prepared.copies, plan)), plan)
    keras().utils.set_random_seed(plan.seed)
    fresh = NETWORKS["mobilenet"].build(prepared.pictures.shape[1:], 2)
    assert fitted.start.startswith("a random start")
    assert fitted.plan.frozen_up_to == "none"
    first, begun = fitted.model.trainable_variables[0].numpy(), fresh.trainable_variables[0].numpy()
    assert first.shape == begun.shape
    assert 0 < np.abs(first - begun).max() < 0.1  # the same start, trained


@pytest.mark.parametrize("begun", ["weights of a test", "a random start: of a test"])
def test_the_page_network_learns_a_folder_and_its_features_are_standardised(folder, monkeypatch, begun):
    monkeypatch.setattr(fitting, "start", lambda *_: begun)
    plan = planned(folder_networks()["page"], {"head_epochs": 8, "tuning_epochs": 1, "size": [64, 64]}, "")
    assert plan.side_px == 192
    prepared = prepare(read_folder(folder), plan)
    parts = divide(prepared.dataset, prepared.copies, plan)
    model, history, *_ = fit("page", prepared.divided(parts), plan)
    assert np.isfinite(history["loss"]).all()
    assert all(np.isfinite(np.asarray(weights, np.float16)).all() for weights in model.get_weights())
    if begun == "weights of a test":
        features = feature_maps(model, "features")(prepared.pictures[parts.train]).astype(np.float32)
        mean, variance = model.get_layer("standard").get_weights()
        np.testing.assert_allclose(mean, features.mean(axis=0), atol=1e-3)
        assert np.corrcoef(variance, features.var(axis=0))[0, 1] > 0.9
        answers = logits_of(model)(prepared.pictures[parts.test]).argmax(axis=1)
        assert np.mean(answers == labels(prepared.dataset)[parts.test]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", folder_networks())
def test_every_picture_network_is_trained_on_a_folder(name, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTVISION_OFFLINE", "1")
    use = folder_networks()[name]
    plan = planned(use, {"epochs": 2, "size": [64, 96], "batch": 16}, "")
    dataset = read_folder(folder)
    prepared = prepare(dataset, plan)
    fitted = fit(name, prepared.divided(divide(dataset, prepared.copies, plan)), plan)
    assert fitted.model.output_shape == (None, 2)
    assert len(fitted.history["loss"]) == 2
    assert np.isfinite(fitted.history["loss"]).all()
    assert fitted.start
