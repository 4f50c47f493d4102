"""What is asked about a table before it is read: what its columns are, and what it does not say itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app.common.text import plain
from pipeline.config import DEFAULT
from pipeline.intake import TABLE_ENDINGS, ColumnRole, CsvOptions, CsvTable, describe_csv, file_ending, is_archive
from pipeline.intake.csv_roles import ROLES

UNITS = {"mV": "mV", "µV": "uV", "V": "V", "arbitrary (no gain known)": "none"}
_AS_STATED, _CHOOSE = "as the device states it", "choose what the device states"
_COLUMN, _ROLE = "Column", "Taken as"
Files = Sequence[tuple[str, bytes]]


@dataclass(frozen=True)
class Answers:
    """What was answered about the tables of an upload.

    Attributes
    ----------
    options : CsvOptions
        For the reader.
    missing : str
        The sentence that asks for what neither the file nor the visitor says, "" if nothing is missing.
    """

    options: CsvOptions
    missing: str = ""


def ask(files: Files, key: str) -> Answers:
    """Show what the only table of an upload is taken for, and ask for what it does not say.

    With several tables, or an archive, what is stated holds for those that do not say it themselves.

    Parameters
    ----------
    files : sequence of (str, bytes)
        The upload.
    key : str
        Begins the keys of the widgets.

    Raises
    ------
    EcgError
        If the only table cannot be read.
    """
    table = described(files)
    edited = None if table is None else _columns(table, key)
    if table is not None and (said := _said(table)):
        st.caption(said)
    fs = None if table is not None and table.fs is not None else _rate(key)
    unit = None if table is not None and table.unit is not None else _unit(key)
    if table is None:
        return Answers(CsvOptions(fs, unit))
    return Answers(chosen(table, edited, fs, unit), _missing(table, fs, unit))


def described(files: Files) -> CsvTable | None:
    """What the only table of an upload says about itself; None if there are others, or an archive that holds them."""
    tables = [payload for name, payload in files if file_ending(name) in TABLE_ENDINGS]
    archives = [name for name, payload in files if is_archive(name, payload)]
    return describe_csv(tables[0]) if len(tables) == 1 and not archives else None


def chosen(table: CsvTable, edited: pd.DataFrame | None, fs: float | None, unit: str | None) -> CsvOptions:
    """The options that a corrected table of columns stands for; columns are stated only where they were corrected.

    Parameters
    ----------
    table : CsvTable
        What the file says.
    edited : pandas.DataFrame, optional
        One row per column, with its corrected role.
    fs : float, optional
        Sampling frequency that was stated, Hz.
    unit : str, optional
        Unit that was stated.
    """
    roles = [column.role for column in table.columns] if edited is None else edited[_ROLE].tolist()
    if roles == [column.role for column in table.columns]:
        return CsvOptions(fs, unit)
    times = [place for place, role in enumerate(roles, 1) if role == "time"]
    return CsvOptions(
        fs,
        unit,
        tuple(place for place, role in enumerate(roles, 1) if role == "ECG"),
        times[0] if times else "none",
    )


def _columns(table: CsvTable, key: str) -> pd.DataFrame:
    """The table of columns; what each is taken for can be corrected."""
    rows = pd.DataFrame(
        {
            _COLUMN: [f"{column.place}: {column.name}" for column in table.columns],
            _ROLE: [column.role for column in table.columns],
            "Unit": [_shown_unit(column) for column in table.columns],
            "Why": [column.why for column in table.columns],
        }
    )
    return st.data_editor(
        rows,
        hide_index=True,
        disabled=[_COLUMN, "Unit", "Why"],
        column_config={_ROLE: st.column_config.SelectboxColumn(options=list(ROLES), required=True)},
        key=f"{key}-columns",
    )


def _shown_unit(column: ColumnRole) -> str:
    if column.role != "ECG":
        return ""
    return {"uV": "µV", "none": "arbitrary", "": "not stated"}.get(column.unit, column.unit)


def _said(table: CsvTable) -> str:
    """What the file says itself, in a sentence."""
    rate = "" if table.fs is None else f"{table.fs:g} Hz"
    unit = {"uV": "µV", "none": "arbitrary units"}.get(table.unit or "", table.unit or "")
    found = " and ".join(part for part in (rate, unit) if part)
    return f"The file says {plain(found)}; correct above what a column is taken for." if found else ""


def _rate(key: str) -> float | None:
    fs = st.number_input(
        "Sampling frequency (Hz)",
        min_value=DEFAULT.limits.fs_min_hz,
        max_value=DEFAULT.limits.fs_max_hz,
        value=None,
        placeholder=f"{_AS_STATED}, for example 360",
        key=f"{key}-fs",
    )
    return None if fs is None else float(fs)


def _unit(key: str) -> str | None:
    unit = st.selectbox("Unit of the values", list(UNITS), index=None, placeholder=_CHOOSE, key=f"{key}-unit")
    return None if unit is None else UNITS[unit]


def _missing(table: CsvTable, fs: float | None, unit: str | None) -> str:
    rate, scale = table.fs is None and fs is None, table.unit is None and unit is None
    if rate and scale:
        return "State the sampling frequency and the unit: they are not in the file and are never guessed."
    if rate or scale:
        return f"State the {'sampling frequency' if rate else 'unit'}: it is not in the file and is never guessed."
    return ""
