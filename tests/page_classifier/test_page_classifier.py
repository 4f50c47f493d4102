"""The page classifier: drawn pages are read, others get a sentence; heat goes to the lead that spoke."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from models.page import page_heat
from pipeline.config import data_root
from pipeline.digitisation.layouts import TWELVE_LEADS
from pipeline.errors import DataError, IntakeError, ModelError
from pipeline.evaluation.class_scores import class_report
from pipeline.evaluation.schema import Estimate
from pipeline.page_classifier.dataset import PageSet, folds, patient_groups, published
from pipeline.page_classifier.linear_head import fit_head, standard_of, standardised
from pipeline.page_classifier.page_beats import find_beats
from pipeline.page_classifier.page_picture import draw_page_picture, heat_on_page, lead_heat
from pipeline.page_classifier.printed_page import PAGE_PX, find_page, lead_box
from pipeline.page_classifier.reading import classify_page, page_classifier
from pipeline.page_classifier.schema import FOLDER, read_page_evaluation
from pipeline.page_classifier.traces import read_traces
from tests.helpers.printed_page import known_page

RR_S = 0.8


@pytest.mark.parametrize("size", [PAGE_PX, (1424, 834)])
def test_the_traces_of_a_drawn_page_are_those_that_were_drawn(size):
    traces = read_traces(find_page(known_page(size)))
    for lead, trace in enumerate(traces.leads):
        assert trace.max() == pytest.approx(0.5 + 0.05 * lead, rel=0.12)
        assert abs(np.median(trace)) < 0.05


def test_the_beats_of_a_drawn_page_are_found():
    beats = find_beats(read_traces(find_page(known_page())))
    assert beats.rr_s == pytest.approx(RR_S, abs=0.03)
    assert len(beats.beats) == len(TWELVE_LEADS) + 1
    assert draw_page_picture(beats).shape == (192, 192, 3)


def test_variations_of_a_page_differ_and_repeat():
    beats = find_beats(read_traces(find_page(known_page())))
    one, again, other = (draw_page_picture(beats, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (np.full((556, 949, 3), 255, np.uint8), "has not the layout"),
        (np.full((500, 500, 3), 255, np.uint8), "crop it"),
        (np.zeros((556, 949, 3), np.uint8), "no class"),
        (np.full((1, 1, 3), 255, np.uint8), "crop it"),
        (known_page()[::-1], "layout"),
    ],
)
def test_what_is_no_such_page_gets_one_sentence_and_no_class(picture, said):
    with pytest.raises(IntakeError, match=said):
        find_beats(read_traces(find_page(np.ascontiguousarray(picture))))


def test_heat_goes_to_the_place_of_the_lead_it_came_from():
    heat = np.zeros((192, 192), np.float32)
    heat[48:96, 96:144] = 1  # second row, third column: V2
    over = heat_on_page(heat)
    left, top, right, bottom = lead_box(TWELVE_LEADS.index("V2"))
    assert over[top:bottom, left:right].min() == 1
    assert over.sum() == (bottom - top) * (right - left)
    assert lead_heat(heat)[TWELVE_LEADS.index("V2")] == 1


def test_folds_hold_every_class_and_never_divide_a_group():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], [100, 20, 50])
    group = np.where(rng.random(170) < 0.3, np.arange(170) // 2, np.arange(170) + 500)
    group = np.unique(group, return_inverse=True)[1]
    fold = folds(label, group, 5, seed=1)
    assert all(len(set(fold[group == number])) == 1 for number in np.unique(group))
    counts = np.array([np.bincount(label[fold == i], minlength=3) for i in range(5)])
    assert counts.min(axis=0).tolist() >= [18, 3, 8]


def test_neighbouring_pages_that_look_alike_are_one_patients():
    rng = np.random.default_rng(0)
    beats = rng.normal(0, 1, (4, 12, 70)).astype(np.float32)
    beats[1] = beats[0] + 0.1 * rng.normal(0, 1, (12, 70))
    names = ("a/1.jpg", "a/2.jpg", "a/3.jpg", "a/90.jpg")
    group = patient_groups(beats, names, np.zeros(4, np.int64))
    assert group[0] == group[1]
    assert len(set(group.tolist())) == 3


def test_the_published_set_repeats_pages_by_their_copies():
    label = np.zeros(3, np.int64)
    pages = PageSet(("a", "b", "c"), label, np.array([1, 8, 2]), label, ())
    assert np.bincount(published(pages)).tolist() == [1, 8, 2]


def test_a_linear_head_separates_and_its_products_are_its_logits():
    rng = np.random.default_rng(0)
    label = np.arange(60) % 3
    features = rng.normal(0, 1, (60, 500)) + 2 * np.eye(3)[label] @ rng.normal(0, 1, (3, 500))
    standard = standard_of(features)
    vectors = standardised(features, standard)
    head, curves = fit_head(vectors @ vectors.T, label, 3, strength=10)
    logits = vectors @ (vectors.T @ head.weights) + head.bias
    assert (logits.argmax(axis=1) == label).all()
    assert curves["loss"][-1] < curves["loss"][0]


def test_a_report_of_perfect_answers_is_one_and_leaves_room_for_others():
    label = np.arange(40) % 4
    report = class_report(np.eye(4)[label], label, list("abcd"))
    assert report.overall.macro_f1 == Estimate(1.0, 0.9119, 1.0)  # 40 of 40, Clopper and Pearson
    assert np.array(report.confusion).tolist() == np.diag([10] * 4).tolist()


def test_a_class_that_is_never_met_has_no_score_but_spoils_none():
    label = np.array([0, 0, 1, 1])
    report = class_report(np.eye(3)[[0, 1, 1, 1]], label, list("abc"))
    assert report.classes[2].recall.value is None
    assert report.overall.macro_f1.value == pytest.approx((2 / 3 + 0.8) / 2, abs=1e-3)


def test_the_shipped_network_reads_a_page_and_says_where_it_looked():
    reading = classify_page(known_page())
    assert sum(reading.p.values()) == pytest.approx(1, abs=1e-3)
    assert reading.class_name == max(reading.p, key=reading.p.__getitem__)
    assert reading.heat.shape == (556, 949)
    assert sum(reading.lead_heat.values()) == pytest.approx(1, abs=1e-3)
    with pytest.raises(ModelError, match="no class"):
        page_heat(page_classifier(), reading.picture, "healthy")


def test_the_saved_evaluation_beats_its_baselines_and_names_the_leak():
    found = read_page_evaluation()
    scores = {name: report.overall.macro_f1.value for name, report in found.networks.items()}
    assert scores["vgg16"] >= 0.85
    assert scores["vgg16"] > max(scores["mobilenet"], scores["cnn"])
    assert found.leakage.overall.macro_f1.value > scores["vgg16"]


def test_a_broken_evaluation_is_refused(tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "evaluation.json").write_text(json.dumps({"schema": "x"}))
    with pytest.raises(DataError, match="another version"):
        read_page_evaluation(tmp_path)


@pytest.mark.data
@pytest.mark.parametrize("name", ["normal", "myocardial_infarction", "history_of_mi", "abnormal_heartbeat"])
def test_a_page_that_taught_the_network_is_known_again(name):
    file = next((data_root() / "ecg_pages" / name).glob("*_5.jpg"))
    picture = cv2.imread(str(file))[..., ::-1]
    assert (FOLDER / "page" / "manifest.json").is_file()
    assert classify_page(np.ascontiguousarray(picture)).class_name == name
