"""Median and single beats of the open recording: marks that a reader moves here last as long as the session."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from app.common import median_panel, strip_marks
from app.common.session import Session
from pipeline.cases.case import Case
from pipeline.measurements import Measurements, WaveMark
from pipeline.review.moved_marks import MOVABLE
from pipeline.twelve_leads.median_beat import MarkedStretch, MedianBeat, beat_measures, with_beats_moved
from pipeline.twelve_leads.median_beat import measured_again as again

NO_BEAT = median_panel.NO_BEAT
KEPT = "Kept while this session lasts; the tab Median beat of its review keeps them with the study."
BEAT_KEPT = "What you move is kept while this session lasts; the tab All leads of its review keeps it with the study."
_NAMED = 3  # so many moved marks are counted, not named


def stretch(case: Case, time_s: float) -> MarkedStretch | None:
    """The marks and the median beat of the stretch that a time lies in; None, and a sentence, if that fails."""
    return median_panel.stretch(case.recording, case.analysis, time_s)


def marking(session: Session, case: Case) -> strip_marks.Marking:
    """What the reader moved on the strip of the open case, and what a drag there does."""
    digest = case.recording.digest

    def move(sample: int, name: WaveMark, at_s: float) -> None:
        session.moved_beats.setdefault((digest, sample), {})[name] = at_s
        session.select_here(case.analysis.sample.tolist().index(sample))

    def reset(sample: int) -> None:
        session.moved_beats.pop((digest, sample), None)

    return strip_marks.Marking(
        lambda found: session.moved_marks.get((digest, found.start_s), {}),
        session.beats_moved(digest),
        move,
        reset,
        BEAT_KEPT,
    )


def draw(session: Session, case: Case, found: MarkedStretch) -> None:
    """The median beat, its intervals, and ST levels by lead; it follows the marks that were moved on single beats."""
    st.subheader("Median beat", anchor=False)
    found = with_beats_moved(case.recording, case.analysis, found, session.beats_moved(case.recording.digest))
    key = (case.recording.digest, found.start_s)
    moving = median_panel.Moving(
        session.moved_marks.get(key, {}), partial(_moved, session, key), partial(_reset, session, key), KEPT
    )
    median_panel.draw(case.recording, case.analysis, found, moving, key="median", when=case.when)


def corrected_words(session: Session, case: Case) -> str:
    """What a reader moved in the stretch that the window lies in, and the intervals that follow; "" if nothing."""
    start_s, stop_s = session.viewport.span_s
    fs, singles = case.recording.fs, session.beats_moved(case.recording.digest)
    shown = {sample: own for sample, own in singles.items() if start_s <= sample / fs < stop_s}
    parts = (_median_words(session, case), strip_marks.moved_words(shown, case.when, fs))
    return ". ".join(part for part in parts if part)


def _median_words(session: Session, case: Case) -> str:
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
    digest = case.recording.digest
    moved = session.moved_marks.get((digest, found.start_s), {})
    return again(case.recording, case.analysis, found, moved, session.beats_moved(digest))


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
