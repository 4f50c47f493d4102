"""The rhythm of a recording in words: a legend of what there is, its times and shares, and its episodes to go to."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import datetime

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.common.safe_table import safe_table
from app.common.theme import palette
from app.common.times import time_column
from pipeline.cases.case import times_in_order
from pipeline.rhythm_names import RHYTHM_NAMES, rhythm_name, rhythm_times
from pipeline.types import Episode
from pipeline.wording import clock_text, duration, percent, share

SHOWN_MAX = 500  # episodes in the table: the band shows all
NONE = "No rhythm was kept: this recording was analysed by an earlier version. Analyse it again to see its rhythm."
WIDTHS: dict[str, ColumnConfig | str | None] = {
    **{name: st.column_config.Column(width="small") for name in ("Share", "Time", "Start", "Length", "Confidence")},
    "Episodes": st.column_config.NumberColumn(width=70),
}
Jump = Callable[[float], None]


def legend(episodes: tuple[Episode, ...]) -> None:
    """The colours of the rhythms that occur, the most urgent first."""
    colours, parts = palette(), []
    for time in rhythm_times(episodes):
        fill, ink = colours.rhythms[time.rhythm]
        name, title = html.escape(time.called.name), f"{duration(time.seconds)}, {share(time.share)}"
        parts.append(
            f'<span style="background:{fill};color:{ink};border-radius:3px;padding:1px 7px;white-space:nowrap" '
            f'title="{title}">{name} {share(time.share)}</span>'
        )
    if parts:
        style = "display:flex;flex-wrap:wrap;gap:4px;font-size:12.5px;line-height:1.5"
        st.html(f'<div style="{style}" role="note" aria-label="Rhythms">{"".join(parts)}</div>')


def tables(
    episodes: tuple[Episode, ...], *, key: str, jump: Jump, beside: bool = True, start: datetime | None = None
) -> None:
    """Time and share of each rhythm, and its episodes; a row leads to where it begins.

    Parameters
    ----------
    episodes : tuple of Episode
        Episodes in order, which cover the recording.
    key : str
        Names the tables in the session, new whenever an old click is to be forgotten.
    jump : callable
        Goes to a time, in seconds.
    beside : bool, optional
        Whether there is room for both tables side by side.
    start : datetime, optional
        When the recording began, so that times are of the clock.
    """
    if not episodes:
        st.caption(NONE)
        return
    left, right = st.columns(2, gap="medium") if beside else (st.container(), st.container())
    times = rhythm_times(episodes)
    with left:
        frame = pd.DataFrame(
            {
                "Rhythm": [time.called.name for time in times],
                "Share": [share(time.share) for time in times],
                "Time": [duration(time.seconds) for time in times],
                "Episodes": [time.count for time in times],
                "Longest": [
                    f"{duration(time.longest.seconds)} at {_when(time.longest.start_s, start)}" for time in times
                ],
            }
        )
        _table(frame, [time.longest.start_s for time in times], f"{key}-times", jump, "Time and share of each rhythm")
        st.caption("Tick a row to go to the longest episode.")
    order = {code: number for number, code in enumerate(RHYTHM_NAMES)}
    listed = [episode for episode in episodes if episode.rhythm != "N"]
    listed = sorted(listed, key=lambda episode: (order[episode.rhythm], episode.start_s))[:SHOWN_MAX]
    with right:
        frame = pd.DataFrame(
            {
                "Start": times_in_order(np.array([episode.start_s for episode in listed], float), start),
                "Rhythm": [rhythm_name(episode).name for episode in listed],
                "Length": [duration(episode.seconds) for episode in listed],
                "Confidence": [percent(episode.confidence) for episode in listed],
                "What says so": [episode.evidence for episode in listed],
            }
        )
        if not listed:
            st.caption("Nothing but sinus rhythm was found.")
            return
        _table(frame, [episode.start_s for episode in listed], f"{key}-list", jump, "Episodes of rhythm", start)
        st.caption("All episodes but sinus rhythm, the most urgent first; tick one to go to its start.")


def _when(time_s: float, start: datetime | None) -> str:
    return clock_text(time_s, start, tenths=True)


def _table(
    frame: pd.DataFrame, starts: list[float], key: str, jump: Jump, alt: str, start: datetime | None = None
) -> None:
    def picked() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            jump(starts[rows[0]])

    st.dataframe(
        safe_table(frame), key=key, on_select=picked, selection_mode="single-row", hide_index=True, alt=alt,
        height="content" if len(frame) < 9 else 320, column_config=WIDTHS | {"Start": time_column("Start", start)},
    )  # fmt: skip
