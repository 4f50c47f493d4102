"""The samples of a CSV table: whole columns at once where all cells are numbers, row by row where one is not."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.errors import IntakeError
from pipeline.intake.csv_layout import CsvLayout
from pipeline.intake.csv_text import MISSING, count_of, decoded, is_marker, is_missing
from pipeline.intake.csv_time import clock_format, clock_seconds, counts_rows
from pipeline.types import FloatArray

CHUNK_BYTES: Final = 2**19  # a megabyte or more is slower: the parser leaves the cache
_FLOAT32_MAX: Final = 3.4e38
_DOUBLE_MAX: Final = 1e308
# Numbers that recorders write in place of a sample, if they lie far outside of all others.
_SENTINELS: Final = frozenset(
    (
        *(999, 9999, 99_999, 999_999, -999, -9999, -99_999, -999_999, -1_000_000_000, 1_000_000_000),
        *(
            32_767,
            -32_767,
            -32_768,
            65_535,
            8_388_607,
            -8_388_607,
            -8_388_608,
            2_147_483_647,
            -2_147_483_647,
            -2_147_483_648,
        ),
    )
)
_SENTINEL_SPANS: Final = 3.0  # so many times the range of all other samples away
_INTERRUPTED: Final = 25  # samples at most between two rows without one, if these are of another sensor
_UNEVEN: Final = 0.1  # of these stretches may differ by more than a sample from the usual one; of steps, by half of it
_ALONE: Final = 0.1  # times as many steps without such a row between as with one are too few to tell the usual one
_NO_GAP: Final = 1.5  # usual steps at most from one sample to the next if none is lost between
_NO_DELIMITER: Final = "\x1f"  # occurs in no cell: all of a line is one cell


@dataclass
class Repairs:
    """What was passed over on the way, for the notices.

    Attributes
    ----------
    markers : dict of str to int
        How many cells held which mark in place of a sample.
    rows : int
        Lines among the samples that were left out: remarks, names once more, blank lines beside a time column.
    """

    markers: dict[str, int] = field(default_factory=dict)
    rows: int = 0

    def count(self, marker: str) -> None:
        """Count one mark in place of a sample."""
        self.markers[marker] = self.markers.get(marker, 0) + 1


@dataclass(frozen=True, eq=False)
class Values:
    """The samples of a table.

    Attributes
    ----------
    signal : (n, n_leads) float32
        The leads in the table's unit, NaN where a sample is missing.
    times : (n,) float64 or None
        The column of times: its numbers, or seconds of a clock, NaN where a cell is empty.
    form : str
        How the clock is written; "" if the times are numbers.
    lines : (n,) int64 or None
        Line of each row in the file, from 1; None if the rows are lines without a break from `first_line` on.
    first_line : int
        Line of the first row.
    repairs : Repairs
        What was passed over.
    """

    signal: FloatArray
    times: NDArray[np.float64] | None
    form: str
    first_line: int
    repairs: Repairs


def read_values(text: bytes, layout: CsvLayout) -> Values:
    """Read the columns of the leads and that of times.

    Parameters
    ----------
    text : bytes
        As `plain_text` returned it.
    layout : CsvLayout
        How it is laid out.

    Raises
    ------
    IntakeError
        If a cell is not a number, or a row has too few or too many cells; the sentence names the row.
    """
    start, stop = _bounds(text, layout)
    n_rows = count_of(b"\n", text, start, stop) + 1
    ecg = layout.ecg
    form = clock_format(layout.clocks[0]) if layout.times and layout.clocks[0] else ""
    timed = layout.time is not None and (bool(form) or not layout.clocks[0])
    signal = np.empty((n_rows, len(ecg)), np.float32)
    times = np.empty(n_rows, np.float64) if timed else None
    repairs, done, line = Repairs(), 0, layout.header.skip
    extremes: list[set[float]] = [set() for _ in ecg]
    for chunk in _chunks(text, start, stop):
        lines = count_of(b"\n", chunk) + 1
        columns = _fast(chunk, lines, layout, form, timed) or _slow(chunk, layout, line, timed, form, repairs)
        rows = len(columns[0])
        for k, column in enumerate(columns[: len(ecg)]):
            extremes[k] |= _extremes(column, line)
            signal[done : done + rows, k] = column
        if times is not None:
            times[done : done + rows] = columns[-1]
        done += rows
        line += lines
    if not done:
        raise IntakeError("The CSV file has no row of samples.")
    signal = signal[:done]
    for k, found in enumerate(extremes):
        for number in sorted(found & _SENTINELS):
            _blank_sentinel(signal[:, k], number, repairs)
    if times is not None:
        times = times[:done]
        if _has_rows_of_others(signal, times, layout, form):
            there = ~np.isnan(signal).all(axis=1)
            repairs.rows += int(np.count_nonzero(~there))
            signal, times = signal[there], times[there]
    return Values(signal, times, form, layout.header.skip + 1, repairs)


def _has_rows_of_others(signal: FloatArray, times: NDArray[np.float64], layout: CsvLayout, form: str) -> bool:
    """Tell whether rows without a sample of any lead are those of another sensor.

    They come at even distances then, and between samples: no time passes at them. A row in the place of a sample is a
    lost one, and so is one beside a counter of rows, which counts it.
    """
    there = np.asarray(~np.isnan(signal).all(axis=1))
    begins = np.flatnonzero(there[1:] & ~there[:-1]) + 1
    kept = np.diff(np.cumsum(there)[begins])  # samples from one such row to the next
    if not kept.size or kept.size * _INTERRUPTED < there.sum() or (np.abs(kept - np.median(kept)) > 1).mean() > _UNEVEN:
        return False
    return not (not form and counts_rows(times, layout.seconds_per_unit)) and _lie_between(times, there, layout.apart)


def _lie_between(times: NDArray[np.float64], there: NDArray[np.bool_], apart: bool) -> bool:
    """Tell whether samples follow each other across rows without one as they do elsewhere; `apart` if none can tell."""
    at = np.flatnonzero(there)
    steps, across = np.diff(times[at]), np.diff(at) > 1
    timed = np.isfinite(steps)
    near, far = steps[timed & ~across], steps[timed & across]
    if near.size < _ALONE * far.size:
        near = far
    usual = float(np.median(near)) if near.size else 0.0
    if not far.size or not usual > 0 or (np.abs(near / usual - 1) > 0.5).mean() > _UNEVEN:
        return apart
    return bool((far > _NO_GAP * usual).mean() <= _UNEVEN)


def _bounds(text: bytes, layout: CsvLayout) -> tuple[int, int]:
    """Return where the samples begin and end, in bytes."""
    start, stop = 0, len(text)
    for _ in range(layout.header.skip):
        start = text.index(b"\n", start) + 1
    for _ in range(layout.footer):
        stop = text.rfind(b"\n", start, stop)
    if stop <= start:
        raise IntakeError("The CSV file has no row of samples.")
    return start, stop


def _chunks(text: bytes, start: int, stop: int) -> Iterator[bytes]:
    while start <= stop:
        end = text.find(b"\n", min(start + CHUNK_BYTES, stop), stop)
        end = stop if end < 0 else end
        yield text[start:end]
        start = end + 1


def _fast(chunk: bytes, rows: int, layout: CsvLayout, form: str, timed: bool) -> list[NDArray[np.float64]] | None:
    """Read columns in which all cells are numbers or missing; None if some are not, or rows differ in length."""
    dialect = layout.dialect
    separator = dialect.delimiter or _NO_DELIMITER
    used = (*layout.ecg, layout.time) if timed and layout.time is not None else layout.ecg
    if len(separator.encode()) > 1:
        return None
    between = count_of(separator.encode(), chunk) if separator != " " else rows * (dialect.width - 1)
    if between != rows * (dialect.width - 1):
        return None
    kinds = {k: (str if form and k == layout.time else np.float64) for k in used}
    try:
        table = pd.read_csv(
            io.BytesIO(chunk),
            sep=r"\s+" if separator == " " else separator,
            decimal=dialect.decimal,
            thousands=dialect.thousands or None,
            header=None,
            names=list(range(dialect.width)),
            index_col=False,
            usecols=list(used),
            skip_blank_lines=False,
            dtype=kinds,
            na_values=list(MISSING),
            keep_default_na=False,
            encoding_errors="replace",
            skipinitialspace=True,
            on_bad_lines="error",
            low_memory=False,
        )
    except (ValueError, TypeError, OverflowError, pd.errors.ParserError, pd.errors.ParserWarning):
        return None
    if len(table) != rows:
        return None
    columns = [table[k].to_numpy(np.float64) for k in layout.ecg]
    if separator == " " and any(np.isnan(column).any() for column in columns):  # a row may have too few cells
        return None
    if not timed:
        return columns
    stamps = clock_seconds(table[layout.time].fillna(""), form) if form else table[layout.time].to_numpy(np.float64)
    return None if np.isnan(stamps).any() else [*columns, stamps]


def _slow(
    chunk: bytes, layout: CsvLayout, line: int, timed: bool, form: str, repairs: Repairs
) -> list[NDArray[np.float64]]:
    """Read rows one by one: markers are missing samples, remarks are passed over, anything else is refused."""
    ecg, width = layout.ecg, layout.dialect.width
    rows: list[list[float]] = []
    stamps: list[str] = []
    for number, cells in _cells(chunk, layout, line):
        if not any(cells) and timed:
            repairs.rows += 1
            continue
        if cells[0].startswith("#") or (layout.header.names and _is_names(cells, layout)):
            repairs.rows += 1
            continue
        cells = _fitted(cells, width, ecg, layout.time if timed else None, number)
        rows.append([_value(cells[k], k, number, layout, repairs) for k in ecg])
        if timed and layout.time is not None:
            stamps.append(cells[layout.time])
    values = np.array(rows, np.float64).reshape(len(rows), len(ecg))
    return [*values.T, _stamps(stamps, layout, line, form)] if timed else list(values.T)


def _cells(chunk: bytes, layout: CsvLayout, line: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the line in the file and the cells of each row."""
    delimiter = layout.dialect.delimiter
    lines = decoded(chunk).split("\n")
    if delimiter in ("", " ") and '"' not in layout.dialect.delimiter:
        for number, text in enumerate(lines, line + 1):
            cells = text.split() if delimiter == " " else [text]
            yield number, [cell.strip().strip("'\"").strip() for cell in cells] or [""]
        return
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            yield line + reader.line_num, [cell.strip().strip("'").strip() for cell in row] or [""]
    except csv.Error as error:
        raise IntakeError("The CSV file holds a row that cannot be read; save it again as plain CSV.") from error


