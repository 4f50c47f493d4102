"""How 12 leads are laid out on a page: which lead stands in which column and row."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pipeline.twelve_leads.derived_leads import TWELVE_LEADS

__all__ = ["LAYOUTS", "TWELVE_LEADS", "PageLayout"]


@dataclass(frozen=True)
class PageLayout:
    """Leads per column, top to bottom, and `strips` below them that run over the whole width.

    The columns follow each other in time: all leads of one column show the same stretch. The lead of a strip is the
    usual one; a page may show another.
    """

    name: str
    columns: tuple[tuple[str, ...], ...]
    strips: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of traces, strips included."""
        return len(self.columns[0]) + len(self.strips)

    def boxes(self) -> list[tuple[int, int, int, str]]:
        """Return (row, first column, columns spanned, lead) of every trace, strips last."""
        grid = [(row, column, 1, lead) for column, leads in enumerate(self.columns) for row, lead in enumerate(leads)]
        below = len(self.columns[0])
        return grid + [(below + i, 0, len(self.columns), lead) for i, lead in enumerate(self.strips)]


def _columns(count: int) -> tuple[tuple[str, ...], ...]:
    rows = len(TWELVE_LEADS) // count
    return tuple(TWELVE_LEADS[i * rows : (i + 1) * rows] for i in range(count))


def _layouts() -> dict[str, PageLayout]:
    every = (
        PageLayout("3x4", _columns(4)),
        PageLayout("3x4+1", _columns(4), ("II",)),
        PageLayout("3x4+3", _columns(4), ("V1", "II", "V5")),
        PageLayout("4x3", _columns(3)),
        PageLayout("6x2", _columns(2)),
        PageLayout("6x2+1", _columns(2), ("II",)),
        PageLayout("12x1", _columns(1)),
        PageLayout("6x1 limb", (TWELVE_LEADS[:6],)),
        PageLayout("6x1 chest", (TWELVE_LEADS[6:],)),
    )
    return {layout.name: layout for layout in every}


LAYOUTS: Final = MappingProxyType(_layouts())
