"""Sections of a report one below the other: headings, tables and tiles, which continue on further pages."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from pipeline.export.pdf_page import (
    ALARM,
    BOTTOM_MM,
    INK,
    INNER_MM,
    LEFT_MM,
    MUTED,
    PANEL,
    RIGHT_MM,
    RULE,
    TOP_MM,
    Colour,
    ReportSheet,
)
from pipeline.export.report_sections import Figure, Table

HEADING_MM: Final = 11.5
ROW_MM: Final = 4.4
TILE_MM: Final = 15.5
_TILE_GAP_MM: Final = 3.0
_CELL_GAP_MM: Final = 1.5
_LEFT_MM: Final = 106.0  # of two tables beside each other
_GAP_MM: Final = 7.0
_LEAST_ROWS: Final = 3  # of a table that begins at the end of a page
_INDENT_MM: Final = 2.0  # of text after a column of numbers
_TEXT: Final = 7.5


class Flow:
    """Where the next section of a document goes: `y` is free down to `bottom`, mm.

    With `pages` False nothing goes on on a further page: what has no room is left out.
    """

    def __init__(self, sheet: ReportSheet, *, reserved_mm: float = 0.0, pages: bool = True) -> None:
        self.sheet, self.pages = sheet, pages
        self.y, self.bottom = TOP_MM, BOTTOM_MM - reserved_mm

    def has(self, height: float) -> bool:
        """Whether so much has room, on a new page if need be; then `y` is where it goes."""
        if self.y + height <= self.bottom:
            return True
        if not self.pages:
            return False
        self.sheet.add_page()
        self.y, self.bottom = TOP_MM, BOTTOM_MM
        return True

    def tables(self, first: Table, second: Table) -> None:
        """Draw two tables below each other, the second one before the first where only that keeps both whole."""
        small = not self._fits(first) and self._fits(second)
        for table in (second, first) if small else (first, second):
            self.table(table)

    def _fits(self, table: Table, height: float = 0.0) -> bool:
        """Tell whether a table is whole in what is left of the page, or in `height`, mm."""
        return HEADING_MM + ROW_MM * (1 + len(table.rows)) <= (height or self.bottom - self.y)

    def table(self, table: Table, *, x: float = LEFT_MM, width: float = INNER_MM) -> None:
        """Draw a table, on as many pages as it needs, but not on two if one holds it; one without rows is left out.

        Parameters
        ----------
        table : Table
            The table.
        x, width : float, optional
            Where it stands, mm.
        """
        rows = list(table.rows)
        if self.pages and not self._fits(table) and self._fits(table, BOTTOM_MM - TOP_MM):
            self.has(self.bottom)
        while rows:
            least = min(len(rows), _LEAST_ROWS)
            if not self.has(HEADING_MM + (1 + least) * ROW_MM):
                return
            room = int((self.bottom - self.y - HEADING_MM - ROW_MM) / ROW_MM)
            now, rows = rows[:room], rows[room:]
            if rows and not self.pages:
                now[-1] = (
                    f"and {len(rows) + 1} more on the pages of the whole report",
                    *[""] * (len(table.columns) - 1),
                )
                rows = []
            self.y = draw_table(self.sheet, table, now, self.y, x, width, last=not rows)

    def beside(self, left: Table, right: Table) -> None:
        """Draw two tables beside each other, the left one wider, or one alone where the other has no rows."""
        tables = [table for table in (left, right) if table.rows]
        if len(tables) < 2:
            for table in tables:
                self.table(table)
            return
        height = HEADING_MM + ROW_MM * (1 + max(len(table.rows) for table in tables))
        if not self.has(height):
            return
        places = ((LEFT_MM, _LEFT_MM), (LEFT_MM + _LEFT_MM + _GAP_MM, INNER_MM - _LEFT_MM - _GAP_MM))
        self.y = max(
            draw_table(self.sheet, table, table.rows, self.y, x, width, last=True)
            for table, (x, width) in zip(tables, places, strict=True)
        )

    def tiles(self, figures: Sequence[Figure], across: int = 4) -> None:
        """Draw numbers as tiles, so many in a row."""
        for first in range(0, len(figures), across):
            if not self.has(TILE_MM + _TILE_GAP_MM):
                return
            _draw_tiles(self.sheet, figures[first : first + across], self.y, across)
            self.y += TILE_MM + 2.0


def section(
    sheet: ReportSheet, y: float, title: str, more: str = "", *, x: float = LEFT_MM, stop: float = RIGHT_MM
) -> float:
    """Draw a heading with a line below; return where the content begins.

    Parameters
    ----------
    sheet : ReportSheet
        The document.
    y : float
        Upper edge, mm.
    title, more : str
        The heading, and what stands small beside it.
    x, stop : float, optional
        Left and right end, mm.
    """
    sheet.say(x, y + 7, title, 10, bold=True)
    left = x + sheet.width_of(title, 10, bold=True) + 3
    sheet.say(left, y + 7, sheet.fit(more, stop - left, 7), 7, colour=MUTED)
    sheet.rule(y + 8.5, x, stop)
    return y + HEADING_MM


def draw_table(
    sheet: ReportSheet, table: Table, rows: Sequence[tuple[str, ...]], y: float, x: float, width: float, *, last: bool
) -> float:
    """Draw some rows of a table under its heading; return the lower edge.

    Parameters
    ----------
    sheet : ReportSheet
        The document.
    table : Table
        Whose heading and columns.
    rows : sequence of tuple of str
        What is drawn of it.
    y : float
        Upper edge, mm.
    x, width : float
        Left edge and width, mm.
    last : bool
        Whether these are its last rows, so that a total stands out.
    """
    y = section(sheet, y, table.title, table.note, x=x, stop=x + width)
    whole = sum(column.width for column in table.columns)
    edges, left = [], x
    for column in table.columns:
        edges.append((left, left + width * column.width / whole))
        left = edges[-1][1]
    for i, pair in enumerate(pairwise(column.align for column in table.columns), 1):
        if pair == ("R", "L"):
            edges[i] = (edges[i][0] + _INDENT_MM, edges[i][1])
    for column, (start, stop) in zip(table.columns, edges, strict=True):
        _cell(sheet, column.name, start, stop, y + 1.2, align=column.align, colour=MUTED)
    y += ROW_MM if any(column.name for column in table.columns) else 0.0
    for number, row in enumerate(rows):
        bold = table.total and last and number == len(rows) - 1
        if bold:
            sheet.rule(y - 1.4, x, x + width)
        alone = not any(row[1:])
        for i, (text, column, (start, stop)) in enumerate(zip(row, table.columns, edges, strict=True)):
            end = x + width if alone and i == 0 else stop
            _cell(sheet, text, start, end, y + 1.8, align=column.align, colour=MUTED if alone else INK, bold=bold)
        y += ROW_MM
    return y


def _cell(
    sheet: ReportSheet,
    text: str,
    start: float,
    stop: float,
    y: float,
    *,
    align: str,
    colour: Colour,
    bold: bool = False,
) -> None:
    if not text:
        return
    shown = sheet.fit(text, stop - start - _CELL_GAP_MM, _TEXT, bold=bold)
    if align == "R":
        sheet.say(stop - _CELL_GAP_MM, y, shown, _TEXT, bold=bold, colour=colour, align="R")
    else:
        sheet.say(start, y, shown, _TEXT, bold=bold, colour=colour)


def _draw_tiles(sheet: ReportSheet, figures: Sequence[Figure], y: float, across: int) -> None:
    width = (INNER_MM - _TILE_GAP_MM * (across - 1)) / across
    for i, figure in enumerate(figures):
        x = LEFT_MM + i * (width + _TILE_GAP_MM)
        sheet.panel(x, y, width, TILE_MM, PANEL)
        sheet.say(x + 2.5, y + 4.0, figure.name, 6.8, colour=MUTED)
        sheet.say(x + 2.5, y + 9.6, figure.value, 12, bold=True)
        sheet.say(x + 2.5, y + 13.4, sheet.fit(figure.more, width - 4, 6.8), 6.8, colour=MUTED)


def draw_lines(
    sheet: ReportSheet, lines: Sequence[tuple[str, str]], y: float, *, names_mm: float, size: float = 8.0
) -> float:
    """Draw lines of a name and a value, the value wrapped; return the lower edge.

    Parameters
    ----------
    sheet : ReportSheet
        The document.
    lines : sequence of (str, str)
        Names and values.
    y : float
        Upper edge, mm.
    names_mm : float
        Room for the names, mm.
    size : float, optional
        Font size, points.
    """
    for name, value in lines:
        sheet.say(LEFT_MM, y + 2.6, sheet.fit(name, names_mm - 2, size), size, colour=MUTED)
        for line in sheet.wrap(value, INNER_MM - names_mm, size):
            sheet.say(LEFT_MM + names_mm, y + 2.6, line, size)
            y += 4.0
    return y


def frame(sheet: ReportSheet, y: float, height: float, *, settled: bool) -> None:
    """Draw a frame over the whole width: quiet where it is settled, red where it is not.

    Parameters
    ----------
    sheet : ReportSheet
        The document.
    y, height : float
        Upper edge and height, mm.
    settled : bool
        Whether what it holds was signed.
    """
    sheet.set_draw_color(*(RULE if settled else ALARM))
    sheet.set_line_width(0.3)
    sheet.rect(LEFT_MM, y, INNER_MM, height)
