"""Two recordings of one patient against each other: intervals, axes and ST levels, and statements that came or went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.measurements import Measurements, Statement

Fate = Literal["in both", "new", "gone"]
_INTERVALS = ("RR", "P", "PR", "QRS", "QT")
_AXES = ("P", "QRS", "T")


@dataclass(frozen=True)
class Change:
    """One measure in an earlier and a later recording; None where it was not measured.

    Attributes
    ----------
    name, unit : str
        What it is, and its unit.
    earlier, later : float or None
        The values.
    digits : int
        Decimals that it is written with.
    """

    name: str
    unit: str
    earlier: float | None
    later: float | None
    digits: int = 0

    @property
    def difference(self) -> float | None:
        """Later minus earlier; of an axis the shorter way round, -180 to 180 degrees."""
        if self.earlier is None or self.later is None:
            return None
        found = self.later - self.earlier
        return (found + 180) % 360 - 180 if self.unit == "°" else found


@dataclass(frozen=True)
class StatementChange:
    """A statement, and whether the earlier recording, the later one, or both have it."""

    statement: Statement
    fate: Fate


def changes(earlier: Measurements, later: Measurements) -> tuple[Change, ...]:
    """Return rate, intervals, QTc and axes of two recordings; what neither has is left out.

    Parameters
    ----------
    earlier, later : Measurements
        What was measured in each. QTc is by the formula that both used; it is left out if they used two.
    """
    found = [Change("Rate", "/min", _rate(earlier), _rate(later))]
    found += [Change(name, "ms", _median(earlier, name), _median(later, name)) for name in _INTERVALS]
    used = {one.qtc_used for one in (earlier, later) if one.qtc_used}
    if len(used) == 1:
        name = used.pop()
        values = [one.qtc_ms.get(name) if one.qtc_used else None for one in (earlier, later)]
        found.append(Change(f"QTc ({name})", "ms", values[0], values[1]))
    found += [Change(f"Axis {name}", "°", earlier.axis_deg.get(name), later.axis_deg.get(name)) for name in _AXES]
    return tuple(one for one in found if one.earlier is not None or one.later is not None)


def _median(measured: Measurements, name: str) -> float | None:
    return measured.intervals[name].median if name in measured.intervals else None


def _rate(measured: Measurements) -> float | None:
    rr_ms = _median(measured, "RR")
    return None if rr_ms is None else 60_000 / rr_ms


def st_changes(earlier: Measurements, later: Measurements, at: str = "J60") -> tuple[Change, ...]:
    """Return the ST level of each lead that both recordings have, mV.

    Parameters
    ----------
    earlier, later : Measurements
        What was measured in each.
    at : str, optional
        Which level: "J", "J60" or "J80".
    """
    names = [name for name in later.leads if at in later.leads[name].st_mv]
    there = {name.upper(): name for name in earlier.leads if at in earlier.leads[name].st_mv}
    return tuple(
        Change(name, "mV", earlier.leads[there[name.upper()]].st_mv[at], later.leads[name].st_mv[at], 2)
        for name in names
        if name.upper() in there
    )


def statement_changes(earlier: Measurements, later: Measurements) -> tuple[StatementChange, ...]:
    """Return the statements of the later recording, new ones first, then those that are gone; urgent before others.

    Parameters
    ----------
    earlier, later : Measurements
        What was measured in each.
    """
    before = _codes(earlier.statements)
    found = [StatementChange(one, "in both" if one.code in before else "new") for one in later.statements]
    after = _codes(later.statements)
    found += [StatementChange(one, "gone") for one in earlier.statements if one.code not in after]
    order: dict[Fate, int] = {"new": 0, "in both": 1, "gone": 2}
    return tuple(sorted(found, key=lambda one: (order[one.fate], not one.statement.urgent)))


def _codes(statements: Sequence[Statement]) -> frozenset[str]:
    return frozenset(one.code for one in statements)
