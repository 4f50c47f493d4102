"""Who was recorded, found in words that people typed, and masked there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from pipeline.identity import Identity
from pipeline.review.decisions import MASK

_RECORD_CHARS: Final = 5  # shorter names of files ("100", "ecg") are words that mean something else in a comment
_NUMBER_DIGITS: Final = 5  # as patients' numbers have; fewer digits are rates, intervals, ages
_WORD_CHARS: Final = 3
_RX_WORD: Final = re.compile(r"[^\W_]+")
_RX_SHARP: Final = re.compile("ss|\u00df|\u1e9e", re.IGNORECASE)
# Words of what is typed about an ECG that are names, parts of names or names of files too. In a patient's name they are
# looked for with a capital letter only; a file that is called by nothing else names nobody.
_PLAIN: Final = frozenset(
    _RX_WORD.findall(
        "apex arm band base beat block branch bundle case chest clear complex day early ecg ekg fast field file fine "
        "flat foot free good hand head heart high holter lad lbbb lead leads left long low mark may minor mit monitor "
        "new noise normal old pace page paper patient peak plain pulse quick rate rbbb recording regular rest rhythm "
        "right rise rose sharp short sign sinus slow small spike stable strip strong tall test trace tracing true "
        "wall wave white wide wild young and bin dal das dei del den der des dos las los the und van vom von zum zur"
    )
)
_TITLES: Final = frozenset(_RX_WORD.findall("frau herr lady lord miss mme mrs prof rev señor señora sir sra"))


def terms(identity: Identity, records: Iterable[str], *, also: Iterable[str] = ()) -> tuple[re.Pattern[str], ...]:
    """Return what names somebody in texts about them.

    Names are looked for whole (`whole_names`), and each word of the patient's own name, however it is written; words
    that are said of ECGs as well, where they begin with a capital letter: of a patient called Long, "long QT" stays. Of
    names of files only long numbers are looked for alone: their words are "ECG", "LBBB" or "Holter" as often as names.

    Parameters
    ----------
    identity : Identity
        What is kept of who was recorded.
    records : iterable of str
        What the recording and its studies are and were called: often a name and a number.
    also : iterable of str, optional
        More words, each masked wherever it stands, however it is written.
    """
    called = list(records)
    more = sorted({_composed(word) for word in also if word.strip()}, key=len, reverse=True)
    number = _composed(identity.patient_id)
    return (
        *whole_names(identity, called),
        *([_alone(_any_case(number))] if number else ()),
        *(_alone(_any_case(word)) for word in more),
        *(_alone(_own(word)) for word in _words(identity.name).values()),
        *(_alone(word) for name in called for word in _RX_WORD.findall(name) if _is_number(word)),
    )


def whole_names(identity: Identity, records: Iterable[str]) -> tuple[re.Pattern[str], ...]:
    """Return what names somebody in texts that are about anybody: whole names and numbers, however they are written.

    Parameters
    ----------
    identity : Identity
        What is kept of who was recorded.
    records : iterable of str
        What the recording and its studies are and were called; short names, and those that only say what a recording
        is, are passed over, as are short numbers of patients.
    """
    called = [name for name in map(_composed, records) if len(name) >= _RECORD_CHARS and not _says_what(name)]
    stated = [name for name in map(_composed, (identity.name, identity.patient_id)) if name and not _is_small(name)]
    return tuple(_alone(_spaced(one)) for one in sorted({*stated, *called}, key=lambda one: (-len(one), one)))


def masked(text: str, named: Iterable[re.Pattern[str]]) -> str:
    """Return the text with all that names somebody masked; masks stay as they are.

    Parameters
    ----------
    text : str
        What somebody typed.
    named : iterable of re.Pattern
        See `terms`.
    """
    for pattern in named:
        text = MASK.join(pattern.sub(MASK, part) for part in text.split(MASK))
    return text


def _words(name: str) -> dict[str, str]:
    """Return the words of a patient's name that are looked for alone, by what they are in lower case."""
    small = name.islower()  # else small words are "van" and "de"
    return {
        word.casefold(): word
        for word in _RX_WORD.findall(_composed(name))
        if (_is_number(word) if word.isdecimal() else len(word) >= _WORD_CHARS)
        and word.casefold() not in _TITLES
        and (small or not word.islower())
    }


def _own(word: str) -> str:
    """Return the pattern of a word of a name: a plain one is a name where it begins with a capital letter."""
    if word.casefold() not in _PLAIN:
        return _any_case(word)
    return f"(?-i:{re.escape(word[0].upper())}){_any_case(word[1:])}"


def _spaced(name: str) -> str:
    """Return the pattern of a whole name; a space or dash may stand between its words too, unless some are numbers."""
    words = _RX_WORD.findall(name)
    if len(words) < 2 or any(word.isdecimal() for word in words):
        return _any_case(name)
    between = "[ _^-]+"
    return f"{_any_case(name)}|{between.join(map(_any_case, words))}"


def _says_what(name: str) -> bool:
    """Tell whether the name of a file is of plain words only, as "Holter" or "ECG_normal"."""
    return all(word.casefold() in _PLAIN for word in _RX_WORD.findall(name))


def _is_number(word: str) -> bool:
    return word.isdecimal() and len(word) >= _NUMBER_DIGITS


def _is_small(word: str) -> bool:
    return word.isdecimal() and len(word) < _NUMBER_DIGITS


def _composed(text: str) -> str:
    """Return a name as comments are kept, see `pipeline.review.decisions.clean_text`."""
    return unicodedata.normalize("NFC", text.strip())


def _any_case(text: str) -> str:
    """Return the pattern of a text in any case; what `re.IGNORECASE` does not know is that STRASS is "Straß"."""
    return _RX_SHARP.sub("(?:ss|\u00df|\u1e9e)", re.escape(text))


def _alone(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", re.IGNORECASE)
