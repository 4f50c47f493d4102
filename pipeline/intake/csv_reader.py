"""CSV recordings: one row per sample, one column per lead; sampling frequency and unit must always be stated."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config import DEFAULT, Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import foreign_kind, require_size, safe_name
from pipeline.intake.csv_layout import MISSING, AxisKind, CsvLayout, find_layout, is_value
from pipeline.types import FloatArray, Recording, read_only

# Millivolts per unit; "none" means arbitrary units, and the recording is then marked as not calibrated.
CSV_UNITS: Final[dict[str, float]] = {"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "V": 1e3, "nV": 1e-6, "none": 1.0}

NEEDS_RATE_AND_UNIT: Final = (
    "A CSV file does not say its sampling frequency and unit; state both "
    "(on the command line, give both --fs and --unit)."
)
_CHUNK_ROWS: Final = 1_000_000
_FS_TOLERANCE: Final = 0.005  # of the time column's mean step; printed times are rounded
_JUMP_SAMPLES: Final = 2.0  # the time column may stray this far from a straight line
_FLOAT32_MAX: Final = 3.4e38


@dataclass(frozen=True)
class CsvOptions:
    """What a CSV file cannot say: `fs` in Hz and the `unit` of all leads ("none" for arbitrary units)."""

    fs: float
    unit: str


def read_csv(name: str, payload: bytes, options: CsvOptions, *, limits: Limits = DEFAULT.limits) -> Recording:
    """Turn a CSV table into a recording in millivolts.

    Parameters
    ----------
    name : str
        Untrusted file name; used as a label only.
    payload : bytes
        The file: comma, semicolon or tab between cells, decimal comma allowed with the latter two, with or without a
        row of names. A time or index column is recognised by its name (or, without names, by its constant step),
        checked against `options.fs` and dropped. Empty cells and NaN are missing samples.
    options : CsvOptions
        Sampling frequency and unit, as the user stated them.
    limits : Limits, optional
        Limits of the intake.

    Returns
    -------
    Recording
        `p_signal` (n_rows, n_leads) float32 in mV, NaN where a cell is empty.

    Raises
    ------
    LimitError
        If size, sampling frequency, duration or the number of leads is out of bounds.
    IntakeError
        If a cell is not a number, a row has too few or too many cells, or the table contradicts `options`.
    """
    _check_options(options, limits)
    require_size(payload, limits.csv_bytes, "The CSV file")
    if (kind := foreign_kind(payload)) is not None or b"\x00" in payload:
        raise IntakeError(f"The CSV file is {kind or 'not plain UTF-8 text'}; save it as CSV first.")
    text = payload.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
    layout = find_layout(text, limits)
    _check_units(layout, options)
    values, axis = _values(text, layout, options.fs, limits)
    notices = _check_axis(axis, layout, options.fs)
    calibrated = options.unit != "none"
    values *= np.float32(CSV_UNITS[options.unit])
    return Recording(
        name=safe_name(name),
        fs=float(options.fs),
        p_signal=read_only(values),
        leads=layout.leads,
        digest=hashlib.sha256(f"csv {options.fs!r} {options.unit}\n".encode() + payload).hexdigest(),
        calibrated=(calibrated,) * len(layout.leads),
        notices=notices if calibrated else (*notices, "Not calibrated, because no unit was given."),
    )


def _check_options(options: CsvOptions, limits: Limits) -> None:
    if not limits.fs_min_hz <= options.fs <= limits.fs_max_hz:
        raise LimitError(
            f"The sampling frequency {options.fs:g} Hz is outside {limits.fs_min_hz:g} to {limits.fs_max_hz:g} Hz; "
            "state the recorder's own."
        )
    if options.unit not in CSV_UNITS:
        raise IntakeError(f"The unit must be one of {', '.join(CSV_UNITS)}.")


def _check_units(layout: CsvLayout, options: CsvOptions) -> None:
    """Refuse a table whose row of units differs from what was stated."""
    stated = CSV_UNITS[options.unit]
    other = next((unit for unit in layout.units if CSV_UNITS.get(unit, stated) != stated), None)
    if other and "none" not in (other, options.unit):
        raise IntakeError(f"The table's row of units says {other!r} where {options.unit!r} was stated; correct one.")


def _values(text: bytes, layout: CsvLayout, fs: float, limits: Limits) -> tuple[FloatArray, NDArray[np.float64] | None]:
    """Read all lead columns as float32 and the axis column as float64 (None where there is none to check)."""
    ends = text.count(b"\n") or text.count(b"\r")
    n_rows = ends + 1 - layout.skip
    if n_rows / fs > limits.duration_max_s:
        hours = n_rows / fs / 3600
        raise LimitError(f"The CSV file holds {hours:,.0f} hours, the limit is {limits.duration_max_s / 3600:.0f}.")
    checked = layout.axis is not None and layout.axis_kind != "calendar"
    used = (*layout.columns, layout.axis) if checked and layout.axis is not None else layout.columns
    values = np.empty((n_rows, len(layout.columns)), np.float32)
    axis = np.empty(n_rows, np.float64) if checked else None
    done = 0
    for table in _tables(text, layout, used):
        stop = done + len(table)
        if stop > n_rows:
            raise IntakeError("The CSV file mixes line endings; save it again as plain CSV.")
        for k, column in enumerate(layout.columns):
            values[done:stop, k] = _finite(table[column].to_numpy(np.float64), done + layout.skip)
        if axis is not None:
            axis[done:stop] = table[layout.axis]
        done = stop
    _check_cells(text, layout, done)
    if done < n_rows:
        raise IntakeError("The CSV file mixes line endings; save it again as plain CSV.")
    return values, axis


def _tables(text: bytes, layout: CsvLayout, used: tuple[int, ...]) -> Iterator[pd.DataFrame]:
    done = 0
    try:
        with pd.read_csv(
            io.BytesIO(text),
            sep=layout.delimiter,
            decimal=layout.decimal,
            header=None,
            names=list(range(layout.width)),
            index_col=False,
            usecols=list(used),
            skiprows=layout.skip,
            skip_blank_lines=False,
            dtype=np.float64,
            na_values=list(MISSING),
            keep_default_na=False,
            chunksize=_CHUNK_ROWS,
            encoding_errors="replace",
            skipinitialspace=True,
            on_bad_lines="error",
        ) as reader:
            for table in reader:
                yield table
                done += len(table)
    except (ValueError, TypeError, OverflowError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise _bad_row(text, layout, done) from error


def _finite(values: NDArray[np.float64], rows_before: int) -> NDArray[np.float64]:
    too_large = np.flatnonzero(np.abs(values) > _FLOAT32_MAX)
    if too_large.size:
        raise IntakeError(f"Row {rows_before + int(too_large[0]) + 1} of the CSV file holds an infinite value.")
    return values


def _check_cells(text: bytes, layout: CsvLayout, n_rows: int) -> None:
    """Refuse a table in which a row has too few cells: pandas would fill it up silently."""
    delimiter = layout.delimiter.encode()
    body = text.count(delimiter) - sum(line.count(delimiter) for line in islice(io.BytesIO(text), layout.skip))
    if body == n_rows * (layout.width - 1):
        return
    for number, line in enumerate(io.BytesIO(text), 1):
        found = line.count(delimiter) + 1
        if number > layout.skip and line.strip() and found != layout.width and b'"' not in line:
            raise IntakeError(f"Row {number} of the CSV file has {found} cells, the others have {layout.width}.")


def _bad_row(text: bytes, layout: CsvLayout, done: int) -> IntakeError:
    """Name the first row that is not made of `width` numbers; the search starts after the rows already read."""
    start = layout.skip + done
    lines = (line.decode("utf-8", "replace") for line in islice(io.BytesIO(text), start, start + _CHUNK_ROWS + 1))
    used = {*layout.columns} | ({layout.axis} if layout.axis is not None and layout.axis_kind != "calendar" else set())
    try:
        for number, cells in enumerate(csv.reader(lines, delimiter=layout.delimiter), start + 1):
            if cells and len(cells) != layout.width:
                return IntakeError(
                    f"Row {number} of the CSV file has {len(cells)} cells, the others have {layout.width}."
                )
            for column, cell in enumerate(cells):
                if column in used and not is_value(cell, layout.decimal):
                    return IntakeError(
                        f"Row {number}, column {column + 1} of the CSV file is not a number; correct it."
                    )
    except csv.Error:
        pass
    return IntakeError("The CSV file holds a row that cannot be read; save it again as plain CSV.")


def _check_axis(axis: NDArray[np.float64] | None, layout: CsvLayout, fs: float) -> tuple[str, ...]:
    """Compare the time or index column with `fs`; return sentences for the user."""
    if layout.axis_kind == "calendar":
        return ("The column of dates or clock times was left out and not checked against the sampling frequency.",)
    if axis is None or axis.size < 3:
        return ()
    if np.isnan(axis).any():
        row = int(np.flatnonzero(np.isnan(axis))[0]) + layout.skip + 1
        raise IntakeError(f"Row {row} of the CSV file has no time; fill it or delete the time column.")
    step = float((axis[-1] - axis[0]) / (axis.size - 1))
    expected = _expected_step(layout.axis_kind, step, fs)
    if not math.isclose(step, expected, rel_tol=max(_FS_TOLERANCE, 1.0 / axis.size)):
        raise IntakeError(
            f"The time column steps by {step:.6g} where {fs:g} Hz asks for {expected:.6g}; correct the sampling "
            "frequency or the column."
        )
    stray = np.abs(axis - (axis[0] + step * np.arange(axis.size))) / step
    if stray.max() > _JUMP_SAMPLES:
        row = int(np.argmax(np.abs(np.diff(axis) / step - 1))) + layout.skip + 2
        raise IntakeError(f"The time column jumps at row {row}; fill the gap with empty cells.")
    return ("The time or index column was left out.",)


def _expected_step(kind: AxisKind | None, step: float, fs: float) -> float:
    """Return the step that `fs` implies; a column called time may count seconds, milliseconds or samples."""
    choices = {"milliseconds": (1e3 / fs,), "index": (1.0,)}.get(kind or "", (1.0 / fs, 1e3 / fs, 1.0))
    return next((c for c in choices if math.isclose(step, c, rel_tol=_FS_TOLERANCE)), choices[0])