def _is_names(cells: list[str], layout: CsvLayout) -> bool:
    """Tell whether a row repeats the names of the columns."""
    names = layout.header.names
    return len(cells) == len(names) and any(names) and all(map(str.startswith, cells, names))


def _fitted(cells: list[str], width: int, ecg: tuple[int, ...], time: int | None, number: int) -> list[str]:
    """Return the cells with those at the end that no lead needs; a single mark stands for a whole row."""
    if len(cells) == width:
        return cells
    if len(cells) == 1 and is_missing(cells[0]):
        return [cells[0]] * width if time is None else [*([cells[0]] * time), "", *([cells[0]] * (width - time - 1))]
    if len(cells) > width and not any(cells[width:]):
        return cells[:width]
    needed = max((*ecg, -1 if time is None else time)) + 1
    if needed <= len(cells) < width:
        return [*cells, *[""] * (width - len(cells))]
    raise IntakeError(f"Row {number} of the CSV file has {len(cells)} cells, the others have {width}.")


def _value(cell: str, k: int, number: int, layout: CsvLayout, repairs: Repairs) -> float:
    if cell in MISSING:
        return float("nan")
    dialect = layout.dialect
    if dialect.is_number(cell):
        return dialect.value(cell)
    if is_marker(cell):
        repairs.count(cell)
        return float("nan")
    raise IntakeError(f"Row {number}, column {k + 1} of the CSV file is not a number; correct it.")


