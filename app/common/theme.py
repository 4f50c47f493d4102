"""Colours and marks of every page; no st.* here except to ask whether the browser's theme is light or dark."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
import streamlit as st

from pipeline.labels import NOT_CLASSIFIED
from pipeline.types import PictureArray, RhythmCode

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
    classified) and X (artefact) to a fill on which `on_class` text has a contrast of at least 4.5; `rhythms` maps each
    rhythm to a fill and the ink on it, as readable. Rhythms of one origin share a hue, and come with their name.
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
    rhythms: MappingProxyType[RhythmCode, tuple[str, str]]


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
    rhythms=MappingProxyType(
        {
            **{"VFL": ("#a60f20", "#ffffff"), "ASYS": ("#17212b", "#ffffff"), "VT": ("#b84a00", "#ffffff")},
            **{"IVR": ("#8a5a00", "#ffffff"), "B": ("#f0b27a", "#17212b"), "T": ("#f7d3aa", "#17212b")},
            **{"BIII": ("#6b1150", "#ffffff"), "BII": ("#9b3878", "#ffffff"), "BI": ("#ebc6dd", "#17212b")},
            **{"AFIB": ("#0067a8", "#ffffff"), "AFL": ("#2f4b9b", "#ffffff"), "SVTA": ("#5a3d99", "#ffffff")},
            **{"NOD": ("#6e5aa0", "#ffffff"), "P": ("#00745a", "#ffffff"), "SBR": ("#bcd3e6", "#17212b")},
            **{"ST": ("#ecdeaa", "#17212b"), "NOISE": ("#b2b8be", "#17212b"), "N": ("#e1e6ea", "#17212b")},
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
    rhythms=MappingProxyType(
        {
            **{"VFL": ("#ff6b6b", "#10161c"), "ASYS": ("#f2efe9", "#10161c"), "VT": ("#ff9350", "#10161c")},
            **{"IVR": ("#d9a441", "#10161c"), "B": ("#7a4a22", "#e6ecf1"), "T": ("#5c4028", "#e6ecf1")},
            **{"BIII": ("#ff7fc4", "#10161c"), "BII": ("#e59ac8", "#10161c"), "BI": ("#5a3049", "#e6ecf1")},
            **{"AFIB": ("#5ab4ea", "#10161c"), "AFL": ("#8fa8ff", "#10161c"), "SVTA": ("#b79bff", "#10161c")},
            **{"NOD": ("#a892d8", "#10161c"), "P": ("#45d3a8", "#10161c"), "SBR": ("#2f4a5e", "#e6ecf1")},
            **{"ST": ("#55491f", "#e6ecf1"), "NOISE": ("#5c666f", "#e6ecf1"), "N": ("#262f37", "#e6ecf1")},
        }
    ),
)


def is_dark() -> bool:
    """Whether the browser shows the dark theme (Streamlit infers it; light until it knows)."""
    return st.context.theme.type == "dark"


def palette() -> Palette:
    """The colours that go with the browser's theme."""
    return DARK if is_dark() else LIGHT


def on_theme(picture: PictureArray) -> PictureArray:
    """A drawing on white, (h, w) or (h, w, 3), as it is on the theme of the browser: dark with the same hues on dark.

    Lightness is turned round: what is added to each channel is the same, so that hue and chroma stay.
    """
    if not is_dark():
        return picture
    wide = picture.astype(np.int16)
    if picture.ndim == 2:
        return np.asarray(255 - wide, np.uint8)
    turned = 255 - wide.max(axis=2, keepdims=True) - wide.min(axis=2, keepdims=True)
    return np.asarray(wide + turned, np.uint8)


def by_touch() -> bool:
    """Whether this is a phone: narrow, and a drag scrolls the page."""
    return "Mobile" in (st.context.headers.get("User-Agent") or "")
