"""Marks that are moved by hand over a picture: corners of the paper, a ruler on its grid, rows and columns of leads."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import streamlit as st

from pipeline.types import PictureArray

Points = tuple[tuple[float, float], ...]

_HERE = Path(__file__).parent
_SHOWN_PX = 1100
_QUALITY = 80


@dataclass(frozen=True)
class Mark:
    """A mark at (x, y) pixels of its picture; `axis` "x" or "y": a line that moves in this direction only."""

    name: str
    x: float
    y: float
    axis: Literal["", "x", "y"] = ""


def draw(
    picture: PictureArray, marks: tuple[Mark, ...], key: str, *, label: str, button: str, hint: str
) -> Points | None:
    """Draws marks over a picture (h, w, 3); returns the moved points, in its pixels, once the button is pressed."""
    component = st.components.v2.component(
        "heartvision_marks",
        html='<div class="marks"></div>',
        css=(_HERE / "marks.css").read_text("utf-8"),
        js=(_HERE / "marks.js").read_text("utf-8"),
    )
    height, width = picture.shape[:2]
    inside = [_inside(mark, width, height) for mark in marks]
    shown = {
        "picture": _data_url(picture),
        "width": width,
        "height": height,
        "marks": [asdict(mark) for mark in inside],
    }
    told = {"key": f"{key} {inside!r}", "label": label, "button": button, "hint": hint}
    moved = component(key=f"page-marks-{key}", data=shown | told, on_moved_change=_nothing).get("moved")
    return None if moved is None else tuple((float(x), float(y)) for x, y in moved)


def _inside(mark: Mark, width: int, height: int) -> Mark:
    return Mark(mark.name, min(max(mark.x, 0.0), width - 1.0), min(max(mark.y, 0.0), height - 1.0), mark.axis)


def _nothing() -> None:
    """Does nothing: a trigger without a callback is not delivered."""


def _data_url(picture: PictureArray) -> str:
    scale = min(1.0, _SHOWN_PX / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    _, coded = cv2.imencode(".jpg", np.asarray(small)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(coded.tobytes()).decode("ascii")
