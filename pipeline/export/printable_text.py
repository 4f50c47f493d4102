"""Text that a printed page can show, in any language, and which of the bundled fonts has its letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from pathlib import Path
from types import MappingProxyType
from typing import Final

MISSING: Final = "\N{WHITE SQUARE}"
_INVISIBLE: Final = {"Cc": " ", "Cf": ""}  # control characters; joiners and direction marks
FONTS: Final = Path(__file__).with_name("fonts")
MAIN: Final = "DejaVuSans"  # Latin, Greek, Cyrillic, Armenian, Georgian, Arabic, Hebrew
CJK: Final = "WenQuanYiMicroHei"  # Chinese, Japanese, Korean
_SHAPED: Final = MappingProxyType(  # first word of a letter's Unicode name, and the font for that script
    {path.stem.removeprefix("NotoSans").upper(): path.stem for path in sorted(FONTS.glob("NotoSans*.ttf"))}
)


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


def needs_shaping(text: str) -> bool:
    """Tell whether letters join, change places or run from right to left, so that they cannot be set one by one."""
    return any(unicodedata.bidirectional(c) in ("R", "AL") or _script(c) in _SHAPED for c in text)


def other_fonts(text: str) -> tuple[str, ...]:
    """Return the names of the fonts, besides the main one, for the letters that it lacks."""
    return tuple(sorted({_SHAPED.get(_script(c), CJK) for c in text}))


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
