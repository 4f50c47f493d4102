"""The median beat of the open recording: marks that a reader moves here last as long as the session."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from app.common import median_panel
from app.common.session import Session
from pipeline.cases.case import Case
from pipeline.measurements import Measurements, WaveMark
from pipeline.review.moved_marks import MOVABLE
from pipeline.twelve_leads.median_beat import MarkedStretch, MedianBeat, beat_measures
from pipeline.twelve_leads.median_beat import measured_again as again

NO_BEAT = median_panel.NO_BEAT
KEPT = "Kept while this session lasts; the tab Median beat of its review keeps them with the study."
_NAMED = 3  # so many moved marks are counted, not named


def stretch(case: Case, time_s: float) -> MarkedStretch | None:
    """The marks and the median beat of the stretch that a time lies in; None, and a sentence, if that fails."""
    return median_panel.stretch(case.recording, case.analysis, time_s)


def draw(session: Session, case: Case, found: MarkedStretch) -> None:
    """The median beat, its intervals, and ST levels by lead."""
    st.subheader("Median beat", anchor=False)
    key = (case.recording.digest, found.start_s)
    moving = median_panel.Moving(
        session.moved_marks.get(key, {}), partial(_moved, session, key), partial(_reset, session, key), KEPT
    )
    median_panel.draw(case.recording, case.analysis, found, moving, key="median", when=case.when)


def corrected_words(session: Session, case: Case) -> str:
    """What a reader moved in the stretch that the window lies in, and the intervals that follow; "" if nothing."""
    if not session.moved_marks:
        return ""
    found = stretch(case, session.viewport.start_s + session.viewport.window_s / 2)
    moved = {} if found is None else session.moved_marks.get((case.recording.digest, found.start_s), {})
    if found is None or found.beat is None or not moved:
        return ""
    return moved_words(found.beat, moved, with_qtc=median_panel.with_qtc(case.analysis))


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
    names = ", ".join(MOVABLE[name] for name in moved) if len(moved) < _NAMED else f"{len(moved)} marks"
    values = ", ".join(f"{name} {value:.0f}" for name, value in measures.items())
    return f"Moved by the reader, {names}: {values} ms"


def _moved(session: Session, key: tuple[str, float], name: WaveMark, at_s: float) -> None:
    session.moved_marks.setdefault(key, {})[name] = at_s


def _reset(session: Session, key: tuple[str, float]) -> None:
    session.moved_marks.pop(key, None)
