"""Trend, strip, table and one beat: the part of the page that reruns alone when another beat is picked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import MINYEAR, datetime, timedelta

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.analyse import beat as beat_part
from app.analyse import twelve_leads
from app.common import calipers, ecg_chart, rhythm_view, sign_in, strip_chart, strip_tools
from app.common.calipers import Calipers
from app.common.session import Session
from app.common.strip_chart import Picked
from app.common.text import plain
from app.common.theme import by_touch, palette
from app.common.times import time_column
from app.common.viewport import Span
from pipeline.cases import case as cases
from pipeline.cases.strip_filters import filtered_leads
from pipeline.errors import EcgError
from pipeline.labels import AAMI_CLASSES, NOT_CLASSIFIED
from pipeline.typed_times import read_clock

HOUR_S, LONG_S = 3600.0, 7200.0  # the table shows one hour of longer recordings: a day has 100 000 rows
ECG_SHARES = (14, 5)  # of the page for an ECG of several leads and beat: ten seconds in real size need 990 pixels
SHARES, STRIP_PX = (3, 2), 760  # of the page for strip and beat; width of the strip in pixels
PAGE = "analyse"
COMPARED_PX = 240  # greatest height of each of two strips, one above the other
RATE_PX = 46  # of the trend: a beat is to be understood without scrolling
SPACE_PX = 8  # on a phone, so that the slider's time does not touch the button above it
NO_BEATS = "No beat was found in this recording: the band of rhythm and the quality of the signal say why."
ZERO = datetime(2000, 1, 1)  # the slider knows times of day, not durations


@st.fragment
def draw(session: Session, read: Callable[[], None] | None = None) -> None:
    """Trend, strip or ECG, and beat of the open case on one screen; then rhythm, median beat and the table.

    The beat stands beside the strip or the ECG, on a phone below it; what was `read` from an ECG of several leads comes
    next.
    """
    sign_in.asking()  # whoever goes from beat to beat is not idle
    twelve_leads.fit_window(session)
    beats = session.case is not None and bool(session.case.letters)
    if by_touch():
        strip = beat = st.container(gap="xsmall")
    elif twelve_leads.is_open(session):
        twelve_leads.wide()
        _navigation(session)
        strip, beat = st.columns(ECG_SHARES, gap="small")
    else:
        strip, beat = st.columns(SHARES, gap="medium")
    with strip:
        _signal(session)
    with beat:
        if beats:
            beat_part.draw(session)
        else:
            st.info(NO_BEATS, icon=":material/info:")
    if read is not None:
        read()
        twelve_leads.draw_median(session)
    _rhythm(session)
    if beats:
        _table(session)


def _signal(session: Session) -> None:
    with st.container(gap="xsmall"):
        _trend(session)
        if by_touch() or not twelve_leads.is_open(session):
            _navigation(session)
        if by_touch():
            st.space(SPACE_PX)
        _slider(session)
        _strip(session)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            _go_to(session)
            _tools(session)


def _trend(session: Session) -> None:
    case = session.case
    if case is None or (twelve_leads.is_open(session) and session.viewport.latest_s <= 0):
        return
    time_s, rate, beats = cases.rate_trend(case)
    figure = ecg_chart.trend(
        time_s,
        rate,
        cases.lane_marks(case),
        palette(),
        duration_s=case.recording.duration_s,
        window=session.viewport.span_s,
        beat=beats,
        quality=case.analysis.quality.segments,
        rhythm=case.analysis.rhythm,
        width_px=_width_px(),
        rate_px=RATE_PX,
        start=case.recording.start,
    )
    rhythm_view.legend(case.analysis.rhythm)
    strip_chart.pickable(
        figure, f"trend-{session.chart_picks}", "Heart rate over the recording with ectopic beats marked",
        _picked(session),
    )  # fmt: skip


def _width_px() -> int:
    """How wide charts are: names of rhythms must find room in them."""
    return strip_chart.PHONE_PX if by_touch() else STRIP_PX


def _strip(session: Session) -> None:
    case = session.case
    if case is None:
        return
    viewport = session.viewport
    if twelve_leads.is_open(session):
        twelve_leads.draw(session, case)
        return
    places = [viewport] if session.pinned is None else [session.pinned, viewport]
    look = strip_tools.look(PAGE)
    chosen = strip_tools.leads_of(PAGE, case.recording, case.prepared.leads)
    leads = [filtered_leads(case.recording, chosen, *place.span_s, look.filters) for place in places]
    highest = ecg_chart.STRIP_PX if len(places) == 1 else COMPARED_PX
    if len(places) > 1:
        look = strip_chart.one_scale(look, leads, viewport.window_s, STRIP_PX - 30, highest)
    measured = _calipers(session)
    for number, (place, own) in enumerate(zip(places, leads, strict=True)):
        pinned = number < len(places) - 1
        if pinned:
            st.caption(f"**Compared with** {case.when(place.start_s)} to {case.when(place.stop_s)}")
        strip_chart.draw(
            place, own, cases.marks(case, *place.span_s),
            key=f"{'pinned' if pinned else 'strip'}-{session.chart_picks}",
            alt="ECG strip with the class letter above each beat",
            picked=_picked(session, measured if session.calipers else None), selected=session.beat,
            quality=case.analysis.quality.segments, width="stretch" if by_touch() else STRIP_PX,
            rhythm=case.analysis.rhythm, paper_px=STRIP_PX - 30, highest_px=highest, start=case.recording.start,
            look=look, filters=look.filters.words(case.recording.fs), calipers=measured.spans,
            measuring=session.calipers,
        )  # fmt: skip
    if session.calipers:
        calipers.table(measured, "calipers", when=case.when, go=session.look)


def _calipers(session: Session) -> Calipers:
    """What is measured, kept until another recording is opened."""

    def put(old: Span | None, new: Span | None) -> None:
        session.measure(old, new)
        session.forget_clicks()

    return Calipers(session.measured, put, "Kept until you open another recording.")


def _rhythm(session: Session) -> None:
    case = session.case
    if case is None:
        return
    st.subheader("Rhythm", anchor=False)
    rhythm_view.tables(
        case.analysis.rhythm, key=f"rhythm-{session.chart_picks}", jump=session.look, start=case.recording.start
    )


def _picked(session: Session, measured: Calipers | None = None) -> Picked:
    """A click on a beat selects it, one on an episode of rhythm leads to its start; a drag measures with calipers."""

    def go(data: object) -> None:
        if isinstance(data, str):
            session.look(float(data.split()[1]))
        else:
            session.select(int(str(data)), by="chart")

    if measured is None:
        return Picked(go)
    return Picked(go, stretch=lambda start_s, stop_s: measured.drag(start_s, stop_s, session.grip_s))


def _navigation(session: Session) -> None:
    case = session.case
    if case is None:
        return
    previous, following = case.next_abnormal(session.beat, -1), case.next_abnormal(session.beat, 1)
    last = session.beat >= case.time_s.size - 1
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        _go("Previous abnormal", ":material/keyboard_double_arrow_left:", previous, session, "P")
        _go("Previous beat", ":material/chevron_left:", session.beat - 1 if session.beat else None, session, "Left")
        _go("Next beat", ":material/chevron_right:", None if last else session.beat + 1, session, "Right", after=True)
        _go(
            "Next abnormal", ":material/keyboard_double_arrow_right:", following, session, "N", after=True, primary=True
        )
        twelve_leads.choose(session)


def _go(
    label: str,
    icon: str,
    target: int | None,
    session: Session,
    shortcut: str,
    *,
    after: bool = False,
    primary: bool = False,
) -> None:
    st.button(
        label, icon=icon, icon_position="right" if after else "left", key=f"go-{label}", disabled=target is None,
        on_click=session.select, args=(target or 0,), shortcut=_key(shortcut),
        type="primary" if primary else "secondary",
    )  # fmt: skip


def _slider(session: Session) -> None:
    """Where the window begins and how long it is."""
    viewport = session.viewport
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if viewport.latest_s > 0:
            _turn("Before", ":material/arrow_back:", session, -1, viewport.start_s <= 0)
            _start(session)
            _turn("After", ":material/arrow_forward:", session, 1, viewport.start_s >= viewport.latest_s)
        if not twelve_leads.is_open(session):
            strip_chart.window_length(session, "window-s")


def _tools(session: Session) -> None:
    """Calipers, comparison, gain, filters and leads; an ECG of several leads has its own."""
    twelve_leads.tools(session)
    if session.case is not None and not twelve_leads.is_open(session):
        calipers.switch(session, "calipers", session.forget_clicks)
        calipers.pin(session, "pin")
        strip_tools.choose(PAGE, session.case.recording, session.case.prepared.leads)


def _go_to(session: Session) -> None:
    """A field for a time, as the page shows times; what is no time of the recording is said and changes nothing."""
    case = session.case
    if case is None or session.viewport.latest_s <= 0:
        return

    def go() -> None:
        if text := str(st.session_state["go-to"]).strip():
            try:
                session.look(read_clock(text, case.recording.start, duration_s=case.recording.duration_s))
                session.go_to_error = ""
            except EcgError as error:
                session.go_to_error = str(error)

    form = "hh:mm:ss" if case.recording.start is not None else "h:mm:ss"
    st.text_input(
        "Go to a time", key="go-to", placeholder=f"go to {form}", on_change=go, width=150,
        label_visibility="collapsed",
    )  # fmt: skip
    if session.go_to_error:
        st.caption(f":red[{plain(session.go_to_error)}]", width="content")


def _start(session: Session) -> None:
    case = session.case
    began = None if case is None else case.recording.start
    zero = ZERO if began is None else datetime.combine(began.date() if began.year > MINYEAR else ZERO, began.time())
    latest_s = session.viewport.latest_s
    at_s = min(round(session.viewport.start_s, 1), latest_s)  # rounded up, it would lie behind the end: an error
    st.session_state["window-at"] = zero + timedelta(seconds=at_s)
    st.slider(
        "Start of the window", zero, zero + timedelta(seconds=latest_s), key="window-at",
        format="HH:mm:ss" if began is None or began.year == MINYEAR else "ddd HH:mm:ss",
        step=timedelta(seconds=session.viewport.window_s / 2), label_visibility="collapsed", width="stretch",
        on_change=lambda: session.move((st.session_state["window-at"] - zero).total_seconds()),
    )  # fmt: skip


def _turn(label: str, icon: str, session: Session, pages: int, disabled: bool) -> None:
    st.button(
        label, icon=icon, key=f"turn-{label}", disabled=disabled, on_click=session.turn, args=(pages,),
        help=f"The window {label.lower()} this one", shortcut=_key("Shift+Left" if pages < 0 else "Shift+Right"),
    )  # fmt: skip


def _key(shortcut: str) -> str | None:
    """The key of a button; a phone has no keys to hint at."""
    return None if by_touch() else shortcut


def _table(session: Session) -> None:
    case = session.case
    if case is None:
        return
    rows, title = _rows(session, case)
    st.subheader(title, anchor=False)
    present = [letter for letter in (*AAMI_CLASSES, NOT_CLASSIFIED) if letter in case.letters]
    shown = st.pills(
        "Classes shown", present, selection_mode="multi", key="classes-shown", label_visibility="collapsed",
        format_func=lambda letter: "not classified" if letter == NOT_CLASSIFIED else letter,
    )  # fmt: skip
    frame = rows[rows["class"].isin(shown)] if shown else rows
    key = f"table-{session.table_picks}-{''.join(shown or [])}-{title}"

    def picked() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            session.select(int(frame["beat"].iloc[rows[0]]) - 1, by="table")

    st.dataframe(
        frame, key=key, on_select=picked, selection_mode="single-row", hide_index=True, height=320, placeholder="",
        column_config=_columns(case.recording.start), alt="Beats with their time, class and confidence",
    )  # fmt: skip
    at = case.when(case.time_s[session.beat])
    st.caption(f"Click a column to sort, tick a row to see the beat. Shown above: beat {session.beat + 1} at {at}.")


def _rows(session: Session, case: cases.Case) -> tuple[pd.DataFrame, str]:
    """The table's rows and title: all beats, or of a long recording those of the hour that the strip shows."""
    if case.recording.duration_s <= LONG_S:
        return case.table, "All beats"
    start = session.viewport.start_s // HOUR_S * HOUR_S
    first, last = np.searchsorted(case.time_s, (start, start + HOUR_S))
    return case.table.iloc[first:last], f"Beats from {case.when(start)} to {case.when(start + HOUR_S)}"


def _columns(start: datetime | None) -> dict[str, ColumnConfig]:
    def probability(title: str, meaning: str) -> ColumnConfig:
        return st.column_config.ProgressColumn(title, min_value=0.0, max_value=100.0, format="%.0f %%", help=meaning)

    return {
        "beat": st.column_config.NumberColumn("Beat", width="small"),
        "time": time_column("Time", start),
        "class": st.column_config.TextColumn("Class", width="small"),
        "meaning": st.column_config.TextColumn("Meaning"),
        "reference": st.column_config.TextColumn("Reference", help="Class of the annotation in the .atr file"),
        "confidence": probability(
            "Confidence", "Calibrated probability of the most likely class; 99 % is that or more"
        ),
        "abnormal": probability("Abnormal", "1 - p(N) of the same network; 1 % is that or less, 99 % that or more"),
        "rr_ms": st.column_config.NumberColumn("RR before (ms)", format="%d"),
        "reason": st.column_config.TextColumn("Why not classified"),
    }
