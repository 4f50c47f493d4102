"""Texts that a printed page can show: any language, nothing invisible, nothing that crashes."""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from typing import Final

MISSING: Final = "\N{WHITE SQUARE}"
_INVISIBLE: Final = {"Cc": " ", "Cf": ""}  # control characters; joiners and marks of direction


def printable(text: str, *known: Container[int]) -> str:
    """`text` on one line, composed (NFC), without control characters; a glyph that no font has becomes a box.

    Parameters
    ----------
    known : container of int
        Code points that each of the fonts has.
    """
    composed = unicodedata.normalize("NFC", text)
    visible = "".join(_INVISIBLE.get(unicodedata.category(c), c) for c in composed)
    return "".join(c if any(ord(c) in font for font in known) else MISSING for c in " ".join(visible.split()))


def clock(seconds: float) -> str:
    """Seconds from the start of the recording as h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def length(seconds: float) -> str:
    """A length of time as a person would say it."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    hours, minutes = int(seconds // 3600), int(seconds % 3600 // 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {int(seconds % 60):02d} s"
