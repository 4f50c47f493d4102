"""Foreign text made safe for Streamlit's Markdown, and numbers in words."""

from __future__ import annotations

import re
import string

from pipeline.wording import percent as percent  # owned there: the report writes it too

_PUNCTUATION = re.compile(f"([{re.escape(string.punctuation)}])")


def plain(text: str) -> str:
    """`text` as Markdown that shows exactly its characters: no picture, link, colour, formula or heading.

    A Markdown picture in a file name would make the browser fetch it (HOSTILE.md, finding 6).
    """
    one_line = " ".join(text.split())
    return _PUNCTUATION.sub(r"\\\1", one_line)


def clock(seconds: float) -> str:
    """`seconds` from the start of the recording as h:mm:ss.t, or m:ss.t in the first hour."""
    tenths = round(seconds * 10)
    hours, rest = divmod(tenths, 36_000)
    minutes, rest = divmod(rest, 600)
    ending = f"{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{minutes:02d}:{ending}" if hours else f"{minutes}:{ending}"


def duration(seconds: float) -> str:
    """A length of time in the units a person would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 5400:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def share(per_cent: float | None) -> str:
    """How much of all beats is of one class; some is never none."""
    if per_cent is None:
        return "–"
    return "0 %" if not per_cent else "< 0.1 %" if per_cent < 0.1 else f"{per_cent:.1f} %"


def confidence_words(confidence: float) -> str:
    """A calibrated confidence in words: how often such an answer was right in validation."""
    for least, words in ((0.95, "very sure"), (0.85, "sure"), (0.7, "fairly sure"), (0.5, "unsure")):
        if confidence >= least:
            return words
    return "very unsure"
