"""Calipers and the place for comparison: what a drag measures, who keeps it, how it is drawn, and one scale for two."""

from __future__ import annotations

import numpy as np
import pytest

from app.analyse import explorer
from app.common import reader, strip_chart
from app.common.caliper_marks import levels
from app.common.calipers import Calipers
from app.common.ecg_chart import fitting_gain, strip
from app.common.session import Session
from app.common.strip_tools import StripLook
from app.common.theme import LIGHT
from app.common.viewport import Looking, Span, Viewport, moved_end
from app.review import decide
from pipeline.cases.strip_content import BeatMarks, StripLead
from pipeline.principal import local
from pipeline.review.decisions import Decision
from pipeline.store import reviews
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import save_recording
from tests.app.test_review_page import opened, press, review_session, texts
from tests.helpers.review_study import recorded, study
from tests.helpers.rhythms import with_rhythm

NO_MARKS = BeatMarks(np.zeros(0, np.int64), np.zeros(0), (), ())


def lead(height_mv: float) -> StripLead:
    time_s = np.arange(0, 10, 0.004)
    return StripLead("MLII", time_s, height_mv * np.sin(7 * time_s))


@pytest.mark.parametrize(
    ("drag", "expected"), [((2.02, 3.0), (3.0, 4.0)), ((4.0, 5.0), (2.0, 5.0)), ((2.5, 3.5), None), ((2.0, 9.0), None)]
)
def test_a_drag_moves_the_end_that_it_takes_hold_of(drag: Span, expected: Span | None) -> None:
    assert moved_end((2.0, 4.0), drag, 0.05) == expected


def test_a_drag_measures_or_moves_an_end_of_what_was_measured_last() -> None:
    put: list[tuple[Span | None, Span | None]] = []
    calipers = Calipers(((1.0, 2.0), (2.0, 3.0)), lambda old, new: put.append((old, new)), "")
    calipers.drag(5.0, 6.0, 0.1)
    calipers.drag(2.05, 2.5, 0.1)
    assert put == [(None, (5.0, 6.0)), ((2.0, 3.0), (2.5, 3.0))]


def test_what_overlaps_stands_one_above_the_other() -> None:
    assert levels([(0.0, 2.0), (1.0, 3.0), (1.5, 4.0), (2.0, 2.5), (3.0, 5.0)]) == [0, 1, 2, 0, 0]


def test_a_strip_says_of_each_interval_how_long_it_is_and_which_rate() -> None:
    figure = strip(
        (lead(1.0),), NO_MARKS, LIGHT, start_s=0.0, window_s=10.0, calipers=((1.0, 1.8), (3.0, 3.12), (20.0, 21.0))
    )
    said = [note.text for note in figure.layout.annotations if "ms" in note.text]
    assert said == ["<b>800 ms, 75/min</b>", "<b>120 ms</b>"]
    ends = [shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1]
    assert ends == [1.0, 1.8, 3.0, 3.12]


def test_what_stands_one_above_the_other_has_the_scale_at_which_both_fit() -> None:
    low, high = (lead(0.5),), (lead(8.0),)
    gains = [fitting_gain(leads, 10.0, 1000, 210) for leads in (low, high)]
    assert gains[0] > gains[1]
    assert strip_chart.one_scale(StripLook(), [low, high], 10.0, 1000, 210).gain_mm_mv == gains[1]
    assert strip_chart.one_scale(StripLook(20.0), [low, high], 10.0, 1000, 210).gain_mm_mv == 20.0


def test_the_place_for_comparison_is_as_long_as_the_strip_and_stays_where_it_was() -> None:
    looking = Looking(Viewport(10.0, 30.0, 100.0))
    found = [looking.pinned]
    looking.pin()
    looking.move(60.0)
    looking.resize(20.0)
    found.append(looking.pinned)
    looking.pin()
    found.append(looking.pinned)
    assert found == [None, Viewport(20.0, 30.0, 100.0), None]


@pytest.fixture
def number(own_store: None) -> int:
    """A minute of beats, with fibrillation of the atria from 20 to 40 s."""
    analysis = with_rhythm("N" * 75, (20.0, "N"), (40.0, "AFIB"), (60.4, "N"))
    return study_of_analysis(analysis, save_recording(recorded(analysis))).id


def test_a_drag_on_review_measures_for_the_study_and_undo_takes_it_back(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "current", lambda: local("Ada Moreau"))
    page = opened(number, at="rhythm:5000")
    page.button(key="review-calipers-button").click().run()
    here = review_session(page)
    assert here.review is not None
    decide.measure(here, here.review, 21.0, 21.8)
    decide.measure(here, here.review, 23.0, 23.4)
    decide.measure(here, here.review, 23.42, 24.0)
    page.run()
    assert "**800 ms, 75/min**" in texts(page)
    assert "**1000 ms, 60/min**" in texts(page)
    assert "Mean of 2: 900 ms, 67/min" in texts(page)
    assert here.current is not None
    assert here.current.title == "Atrial fibrillation"
    kept = [Decision("measure", (5250, 5450)), Decision("measure", (5750, 5850))]
    assert reviews.standing(number).decisions == (*kept, Decision("measure_move", (5750, 5850, 5750, 6000)))
    said = [entry.sentence() for entry in reviews.audit(number)]
    assert said[-2:] == [
        "measured an interval (400 ms, 150/min)",
        "moved the calipers of an interval (1000 ms, 60/min)",
    ]
    press(page, "review-undo")
    assert here.current.title == "Atrial fibrillation"
    page.button(key="review-calipers-away-1").click().run()
    assert reviews.standing(number).decisions == (*kept, Decision("measure_remove", (5750, 5850)))
    assert "400 ms" not in texts(page)
    assert here.review is not None
    assert here.review.beats.rhythm == with_rhythm("N" * 75, (20.0, "N"), (40.0, "AFIB"), (60.4, "N")).rhythm


def test_who_may_not_change_a_study_measures_for_themselves(number: int) -> None:
    page = opened(number, reader="", at="rhythm:5000")
    page.button(key="review-calipers-button").click().run()
    here = review_session(page)
    assert here.review is not None
    decide.measure(here, here.review, 21.0, 21.8)
    page.run()
    assert "**800 ms, 75/min**" in texts(page)
    assert "Not kept with the study" in texts(page)
    page.button(key="review-calipers-away-0").click().run()
    assert "**800 ms" not in texts(page)
    assert reviews.audit(number) == ()


def test_calipers_of_analyse_are_kept_until_another_recording_is_opened() -> None:
    here = Session()
    measured = explorer._calipers(here)
    measured.drag(1.0, 2.0, 0.1)
    explorer._calipers(here).drag(2.05, 2.6, 0.1)
    assert list(here.measured) == [(1.0, 2.6)]
    explorer._calipers(here).put((1.0, 2.6), None)
    assert list(here.measured) == []


def test_two_places_are_drawn_on_review_while_one_is_pinned(own_store: None) -> None:
    page = opened(study("case", "NNVNSNNUFNVVVNNNN" * 3))
    page.button(key="review-pin-button").click().run()
    assert "Compared with" in texts(page)
    here = review_session(page)
    here.move(20.0)
    page.run()
    page.button(key="review-pinned-go").click().run()
    assert here.viewport.start_s == here.pinned_s
    page.button(key="review-pin-button").click().run()
    assert "Compared with" not in texts(page)
