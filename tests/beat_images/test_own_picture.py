"""HeartVision's own beat picture is known at every size and on every ground, and read with its rhythm."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models import registry
from models.beat_image_heads import load_head
from pipeline._util.png_mark import NETWORKS, marked
from pipeline.analysis import prepare
from pipeline.beat_images.own_picture import own_picture
from pipeline.beat_images.reading import classify_traces, heat_of, heat_on_original, read_beat
from pipeline.beat_images.tracing import read_beat_picture
from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.errors import IntakeError
from pipeline.features.beat_image import on_paper, render_large, render_pictures
from pipeline.intake import read_path
from pipeline.intake.batch import PictureFile
from pipeline.picture_sets.making import make_picture_set
from pipeline.picture_sets.options import PictureSetOptions
from pipeline.picture_sets.sources import find_sources
from pipeline.synthesis.image_styles import STYLES, draw_styled
from pipeline.synthesis.non_beats import CURVES, PICTURES, draw_non_beat
from tests.hostile.make_corpus import beat_curve, encoded

PICTURE = DEFAULT.picture
SIZE = (PICTURE.width_px, PICTURE.height_px)


@pytest.fixture(scope="module")
def beats():
    return prepare(read_path(demo_path()), DEFAULT).beats


@pytest.fixture(scope="module")
def index(beats):
    return np.arange(8, len(beats.r_peak) - 8, 20)


@pytest.fixture(scope="module")
def vgg16():
    return registry.load("vgg16")


def uploads(beats, at):
    """The picture of one beat as people hold it, by what was done to it."""
    small = render_pictures(beats, np.array([at]), PICTURE)[0]
    large = render_large(beats, int(at), PICTURE, scale=8)
    photographic = cv2.imdecode(cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], cv2.IMREAD_COLOR)
    return {
        "as networks read it": small,
        "enlarged by a viewer": cv2.resize(small, (336, 224), interpolation=cv2.INTER_CUBIC),
        "on paper": on_paper(small),
        "large, on paper": large,
        "large, dark": render_large(beats, int(at), PICTURE, scale=4, dark=True),
        "on a screen": cv2.resize(large, (500, 333), interpolation=cv2.INTER_AREA),
        "JPEG": photographic,
    }


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (48, 32), (300, 100), (32, 512), (64, 1024)])
def test_pictures_that_were_made_at_any_size_are_classified_and_none_is_refused(vgg16, tmp_path, size):
    answers = {}
    for asked in (SIZE, size):
        folder = tmp_path / f"{asked}"
        options = PictureSetOptions(style="model", size_px=asked, most=8)
        make_picture_set(find_sources([str(demo_path())]), options, folder, load=lambda: vgg16)
        files = sorted(folder.rglob("*.png"))
        traces = [read_beat(PictureFile(file.name, file.read_bytes()), load_head()) for file in files]
        answers[asked] = [result.aami for result in classify_traces(traces, load_head(), vgg16)]
    assert len(answers[size]) >= 16
    assert np.mean([one == other for one, other in zip(*answers.values(), strict=True)]) >= 0.9


@pytest.mark.parametrize("size", [(1, 1), (400, 1), (1, 400), (5, 300), (64, 64), (96, 64)])
@pytest.mark.parametrize("level", [0, 255])
def test_what_only_has_the_note_of_a_made_picture_is_refused_in_a_sentence(size, level):
    empty = np.full((*size[::-1], 3), level, np.uint8)
    line = empty.copy()
    line[size[1] // 4] = (255, 0, 0)
    for pixels in (empty, line):
        with pytest.raises(IntakeError, match="not an ECG beat picture"):
            read_beat_picture("noted.png", marked(encoded(pixels), NETWORKS))


def test_the_picture_that_networks_read_comes_back_as_it_is(beats, index):
    for at, picture in zip(index, render_pictures(beats, index, PICTURE), strict=True):
        np.testing.assert_array_equal(own_picture(picture, PICTURE), picture, err_msg=f"beat {at}")


def test_other_sizes_and_grounds_get_the_class_of_the_recording(beats, index, vgg16):
    expected = vgg16.predict(render_pictures(beats, index, PICTURE))
    held = [uploads(beats, at) for at in index]
    for kind in held[0]:
        found = [own_picture(one[kind], PICTURE) for one in held]
        assert all(one is not None for one in found), kind
        p = vgg16.predict(np.stack(found))
        assert (p.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.95, kind
        assert np.abs(p - expected).max(axis=1).mean() < 0.05, kind


def test_an_upload_of_it_is_classified_with_its_rhythm_and_explained(beats, index, vgg16):
    head, at = load_head("vgg16"), int(index[3])
    expected = vgg16.predict(render_pictures(beats, np.array([at]), PICTURE))[0]
    for kind, pixels in uploads(beats, at).items():
        trace = read_beat(PictureFile("beat.png", encoded(pixels)), head)
        answer = classify_traces([trace], head, vgg16)[0]
        assert answer.p == pytest.approx(expected, abs=0.1), kind
        assert answer.threshold == vgg16.threshold
        heat = heat_on_original(heat_of(vgg16, trace.drawn, str(answer.aami)), trace)
        assert heat.shape == pixels.shape[:2]
        assert (
            0 <= trace.row_px.min() < trace.row_px.max() < pixels.shape[0] * PICTURE.beat_height_px / PICTURE.height_px
        )


def test_a_whole_picture_is_known_but_neither_its_beat_alone_nor_a_mirror_image(beats, index):
    picture = render_pictures(beats, index[:1], PICTURE)[0]
    assert own_picture(picture[: PICTURE.beat_height_px], PICTURE) is None
    assert own_picture(np.ascontiguousarray(picture[::-1]), PICTURE) is None
    assert own_picture(picture[::2, ::2], PICTURE) is None


@pytest.mark.parametrize("style", STYLES)
def test_no_other_beat_is_taken_for_one(style):
    curve = beat_curve(300)
    value = (curve - curve.min()) / np.ptp(curve)
    drawn = draw_styled(value, style, np.random.default_rng(1))
    assert own_picture(np.asarray(cv2.resize(drawn, (480, 320))), PICTURE) is None


@pytest.mark.parametrize("kind", [*CURVES, *PICTURES])
def test_nothing_else_is_taken_for_one(kind):
    value = np.linspace(0, 1, 300, dtype=np.float32)[None]
    drawn = draw_non_beat(kind, np.random.default_rng(2), value)
    assert own_picture(np.asarray(cv2.resize(drawn, (480, 320))), PICTURE) is None
