"""Analyse: upload a recording; see its beats classified and explained."""

from dataclasses import replace

import streamlit as st

from app.common import opening, patient, sign_in, steering, theme_change
from app.common import session as state
from models import registry
from pipeline.cases.case import Case
from pipeline.errors import EcgError
from pipeline.store.identities import load_identity
from pipeline.store.recordings import is_stored, open_recording
from pipeline.types import Recording

# What needs SciPy and the networks is imported where it is first used: the first page shows a second earlier.


def _follow_address(session: state.Session) -> None:
    """In a fresh session, opens what the address names; from then on, makes the address name what is open.

    It names a recording by its digest, so that a refresh, or a second tab, opens it again.
    """
    if not session.addressed:
        session.addressed = True
        if session.recording is None and "recording" in st.query_params:
            _open(session)
    wanted = _address(session)
    if {key: st.query_params.get_all(key) for key in st.query_params} != wanted:
        st.query_params.from_dict(wanted)


def _open(session: state.Session) -> None:
    try:
        recording = open_recording(st.query_params["recording"], reader=sign_in.asking())
    except EcgError as error:
        session.refuse(str(error))
        return
    session.open((recording,))
    network, leads = st.query_params.get("network", ""), tuple(st.query_params.get_all("lead"))
    if network in registry.available():
        session.use_network(network)
    if 1 <= len(leads) <= 2 and set(leads) <= set(recording.leads):
        session.use_leads(leads)


def _address(session: state.Session) -> dict[str, list[str]]:
    if session.recording is None:
        return {}
    parts = {"recording": [session.recording.digest], "network": [session.network], "lead": [*(session.leads or ())]}
    return {key: values for key, values in parts.items() if any(values)}


def _renew(session: state.Session) -> None:
    """Takes in who was recorded and when, where that was kept or changed since the recordings were opened."""
    who = sign_in.asking()
    kept = [load_identity(recording.digest, reader=who) or None for recording in session.recordings]
    if any(now != recording.identity for now, recording in zip(kept, session.recordings, strict=True)):
        pairs = zip(session.recordings, kept, strict=True)
        session.renew(tuple(replace(recording, identity=now) for recording, now in pairs))


def _analyse(session: state.Session, recording: Recording) -> None:
    """Shows the stored case, or the worker's progress towards it; a refusal leaves the last case as it was."""
    from app.analyse import waiting
    from pipeline.cases import stored_case as work

    try:
        session.network = session.network or work.default_network()
        case = work.stored_case(recording, session.network, session.leads)
        job = work.job(recording, session.network, session.leads)
        if case is None and session.asked != job:
            steering.ask(job)
            session.asked = job
    except EcgError as error:
        session.refuse(str(error))
        sign_in.run_again()
    if case is None:
        waiting.draw(session, recording, job)
        return
    session.show(case)
    sign_in.run_again()


def _show(session: state.Session, case: Case) -> None:
    """The open case, from what is urgent over the overview down to one beat."""
    from app.analyse import downloads, explorer, measurements, overview, recorder, twelve_leads
    from app.common import page_source
    from pipeline.twelve_leads.layouts import is_sheet

    def read() -> None:
        measurements.draw(session, case)
        recorder.draw(case)

    overview.draw_urgent_statements(case)
    overview.draw(session)
    as_ecg = is_sheet(case.recording.leads)
    explorer.draw(session, read if as_ecg else None)
    if not as_ecg:  # of one or two leads the rhythm comes first
        read()
    page_source.draw(case.recording.digest)
    twelve_leads.draw_comparison(session)
    downloads.draw(case)
    downloads.draw_deletion(session, case)


session = state.session()
_follow_address(session)
if session.recording is not None and not is_stored(session.recording.digest):
    session.close("This recording was deleted from this machine.")
opening.show_error(session)
patient.ask()
_renew(session)
recording, case = session.recording, session.case
if recording is None:
    opening.start(session)
elif case is not None and session.is_current:
    _show(session, case)
else:
    _analyse(session, recording)
theme_change.watch()
