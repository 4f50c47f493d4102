"""How leads are laid out on a page: which lead stands in which column and row."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pipeline.twelve_leads.derived_leads import TWELVE_LEADS

__all__ = ["LAYOUTS", "TWELVE_LEADS", "PageLayout"]

INVERTED_AVR: Final = "-aVR"
CABRERA_LEADS: Final = ("aVL", "I", INVERTED_AVR, "II", "aVF", "III", *TWELVE_LEADS[6:])
ONE_LEAD: Final = "one lead"  # one lead over all rows, each going on where the one above ends


@dataclass(frozen=True)
class PageLayout:
    """Leads per column, top to bottom, and `strips` below them that run over the whole width.

    The columns follow each other in time: all leads of one column show the same stretch. The lead of a strip is the
    usual one; a page may show another. `free` layouts are one column whose leads differ from page to page.
    """

    name: str
    columns: tuple[tuple[str, ...], ...]
    strips: tuple[str, ...] = ()
    free: bool = False

    @property
    def rows(self) -> int:
        """Rows of traces, strips included."""
        return len(self.columns[0]) + len(self.strips)

    @property
    def cabrera(self) -> bool:
        """Whether the limb leads stand in the order of Cabrera."""
        return self.columns[0][0] == CABRERA_LEADS[0]

    @property
    def in_turn(self) -> bool:
        """Whether the rows follow each other in time."""
        return self.name == ONE_LEAD

    def boxes(self) -> list[tuple[int, int, int, str]]:
        """Return (row, first column, columns spanned, lead) of every trace, strips last."""
        grid = [(row, column, 1, lead) for column, leads in enumerate(self.columns) for row, lead in enumerate(leads)]
        below = len(self.columns[0])
        return grid + [(below + i, 0, len(self.columns), lead) for i, lead in enumerate(self.strips)]


def _columns(count: int, leads: tuple[str, ...] = TWELVE_LEADS) -> tuple[tuple[str, ...], ...]:
    rows = len(leads) // count
    return tuple(leads[i * rows : (i + 1) * rows] for i in range(count))


def _layouts() -> dict[str, PageLayout]:
    usual = _columns(4)
    cabrera = {count: _columns(count, CABRERA_LEADS) for count in (1, 2, 4)}
    every = (
        PageLayout("3x4", usual),
        PageLayout("3x4+1", usual, ("II",)),
        PageLayout("3x4+2", usual, ("V1", "II")),
        PageLayout("3x4+3", usual, ("V1", "II", "V5")),
        PageLayout("4x3", _columns(3)),
        PageLayout("6x2", _columns(2)),
        PageLayout("6x2+1", _columns(2), ("II",)),
        PageLayout("12x1", _columns(1)),
        PageLayout("6x1 limb", (TWELVE_LEADS[:6],)),
        PageLayout("6x1 chest", (TWELVE_LEADS[6:],)),
        PageLayout("3x1", (TWELVE_LEADS[:3],), free=True),
        PageLayout("3x4 Cabrera", cabrera[4]),
        PageLayout("3x4+1 Cabrera", cabrera[4], ("II",)),
        PageLayout("3x4+2 Cabrera", cabrera[4], ("V1", "II")),
        PageLayout("3x4+3 Cabrera", cabrera[4], ("V1", "II", "V5")),
        PageLayout("6x2 Cabrera", cabrera[2]),
        PageLayout("6x2+1 Cabrera", cabrera[2], ("II",)),
        PageLayout("12x1 Cabrera", cabrera[1]),
        PageLayout("6x1 Cabrera", (CABRERA_LEADS[:6],)),
    )
    return {layout.name: layout for layout in every}


LAYOUTS: Final = MappingProxyType(_layouts())


def layout_of(name: str, rows: int) -> PageLayout | None:
    """Return a layout of `LAYOUTS`, or `ONE_LEAD` over `rows` rows; None if there is none with so many rows.

    A page of one lead names it nowhere else than in its words, so its layout holds no name.
    """
    if name == ONE_LEAD:
        return PageLayout(ONE_LEAD, (("",) * rows,), free=True) if rows else None
    layout = LAYOUTS.get(name)
    return layout if layout is not None and layout.rows == rows else None


def other_order(layout: PageLayout) -> PageLayout | None:
    """Return the layout with the limb leads in the other order, Cabrera's or the usual one; None if there is none."""
    if layout.cabrera:
        plain = layout.name.removesuffix(" Cabrera")
        return LAYOUTS.get(plain) or LAYOUTS[f"{plain} limb"]
    return LAYOUTS.get(f"{layout.name.removesuffix(' limb')} Cabrera")


def layout_names(rows: int | None = None) -> tuple[str, ...]:
    """Return the names of all layouts, or of those that `rows` rows can be."""
    fixed = (name for name, layout in LAYOUTS.items() if rows is None or layout.rows == rows)
    return (*fixed, ONE_LEAD)
