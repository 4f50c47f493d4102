"""Which of the bundled fonts has a letter, and which scripts must be shaped."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from types import MappingProxyType
from typing import Final

FONTS: Final = Path(__file__).with_name("fonts")
MAIN: Final = "DejaVuSans"  # Latin, Greek, Cyrillic, Armenian, Georgian, Arabic, Hebrew
CJK: Final = "WenQuanYiMicroHei"  # Chinese, Japanese, Korean
_SHAPED: Final = MappingProxyType(  # first word of a letter's Unicode name, and the font for that script
    {path.stem.removeprefix("NotoSans").upper(): path.stem for path in sorted(FONTS.glob("NotoSans*.ttf"))}
)


def needs_shaping(text: str) -> bool:
    """Tell whether letters join, change places or run from right to left, so that they cannot be set one by one."""
    return any(unicodedata.bidirectional(c) in ("R", "AL") or _script(c) in _SHAPED for c in text)


def other_fonts(text: str) -> tuple[str, ...]:
    """Return the names of the fonts, besides the main one, for the letters that it lacks."""
    return tuple(sorted({_SHAPED.get(_script(c), CJK) for c in text}))


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
