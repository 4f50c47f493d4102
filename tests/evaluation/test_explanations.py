"""Measurements of heatmaps: they prefer what the answer rests on, and say no more than their numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from models import gradcam, registry
from models.gradcam import cascade
from models.registry import Classifier
from pipeline._util.progress import Progress
from pipeline._util.provenance import Provenance
from pipeline.analysis import prepare
from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.datasets.labelled_beats import LabelledBeats
from pipeline.evaluation import faithfulness_beats as on_signal
from pipeline.evaluation.claims import supported_statements
from pipeline.evaluation.explanations import explained_set, randomised
from pipeline.evaluation.explanations_schema import BothWays, ExplainedSet, Explanations, RandomStage, RandomWeights
from pipeline.evaluation.faithfulness import Explained, area_under, drawn
from pipeline.evaluation.faithfulness_images import MAPS, explained, places, worse_pictures
from pipeline.evaluation.schema import Estimate
from pipeline.features.beat_image_content import picture_content
from pipeline.features.beat_sequence import row_size
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from tests.helpers.results import evaluated_model

PICTURE = DEFAULT.picture


@pytest.fixture(scope="module")
def beats() -> LabelledBeats:
    recording = read_path(demo_path())
    assert recording.reference is not None
    found = prepare(recording, samples=recording.reference.sample).beats
    label = np.array([AAMI_CLASSES.index(aami_class(s) or "Q") for s in recording.reference.symbol])
    content = picture_content(found, np.arange(label.size), PICTURE)
    halves = np.where(
        np.arange(label.size) < label.size // 2, "100", "103"
    )  # two records, so that there is an interval
    return LabelledBeats(content, label, halves)


@pytest.fixture(scope="module")
def cnn() -> Classifier:
    return registry.load("cnn")


@pytest.fixture(scope="module")
def found(cnn: Classifier, beats: LabelledBeats) -> Explained:
    return explained(cnn, beats.take(drawn(beats.label, beats.record, 6)), DEFAULT, lambda fraction, sentence: None)


def test_the_strongest_squares_go_first_until_nothing_is_left() -> None:
    picture = np.random.default_rng(0).integers(1, 255, (64, 96, 3), np.uint8)
    squares = np.arange(24.0).reshape(4, 6)
    deletion, insertion = worse_pictures(picture, squares)
    assert len(deletion) == len(insertion) == 7
    assert np.array_equal(deletion[0], picture)
    assert np.array_equal(insertion[-1], picture)
    assert not deletion[-1].any()
    assert not insertion[0].any()
    assert not deletion[1][-16:, -64:].any()  # the four strongest squares are the last ones
    assert np.array_equal(deletion[1] + insertion[1], picture)


def test_an_answer_that_falls_at_once_has_a_small_area() -> None:
    assert area_under(np.array([1.0, 0.0, 0.0])) == pytest.approx(0.25)
    assert area_under(np.ones(5)) == 1


def test_places_are_the_qrs_the_p_window_and_the_interval_before(beats: LabelledBeats) -> None:
    qrs, p, before = places(beats.content.take(np.array([50])), PICTURE)[0]
    strip = PICTURE.beat_height_px
    at_r = round(PICTURE.beat_before_s / (PICTURE.beat_before_s + PICTURE.beat_after_s) * (PICTURE.width_px - 1))
    assert qrs[:strip, at_r].all()
    assert not (qrs & p).any()
    assert p[:strip].any(axis=0).argmax() < at_r
    assert not before[:strip].any()
    assert before[strip, PICTURE.width_px // 2 - 1]
    assert not before[strip, PICTURE.width_px // 2 + 2]
    assert before[-1].sum() == pytest.approx(PICTURE.width_px / 14, abs=1)


def test_beats_are_drawn_from_all_patients_in_turn(beats: LabelledBeats) -> None:
    chosen = beats.take(drawn(beats.label, beats.record, 10))
    for label in np.unique(chosen.label):
        _, counts = np.unique(chosen.record[chosen.label == label], return_counts=True)
        assert np.ptp(counts) <= 1
    assert set(chosen.label) == {AAMI_CLASSES.index(name) for name in "NVF"}


def test_covering_in_turn_finds_what_the_answer_rests_on_better_than_chance(found: Explained) -> None:
    told = explained_set(found, "ds2", "DS2")
    areas = told.faithfulness
    assert areas["occlusion"].deletion.value < areas["random"].deletion.value
    assert told.beats == len(found.maps)
    assert sum(answer.beats for answer in told.answers) == told.beats
    for name in MAPS:
        assert told.curves[name].deletion[0] == pytest.approx(told.curves[name].insertion[-1])


def test_without_weights_a_map_is_another(cnn: Classifier, found: Explained) -> None:
    stages = randomised(cnn, found).stages
    assert [stage.layer for stage in stages] == [name for name, _ in cascade(cnn, 0)]
    assert stages[-1].layer == "conv1"
    assert abs(stages[-1].correlation.value or 0) < 0.9


def test_the_last_stage_shares_no_weights_with_the_network(cnn: Classifier) -> None:
    *_, (_, broken) = cascade(cnn, 0)
    (first, *_), (other, *_) = cnn.model.get_layer("conv1").get_weights(), broken.model.get_layer("conv1").get_weights()
    assert not np.allclose(first, other)


def _explanations(
    tested: ExplainedSet, correlation: Estimate, reads: Literal["pictures", "beats"] = "pictures"
) -> Explanations:
    return Explanations(
        model=evaluated_model().identity,
        provenance=Provenance("a test", "", "", ""),
        reads=reads,
        method="HiResCAM",
        per_class=10,
        sets=(tested,),
        randomised=RandomWeights(8, (RandomStage("conv1", correlation),)),
    )


def test_claims_say_what_the_numbers_say(found: Explained) -> None:
    good, bad = Estimate(0.2, 0.1, 0.3), Estimate(-0.2, -0.3, -0.1)
    against = {"random": BothWays(good, good), "occlusion": BothWays(bad, bad), "qrs": BothWays(good, bad)}
    tested = replace(explained_set(found, "ds2", "DS2"), against=against)
    faithful, where, sane = supported_statements(_explanations(tested, Estimate(0.05, -0.1, 0.2)))
    assert "better than squares at random; worse than covering" in faithful
    assert "better by one measure and worse by the other than just marking the QRS" in faithful
    assert where.startswith("**Where:**")
    assert "depend on what the network learnt" in sane
    assert "whatever the network learnt" in supported_statements(_explanations(tested, Estimate(0.8, 0.7, 0.9)))[-1]


@pytest.fixture(scope="module")
def ventricular() -> tuple[Classifier, Explained]:
    """`rhythm` and what its maps of four beats of each class of the demo recording are worth."""
    network = registry.load("rhythm")
    demo = demo_path()
    silent: Progress = lambda fraction, sentence: None  # noqa: E731
    return network, on_signal.explained_beats(network, [demo.stem], demo.parent, 4, DEFAULT, silent)


def test_the_signal_is_cut_at_r_and_each_point_belongs_to_one_stretch() -> None:
    parts = on_signal.stretches(DEFAULT.sequence)
    points = np.concatenate([np.arange(part.start, part.stop) for part in parts])
    assert np.array_equal(points, np.arange(DEFAULT.sequence.points))
    assert DEFAULT.sequence.points_before in [part.start for part in parts]
    qrs, p, intervals = on_signal.places(DEFAULT.sequence)
    assert (qrs.sum(), intervals.sum(), intervals[-1]) == (2, 1, 1)
    assert not (qrs * p).any()


def test_taking_all_away_leaves_the_usual_beat_and_no_rhythm_and_putting_all_back_leaves_the_beat() -> None:
    config = DEFAULT.sequence
    rows = np.random.default_rng(0).normal(size=(5, row_size(config))).astype(np.float32)
    values = np.arange(len(on_signal.stretches(config)) + 1.0)
    away, back = on_signal.worse_rows(rows, 2, values, config)
    wave = 2 * config.points
    assert len(away) == len(back) == values.size + 1
    assert np.array_equal(away[0], rows)
    assert np.array_equal(back[-1], rows)
    assert np.array_equal(away[-1], back[0])
    assert np.array_equal(away[-1][2, :wave], rows[2, wave : 2 * wave])
    assert not away[1][:, 2 * wave :].any()  # the last value is the strongest: the RR intervals go first
    assert np.array_equal(away[-1][[0, 1, 3, 4], : 2 * wave], rows[[0, 1, 3, 4], : 2 * wave])  # its neighbours stay


def test_occlusion_of_the_signal_finds_what_answers_rest_on(ventricular: tuple[Classifier, Explained]) -> None:
    _, found = ventricular
    told = explained_set(found, "ds2", "DS2")
    assert {"V", "N"} <= set(found.answer)
    assert told.compared == np.sum((found.answer != "N") & ~found.blank)
    areas = told.faithfulness
    assert set(areas) == set(on_signal.MAPS)
    assert areas["heat"].deletion.value < areas["random"].deletion.value
    assert areas["heat"].insertion.value > areas["random"].insertion.value
    assert np.allclose(found.share.sum(axis=1) <= 1 + 1e-9, True)
    v = next(answer for answer in told.answers if answer.answer == "V")
    assert (v.places["qrs"].ratio.value or 0) > 1


def test_without_its_weights_the_network_of_beats_has_another_map(
    ventricular: tuple[Classifier, Explained], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, found = ventricular
    monkeypatch.setattr(gradcam, "RANDOMISED_SHARES", gradcam.RANDOMISED_SHARES[-1:])
    ((_, broken),) = cascade(network, 0)
    at = int(np.flatnonzero(found.compared)[0])
    assert np.array_equal(found.again(network, at), found.maps[at])
    assert not np.allclose(found.again(broken, at), found.maps[at])


def test_claims_about_the_signal_speak_of_stretches(ventricular: tuple[Classifier, Explained]) -> None:
    tested = explained_set(ventricular[1], "ds2", "DS2")
    faithful, *_ = supported_statements(_explanations(tested, Estimate(0.05, -0.1, 0.2), "beats"))
    assert f"(the {tested.compared} beats not called N, of {tested.beats} beats of 1 patients)" in faithful
    assert "stretches in random order" in faithful
    assert "squares" not in faithful
