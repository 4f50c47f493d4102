"""Who was recorded and when, as WFDB headers state it: base time and date, and comments of known names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import MINYEAR, date, datetime, time
from typing import Final

from pipeline.identity import Identity, Sex, usable_identity

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_RX_TIME: Final = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,6}))?")
_RX_SLASHES: Final = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
_RX_ISO: Final = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})")
_RX_MONTH: Final = re.compile(r"(\d{1,2})-([A-Za-z]{3})[a-z]*-(\d{4})")
_RX_COMMENT: Final = re.compile(r"#[ \t]*<?(?P<what>[A-Za-z][A-Za-z _-]{1,30})>?[ \t]*[:=][ \t]*(?P<said>.{1,400})")
_NAMES: Final = {
    **dict.fromkeys(("name", "patient name", "patients name", "patient"), "name"),
    **dict.fromkeys(("id", "patient id", "patient number", "patient no", "mrn", "subject id", "pid"), "patient_id"),
    **dict.fromkeys(("indication", "reason", "reason for recording", "reason for test"), "indication"),
    **dict.fromkeys(("dob", "date of birth", "birth date", "birthdate", "birth year", "year of birth"), "birth"),
}
_UNKNOWN: Final = frozenset({"", "unknown", "n/a", "na", "nan", "none", "-", "x", "anonymous", "anonymized", "?"})


def stated_identity(header: bytes, sex: Sex | None = None) -> Identity:
    """Return what a header states of the patient and the start of the recording; nothing it states can be wrong here.

    Parameters
    ----------
    header : bytes
        A .hea file. Dates are read as DD/MM/YYYY, as WFDB has them (MM/DD/YYYY where only that is a date), YYYY-MM-DD
        or 05-May-2020, before or after the time.
    sex : "F", "M" or None, optional
        The sex that was read from it.

    Returns
    -------
    Identity
        Without a date, the start has the year 1; 0:00:00 without a date is a placeholder, and no start.
    """
    text = header.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines()]
    record = next((line for line in lines if line and not line.startswith("#")), "")
    said = named_facts(
        (match["what"], match["said"]) for line in lines if (match := _RX_COMMENT.fullmatch(line)) is not None
    )
    birth = re.search(r"(?<!\d)(\d{4})(?!\d)", said.get("birth", ""))
    return usable_identity(
        Identity(
            patient_id=said.get("patient_id", ""),
            name=said.get("name", ""),
            sex=sex,
            birth_year=int(birth[1]) if birth else None,
            indication=said.get("indication", ""),
            start=_start(record.split()[4:6]),
        )
    )


def named_facts(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the first value of each kind - "name", "patient_id", "indication", "birth" - among names and values."""
    found: dict[str, str] = {}
    for name, value in pairs:
        kind, said = _NAMES.get(name.strip().lower().replace("_", " ")), value.strip().strip('"')
        if kind is not None and said.lower() not in _UNKNOWN:
            found.setdefault(kind, said)
    return found


def _start(fields: list[str]) -> datetime | None:
    times, days = [_time(field) for field in fields], [_date(field) for field in fields]
    at = next((one for one in times if one is not None), None)
    day = next((one for one in days if one is not None), None)
    if at is None or (day is None and at == time()):
        return None
    return datetime.combine(day or date(MINYEAR, 1, 1), at)


def _time(text: str) -> time | None:
    match = _RX_TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = (int(match[i]) for i in (1, 2, 3))
    if hour > 23 or minute > 59 or second > 59:
        return None
    return time(hour, minute, second, int((match[4] or "0").ljust(6, "0")))


def _date(text: str) -> date | None:
    if match := _RX_ISO.fullmatch(text):
        return _day(match[1], match[2], match[3])
    if match := _RX_SLASHES.fullmatch(text):
        return _day(match[3], match[2], match[1]) or _day(match[3], match[1], match[2])
    if (match := _RX_MONTH.fullmatch(text)) and match[2].lower() in _MONTHS:
        return _day(match[3], str(_MONTHS.index(match[2].lower()) + 1), match[1])
    return None


def _day(year: str, month: str, day: str) -> date | None:
    try:
        found = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return found if found.year > MINYEAR else None
