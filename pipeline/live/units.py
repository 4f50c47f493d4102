"""The unit of a stream's channel as a factor to millivolts."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from pipeline.errors import IntakeError

_MV_PER_UNIT: Final = MappingProxyType(
    {
        **dict.fromkeys(("v", "volt", "volts"), 1e3),
        **dict.fromkeys(("mv", "millivolt", "millivolts"), 1.0),
        **dict.fromkeys(("uv", "µv", "μv", "microvolt", "microvolts"), 1e-3),
        **dict.fromkeys(("nv", "nanovolt", "nanovolts"), 1e-6),
    }
)
UNITS: Final = ("mV", "uV", "V", "nV")


def mv_per_unit(unit: str) -> float:
    """Return how many mV a unit is.

    Raises
    ------
    IntakeError
        If it is no voltage, or not stated.

    Examples
    --------
    >>> mv_per_unit("microvolts"), mv_per_unit("mV")
    (0.001, 1.0)
    """
    found = _MV_PER_UNIT.get(unit.strip().lower())
    if found is None:
        said = f"states the unit {unit.strip()[:16]!r}" if unit.strip() else "does not state its unit"
        raise IntakeError(f"The stream {said}; give it as one of {', '.join(UNITS)}.")
    return found
