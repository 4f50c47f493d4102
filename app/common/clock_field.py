"""Times of a recording as people type them: h:mm:ss, with parts of a second where they matter."""

from __future__ import annotations

import re
from typing import Final

_CLOCK: Final = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,4}):)?(\d{1,6}(?:[.,]\d{1,3})?)")


def seconds_of(text: str) -> float | None:
    """Read h:mm:ss, mm:ss or seconds; None for anything else, and for 60 minutes or seconds behind a colon.

    Examples
    --------
    >>> seconds_of("1:02:03.5"), seconds_of("12:00"), seconds_of("90"), seconds_of("1:75"), seconds_of("noon")
    (3723.5, 720.0, 90.0, None, None)
    """
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    value = float(seconds.replace(",", "."))
    if (minutes is not None and value >= 60) or (hours is not None and int(minutes) >= 60):
        return None
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + value


def clock_text(time_s: float) -> str:
    """Write a time as `seconds_of` reads it, to a hundredth of a second.

    Examples
    --------
    >>> clock_text(3723.504), clock_text(59.999), clock_text(5.0)
    ('1:02:03.50', '0:01:00.00', '0:00:05.00')
    """
    hundredths = round(time_s * 100)
    seconds, rest = divmod(hundredths, 100)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:02d}"
