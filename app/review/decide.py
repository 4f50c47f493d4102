"""Decisions: about which beats, and what; each is on disk before the page is drawn again."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import streamlit as st

from app.common import reader
from app.review.session import ReviewSession, Scope
from pipeline.cases.study_review import StudyReview, take_step
from pipeline.errors import EcgError, StaleVersion
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES
from pipeline.review.beats_in_force import snapped
from pipeline.review.decisions import TEXT_CHARS, Decision, DecisionKind, Stretch
from pipeline.review.morphology import NO_FAMILY
from pipeline.store.reviews import ReviewStep
from pipeline.wording import duration

BUTTONS: tuple[tuple[str, str, DecisionKind, str, str], ...] = (
    ("review-confirm", "Confirm `C`", "confirm", "", "The model is right."),
    *((f"review-{name}", f"**{name}**", "override", name, CLASS_NAMES[name]) for name in AAMI_CLASSES),
    ("review-reject", "Artefact `X`", "reject", "", "Noise: no interval is measured across it."),
    ("review-delete", "Not a beat `D`", "delete", "", "Nothing is there: the interval is measured across it."),
)


def draw(session: ReviewSession, review: StudyReview) -> None:
    """What a decision is about, and the buttons."""
    _scopes(session, review)
    samples = session.target()
    blocked = not (review.writable and reader.current())
    seen = hash((review.standing.version, samples))  # part of their keys: a decision covers what was on screen
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="review-decisions"):
        if session.stretch is not None:
            _look(session, review, session.stretch, blocked=blocked)
        for name, label, kind, aami, meaning in BUTTONS[session.stretch is not None :]:
            with st.container(key=name, width="content"):
                st.button(
                    label, key=f"{name}-{seen}", disabled=blocked or not samples, help=meaning, wrap=False,
                    type="primary" if kind == "confirm" else "secondary",
                    on_click=_decide, args=(session, review, kind, samples, aami, _fresh()),
                )  # fmt: skip
        _add(session, blocked)
        _comment(session, review, samples, blocked)


def _look(session: ReviewSession, review: StudyReview, stretch: Stretch, *, blocked: bool) -> None:
    """The button for an episode of rhythm, in the place and with the key of Confirm: it was looked at."""
    done = stretch in review.beats.seen
    with st.container(key="review-confirm", width="content"):
        st.button(
            "Seen" if done else "Seen `C`", key=f"review-confirm-{hash((review.standing.version, stretch))}",
            disabled=blocked or done, help="You have looked at this rhythm. To say more about it, comment.", wrap=False,
            type="primary", icon=":material/check:" if done else None, on_click=_decide,
            args=(session, review, "seen", stretch, "", _fresh()),
        )  # fmt: skip


def history(session: ReviewSession, review: StudyReview) -> None:
    """Undo and redo, without limit."""
    standing = review.standing
    blocked = not (review.writable and reader.current())
    steps: tuple[tuple[str, str, int, ReviewStep], ...] = (
        ("review-undo", "Undo `U`", standing.undoable, "undo"),
        ("review-redo", "Redo `R`", standing.redoable, "redo"),
    )
    for name, label, count, step in steps:
        with st.container(key=name, width="content"):
            st.button(
                label, key=f"{name}-{standing.version}", disabled=blocked or not count, wrap=False,
                on_click=_turn, args=(session, review, step, _fresh()), help=f"{count} steps",
            )  # fmt: skip


def add_at(session: ReviewSession, review: StudyReview, time_s: float, aami: str) -> None:
    """Adds a missed beat at the peak nearest to a place."""
    recording = review.material.recording
    lead = recording.p_signal[:, recording.leads.index(review.study.leads[0])]
    session.picks += 1
    try:
        found = snapped(round(time_s * recording.fs), lead, recording.fs, review.beats.sample)
    except EcgError as error:
        session.error = str(error)
        return

    def shown() -> None:
        session.adding = False
        session.look_at(found)

    _change(session, review, Decision("add", (found,), aami), _fresh(), shown)


def _scopes(session: ReviewSession, review: StudyReview) -> None:
    """What the next decision is about; the choice follows the clicks and can be changed by hand."""
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="review-scopes"):
        st.caption("Decide about", width="content")
        found = session.current
        if found is not None:
            what = f"the rhythm, {duration(found.stop_s - found.start_s)}" if found.stretch else "the finding, "
            _scope(session, "finding", what if found.stretch else f"{what}{_beats(len(found.samples))}", "G")
        at = review.position(session.sample)
        if at is not None:
            _scope(session, "beat", f"the beat at {review.when(review.beats.time_s[at])}", "B")
            family = session.family if session.scope == "family" else review.family_of(session.sample)
            if family != NO_FAMILY:
                count = len(review.family_samples(family))
                _scope(session, "family", f"family {family + 1}, {_beats(count)}", "M", family)
        if session.picked:
            _scope(session, "picked", f"the selection, {_beats(len(session.picked))}", "")
        _span(session, review)


def _scope(session: ReviewSession, scope: Scope, label: str, key: str, family: int = NO_FAMILY) -> None:
    def take() -> None:
        session.scope = scope
        if scope == "family":
            session.family = family

    chosen = session.scope == scope
    words = f"**{label}**" if chosen else label
    with st.container(key=f"review-scope-{scope}", width="content"):
        st.button(
            f"{words} `{key}`" if key else words, key=f"scope-{scope}", on_click=take, wrap=False,
            type="secondary" if chosen else "tertiary",
        )  # fmt: skip


def _span(session: ReviewSession, review: StudyReview) -> None:
    """All beats between two times, those of the strip until others are given."""
    duration = review.material.recording.duration_s
    shown = round(session.viewport.start_s, 1), round(min(duration, session.viewport.stop_s), 1)
    if st.session_state.get("span-strip") != shown:
        st.session_state["span-strip"] = shown
        st.session_state["span-from"], st.session_state["span-to"] = min(shown[0], duration), min(shown[1], duration)
    with st.popover("Between two times", icon=":material/date_range:", type="tertiary"):
        first = st.number_input("From (s)", 0.0, duration, key="span-from", step=1.0, format="%.1f")
        last = st.number_input("To (s)", 0.0, duration, key="span-to", step=1.0, format="%.1f")
        only = st.pills("Only of class", AAMI_CLASSES, selection_mode="multi", key="span-classes")
        samples = review.between(first, last, frozenset(only or ()))
        st.button(
            f"Select {_beats(len(samples))}", key="span-take", disabled=not samples, type="primary",
            on_click=_take_span, args=(session, samples, first),
        )  # fmt: skip


def _take_span(session: ReviewSession, samples: tuple[int, ...], first: float) -> None:
    session.pick(samples)
    session.move(first)


def _decide(
    session: ReviewSession,
    review: StudyReview,
    kind: DecisionKind,
    samples: tuple[int, ...],
    aami: str,
    key: str,
    text: str = "",
) -> None:
    def go_on() -> None:
        if kind not in ("comment", "note"):
            session.go_on(review, samples)

    _change(session, review, Decision(kind, samples, aami, text), key, go_on)


def _turn(session: ReviewSession, review: StudyReview, step: ReviewStep, key: str) -> None:
    """Undo or redo; shows the beats that have changed."""
    before = review.standing.decisions

    def show_turned() -> None:
        after = () if session.review is None else session.review.standing.decisions
        if len(before) != len(after):  # an adjudication that accepts the first reading decides nothing about beats
            session.return_to(max(before, after, key=len)[-1].samples)

    _change(session, review, step, key, show_turned)


def _change(session: ReviewSession, review: StudyReview, step: ReviewStep, key: str, then: Callable[[], None]) -> None:
    """Takes a step and shows the new state; a refusal is said, with the state as it is now."""
    session.error = session.notice = ""
    try:
        after = take_step(review, step, reader=reader.current(), key=key)
    except StaleVersion as error:
        session.notice = str(error)
    except EcgError as error:
        session.error = str(error)
    else:
        session.put(after)
        then()


def _add(session: ReviewSession, blocked: bool) -> None:
    with st.container(key="review-add", width="content"):
        st.button(
            "Add `A`" if not session.adding else "Cancel adding `A`", key=f"add-{session.adding}", disabled=blocked,
            on_click=lambda: setattr(session, "adding", not session.adding), wrap=False,
            help="A beat that was missed: click its place in the strip, or type the time.",
        )  # fmt: skip


def adding(session: ReviewSession, review: StudyReview) -> None:
    """While a beat is added: its class, and its time for those who prefer to type it."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom", key="review-adding"):
        st.markdown("Click in the strip where the missed beat is, or type the time.", width="content")
        aami = st.segmented_control("Class", AAMI_CLASSES, key="add-class", default="N", required=True)
        duration = review.material.recording.duration_s
        middle = min(duration, session.viewport.start_s + session.viewport.window_s / 2)
        time_s = st.number_input("Time (s)", 0.0, duration, middle, 0.1, key="add-time", width=140)
        st.button("Add here", key="add-here", on_click=add_at, args=(session, review, time_s, aami or "N"))


