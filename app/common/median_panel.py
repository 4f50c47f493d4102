"""A median beat with marks to drag, or its leads side by side; intervals follow the marks, whoever keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app.common import cache, ecg_sheet, median_svg
from app.common.text import plain
from app.common.theme import palette
from pipeline.errors import ModelError
from pipeline.measurements import WaveMark
from pipeline.review.moved_marks import MOVABLE
from pipeline.twelve_leads.median_beat import ST_AFTER_MS, MarkedStretch, MedianBeat, beat_measures, st_levels
from pipeline.twelve_leads.median_beat import stretch_of as reach
from pipeline.types import Analysis, Recording
from pipeline.wording import duration

VIEWS = ("Overlaid", "Side by side")
MEANINGS = ("P", "PR", "QRS", "QT", "QTc")
NO_BEAT = "No median beat: no usual beat with a QRS that could be marked lies here."
TILE = 112


@dataclass(frozen=True)
class Moving:
    """The marks of a median beat that a reader moved, and who keeps them.

    Attributes
    ----------
    moved_s : mapping of WaveMark to float
        Where they are, seconds from the R peak.
    move : callable or None
        Takes a mark and its new place; None where nothing may be moved.
    reset : callable
        Puts all of them back.
    kept : str
        Where they are kept, in words.
    by : str
        Who moved them.
    """

    moved_s: Mapping[WaveMark, float]
    move: Callable[[WaveMark, float], None] | None
    reset: Callable[[], object]
    kept: str
    by: str = "you"


def stretch(recording: Recording, analysis: Analysis, time_s: float) -> MarkedStretch | None:
    """The marks and the median beat of the stretch that a time lies in; None, and a sentence, if that fails.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        The model's answer.
    time_s : float
        The time, seconds.
    """
    try:
        return cache.marked_stretch(recording, analysis, *reach(recording, time_s))
    except ModelError as error:
        st.warning(plain(str(error)), icon=":material/warning:")
        return None


def draw(
    recording: Recording,
    analysis: Analysis,
    found: MarkedStretch,
    moving: Moving,
    *,
    key: str,
    when: Callable[[float], str],
) -> None:
    """The median beat, its intervals, and ST levels by lead.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        The model's answer.
    found : MarkedStretch
        The stretch whose median beat is shown.
    moving : Moving
        Who keeps what is moved.
    key : str
        Begins the names of what is drawn.
    when : callable
        Writes a time, seconds.
    """
    beat = found.beat
    if beat is None:
        st.caption(NO_BEAT)
        return
    marks = {**beat.marks_s, **moving.moved_s}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        view = st.segmented_control(
            "View of the median beat", VIEWS, default=VIEWS[0], key=f"{key}-view", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        st.button("Marks as found", key=f"{key}-reset", disabled=not moving.moved_s or moving.move is None,
                  icon=":material/undo:", on_click=lambda: _put_back(moving))  # fmt: skip
    if view == VIEWS[1]:
        curve = median_svg.Curve(beat, palette().trace)
        drawn = median_svg.side_by_side([curve], marks, palette())
    else:
        drawn = median_svg.overlaid(beat, marks, palette(), movable=moving.move is not None)
    taking = None if moving.move is None else _taking(beat, moving.move)
    ecg_sheet.draw(drawn, f"{key}-{recording.digest[:8]}-{view}", label="Median beat of all leads", moved=taking)
    st.caption(_words(recording, found, moving, when, overlaid=view == VIEWS[0]))
    _numbers(analysis, beat, marks, moving.moved_s)


def _put_back(moving: Moving) -> None:
    moving.reset()


def with_qtc(analysis: Analysis) -> bool:
    """Whether rate and rhythm of the recording allow a QTc."""
    return analysis.measured is None or bool(analysis.measured.qtc_used)


def _taking(beat: MedianBeat, move: Callable[[WaveMark, float], None]) -> Callable[[str, float], None]:
    def take(name: str, x_mm: float) -> None:
        move(next(one for one in MOVABLE if one == name), median_svg.time_of(beat, x_mm))

    return take


def _words(
    recording: Recording, found: MarkedStretch, moving: Moving, when: Callable[[float], str], *, overlaid: bool
) -> str:
    beat = found.beat
    if beat is None:
        return ""
    whole = found.stop_s - found.start_s >= recording.duration_s
    of = "the recording" if whole else f"{when(found.start_s)} to {when(found.stop_s)}"
    parts = [
        f"Median of {beat.beats} usual beats of {of}, ectopic beats left out, against the ends of their PR segments."
    ]
    if overlaid:
        drag = "" if moving.move is None else ", drag a mark to move it"
        parts.append(f"Limb leads blue, chest leads orange; hover over a line for its name{drag}.")
    if moving.moved_s:
        parts.append(
            f"Moved by {moving.by}: " + ", ".join(MOVABLE[name] for name in moving.moved_s) + f". {moving.kept}"
        )
    if beat.derived:
        parts.append("* computed from I and II.")
    return plain(" ".join(parts))


def _numbers(
    analysis: Analysis, beat: MedianBeat, marks: Mapping[WaveMark, float], moved: Mapping[WaveMark, float]
) -> None:
    measured, allowed = analysis.measured, with_qtc(analysis)
    now, before = (beat_measures(beat, some, with_qtc=allowed) for some in (marks, beat.marks_s))
    with st.container(horizontal=True, gap="small"):
        for name in MEANINGS:
            value = f"{now[name]:.0f} ms" if name in now else "–"
            change = f"{now[name] - before[name]:+.0f} ms" if moved and name in now and name in before else "as found"
            why = measured.why_no_qtc if measured is not None and name == "QTc" and not allowed else None
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
