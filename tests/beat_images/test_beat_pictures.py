"""The shipped heads for pictures: they hold with the shipped vgg16, tell beats from all else, and are checked."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from models import registry
from models.beat_image_heads import load_head
from models.boosted_trees import boosted_trees, from_scikit_learn
from models.errors import ModelError
from pipeline.beat_images.reading import DoubtfulBeatError, classify_traces, read_beat
from pipeline.errors import IntakeError
from pipeline.intake.batch import PictureFile
from pipeline.synthesis.image_styles import STYLES, draw_styled
from pipeline.synthesis.non_beats import draw_non_beat
from tests.hostile.make_corpus import beat_curve, encoded

T = np.linspace(-0.35, 0.5, 300)
NORMAL = beat_curve(300)
WIDE = np.exp(-(((T - 0.0) / 0.06) ** 2)) - 0.6 * np.exp(-(((T - 0.22) / 0.09) ** 2))


@pytest.fixture(scope="module")
def head():
    return load_head("vgg16")


@pytest.fixture(scope="module")
def vgg16():
    return registry.load("vgg16")


def _file(curve: np.ndarray, style: str, seed: int = 0) -> PictureFile:
    value = (curve - curve.min()) / np.ptp(curve)
    return PictureFile("b.png", encoded(draw_styled(value, style, np.random.default_rng(seed))))


def test_the_same_beat_gets_the_same_verdict_in_every_style(head, vgg16):
    verdicts = {}
    for name, curve in (("normal", NORMAL), ("wide", WIDE)):
        found = classify_traces([read_beat(_file(curve, style), head) for style in STYLES], head, vgg16)
        verdicts[name] = np.array([answer.abnormal >= head.manifest.threshold for answer in found])
        for answer in found:
            assert answer.p.sum() == pytest.approx(1, abs=1e-4)
            assert not answer.p.flags.writeable
    assert verdicts["normal"].mean() <= 0.25
    assert verdicts["wide"].mean() >= 0.75


@pytest.mark.parametrize("kind", ["sine", "square wave", "text", "blank", "noise", "page", "two traces", "interface"])
def test_what_is_no_beat_is_refused(kind, head):
    beats = ((NORMAL - NORMAL.min()) / np.ptp(NORMAL))[None].astype(np.float32)
    for seed in range(3):
        picture = draw_non_beat(kind, np.random.default_rng(seed), beats)
        with pytest.raises(IntakeError, match=r"not (be )?an ECG beat"):
            read_beat(PictureFile("x.png", encoded(picture)), head)


def test_a_person_may_say_that_a_doubtful_line_is_a_beat(head, vgg16):
    wave = PictureFile("w.png", encoded(draw_styled(0.5 + 0.5 * np.sin(12 * T), "plain", np.random.default_rng(0))))
    with pytest.raises(DoubtfulBeatError, match="at least"):
        read_beat(wave, head)
    assert classify_traces([read_beat(wave, head, confirmed=True)], head, vgg16)[0].p is not None


def test_a_picture_without_a_line_is_refused_whatever_a_person_says(head):
    with pytest.raises(IntakeError, match="not an ECG beat picture"):
        read_beat(PictureFile("x.png", encoded(np.full((90, 90, 3), 255, np.uint8))), head, confirmed=True)


@pytest.mark.parametrize("depth", [0.05, 0.12])
def test_a_smooth_drawing_of_a_beat_as_in_a_textbook_is_read(depth, head):
    x = np.linspace(-0.3, 0.5, 400)
    waves = ((0, 0.015, 1), (-0.16, 0.025, 0.12), (0.25, 0.045, 0.2), (-0.03, 0.01, -depth), (0.03, 0.012, -2 * depth))
    curve = sum(height * np.exp(-0.5 * ((x - at) / width) ** 2) for at, width, height in waves)
    assert read_beat(_file(np.asarray(curve), "plain"), head).value.max() == 1


def test_trees_answer_as_the_learner_that_grew_them():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(900, 5)).astype(np.float32)
    for label in ((x[:, 0] * x[:, 1] > 0).astype(int), np.digitize(x[:, 2], [-0.5, 0.5])):
        learner = HistGradientBoostingClassifier(max_iter=12).fit(x[:600], label[:600])
        found = boosted_trees(from_scikit_learn(learner).arrays())(x[600:])
        expected = learner.decision_function(x[600:]).reshape(300, -1)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_nothing_to_classify_is_no_answer(head, vgg16):
    assert classify_traces([], head, vgg16) == []


def test_heads_for_other_weights_of_the_network_are_refused(tmp_path):
    folder = tmp_path / "vgg16"
    folder.mkdir()
    for name in ("pictures.json", "pictures.npz", "manifest.json"):
        shutil.copy(registry.WEIGHTS / "vgg16" / name, folder / name)
    facts = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**facts, "sha256": "0" * 64}))
    with pytest.raises(ModelError, match="other weights"):
        load_head("vgg16", tmp_path)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be read"):
        load_head("vgg16", tmp_path)


def test_damaged_heads_are_refused(tmp_path):
    folder = tmp_path / "vgg16"
    folder.mkdir()
    for name in ("pictures.json", "pictures.npz", "manifest.json"):
        shutil.copy(registry.WEIGHTS / "vgg16" / name, folder / name)
    payload = bytearray((folder / "pictures.npz").read_bytes())
    payload[len(payload) // 2] ^= 1
    (folder / "pictures.npz").write_bytes(payload)
    with pytest.raises(ModelError, match="SHA-256 differs"):
        load_head("vgg16", tmp_path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_head("cnn", tmp_path)
