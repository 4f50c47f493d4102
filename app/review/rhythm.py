"""Decisions about the rhythm: confirm, reject, rename, move the ends, split; and a stretch that is given a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from app.review.session import ReviewSession
from pipeline.cases.study_review import StudyReview
from pipeline.errors import EcgError, ReviewError
from pipeline.review.decisions import TEXT_CHARS, Decision, DecisionKind, Stretch
from pipeline.review.groups import FindingGroup
from pipeline.review.rhythm_in_force import RHYTHM_SUBJECTS, subject_name, subject_of
from pipeline.review.triage import EpisodeFinding, EventFinding, StatementFinding
from pipeline.typed_times import read_clock
from pipeline.wording import clock_text

EVENT = "EVENT"
NAMES = {**{subject: subject_name(subject) for subject in RHYTHM_SUBJECTS}, EVENT: "Patient event"}
TIME_HELP = "h:mm:ss: by the clock where the recording has a start, otherwise since it began"
Take = Callable[[Decision], bool]  # tells whether it was taken


def confirming(session: ReviewSession) -> Decision | None:
    """What C decides about the rows that have no beats; None if there is nothing to confirm."""
    return _ruling(session, "rhythm_confirm", "statement_confirm")


def rejecting(session: ReviewSession) -> Decision | None:
    """What X decides about the rows that have no beats; a patient event is removed."""
    row = session.current
    if isinstance(row, EventFinding):
        return Decision("event_remove", row.ends)
    return _ruling(session, "rhythm_reject", "statement_reject")


def _ruling(session: ReviewSession, rhythm: DecisionKind, statement: DecisionKind) -> Decision | None:
    row, ends = session.current, session.stretches
    if isinstance(row, StatementFinding):
        return Decision(statement, row.ends, subject=row.code)
    if row is None or not ends or isinstance(row, EventFinding):
        return None
    if isinstance(row, FindingGroup) and not all(isinstance(member, EpisodeFinding) for member in row.members):
        return None
    return Decision(rhythm, tuple(sample for stretch in ends for sample in stretch))


def words(session: ReviewSession) -> tuple[str, str]:
    """What the buttons of C and X say."""
    row = session.current
    if isinstance(row, EventFinding):
        return "Confirm `C`", "Remove it `X`"
    what = "statement" if isinstance(row, StatementFinding) else "rhythm"
    many = len(session.stretches)
    return (f"Confirm all {many} `C`", f"None of {many} `X`") if many > 1 else ("Confirm `C`", f"Not this {what} `X`")


def changes(session: ReviewSession, review: StudyReview, take: Take, *, blocked: bool) -> None:
    """For one episode: another name, other ends, and a cut; each a click or two."""
    row = session.current
    if not isinstance(row, EpisodeFinding) or session.scope != "finding":
        return
    with st.container(key="review-rename", width="content"):
        place = st.popover(
            "Change `E`", icon=":material/edit:", disabled=blocked, key=f"rename-{_seen(session, row.ends)}"
        )
    with place:
        _form(session, review, row.ends, subject_of(row.episode), take, name="Change", events=False)
        st.caption("Or drag an end of the episode on the strip.")
    cut = _cut(session, row, review.beats.fs)
    if cut is not None:
        with st.container(key="review-split", width="content"):
            st.button(
                f"Split at {review.when(cut / review.beats.fs)}", icon=":material/content_cut:", disabled=blocked,
                key=f"split-{_seen(session, row.ends)}", type="tertiary", wrap=False, on_click=_take_one,
                args=(take, Decision("rhythm_split", (row.ends[0], cut, row.ends[1])),),
                help="At the beat that is looked at, or in the middle of the strip",
            )  # fmt: skip


def naming(session: ReviewSession, review: StudyReview, take: Take, *, blocked: bool) -> None:
    """Give a stretch a name: a rhythm that was missed, an artefact, or what the patient felt."""
    fs, n_samples = review.beats.fs, review.beats.n_samples
    start_s, stop_s = session.marked_s or session.viewport.span_s
    shown = max(0, round(start_s * fs)), min(n_samples, round(stop_s * fs))
    with st.container(key="review-name", width="content"):
        place = st.popover(
            "Name a stretch `W`", icon=":material/border_color:", disabled=blocked, key=f"name-{_seen(session, shown)}",
            help="A rhythm that was missed, an artefact or a patient event, where you dragged or on the whole strip",
        )  # fmt: skip
    with place:
        _form(session, review, shown, None, take, name="Name", events=True)


def _take_one(take: Take, decision: Decision) -> None:
    """What a click does that is one decision."""
    take(decision)


def _form(
    session: ReviewSession, review: StudyReview, ends: Stretch, subject: str | None, take: Take, *, name: str,
    events: bool,
) -> None:  # fmt: skip
    """Name and ends of a stretch."""
    seen = _seen(session, ends)
    subjects = [one for one in NAMES if events or one != EVENT]
    with st.form(f"{name}-form-{seen}", border=False):
        st.selectbox(
            "Rhythm", subjects, index=None if subject is None else subjects.index(subject),
            format_func=NAMES.__getitem__, key=f"{name}-subject-{seen}", placeholder="what it is",
        )  # fmt: skip
        left, right = st.columns(2)
        left.text_input("From", _shown(ends[0], review), key=f"{name}-from-{seen}", help=TIME_HELP)
        right.text_input("To", _shown(ends[1], review), key=f"{name}-to-{seen}", help=TIME_HELP)
        if events:
            st.text_input("What the patient felt or did", key=f"{name}-text-{seen}", max_chars=TEXT_CHARS)

        def submitted() -> None:
            state = st.session_state
            typed = state[f"{name}-from-{seen}"], state[f"{name}-to-{seen}"]
            old = None if subject is None else (ends, subject)
            try:
                new = _typed(typed, ends, review)
                steps = _steps(state[f"{name}-subject-{seen}"], new, old, state.get(f"{name}-text-{seen}", ""))
            except EcgError as error:
                session.error = str(error)
                return
            for step in steps:
                if not take(step):
                    return

        st.form_submit_button(name, type="primary", key=f"{name}-submit-{seen}", on_click=submitted)


def _typed(typed: Sequence[str], shown: Stretch, review: StudyReview) -> Stretch:
    """The ends as samples; one that was left as it stood is kept to the sample.

    Raises
    ------
    EcgError
        If one is no time of the recording.
    """
    recording, found = review.material.recording, []
    for text, sample in zip(typed, shown, strict=True):
        if text == _shown(sample, review):
            found.append(sample)
        else:
            time_s = read_clock(text, recording.start, duration_s=recording.duration_s)
            found.append(min(round(time_s * review.beats.fs), review.beats.n_samples))
    return found[0], found[1]


def _shown(sample: int, review: StudyReview) -> str:
    """A place as the page shows times, and as they are typed."""
    return clock_text(sample / review.beats.fs, review.material.recording.start, tenths=True, hours=True)


def _steps(
    subject: str | None, new: Stretch, old: tuple[Stretch, str] | None, text: str
) -> tuple[Decision, ...]:  # fmt: skip
    """The decisions that make the stretch what was asked for.

    Raises
    ------
    ReviewError
        If no name was chosen, or an end lies before the start.
    """
    if subject is None:
        raise ReviewError("No rhythm is chosen; say what the stretch is.")
    if subject == EVENT:
        return (Decision("event_mark", new, text=text),)
    if old is None:
        return (Decision("rhythm_name", new, subject=subject),)
    moved = (Decision("rhythm_resize", (*old[0], *new)),) if new != old[0] else ()
    return (*moved, *((Decision("rhythm_name", new, subject=subject),) if subject != old[1] else ()))


def _cut(session: ReviewSession, row: EpisodeFinding, fs: float) -> int | None:
    """Where Split would cut: at the beat that is looked at, or in the middle of the strip; None outside of it."""
    middle = round((session.viewport.start_s + session.viewport.window_s / 2) * fs)
    return next((at for at in (session.sample, middle) if row.ends[0] < at < row.ends[1]), None)


def _seen(session: ReviewSession, what: object) -> str:
    """Part of a widget's key: what is typed belongs to what was on screen."""
    version = 0 if session.review is None else session.review.standing.version
    return str(hash((version, what)))
