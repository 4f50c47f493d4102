"""Pictures of beats: what a batch holds, how they are drawn for training, and where heat lies on the upload."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.beat_image_heads import beat_measures, blended, traces
from models.gradcam import Heatmap
from models.trace_measures import POINTS, shape_measures
from pipeline.beat_images.reading import heat_on_original
from pipeline.beat_images.record_curves import UNKNOWN, Windows, cut_traces, unit
from pipeline.beat_images.source_beats import find_recorded_beats
from pipeline.beat_images.traced_set import Sketch, as_traced, traced
from pipeline.beat_images.tracing import trace_picture
from pipeline.config import DEFAULT, data_root
from pipeline.errors import EcgError, LimitError
from pipeline.features.beat_image import render_trace
from pipeline.intake import read_path
from pipeline.intake.batch import picture_files
from pipeline.synthesis.held_out.kinds import HELD_OUT_KINDS, held_out_beat, held_out_non_beat
from pipeline.synthesis.held_out.styles import HELD_OUT_STYLES
from pipeline.synthesis.image_styles import STYLES, draw_styled
from pipeline.synthesis.non_beats import CURVES, PICTURES, draw_non_beat
from pipeline.synthesis.simple_curves import mixed_curve, unlike_beats
from pipeline.synthesis.textbook_beats import averaged, textbook_beats
from pipeline.types import BeatTrace
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
    first, second = (draw_non_beat(kind, np.random.default_rng(3), beats) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape[2] == 3
    assert min(first.shape[:2]) >= 40
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", HELD_OUT_KINDS)
def test_every_picture_of_the_evaluation_alone_is_an_rgb_picture(kind):
    beats = np.stack([CURVE, CURVE[::-1]]).astype(np.float32)
    picture = held_out_non_beat(kind, np.random.default_rng(3), beats)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert min(picture.shape[:2]) >= 40
    assert picture.std() > 0


@pytest.mark.parametrize("style", HELD_OUT_STYLES)
def test_the_styles_of_the_evaluation_alone_show_the_beat(style):
    _, row, _ = trace_picture(held_out_beat(CURVE, style, np.random.default_rng(1)))
    value = np.interp(np.linspace(0, row.size - 1, CURVE.size), np.arange(row.size), -row)
    assert np.corrcoef(value, CURVE)[0, 1] > 0.9


def test_the_evaluation_draws_kinds_and_styles_that_training_does_not():
    assert not set(HELD_OUT_KINDS) & {*CURVES, *PICTURES}
    assert not set(HELD_OUT_STYLES) & set(STYLES)


def test_sketches_give_the_same_traces_in_one_process_as_in_two():
    sketches = [Sketch("beat", (1, i), style, CURVE.astype(np.float32)) for i, style in enumerate(("plain", "dark"))]
    sketches.append(Sketch("blank", (2,), draw=_white))
    one, two = traced(sketches, processes=1), traced(sketches, processes=2)
    assert one.has.tolist() == [True, True, False]
    np.testing.assert_array_equal(one.value, two.value)
    np.testing.assert_array_equal(one.found, two.found)


def test_traced_pictures_are_kept_and_asked_for_by_what_they_show(tmp_path):
    sketch = Sketch("beat", (1, 0), "plain", CURVE.astype(np.float32))
    other = Sketch("beat", (1, 0), "plain", CURVE[::-1].astype(np.float32))
    first = traced([sketch], processes=1, cache=tmp_path)
    kept = list(tmp_path.iterdir())
    again = traced([sketch], processes=1, cache=tmp_path)
    np.testing.assert_array_equal(first.value, again.value)
    assert list(tmp_path.iterdir()) == kept
    traced([other], processes=1, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == len(kept) + 1


def test_a_trace_keeps_its_shape_as_a_picture_would_show_it():
    rows = unit(textbook_beats(50, np.random.default_rng(2), POINTS))
    found = as_traced(rows, np.random.default_rng(3))
    assert found.min() == 0
    assert found.max() == 1
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(rows, found, strict=True)]
    assert np.median(alike) > 0.99
    assert not np.array_equal(rows, found)


def test_measures_of_shape_tell_where_a_trace_is_steep_and_how_often_it_turns():
    t = np.linspace(0, 1, POINTS)
    peak = np.exp(-0.5 * ((t - 0.25) / 0.01) ** 2)
    flipped, waves = 1 - peak, 0.5 + 0.5 * np.sin(40 * t)
    found = shape_measures(np.stack([peak, flipped, waves, np.zeros(POINTS)]))
    assert np.isfinite(found).all()
    assert len(np.unique(found, axis=0)) == 4


def _white(rng, given):
    return np.full((120, 160, 3), 255, np.uint8)


def test_a_curve_like_a_beat_is_not_taught_as_anything_else():
    rng = np.random.default_rng(0)
    beats = unit(textbook_beats(40, rng, POINTS))
    others = np.stack([mixed_curve(rng) for _ in range(60)])
    assert not unlike_beats(np.roll(beats[:10], 4, axis=1), beats).any()
    assert unlike_beats(others, beats).mean() > 0.9
    assert np.isfinite(others).all()


def test_textbook_beats_are_smooth_and_differ():
    beats = unit(textbook_beats(200, np.random.default_rng(1), 400))
    assert np.abs(np.diff(beats, 2, axis=1)).mean() < 0.004
    assert np.corrcoef(beats).mean() < 0.8
    assert (beats.argmax(axis=1) > beats.argmin(axis=1)).any()


def _windows():
    curve = np.tile(np.linspace(0, 1, 376, dtype=np.float32), (6, 1)) * np.arange(1, 7, dtype=np.float32)[:, None]
    curve[:, 300:] = 50.0  # the next beat
    label, group = np.full(6, UNKNOWN), np.repeat([0, 1], 3)
    return Windows(curve, label, np.array(["a"] * 3 + ["b"] * 3), group, np.full((6, 2), 0.4, np.float32), 250.0)


def test_a_trace_ends_before_the_next_beat_begins():
    windows = _windows()
    found = cut_traces(windows, np.arange(6).repeat(20), np.random.default_rng(0), POINTS, clean=1.0)
    assert np.abs(np.diff(found, axis=1)).max() < 0.2


def test_an_average_holds_beats_of_one_patient_alone():
    windows = _windows()
    mean = averaged(windows.curve, windows.group, np.array([0, 5]), np.random.default_rng(0), 8)
    assert 1 <= mean[0, 299] / windows.curve[0, 299] <= 3
    assert 4 <= mean[1, 299] / windows.curve[0, 299] <= 6


# The heads' arithmetic


def test_a_trace_reads_the_same_however_finely_it_was_drawn():
    fine = np.interp(np.linspace(0, 1, 2 * CURVE.size - 1), np.linspace(0, 1, CURVE.size), CURVE)
    coarse = CURVE
    np.testing.assert_allclose(traces([fine])[0], traces([coarse])[0], atol=1e-5)
    rows = traces([fine, np.zeros(9)])
    assert rows.shape == (2, POINTS)
    assert np.isfinite(beat_measures(rows, np.zeros((2, 7), np.float32))).all()
    assert shape_measures(rows).shape[1] + 7 == beat_measures(rows, np.zeros((2, 7), np.float32)).shape[1]


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
    found = find_recorded_beats([recording.p_signal[sample - 91 : sample + 91, 0]], tmp_path, DEFAULT)
    assert (found.record[0], int(found.sample[0]), found.symbol[0]) == ("208", sample, "F")
    assert found.sure[0]


def test_an_unreadable_picture_is_refused_with_the_project_s_error():
    with pytest.raises(EcgError, match="not an ECG beat picture"):
        trace_picture(np.full((200, 200, 3), 255, np.uint8))
