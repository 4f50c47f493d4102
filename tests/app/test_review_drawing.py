"""What the charts of the review show, and what a click on them names."""

from __future__ import annotations

import re

import numpy as np
import plotly.graph_objects as go
import pytest

from app.common import ecg_chart, review_charts
from app.common.review_charts import DayRow, Shape
from app.common.strip_chart import Picked, drags
from app.common.theme import LIGHT
from pipeline.cases.strip_content import BeatMarks, StripLead
from pipeline.store.recordings import Envelope

FS = 250.0


def lead() -> StripLead:
    time_s = np.arange(2500) / FS
    return StripLead("MLII", time_s, np.sin(2 * np.pi * time_s))


def marks() -> BeatMarks:
    return BeatMarks(np.array([250, 500, 750]), np.array([1.0, 2.0, 3.0]), ("N", "V", "X"), ("a", "b", "c"))


def strip(**more: bool) -> go.Figure:
    return ecg_chart.strip(
        (lead(),), marks(), LIGHT, start_s=0, window_s=10, selected=500, target=(500, 750), notes=("", "was N", "✓"),
        **more,
    )  # fmt: skip


def trace(figure: go.Figure, name: str) -> go.Scatter:
    return next(found for found in figure.data if found.name == name)


def test_other_beats_of_the_family_lie_below_the_one_each_a_line_of_its_own() -> None:
    time_s, leads = np.linspace(-0.2, 0.4, 50), ("II", "V1")
    own = Shape("beat", "", time_s, np.zeros((50, 2)))
    figure = review_charts.beat((own, own), leads, LIGHT, others=np.ones((3, 50, 2), np.float32))
    assert [trace.name for trace in figure.data] == ["others", "family", "beat"] * 2
    below = figure.data[0].y
    assert (below.size, int(np.isnan(below).sum())) == (153, 3)
    assert [trace.name for trace in review_charts.beat((own, None), leads, LIGHT).data] == ["beat", "beat"]


def test_the_beats_that_a_decision_is_about_are_framed() -> None:
    assert list(trace(strip(), "target").x) == [2.0, 3.0]


def test_what_a_human_did_stands_above_the_letter() -> None:
    figure = strip()
    notes, letters = trace(figure, "notes"), trace(figure, "beats")
    assert list(notes.text) == ["", "was N", "✓"]
    assert notes.y[0] > letters.y[0]
    assert notes.y[0] < figure.layout.yaxis.range[1]


def test_a_letter_names_its_beat_by_its_sample() -> None:
    assert list(trace(strip(), "beats").customdata) == [250, 500, 750]


def test_a_drag_selects_unless_it_scrolls_a_phone_or_a_beat_is_added() -> None:
    assert strip(drag=True).layout.dragmode == "select"
    assert strip().layout.dragmode is False
    stretch = Picked(print, stretch=print)
    assert [drags(stretch, phone=phone, adding=adding) for phone in (False, True) for adding in (False, True)] == [
        True, False, False, False,
    ]  # fmt: skip
    assert not drags(Picked(print), phone=False, adding=False)


def test_while_a_beat_is_added_every_place_names_its_time() -> None:
    places = trace(strip(adding=True), "places")
    times = sorted({float(text.split()[1]) for text in places.customdata})
    assert times[0] == 0
    assert times[-1] > 9.9
    assert np.diff(times).max() < 0.03


def test_a_family_s_median_names_the_family() -> None:
    time_s = np.linspace(-0.2, 0.4, 50)
    shapes = tuple(Shape(f"{n} beats, V 99 %", "V", time_s, np.zeros((50, 1))) for n in (9, 4))
    figure = review_charts.families(shapes, (8, 9), 9, LIGHT)
    assert [found.customdata[0] for found in figure.data] == [8, 9]
    assert [note.text.split("<br>")[0] for note in figure.layout.annotations] == ["<b>9</b>", "<b>10</b>"]
    assert all(found.line.color == LIGHT.classes["V"] for found in figure.data)


@pytest.mark.parametrize("rows", [1, 24])
def test_every_place_of_the_day_names_its_time_and_stands_in_its_row(rows: int) -> None:
    band = Envelope(np.arange(0, 3600, 10.0), np.zeros(360, np.float32), np.ones(360, np.float32))
    day = tuple(DayRow(3600.0 * n, Envelope(band.time_s + 3600 * n, band.low, band.high)) for n in range(rows))
    figure = review_charts.day(day, 3600.0, marks(), (3.0, 13.0), LIGHT)
    places = trace(figure, "places")
    at = np.array([float(text.split()[1]) for text in places.customdata])
    np.testing.assert_allclose(at // 3600, -np.asarray(places.y))
    np.testing.assert_allclose(at % 3600, places.x, atol=0.01)
    assert at.max() > 3600 * rows - 60


def test_the_day_keeps_ectopic_beats_in_the_colour_of_their_class() -> None:
    day = (DayRow(0.0, Envelope(np.arange(0.0, 300), np.zeros(300, np.float32), np.ones(300, np.float32))),)
    figure = review_charts.day(day, 300.0, marks(), (0.0, 10.0), LIGHT)
    assert trace(figure, "V").marker.line.color == LIGHT.classes["V"]


def test_a_row_in_which_nothing_was_recorded_is_drawn_empty() -> None:
    gap = np.full(300, np.nan, np.float32)
    figure = review_charts.day((DayRow(0.0, Envelope(np.arange(0.0, 300), gap, gap)),), 300.0, marks(), (0, 9), LIGHT)
    assert np.isnan(np.asarray(figure.data[0].y, float)).all()


def test_intervals_carry_the_colour_and_the_sample_of_the_beat_that_ends_them() -> None:
    figure = review_charts.tachogram(
        np.array([1.0, 2.0]), np.array([0.8, 0.5]), np.array([250, 500]), ("N", "V"), LIGHT, (0.0, 10.0)
    )
    series = trace(figure, "RR")
    assert list(series.y) == [800, 500]
    assert list(series.customdata) == [250, 500]
    assert list(series.marker.color) == [LIGHT.classes["N"], LIGHT.classes["V"]]


def test_picked_intervals_are_ringed_and_a_drag_draws_a_line_except_on_a_phone() -> None:
    arrays = np.array([1.0, 2.0]), np.array([0.8, 0.5]), np.array([250, 500])
    for narrow in (False, True):
        figures = (
            review_charts.tachogram(*arrays, ("N", "V"), LIGHT, (0.0, 10.0), (500,), narrow=narrow),
            review_charts.poincare(*arrays, LIGHT, (500,), narrow=narrow),
        )
        for figure in figures:
            assert list(trace(figure, "picked").y) == [500]
            assert figure.layout.dragmode == (False if narrow else "lasso")


@pytest.mark.parametrize(("row_s", "last"), [(3600.0, "+1:00:00"), (300.0, "+5:00")])
def test_the_axis_of_the_day_has_times_that_people_read(row_s: float, last: str) -> None:
    day = (DayRow(0.0, Envelope(np.arange(0.0, 300), np.zeros(300, np.float32), np.ones(300, np.float32))),)
    figure = review_charts.day(day, row_s, marks(), (0.0, 10.0), LIGHT)
    texts = figure.layout.xaxis.ticktext
    assert (texts[0], texts[-1]) == ("+0:00", last)
    assert all(re.fullmatch(r"\+(\d:)?\d?\d:\d\d", text) for text in texts)
