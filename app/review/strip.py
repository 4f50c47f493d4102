"""The strip on ECG paper: the finding in its surroundings, the classes in force, and what a human has decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from app import findings
from app.common import review_charts
from app.common.theme import by_touch, palette
from app.review import decide
from app.review.session import Bench
from app.review_desk import Desk
from pipeline.wording import clock, grouped

Inside = Callable[[Sequence[float], Sequence[float]], tuple[int, ...]]
WINDOWS_S = (5.0, 10.0, 30.0, 60.0)
CHART = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
CHECK = "✓"


def draw(bench: Bench, desk: Desk) -> None:
    """The strip, and the way through it."""
    _way(bench, desk)
    if bench.adding:
        decide.adding(bench, desk)
    _strip(bench, desk)


def _strip(bench: Bench, desk: Desk) -> None:
    start, stop = bench.start_s, bench.start_s + bench.window_s
    shown = desk.window(start, stop)
    figure = review_charts.strip(
        findings.recorded_leads(desk.material.recording, desk.study.leads, start, stop),
        desk.marks(shown), tuple(_note(desk, int(i)) for i in shown), palette(),
        start_s=start, window_s=bench.window_s, selected=bench.sample, target=bench.target(),
        quality=desk.material.analysis.quality.segments, adding=bench.adding, narrow=by_touch(),
    )  # fmt: skip
    pickable(bench, desk, figure, "review-strip", "ECG strip with the class in force above each beat")


def pickable(bench: Bench, desk: Desk, figure: object, name: str, alt: str, *, inside: Inside | None = None) -> None:
    """A chart in which a click on a beat goes there, one on a free place names a time, and a drag takes several.

    A drag takes a stretch of time, or, where `inside` is given, what it draws a line around: corners go in, in the
    units of the chart, and the samples of all beats come out, those among them that a thinned chart does not show.
    """
    key = f"{name}-{bench.picks}"

    def picked() -> None:
        chosen = st.session_state[key].selection
        if inside is not None and chosen.get("lasso"):
            bench.pick(inside(chosen["lasso"][0]["x"], chosen["lasso"][0]["y"]))
            return
        if inside is None and chosen.get("box"):
            low, high = sorted(chosen["box"][0]["x"])
            bench.pick(desk.between(float(low), float(high)))
            return
        data = [point.get("customdata") for point in chosen.points]
        data = [value[0] if isinstance(value, list) else value for value in data if value is not None]
        if data:
            _go(bench, desk, data[0])

    st.plotly_chart(
        figure, key=key, on_select=picked, selection_mode=("points", "box" if inside is None else "lasso"),
        theme=None, config=CHART, alt=alt,
        width="stretch",
    )  # fmt: skip


def _go(bench: Bench, desk: Desk, data: object) -> None:
    """To a beat, named by its sample, or to a place, named as "at" and seconds."""
    if not isinstance(data, str):
        bench.look_at(int(str(data)))
    elif bench.adding:
        decide.add_at(bench, desk, float(data.split()[1]), st.session_state.get("add-class") or "N")
    else:
        bench.jump(float(data.split()[1]))


def _title(bench: Bench) -> str:
    """What the strip shows: the finding, unless a decision would be about something else that was sought out."""
    if bench.scope in ("family", "picked"):
        name = f"Family {bench.family + 1}" if bench.scope == "family" else "Selection"
        return f"**{name}** {grouped(len(bench.target()))} beats"
    found = bench.current
    return f"**{found.title}** {found.detail}" if found else "**No finding chosen**"


def _way(bench: Bench, desk: Desk) -> None:
    """Finding by finding, beat by beat, window by window."""
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="review-way"):
        stop = min(bench.start_s + bench.window_s, desk.material.recording.duration_s)
        st.markdown(f"{_title(bench)} :gray[· strip {clock(bench.start_s)} to {clock(stop)}]", width="stretch")
        _button("review-previous", "Previous finding", ":material/keyboard_arrow_up:", bench.step, -1, "↑ or K")
        _button("review-next", "Next finding", ":material/keyboard_arrow_down:", bench.step, 1, "↓ or J")
        _button("review-previous-beat", "Previous beat", ":material/chevron_left:", bench.step_beat, -1, "←")
        _button("review-next-beat", "Next beat", ":material/chevron_right:", bench.step_beat, 1, "→")
        for name, label, icon, keys, sign in (
            ("review-earlier", "A window earlier", ":material/first_page:", "Shift ←", -0.9),
            ("review-later", "A window later", ":material/last_page:", "Shift →", 0.9),
        ):
            _button(name, label, icon, bench.move, bench.start_s + sign * bench.window_s, keys)
        st.session_state["review-window"] = bench.window_s
        st.segmented_control(
            "Window", WINDOWS_S, format_func=lambda s: f"{s:g} s", key="review-window", required=True, wrap=False,
            label_visibility="collapsed", on_change=lambda: bench.resize(st.session_state["review-window"]),
        )  # fmt: skip


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
