"""Analyse: a recording goes in; seen, classified and explained beats come out."""

import streamlit as st

from app import state
from app.parts import opening
from app.text import plain
from pipeline.errors import EcgError

# What needs SciPy and the networks is imported where it is first used: the first page is there a second earlier.


def _analyse(session: state.Session) -> None:
    """Brings the case up to date with what was chosen, showing progress; a refusal leaves the last case as it was."""
    bar = st.progress(0.0, "Starting")
    from app import work

    try:
        session.network = session.network or work.default_network()
        report = work.throttled(lambda fraction, sentence: bar.progress(fraction, plain(sentence)))
        session.show(work.open_case(session.recording, session.network, session.leads, report))
    except EcgError as error:
        session.refuse(str(error))
    st.rerun()


def _show(session: state.Session) -> None:
    """The open case, from the overview down to one beat."""
    from app.parts import controls, downloads, explorer, overview

    controls.choose(session)
    overview.draw(session.case)
    explorer.draw(session)
    downloads.draw(session.case)


session = state.session()
opening.show_error(session)
if session.recording is None:
    opening.start(session)
elif session.is_current:
    _show(session)
else:
    _analyse(session)
