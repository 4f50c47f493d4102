"""The strip on ECG paper: the finding in its surroundings, the classes in force, and what a human has decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from app.common import strip
from app.common.strip import Picked
from app.review import decide
from app.review.session import Bench
from pipeline.cases.desk import Desk
from pipeline.cases.strip import recorded_leads
from pipeline.wording import clock, grouped

Inside = Callable[[Sequence[float], Sequence[float]], tuple[int, ...]]
PAPER_PX, HIGHEST_PX = 1000, 335  # width of the paper beside the list, and its greatest height
CHECK = "✓"


def draw(bench: Bench, desk: Desk) -> None:
    """The strip, and the way through it."""
    _way(bench, desk)
    if bench.adding:
        decide.adding(bench, desk)
    _strip(bench, desk)


def _strip(bench: Bench, desk: Desk) -> None:
    viewport = bench.viewport
    shown = desk.window(*viewport.span_s)
    strip.draw(
        viewport, recorded_leads(desk.material.recording, desk.study.leads, *viewport.span_s), desk.marks(shown),
        key=f"review-strip-{bench.picks}", alt="ECG strip with the class in force above each beat",
        picked=_picked(bench, desk), selected=bench.sample, quality=desk.material.analysis.quality.segments,
        paper_px=PAPER_PX, highest_px=HIGHEST_PX, notes=tuple(_note(desk, int(i)) for i in shown),
        target=bench.target(), adding=bench.adding,
    )  # fmt: skip


def pickable(bench: Bench, desk: Desk, figure: object, name: str, alt: str, *, inside: Inside | None = None) -> None:
    """A chart in which a click on a beat goes there, one on a free place names a time, and a drag takes several.

    A drag takes a stretch of time, or, where `inside` is given, what it draws a line around: corners go in, in the
    units of the chart, and the samples of all beats come out, those among them that a thinned chart does not show.
    """
    strip.pickable(figure, f"{name}-{bench.picks}", alt, _picked(bench, desk, inside))


def _picked(bench: Bench, desk: Desk, inside: Inside | None = None) -> Picked:
    point = partial(_go, bench, desk)
    if inside is None:
        return Picked(point, stretch=lambda low, high: bench.pick(desk.between(low, high)))
    return Picked(point, outline=lambda x, y: bench.pick(inside(x, y)))


def _go(bench: Bench, desk: Desk, data: object) -> None:
    """To a beat, named by its sample, or to a place, named as "at" and seconds."""
    if not isinstance(data, str):
        bench.look_at(int(str(data)))
    elif bench.adding:
        decide.add_at(bench, desk, float(data.split()[1]), st.session_state.get("add-class") or "N")
    else:
        bench.jump(float(data.split()[1]))


def _title(bench: Bench) -> str:
    """What the strip shows: the finding, unless something else was chosen for the decision."""
    if bench.scope in ("family", "picked"):
        name = f"Family {bench.family + 1}" if bench.scope == "family" else "Selection"
        return f"**{name}** {grouped(len(bench.target()))} beats"
    found = bench.current
    return f"**{found.title}** {found.detail}" if found else "**No finding chosen**"


def _way(bench: Bench, desk: Desk) -> None:
    """Finding by finding, beat by beat, window by window."""
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="review-way"):
        start, stop = bench.viewport.start_s, min(bench.viewport.stop_s, desk.material.recording.duration_s)
        st.markdown(f"{_title(bench)} :gray[· strip {clock(start)} to {clock(stop)}]", width="stretch")
        _button("review-previous", "Previous finding", ":material/keyboard_arrow_up:", bench.step, -1, "↑ or K")
        _button("review-next", "Next finding", ":material/keyboard_arrow_down:", bench.step, 1, "↓ or J")
        _button("review-previous-beat", "Previous beat", ":material/chevron_left:", bench.step_beat, -1, "←")
        _button("review-next-beat", "Next beat", ":material/chevron_right:", bench.step_beat, 1, "→")
        for name, label, icon, keys, sign in (
            ("review-earlier", "A window earlier", ":material/first_page:", "Shift ←", -0.9),
            ("review-later", "A window later", ":material/last_page:", "Shift →", 0.9),
        ):
            _button(name, label, icon, bench.turn, sign, keys)
        strip.window_length(bench, "review-window")


def _button(name: str, label: str, icon: str, act: Callable[..., None], value: float, keys: str) -> None:
    with st.container(key=name, width="content"):
        st.button(
            "", icon=icon, key=f"{name}-button", on_click=act, args=(value,), type="tertiary",
            help=f"{label} ({keys})",
        )  # fmt: skip


def _note(desk: Desk, at: int) -> str:
    """What a human did to a beat: a tick where the model was right, else what the model had said."""
    human, said = str(desk.beats.human[at]), desk.model_letter(at)
    if not human:
        return ""
    if human == "confirmed":
        return CHECK
    if human == "added" or not said:
        return "new"
    return f"was {said}"
