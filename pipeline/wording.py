"""How numbers are written for people, on pages and on paper alike.

A count has a space between thousands (`grouped`). What the network says of one answer is in whole per cent (`percent`);
what was counted - a burden, a coverage - has one decimal (`share`), and so has what was measured, with its interval in
brackets (`score`). Measures that are no share - kappa, AUC, calibration error - have three decimals (`no_share`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from pipeline.labels import AAMI_CLASSES

UNDEFINED: Final = "–"


def grouped(count: float) -> str:
    """A count, or a number of whole things, with a space between thousands."""
    return f"{count:,.0f}".replace(",", " ")


def percent(fraction: float) -> str:
    """A probability in per cent, never rounded up to certainty or down to impossibility."""
    if not math.isfinite(fraction):
        return "unknown"
    if fraction > 0.99:
        return "> 99 %"
    return "< 1 %" if fraction < 0.01 else f"{fraction:.0%}".replace("%", " %")


def share(fraction: float | None) -> str:
    """A counted share in per cent: some is never none, and almost all is never all; a dash where there is none."""
    if fraction is None:
        return UNDEFINED
    if fraction in (0.0, 1.0):
        return f"{fraction:.0%}".replace("%", " %")
    if fraction < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if fraction > 0.999 else f"{fraction * 100:.1f} %"


def burden(counts: Mapping[str, int], letter: str) -> str:
    """The share of a class among the classified beats, which is what every page and the report call its share."""
    beats = classified(counts)
    return share(counts.get(letter, 0) / beats if beats else None)


def classified(counts: Mapping[str, int]) -> int:
    """How many beats have a class."""
    return sum(counts.get(name, 0) for name in AAMI_CLASSES)


def of_the_classified(counts: Mapping[str, int]) -> str:
    """What the shares of `burden` are shares of, in one sentence."""
    return f"Shares are of the {grouped(classified(counts))} classified beats."


def score(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A measured share with its interval, always with one decimal: 93.1 % (90.2–95.4)."""
    if value is None:
        return UNDEFINED
    return f"{value * 100:.1f} %" + ("" if low is None or high is None else f" ({low * 100:.1f}–{high * 100:.1f})")


def no_share(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A measure that is no share, with its interval: 0.987 (0.981–0.992)."""
    if value is None:
        return UNDEFINED
    return f"{value:.3f}" + ("" if low is None or high is None else f" ({low:.3f}–{high:.3f})")
