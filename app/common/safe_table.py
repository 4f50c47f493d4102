"""Tables on the page that can be taken away as CSV: text of others begins no formula there."""

from __future__ import annotations

import re
from typing import Final

import pandas as pd

from pipeline.export.analysis_files import safe_cell

_SIGNED: Final = re.compile(r"[+-]\d+(\.\d+)? ?(/min|ms|mV|°|%|s|h)", re.ASCII)


def safe_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with an apostrophe before every text, and every column's name, that a spreadsheet would run.

    Streamlit's own button above a table writes its cells as they are. A signed number with its unit is no formula.
    """
    plain = table.map(lambda value: value if _is_signed(value) else safe_cell(value))
    return plain.rename(columns={name: safe_cell(name) for name in plain.columns})


def _is_signed(value: object) -> bool:
    return isinstance(value, str) and _SIGNED.fullmatch(value) is not None
