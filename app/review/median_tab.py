"""Marks on the Review page, of the median beat and on the strip: what is moved is a decision, kept and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import streamlit as st

from app.common import median_panel, strip_marks
from app.common.session import session as analyse_session
from app.review import decide
from app.review.session import ReviewSession
from pipeline.cases.study_review import StudyReview
from pipeline.measurements import WaveMark
from pipeline.review.decisions import Decision, Stretch
from pipeline.review.moved_marks import beat_stretch, is_beat, mark_subject
from pipeline.twelve_leads.median_beat import MarkedStretch, MarksS, with_beats_moved

KEPT = "Kept with the study: its intervals and, in a recording of at most a minute, its statements follow."
BEAT_KEPT = "What you move is kept with the study: this beat's intervals and all medians with it follow."
NOT_KEPT = "You cannot change this study."


def draw(session: ReviewSession, review: StudyReview) -> None:
    """The median beat of where the window lies."""
    recording, analysis = review.material.recording, review.material.analysis
    found = median_panel.stretch(recording, analysis, session.viewport.start_s + session.viewport.window_s / 2)
    if found is None:
        return
    own = stretch_samples(review, found)
    moved = _marks(review).get(own, {})
    found = with_beats_moved(recording, analysis, found, _of_beats(review))
    may = decide.may_change(review)
    moving = median_panel.Moving(
        moved,
        partial(_move, session, review, own) if may else None,
        partial(decide.mark, session, review, (Decision("mark_reset", own),)),
        KEPT if may else NOT_KEPT,
        by="the reader",
    )
    if may:
        _offer(session, review, found, own)
    median_panel.draw(recording, analysis, found, moving, key="review-median", when=review.when)


def stretch_samples(review: StudyReview, found: MarkedStretch) -> Stretch:
    """From and to of a stretch, samples, as decisions about its median beat name it."""
    fs, n_samples = review.beats.fs, review.beats.n_samples
    return round(found.start_s * fs), min(n_samples, round(found.stop_s * fs))


def _move(session: ReviewSession, review: StudyReview, own: Stretch, name: WaveMark, at_s: float) -> None:
    decide.mark(session, review, (Decision("mark_move", own, subject=mark_subject(name, at_s)),))


def marking(session: ReviewSession, review: StudyReview) -> strip_marks.Marking:
    """What the reader moved on the strip, and what a drag there does."""
    may, marks = decide.may_change(review), _marks(review)

    def move(sample: int, name: WaveMark, at_s: float) -> None:
        step = Decision("mark_move", beat_stretch(sample), subject=mark_subject(name, at_s))
        if decide.mark(session, review, (step,)):
            session.sample, session.scope = sample, "beat"  # the window stays where it is

    def reset(sample: int) -> None:
        decide.mark(session, review, (Decision("mark_reset", beat_stretch(sample)),))

    return strip_marks.Marking(
        lambda found: marks.get(stretch_samples(review, found), {}),
        _of_beats(review),
        move if may else None,
        reset,
        BEAT_KEPT if may else NOT_KEPT,
        by="the reader",
    )


def offer_beats(session: ReviewSession, review: StudyReview) -> None:
    """Offer the marks of single beats that this session moved on the Analyse page."""
    there, digest = analyse_session(), review.material.recording.digest
    known = set(review.material.analysis.sample.tolist())
    waiting = {sample: own for sample, own in there.beats_moved(digest).items() if sample in known}
    if not waiting or not decide.may_change(review):
        return

    def take() -> None:
        steps = [
            Decision("mark_move", beat_stretch(sample), subject=mark_subject(name, at))
            for sample, own in waiting.items()
            for name, at in own.items()
        ]
        if decide.mark(session, review, tuple(steps)):
            for sample in waiting:
                there.moved_beats.pop((digest, sample))

    _button("beats-take-over", sum(len(own) for own in waiting.values()), take)


def _marks(review: StudyReview) -> Mapping[Stretch, MarksS]:
    return {} if review.beats.ruling is None else review.beats.ruling.marks


def _of_beats(review: StudyReview) -> dict[int, MarksS]:
    """What was moved on single beats, by R peak, a sample."""
    return {own[0]: marks for own, marks in _marks(review).items() if is_beat(own)}


def _offer(session: ReviewSession, review: StudyReview, found: MarkedStretch, own: Stretch) -> None:
    """Offer the marks of this median beat that this session moved on the Analyse page."""
    there = analyse_session().moved_marks
    key = (review.material.recording.digest, found.start_s)
    if not there.get(key):
        return

    def take() -> None:
        steps = [Decision("mark_move", own, subject=mark_subject(name, at)) for name, at in there[key].items()]
        if decide.mark(session, review, tuple(steps)):
            there.pop(key)

    _button("median-take-over", len(there[key]), take)


def _button(key: str, count: int, take: Callable[[], None]) -> None:
    st.button(
        f"Take over {'the mark' if count == 1 else f'{count} marks'} moved on the Analyse page", key=key,
        icon=":material/input:", on_click=take,
    )  # fmt: skip
