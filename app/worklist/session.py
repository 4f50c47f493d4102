"""Typed access to st.session_state for the Worklist page: what is listed, and what was said last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import get_args

import streamlit as st

from app.common import reader
from pipeline.review.states import STUDY_STATES, StudyState
from pipeline.store.studies import UNJUDGED, UNREAD, SortKey, WorklistPage, worklist

_KEY = "heartvision-worklist"
PAGE_SIZE = 25
ANY = "Any"
URGENCIES = MappingProxyType({ANY: UNJUDGED, "Look at once": 1, "Important": 2, "Notable": 3})  # priorities up to it
AGES = MappingProxyType(
    {ANY: timedelta(), "A day": timedelta(days=1), "A week": timedelta(days=7), "A month": timedelta(days=31)}
)
TO_READ = "To read"
FILTERS: MappingProxyType[str, tuple[StudyState, ...]] = MappingProxyType(
    {
        TO_READ: UNREAD,
        **{STUDY_STATES[state].name: (state,) for state in ("new", "in_review", "reopened", "signed")},
        "All": (),
    }
)
_LATEST_FIRST = ("updated", "created", "duration_s")


@dataclass
class WorklistView:
    """What the worklist shows: studies whose state is among `FILTERS[states]` and that match `text`; page from 0."""

    text: str = ""
    urgency: str = ANY
    age: str = ANY
    reader: str = ANY
    states: str = TO_READ
    sort: SortKey = "priority"
    descending: bool = False
    page: int = 0
    uploads: int = 0
    notice: str = ""
    refused: tuple[str, ...] = ()

    def show(self, states: str | None = None, text: str | None = None) -> None:
        """Lists other studies, starting at the first page."""
        self.states = states or self.states
        self.text = self.text if text is None else text
        self.page = 0

    def narrow(self, urgency: str, age: str, reader: str) -> None:
        """Lists only studies so urgent, so young, and read last by this reader."""
        self.urgency, self.age, self.reader, self.page = urgency, age, reader, 0

    @property
    def narrowed(self) -> int:
        """How many of these three filters are in use."""
        return sum(choice != ANY for choice in (self.urgency, self.age, self.reader))

    def sort_by(self, key: str) -> None:
        """Sorts by a column; a second time, in reverse. What is not a column is ignored."""
        for known in get_args(SortKey):
            if key == known:
                self.descending = not self.descending if self.sort == key else key in _LATEST_FIRST
                self.sort, self.page = known, 0

    def turn(self, by: int) -> None:
        """Goes some pages on or back."""
        self.page = max(0, self.page + by)

    def found(self) -> WorklistPage:
        """The studies on the page; the last page there is if this one is beyond it."""
        found = self._ask()
        if not found.studies and found.total:
            self.page = (found.total - 1) // PAGE_SIZE
            found = self._ask()
        return found

    def _ask(self) -> WorklistPage:
        return worklist(
            text=self.text,
            states=FILTERS[self.states],
            last_reader="" if self.reader == ANY else self.reader,
            most_urgent=URGENCIES[self.urgency],
            since=None if self.age == ANY else datetime.now(UTC) - AGES[self.age],
            sort=self.sort,
            descending=self.descending,
            page=self.page,
            page_size=PAGE_SIZE,
            reader=reader.current(),
        )


def view() -> WorklistView:
    """This browser session's worklist."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = WorklistView()
    found: WorklistView = st.session_state[_KEY]
    return found
