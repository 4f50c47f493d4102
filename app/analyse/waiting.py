"""While the worker reads a recording: how far it is, a way to stop it, and the signal to look at meanwhile."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.common import cache, ecg_chart, opening, sign_in, steering
from app.common.session import Session
from app.common.text import plain
from app.common.theme import palette
from pipeline.cases import stored_case as work
from pipeline.cases.strip_content import BeatMarks, recorded_leads
from pipeline.signal.leads import choose_leads
from pipeline.types import Recording
from pipeline.wording import duration, percent
from pipeline.worker import Job, JobStatus

EVERY_S = 0.5
WINDOW_S = 10.0
CHART = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
NO_MARKS = BeatMarks(np.zeros(0, np.int64), np.zeros(0), (), ())
CANCELLED = "The analysis was cancelled. What was read is kept: opened again, the recording is read on from there."


def draw(session: Session, recording: Recording, job: Job) -> None:
    """Name, progress and signal of a recording that is being analysed, here or for someone else."""
    cache.warm(job.network)  # by the time the beats are there, their heatmaps are a moment away
    st.subheader(plain(recording.name), anchor=False)
    st.caption(f"{duration(recording.duration_s)} · {recording.fs:g} Hz · {plain(', '.join(recording.leads))}")
    _progress(session, job)
    _signal(recording)
    opening.again(session)


@st.fragment(run_every=EVERY_S)
def _progress(session: Session, job: Job) -> None:
    """Looks again every half a second; the rest of the page stays as it is."""
    status = cache.worker().status(job)
    if status.state == "absent":  # finished: the result is stored
        session.asked = None
        sign_in.refresh()
    if status.state == "refused":
        session.refuse(status.sentence)
        sign_in.refresh()
    if status.state in ("waiting", "running"):
        _running(session, job, status)
    else:
        _interrupted(session, job, status)


def _running(session: Session, job: Job, status: JobStatus) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(min(max(status.fraction, 0.0), 1.0), plain(work.progress_words(status)))
        no = steering.why_not()
        if st.button("Cancel", icon=":material/close:", key="cancel", disabled=no is not None, help=no):
            if steering.may_steer():
                steering.cancel(job)
                session.back(CANCELLED)
            else:
                session.refuse(steering.ONLY)
            st.rerun()


def _interrupted(session: Session, job: Job, status: JobStatus) -> None:
    """Cancelled by someone else, or stopped by accident: nothing continues until somebody asks for it."""
    if status.state == "cancelled":
        st.info("The analysis was cancelled; what was read is kept.", icon=":material/info:")
    elif status.state == "unstarted":
        st.error("The analysis cannot start; restart the server, or see the worker's log.", icon=":material/error:")
    else:
        st.error(
            f"The analysis stopped unexpectedly after {percent(status.fraction)}; what was read is kept.",
            icon=":material/error:",
        )
    with st.container(horizontal=True, gap="small"):
        no = steering.why_not()
        if st.button(
            "Go on", icon=":material/play_arrow:", key="go-on", type="primary", disabled=no is not None, help=no
        ):
            steering.ask(job)
            st.rerun(scope="fragment")
        if st.button("Back", icon=":material/arrow_back:", key="back"):
            session.back()
            st.rerun()


@st.fragment
def _signal(recording: Recording) -> None:
    """The signal as it was recorded; the letters come with the analysis."""
    latest = recording.duration_s - WINDOW_S
    start = st.slider("From the start", 0.0, latest, 0.0, WINDOW_S / 2, "%.0f s", key="preview") if latest > 0 else 0.0
    leads = recorded_leads(recording, choose_leads(recording.leads), start, start + WINDOW_S)
    figure = ecg_chart.strip(leads, NO_MARKS, palette(), start_s=start, window_s=WINDOW_S)
    st.plotly_chart(figure, key="preview-strip", theme=None, config=CHART, width=1280, alt="ECG strip")
