"""The strip on ECG paper, the length of its window, and charts in which a click leads to a beat, for all pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import streamlit as st

from app.common import ecg_chart
from app.common.strip_tools import StripLook
from app.common.theme import by_touch, palette
from app.common.viewport import Looking, Span, Viewport
from pipeline.cases.strip_content import BeatMarks, StripLead
from pipeline.types import Episode, QualitySegment

WINDOWS_S = (5.0, 10.0, 20.0, 30.0, 60.0)
CHART = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
PHONE_PX = 340
PLAIN = StripLook()
Inside = Callable[[Sequence[float], Sequence[float]], None]


@dataclass(frozen=True)
class Picked:
    """What a click or a drag in a chart does.

    `point` gets what the point that was clicked stands for: a beat, or a text that names a place. A drag takes a
    `stretch` of time, from and to in seconds, or what it draws an `outline` around, corners in the chart's units;
    None of both: there are clicks only.
    """

    point: Callable[[object], None]
    stretch: Callable[[float, float], None] | None = None
    outline: Inside | None = None


def draw(
    viewport: Viewport,
    leads: tuple[StripLead, ...],
    marks: BeatMarks,
    *,
    key: str,
    alt: str,
    picked: Picked,
    selected: int,
    quality: tuple[QualitySegment, ...],
    rhythm: tuple[Episode, ...] = (),
    paper_px: int = ecg_chart.PAPER_PX,
    highest_px: int = ecg_chart.STRIP_PX,
    width: int | Literal["stretch"] = "stretch",
    notes: tuple[str, ...] = (),
    target: tuple[int, ...] | None = None,
    adding: bool = False,
    ends: tuple[float, ...] = (),
    start: datetime | None = None,
    look: StripLook = PLAIN,
    filters: str = "",
    calipers: tuple[Span, ...] = (),
    measuring: bool = False,
) -> None:
    """Draw the window of a recording.

    Parameters
    ----------
    viewport : Viewport
        The window.
    leads, marks : tuple of StripLead, BeatMarks
        What lies in it; see `ecg_chart.strip` for these and for all that is not named here.
    key, alt : str
        The chart's name in the session, new whenever an old click is to be forgotten, and its words for who cannot see.
    picked : Picked
        Where clicks and drags lead.
    selected : int
        The beat that is looked at, as `marks` names it.
    paper_px, highest_px : int
        Width and greatest height of the paper on a wide screen; a phone has its own width.
    width : int or "stretch"
        Of the chart on the page, in pixels.
    start : datetime, optional
        When the recording began, so that times are of the clock.
    look : StripLook, optional
        The gain that the reader chose.
    filters : str, optional
        Names the filters that `leads` have gone through.
    calipers : tuple of Span, optional
        Intervals that were measured, seconds.
    measuring : bool, optional
        Whether a drag measures, on a phone as well.
    """
    phone = by_touch()
    paper_px = PHONE_PX if phone else paper_px
    figure = ecg_chart.strip(
        leads, marks, palette(), start_s=viewport.start_s, window_s=viewport.window_s, quality=quality, rhythm=rhythm,
        selected=selected, notes=notes, paper_px=paper_px, highest_px=highest_px, target=target,
        adding=adding, ends=ends, drag=drags(picked, phone=phone and not measuring, adding=adding),
        start=start, gain_mm_mv=look.gain_mm_mv, filters=filters, calipers=calipers,
    )  # fmt: skip
    pickable(figure, key, alt, picked, width=width)


def one_scale(
    look: StripLook, places: Sequence[tuple[StripLead, ...]], window_s: float, paper_px: int, highest_px: int
) -> StripLook:
    """Return a look whose gain is that at which all places fit: what stands one above the other has one scale.

    Parameters
    ----------
    look : StripLook
        What the reader chose; a gain that they chose stays.
    places : sequence of tuple of StripLead
        The leads of each place.
    window_s : float
        How long each is, seconds.
    paper_px, highest_px : int
        As in `draw`.
    """
    if look.gain_mm_mv is not None:
        return look
    width = PHONE_PX if by_touch() else paper_px
    return replace(look, gain_mm_mv=min(ecg_chart.fitting_gain(leads, window_s, width, highest_px) for leads in places))


def drags(picked: Picked, *, phone: bool, adding: bool) -> bool:
    """Whether a drag selects a stretch: not on a phone, where it scrolls, nor while a click adds a beat."""
    return picked.stretch is not None and not phone and not adding


def pickable(
    figure: object, key: str, alt: str, picked: Picked, *, width: int | Literal["stretch"] = "stretch"
) -> None:
    """Draw a chart in which clicks and drags lead somewhere; parameters as in `draw`."""

    def taken() -> None:
        chosen = st.session_state[key].selection
        if picked.outline is not None and chosen.get("lasso"):
            picked.outline(chosen["lasso"][0]["x"], chosen["lasso"][0]["y"])
            return
        if picked.stretch is not None and chosen.get("box"):
            low, high = sorted(chosen["box"][0]["x"])
            picked.stretch(float(low), float(high))
            return
        data = [point.get("customdata") for point in chosen.points]
        data = [value[0] if isinstance(value, list) else value for value in data if value is not None]
        if data:
            picked.point(data[0])

    drags: tuple[Literal["box", "lasso"], ...] = ("lasso",) if picked.outline else ("box",) if picked.stretch else ()
    st.plotly_chart(
        figure, key=key, on_select=taken, selection_mode=("points", *drags), theme=None, config=CHART, alt=alt,
        width=width,
    )  # fmt: skip


def window_length(looking: Looking, key: str) -> None:
    """Draw the choice of how many seconds the strip shows."""
    st.session_state[key] = looking.viewport.window_s
    st.segmented_control(
        "Window", WINDOWS_S, format_func=lambda s: f"{s:g} s", key=key, required=True, wrap=False,
        label_visibility="collapsed", on_change=lambda: looking.resize(st.session_state[key]),
    )  # fmt: skip
