"""What a file states beside its signal: who was recorded and when, and what the recorder itself measured and said.

An `Identity` is kept apart from the recording's results: no key, log or file name is made of it, and a reader of files
drops it unless it is asked to keep it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import MINYEAR, datetime
from typing import Final, Literal

from pipeline.errors import IntakeError

Sex = Literal["F", "M"]
TEXT_CHARS: Final = 200  # of a name, a number or an indication
YEARS: Final = (1850, 2200)  # between which people are born and recordings begin
FIELD_WORDS: Final = (
    *(("patient_id", "patient number"), ("name", "name"), ("sex", "sex"), ("birth_year", "year of birth")),
    *(("indication", "indication"), ("start", "time of the recording")),
)

BY_A_PHYSICIAN: Final = "Confirmed by a physician: "  # how a reader of files marks such a statement; it names nobody
# What a recorder's line says of a person, and days and times of day.
_RX_SOMEBODY: Final = re.compile(
    r"\b(?:patient|name|born|birth|dob|mrn|physician|doctor|dr|referred|requested|ordered|technician|operator"
    r"|(?<!un)confirmed|reviewed|read|signed|edited|approved)\b(?:\s+(?:id|by|no|number|date))?\s*[:.]"
    r"|\b(?:confirmed|reviewed|read|signed|edited|approved|referred|ordered|requested) by\b|\bpatient\s+\w*\d",
    re.IGNORECASE,
)
_RX_WHEN: Final = re.compile(
    r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b|\b\d{1,2}[-. ]?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
    r"[-. ]?\d{2,4}\b|\b\d{1,2}:\d{2}(?::\d{2})?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Identity:
    """Who was recorded, and when. All of it is optional.

    Attributes
    ----------
    patient_id : str
        The patient's number in the hospital or practice, "" if unknown.
    name : str
        The patient's name, "" if unknown.
    sex : {"F", "M"} or None
        None if unknown.
    birth_year : int or None
        None if unknown.
    indication : str
        Why the recording was made, "" if unknown.
    start : datetime or None
        Clock time of sample 0 where it was recorded, without time zone unless the file states one. The year 1 stands
        for a time of day whose date is not known.
    """

    patient_id: str = ""
    name: str = ""
    sex: Sex | None = None
    birth_year: int | None = None
    indication: str = ""
    start: datetime | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is known."""
        return self != Identity()

    @property
    def date_known(self) -> bool:
        """Whether the day of the start is known, not only the time of day."""
        return self.start is not None and self.start.year > MINYEAR

    def completed(self, other: Identity) -> Identity:
        """Return the same, with what `other` knows where this knows nothing."""
        return Identity(**{name: getattr(self, name) or getattr(other, name) for name, _ in FIELD_WORDS})

    def fields(self) -> tuple[str, ...]:
        """Name in plain words what is known, never what it is."""
        return changed_fields(Identity(), self)


@dataclass(frozen=True)
class DeviceReading:
    """What the recorder, or the software that wrote the file, found in its own recording: shown as the device's, only.

    Attributes
    ----------
    device : str
        Maker and model, "" if the file does not say.
    measurements : tuple of (str, float, str)
        Name in our terms ("rate", "PR", "QRS", "QT", "QTc", "P axis", "QRS axis", "T axis" and others), value and unit
        ("1/min", "ms", "deg").
    statements : tuple of str
        Its interpretation, line by line, as the file has it.
    """

    device: str = ""
    measurements: tuple[tuple[str, float, str], ...] = ()
    statements: tuple[str, ...] = ()


def impersonal(device: DeviceReading, identity: Identity) -> DeviceReading:
    """Return a recorder's reading without the statements that name a person, a number of theirs, a day or a time.

    Recorders print such lines among their findings ("Confirmed by: Dr ...", "Recorded 14-MAR-2024 09:26:53").

    Parameters
    ----------
    device : DeviceReading
        What the file holds.
    identity : Identity
        Who was recorded, as far as the file says.

    Examples
    --------
    >>> lines = ("Sinus rhythm", "Left axis -40 deg", "Confirmed by: Dr Doe", "Recorded 14-MAR-2024", "DOE, 77")
    >>> impersonal(DeviceReading(statements=lines), Identity(name="Doe^John")).statements
    ('Sinus rhythm', 'Left axis -40 deg')
    """
    stated = f"{identity.name} {identity.patient_id}".casefold()
    own = {word for word in re.findall(r"\w+", stated) if len(word) > 2}

    def names_nobody(said: str) -> bool:
        line = said.removeprefix(BY_A_PHYSICIAN)
        words = set(re.findall(r"\w+", line.casefold()))
        return not (own & words or _RX_SOMEBODY.search(line) or _RX_WHEN.search(line))

    return replace(device, statements=tuple(filter(names_nobody, device.statements)))


def changed_fields(before: Identity, after: Identity) -> tuple[str, ...]:
    """Name in plain words what differs, never what it was or is.

    Examples
    --------
    >>> changed_fields(Identity(), Identity(name="Ada", sex="F"))
    ('name', 'sex')
    """
    return tuple(words for name, words in FIELD_WORDS if getattr(before, name) != getattr(after, name))


def checked_identity(found: Identity) -> Identity:
    """Return what a person typed, in composed characters and single spaces.

    Raises
    ------
    IntakeError
        If a text is too long or a year is none; the message names the field and never its content.
    """
    texts = {name: _plain(getattr(found, name)) for name in ("patient_id", "name", "indication")}
    words = dict(FIELD_WORDS)
    if long := [name for name, text in texts.items() if len(text) > TEXT_CHARS]:
        raise IntakeError(f"The {words[long[0]]} has more than {TEXT_CHARS} characters; shorten it.")
    low, high = YEARS
    if found.birth_year is not None and not low <= found.birth_year <= high:
        raise IntakeError(f"The year of birth is not between {low} and {high}; correct it.")
    if found.start is not None and not (found.start.year == MINYEAR or low <= found.start.year <= high):
        raise IntakeError(f"The year of the recording is not between {low} and {high}; correct it.")
    sex: Sex | None = found.sex if found.sex in ("F", "M") else None
    return Identity(**texts, sex=sex, birth_year=found.birth_year, start=found.start)


def usable_identity(found: Identity) -> Identity:
    """Return of what a file states only what can be kept: texts cut to size, impossible years left out."""
    low, high = YEARS
    year, start = found.birth_year, found.start
    return Identity(
        **{name: _plain(getattr(found, name))[:TEXT_CHARS] for name in ("patient_id", "name", "indication")},
        sex=found.sex,
        birth_year=year if year is not None and low <= year <= high else None,
        start=start if start is not None and (start.year == MINYEAR or low <= start.year <= high) else None,
    )


def _plain(text: str) -> str:
    """Return a text in composed characters and single spaces, without what can be neither stored nor printed."""
    kept = (" " if char.isspace() else char for char in unicodedata.normalize("NFC", text))
    return " ".join("".join(char for char in kept if unicodedata.category(char) not in ("Cc", "Cf", "Cs")).split())
