"""The result to take away: what the model found, not a diagnosis."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import streamlit as st

from app.common import sign_in
from app.common.session import Session
from app.common.text import plain
from pipeline.cases.case import Case
from pipeline.errors import EcgError
from pipeline.export import ANNOTATOR, write_analysis_json, write_atr, write_csv, write_rhythm_csv
from pipeline.principal import Principal
from pipeline.types import Analysis

Writer = Callable[[Analysis, Path], Path]


def draw(case: Case) -> None:
    """JSON, tables of beats and rhythm, and WFDB annotations; each is made when it is asked for."""
    st.subheader("Take it away", anchor=False)
    with st.container(horizontal=True, gap="small"):
        whole = partial(write_analysis_json, identity=case.recording.identity, device=case.recording.device)
        _offer("JSON", case, whole, "json", "application/json")
        _offer("CSV", case, write_csv, "csv", "text/csv")
        _offer("Rhythm (CSV)", case, write_rhythm_csv, "rhythm.csv", "text/csv")
        _offer("WFDB annotations", case, write_atr, ANNOTATOR, "application/octet-stream")
    st.caption(
        f"The model's result as it stands, for research. The annotations (.{ANNOTATOR}) lie beside your record and are "
        f"read by any WFDB tool under the annotator's name {ANNOTATOR}."
    )


def draw_deletion(session: Session, case: Case) -> None:
    """Deletes the recording, and all that was made of it, if nobody has begun to review it."""
    with st.popover("Delete from this machine", icon=":material/delete:", type="tertiary"):
        st.markdown("The signal, who was recorded, and every result made from it are deleted. This cannot be undone.")
        allowed = sign_in.asking().holds("delete")
        if not st.button(
            "Delete", type="primary", icon=":material/delete_forever:", key="delete-recording", disabled=not allowed
        ):  # fmt: skip
            return
        from pipeline.store.deletion import delete_unread  # SQLAlchemy is not for those who only look

        try:
            delete_unread(case.recording.digest, reader=sign_in.asking())
        except EcgError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        session.close("The recording is deleted from this machine.")
        st.rerun()


def _offer(label: str, case: Case, writer: Writer, ending: str, mime: str) -> None:
    who = sign_in.asking()
    st.download_button(
        label, partial(_made, case.analysis, writer, ending, who), file_name=f"{case.recording.name}.{ending}",
        mime=mime, icon=":material/download:", key=f"download-{ending}", on_click="ignore",
        disabled=not who.holds("export"),
    )  # fmt: skip


def _made(analysis: Analysis, writer: Writer, ending: str, who: Principal) -> bytes:
    sign_in.take(who, analysis.digest, ending)
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
        return writer(analysis, Path(folder) / f"result.{ending}").read_bytes()
