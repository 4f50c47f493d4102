"""The median beat of all leads: over each other with marks to drag, or side by side; intervals follow the marks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import pandas as pd
import streamlit as st

from app.common import cache, ecg_sheet, median_svg
from app.common.session import Session
from app.common.text import plain
from app.common.theme import palette
from pipeline.cases.case import Case
from pipeline.errors import ModelError
from pipeline.measurements import Measurements, WaveMark
from pipeline.twelve_leads.median_beat import (
    ST_AFTER_MS,
    MarkedStretch,
    MedianBeat,
    beat_measures,
    st_levels,
    stretch_of,
)
from pipeline.twelve_leads.median_beat import measured_again as again
from pipeline.wording import duration

VIEWS = ("Overlaid", "Side by side")
MEANINGS = ("P", "PR", "QRS", "QT", "QTc")
NO_BEAT = "No median beat: no usual beat with a QRS that could be marked lies here."
TILE = 112
_NAMED = 3  # so many moved marks are counted, not named


def stretch(case: Case, time_s: float) -> MarkedStretch | None:
    """The marks and the median beat of the stretch that a time lies in; None, and a sentence, if that fails."""
    try:
        return cache.marked_stretch(case.recording, case.analysis, *stretch_of(case.recording, time_s))
    except ModelError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return None


def draw(session: Session, case: Case, found: MarkedStretch) -> None:
    """The median beat, its intervals, and ST levels by lead."""
    st.subheader("Median beat", anchor=False)
    beat = found.beat
    if beat is None:
        st.caption(NO_BEAT)
        return
    key = (case.recording.digest, found.start_s)
    moved = session.moved_marks.get(key, {})
    marks = {**beat.marks_s, **moved}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        view = st.segmented_control(
            "View of the median beat", VIEWS, default=VIEWS[0], key="median-view", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        st.button("Marks as found", key="median-reset", disabled=not moved, icon=":material/undo:",
                  on_click=_reset, args=(session, key))  # fmt: skip
    if view == VIEWS[1]:
        curve = median_svg.Curve(beat, palette().trace)
        drawn = median_svg.side_by_side([curve], marks, palette())
    else:
        drawn = median_svg.overlaid(beat, marks, palette())
    ecg_sheet.draw(
        drawn, f"median-{case.recording.digest[:8]}-{view}", label="Median beat of all leads",
        moved=partial(_moved, session, key, beat),
    )  # fmt: skip
    st.caption(_words(case, found, moved, overlaid=view == VIEWS[0]))
    _numbers(case, beat, marks, moved)


def corrected_words(session: Session, case: Case) -> str:
    """What a reader moved in the stretch that the window lies in, and the intervals that follow; "" if nothing."""
    if not session.moved_marks:
        return ""
    found = stretch(case, session.viewport.start_s + session.viewport.window_s / 2)
    moved = {} if found is None else session.moved_marks.get((case.recording.digest, found.start_s), {})
    if found is None or found.beat is None or not moved:
        return ""
    return moved_words(found.beat, moved, with_qtc=_with_qtc(case))


def measured_again(session: Session, case: Case) -> Measurements | None:
    """What follows from the marks that a reader moved, statements too; None if the recording is longer than that."""
    found = stretch(case, session.viewport.start_s)
    if found is None:
        return None
    moved = session.moved_marks.get((case.recording.digest, found.start_s), {})
    return again(case.recording, case.analysis, found, moved)


def moved_words(beat: MedianBeat, moved: Mapping[WaveMark, float], *, with_qtc: bool) -> str:
    """Which marks of a median beat were moved, and the intervals that follow, in one line."""
    measures = beat_measures(beat, {**beat.marks_s, **moved}, with_qtc=with_qtc)
    names = ", ".join(median_svg.MOVABLE[name] for name in moved) if len(moved) < _NAMED else f"{len(moved)} marks"
    values = ", ".join(f"{name} {value:.0f}" for name, value in measures.items())
    return f"Moved by the reader, {names}: {values} ms"


def _with_qtc(case: Case) -> bool:
    """Whether rate and rhythm of the recording allow a QTc."""
    return case.analysis.measured is None or bool(case.analysis.measured.qtc_used)


def _moved(session: Session, key: tuple[str, float], beat: MedianBeat, name: str, x_mm: float) -> None:
    mark = next(one for one in median_svg.MOVABLE if one == name)
    session.moved_marks.setdefault(key, {})[mark] = median_svg.time_of(beat, x_mm)


def _reset(session: Session, key: tuple[str, float]) -> None:
    session.moved_marks.pop(key, None)


def _words(case: Case, found: MarkedStretch, moved: Mapping[WaveMark, float], *, overlaid: bool) -> str:
    beat = found.beat
    if beat is None:
        return ""
    whole = found.stop_s - found.start_s >= case.recording.duration_s
    of = "the recording" if whole else f"{case.when(found.start_s)} to {case.when(found.stop_s)}"
    parts = [
        f"Median of {beat.beats} usual beats of {of}, ectopic beats left out, against the ends of their PR segments."
    ]
    if overlaid:
        parts.append("Limb leads blue, chest leads orange; hover over a line for its name, drag a mark to move it.")
    if moved:
        parts.append("Moved by you: " + ", ".join(median_svg.MOVABLE[name] for name in moved) + ".")
    if beat.derived:
        parts.append("* computed from I and II.")
    return plain(" ".join(parts))


def _numbers(case: Case, beat: MedianBeat, marks: Mapping[WaveMark, float], moved: Mapping[WaveMark, float]) -> None:
    measured = case.analysis.measured
    with_qtc = _with_qtc(case)
    now, before = (beat_measures(beat, some, with_qtc=with_qtc) for some in (marks, beat.marks_s))
    with st.container(horizontal=True, gap="small"):
        for name in MEANINGS:
            value = f"{now[name]:.0f} ms" if name in now else "–"
            change = f"{now[name] - before[name]:+.0f} ms" if moved and name in now and name in before else "as found"
            why = measured.why_no_qtc if measured is not None and name == "QTc" and not with_qtc else None
            st.metric(name, value, width=TILE, border=True, delta=change, delta_color="off", delta_arrow="off",
                      help=why and plain(why))  # fmt: skip
    levels = st_levels(beat, marks)
    if levels:
        with st.expander("ST levels of the median beat by lead", icon=":material/table_chart:"):
            rows = [
                {"Lead": lead, **{f"J+{ms} mV": value for ms, value in zip(ST_AFTER_MS, found, strict=True)}}
                for lead, found in levels.items()
            ]
            st.dataframe(pd.DataFrame(rows).round(3), hide_index=True, width="content")
            st.caption(f"From {plain(duration(beat.rr_s))} between beats; mV against the end of the PR segment.")
