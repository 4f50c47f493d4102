"""Columns of times in tables: by the clock where the start of the recording is kept, else elapsed."""

from __future__ import annotations

from datetime import MINYEAR, datetime

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pipeline.wording import clock_words


def time_column(title: str, start: datetime | None) -> ColumnConfig:
    """The column that shows what `pipeline.cases.case.times_in_order` returns; it sorts in order of time."""
    if start is None:
        return st.column_config.TextColumn(title, width="small", help="From the start of the recording")
    day = "" if start.year == MINYEAR else "ddd "
    return st.column_config.DatetimeColumn(
        f"{title} ({clock_words(start).lower()})", width=140, format=f"{day}HH:mm:ss.S"
    )
