"""Settings of a training on a folder: from a file or the command line, each wrong one named."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from models.network import FolderUse
from pipeline.errors import DataError
from pipeline.evaluation.class_scores import class_report
from pipeline.image_folders.doubts import doubts, untested
from pipeline.image_folders.fitting import by_start
from pipeline.image_folders.settings import SETTINGS, picture_size, planned, read_settings, usual_plan
from pipeline.image_folders.training import _least_confidence
from pipeline.image_folders.training_set import (
    Division,
    FolderPlan,
    FolderTrainingData,
    augmented,
    draw_chances,
    seen_by,
)

WITH_HEAD, WHOLE = FolderUse(("a", "b"), 12, 8, patience=3), FolderUse()


def test_a_file_sets_what_it_names_and_leaves_the_rest(tmp_path):
    file = tmp_path / "s.toml"
    file.write_text("epochs = 10\nsize = [64, 96]\nlearning_rate = 5e-4\nseed = 7\n[class_weights]\nMI = 3\n")
    plan = planned(WITH_HEAD, read_settings(file), "s.toml")
    assert (plan.head_epochs, plan.tuning_epochs, plan.size_px) == (6, 4, (64, 96))
    assert (plan.learning_rate, plan.seed, plan.class_weights) == (5e-4, 7, "MI=3")
    assert (plan.batch, plan.patience) == (FolderPlan().batch, 3)


def test_a_network_without_a_head_of_its_own_trains_all_epochs_at_once():
    assert (planned(WHOLE, {"epochs": 10}, "").head_epochs, planned(WHOLE, {"epochs": 10}, "").tuning_epochs) == (0, 10)
    assert usual_plan(WHOLE).patience == WHOLE.patience


@pytest.mark.parametrize(
    ("settings", "epochs", "patience"),
    [
        ({}, 40, 10),
        ({"epochs": 20}, 20, 10),
        ({"patience": 3}, 40, 3),
        ({"head_epochs": 2}, 10, 10),
        ({"epochs": 7, "patience": 4}, 7, 4),
    ],
)
def test_a_random_start_trains_every_layer_with_the_epochs_that_were_chosen_or_40(settings, epochs, patience):
    use = FolderUse(("a", "b"), 12, 8, patience=3, imagenet=object)
    plan = by_start(planned(use, settings | {"frozen_up_to": "b"}, ""), use, "a random start: a.h5 is not in")
    assert (plan.head_epochs, plan.tuning_epochs, plan.patience, plan.frozen_up_to) == (0, epochs, patience, "none")
    kept = by_start(planned(use, settings, ""), use, "ImageNet weights from a.h5")
    assert kept == replace(planned(use, settings, ""), usual=())


def test_without_imagenet_weights_to_start_from_the_epochs_are_the_networks_own():
    use = FolderUse(("",), 0, 25, patience=4)
    plan = by_start(usual_plan(use), use, "a random start")
    assert (plan.head_epochs, plan.tuning_epochs, plan.patience) == (0, 25, 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 3}, "has no setting 'epoch': did you mean 'epochs'"),
        ({"lr": 3}, "has no setting 'lr': There are epochs"),
        ({"epochs": 0}, "sets epochs to 0; it must be a whole number from 1"),
        ({"epochs": True}, "sets epochs to True"),
        ({"batch": 2.5}, "sets batch to 2.5; it must be a whole number"),
        ({"dropout": 1}, "sets dropout to 1; it must be a number from 0 to 0.95"),
        ({"learning_rate": "fast"}, "sets learning_rate to 'fast'; it must be a number"),
        ({"size": 10}, "sets size to 10; it must be a side or HEIGHTxWIDTH"),
        ({"size": "64x96x3"}, "sets size to '64x96x3'"),
        ({"class_weights": "equal"}, "sets class_weights to 'equal'; it must be one of none, sqrt, balanced"),
        ({"reads": "scans"}, "sets reads to 'scans'; it must be one of auto, pictures, pages"),
        ({"frozen_up_to": 3}, "sets frozen_up_to to 3; it must be a text"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_may_be(settings, message):
    with pytest.raises(DataError, match="s.toml " + message.replace("(", r"\(")):
        planned(WITH_HEAD, settings, "s.toml")


def test_a_file_that_is_missing_or_no_toml_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.toml' cannot be read"):
        read_settings(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("epochs = = 3")
    with pytest.raises(DataError, match=r"bad\.toml' are no TOML"):
        read_settings(tmp_path / "bad.toml")


@pytest.mark.parametrize("value", [224, "224", [224, 224], "224X224"])
def test_one_side_is_a_square(value):
    assert picture_size(value) == (224, 224)


def test_every_setting_is_a_field_of_the_plan_or_stands_for_one():
    assert set(SETTINGS) - {"epochs", "size"} | {"size_px"} == set(vars(FolderPlan())) - {"usual"}


def test_classes_are_drawn_as_often_as_their_weights_say():
    label, classes = np.array([0] * 9 + [1]), ("N", "MI")
    share = {how: draw_chances(label, classes, how)[9] for how in ("none", "sqrt", "balanced", "MI=9")}
    assert share == pytest.approx({"none": 0.1, "sqrt": 0.25, "balanced": 0.5, "MI=9": 0.5})


@pytest.mark.parametrize(
    ("text", "named"), [("XX=2", "'XX'; the classes are N, MI"), ("N=two", "'two'"), ("N=0", "positive")]
)
def test_a_weight_of_no_class_or_no_number_is_named(text, named):
    with pytest.raises(DataError, match=named):
        draw_chances(np.array([0, 1]), ("N", "MI"), text)


def test_augmentation_grows_with_its_strength_and_is_nothing_at_0():
    picture = np.full((1, 64, 64, 3), 255, np.uint8)
    picture[:, 30:34] = 0
    assert augmented(picture, np.random.default_rng(1), 0.0) is picture
    changed = [
        np.abs(augmented(picture, np.random.default_rng(1), strength).astype(float) - picture).mean()
        for strength in (0.3, 1.0, 2.0)
    ]
    assert 0 < changed[0] < changed[1] < changed[2]


def test_a_picture_is_scaled_into_the_input_without_distortion():
    wide = np.zeros((50, 100, 3), np.uint8)
    found = seen_by(wide, (64, 64, 3), "pictures")
    assert found.shape == (64, 64, 3)
    assert (found[:15] == 255).all()
    assert (found[17:47] == 0).all()


def _data(label):
    parts = Division(np.arange(8), np.arange(8, 10), np.arange(10, 14), 0, own_test=True)
    return FolderTrainingData(np.zeros((14, 1, 1, 3), np.uint8), np.array(label), parts, ("high", "low"))


@pytest.mark.parametrize(
    ("curves", "reason"),
    [
        ({"loss": [0.7, 0.7], "accuracy": [0.5, 0.52]}, "ended after 2 of 40 epochs, 10 without .* nothing was learnt"),
        ({"loss": [0.7] * 40, "accuracy": [0.99] * 40}, "ended after 40 of 40 epochs, .* nothing carried over"),
        ({"loss": [0.7, float("nan")], "accuracy": [0.5, 0.9]}, "learning rate of 0.001 is too high"),
    ],
)
def test_one_class_for_all_is_said_with_its_reason(curves, reason):
    said = doubts(np.ones(4, np.int64), _data([0, 1] * 7), usual_plan(WHOLE), curves)
    assert len(said) == 1
    assert said[0].startswith("All 4 test pictures are called 'low', though they are of 2 classes.")
    assert re.search(reason, said[0])


def test_batch_statistics_that_have_not_settled_are_told_from_what_does_not_carry_over():
    curves = {"loss": [0.5], "accuracy": [0.9], "val_loss": [2.0]}
    data, plan = _data([0, 1] * 7), usual_plan(WHOLE)
    (said,) = doubts(np.ones(4, np.int64), data, plan, curves, np.ones(8, np.int64))
    assert "ended after 1 of 40 epochs" in said
    assert "had up to 0.90 right while it learnt, but has 0.50 as it answers now" in said
    assert "running batch statistics, which it answers with, have not settled in 1 epoch. Train for more" in said
    assert "carried over" not in said
    (other,) = doubts(np.ones(4, np.int64), data, plan, curves, np.array([0, 1] * 4))
    assert "nothing carried over" in other


def test_a_class_without_a_test_picture_is_named():
    p, classes = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]]), ("high", "low", "rare")
    report = class_report(p, np.array([0, 1]), classes)
    (said,) = untested(report, np.array([0, 0, 1, 1, 2]))
    assert said.startswith("No test picture is of 'rare' (1 in all): ")
    assert "macro F1 leaves it out" in said
    assert report.overall.macro_f1.value == 1.0
    assert untested(class_report(p[:, :2], np.array([0, 1]), classes[:2]), np.array([0, 0, 1])) == ()


@pytest.mark.parametrize("p", [0.99971, 0.9996, 0.7])
def test_the_least_confidence_is_rounded_down_and_leaves_one_picture_in_100(p):
    held = np.full((200, 2), p)
    least = _least_confidence(held)
    assert p - 1e-5 < least <= p


@pytest.mark.parametrize(
    ("n", "classes", "expected"),
    [
        (9, 2, 0.53),  # 10/100 of the way from chance, 0.5, to the least sure, 0.8
        (49, 4, 0.525),  # 50/100 of the way from 0.25
        (99, 2, 0.8),  # the least sure
        (149, 2, 0.8005),  # half way to the next: one of 149 gets no class
        (199, 2, 0.801),  # the second of them
    ],
)
def test_the_least_confidence_by_hand(n, classes, expected):
    sure = 0.8 + 0.001 * np.arange(n)[::-1]
    held = np.column_stack([sure, *[(1 - sure) / (classes - 1)] * (classes - 1)])
    assert _least_confidence(held) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("n", [1, 8, 98, 99, 100, 150, 199, 301, 1000])
def test_99_in_100_validation_pictures_keep_their_class_and_all_of_a_few(n):
    sure = np.random.default_rng(n).uniform(0.5, 1, n)
    kept = (sure >= _least_confidence(np.column_stack([sure, 1 - sure]))).sum()
    assert kept >= 0.99 * n
    assert kept == n or n > 99


def test_two_classes_among_the_answers_or_one_in_the_test_part_raise_no_doubt():
    curves = {"loss": [0.7], "accuracy": [0.5]}
    assert doubts(np.array([0, 1, 1, 1]), _data([0, 1] * 7), usual_plan(WHOLE), curves) == ()
    assert doubts(np.ones(4, np.int64), _data([0, 1] * 5 + [1] * 4), usual_plan(WHOLE), curves) == ()
