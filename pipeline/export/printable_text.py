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
