"""Decisions: about which beats, and what; each is on disk before the page is drawn again."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import streamlit as st

from app.common import reader
from app.common.calipers import Calipers
from app.common.times import field_text, time_field
from app.common.viewport import Span
from app.review import rhythm
from app.review.session import Alike, ReviewSession, Scope
from pipeline.cases.study_review import StudyReview, take_decisions, take_step
from pipeline.errors import EcgError, StaleVersion
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES
from pipeline.review.beats_in_force import snapped
from pipeline.review.decisions import RULING_KINDS, TEXT_CHARS, Decision, DecisionKind, Stretch
from pipeline.review.groups import FindingGroup, Row
from pipeline.review.morphology import NO_FAMILY
from pipeline.review.triage import StatementFinding
from pipeline.store.reviews import ReviewStep
from pipeline.wording import duration

LOOK_ALIKES = 6  # families suggested at once
BUTTONS: tuple[tuple[str, str, DecisionKind, str, str], ...] = (
    ("review-confirm", "Confirm `C`", "confirm", "", "The model is right."),
    *((f"review-{name}", f"**{name}**", "override", name, CLASS_NAMES[name]) for name in AAMI_CLASSES),
    ("review-reject", "Artefact `X`", "reject", "", "Noise: no interval is measured across it."),
    ("review-delete", "Not a beat `D`", "delete", "", "Nothing is there: the interval is measured across it."),
)


def _may(review: StudyReview) -> bool:
    """Whether who reads may decide in this reading; the store asks again."""
    return reader.current().may("second" if review.standing.reading == "second" else "decide")


def draw(session: ReviewSession, review: StudyReview) -> None:
    """What a decision is about, and the buttons."""
    _scopes(session, review)
    _alike(session, review)
    samples, ends = session.target(), session.stretches
    blocked = not (review.writable and _may(review))
    seen = hash((review.standing.version, samples, ends))  # part of their keys: a decision covers what was on screen
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="review-decisions"):
        if ends:
            _rulings(session, review, seen, blocked=blocked)
        for name, label, kind, aami, meaning in () if ends else BUTTONS:
            own = session.undecided(samples) if kind == "confirm" else samples
            with st.container(key=name, width="content"):
                st.button(
                    label, key=f"{name}-{seen}", disabled=blocked or not samples, help=meaning, wrap=False,
                    type="primary" if kind == "confirm" else "secondary",
                    on_click=_decide, args=(session, review, Decision(kind, own or (0,), aami), _fresh()),
                )  # fmt: skip
        _rest(session, review, blocked=blocked)
        rhythm.changes(session, review, _taking(session, review), blocked=blocked)
        rhythm.naming(session, review, _taking(session, review, stay=True), blocked=blocked or not review.beats.rhythm)
        if not ends:
            _add(session, blocked)
        _comment(session, review, samples, blocked)


def _rulings(session: ReviewSession, review: StudyReview, seen: int, *, blocked: bool) -> None:
    """Confirm and reject for rows that have no beats: episodes, patient events and statements."""
    both = (rhythm.confirming(session), rhythm.rejecting(session))
    kinds = (("review-confirm", "primary"), ("review-reject", "secondary"))
    row = session.current
    for (name, look), label, decision in zip(kinds, rhythm.words(session), both, strict=True):
        done = name == "review-confirm" and row is not None and row.reviewed
        with st.container(key=name, width="content"):
            st.button(
                label, key=f"{name}-{seen}", disabled=blocked or decision is None or done, wrap=False,
                type="primary" if look == "primary" else "secondary", icon=":material/check:" if done else None,
                on_click=_decide, args=(session, review, decision, _fresh()),
            )  # fmt: skip


def _rest(session: ReviewSession, review: StudyReview, *, blocked: bool) -> None:
    """While one goes through a group: one key for all of it that is still open."""
    group = session.group
    if group is None or group.id == session.finding or not group.open or session.scope != "finding":
        return
    ends = tuple(sample for stretch in group.stretches for sample in stretch)
    decision = Decision("rhythm_confirm", ends) if ends else Decision("confirm", session.undecided(group.samples))
    with st.container(key="review-rest", width="content"):
        st.button(
            f"Confirm the other {group.told_open} `⇧C`" if len(group.open) < len(group.members) else
            f"Confirm all {group.told_open} `⇧C`",
            key=f"rest-{hash((review.standing.version, group.id))}", disabled=blocked, wrap=False,
            on_click=_decide, args=(session, review, decision, _fresh()),
            help="All of the group that nobody has decided about: for when you have been through it",
        )  # fmt: skip


def _alike(session: ReviewSession, review: StudyReview) -> None:
    """After beats were relabelled: those that look like them, to be given the same class in one act."""
    alike = session.alike
    if alike is None or not (review.writable and _may(review)):
        return

    def look() -> None:
        session.pick(alike.samples)
        session.viewport = session.viewport.centred(alike.samples[0] / review.beats.fs)

    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="alike-row"):
        st.caption(f"{_beats(len(alike.samples))} more look like them.", width="content")
        with st.container(key="review-alike", width="content"):
            st.button(
                f"{alike.aami} for these too `L`", key=f"alike-{hash((review.standing.version, alike))}", wrap=False,
                on_click=_decide,
                args=(session, review, Decision("override", alike.samples, alike.aami), _fresh()),
            )  # fmt: skip
        st.button("Look first", key="look-alikes", type="tertiary", on_click=look, wrap=False)


def history(session: ReviewSession, review: StudyReview) -> None:
    """Undo and redo, without limit."""
    standing = review.standing
    blocked = not (review.writable and _may(review))
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
        session.adding, session.alike = False, None
        session.look_at(found)

    _change(session, review, Decision("add", (found,), aami), _fresh(), shown)


def _scopes(session: ReviewSession, review: StudyReview) -> None:
    """What the next decision is about; the choice follows the clicks and can be changed by hand."""
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="review-scopes"):
        st.caption("Decide about", width="content")
        found = session.current
        if found is not None:
            _scope(session, "finding", _row_words(found), "G")
        at = review.position(session.sample)
        if at is not None:
            _scope(session, "beat", f"the beat at {review.when(review.beats.time_s[at])}", "B")
            family = session.family if session.scope == "family" else review.family_of(session.sample)
            if family != NO_FAMILY:
                count = len(review.family_samples(family))
                _scope(session, "family", f"family {family + 1}, {_beats(count)}", "M", family)
        if session.picked:
            _scope(session, "picked", f"the selection, {_beats(len(session.picked))}", "")
        if isinstance(found, FindingGroup) or session.opened:
            _opening(session)
        _span(session, review)


def _row_words(row: Row) -> str:
    """What a decision about a row covers."""
    if isinstance(row, FindingGroup):
        more = f", {_beats(len(row.samples))}" if row.samples else ""
        number = row.told_open or row.told
        return f"all {number} together{more}" if row.told == number else f"the {number} open ones{more}"
    if isinstance(row, StatementFinding):
        return "the statement"
    if row.stretch:
        return f"the rhythm, {duration(row.stop_s - row.start_s)}"
    return f"the finding, {_beats(len(row.samples))}"


def _opening(session: ReviewSession) -> None:
    """Into a group, one by one, and back."""
    with st.container(key="review-open", width="content"):
        st.button(
            "Close the group `O`" if session.opened else "One by one `O`", key="open-group", type="tertiary",
            on_click=session.open_group, wrap=False,
            icon=":material/unfold_less:" if session.opened else ":material/unfold_more:",
        )  # fmt: skip


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
    recording = review.material.recording
    duration = recording.duration_s
    shown = round(session.viewport.start_s, 1), round(min(duration, session.viewport.stop_s), 1)
    if st.session_state.get("span-strip") != shown:
        st.session_state["span-strip"] = shown
        for key, time_s in zip(("span-from", "span-to"), shown, strict=True):
            st.session_state[key] = field_text(min(time_s, duration), recording)
    with st.popover("Between two times", icon=":material/date_range:", type="tertiary"):
        first, last = time_field("From", "span-from", recording), time_field("To", "span-to", recording)
        only = st.pills("Only of class", AAMI_CLASSES, selection_mode="multi", key="span-classes")
        samples = () if first is None or last is None else review.between(first, last, frozenset(only or ()))
        st.button(
            f"Select {_beats(len(samples))}", key="span-take", disabled=not samples, type="primary",
            on_click=_take_span, args=(session, samples, first or 0.0),
        )  # fmt: skip


def _take_span(session: ReviewSession, samples: tuple[int, ...], first: float) -> None:
    session.pick(samples)
    session.move(first)


def _decide(session: ReviewSession, review: StudyReview, decision: Decision, key: str) -> None:
    scope = session.scope

    def go_on() -> None:
        session.scope = scope  # a decision may dissolve the finding that it was about
        session.alike = _look_alikes(session, review, decision)
        if decision.kind in RULING_KINDS:
            session.to_next_open(review)
        elif decision.kind not in ("comment", "note"):
            session.go_on(review, decision.samples)

    _change(session, review, decision, key, go_on)


def _taking(session: ReviewSession, review: StudyReview, *, stay: bool = False) -> rhythm.Take:
    """Takes one decision after the other, each from where the last one has led; shows what has come of them."""

    def take(decision: Decision) -> bool:
        def show() -> None:
            if not session.reveal(decision.stretches[-1][0]) and not stay:
                session.to_next_open(review)

        return _change(session, session.review or review, decision, _fresh(), show)

    return take


def drag(session: ReviewSession, review: StudyReview, start_s: float, stop_s: float) -> None:
    """A drag over the strip: moves the end of an episode that it took hold of, or selects beats."""
    moved = session.drag(start_s, stop_s)
    if moved is None or not (review.writable and _may(review)):
        return
    try:
        decision = Decision("rhythm_resize", (*moved[0], *moved[1]))
    except EcgError as error:
        session.error = str(error)
        return
    session.picks += 1
    _taking(session, review, stay=True)(decision)


def calipers(session: ReviewSession, review: StudyReview) -> Calipers:
    """What is measured: kept with the study while one may decide about it, else until the study is left."""
    fs = review.beats.fs
    stored = () if review.beats.ruling is None else review.beats.ruling.measured
    spans = tuple((start / fs, stop / fs) for start, stop in stored)

    def put(old: Span | None, new: Span | None) -> None:
        session.picks += 1
        if not may or old in session.measured:
            session.measure(old, new)
            return
        ends = tuple(_samples(span, review) for span in (old, new) if span is not None)
        kind: DecisionKind = "measure" if old is None else "measure_remove" if new is None else "measure_move"
        try:
            decision = Decision(kind, tuple(sample for stretch in ends for sample in stretch))
        except EcgError as error:
            session.error = str(error)
            return
        _change(session, review, decision, _fresh(), lambda: None)

    may = review.writable and _may(review)
    kept = "Kept with the study." if may else "Not kept with the study: you cannot change it."
    return Calipers((*spans, *session.measured), put, kept)


def may_change(review: StudyReview) -> bool:
    """Whether whoever looks may decide about the study now."""
    return review.writable and _may(review)


def mark(session: ReviewSession, review: StudyReview, decisions: tuple[Decision, ...]) -> bool:
    """Move marks of a median beat, or put them back, in one transaction. Tells whether that was done."""
    session.error = session.notice = ""
    try:
        session.put(take_decisions(review, decisions, reader=reader.current(), key=_fresh()))
    except StaleVersion as error:
        session.notice = str(error)
    except EcgError as error:
        session.error = str(error)
    else:
        return True
    return False


def measure(session: ReviewSession, review: StudyReview, start_s: float, stop_s: float) -> None:
    """A drag over the strip while the calipers are on."""
    calipers(session, review).drag(start_s, stop_s, session.grip_s)


def _samples(span: Span, review: StudyReview) -> Stretch:
    fs, n = review.beats.fs, review.beats.n_samples
    return max(0, round(span[0] * fs)), min(n, round(span[1] * fs))


def _look_alikes(session: ReviewSession, before: StudyReview, decision: Decision) -> Alike | None:
    """Beats that look like those that were relabelled and had the same class: of families like theirs.

    Only if the relabelled beats were most of their family: a beat that is early looks like those that are not.
    """
    review = session.review
    if review is None or decision.kind != "override":
        return None
    families = before.material.families
    own = families.of(np.array(decision.samples, np.int64))
    own = own[own != NO_FAMILY]
    if not own.size:
        return None
    number = int(np.bincount(own).argmax())
    if 2 * int((own == number).sum()) <= int(families.size[number]):
        return None
    at = [at for sample in decision.samples if (at := before.position(sample)) is not None]
    classes, counts = np.unique(before.beats.aami[at], return_counts=True)
    was = str(classes[counts.argmax()])
    open_ones = review.beats.sample[(review.beats.human == "") & (review.beats.aami == was)]
    alike = families.alike(number)[:LOOK_ALIKES]
    samples = open_ones[np.isin(families.of(open_ones), alike)]
    return Alike(decision.aami, tuple(samples.tolist())) if samples.size and was != decision.aami else None


def _turn(session: ReviewSession, review: StudyReview, step: ReviewStep, key: str) -> None:
    """Undo or redo; shows what has changed."""
    before = review.standing.decisions

    def show_turned() -> None:
        session.alike = None
        after = () if session.review is None else session.review.standing.decisions
        if len(before) != len(after):  # an adjudication that accepts the first reading decides nothing about beats
            session.return_to(max(before, after, key=len)[-1])

    _change(session, review, step, key, show_turned)


def _change(session: ReviewSession, review: StudyReview, step: ReviewStep, key: str, then: Callable[[], None]) -> bool:
    """Takes a step and shows the new state; a refusal is said, with the state as it is now. Tells whether it took."""
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
        return True
    return False


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
        recording = review.material.recording
        middle = min(recording.duration_s, session.viewport.start_s + session.viewport.window_s / 2)
        if st.session_state.get("add-strip") != middle:
            st.session_state["add-strip"], st.session_state["add-time"] = middle, field_text(middle, recording)
        time_s = time_field("Time", "add-time", recording)
        st.button("Add here", key="add-here", on_click=add_at, disabled=time_s is None,
                  args=(session, review, time_s or 0.0, aami or "N"))  # fmt: skip


def _comment(session: ReviewSession, review: StudyReview, samples: tuple[int, ...], blocked: bool) -> None:
    ends = session.stretches
    old = review.comment_on(samples, ends)
    seen = hash((review.standing.version, ends or samples))
    nothing = not ends and (not samples or review.position(samples[0]) is None)
    kind: DecisionKind = "note" if ends else "comment"
    about = tuple(sample for stretch in ends for sample in stretch) or samples
    place = st.popover("Comment", icon=":material/comment:", disabled=blocked or nothing, key=f"comment-{seen}")
    with place.form(f"comment-form-{seen}", border=False):
        what = f"these {len(ends)} stretches" if len(ends) > 1 else "this rhythm" if ends else _beats(len(samples))
        st.text_area(f"Comment on {what}", old, key=f"comment-text-{seen}", max_chars=TEXT_CHARS)
        st.form_submit_button(
            "Keep the comment", type="primary", on_click=_keep_comment,
            args=(session, review, Decision(kind, about or (0, 1), text=old), f"comment-text-{seen}", _fresh()),
        )  # fmt: skip


def _keep_comment(session: ReviewSession, review: StudyReview, old: Decision, field: str, key: str) -> None:
    text = st.session_state[field]
    if text.strip() != old.text:
        _decide(session, review, replace(old, text=text), key)


def _beats(count: int) -> str:
    return f"{count} beat{'' if count == 1 else 's'}"


def _fresh() -> str:
    """Names one request: a click that arrives twice is carried out once."""
    return uuid.uuid4().hex
