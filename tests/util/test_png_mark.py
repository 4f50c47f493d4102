"""The note in pictures of beats: it changes no pixel, and says that the picture need not be doubted."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.beat_image_heads import load_head
from pipeline._util.png_mark import is_marked, marked
from pipeline.beat_images.reading import DoubtfulBeatError, read_beat
from pipeline.export.pictures import png_bytes
from pipeline.intake.batch import PictureFile


def _sine() -> bytes:
    canvas = np.full((128, 128), 255, np.uint8)
    x = np.arange(10, 118)
    line = np.stack([x, 64 - 40 * np.sin(x / 17)], axis=1).round().astype(np.int32)
    cv2.polylines(canvas, [line], False, 0, 1, cv2.LINE_AA)
    return png_bytes(canvas)


def test_a_note_changes_no_pixel_and_is_found_again_only_in_a_whole_file():
    plain = _sine()
    noted = marked(plain)
    before, after = (cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED) for file in (plain, noted))
    np.testing.assert_array_equal(before, after)
    assert is_marked(noted)
    assert not is_marked(plain)
    assert not is_marked(noted[1:])
    assert not is_marked(b"")


def test_a_noted_picture_is_not_doubted():
    head = load_head()
    with pytest.raises(DoubtfulBeatError):
        read_beat(PictureFile("sine.png", _sine()), head)
    assert read_beat(PictureFile("sine.png", marked(_sine())), head).value.size > 50
