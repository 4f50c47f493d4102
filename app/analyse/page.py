"""Analyse: upload a recording; see its beats classified and explained."""

import streamlit as st

from app.analyse import address
from app.common import opening
from app.common import session as state
from pipeline.cases.case import Case
from pipeline.errors import EcgError
from pipeline.types import Recording

# What needs SciPy and the networks is imported where it is first used: the first page shows a second earlier.


def _analyse(session: state.Session, recording: Recording) -> None:
    """Shows the stored case, or the worker's progress towards it; a refusal leaves the last case as it was."""
    from app.analyse import waiting
    from pipeline.cases import stored_case as work

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


def _show(session: state.Session, case: Case) -> None:
    """The open case, from the overview down to one beat."""
    from app.analyse import controls, downloads, explorer, overview, to_review

    controls.choose(session)
    overview.draw(case)
    to_review.offer(case)
    explorer.draw(session)
    downloads.draw(case)


session = state.session()
address.follow(session)
opening.show_error(session)
recording, case = session.recording, session.case
if recording is None:
    opening.start(session)
elif case is not None and session.is_current:
    _show(session, case)
else:
    _analyse(session, recording)
