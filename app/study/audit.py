"""The audit trail: who did what and when, what it was before and after, and what the model had said."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from itertools import groupby

import pandas as pd
import streamlit as st

from app.common.safe_table import safe_table
from pipeline.export import table_bytes
from pipeline.export.analysis_files import safe_cell
from pipeline.labels import NOT_CLASSIFIED
from pipeline.principal import Principal
from pipeline.review.beats_in_force import ABSENT, REJECTED, UNCLASSIFIED
from pipeline.review.decisions import RULING_KINDS
from pipeline.store.access import export
from pipeline.store.log import Entry
from pipeline.wording import clock_text, clock_words

LETTERS = {ABSENT: "no beat", UNCLASSIFIED: NOT_CLASSIFIED, REJECTED: "artefact"}
WHEN = "When (UTC)"
HEADER = (
    *("when_utc", "who", "reading", "version", "event", "kind", "what", "beats", "from", "to", "model", "class"),
    *("text", "model_version", "samples"),
)


def draw(entries: tuple[Entry, ...], name: str, fs: float, who_asks: Principal, start: datetime | None = None) -> None:
    """The entries that were chosen, the latest first, and all of them as CSV."""
    if not entries:
        st.info("Nothing was done yet.", icon=":material/info:")
        return
    people = list(dict.fromkeys(entry.who for entry in entries))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        who = st.multiselect("Who", people, key="audit-who", placeholder="everybody", width=260)
        text = st.text_input("Search", key="audit-text", placeholder="sign, V, comment ...", width=220)
        st.download_button(
            "CSV", partial(_taken, entries, name, who_asks), disabled=not who_asks.holds("export"),
            file_name=f"{name}-audit.csv", mime="text/csv", key="audit-csv",
            icon=":material/download:", on_click="ignore", help="The whole audit trail, with every sample.",
        )  # fmt: skip
    chosen = filtered(entries, frozenset(who), text)
    st.dataframe(
        safe_table(table(chosen[::-1], fs, start)), hide_index=True, height="content" if len(chosen) < 12 else 460,
        key="audit-table",
        column_config={
            WHEN: st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss"),
            "What": st.column_config.TextColumn(width="medium"),
            "At": st.column_config.TextColumn(help=f"The first of the beats: {clock_words(start).lower()} time."),
            "Text": st.column_config.TextColumn(width="medium"),
        },
    )  # fmt: skip
    st.caption(
        f"{len(chosen)} of {len(entries)} entries. Entries are added and never removed, each linked to "
        "the one before by a hash; an erasure masks names in them. What is changed past the application is said above."
    )


def _taken(entries: tuple[Entry, ...], name: str, who_asks: Principal) -> bytes:
    export(who_asks, "", f"audit trail of {name}")
    return as_csv(entries)


def filtered(entries: tuple[Entry, ...], who: frozenset[str], text: str) -> tuple[Entry, ...]:
    """Entries of these people (of all, if none is named) in which every word of `text` occurs, in any case."""
    words = text.casefold().split()
    return tuple(
        entry for entry in entries if (not who or entry.who in who) and all(word in _searched(entry) for word in words)
    )


def table(entries: tuple[Entry, ...], fs: float, start: datetime | None = None) -> pd.DataFrame:
    """One row per entry; times are of the clock if the recording began at `start`."""
    return pd.DataFrame(
        {
            WHEN: pd.to_datetime([entry.at for entry in entries], utc=True),
            "Who": [safe_cell(entry.who) for entry in entries],  # the table can be downloaded as CSV
            "What": [entry.sentence() for entry in entries],
            "At": [clock_text(entry.samples[0] / fs, start, tenths=True) if entry.samples else "" for entry in entries],
            "From": [_answer(entry, entry.before) for entry in entries],
            "To": [_answer(entry, entry.after) for entry in entries],
            "Model": [_answer(entry, entry.model) for entry in entries],
            "Text": [safe_cell(entry.text) for entry in entries],
            "Reading": ["second" if entry.reading == "second" else "first" for entry in entries],
            "Version": [entry.seq for entry in entries],
            "Model version": [entry.model_version for entry in entries],
        }
    )


def _answer(entry: Entry, said: str) -> str:
    """What was in force: classes of beats, or the rhythm in words."""
    return said if entry.kind in RULING_KINDS else letters(said)


def letters(classes: str) -> str:
    """Classes of many beats in few words: V, or N ×3, V ×2."""
    counted = [(letter, len(list(same))) for letter, same in groupby(sorted(classes))]
    if len(counted) == 1:
        return LETTERS.get(counted[0][0], counted[0][0])
    return ", ".join(f"{LETTERS.get(letter, letter)} ×{n}" for letter, n in counted)


def as_csv(entries: tuple[Entry, ...]) -> bytes:
    """All entries as a table that no spreadsheet runs as a formula; classes with one letter per sample."""
    rows = [
        (
            *(entry.at.isoformat(timespec="milliseconds"), entry.who, entry.reading, entry.seq, entry.event),
            *(entry.kind, entry.sentence(), len(entry.samples), entry.before, entry.after, entry.model, entry.aami),
            *(entry.text, entry.model_version, " ".join(map(str, entry.samples))),
        )
        for entry in entries
    ]
    return table_bytes(HEADER, rows)


def _searched(entry: Entry) -> str:
    return " ".join((entry.who, entry.sentence(), entry.text, entry.event, _answer(entry, entry.after))).casefold()
