"""The page's address names the open recording by its digest, so that a refresh, or a second tab, opens it again."""

from __future__ import annotations

import streamlit as st

from app.common.session import Session
from models import registry
from pipeline.errors import DataError
from pipeline.store.recordings import open_recording


def follow(session: Session) -> None:
    """In a fresh session, opens what the address names; from then on, makes the address name what is open."""
    if not session.addressed:
        session.addressed = True
        if session.recording is None and "recording" in st.query_params:
            _open(session)
    wanted = _address(session)
    if {key: st.query_params.get_all(key) for key in st.query_params} != wanted:
        st.query_params.from_dict(wanted)


def _open(session: Session) -> None:
    try:
        recording = open_recording(st.query_params["recording"])
    except DataError as error:
        session.refuse(str(error))
        return
    session.open((recording,))
    network, leads = st.query_params.get("network", ""), tuple(st.query_params.get_all("lead"))
    if network in registry.available():
        session.use_network(network)
    if 1 <= len(leads) <= 2 and set(leads) <= set(recording.leads):
        session.use_leads(leads)


def _address(session: Session) -> dict[str, list[str]]:
    if session.recording is None:
        return {}
    parts = {"recording": [session.recording.digest], "network": [session.network], "lead": [*(session.leads or ())]}
    return {key: values for key, values in parts.items() if any(values)}
