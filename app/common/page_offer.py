"""A picture or PDF that was given where recordings are read: one click takes it to the page that reads paper."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.common.session import Session
from app.common.text import plain
from pipeline.intake.content import may_be_page

PagePart = tuple[str, bytes]


def page_among(files: Sequence[PagePart]) -> PagePart | None:
    """The first file of an upload that may be a page of paper."""
    return next((file for file in files if may_be_page(file[1])), None)


def offer(session: Session, key: str) -> None:
    """The way to the page that reads paper, where something was given that it can read."""
    if session.page is not None and st.button(
        f"Read {plain(session.page[0])} on the page 12-lead page", type="primary", icon=":material/document_scanner:",
        key=f"{key}-read-page",
    ):  # fmt: skip
        st.switch_page("ecg_page/page.py")
