"""The dialect of a CSV table: delimiter, decimal mark, mark between thousands, and how many cells a row has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.errors import IntakeError
from pipeline.intake.csv_text import Sample, cells_of, is_clock, is_missing, is_number, plain_number

_DELIMITERS: Final = (";", "\t", "|", ",", " ", "")  # of equal evidence, the first wins
_ROWS: Final = 100  # of the middle are looked at
_RX_SEP: Final = re.compile(r"""["']?sep=(.)["']?""", re.IGNORECASE)
_RX_DOT: Final = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
_RX_COMMA: Final = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_RX_BOTH: Final = re.compile(r"[+-]?\d{1,3}([.,' \u00a0\u202f])\d{3}(?:\1\d{3})*(?:([.,])\d+)?")
_GROUP_MARKS: Final = ".,' \u00a0\u202f"
_GROUPED_MIN: Final = 4  # "1,234" is the shortest number with a mark between thousands
_RX_WHOLE: Final = re.compile(r"[+-]?(?:\d+|\d{1,3}(?:[.' ]\d{3})+)")
_RX_LETTERS: Final = re.compile(r"[^\W\d_]")
_DIGITS: Final = 6  # different ones in a column of single digits are decimals, not marks
_RX_GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")


@dataclass(frozen=True)
class Dialect:
    """How the cells of a table are written.

    Attributes
    ----------
    delimiter : str
        Between cells: one character, " " for any number of blanks, "" if there is one column.
    decimal, thousands : str
        Decimal mark, and the mark between thousands or "".
    width : int
        Cells in most rows.
    """

    delimiter: str
    decimal: str
    thousands: str
    width: int

    def is_number(self, cell: str) -> bool:
        """Tell whether a cell is a finite number in this dialect."""
        plain = is_number(cell, self.decimal, self.thousands) or (self.decimal == "," and is_number(cell))
        return plain or self._is_grouped(cell)

    def value(self, cell: str) -> float:
        """Return a cell for which `is_number` is true as a number."""
        if self._is_grouped(cell):
            cell = "".join(sign for sign in cell if sign not in _GROUP_MARKS or sign == self.decimal)
        return float(plain_number(cell, self.decimal, self.thousands))

    def _is_grouped(self, cell: str) -> bool:
        """Tell whether a cell has marks between thousands that can be nothing else, in a table with few of them."""
        match = _RX_BOTH.fullmatch(cell) if not self.thousands and len(cell) > _GROUPED_MIN else None
        if match is None:
            return False
        mark, decimal = match.groups()
        return mark != self.decimal and (decimal == self.decimal or (decimal is None and mark not in ".,"))

    def is_value(self, cell: str) -> bool:
        """Tell whether a cell is a number or stands for a missing one."""
        return is_missing(cell) or self.is_number(cell)


def find_dialect(sample: Sample) -> Dialect:
    """Find the dialect from rows in the middle of the table, which are samples whatever stands above and below.

    Raises
    ------
    IntakeError
        If commas stand both between cells and before decimals.
    """
    lines = [line for line in sample.middle if line.strip() and not line.lstrip().startswith(("#", "%"))]
    lines = lines[len(lines) // 4 :][:_ROWS] or list(sample.head[-1:])
    said = _said(sample.head)
    best, delimiter, width = -1.0, "", 1
    for candidate in (said,) if said else _DELIMITERS:
        worth, cells = _worth(lines, candidate)
        if worth > best + 1e-9:
            best, delimiter, width = worth, candidate, cells
    if delimiter == "," and width % 2 == 0 and _halves_of_numbers(lines, width, sample.head):
        if width > 2:
            raise IntakeError(
                "The CSV file has commas both between its cells and before decimals; save it with semicolons."
            )
        delimiter, width = "", 1
    decimal, thousands = _marks([cell for line in lines for cell in cells_of(line, delimiter)], delimiter)
    return Dialect(delimiter, decimal, thousands, width)


def _said(head: Sequence[str]) -> str:
    """Return the delimiter that a line "sep=;" states, as spreadsheets write and read it."""
    found = next((match for line in head[:3] if (match := _RX_SEP.fullmatch(line.strip(" \r")))), None)
    return found.group(1) if found else ""


def _worth(lines: Sequence[str], delimiter: str) -> tuple[float, int]:
    """Return how well a delimiter explains the lines, 0..2, and the number of cells that it gives to most of them."""
    rows = [cells_of(line, delimiter) for line in lines]
    width, alike = Counter(map(len, rows)).most_common(1)[0]
    if delimiter and width < 2:
        return -1.0, 1
    cells = [cell for row in rows if len(row) == width for cell in row]
    good = sum(_is_number_of_any(cell) or is_clock(cell) or is_missing(cell) for cell in cells)
    any_column = max(
        sum(_is_number_of_any(row[k]) for row in rows if len(row) == width) / alike for k in range(min(width, 64))
    )
    return (alike / len(rows)) * (good / len(cells)) + any_column, width


def _is_number_of_any(cell: str) -> bool:
    return is_number(cell) or is_number(cell, ",") or _RX_BOTH.fullmatch(cell) is not None


def _halves_of_numbers(lines: Sequence[str], width: int, head: Sequence[str]) -> bool:
    """Tell whether commas split numbers such as -0,033 in two: no table writes a whole number as -0 or 033."""
    rows = [row for line in lines if len(row := cells_of(line, ",")) == width]
    if any('"' in line for line in lines[:3]):
        return False
    whole, rest = [row[0::2] for row in rows], [row[1::2] for row in rows]
    if not all(_RX_WHOLE.fullmatch(cell) for row in whole for cell in row):
        return False
    if not all(cell.isdigit() for row in rest for cell in row):
        return False
    if width == 2 and all(len(row[0]) == 1 for row in rest) and len({row[0] for row in rest}) >= _DIGITS:
        return not any(map(_RX_LETTERS.search, cells_of(_above(head), ",")[1:]))  # tenths; no second lead is so small
    padded = [any(len(row[k]) > 1 and row[k][0] == "0" for row in rest) for k in range(width // 2)]
    minus = [any(row[k] == "-0" for row in whole) for k in range(width // 2)]
    if width == 2 and _one_name(head):
        return True
    return all(one or other for one, other in zip(padded, minus, strict=True))


def _above(head: Sequence[str]) -> str:
    """Return the line above the first numbers, "," if there is none."""
    first = next((i for i, line in enumerate(head) if line.strip() and all(map(is_number, cells_of(line, ",")))), 0)
    return next((line for line in reversed(head[:first]) if line.strip()), ",")


def _one_name(head: Sequence[str]) -> bool:
    """Tell whether the line above the first numbers is a single name."""
    above = _above(head)
    plain = len(above) <= 32 and not above.startswith("#") and not any(mark in above for mark in ",;\t:=")
    return plain and not is_number(above.strip())


def _marks(cells: Sequence[str], delimiter: str) -> tuple[str, str]:
    """Return the decimal mark and the mark between thousands."""
    grouped = [match for cell in cells if (match := _RX_BOTH.fullmatch(cell))]
    both = Counter(match.group(1, 2) for match in grouped if match.group(2) not in (None, match.group(1)))
    if both:
        (thousands, decimal), _ = both.most_common(1)[0]
        return decimal, thousands
    blank = Counter(match.group(1) for match in grouped if match.group(1) not in ".,")
    commas = [cell for cell in cells if _RX_COMMA.fullmatch(cell)]
    dots = sum(_RX_DOT.fullmatch(cell) is not None for cell in cells)
    if blank:
        return ("," if len(commas) > dots else "."), blank.most_common(1)[0][0]
    if any(cell.count(",") > 1 and _RX_GROUPED.fullmatch(cell) for cell in cells):
        return ".", ","
    if commas and all(_RX_GROUPED.fullmatch(cell) for cell in commas):
        others = [cell.lstrip("+-") for cell in cells if cell.lstrip("+-").isdigit()]
        if others and all(len(cell) <= 3 for cell in others):
            return ".", ","
    return ("," if len(commas) > dots or (commas and delimiter == ";") else "."), ""
