"""Which recording, which network, which leads."""

from __future__ import annotations

import streamlit as st

from app.common import opening
from app.common.session import Session
from models import registry

NO_LEAD = "none"


def choose(session: Session) -> None:
    """Which of the opened recordings, the network and leads behind a button, and another recording."""
    recording = session.recording
    if recording is None:
        return
    if len(session.recordings) > 1:
        _recordings(session)
    with st.popover("Network and leads", icon=":material/tune:", type="tertiary"):
        _networks(session)
        _leads(session)
    opening.again(session)


def _recordings(session: Session) -> None:
    names = [recording.name for recording in session.recordings]
    key = f"recording-{session.uploads}"
    st.selectbox(
        f"Recording ({session.chosen + 1} of {len(names)})",
        range(len(names)),
        index=session.chosen,
        format_func=lambda i: names[i],
        key=key,
        on_change=lambda: session.choose(st.session_state[key]),
        label_visibility="collapsed",
        width=200,
    )


def _networks(session: Session) -> None:
    names = registry.available()
    key = f"network-{session.uploads}"
    st.selectbox(
        "Network",
        names,
        index=names.index(session.network) if session.network in names else 0,
        format_func=lambda name: registry.manifest(name).title,
        key=key,
        on_change=lambda: session.use_network(st.session_state[key]),
        width=300,
    )


def _leads(session: Session) -> None:
    recording, used = session.recording, session.leads_used
    if recording is None or not used:
        return
    first, second = used[0], used[1] if len(used) > 1 else NO_LEAD
    generation = f"{session.uploads}-{session.chosen}"
    keys = (f"lead-1-{generation}", f"lead-2-{generation}")

    def changed() -> None:
        main, other = (st.session_state[key] for key in keys)
        session.use_leads((main,) if other in (NO_LEAD, main) else (main, other))

    st.selectbox(
        "First lead", recording.leads, index=recording.leads.index(first), key=keys[0], on_change=changed, width=130
    )
    rest = [NO_LEAD, *(lead for lead in recording.leads if lead != first)]
    st.selectbox("Second lead", rest, index=rest.index(second), key=keys[1], on_change=changed, width=130)
