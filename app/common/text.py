"""Foreign text made safe for Streamlit's Markdown, and confidence in words; numbers and times: `pipeline.wording`."""

from __future__ import annotations

import re
import string

PLOTLY_SEPARATORS = ". "  # the decimal point, and between thousands what `pipeline.wording.grouped` writes there
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
