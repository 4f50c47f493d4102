"""The way from a signed study to the next one that waits."""

from __future__ import annotations

import streamlit as st

from app.common import reader
from app.common.text import plain
from pipeline.store.studies import next_study


def link(study_id: int) -> None:
    """A link to the most urgent study that waits to be read; a sentence where none does."""
    found = next_study(study_id, reader=reader.current())
    with st.container(key="review-onward", width="content"):
        if found is None:
            st.caption("No other study waits.", width="content")
            return
        if st.button(
            f"Next study: {plain(found.record)}", icon=":material/arrow_forward:", shortcut="t", type="tertiary",
            key="next-study", help="The most urgent study that waits to be read", wrap=False,
        ):  # fmt: skip
            st.switch_page("review/page.py", query_params={"study": found.token})
