"""The four corners of the paper, moved by hand over the photo."""

from __future__ import annotations

import base64
from pathlib import Path

import cv2
import numpy as np
import streamlit as st

from pipeline.domain import PictureArray

Corners = tuple[tuple[float, float], ...]

_HERE = Path(__file__).parent
_SHOWN_PX = 1100
_QUALITY = 80


def draw(picture: PictureArray, corners: Corners, key: str) -> Corners | None:
    """Draws the corners (x, y), in pixels of `picture` (h, w, 3); gives them as moved when that was asked for."""
    component = st.components.v2.component(
        "heartvision_corners",
        html='<div class="corners"></div>',
        css=(_HERE / "page_corners.css").read_text("utf-8"),
        js=(_HERE / "page_corners.js").read_text("utf-8"),
    )
    height, width = picture.shape[:2]
    inside = [[min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)] for x, y in corners]
    data = {"key": f"{key} {inside!r}", "picture": _data_url(picture), "width": width, "height": height}
    moved = component(key=f"page-ring-{key}", data=data | {"corners": inside}, on_corners_change=_nothing)
    found = moved.get("corners")
    return None if found is None else tuple((float(x), float(y)) for x, y in found)


def _nothing() -> None:
    """A trigger without a callback would not be told."""


def _data_url(picture: PictureArray) -> str:
    scale = min(1.0, _SHOWN_PX / max(picture.shape[:2]))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    _, coded = cv2.imencode(".jpg", np.asarray(small)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(coded.tobytes()).decode("ascii")
