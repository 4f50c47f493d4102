"""Foreign text made safe for Streamlit, confidence in words, tables; numbers and times are in `pipeline.wording`."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.wording import UNDEFINED

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.formats.style import Styler

PLOTLY_SEPARATORS = ". "  # the decimal point, and between thousands what `pipeline.wording.grouped` writes there
_SHOWN = 3  # kinds of findings named before the others are only counted
_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")


def plain(text: str) -> str:
    """`text` as Markdown that shows exactly its characters: no picture, link, colour, formula or heading.

    A Markdown picture in a file name would make the browser fetch it.
    """
    one_line = " ".join(text.split())
    return _PUNCTUATION.sub(r"\\\1", one_line)


def confidence_words(confidence: float) -> str:
    """A calibrated confidence in words: how often such an answer was right in validation."""
    for least, words in ((0.95, "very sure"), (0.85, "sure"), (0.7, "fairly sure"), (0.5, "unsure")):
        if confidence >= least:
            return words
    return "very unsure"


def findings_words(findings: Mapping[str, int]) -> str:
    """The most important kinds of findings, and how many of each rhythm event."""
    known = [kind for kind in FINDING_KINDS if findings.get(kind)]
    words = [
        FINDING_KINDS[kind].words
        + (f" ×{findings[kind]}" if findings[kind] > 1 and not FINDING_KINDS[kind].scattered else "")
        for kind in known[:_SHOWN]
    ]
    left = len(known) - len(words)
    if left:
        words.append(f"{left} more kind{'' if left == 1 else 's'}")
    text = ", ".join(words) or "no finding"
    return text if text[1:2].isupper() else text[0].upper() + text[1:]


def formatted(frame: pd.DataFrame, words: Mapping[str, Callable[[Any], str]], *, nothing: str = UNDEFINED) -> Styler:
    """The table with the columns of `words` written by them, and `nothing` where there is no number.

    Numbers stay numbers, for sorting and downloads, while the screen shows words.
    """
    return frame.style.format(dict(words), na_rep=nothing)
