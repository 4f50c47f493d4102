"""Times as people type them: by the clock where the recording has a start, otherwise elapsed."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Final

from pipeline.errors import IntakeError
from pipeline.wording import DAYS, clock_text

_ROUNDING_S: Final = 0.05  # `clock_text` shows tenths of a second, so that the end may be typed this much too late
_TYPED: Final = re.compile(  # a time as people type it
    r"(?P<plus>\+\s*)?(?:(?P<day>\d{4}-\d{2}-\d{2}|day \d{1,3}|mon|tue|wed|thu|fri|sat|sun)[a-z]*\s+)?"
    r"(?P<time>\d{1,7}(?::\d{1,2}){0,2}(?:\.\d{1,6})?)",
    re.IGNORECASE,
)


def read_clock(text: str, start: datetime | None = None, *, duration_s: float | None = None) -> float:
    """Read a time that a person typed, as `clock_text` writes it: h:mm:ss, mm:ss or seconds; by the clock with a start.

    Parameters
    ----------
    text : str
        For example "3:04:29", "12:03.4", "723" or, with a start, "03:04:29", "03:04" and "Tue 03:04:29".
    start : datetime or None, optional
        Clock time of the first sample. With one, a text with two colons or a day is a time of the clock, and so is
        h:mm; "+" before a text says that it is elapsed time all the same.
    duration_s : float, optional
        The recording's length; a time after its end is refused.

    Returns
    -------
    float
        Seconds from the start of the recording.

    Raises
    ------
    IntakeError
        If it is no time, or not within the recording; the message is one sentence for the reader.

    Examples
    --------
    >>> read_clock("1:02:05.4"), read_clock("12:03"), read_clock("90")
    (3725.4, 723.0, 90.0)
    >>> evening = datetime(2025, 3, 3, 23, 0)
    >>> read_clock("Tue 03:04:29", evening), read_clock("03:04:29", evening), read_clock("+12:03", evening)
    (14669.0, 14669.0, 723.0)
    """
    match = _TYPED.fullmatch(text.strip())
    if match is None:
        raise IntakeError(f"A time is written {'hh:mm:ss' if start else 'h:mm:ss or mm:ss'}; correct the time.")
    if match["day"] and (start is None or match["plus"]):
        raise IntakeError("A time elapsed has no day; write it as h:mm:ss.")
    typed = match["time"]
    found = _elapsed(typed) if start is None or match["plus"] else _since(typed, match["day"], start)
    if found < 0 or (duration_s is not None and found > duration_s + _ROUNDING_S):
        end = "" if duration_s is None else f"; it ends at {clock_text(duration_s, start)}"
        raise IntakeError(f"The recording has no such time{end}.")
    return found if duration_s is None else min(found, duration_s)


def _elapsed(text: str) -> float:
    parts = [float(part) for part in text.split(":")]
    if any(part >= 60 for part in parts[1:]):
        raise IntakeError("Minutes and seconds are below 60; correct the time.")
    return sum(part * 60.0**power for power, part in enumerate(reversed(parts)))


def _since(text: str, day: str | None, start: datetime) -> float:
    """Return the seconds from the start to a time of the clock: on that day, or the first time after the start."""
    hour, minute, second = ([float(part) for part in text.split(":")] + [0.0, 0.0])[:3]
    if ":" not in text or hour >= 24 or minute >= 60 or second >= 60:
        raise IntakeError("A time of the clock is written hh:mm:ss; correct the time.")
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    found = (midnight - start).total_seconds() + 3600 * hour + 60 * minute + second
    if day is None:
        found += 86400 if found <= -1 else 0
    elif day[:3].lower() == "day":
        found += 86400 * (int(day[4:]) - 1)
    elif day[0].isdigit():
        found += 86400 * (_date(day) - start.date()).days
    else:
        found += 86400 * ((DAYS.index(day[:3].title()) - start.weekday()) % len(DAYS))
    return 0.0 if -1 < found < 0 else found  # the second in which the recording began


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise IntakeError("There is no such date; correct the time.") from error
