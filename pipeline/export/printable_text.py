"""Text that a printed page can show: any language, nothing invisible, nothing that crashes."""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from typing import Final

MISSING: Final = "\N{WHITE SQUARE}"
_INVISIBLE: Final = {"Cc": " ", "Cf": ""}  # control characters; joiners and direction marks


def printable(text: str, *known: Container[int]) -> str:
    """Return `text` on one line, composed (NFC), without control characters; a glyph that no font has becomes a box.

    Parameters
    ----------
    text : str
        Any text.
    *known : container of int
        Code points of each of the fonts.
    """
    composed = unicodedata.normalize("NFC", text)
    visible = "".join(_INVISIBLE.get(unicodedata.category(c), c) for c in composed)
    return "".join(c if any(ord(c) in font for font in known) else MISSING for c in " ".join(visible.split()))


def clock(seconds: float) -> str:
    """Write seconds since the start of the recording as h:mm:ss.

    Examples
    --------
    >>> clock(3725.4)
    '1:02:05'
    """
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def length(seconds: float) -> str:
    """Write a length of time as a person would say it.

    Examples
    --------
    >>> length(42.25), length(3725)
    ('42.2 s', '1 h 02 min')
    """
    if seconds < 90:
        return f"{seconds:.1f} s"
    hours, minutes = int(seconds // 3600), int(seconds % 3600 // 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {int(seconds % 60):02d} s"
