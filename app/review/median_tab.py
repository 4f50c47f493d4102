"""The median beat on the Review page: marks that are moved here are decisions, kept and undone like any other."""

from __future__ import annotations

from functools import partial

import streamlit as st

from app.common import median_panel
from app.common.session import session as analyse_session
from app.review import decide
from app.review.session import ReviewSession
from pipeline.cases.study_review import StudyReview
from pipeline.measurements import WaveMark
from pipeline.review.decisions import Decision, Stretch
from pipeline.review.moved_marks import mark_subject
from pipeline.twelve_leads.median_beat import MarkedStretch

KEPT = "Kept with the study: its intervals and, in a recording of at most a minute, its statements follow."
NOT_KEPT = "You cannot change this study."


def draw(session: ReviewSession, review: StudyReview) -> None:
    """The median beat of where the window lies."""
    recording, analysis = review.material.recording, review.material.analysis
    found = median_panel.stretch(recording, analysis, session.viewport.start_s + session.viewport.window_s / 2)
    if found is None:
        return
    own = stretch_samples(review, found)
    ruling = review.beats.ruling
    moved = {} if ruling is None else ruling.marks.get(own, {})
    may = decide.may_change(review)
    moving = median_panel.Moving(
        moved,
        partial(_move, session, review, own) if may else None,
        partial(decide.mark, session, review, (Decision("mark_reset", own),)),
        KEPT if may else NOT_KEPT,
    )
    _offer(session, review, found, own, may=may)
    median_panel.draw(recording, analysis, found, moving, key="review-median", when=review.when)


def stretch_samples(review: StudyReview, found: MarkedStretch) -> Stretch:
    """From and to of a stretch, samples, as decisions about its median beat name it."""
    fs, n_samples = review.beats.fs, review.beats.n_samples
    return round(found.start_s * fs), min(n_samples, round(found.stop_s * fs))


def _move(session: ReviewSession, review: StudyReview, own: Stretch, name: WaveMark, at_s: float) -> None:
    decide.mark(session, review, (Decision("mark_move", own, subject=mark_subject(name, at_s)),))


def _offer(session: ReviewSession, review: StudyReview, found: MarkedStretch, own: Stretch, *, may: bool) -> None:
    """Offer the marks that this session moved on the Analyse page."""
    there = analyse_session().moved_marks
    key = (review.material.recording.digest, found.start_s)
    if not may or not there.get(key):
        return

    def take() -> None:
        steps = [Decision("mark_move", own, subject=mark_subject(name, at)) for name, at in there[key].items()]
        if decide.mark(session, review, tuple(steps)):
            there.pop(key)

    count = len(there[key])
    st.button(
        f"Take over {'the mark' if count == 1 else f'{count} marks'} moved on the Analyse page", key="median-take-over",
        icon=":material/input:", on_click=take,
    )  # fmt: skip
