"""The words of recorders in ours: names and units of measurements, sex, statements; strangers' text made plain."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from pipeline.identity import DeviceReading, Sex

# Unit of each measurement that is taken over, and the range in which it can be one.
UNITS: Final = MappingProxyType(
    {"rate": "1/min", **dict.fromkeys(("P axis", "QRS axis", "T axis"), "deg")}
    | dict.fromkeys(("RR", "P", "PR", "QRS", "QT", "QTc", "QTcB", "QTcF"), "ms")
)
_MOST: Final = MappingProxyType({"1/min": (1.0, 500.0), "ms": (1.0, 10_000.0), "deg": (-360.0, 360.0)})
_STATEMENTS: Final = 50
_LETTERS: Final = 200
_RX_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")
_RX_NOTHING: Final = re.compile(r"[-?*_.,; ]*|unknown|unk|none|n/?a|null", re.IGNORECASE)
_SEX: Final = MappingProxyType({"F": "F", "FEMALE": "F", "M": "M", "MALE": "M"})


def plain_text(text: object) -> str:
    """Return a stranger's text on one line, cut at 200 letters, and "" for what stands for nothing, such as "---"."""
    plain = " ".join(_RX_CONTROL.sub(" ", str(text or "")).split())[:_LETTERS].strip()
    return "" if _RX_NOTHING.fullmatch(plain) else plain


def sex_of(text: str) -> Sex | None:
    """Return "F" or "M" for a file's word for it; None for any other.

    Examples
    --------
    >>> sex_of("female"), sex_of("M"), sex_of("O")
    ('F', 'M', None)
    """
    found = _SEX.get(text.strip().upper())
    return "F" if found == "F" else "M" if found == "M" else None


def device_name(maker: str, model: str) -> str:
    """Return maker and model, without saying the maker twice."""
    maker, model = plain_text(maker), plain_text(model)
    return model if maker.casefold() in model.casefold() else f"{maker} {model}".strip()


def device_reading(device: str, measured: Iterable[tuple[str, float]], statements: Iterable[str]) -> DeviceReading:
    """Collect what a recorder found; values that cannot be one, and empty statements, are left out.

    Parameters
    ----------
    device : str
        Maker and model.
    measured : iterable of (str, float)
        Name, one of `UNITS`, and value in its unit.
    statements : iterable of str
        Line by line.
    """
    rows: dict[str, tuple[str, float, str]] = {}
    for name, value in measured:
        low, high = _MOST[UNITS[name]]
        if math.isfinite(value) and low <= value <= high:
            rows.setdefault(name, (name, float(value), UNITS[name]))
    lines = [line for statement in statements if (line := plain_text(statement))]
    return DeviceReading(plain_text(device), tuple(rows.values()), tuple(lines[:_STATEMENTS]))
