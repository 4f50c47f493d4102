"""Pictures of beats: what a batch holds, how they are drawn for training, and where heat lies on the upload."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.gradcam import Heatmap
from models.pictures import POINTS, Dense, beat_inputs, blended, traces
from pipeline.config import DEFAULT, data_root
from pipeline.datasets.beat_images import match_beats
from pipeline.domain import BeatTrace
from pipeline.errors import EcgError, LimitError
from pipeline.intake import read_path
from pipeline.intake.batch import picture_files
from pipeline.intake.beat_picture import trace_picture
from pipeline.pictures import heat_on_original
from pipeline.render.picture import render_trace
from pipeline.train.not_beats import CURVES, HELD_OUT_KINDS, PICTURES, TRAINING_KINDS, draw_not_beat
from pipeline.train.picture_styles import HELD_OUT_STYLES, STYLES, TRAINING_STYLES, draw_styled
from tests.hostile.make_corpus import _pdf, beat_curve, draw_beat, encoded, zipped

BEAT = draw_beat(120, 90)[0]
CURVE = (beat_curve(300) - beat_curve(300).min()) / np.ptp(beat_curve(300))


# Batches


def test_a_batch_keeps_its_order_and_unpacks_archives_and_pages():
    good, pages = encoded(BEAT), _pdf(BEAT, pages=2)
    files = picture_files([("a.png", good), ("z.zip", zipped([("b.png", good), ("c.pdf", pages)])), ("d.png", b"?")])
    assert [file.name for file in files] == ["a.png", "b.png", "c.pdf, page 1", "c.pdf, page 2", "d.png"]
    assert [file.page for file in files] == [0, 0, 0, 1, 0]
    assert not any(file.refusal for file in files)


def test_an_archive_that_cannot_be_opened_is_one_refused_picture():
    good = encoded(BEAT)
    broken = zipped([("b.png", good)])[:-30]
    files = picture_files([("a.png", good), ("z.zip", broken), ("locked.pdf", b"%PDF-1.7 nothing")])
    assert [bool(file.refusal) for file in files] == [False, True, True]


def test_files_that_systems_add_to_archives_are_left_out():
    files = picture_files([("z.zip", zipped([("__MACOSX/._a.png", b"x"), ("a.png", encoded(BEAT))]))])
    assert [file.name for file in files] == ["a.png"]


def test_a_batch_of_too_many_pictures_is_refused_with_the_limit():
    few = replace(DEFAULT, limits=replace(DEFAULT.limits, pictures=3))
    with pytest.raises(LimitError, match="more than 3 pictures"):
        picture_files([(f"{i}.png", b"x") for i in range(4)], config=few)


# Drawn pictures


@pytest.mark.parametrize("style", STYLES)
def test_a_beat_is_found_again_in_every_style(style):
    found = [trace_picture(draw_styled(CURVE, style, np.random.default_rng(seed)))[:2] for seed in range(2)]
    for _, row in found:
        value = np.interp(np.linspace(0, row.size - 1, CURVE.size), np.arange(row.size), -row)
        shifted = [np.roll(value, shift) for shift in range(-20, 21)]  # a camera moves the beat a little
        assert max(np.corrcoef(each, CURVE)[0, 1] for each in shifted) > 0.93


@pytest.mark.parametrize("kind", [*CURVES, *PICTURES])
def test_every_other_picture_is_an_rgb_picture_and_the_same_for_the_same_seed(kind):
    beats = np.stack([CURVE, CURVE[::-1]]).astype(np.float32)
    first, second = (draw_not_beat(kind, np.random.default_rng(3), beats) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape[2] == 3
    assert min(first.shape[:2]) >= 40
    np.testing.assert_array_equal(first, second)


def test_tests_draw_kinds_and_styles_that_training_does_not():
    assert not set(HELD_OUT_KINDS) & set(TRAINING_KINDS)
    assert not set(HELD_OUT_STYLES) & set(TRAINING_STYLES)
    assert set(HELD_OUT_STYLES) | set(TRAINING_STYLES) == set(STYLES)


# The heads' arithmetic


def test_a_dense_network_is_its_matrices_with_relu_between():
    rng = np.random.default_rng(0)
    weights = [(rng.normal(size=(4, 3)), rng.normal(size=3)), (rng.normal(size=(3, 2)), rng.normal(size=2))]
    dense = Dense(np.ones(4), np.full(4, 2.0), tuple(weights))
    inputs = rng.normal(size=(5, 4))
    hidden = np.maximum((inputs - 1) / 2 @ weights[0][0] + weights[0][1], 0)
    np.testing.assert_allclose(dense(inputs), hidden @ weights[1][0] + weights[1][1], rtol=1e-5)


def test_a_trace_reads_the_same_however_finely_it_was_drawn():
    fine = np.interp(np.linspace(0, 1, 2 * CURVE.size - 1), np.linspace(0, 1, CURVE.size), CURVE)
    coarse = CURVE
    np.testing.assert_allclose(traces([fine])[0], traces([coarse])[0], atol=1e-5)
    assert traces([fine, coarse]).shape == (2, POINTS)
    assert np.isfinite(beat_inputs([fine, np.zeros(9)], np.zeros((2, 7), np.float32))).all()


def test_the_network_s_share_moves_the_vote_from_the_trace_to_the_network():
    trace, network = np.log([[0.7, 0.3]]).astype(np.float32), np.log([[0.2, 0.8]]).astype(np.float32)
    np.testing.assert_allclose(np.exp(blended(trace, network, 0.0)), [[0.7, 0.3]], rtol=1e-5)
    np.testing.assert_allclose(np.exp(blended(trace, network, 1.0)), [[0.2, 0.8]], rtol=1e-5)


# Heat on the upload


def test_heat_of_the_highest_point_of_the_trace_lies_on_the_peak_in_the_upload():
    picture = draw_beat(640, 480)[0]
    column, row, finding = trace_picture(picture)
    value = ((row.max() - row) / np.ptp(row)).astype(np.float32)
    trace = BeatTrace("b", "0", picture, column.astype(np.float32), row.astype(np.float32), value, finding)
    panel = render_trace(value, DEFAULT.picture)[..., 0]
    at = np.unravel_index(np.argmax(panel[:4].max(axis=0)), (panel.shape[1],))[0]
    values = np.zeros(panel.shape, np.float32)
    values[2, at] = 1.0
    heat = heat_on_original(Heatmap(values, "N", blank=False), trace)
    hottest = np.unravel_index(heat.argmax(), heat.shape)
    assert heat.shape == picture.shape[:2]
    assert hottest[0] == pytest.approx(row.min(), abs=12)
    assert hottest[1] == pytest.approx(column[row.argmin()], abs=8)
    assert heat[:, : int(column[0]) - 8].max() == 0


# Whose beats the public pictures are


@pytest.mark.data
def test_a_drawn_beat_of_a_record_is_found_in_that_record_with_its_label(tmp_path):
    folder = data_root() / "mitdb"
    for name in ("100", "208"):
        for ending in (".hea", ".dat", ".atr"):
            (tmp_path / f"{name}{ending}").write_bytes((folder / f"{name}{ending}").read_bytes())
    recording = read_path(tmp_path / "208.hea")
    fusion = [i for i, symbol in enumerate(recording.reference.symbol) if symbol == "F"][5]
    sample = int(recording.reference.sample[fusion])
    found = match_beats([recording.p_signal[sample - 91 : sample + 91, 0]], tmp_path, DEFAULT)
    assert (found.record[0], int(found.sample[0]), found.symbol[0]) == ("208", sample, "F")
    assert found.sure[0]


def test_an_unreadable_picture_is_refused_with_the_project_s_error():
    with pytest.raises(EcgError, match="not an ECG beat picture"):
        trace_picture(np.full((200, 200, 3), 255, np.uint8))
