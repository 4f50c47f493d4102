"""Colours and marks of every page; no st.* here except to ask whether the browser's theme is light or dark."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import streamlit as st

from pipeline.labels import NOT_CLASSIFIED

ARTEFACT = "X"  # what a reader rejected
BadgeColour = Literal["gray", "blue", "orange", "violet", "green", "yellow", "red"]
BADGES: MappingProxyType[str, BadgeColour] = MappingProxyType(
    {
        **{"N": "gray", "S": "blue", "V": "orange", "F": "violet", "Q": "green"},
        **{NOT_CLASSIFIED: "yellow", ARTEFACT: "red"},
    }
)


@dataclass(frozen=True)
class Palette:
    """Colours of charts. Classes differ in lightness too, and always come with their letter.

    `paper`, `grid_fine` (1 mm) and `grid_bold` (5 mm) are the ECG paper; `classes` maps N S V F Q, ? (not
    classified) and X (artefact) to a fill on which `on_class` text has a contrast of at least 4.5.
    """

    paper: str
    grid_fine: str
    grid_bold: str
    trace: str
    muted: str
    text: str
    gap: str
    selected: str
    heat: str
    on_class: str
    classes: MappingProxyType[str, str]


# After Okabe and Ito (2008), darkened or lightened until letters on them can be read.
LIGHT = Palette(
    paper="#fffafa",
    grid_fine="#fbe3e1",
    grid_bold="#f0b7b2",
    trace="#16181d",
    muted="#5c6873",
    text="#17212b",
    gap="rgba(92,104,115,0.22)",
    selected="rgba(11,92,138,0.16)",
    heat="213,94,0",
    on_class="#ffffff",
    classes=MappingProxyType(
        {
            **{"N": "#5c6873", "S": "#0067a8", "V": "#b84a00", "F": "#9b3878", "Q": "#00745a"},
            **{NOT_CLASSIFIED: "#7a6a00", ARTEFACT: "#2e343b"},
        }
    ),
)
DARK = Palette(
    paper="#14110f",
    grid_fine="#2e1f1c",
    grid_bold="#5c3731",
    trace="#f2efe9",
    muted="#9aa7b2",
    text="#e6ecf1",
    gap="rgba(154,167,178,0.22)",
    selected="rgba(99,179,228,0.22)",
    heat="255,140,66",
    on_class="#10161c",
    classes=MappingProxyType(
        {
            **{"N": "#9aa7b2", "S": "#5ab4ea", "V": "#ff9350", "F": "#e59ac8", "Q": "#45d3a8"},
            **{NOT_CLASSIFIED: "#e0cf57", ARTEFACT: "#d6dce2"},
        }
    ),
)


def is_dark() -> bool:
    """Whether the browser shows the dark theme (Streamlit infers it; light until it knows)."""
    return st.context.theme.type == "dark"


def palette() -> Palette:
    """The colours that go with the browser's theme."""
    return DARK if is_dark() else LIGHT


def by_touch() -> bool:
    """Whether this is a phone: narrow, and a drag scrolls the page."""
    return "Mobile" in (st.context.headers.get("User-Agent") or "")
