"""Who was recorded, found in words that people typed, and masked there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from pipeline.identity import Identity

MASK: Final = "[erased]"  # the database lets nothing else into an entry of its logs, see migration 0005
_RECORD_CHARS: Final = 5  # shorter names of files ("100", "ecg") are words that mean something else in a comment
_NUMBER_DIGITS: Final = 5  # as patients' numbers have; fewer digits are rates, intervals, ages
_WORD_CHARS: Final = 3
_RX_WORD: Final = re.compile(r"[^\W_]+")


def terms(identity: Identity, records: Iterable[str], *, also: Iterable[str] = ()) -> tuple[re.Pattern[str], ...]:
    """Return what names somebody.

    A name is looked for whole, however it is written, and each of its words where it begins with a capital letter: of a
    patient called Long, "long QT" stays.

    Parameters
    ----------
    identity : Identity
        What is kept of who was recorded.
    records : iterable of str
        What the recording and its studies are and were called: often a name and a number.
    also : iterable of str, optional
        More words, each masked wherever it stands, however it is written.
    """
    stated = [word for word in (identity.name, identity.patient_id) if word]
    called = [name for name in dict.fromkeys(records) if len(name) >= _RECORD_CHARS]
    words = {word for name in (identity.name, *called) for word in _RX_WORD.findall(name) if _names(word)}
    whole = sorted({*stated, *called, *filter(None, (word.strip() for word in also))}, key=len, reverse=True)
    return (
        *(_alone(re.escape(one), re.IGNORECASE) for one in whole),
        *(_alone("|".join({re.escape(word), re.escape(word.upper())})) for word in sorted(words)),
    )


def masked(text: str, named: Iterable[re.Pattern[str]]) -> str:
    """Return the text with all that names somebody masked.

    Parameters
    ----------
    text : str
        What somebody typed.
    named : iterable of re.Pattern
        See `terms`.
    """
    for pattern in named:
        text = pattern.sub(MASK, text)
    return text


def _names(word: str) -> bool:
    """Tell whether a word of a name is looked for alone."""
    if word.isdecimal():
        return len(word) >= _NUMBER_DIGITS
    return len(word) >= _WORD_CHARS and not word.islower()


def _alone(pattern: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", flags)
