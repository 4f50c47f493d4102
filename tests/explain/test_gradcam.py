"""Heatmaps answer for the network that they explain, and say so when there is nothing to see."""

import numpy as np
import pytest

from models import registry
from models.errors import ModelError
from models.gradcam import HiResCam, heatmap, occlusion
from models.networks import NETWORKS
from models.registry import Classifier
from pipeline.analysis import Prepared, prepare
from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.explain.heatmaps import explain_beat, heat_over_time
from pipeline.features.beat_image import render_pictures
from pipeline.intake import read_path


@pytest.fixture(scope="module")
def vgg16() -> Classifier:
    return registry.load("vgg16")


@pytest.fixture(scope="module")
def demo() -> Prepared:
    return prepare(read_path(demo_path()))


@pytest.fixture(scope="module")
def ectopic(vgg16: Classifier, demo: Prepared) -> int:
    """The beat of the demo that the network is surest to be ventricular."""
    pictures = render_pictures(demo.beats, np.arange(200), DEFAULT.picture)
    return int(vgg16.predict(pictures)[:, vgg16.classes.index("V")].argmax())


def test_a_heatmap_has_the_size_of_its_picture_and_reaches_one(vgg16: Classifier, demo: Prepared, ectopic: int) -> None:
    found = explain_beat(vgg16, demo.beats, ectopic)
    assert found.heatmap.values.shape == found.picture.shape[:2]
    assert found.heatmap.class_name == "V"
    assert found.heatmap.values.min() >= 0
    assert found.heatmap.values.max() > 0.9
    assert not found.heatmap.blank
    assert sum(found.panel_share) == pytest.approx(1, abs=1e-4)


def test_other_weights_give_another_map(vgg16: Classifier, demo: Prepared, ectopic: int) -> None:
    picture = render_pictures(demo.beats, np.array([ectopic]), DEFAULT.picture)[0]
    random = Classifier(vgg16.manifest, NETWORKS["vgg16"].build(vgg16.manifest.input_shape, 5))
    ours, theirs = heatmap(vgg16, picture, "V").values, HiResCam(random)(picture, "V").values
    if theirs.max() > 0:
        assert abs(np.corrcoef(ours.ravel(), theirs.ravel())[0, 1]) < 0.8


def test_occlusion_agrees_with_the_map_about_where_to_look(vgg16: Classifier, demo: Prepared) -> None:
    pictures = render_pictures(demo.beats, np.arange(200), DEFAULT.picture)
    surest = np.argsort(-vgg16.predict(pictures)[:, vgg16.classes.index("V")])[:12]
    inside, outside = [], []
    for index in surest:
        heat = heatmap(vgg16, pictures[index], "V").values
        fall = occlusion(vgg16, pictures[index], "V")
        hot = np.zeros(heat.size, np.bool_)
        hot[np.argsort(-heat, axis=None)[: heat.size // 5]] = True
        hot = hot.reshape(heat.shape)
        inside.append(fall[hot].mean())
        outside.append(fall[~hot].mean())
    assert np.mean(inside) > np.mean(outside)


def test_taking_away_the_hottest_squares_costs_the_answer_more_than_taking_away_the_coldest(
    vgg16: Classifier, demo: Prepared
) -> None:
    pictures = render_pictures(demo.beats, np.arange(0, 400, 50), DEFAULT.picture)
    answer = vgg16.predict(pictures).argmax(axis=1)
    left = []
    for picture, index in zip(pictures, answer, strict=True):
        heat = heatmap(vgg16, picture, vgg16.classes[index]).values.reshape(4, 16, 6, 16).mean(axis=(1, 3))
        for order in (-heat, heat):
            gone = np.kron(np.argsort(np.argsort(order, axis=None)).reshape(heat.shape) < 6, np.ones((16, 16)))
            blanked = np.where(gone[..., None] > 0, np.uint8(0), picture)
            left.append(vgg16.predict(blanked[None])[0, index])
    assert np.mean(left[0::2]) < np.mean(left[1::2]) - 0.2


def test_a_network_that_sees_no_evidence_gives_a_blank_map(vgg16: Classifier) -> None:
    model = NETWORKS["vgg16"].build(vgg16.manifest.input_shape, 5)
    model.get_layer("logits").set_weights([np.zeros_like(w) for w in model.get_layer("logits").get_weights()])
    found = HiResCam(Classifier(vgg16.manifest, model))(np.zeros(vgg16.manifest.input_shape, np.uint8), "V")
    assert found.blank
    assert found.values.max() == 0
    assert heat_over_time(found)[1].max() == 0


def test_an_unknown_class_or_another_shape_is_refused(vgg16: Classifier) -> None:
    picture = np.zeros(vgg16.manifest.input_shape, np.uint8)
    with pytest.raises(ModelError, match="no class"):
        heatmap(vgg16, picture, "X")
    with pytest.raises(ModelError, match="picture of"):
        heatmap(vgg16, picture[:10], "V")


def test_the_middle_of_the_heat_is_at_r(vgg16: Classifier, demo: Prepared, ectopic: int) -> None:
    time_s, _ = heat_over_time(heatmap(vgg16, render_pictures(demo.beats, np.array([ectopic]), DEFAULT.picture)[0]))
    assert time_s[0] == pytest.approx(-DEFAULT.picture.beat_before_s)
    assert time_s[-1] == pytest.approx(DEFAULT.picture.beat_after_s)
