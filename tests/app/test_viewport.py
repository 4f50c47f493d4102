"""The window on a recording: it stays inside, and keeps what is looked at in view."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.common.viewport import Looking, Viewport

HOUR_S = 3600.0
SECONDS = st.floats(-1e5, 2e5)


def test_a_window_is_kept_inside_the_recording() -> None:
    window = Viewport(10.0).of(HOUR_S)
    assert window.moved(-5).span_s == (0.0, 10.0)
    assert window.moved(5000).span_s == (3590.0, 3600.0)
    assert window.moved(42.5).span_s == (42.5, 52.5)


def test_a_window_longer_than_the_recording_starts_with_it() -> None:
    window = Viewport(60.0).of(20.0).moved(7.0)
    assert (window.start_s, window.latest_s) == (0.0, 0.0)


@pytest.mark.parametrize(("pages", "start_s"), [(1, 110.0), (-1, 90.0), (0.9, 109.0), (-20, 0.0), (1e6, 3590.0)])
def test_a_window_is_turned_by_its_own_length(pages: float, start_s: float) -> None:
    assert Viewport(10.0, 100.0, HOUR_S).turned(pages).start_s == pytest.approx(start_s)


def test_a_beat_well_inside_does_not_move_the_window_and_one_at_its_edge_is_centred() -> None:
    window = Viewport(10.0, 100.0, HOUR_S)
    assert window.showing(101.0) is window
    assert window.showing(109.0) is window
    assert window.showing(100.9).start_s == pytest.approx(95.9)
    assert window.showing(2000.0).start_s == 1995.0


def test_a_new_length_keeps_the_middle() -> None:
    window = Viewport(10.0, 100.0, HOUR_S).resized(30.0)
    assert window.span_s == (90.0, 120.0)
    assert window.resized(10.0).span_s == (100.0, 110.0)


def test_a_shorter_recording_pulls_the_window_back() -> None:
    assert Viewport(10.0, 3000.0, HOUR_S).of(100.0).span_s == (90.0, 100.0)


@given(start=SECONDS, time=st.floats(0, HOUR_S), pages=st.floats(-50, 50), length=st.sampled_from((5.0, 10.0, 60.0)))
def test_whatever_is_done_the_window_stays_inside_and_shows_what_it_was_asked_to(
    start: float, time: float, pages: float, length: float
) -> None:
    window = Viewport(10.0).of(HOUR_S).moved(start).turned(pages).resized(length)
    assert 0 <= window.start_s <= window.stop_s <= HOUR_S
    shown = window.showing(time)
    assert shown.start_s <= time <= shown.stop_s
    assert shown.showing(time).start_s == pytest.approx(shown.start_s)


def test_a_session_moves_its_own_window() -> None:
    looking = Looking(Viewport(10.0, 0.0, HOUR_S))
    looking.move(50.0)
    looking.turn(1)
    looking.resize(20.0)
    assert looking.viewport == Viewport(20.0, 55.0, HOUR_S)
