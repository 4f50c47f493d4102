"""Tables on the page that can be taken away as CSV: text of others begins no formula there."""

from __future__ import annotations

import pandas as pd

from pipeline.export.analysis_files import safe_cell


def safe_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with an apostrophe before every text, and every column's name, that a spreadsheet would run.

    Streamlit's own button above a table writes its cells as they are.
    """
    plain = table.map(safe_cell)
    return plain.rename(columns={name: safe_cell(name) for name in plain.columns})
