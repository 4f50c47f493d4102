"""Where each lead of an ECG stands on paper: 3x4 with a rhythm strip, 6x2, 12x1 and Cabrera's order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pipeline.twelve_leads.derived_leads import TWELVE_LEADS, standard_name

# The frontal plane from -30 to 120 degrees in equal steps, so that aVR is turned round (Cabrera 1944).
CABRERA_LEADS: Final = ("aVL", "I", "aVR", "II", "aVF", "III", *TWELVE_LEADS[6:])
NEGATED: Final = "aVR"
LEAST_LEADS: Final = 3  # so many recorded leads are drawn as an ECG
_KEPT_PLACES: Final = 8  # with so many standard leads the others' places stay empty
_RHYTHM_LEADS: Final = ("II", "MLII", "V1", "V5")


@dataclass(frozen=True)
class SheetLayout:
    """How an ECG is laid out on paper.

    Attributes
    ----------
    name, title : str
        What it is called in options and on screen.
    rows : int
        Rows of leads; the columns follow each other in time.
    order : tuple of str
        The twelve leads, down the first column, then down the second.
    negated : tuple of str
        Leads that are drawn upside down, as -aVR.
    strip : bool
        Whether one lead runs over the whole width below the others.
    """

    name: str
    title: str
    rows: int
    order: tuple[str, ...] = TWELVE_LEADS
    negated: tuple[str, ...] = ()
    strip: bool = True


SHEET_LAYOUTS: Final = MappingProxyType(
    {
        layout.name: layout
        for layout in (
            SheetLayout("3x4", "3×4 + rhythm", 3),
            SheetLayout("6x2", "6×2", 6),
            SheetLayout("12x1", "12×1", 12, strip=False),
            SheetLayout("cabrera", "Cabrera", 6, CABRERA_LEADS, (NEGATED,)),
        )
    }
)


@dataclass(frozen=True)
class Cell:
    """The place of one lead: `column` of `columns`, counted from 0, in `row`; `strip` over all columns."""

    lead: str
    row: int
    column: int = 0
    columns: int = 1
    negated: bool = False
    strip: bool = False


def cells(layout: SheetLayout, leads: Sequence[str]) -> tuple[Cell, ...]:
    """Return where each lead stands, row by row.

    With eight or more of the standard leads, each keeps its usual place and missing ones leave theirs empty; leads of
    other names stand below. Fewer leads fill the rows of the layout, down one column after the other, so that three of
    them run over the whole width.

    Parameters
    ----------
    layout : SheetLayout
        The layout.
    leads : sequence of str
        Names of the leads that there are; standard ones in standard spelling.
    """
    standard = [name for name in layout.order if name in leads]
    others = [name for name in leads if name not in layout.order]
    if len(standard) >= _KEPT_PLACES:
        places: list[str] = list(layout.order)
        columns = len(places) // layout.rows
    else:
        places, others = [*others, *standard], []
        columns = -(-len(places) // layout.rows)
    rows = min(layout.rows, len(places))
    found = [(name, i % rows, i // rows) for i, name in enumerate(places)]
    found += [(name, rows + i // columns, i % columns) for i, name in enumerate(others)]
    grid = [
        Cell(name, row, column, columns, negated=name in layout.negated) for name, row, column in found if name in leads
    ]
    below = max(cell.row for cell in grid) + 1
    if layout.strip and columns > 1:
        grid.append(Cell(rhythm_lead(leads), below, strip=True))
    return tuple(sorted(grid, key=lambda cell: (cell.row, cell.column)))


def rhythm_lead(leads: Sequence[str]) -> str:
    """Return the lead of the rhythm strip: II where there is one."""
    return next((name for name in _RHYTHM_LEADS if name in leads), leads[0])


def is_sheet(leads: Sequence[str]) -> bool:
    """Tell whether a recording with these leads is drawn as an ECG."""
    return len(leads) >= LEAST_LEADS


def missing_leads(leads: Sequence[str]) -> tuple[str, ...]:
    """Return the standard leads that an otherwise usual ECG lacks; none where it has fewer than eight of them."""
    there = {standard_name(name) for name in leads}
    absent = tuple(name for name in TWELVE_LEADS if name not in there)
    return absent if len(absent) <= len(TWELVE_LEADS) - _KEPT_PLACES else ()
