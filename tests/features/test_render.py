"""The beat picture: deterministic, the same at every size, and each ink says what it should."""

import hashlib

import numpy as np
import pytest

from pipeline.analysis import prepare
from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.features.beat_image import draw, on_paper, render_large, render_pictures, render_trace
from pipeline.features.beat_image_content import picture_content
from pipeline.intake import read_path
from pipeline.types import Beats

PICTURE = DEFAULT.picture
# SHA-256 of the first 200 pictures of the demo at its reference beats, whatever the detector finds; a new drawing needs
# a new `PictureConfig.drawing` and new weights.
GOLDEN = "7fc5c66edc584725bf7499f02455c8c60582e4c41b945b0fb73bc505bb8cb067"


@pytest.fixture(scope="module")
def beats() -> Beats:
    return prepare(read_path(demo_path())).beats


def test_pictures_are_what_they_were_when_the_networks_were_trained() -> None:
    recording = read_path(demo_path())
    assert recording.reference is not None
    given = prepare(recording, samples=recording.reference.sample).beats
    pictures = render_pictures(given, np.arange(200), PICTURE)
    assert pictures.shape == (200, PICTURE.height_px, PICTURE.width_px, 3)
    assert hashlib.sha256(pictures.tobytes()).hexdigest() == GOLDEN


def test_a_picture_does_not_depend_on_the_others_of_its_batch(beats: Beats) -> None:
    batch = render_pictures(beats, np.arange(40), PICTURE)
    alone = np.concatenate([render_pictures(beats, np.array([i]), PICTURE) for i in range(40)])
    assert np.array_equal(batch, alone)


def test_the_large_picture_has_the_same_geometry(beats: Beats) -> None:
    scale = 6
    small = draw(picture_content(beats, np.array([20]), PICTURE), PICTURE)[0, : PICTURE.beat_height_px]
    large = draw(picture_content(beats, np.array([20]), PICTURE), PICTURE, scale=scale)[0]
    shrunk = large[: PICTURE.beat_height_px * scale].reshape(-1, scale, PICTURE.width_px, scale, 3).mean(axis=(1, 3))
    for ink in (0, 2):  # the demo has one lead, so ink G is empty in this panel
        assert np.corrcoef(small[..., ink].ravel(), shrunk[..., ink].ravel())[0, 1] > 0.7


def test_the_first_lead_is_red_ink_and_peaks_at_r(beats: Beats) -> None:
    index = int(np.argmin(np.abs(beats.rr_s - beats.mean_rr_s)))
    panel = render_pictures(beats, np.array([index]), PICTURE)[0, : PICTURE.beat_height_px, :, 0]
    r_column = PICTURE.beat_before_s / (PICTURE.beat_before_s + PICTURE.beat_after_s) * (PICTURE.width_px - 1)
    highest = int(np.flatnonzero((panel > 60).any(axis=1))[0])
    assert abs(float(np.argmax(panel[highest])) - r_column) <= 2


def test_a_longer_interval_is_a_taller_bar(beats: Beats) -> None:
    index = np.flatnonzero(np.isfinite(beats.rr_s))[10:30]
    bars = render_pictures(beats, index, PICTURE)[:, -PICTURE.rr_height_px :, :, 1]
    left = PICTURE.width_px // 2 - 4  # the bar before the beat lies left of the middle
    heights = bars[:, :, left].sum(axis=1) / 255 * PICTURE.rr_span / PICTURE.rr_height_px
    expected = np.minimum(beats.rr_s[index] / beats.mean_rr_s, PICTURE.rr_span)
    assert np.abs(heights - expected).max() < 0.02


def test_a_trace_fills_the_beat_panel_and_nothing_else() -> None:
    value = np.sin(np.linspace(0, 6, 150)).astype(np.float32) / 2 + 0.5
    picture = render_trace(value, PICTURE)
    rows = np.flatnonzero((picture[: PICTURE.beat_height_px, :, 0] > 60).any(axis=1))
    assert rows[-1] - rows[0] > 0.85 * PICTURE.beat_height_px
    assert picture[PICTURE.beat_height_px :].max() == 0
    assert picture[..., 1:].max() == 0


def test_paper_is_white_and_night_is_dark_where_nothing_is_drawn(beats: Beats) -> None:
    blank = np.zeros((4, 4, 3), np.uint8)
    assert (on_paper(blank) == 255).all()
    assert (on_paper(blank, dark=True) < 40).all()
    assert render_large(beats, 3, PICTURE, scale=4).shape == (PICTURE.height_px * 4, PICTURE.width_px * 4, 3)
