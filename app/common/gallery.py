"""The demo recordings to choose from: what is to be seen in each, and a page of paper."""

from __future__ import annotations

import streamlit as st

from app.common import sign_in
from app.common.session import Session
from pipeline.datasets import DEMOS, Demo
from pipeline.errors import EcgError
from pipeline.intake import read_path
from pipeline.store.recordings import save_recording


def draw(session: Session, key: str) -> None:
    """One button for each recording, the first one in colour."""
    first, *others = DEMOS
    st.button(
        "Open the demo recording", type="primary", icon=":material/play_arrow:", key=f"demo-{key}", on_click=_open,
        args=(session, first),
    )  # fmt: skip
    st.caption(f"{first.source}; or another one:")
    with st.container(horizontal=True, gap="small"):
        for demo in others:
            st.button(
                demo.title, key=f"demo-{key}-{demo.name}", help=demo.source, on_click=_open, args=(session, demo),
                wrap=False,
            )  # fmt: skip
        if st.button("A page of paper", key=f"demo-{key}-page", help="Twelve leads of LUDB record 10 as a page"):
            st.session_state["page-sample"] = True  # the switch of that page
            st.switch_page("ecg_page/page.py")


def _open(session: Session, demo: Demo) -> None:
    try:
        session.open((save_recording(read_path(demo.path), reader=sign_in.asking()),))
    except EcgError as error:
        session.refuse(str(error))
