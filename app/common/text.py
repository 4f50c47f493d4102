"""Foreign text made safe for Streamlit's Markdown, times, and confidence in words; numbers: `pipeline.wording`."""

from __future__ import annotations

import re
import string

PLOTLY_SEPARATORS = ". "  # the decimal point, and between thousands what `pipeline.wording.grouped` writes there
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


def confidence_words(confidence: float) -> str:
    """A calibrated confidence in words: how often such an answer was right in validation."""
    for least, words in ((0.95, "very sure"), (0.85, "sure"), (0.7, "fairly sure"), (0.5, "unsure")):
        if confidence >= least:
            return words
    return "very unsure"
