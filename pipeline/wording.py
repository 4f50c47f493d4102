"""How numbers are written for people, on pages and on paper alike."""

from __future__ import annotations

import math


def grouped(count: int) -> str:
    """A count with a space between thousands."""
    return f"{count:,}".replace(",", " ")


def percent(fraction: float) -> str:
    """A probability in per cent, never rounded up to certainty or down to impossibility."""
    if not math.isfinite(fraction):
        return "unknown"
    if fraction > 0.99:
        return "> 99 %"
    return "< 1 %" if fraction < 0.01 else f"{fraction:.0%}".replace("%", " %")