def _comment(session: ReviewSession, review: StudyReview, samples: tuple[int, ...], blocked: bool) -> None:
    stretch = session.stretch
    at = review.position(samples[0]) if samples else None
    old = "" if at is None else review.beats.comment[at]
    old = review.beats.notes.get(stretch, "") if stretch else old
    seen = hash((review.standing.version, stretch or samples))
    nothing = at is None and stretch is None
    kind: DecisionKind = "note" if stretch else "comment"
    place = st.popover("Comment", icon=":material/comment:", disabled=blocked or nothing, key=f"comment-{seen}")
    with place.form(f"comment-form-{seen}", border=False):
        what = "this rhythm" if stretch else _beats(len(samples))
        st.text_area(f"Comment on {what}", old, key=f"comment-text-{seen}", max_chars=TEXT_CHARS)
        st.form_submit_button(
            "Keep the comment", type="primary", on_click=_keep_comment,
            args=(session, review, kind, stretch or samples, f"comment-text-{seen}", _fresh()),
        )  # fmt: skip


def _keep_comment(
    session: ReviewSession, review: StudyReview, kind: DecisionKind, samples: tuple[int, ...], field: str, key: str
) -> None:
    _decide(session, review, kind, samples, "", key, st.session_state[field])


def _beats(count: int) -> str:
    return f"{count} beat{'' if count == 1 else 's'}"


def _fresh() -> str:
    """Names one request: a click that arrives twice is carried out once."""
    return uuid.uuid4().hex
