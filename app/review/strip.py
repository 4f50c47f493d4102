"""The strip on ECG paper: the finding in its surroundings, the classes in force, and what a human has decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from app.common import strip_chart, strip_tools
from app.common.strip_chart import Picked
from app.common.text import plain
from app.review import decide
from app.review.session import ReviewSession
from pipeline.cases.strip_filters import filtered_leads
from pipeline.cases.study_review import StudyReview
from pipeline.review.triage import EpisodeFinding, StatementFinding
from pipeline.wording import grouped

Inside = Callable[[Sequence[float], Sequence[float]], tuple[int, ...]]
PAPER_PX, HIGHEST_PX = 1000, 335  # width of the paper beside the list, and its greatest height
CHECK = "✓"
PAGE = "review"


def draw(session: ReviewSession, review: StudyReview) -> None:
    """The strip, and the way through it."""
    _way(session, review)
    if session.adding:
        decide.adding(session, review)
    _strip(session, review)


def _ends(session: ReviewSession) -> tuple[float, ...]:
    """The ends of the episode that a decision would be about."""
    row = session.current if session.scope == "finding" else None
    return (row.episode.start_s, row.episode.stop_s) if isinstance(row, EpisodeFinding) else ()


def _strip(session: ReviewSession, review: StudyReview) -> None:
    viewport = session.viewport
    shown = review.window(*viewport.span_s)
    recording, look = review.material.recording, strip_tools.look(PAGE)
    chosen = strip_tools.leads_of(PAGE, recording, review.study.leads)
    strip_chart.draw(
        viewport, filtered_leads(recording, chosen, *viewport.span_s, look.filters), review.marks(shown),
        key=f"review-strip-{session.picks}", alt="ECG strip with the class in force above each beat",
        picked=_picked(session, review), selected=session.sample, quality=review.material.analysis.quality.segments,
        rhythm=review.beats.rhythm,
        paper_px=PAPER_PX, highest_px=HIGHEST_PX, notes=tuple(_note(review, int(i)) for i in shown),
        target=session.target(), adding=session.adding, ends=_ends(session), start=recording.start,
        look=look, filters=look.filters.words(recording.fs),
    )  # fmt: skip


def pickable(
    session: ReviewSession, review: StudyReview, figure: object, name: str, alt: str, *, inside: Inside | None = None
) -> None:
    """A chart in which a click on a beat goes there, one on a free place names a time, and a drag takes several.

    A drag takes a stretch of time, or, where `inside` is given, what it draws a line around: corners go in, in the
    units of the chart, and the samples of all beats come out, those among them that a thinned chart does not show.
    """
    strip_chart.pickable(figure, f"{name}-{session.picks}", alt, _picked(session, review, inside))


def _picked(session: ReviewSession, review: StudyReview, inside: Inside | None = None) -> Picked:
    point = partial(_go, session, review)
    if inside is None:
        return Picked(point, stretch=partial(decide.drag, session, review))
    return Picked(point, outline=lambda x, y: session.pick(inside(x, y)))


def _go(session: ReviewSession, review: StudyReview, data: object) -> None:
    """To a beat, named by its sample, or to a place, named as "at" and seconds."""
    if not isinstance(data, str):
        session.look_at(int(str(data)))
    elif session.adding:
        decide.add_at(session, review, float(data.split()[1]), st.session_state.get("add-class") or "N")
    else:
        session.jump(float(data.split()[1]))


def _title(session: ReviewSession, review: StudyReview) -> str:
    """What the strip shows, which is what a decision would be about."""
    if session.scope in ("family", "picked"):
        name = f"Family {session.family + 1}" if session.scope == "family" else "Selection"
        return f"**{name}** {grouped(len(session.target()))} beats"
    found = session.current
    at = review.position(session.sample)
    if session.scope == "beat" and at is not None:
        where = f" :gray[of {plain(found.title)}]" if found is not None and session.sample in found.samples else ""
        return f"**Beat at {review.when(float(review.beats.time_s[at]))}, {plain(review.letter(at))}**{where}"
    if found is None:
        return "**Nothing chosen**"
    places = session.extremes()
    if session.extreme < len(places):
        return f"**{plain(found.title)}** :gray[· {places[session.extreme].label} of them]"
    if isinstance(found, StatementFinding):
        return f"**{plain(found.title)}**"
    return f"**{plain(found.title)}** {plain(found.detail.partition(': ')[0])}"


def _way(session: ReviewSession, review: StudyReview) -> None:
    """Finding by finding, beat by beat, window by window."""
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="review-way"):
        start, stop = session.viewport.start_s, min(session.viewport.stop_s, review.material.recording.duration_s)
        where = f"strip {review.when(start)} to {review.when(stop)}"
        st.markdown(f"{_title(session, review)} :gray[· {where}]", width="stretch")
        _button("review-previous", "Previous finding", ":material/keyboard_arrow_up:", session.step, -1, "↑ or K")
        _button("review-next", "Next finding", ":material/keyboard_arrow_down:", session.step, 1, "↓ or J")
        _button("review-block", "Past the members side by side", ":material/keyboard_double_arrow_down:",
                session.step_block, 1, "Shift ↓")  # fmt: skip
        _button("review-previous-beat", "Previous beat", ":material/chevron_left:", session.step_beat, -1, "←")
        _button("review-next-beat", "Next beat", ":material/chevron_right:", session.step_beat, 1, "→")
        for name, label, icon, keys, sign in (
            ("review-earlier", "A window earlier", ":material/first_page:", "Shift ←", -0.9),
            ("review-later", "A window later", ":material/last_page:", "Shift →", 0.9),
        ):
            _button(name, label, icon, session.turn, sign, keys)
        strip_chart.window_length(session, "review-window")
        strip_tools.choose(PAGE, review.material.recording, review.study.leads)


def _button(name: str, label: str, icon: str, act: Callable[..., None], value: float, keys: str) -> None:
    with st.container(key=name, width="content"):
        st.button(
            "", icon=icon, key=f"{name}-button", on_click=act, args=(value,), type="tertiary",
            help=f"{label} ({keys})",
        )  # fmt: skip


def _note(review: StudyReview, at: int) -> str:
    """What a human did to a beat: a tick where the model was right, else what the model had said."""
    human, said = str(review.beats.human[at]), review.model_letter(at)
    if not human:
        return ""
    if human == "confirmed":
        return CHECK
    if human == "added" or not said:
        return "new"
    return f"was {said}"
