"""How a CSV table is laid out: dialect, lines above and below the samples, and the role of each column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import safe_lead, unique_leads
from pipeline.intake.csv_dialect import Dialect, find_dialect
from pipeline.intake.csv_header import Header, read_header
from pipeline.intake.csv_roles import ColumnRole, column_facts, column_roles, with_choices
from pipeline.intake.csv_text import cells_of, is_clock, is_missing, sample_lines
from pipeline.intake.csv_units import seconds_in

_ROWS_SAMPLED: Final = 300  # at the beginning, and about half as many in the middle and at the end
_FINE: Final = 0.9  # of the stamps are different: no column of times need be finer
_COLUMNS_MAX: Final = 64  # leads, times, events and what else recorders write
_MOST: Final = 0.9  # of the rows without a sample have cells of another sensor, and of those with one have none
_FOOTER_LINES: Final = 40  # at most so many lines below the samples are no samples


@dataclass(frozen=True)
class CsvLayout:
    """How a table is laid out.

    Attributes
    ----------
    dialect : Dialect
        How its cells are written.
    header : Header
        What it says about itself.
    footer : int
        Lines below the last sample.
    columns : tuple of ColumnRole
        What each column is.
    leads : tuple of str
        Names of the columns that are ECG, in order.
    times : tuple of int
        Places of the columns of times from 0, the finest one first.
    clocks : tuple of tuple of str
        Some cells of each of them, the first and the last too, if it is written as a clock; else ().
    apart : bool
        Whether rows without a sample hold cells of another sensor, which the rows with one do not.
    """

    dialect: Dialect
    header: Header
    footer: int
    columns: tuple[ColumnRole, ...]
    leads: tuple[str, ...]
    times: tuple[int, ...]
    clocks: tuple[tuple[str, ...], ...]
    apart: bool = False

    @property
    def ecg(self) -> tuple[int, ...]:
        """Places of the leads from 0."""
        return tuple(column.place - 1 for column in self.columns if column.role == "ECG")

    @property
    def time(self) -> int | None:
        """Place of the column of times that is used, from 0."""
        return self.times[0] if self.times else None

    @property
    def seconds_per_unit(self) -> float | None:
        """Seconds per unit of that column, if its row of units says them, or its name ends with them, as time_ms."""
        if self.time is None:
            return None
        word = self.header.units[self.time] if self.header.units else ""
        name = self.header.names[self.time] if self.header.names else ""
        words = name.casefold().replace(")", " ").replace("]", " ").replace("_", " ").split()
        return seconds_in(word) or (seconds_in(words[-1]) if words else None)


def find_layout(
    text: bytes,
    limits: Limits,
    *,
    columns: Sequence[str | int] = (),
    time_column: str | int | None = None,
) -> CsvLayout:
    """Find the layout of a table from its first lines, some of the middle, and the last ones.

    Parameters
    ----------
    text : bytes
        As `plain_text` returned it.
    limits : Limits
        Its number of leads applies.
    columns : sequence of str or int
        The columns that are leads, by name or place from 1; found if empty.
    time_column : str or int, optional
        The column of times, "none" if there is none; found if None.

    Raises
    ------
    LimitError
        If there are too many columns or leads.
    IntakeError
        If there is no row of samples, no lead, or a row of names that does not fit.
    """
    sample = sample_lines(text)
    if not any(line.strip() for line in sample.head):
        raise IntakeError("The CSV file has no row of samples.")
    dialect = find_dialect(sample)
    if dialect.width > _COLUMNS_MAX:
        raise LimitError(f"The CSV file has {dialect.width} columns, the limit is {_COLUMNS_MAX}; a row is one sample.")
    header = read_header(sample.head, dialect)
    first = _rows(sample.head[header.skip :][:_ROWS_SAMPLED], dialect)
    elsewhere = (*sample.middle, *sample.tail)
    later = _rows(elsewhere[:: max(1, 2 * len(elsewhere) // _ROWS_SAMPLED)], dialect)
    if not first:
        raise IntakeError("The CSV file has no row of samples.")
    names = header.names or ("",) * dialect.width
    facts = column_facts(first, later, names, dialect)
    roles = with_choices(column_roles(facts, header), columns, time_column, names)
    ecg = [column for column in roles if column.role == "ECG"]
    if not ecg:
        raise _no_lead(roles)
    if len(ecg) > limits.leads:
        raise LimitError(f"The CSV file has {len(ecg)} leads, the limit is {limits.leads}.")
    leads = _leads(ecg, header)
    times = _times(roles, first)
    ends = _rows(sample.tail[-_FOOTER_LINES - 1 :], dialect)
    return CsvLayout(
        dialect,
        header,
        _footer(sample.tail, dialect, times[0] if times else None),
        tuple(roles),
        leads,
        times,
        tuple(_clock(first + later + ends, k) for k in times),
        _are_apart(first + later, roles),
    )


def _rows(lines: Sequence[str], dialect: Dialect) -> list[list[str]]:
    rows = [cells_of(line, dialect.delimiter) for line in lines if line.strip() and not line.startswith("#")]
    return [row for row in rows if len(row) == dialect.width]


def _are_apart(rows: Sequence[Sequence[str]], roles: Sequence[ColumnRole]) -> bool:
    """Tell whether some column has cells where no lead has any, and there only."""
    leads = [column.place - 1 for column in roles if column.role == "ECG"]
    others = [column.place - 1 for column in roles if column.role not in ("ECG", "time")]
    without = [row for row in rows if all(is_missing(row[k]) for k in leads)]
    beside = [row for row in rows if not all(is_missing(row[k]) for k in leads)]
    return bool(without) and any(
        sum(not is_missing(row[k]) for row in without) >= _MOST * len(without)
        and sum(is_missing(row[k]) for row in beside) >= _MOST * len(beside)
        for k in others
    )


def _no_lead(roles: Sequence[ColumnRole]) -> IntakeError:
    if all(column.role == "time" for column in roles):
        return IntakeError("The CSV file holds a time column only; add a column with the signal.")
    found = ", ".join(f"{column.name!r} ({column.role})" for column in roles[:8])
    return IntakeError(f"No column of the CSV file is an ECG: {found}; choose one yourself (--column).")


def _leads(ecg: Sequence[ColumnRole], header: Header) -> tuple[str, ...]:
    """Return the names of the leads: of their columns, of the lines above, or "lead 1"."""
    names = []
    for number, column in enumerate(ecg, 1):
        k = column.place - 1
        raw = (header.sensors[k] if header.sensors else "") or (header.names[k] if header.names else "")
        name = safe_lead(raw if column.name != f"column {k + 1}" or header.sensors else "", number)
        names.append(header.lead if header.lead and len(ecg) == 1 and name == f"lead {number}" else name)
    return unique_leads(names)


def _times(roles: Sequence[ColumnRole], rows: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Return the columns of times, the one whose stamps differ most first."""
    places = [column.place - 1 for column in roles if column.role == "time"]
    chosen = [column.place - 1 for column in roles if column.role == "time" and column.why == "chosen"]
    fine = {k: min(len({row[k] for row in rows}), _FINE * len(rows)) for k in places}
    dates = {k for k in places if is_clock(rows[0][k]) and not {":", "T"} & set(rows[0][k])}
    return tuple(chosen or sorted(places, key=lambda k: (k in dates, -fine[k], k)))


def _clock(rows: Sequence[Sequence[str]], k: int) -> tuple[str, ...]:
    cells = [row[k] for row in rows if not is_missing(row[k])]
    clocks = [cell for cell in cells if is_clock(cell)]
    return tuple(clocks) if len(clocks) > 0.9 * len(cells) and {":", "T"} & set(clocks[0] + clocks[-1]) else ()


def _footer(tail: Sequence[str], dialect: Dialect, time: int | None) -> int:
    """Return how many of the last lines are no rows: totals, remarks, or a row that was cut off."""
    limit = min(_FOOTER_LINES, len(tail) - 1)
    for lines in range(limit + 1):
        line = tail[len(tail) - 1 - lines]
        cells = cells_of(line, dialect.delimiter)
        if len(cells) == dialect.width and any(cells):
            whole = sum(dialect.is_value(cell) or is_clock(cell) for cell in cells)
            if time is not None and not (dialect.is_value(cells[time]) or is_clock(cells[time])):
                continue
            if all(map(is_missing, cells)) or (whole * 2 >= len(cells) and any(map(dialect.is_number, cells))):
                return lines
        if len(cells) == 1 and is_missing(cells[0]) and cells[0]:
            return lines
    return 0
