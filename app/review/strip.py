"""The strip on ECG paper: the finding in its surroundings, the classes in force, and what a human has decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from app.common import calipers, strip_chart, strip_tools
from app.common.strip_chart import Picked
from app.common.text import plain
from app.common.viewport import Viewport
from app.review import decide
from app.review.session import ReviewSession
from pipeline.cases.strip_filters import filtered_leads
from pipeline.cases.study_review import StudyReview
from pipeline.review.triage import EpisodeFinding, StatementFinding
from pipeline.wording import grouped

Inside = Callable[[Sequence[float], Sequence[float]], tuple[int, ...]]
PAPER_PX, HIGHEST_PX = 1000, 335  # width of the paper beside the list, and its greatest height ...
COMPARED_PX = 210  # ... and that of each of two, one above the other
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
    """The strip; above it the place that is compared with it, at the same scale and through the same filters."""
    places = [session.viewport] if session.pinned is None else [session.pinned, session.viewport]
    recording, look = review.material.recording, strip_tools.look(PAGE)
    chosen = strip_tools.leads_of(PAGE, recording, review.study.leads)
    leads = [filtered_leads(recording, chosen, *place.span_s, look.filters) for place in places]
    highest = HIGHEST_PX if len(places) == 1 else COMPARED_PX
    if len(places) > 1:
        look = strip_chart.one_scale(look, leads, session.viewport.window_s, PAPER_PX, highest)
    measured = decide.calipers(session, review)
    for number, (place, own) in enumerate(zip(places, leads, strict=True)):
        pinned = number < len(places) - 1
        shown = review.window(*place.span_s)
        if pinned:
            _pinned(session, review, place)
        strip_chart.draw(
            place, own, review.marks(shown),
            key=f"review-{'pinned' if pinned else 'strip'}-{session.picks}",
            alt="ECG strip with the class in force above each beat",
            picked=_picked(session, review, comparing=pinned), selected=session.sample,
            quality=review.material.analysis.quality.segments, rhythm=review.beats.rhythm,
            paper_px=PAPER_PX, highest_px=highest, notes=tuple(_note(review, int(i)) for i in shown),
            target=session.target(), adding=session.adding and not pinned, ends=() if pinned else _ends(session),
            start=recording.start, look=look, filters=look.filters.words(recording.fs),
            calipers=measured.spans, measuring=session.calipers,
        )  # fmt: skip
    if session.calipers:
        calipers.table(measured, "review-calipers", when=review.when, go=session.go_to)


def _pinned(session: ReviewSession, review: StudyReview, place: Viewport) -> None:
    """What stands above the strip, and a way to go there."""
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="review-pinned-head"):
        stop = min(place.stop_s, review.material.recording.duration_s)
        st.markdown(f"**Compared with** {review.when(place.start_s)} to {review.when(stop)}", width="stretch")
        st.button("Go there", key="review-pinned-go", type="tertiary", on_click=session.move, args=(place.start_s,))


def pickable(
    session: ReviewSession, review: StudyReview, figure: object, name: str, alt: str, *, inside: Inside | None = None
) -> None:
    """A chart in which a click on a beat goes there, one on a free place names a time, and a drag takes several.

    A drag takes a stretch of time, or, where `inside` is given, what it draws a line around: corners go in, in the
    units of the chart, and the samples of all beats come out, those among them that a thinned chart does not show.
    """
    strip_chart.pickable(figure, f"{name}-{session.picks}", alt, _picked(session, review, inside))


def _picked(
    session: ReviewSession, review: StudyReview, inside: Inside | None = None, *, comparing: bool = False
) -> Picked:
    """What a click and a drag do; over a strip with calipers a drag measures, over one for comparison else nothing."""
    point = partial(_go, session, review)
    if inside is not None:
        return Picked(point, outline=lambda x, y: session.pick(inside(x, y)))
    if session.calipers:
        return Picked(point, stretch=partial(decide.measure, session, review))
    return Picked(point, stretch=None if comparing else partial(decide.drag, session, review))


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
        with st.container(key="review-calipers", width="content"):
            calipers.switch(session, "review-calipers-button", session.forget_clicks, hint=" (I)")
        with st.container(key="review-pin", width="content"):
            calipers.pin(session, "review-pin-button", hint=" (P)")
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
