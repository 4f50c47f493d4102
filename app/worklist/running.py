"""The analyses that are under way, whoever asked for them: how far they are, and a way to stop or resume each."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.common import cache, reader, sign_in, steering
from app.common.text import plain
from pipeline.cases import stored_case as work
from pipeline.principal import Principal
from pipeline.store.listing import worklist_stamp
from pipeline.store.recordings import load_recording
from pipeline.wording import percent
from pipeline.worker import Job, JobStatus

EVERY_S = 1.0
IDLE_EVERY_S = 4.0
SHOWN = 6
_ORDER = ("unstarted", "stopped", "refused", "running", "waiting", "cancelled")
_WORDS = {
    "unstarted": "The analysis cannot start; restart the server, or see the worker's log.",
    "stopped": "The analysis stopped unexpectedly after {done}; what was read is kept.",
    "cancelled": "Cancelled after {done}; what was read is kept.",
}


def draw(who: Principal) -> int:
    """The list, which refreshes itself; returns how many analyses there are."""
    found = _jobs()
    active = any(status.state in ("waiting", "running") for _, status in found)
    fragment = st.fragment(_looking, run_every=EVERY_S if active else IDLE_EVERY_S)
    fragment(_seen(found, who))
    return len(found)


def _looking(seen: tuple[object, ...]) -> None:
    """Draws the analyses; when one has come or gone, or a study has changed, the whole page is drawn again.

    So it is when whoever was here has been idle for too long: the page has a door.
    """
    found, who = _jobs(), reader.looking()
    if (sign_in.is_on() and not who) or _seen(found, who) != seen:
        sign_in.refresh()
    if not found:
        return
    st.caption(_counted(found))
    for job, status in found[:SHOWN]:
        _row(job, status, who)
    if len(found) > SHOWN:
        st.caption(f"and {len(found) - SHOWN} more")


def _jobs() -> list[tuple[Job, JobStatus]]:
    """Analyses that need someone come first, then those that run, then those that wait, the shortest first."""
    found = cache.worker().jobs()
    return sorted(
        (pair for pair in found if pair[1].state in _ORDER),
        key=lambda pair: (_ORDER.index(pair[1].state), pair[0].n_samples, pair[0].key),
    )


def _seen(found: list[tuple[Job, JobStatus]], who: Principal) -> tuple[object, ...]:
    return worklist_stamp(reader=who), tuple(sorted((job.key, status.state) for job, status in found))


def _counted(found: list[tuple[Job, JobStatus]]) -> str:
    states = [status.state for _, status in found]
    words = {"running": "running", "waiting": "waiting", "cancelled": "cancelled", "refused": "refused",
             "stopped": "stopped", "unstarted": "not started"}  # fmt: skip
    parts = [f"{states.count(state)} {word}" for state, word in words.items() if state in states]
    return f"**Analyses:** {', '.join(parts)}. They go on when you leave the page."


def _row(job: Job, status: JobStatus, who: Principal) -> None:
    recording = load_recording(job.digest, reader=who)
    name = plain(recording.name) if recording else "a recording that was deleted"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"job-{job.key[:12]}"):
        if status.state in ("waiting", "running"):
            words = f"{name}: {plain(work.progress_words(status))}"
            st.progress(min(max(status.fraction, 0.0), 1.0), words)
            _button("Cancel", "close", job, steering.cancel)
        else:
            st.markdown(f"**{name}** {plain(_sentence(status))}")
            if status.state != "refused":
                _button("Go on", "play_arrow", job, steering.ask)
            _button("Remove", "delete", job, steering.remove)


def _sentence(status: JobStatus) -> str:
    words = _WORDS.get(status.state)
    return status.sentence if words is None else words.format(done=percent(status.fraction))


def _button(label: str, icon: str, job: Job, act: Callable[[Job], None]) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=f"{label}-{job.key[:12]}",
        on_click=act,
        args=(job,),
        disabled=not steering.may_steer(),
        help=steering.why_not(),
    )
