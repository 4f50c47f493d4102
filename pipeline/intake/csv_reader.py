"""CSV recordings as people have them: what the file states is read, what it does not say must be stated."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT, Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import require_size, safe_name
from pipeline.intake.csv_identity import table_device, table_identity
from pipeline.intake.csv_layout import CsvLayout, find_layout
from pipeline.intake.csv_roles import ColumnRole
from pipeline.intake.csv_text import count_of, decoded, plain_text
from pipeline.intake.csv_time import (
    Timing,
    agrees,
    read_timing,
    restarts,
    rolled_over,
    seconds_per_unit,
    unrolled,
    with_gaps,
)
from pipeline.intake.csv_turned import upright
from pipeline.intake.csv_units import COUNTS
from pipeline.intake.csv_values import Values, read_values
from pipeline.types import Recording, read_only

# Millivolts per unit; "none" means arbitrary units, and the recording is then marked as not calibrated.
CSV_UNITS: Final = MappingProxyType({"mV": 1.0, "uV": 1e-3, "µV": 1e-3, "V": 1e3, "nV": 1e-6, "none": 1.0})

_NEEDS_RATE_AND_UNIT: Final = (
    "The CSV file does not say its sampling frequency and unit; state both "
    "(on the command line, give both --fs and --unit)."
)
_NEEDS_RATE: Final = "The CSV file does not say its sampling frequency; state it (on the command line, give --fs)."
_NEEDS_UNIT: Final = "The CSV file does not say its unit; state it (on the command line, give --unit)."
_UNITS_IN_WORDS: Final = MappingProxyType({"none": "arbitrary units", "uV": "µV"})
_SAME_RATE: Final = 0.005  # the stated sampling frequency may differ by this share from the file's own


@dataclass(frozen=True)
class CsvOptions:
    """What the reader states about a CSV file.

    Attributes
    ----------
    fs : float, optional
        Sampling frequency, Hz; needed if neither a time column nor a line above the samples says it.
    unit : str, optional
        Unit of all leads, a key of `CSV_UNITS`, "none" for arbitrary units; needed if the file does not say it.
    columns : tuple of str or int
        The columns that are leads, by name or by place from 1; found if empty.
    time_column : str or int, optional
        The column of times, "none" if there is none; found if None.
    """

    fs: float | None = None
    unit: str | None = None
    columns: tuple[str | int, ...] = ()
    time_column: str | int | None = None


@dataclass(frozen=True)
class CsvTable:
    """What a CSV file says about itself, to be shown and corrected before it is read.

    Attributes
    ----------
    fs : float, optional
        Its sampling frequency, Hz, if it states one.
    unit : str, optional
        The unit of its leads, if it states one for all of them.
    columns : tuple of ColumnRole
        What each column is taken for.
    """

    fs: float | None
    unit: str | None
    columns: tuple[ColumnRole, ...]


def read_csv(
    name: str, payload: bytes, options: CsvOptions = CsvOptions(), *, limits: Limits = DEFAULT.limits
) -> Recording:
    """Turn a CSV table into a recording in millivolts.

    Parameters
    ----------
    name : str
        Untrusted file name; used as a label only.
    payload : bytes
        The file: comma, semicolon, tab, bar or blanks between cells, decimal comma or point, UTF-8, UTF-16 or
        Windows' encoding, with or without lines above and below the samples, names and units. Empty cells, NaN and
        marks such as "!" are missing samples, and so are rows that the time column shows to be lost.
    options : CsvOptions, optional
        What the file does not say. What it says must agree.
    limits : Limits, optional
        Limits of the intake.

    Returns
    -------
    Recording
        `p_signal` (n_samples, n_leads) float32 in mV, NaN where a sample is missing; `notices` say what was taken.

    Raises
    ------
    LimitError
        If size, sampling frequency, duration or the number of leads is out of bounds.
    IntakeError
        If a cell is not a number, a row has too few or too many cells, the file contradicts `options`, or the
        sampling frequency or unit is stated nowhere.
    """
    _check_options(options, limits)
    text, layout = _laid_out(payload, options, limits)
    stated, source = _stated_rate(layout, options, limits)
    lines = count_of(b"\n", text)
    scales, units = _scales(layout, options, timed=layout.time is not None and lines - layout.header.skip > 1)
    _check_duration(lines, stated, limits)
    values = read_values(text, layout)
    timing = _timing(values, layout, stated, limits)
    fs, source = _rate(timing, stated, source, len(values.signal), limits)
    n_samples = len(values.signal) + int(timing.missing.sum()) if timing else len(values.signal)
    _check_duration(n_samples, fs, limits)
    signal = with_gaps(values.signal, timing) if timing else values.signal
    for scale, column in zip(scales, signal.T, strict=True):
        if scale != 1.0:
            column *= np.float32(scale)
    calibrated = tuple(unit != "none" for unit in units)
    above = _above(text, layout)
    return Recording(
        name=safe_name(name),
        fs=fs,
        p_signal=read_only(signal),
        leads=layout.leads,
        digest=_digest(options, payload),
        calibrated=calibrated,
        notices=tuple(_notices(layout, fs, source, units, values, timing)),
        identity=table_identity(above, [cells[0] for cells in layout.clocks if cells]) or None,
        device=table_device(above),
    )


def _digest(options: CsvOptions, payload: bytes) -> str:
    digest = hashlib.sha256(f"csv {options!r}\n".encode())
    digest.update(payload)
    return digest.hexdigest()


def _above(text: bytes, layout: CsvLayout) -> list[str]:
    return [decoded(line) for line in text[: 2**16].split(b"\n")[: layout.header.skip]]


def describe_csv(payload: bytes, options: CsvOptions = CsvOptions(), *, limits: Limits = DEFAULT.limits) -> CsvTable:
    """Return what a table says about itself, from a part of it, for the reader to correct.

    Parameters
    ----------
    payload : bytes
        The file.
    options : CsvOptions, optional
        What the reader stated already.
    limits : Limits, optional
        Limits of the intake.

    Raises
    ------
    LimitError
        If it is too large.
    IntakeError
        If it is no table, or has no lead.
    """
    text, layout = _laid_out(payload, options, limits)
    units = {column.unit for column in layout.columns if column.role == "ECG"}
    unit = "none" if layout.header.counts_per_mv is None else "mV"
    known = next(iter(units)) if len(units) == 1 else ""
    stated = layout.header.fs
    if stated is None and layout.time is not None:
        part = text[: 2**18] if len(text) <= 2**18 else text[: text.rindex(b"\n", 0, 2**18)]
        short = CsvLayout(layout.dialect, layout.header, layout.footer if len(text) <= 2**18 else 0, layout.columns,
                          layout.leads, layout.times, layout.clocks, layout.apart)  # fmt: skip
        values = read_values(part, short)
        timing = _timing(values, short, None, limits)
        stated = timing.fs if timing else None
    return CsvTable(stated, known or (unit if layout.header.counts_per_mv else None), layout.columns)


def _laid_out(payload: bytes, options: CsvOptions, limits: Limits) -> tuple[bytes, CsvLayout]:
    require_size(payload, limits.csv_bytes, "The CSV file")
    text = upright(plain_text(payload))
    return text, find_layout(text, limits, columns=options.columns, time_column=options.time_column)


def _check_options(options: CsvOptions, limits: Limits) -> None:
    if options.fs is not None:
        _check_rate(options.fs, limits)
    if options.unit is not None and options.unit not in CSV_UNITS:
        raise IntakeError(f"The unit must be one of {', '.join(CSV_UNITS)}.")


def _check_rate(fs: float, limits: Limits) -> None:
    if not limits.fs_min_hz <= fs <= limits.fs_max_hz:
        raise LimitError(
            f"The sampling frequency {fs:g} Hz is outside {limits.fs_min_hz:g} to {limits.fs_max_hz:g} Hz; "
            "state the recorder's own."
        )


def _check_duration(n_samples: int, fs: float | None, limits: Limits) -> None:
    if fs is not None and n_samples / fs > limits.duration_max_s:
        hours = n_samples / fs / 3600
        raise LimitError(f"The CSV file holds {hours:,.0f} hours, the limit is {limits.duration_max_s / 3600:.0f}.")


def _scales(layout: CsvLayout, options: CsvOptions, *, timed: bool) -> tuple[list[float], list[str]]:
    """Return millivolts per unit and the unit of each lead; refuse a unit that contradicts the file."""
    found = [column.unit for column in layout.columns if column.role == "ECG"]
    gain = layout.header.counts_per_mv
    if options.unit is None:
        _require_one_unit(layout.header.unit, found)
        if gain is not None and not any(unit in ("mV", "uV", "V", "nV") for unit in found):
            return [1.0 / gain] * len(found), [f"counts, {gain:g} per mV"] * len(found)
        if not all(found):
            both = options.fs is None and layout.header.fs is None and not timed
            raise IntakeError(_NEEDS_RATE_AND_UNIT if both else _NEEDS_UNIT)
        return [CSV_UNITS[unit] for unit in found], found
    stated = CSV_UNITS[options.unit]
    if options.unit != "none":
        words = [layout.header.units[k] for k in layout.ecg] if layout.header.units else []
        if counts := next((word for word in words if word.strip(" []()").casefold() in COUNTS), None):
            raise IntakeError(f"The table says {counts!r}, no voltage, where {options.unit!r} was stated; correct one.")
        other = next((unit for unit in found if unit not in ("", "none") and CSV_UNITS[unit] != stated), None)
        if other and layout.header.unit != options.unit:
            raise IntakeError(f"The table says {other!r} where {options.unit!r} was stated; correct one.")
        if gain is not None and not np.isclose(1.0 / gain, stated, rtol=0.01):
            raise IntakeError(f"The table says {gain:g} per mV where {options.unit!r} was stated; correct one.")
    return [stated] * len(found), [options.unit] * len(found)


def _require_one_unit(above: str, found: Sequence[str]) -> None:
    """Refuse a table whose lines above the samples state another unit than a column does. Raises IntakeError."""
    other = next((unit for unit in found if unit not in ("", "none", above)), None)
    if above not in ("", "none") and other is not None:
        raise IntakeError(
            f"The table says {above!r} above the samples and {other!r} at a column; state which one holds "
            "(on the command line, --unit)."
        )


def _stated_rate(layout: CsvLayout, options: CsvOptions, limits: Limits) -> tuple[float | None, str]:
    """Return the sampling frequency that is stated, by the file or the reader, and by whom."""
    own, given = layout.header.fs, options.fs
    if own is None:
        return given, "stated"
    if given is not None and abs(own / given - 1) > _SAME_RATE:
        raise IntakeError(f"The file says {own:g} Hz where {given:g} Hz was stated; correct one.")
    _check_rate(own, limits)
    return own, "from the lines above the samples"


def _timing(values: Values, layout: CsvLayout, stated: float | None, limits: Limits) -> Timing | None:
    """Read the column of times; None if there is none that can be read."""
    times = values.times
    if times is None or layout.time is None:
        return None
    known = np.isfinite(times)
    if not known.any():
        return None
    if not known.all():
        times = _filled(times, known, values)
    if values.form:
        return read_timing(rolled_over(times, values.form), stated, limits, values.first_line)
    counts, times = times, unrolled(times)
    again = 0 if times is counts else restarts(counts)
    scale = seconds_per_unit(times, layout.seconds_per_unit, stated, limits)
    if scale is None:
        timing = read_timing(times, None, limits, values.first_line)
        return replace(timing, fs=None, step="1 row", restarts=again)
    with np.errstate(over="ignore"):  # times beyond all numbers are refused as what they are
        seconds = times - times[0]
        seconds *= scale
    return replace(read_timing(seconds, stated, limits, values.first_line), restarts=again)


def _filled(times: NDArray[np.float64], known: NDArray[np.bool_], values: Values) -> NDArray[np.float64]:
    """Give rows without a time that of the row above: recorders write it once for a whole packet."""
    at = np.maximum.accumulate(np.where(known, np.arange(times.size), -1))
    if at[0] < 0:
        raise IntakeError(f"Row {values.first_line} of the CSV file has no time; fill it or leave the time column out.")
    return times[at]


def _rate(timing: Timing | None, stated: float | None, source: str, n: int, limits: Limits) -> tuple[float, str]:
    """Return the sampling frequency and where it is from; refuse times that contradict what was stated."""
    if timing is None or timing.fs is None:
        if stated is None:
            raise IntakeError(_NEEDS_RATE)
        return float(stated), source
    if stated is None:
        _check_rate(timing.fs, limits)
        return timing.fs, "from the time column"
    if not agrees(timing.fs, stated, timing, n):
        raise IntakeError(
            f"The times step by {timing.step}, which is {timing.fs:g} Hz, where {stated:g} Hz was stated; correct one."
        )
    return float(stated), f"{source}, as the time column says"


def _notices(
    layout: CsvLayout, fs: float, source: str, units: Sequence[str], values: Values, timing: Timing | None
) -> list[str]:
    taken = ", ".join(layout.leads[:8]) + (", ..." if len(layout.leads) > 8 else "")
    kinds = ", ".join(dict.fromkeys(_UNITS_IN_WORDS.get(unit, unit) for unit in units))
    found = [f"Read {taken} at {fs:g} Hz ({source}), in {kinds}."]
    left = [f"{column.name!r} ({column.why or column.role})" for column in layout.columns if column.role != "ECG"]
    if left:
        found.append(f"Columns that were left out: {'; '.join(left[:6])}{'; ...' if len(left) > 6 else ''}.")
    if timing is not None and timing.missing.size:
        total = timing.missing.sum() / fs
        places = "place" if timing.missing.size == 1 else f"{timing.missing.size} places"
        found.append(f"Rows are missing at {'one ' if timing.missing.size == 1 else ''}{places}, {total:.3g} s in all; "
                     "these are gaps.")  # fmt: skip
    if timing is not None and timing.restarts:
        often = "once" if timing.restarts == 1 else f"{timing.restarts} times"
        found.append(f"The times begin again {often}; what follows is taken to go on without a gap.")
    for marker, count in list(values.repairs.markers.items())[:3]:
        found.append(f"{count} samples are written {marker!r} and taken as missing.")
    lines = values.repairs.rows + layout.footer
    if lines:
        found.append(f"{lines} lines among or below the samples were left out.")
    if any(unit == "none" for unit in units):
        found.append("Not calibrated, because no unit was given.")
    return found
