"""An ECG sheet in real squares on the page: it scrolls where it is wider, beats can be clicked, calipers dragged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

REAL_PX = 96 / 25.4  # a millimetre of CSS
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class SheetMark:
    """A vertical line that is dragged: `name` of the mark, what is written beside it, and where it stands in mm.

    One that belongs to a beat of a strip is a tick from `span_mm` down, in a `colour`, and stays within `reach_mm`; its
    label shows while it is held. Those of the chosen beat are `at_hand`: longer, with a grip, and reached by Tab; one
    that was `moved` has a dot on top. A click on one names its `beat`. `words` are for who cannot see it.
    """

    name: str
    label: str
    x_mm: float
    span_mm: tuple[float, float] | None = None
    reach_mm: tuple[float, float] | None = None
    colour: str = ""
    at_hand: bool = True
    moved: bool = False
    beat: int = 0
    words: str = ""


@dataclass(frozen=True)
class Drawn:
    """What is shown: an SVG in mm, the scales of its paper, and how large it is without the room around it, mm.

    It is never drawn smaller than `least_px` to a millimetre; it scrolls where that is wider than its place. Real size
    is the least by default.
    """

    svg: str
    speed_mm_s: float
    gain_mm_mv: float
    width_mm: float
    height_mm: float
    marks: tuple[SheetMark, ...] = ()
    least_px: float = REAL_PX


def _sent(mark: SheetMark) -> dict[str, object]:
    """A mark as the browser gets it."""
    tick = {"span": mark.span_mm, "reach": mark.reach_mm, "colour": mark.colour, "atHand": mark.at_hand,
            "moved": mark.moved, "beat": mark.beat, "words": mark.words}  # fmt: skip
    return {"name": mark.name, "label": mark.label, "x": mark.x_mm, **(tick if mark.span_mm else {})}


def draw(
    drawn: Drawn,
    key: str,
    *,
    label: str,
    beat: Callable[[int], None] | None = None,
    look: Callable[[float], None] | None = None,
    moved: Callable[[str, float], None] | None = None,
) -> None:
    """Show a sheet.

    Parameters
    ----------
    drawn : Drawn
        What is shown.
    key : str
        Its name in the session.
    label : str
        Its words for who cannot see it.
    beat, look, moved : callable, optional
        What a click on a beat, a click on an episode (with its start, seconds) and a mark that was dragged (with its
        name and place, mm) do.
    """
    component = st.components.v2.component(
        "heartvision_ecg_sheet",
        html='<div class="sheet"></div>',
        css=(_HERE / "ecg_sheet.css").read_text("utf-8"),
        js=(_HERE / "ecg_sheet.js").read_text("utf-8"),
    )
    data = {
        "svg": drawn.svg,
        "speed": drawn.speed_mm_s,
        "gain": drawn.gain_mm_mv,
        "width": drawn.width_mm,
        "height": drawn.height_mm,
        "least": drawn.least_px,
        "marks": [_sent(mark) for mark in drawn.marks],
        "label": label,
    }
    told = hashlib.sha256(repr((drawn.svg, drawn.marks)).encode()).hexdigest()

    def taken(name: str, act: Callable[..., None] | None) -> Callable[[], None]:
        def go() -> None:
            value = st.session_state[key].get(name)
            if act is None or value is None:
                return
            if name == "beat":
                act(int(value))
            elif name == "look":
                act(float(value))
            else:
                act(str(value[0]), float(value[1]))

        return go

    component(
        key=key, data=data | {"key": told}, on_beat_change=taken("beat", beat), on_look_change=taken("look", look),
        on_moved_change=taken("moved", moved),
    )  # fmt: skip
