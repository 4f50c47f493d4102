"""Analyse: a recording goes in; seen, classified and explained beats come out."""

import streamlit as st

from app import state, work
from app.parts import controls, downloads, explorer, opening, overview
from app.text import plain
from pipeline.errors import EcgError


def _analyse(session: state.Session) -> None:
    """Brings the case up to date with what was chosen, showing progress; a refusal leaves the last case as it was."""
    bar = st.progress(0.0, "Starting")
    try:
        session.network = session.network or work.default_network()
        report = work.throttled(lambda fraction, sentence: bar.progress(fraction, plain(sentence)))
        session.show(work.open_case(session.recording, session.network, session.leads, report))
    except EcgError as error:
        session.refuse(str(error))
    st.rerun()


session = state.session()
opening.show_error(session)
if session.recording is None:
    opening.start(session)
elif not session.is_current:
    _analyse(session)
else:
    controls.choose(session)
    overview.draw(session.case)
    explorer.draw(session)
    downloads.draw(session.case)
