"""What each column of a CSV table is: time, ECG, another signal, events, or nothing; from names, values and shape."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import IntakeError
from pipeline.intake.content import safe_lead, without_asides
from pipeline.intake.csv_dialect import Dialect
from pipeline.intake.csv_header import Header
from pipeline.intake.csv_text import is_clock, is_missing
from pipeline.intake.csv_units import unit_of
from pipeline.signal.lead_names import is_event, is_known_lead, is_other_signal, is_rate, is_time

Role = Literal["time", "ECG", "other signal", "event", "ignore"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

_RX_INTERVAL: Final = re.compile(r"\b(?:rr|nn|rri|ibi|hrv)\b|interval", re.IGNORECASE)
_CLOCK_SHARE: Final = 0.9  # of a column's filled cells, for it to be a clock
_TEXT_SHARE: Final = 0.5  # ... and for it to be words
_RAMP_SPREAD: Final = 0.02  # of the mean step: the steps of a column without a name that counts differ less
_LEVELS: Final = 3  # a column without a name that has no more values than this holds marks, if another one has more


@dataclass(frozen=True)
class ColumnRole:
    """One column of a table.

    Attributes
    ----------
    place : int
        Which column, from 1.
    name : str
        Its name, safe to show; "column 3" if it has none.
    role : Role
        What it is taken for.
    unit : str
        The unit that the table states for it, a key of CSV_UNITS; "" if it states none.
    why : str
        What says so, a phrase for the reader.
    """

    place: int
    name: str
    role: Role
    unit: str = ""
    why: str = ""


@dataclass(frozen=True, eq=False)
class ColumnFacts:
    """What the sampled cells of one column are.

    Attributes
    ----------
    raw_name : str
        Its name as the file has it, "" if it has none.
    values : (n,) float64
        The cells of the first rows as numbers, NaN where they are none.
    elsewhere : (m,) float64
        The same of rows in the middle and at the end.
    filled, clocks, words : int
        How many cells are not missing, clock times, and neither number nor clock.
    """

    raw_name: str
    values: NDArray[np.float64]
    elsewhere: NDArray[np.float64]
    filled: int
    clocks: int
    words: int

    @property
    def numbers(self) -> NDArray[np.float64]:
        """All sampled numbers (k,)."""
        both = np.concatenate([self.values, self.elsewhere])
        return np.asarray(both[np.isfinite(both)])


def column_facts(
    first: Sequence[Sequence[str]], later: Sequence[Sequence[str]], names: Sequence[str], dialect: Dialect
) -> list[ColumnFacts]:
    """Measure the columns.

    Parameters
    ----------
    first : sequence of sequences of str
        The cells of the first rows, one after the other.
    later : sequence of sequences of str
        Those of rows in the middle and at the end.
    names : sequence of str
        Names of the columns, "" where there is none.
    dialect : Dialect
        How the cells are written.
    """
    found = []
    for k, name in enumerate(names):
        cells = [row[k] for row in first] + [row[k] for row in later]
        filled = [cell for cell in cells if not is_missing(cell)]
        clocks = sum(is_clock(cell) and not dialect.is_number(cell) for cell in filled)
        numbers = sum(map(dialect.is_number, filled))
        values = np.array([_number(cell, dialect) for cell in cells])
        found.append(
            ColumnFacts(
                name, values[: len(first)], values[len(first) :], len(filled), clocks, len(filled) - clocks - numbers
            )
        )
    return found


def _number(cell: str, dialect: Dialect) -> float:
    if is_missing(cell) or not dialect.is_number(cell):
        return float("nan")
    return dialect.value(cell)


def column_roles(facts: Sequence[ColumnFacts], header: Header) -> list[ColumnRole]:
    """Give each column its role: names first, then values, then shape.

    Parameters
    ----------
    facts : sequence of ColumnFacts
        What the columns hold.
    header : Header
        What the table says about itself.
    """
    roles = []
    for k, column in enumerate(facts):
        role, why = _role(column, header.sensors[k] if header.sensors else None)
        unit = unit_of(header.units[k]) if header.units else ""
        roles.append(ColumnRole(k + 1, shown(column.raw_name, k + 1), role, unit or header.unit, why))
    roles = _without_flags(_of_named_sensors(roles, header), facts)
    if not any(column.role == "ECG" for column in roles):
        roles = _misnamed(roles, facts)
    return roles


def shown(name: str, place: int) -> str:
    """Return a column's name if it is plain and short, else its place."""
    known = safe_lead(name, place)
    if known == f"lead {place}":
        name = _plain(without_asides(name))
        known = safe_lead(name, place)
    if known != f"lead {place}":
        return known
    return name if is_time(name) or is_other_signal(name) else f"column {place}"


def _plain(name: str) -> str:
    return " ".join(re.sub(r"[^\w +.\-]", " ", name).split())[:32].strip()


def _role(column: ColumnFacts, sensor: str | None) -> tuple[Role, str]:
    """Return a column's role and why; `sensor` is what it measures, "" if nothing, None if the file does not say."""
    if sensor == "" and not is_time(column.raw_name):
        return "ignore", "of no sensor"
    name = sensor or column.raw_name
    ecg = is_known_lead(name)
    if column.filled == 0:
        return ("ECG", "named as one") if ecg else ("event", "by its name") if is_event(name) else ("ignore", "empty")
    if column.clocks >= _CLOCK_SHARE * column.filled:
        return "time", "clock times"
    if column.words > _TEXT_SHARE * column.filled:
        return "event", "text"
    if ecg:
        return "ECG", "named as one"
    if is_time(name) and (_runs_on(column.values) or (np.diff(column.values) < 0).all()):  # backwards: refused later
        return "time", "by its name and values"
    if name and is_event(name):
        return "event", "by its name"
    if is_time(name):
        return "ignore", "named as a clock, but it does not run on"
    if name and is_other_signal(name):
        return "other signal", "by its name"
    return ("time", "it counts") if _counts(column.values) else ("ECG", "it varies as a signal does")


