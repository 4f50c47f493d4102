"""Columns of times in tables: by the clock where the start of the recording is kept, else elapsed."""

from __future__ import annotations

from datetime import MINYEAR, datetime

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.common.text import plain
from pipeline.errors import IntakeError
from pipeline.typed_times import read_clock
from pipeline.types import Recording
from pipeline.wording import clock_text, clock_words

TIME_HELP = "h:mm:ss: by the clock where the recording has a start, otherwise since it began"


def time_column(title: str, start: datetime | None) -> ColumnConfig:
    """The column that shows what `pipeline.cases.case.times_in_order` returns; it sorts in order of time."""
    if start is None:
        return st.column_config.TextColumn(title, width="small", help="From the start of the recording")
    day = "" if start.year == MINYEAR else "ddd "
    return st.column_config.DatetimeColumn(
        f"{title} ({clock_words(start).lower()})", width=140, format=f"{day}HH:mm:ss.S"
    )


def field_text(time_s: float, recording: Recording) -> str:
    """What stands in a `time_field` for a time."""
    return clock_text(time_s, recording.start, tenths=True, hours=True)


def time_field(label: str, key: str, recording: Recording, *, width: int = 150) -> float | None:
    """A field for a time of the recording, in seconds from its start; None, with the reason, where it is no such time.

    Parameters
    ----------
    label, key : str
        What it is called; its name in the session, where `field_text` was put.
    recording : Recording
        The recording.
    width : int, optional
        Of the field, pixels.
    """
    text = st.text_input(label, key=key, width=width, help=TIME_HELP)
    try:
        return read_clock(text, recording.start, duration_s=recording.duration_s)
    except IntakeError as error:
        st.caption(f":red[{plain(str(error))}]", width="content")
        return None