def _stamps(cells: list[str], layout: CsvLayout, line: int, form: str) -> NDArray[np.float64]:
    dialect = layout.dialect
    if form:
        return clock_seconds(cells, form) if cells else np.zeros(0)
    found = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        if dialect.is_number(cell):
            found[i] = dialect.value(cell)
        elif not is_missing(cell):
            raise IntakeError(f"Row {line + i + 1} of the CSV file has no time; fill it or leave the time column out.")
    return found


def _extremes(column: NDArray[np.float64], rows_before: int) -> set[float]:
    """Return the least and the largest sample. Raises IntakeError if one is infinite."""
    if not column.size:
        return set()
    low, high = float(column.min()), float(column.max())
    if np.isnan(low):
        low, high = float(np.fmin.reduce(column)), float(np.fmax.reduce(column))
    if low < -_FLOAT32_MAX or high > _FLOAT32_MAX:
        at = int(np.argmax(np.abs(np.nan_to_num(column, posinf=_DOUBLE_MAX, neginf=-_DOUBLE_MAX))))
        raise IntakeError(f"Row {rows_before + at + 1} of the CSV file holds an infinite value.")
    return {low, high}


def _blank_sentinel(column: FloatArray, number: float, repairs: Repairs) -> None:
    """Make missing samples of a number such as -32768, if it lies far outside of all others."""
    at = column == np.float32(number)
    others = column[~at & ~np.isnan(column)]
    if others.size < 2:
        return
    low, high = float(others.min()), float(others.max())
    if min(abs(number - low), abs(number - high)) > _SENTINEL_SPANS * max(high - low, 1e-9):
        column[at] = np.nan
        repairs.markers[f"{number:.0f}"] = repairs.markers.get(f"{number:.0f}", 0) + int(at.sum())
