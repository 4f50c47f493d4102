"""Units as tables write them: of voltage, of time, and those that are neither."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

# Words for the steps of a converter: no unit of voltage, whatever else is said of them.
COUNTS: Final = (
    *("adc", "adu", "count", "counts", "digit", "digits", "lsb", "adc counts", "adc count", "adc units", "adc value"),
    *("adc values", "raw adc", "adc steps", "bits"),
)
# Units as files write them, in lower case, and as this package does.
_UNIT_WORDS: Final = MappingProxyType(
    dict.fromkeys(("mv", "millivolt", "millivolts", "mvolt", "mvolts", "мв", "毫伏"), "mV")
    | dict.fromkeys(("uv", "µv", "μv", "microvolt", "microvolts", "mikrovolt", "uvolts", "мкв", "微伏"), "uV")
    | dict.fromkeys(("v", "volt", "volts", "в", "伏"), "V")
    | dict.fromkeys(("nv", "nanovolt", "nanovolts", "нв"), "nV")
    | dict.fromkeys(("no_units", "no units", "none", "a.u.", "au", "arb. units", "arbitrary"), "none")
    | dict.fromkeys((*COUNTS, "raw"), "none")
)
_TIME_UNITS: Final = MappingProxyType(
    dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sekunden", "с", "сек"), 1.0)
    | dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds", "millis", "мс"), 1e-3)
    | dict.fromkeys(("us", "µs", "μs", "usec", "microsecond", "microseconds", "micros"), 1e-6)
    | dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds", "nanos"), 1e-9)
    | dict.fromkeys(("min", "mins", "minute", "minutes", "minuten"), 60.0)
    | dict.fromkeys(("h", "hr", "hrs", "hour", "hours", "stunden"), 3600.0)
    | dict.fromkeys(("d", "day", "days", "tage"), 86_400.0)
)
_RX_PART_OF_TIME: Final = re.compile(r"(\w+)\s*/\s*([1-9]\d{0,6})")  # such as s/256
UNITS_WITHOUT_BRACKETS: Final = frozenset(  # after "/", ",", "in" or "_"; a single letter may be part of a name
    (*(word for word, unit in _UNIT_WORDS.items() if unit != "none" and len(word) > 1), *_TIME_UNITS)
) - {"h", "d"}
_OTHER_UNITS: Final = frozenset(
    ("cal", "uncal", "raw", "hh:mm:ss.mmm", "hh:mm:ss", "[hh:mm:ss.mmm]", "yyyy-mm-dd", "#", "samples", "bpm", "g",
     "mg", "m/s2", "m/s^2", "deg/s", "%", "mmhg", "°c", "ohm", "kohm", "index", "date", "text")
)  # fmt: skip


def unit_of(word: str) -> str:
    """Return a unit of voltage as this package writes it, "none" for arbitrary ones; "" if it is no such word."""
    return _UNIT_WORDS.get(word.strip(" []()").casefold(), "")


def seconds_in(word: str) -> float | None:
    """Return the seconds of a unit of time such as "ms" or "s/256", None if the word is none.

    Examples
    --------
    >>> [seconds_in(word) for word in ("[ms]", "s/256", "h", "mV")]
    [0.001, 0.00390625, 3600.0, None]
    """
    plain = word.strip(" []()").casefold()
    part = _RX_PART_OF_TIME.fullmatch(plain)
    whole = _TIME_UNITS.get(part.group(1) if part else plain)
    return whole / int(part.group(2)) if whole is not None and part else whole


def is_unit(cell: str) -> bool:
    """Tell whether a cell is a unit: of voltage, of time, or what else tables of recorders hold."""
    word = cell.strip(" []()").casefold()
    return word in _UNIT_WORDS or seconds_in(word) is not None or word in _OTHER_UNITS