def _runs_on(values: NDArray[np.float64]) -> bool:
    """Tell whether values never go back, but for a counter that begins again."""
    values = values[np.isfinite(values)]
    steps = np.diff(values)
    if steps.size < 2:
        return values.size > 0 and bool((steps > 0).all())
    back = steps < 0
    return bool(steps.any()) and (_counts(values) or back.mean() <= 0.1)


def _counts(values: NDArray[np.float64]) -> bool:
    """Tell whether values step evenly upwards, but for lost rows, equal stamps of a packet, or beginning again."""
    if values.size < 3 or not np.isfinite(values).all():
        return False
    steps = np.diff(values)
    up = steps[steps > 0]
    if up.size < 2:
        return False
    usual = float(np.median(up))
    even = np.abs(steps - usual) <= _RAMP_SPREAD * usual
    if even.mean() > 0.9:
        again = values[1:][steps < 0]
        return again.size == 0 or bool((again <= values.min() + usual).all())
    held = (steps == 0).mean()
    return values.size > 30 and held > 0.5 and bool((steps >= 0).all()) and up.size > 3 and up.std() < 0.2 * up.mean()


def _of_named_sensors(roles: list[ColumnRole], header: Header) -> list[ColumnRole]:
    """Leave out sensors that are not said to be an ECG, where another one is."""
    named = [bool(sensor) and is_known_lead(sensor) for sensor in header.sensors]
    return [
        replace(role, role="other signal", why="another sensor is the ECG")
        if any(named) and role.role == "ECG" and not own
        else role
        for role, own in zip(roles, named or [True] * len(roles), strict=True)
    ]


def _without_flags(roles: list[ColumnRole], facts: Sequence[ColumnFacts]) -> list[ColumnRole]:
    """Leave out columns without a name that say ECG in which nothing happens, if another column has a signal."""
    levels = [np.unique(column.numbers).size for column in facts]
    taken = [k for k, column in enumerate(roles) if column.role == "ECG"]
    lively = [k for k in taken if levels[k] > 4 * _LEVELS or roles[k].why == "named as one"]
    if not lively:
        return roles
    for k in taken:
        if k not in lively and levels[k] <= _LEVELS:
            whole = bool(np.equal(np.mod(facts[k].numbers, 1), 0).all())
            why = "it never changes" if levels[k] == 1 else "it has few values"
            if whole:
                roles[k] = replace(roles[k], role="ignore" if levels[k] == 1 else "event", why=why)
    return roles


def _misnamed(roles: list[ColumnRole], facts: Sequence[ColumnFacts]) -> list[ColumnRole]:
    """Take for an ECG what is named as a heart rate or a sample, if it varies as a signal does."""
    for k, column in enumerate(facts):
        rate = is_rate(column.raw_name) and not _RX_INTERVAL.search(column.raw_name)
        named = rate or (is_time(column.raw_name) and roles[k].role == "ignore")
        if named and np.unique(column.numbers).size > 4 * _LEVELS:
            roles[k] = replace(roles[k], role="ECG", name=f"column {k + 1}", why="it varies as a signal does")
            break
    return roles


def with_choices(
    roles: list[ColumnRole], columns: Sequence[str | int], time_column: str | int | None, raw_names: Sequence[str]
) -> list[ColumnRole]:
    """Apply what the reader chose.

    Parameters
    ----------
    roles : list of ColumnRole
        As `column_roles` gave them.
    columns : sequence of str or int
        The columns that are leads, by name or place from 1; as found if empty.
    time_column : str or int, optional
        The column of times; "none" if there is none, as found if None.
    raw_names : sequence of str
        Names of the columns as the file has them.

    Raises
    ------
    IntakeError
        If there is no such column.
    """
    if time_column is not None:
        wanted = None if time_column in ("none", 0) else place_of(time_column, roles, raw_names)
        for k, column in enumerate(roles):
            if k + 1 == wanted:
                roles[k] = replace(column, role="time", why="chosen")
            elif column.role == "time":
                roles[k] = replace(column, role="ignore", why="another one was chosen")
    if columns:
        places = [place_of(column, roles, raw_names) for column in columns]
        for k, column in enumerate(roles):
            if k + 1 in places:
                roles[k] = replace(column, role="ECG", why="chosen")
            elif column.role == "ECG":
                roles[k] = replace(column, role="ignore", why="another one was chosen")
    return roles


def place_of(column: str | int, roles: Sequence[ColumnRole], raw_names: Sequence[str]) -> int:
    """Return the place of a column from 1: a number is a place, a text a name or, if there is no such name, a place.

    Parameters
    ----------
    column : str or int
        The column.
    roles : sequence of ColumnRole
        Its safe names.
    raw_names : sequence of str
        Its names in the file.

    Raises
    ------
    IntakeError
        If there is no such column.
    """
    if isinstance(column, int):
        if 1 <= column <= len(roles):
            return column
    else:
        word = column.strip().casefold()
        for names in (raw_names, [role.name for role in roles]):
            for k, name in enumerate(names):
                if name and name.strip().casefold() == word:
                    return k + 1
        if word.isdecimal() and 1 <= int(word) <= len(roles):
            return int(word)
    names = ", ".join(f"{role.place} {role.name!r}" for role in roles[:16])
    raise IntakeError(f"The CSV file has no column {str(column)[:40]!r}; it has {names}.")
