"""Serial comparison: another recording of the same patient beside this one, beat over beat and number by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from app.analyse import median_beat
from app.common import cache, ecg_sheet, median_svg, sign_in
from app.common.safe_table import safe_table
from app.common.session import Session
from app.common.text import plain
from app.common.theme import palette
from pipeline.cases import stored_case as work
from pipeline.cases.case import Case
from pipeline.errors import EcgError
from pipeline.intake.formats.table import format_list
from pipeline.store.recordings import open_recording, save_recording
from pipeline.store.studies import worklist
from pipeline.twelve_leads.layouts import is_sheet
from pipeline.twelve_leads.serial import Change, changes, st_changes, statement_changes
from pipeline.types import Recording
from pipeline.wording import UNDEFINED, duration

EVERY_S = 0.5
_KEY = "heartvision-comparison"
STUDIES = 200  # of the worklist, the latest
OLD = "was analysed by an earlier version: open it again to have its intervals and statements."


@dataclass
class Comparing:
    """What survives reruns: whether another recording is shown beside the open one, and those that were read for it."""

    shown: bool = False
    read: tuple[Recording, ...] = ()
    error: str = ""
    pick: str = ""  # the recording to choose next

    def show(self) -> None:
        """Show the choice of the other recording."""
        self.shown = True


def _comparing() -> Comparing:
    found: Comparing = st.session_state.setdefault(_KEY, Comparing())
    return found


def draw(session: Session) -> None:
    """A button that opens the comparison, then the choice of the other recording, then both."""
    case = session.case
    if case is None or not is_sheet(case.recording.leads):
        return
    st.subheader("Serial comparison", anchor=False)
    comparing = _comparing()
    if not comparing.shown:
        st.caption("Another recording of the same patient beside this one: median beats over each other, differences.")
        st.button("Compare with another recording", icon=":material/compare:", key="compare", on_click=comparing.show)
        return
    other = _chosen(session, comparing, case)
    if other is not None:
        _both(session, case, other)


def _chosen(session: Session, comparing: Comparing, case: Case) -> Case | None:
    """The other recording, analysed; None while none is chosen, or the worker reads it."""
    if comparing.pick:
        st.session_state["compared"], comparing.pick = comparing.pick, ""
    names = _names((*comparing.read, *session.recordings), case.recording.digest)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        digest = st.selectbox(
            "The earlier recording", list(names), index=None, key="compared", width=420,
            placeholder="a recording of the worklist, or one that was opened here", format_func=lambda key: names[key],
        )  # fmt: skip
        with st.popover("Open files", icon=":material/folder_open:", key=f"compare-open-{len(comparing.read)}"):
            _upload(comparing)
    if comparing.error:
        st.error(plain(comparing.error), icon=":material/error:")
    if digest is None:
        return None
    try:
        recording = open_recording(digest, reader=sign_in.asking())
        found = work.stored_case(recording, session.network, None)
        if found is None:
            _wait(session, recording)
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    return found


def _names(opened: tuple[Recording, ...], digest: str) -> dict[str, str]:
    """Recordings to choose from, by digest: those that were opened here, then those of the worklist."""
    found = {one.digest: f"{one.name} · {duration(one.duration_s)} · opened here" for one in opened}
    for study in worklist(sort="updated", descending=True, page_size=STUDIES, reader=sign_in.asking()).studies:
        words = f"{study.record} · {duration(study.duration_s)} · {study.updated:%Y-%m-%d}"
        found.setdefault(study.digest, words)
    return {key: words for key, words in found.items() if key != digest}


def _upload(comparing: Comparing) -> None:
    uploads = st.file_uploader(
        "WFDB (.hea and .dat), a file of another format, or a .zip", accept_multiple_files=True,
        key=f"compare-upload-{len(comparing.read)}", help=f"{format_list()}. What a file is, is told from its content.",
    )  # fmt: skip
    if not uploads or not st.button("Read", key="compare-read", type="primary"):
        return
    comparing.error = ""
    try:
        files = [(upload.name, upload.getvalue()) for upload in uploads]
        opened = cache.intake().read(files)
        read = tuple(save_recording(one, reader=sign_in.asking()) for one in opened.recordings)
    except EcgError as error:
        comparing.error = str(error)
    else:
        comparing.read = (*comparing.read, *read)
        comparing.pick = read[0].digest
        comparing.error = " ".join(refused.sentence for refused in opened.refused)
    st.rerun()


@st.fragment(run_every=EVERY_S)
def _wait(session: Session, recording: Recording) -> None:
    """Ask the worker for the analysis and look again until it is there."""
    job = work.job(recording, session.network, None)
    try:
        status = cache.worker().status(job)
        if status.state == "absent" and work.stored_case(recording, session.network, None) is None:
            cache.worker().ask(job)
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if work.stored_case(recording, session.network, None) is not None:
        sign_in.refresh()
    if status.state == "refused":
        st.error(plain(status.sentence), icon=":material/error:")
        return
    st.progress(min(max(status.fraction, 0.0), 1.0), plain(work.progress_words(status)))


def _both(session: Session, case: Case, other: Case) -> None:
    """Medians over each other per lead, then the two tables."""
    here = median_beat.stretch(case, session.viewport.start_s + session.viewport.window_s / 2)
    there = median_beat.stretch(other, 0.0)
    if here is not None and there is not None and here.beat is not None and there.beat is not None:
        colours = palette()
        curves = [
            median_svg.Curve(there.beat, colours.classes["V"]),
            median_svg.Curve(here.beat, colours.trace),
        ]
        leads = tuple(dict.fromkeys((*here.beat.leads, *there.beat.leads)))
        ecg_sheet.draw(
            median_svg.side_by_side(curves, {}, colours, leads), f"serial-{other.recording.digest[:8]}",
            label="Median beats of both recordings over each other",
        )  # fmt: skip
        st.caption(
            f"Orange: {plain(other.recording.name)}, {there.beat.beats} beats. Black or white: "
            f"{plain(case.recording.name)}, {here.beat.beats} beats. R peaks over each other."
        )
    else:
        st.caption(median_beat.NO_BEAT)
    _tables(case, other)


def _tables(case: Case, other: Case) -> None:
    now, before = case.analysis.measured, other.analysis.measured
    if now is None or before is None:
        st.caption(f"{plain((other if now else case).recording.name)} {OLD}")
        return
    titles = (other.recording.name, case.recording.name)
    left, right = st.columns(2)
    with left:
        st.dataframe(safe_table(_table(changes(before, now), titles)), hide_index=True, width="stretch")
        with st.expander("ST levels 60 ms after the J point", icon=":material/table_chart:"):
            st.dataframe(safe_table(_table(st_changes(before, now), titles)), hide_index=True, width="stretch")
    with right:
        found = statement_changes(before, now)
        rows = [{"Statement": one.statement.text, "": one.fate, "Evidence": one.statement.evidence} for one in found]
        if rows:
            st.dataframe(safe_table(pd.DataFrame(rows)), hide_index=True, width="stretch")
        else:
            st.caption("No statement in either recording.")
        st.caption("New: in this recording only. Gone: in the earlier one only.")


def _table(rows: Sequence[Change], titles: tuple[str, str]) -> pd.DataFrame:
    """One row per measure: the earlier value, this one, and the difference with its sign."""
    earlier, later = titles if titles[0] != titles[1] else (f"{titles[0]} (earlier)", f"{titles[1]} (this)")
    return pd.DataFrame(
        [
            {
                "Measure": one.name,
                earlier: written(one.earlier, one),
                later: written(one.later, one),
                "Difference": written(one.difference, one, signed=True),
            }
            for one in rows
        ]
    )


def written(value: float | None, change: Change, *, signed: bool = False) -> str:
    """A value with its unit, or a dash."""
    if value is None:
        return UNDEFINED
    space = "" if change.unit in ("°", "/min") else " "
    return f"{value:{'+' if signed else ''}.{change.digits}f}{space}{change.unit}"
