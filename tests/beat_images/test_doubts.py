"""Mirrored and stretched pictures are noticed; ordinary ones, and what HeartVision drew, are not doubted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.beat_image_heads import load_head
from models.detectors import load_detector
from models.trace_measures import POINTS, shape_measures
from pipeline.beat_images.doubts import (
    FOLDER,
    NAME,
    ORIENTATIONS,
    SURE,
    doubts_about,
    is_doubted,
    may_be_upside_down,
    orientations,
    oriented,
)
from pipeline.beat_images.reading import read_beat
from pipeline.beat_images.record_curves import unit
from pipeline.intake.batch import PictureFile
from pipeline.synthesis.image_styles import draw_styled
from pipeline.synthesis.textbook_beats import textbook_beats
from tests.hostile.make_corpus import beat_curve, encoded


@pytest.fixture(scope="module")
def beats():
    return np.asarray(unit(textbook_beats(200, np.random.default_rng(11), POINTS)), np.float32)


def test_turning_twice_gives_the_trace_back(beats):
    for kind in range(len(ORIENTATIONS)):
        np.testing.assert_allclose(oriented(oriented(beats, kind), kind), beats, atol=1e-6)


def test_beats_are_rarely_doubted_and_mirrored_ones_mostly(beats):
    detector = load_detector(NAME, FOLDER)
    doubted = [
        (detector.probabilities(shape_measures(oriented(beats, kind)))[:, 0] <= 1 - SURE).mean()
        for kind in range(len(ORIENTATIONS))
    ]
    assert doubted[0] <= 0.03
    assert doubted[2] >= 0.6
    assert doubted[3] >= 0.6


def test_upside_down_beats_are_mostly_said_to_be_perhaps_so_and_those_as_recorded_rarely(beats):
    said = [orientations(oriented(beats, kind)) for kind in range(len(ORIENTATIONS))]
    perhaps = [may_be_upside_down(p).mean() for p in said]
    assert perhaps[0] <= 0.1
    assert perhaps[1] >= 0.5
    assert max(perhaps[2:]) <= 0.03
    assert not (may_be_upside_down(said[1]) & is_doubted(said[1])).any()


def test_upside_down_pictures_are_mostly_doubted(beats):
    words = ("The beat may be upside down", "The beat looks upside down")
    found = [read(picture(1 - beat)).doubts for beat in beats[:8]]
    assert sum(any(doubt.startswith(words) for doubt in doubts) for doubts in found) >= 4


def picture(curve=None, *, mirrored=False, wide=1.0, tall=1.0):
    curve = beat_curve(300) if curve is None else curve
    drawn = draw_styled((curve - curve.min()) / np.ptp(curve), "grid", np.random.default_rng(1))
    drawn = np.ascontiguousarray(np.flip(drawn, 1)) if mirrored else drawn
    return cv2.resize(drawn, None, fx=wide, fy=tall, interpolation=cv2.INTER_AREA)


def read(pixels):
    return read_beat(PictureFile("b.png", encoded(pixels)), load_head("vgg16"), confirmed=True)


def test_an_ordinary_picture_is_not_doubted():
    assert read(picture()).doubts == ()


def test_mirrored_pictures_are_mostly_doubted(beats):
    sentence = "The beat looks mirrored or turned by half a turn; check the picture, for its class would be wrong."
    found = [read(picture(beat, mirrored=True)).doubts for beat in beats[:12]]
    assert sum(doubts == (sentence,) for doubts in found) >= 7


@pytest.mark.parametrize(
    ("size", "words"), [({"wide": 1.5}, "1.5 times as wide"), ({"tall": 1.4}, "1.4 times as tall")]
)
def test_a_stretched_grid_is_noticed(size, words):
    assert any(words in doubt for doubt in read(picture(**size)).doubts)


def test_a_detector_that_is_missing_says_nothing(monkeypatch, tmp_path):
    from pipeline.beat_images import doubts

    trace = read(picture())
    doubts._detector.cache_clear()
    monkeypatch.setattr(doubts, "FOLDER", tmp_path)
    assert doubts_about(trace) == ()
    doubts._detector.cache_clear()
