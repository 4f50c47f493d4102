"""Analyse: a recording goes in; seen, classified and explained beats come out."""

import streamlit as st

from app import address, state
from app.parts import opening
from pipeline.errors import EcgError

# What needs SciPy and the networks is imported where it is first used: the first page is there a second earlier.


def _analyse(session: state.Session) -> None:
    """Shows the stored case, or the worker's progress towards it; a refusal leaves the last case as it was."""
    from app import work
    from app.parts import waiting

    recording = session.recording
    try:
        session.network = session.network or work.default_network()
        case = work.stored_case(recording, session.network, session.leads)
        job = work.job(recording, session.network, session.leads)
    except EcgError as error:
        session.refuse(str(error))
        st.rerun()
    if case is None:
        waiting.draw(session, recording, job)
        return
    session.show(case)
    st.rerun()


def _show(session: state.Session) -> None:
    """The open case, from the overview down to one beat."""
    from app.parts import controls, downloads, explorer, overview, review_open

    controls.choose(session)
    overview.draw(session.case)
    review_open.offer(session.case)
    explorer.draw(session)
    downloads.draw(session.case)


session = state.session()
address.follow(session)
opening.show_error(session)
if session.recording is None:
    opening.start(session)
elif session.is_current:
    _show(session)
else:
    _analyse(session)
