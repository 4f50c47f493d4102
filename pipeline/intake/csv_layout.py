"""How a CSV table is laid out: rows above the samples, delimiter, decimal mark, leads and the time column."""

from __future__ import annotations

import csv
import math
import re
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import safe_lead, unique_leads

AxisKind = Literal["seconds", "milliseconds", "index", "calendar"]

MISSING: Final = ("", "nan", "NaN", "NAN", "NA", "N/A", "n/a", "null", "NULL", "None", "-")
_SECONDS: Final = frozenset(
    {"time", "t", "time_s", "time (s)", "time [s]", "time[s]", "time(s)", "seconds", "sec", "s"}
)
_SECONDS_MORE: Final = frozenset({"time_sec", "time (sec)", "time (seconds)", "elapsed time", "elapsed_s", "zeit"})
_MILLISECONDS: Final = frozenset(
    {"time_ms", "time (ms)", "time [ms]", "time[ms]", "time(ms)", "t_ms", "milliseconds", "ms"}
)
_INDEX: Final = frozenset({"", "index", "idx", "sample", "samples", "sample #", "sample_index", "#", "n", "unnamed: 0"})
_CALENDAR: Final = frozenset({"date", "datetime", "timestamp", "date_time", "clock"})
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class CsvLayout:
    """How a table is laid out.

    Attributes
    ----------
    skip : int
        Rows above the first sample.
    delimiter, decimal : str
        Delimiter and decimal mark.
    width : int
        Columns in a row.
    axis : int, optional
        The column of times or sample numbers; None if there is none.
    axis_kind : AxisKind, optional
        What that column holds.
    columns : tuple of int
        The columns of the leads.
    leads, units : tuple of str
        Their names, and the words below these, "" where the table has no such row.
    """

    skip: int
    delimiter: str
    decimal: str
    width: int
    axis: int | None
    axis_kind: AxisKind | None
    columns: tuple[int, ...]
    leads: tuple[str, ...]
    units: tuple[str, ...]


def find_layout(text: bytes, limits: Limits) -> CsvLayout:
    """Find the layout of a table from its first rows.

    Raises
    ------
    LimitError
        If there are too many leads.
    IntakeError
        If there is no row of samples, no lead, or a row of names that does not fit.
    """
    head = text[: 2**18].decode("utf-8", "replace").splitlines()
    if len(text) > 2**18:
        head = head[:-1]
    skip = next((i for i, line in enumerate(head) if line.strip() and not line.startswith("#")), len(head))
    if skip == len(head):
        raise IntakeError("The CSV file has no row of samples.")
    delimiter = next((d for d in (";", "\t", ",") if d in head[skip]), ",")
    rows = [[cell.strip().strip("'\"").strip() for cell in row] for row in _rows(head[skip : skip + 50], delimiter)]
    comma = delimiter != "," and b"," in text and b"." not in text.split(b"\n", skip + 2)[-1]
    decimal = "," if comma else "."
    named = any(not is_value(cell, decimal) for cell in rows[0]) or _is_numbering(rows)
    units = named and len(rows) > 2 and all(cell and not is_value(cell, decimal) for cell in rows[1])
    first = 1 + units if named else 0
    if len(rows) <= first:
        raise IntakeError("The CSV file has no row of samples.")
    width = len(rows[first])
    if width > limits.leads + 1:
        raise LimitError(f"The CSV file has {width} columns, the limit is {limits.leads} leads; one row is one sample.")
    names = rows[0] if named else []
    if named and len(names) != width:
        raise IntakeError(f"The CSV file names {len(names)} columns but row {skip + first + 1} has {width} cells.")
    axis, kind = _axis(names, rows[first:], decimal)
    columns = tuple(i for i in range(width) if i != axis)
    if not columns:
        raise IntakeError("The CSV file holds a time column only; add a column with the signal.")
    if len(columns) > limits.leads:
        raise LimitError(f"The CSV file has {len(columns)} leads, the limit is {limits.leads}.")
    leads = unique_leads([safe_lead(names[i] if named else "", n) for n, i in enumerate(columns, 1)])
    words = tuple(rows[1][i] if units else "" for i in columns)
    return CsvLayout(skip + first, delimiter, decimal, width, axis, kind, columns, leads, words)


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    try:
        return [row or [""] for row in csv.reader(lines, delimiter=delimiter)]
    except csv.Error as error:
        raise IntakeError("The CSV file is not a table that can be read; save it again as plain CSV.") from error


def is_value(cell: str, decimal: str) -> bool:
    """Tell whether a cell is a number or stands for a missing one."""
    cell = cell.strip()
    return cell in MISSING or _NUMBER.fullmatch(cell.replace(decimal, ".")) is not None


def _is_numbering(rows: list[list[str]]) -> bool:
    """Tell whether the first row is that of a pandas table without names: 0, 1, 2, ..., unlike its samples."""
    index = rows[0][0] == "" and rows[-1][0] != ""
    cells = rows[0][1:] if index else rows[0]
    if not cells or cells != [str(i) for i in range(len(cells))]:
        return False
    return index or (len(cells) > 1 and any("." in cell for cell in rows[-1]))


def _axis(names: list[str], rows: list[list[str]], decimal: str) -> tuple[int | None, AxisKind | None]:
    """Find the column that counts samples or time, by its name; without names, by its constant step."""
    for i, name in enumerate(names):
        cell = rows[0][i] if i < len(rows[0]) else ""
        clean = name.casefold()
        if clean in _CALENDAR or (clean in _SECONDS | _SECONDS_MORE and not is_value(cell, decimal)):
            return i, "calendar"
        for known, kind in ((_SECONDS | _SECONDS_MORE, "seconds"), (_MILLISECONDS, "milliseconds"), (_INDEX, "index")):
            if clean in known and (clean or i == 0):
                return i, kind  # type: ignore[return-value]
    if not names and len(rows[0]) > 1 and len(rows) > 2:
        cells = [row[0].replace(decimal, ".") for row in rows]
        if all(_NUMBER.fullmatch(cell) for cell in cells):
            steps = np.diff(np.array(cells, float))
            if steps[0] > 0 and np.allclose(steps, steps.mean(), rtol=0.02):
                return 0, "index" if math.isclose(steps.mean(), 1.0) else "seconds"
    return None, None
