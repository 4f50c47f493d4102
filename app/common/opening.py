"""The two ways to open something: a demo recording, or one's own files."""

from __future__ import annotations

import streamlit as st

from app.common import cache, gallery, patient
from app.common.session import Session
from app.common.text import plain
from pipeline.config import DEFAULT
from pipeline.errors import EcgError
from pipeline.intake import CsvOptions, read_uploads
from pipeline.intake.batch import holds_table
from pipeline.wording import grouped

ENDINGS = ["hea", "dat", "atr", "zip", "csv"]
UNITS = {"mV": "mV", "µV": "uV", "V": "V", "arbitrary (no gain known)": "none"}
Files = list[tuple[str, bytes]]


def start(session: Session) -> None:
    """The first thing a visitor sees."""
    st.title("See every beat, what a network makes of it, and where it looked", anchor=False)
    gallery.draw(session, "start")
    uploader(session)
    st.caption(
        "A picture of one beat goes to the page Picture, a scan or photo of a paper ECG to the page 12-lead page."
    )
    cache.worker().ready()  # its imports finish while the visitor chooses


def again(session: Session) -> None:
    """The same choices in a popover, while a recording is open."""
    # a new popover for each upload: the old one would stay open and hide the message about a refused file
    with st.popover("Open another", icon=":material/folder_open:", key=f"open-another-{session.uploads}"):
        gallery.draw(session, "again")
        uploader(session)


def show_error(session: Session) -> None:
    """The last refusal or notice, in one sentence that is never read as Markdown."""
    if session.error:
        st.error(plain(session.error), icon=":material/error:")
    if session.notice:
        st.info(plain(session.notice), icon=":material/info:")


def uploader(session: Session) -> None:
    """Takes files; reads them as soon as they are complete. A refused upload leaves what is open as it was."""
    limits = DEFAULT.limits
    uploads = st.file_uploader(
        "Your recording: WFDB (.hea, .dat and, if there is one, .atr together), a .zip of them, or .csv",
        type=ENDINGS,
        accept_multiple_files=True,
        key=f"upload-{session.uploads}",
    )
    st.caption(
        f"Up to {limits.upload_bytes // 2**20} MB, {limits.leads} leads, {limits.fs_min_hz:g} to "
        f"{grouped(limits.fs_max_hz)} Hz, {limits.duration_min_s:g} s to {limits.duration_max_s / 3600:g} h. "
        "Files stay on this machine."
    )
    if not uploads:
        return
    files = [(upload.name, upload.getvalue()) for upload in uploads]
    missing = _missing_part([name for name, _ in files])
    if missing:
        st.info(missing, icon=":material/add_circle:")
    elif holds_table(files):
        _csv_form(session, files)
    else:
        _read(session, files, None)


def _csv_form(session: Session, files: Files) -> None:
    """A table states neither its sampling frequency nor its unit; both are asked for, never guessed."""
    with st.form(f"csv-{session.uploads}", border=True):
        fs = st.number_input(
            "Sampling frequency (Hz)",
            min_value=DEFAULT.limits.fs_min_hz,
            max_value=DEFAULT.limits.fs_max_hz,
            value=None,
            placeholder="as the device states it, for example 360",
        )
        unit = st.selectbox("Unit of the values", list(UNITS), index=None, placeholder="as the device states it")
        if st.form_submit_button("Read the table", type="primary"):
            if fs is None or unit is None:
                st.warning("State the sampling frequency and the unit: they are not in the file and are never guessed.")
            else:
                _read(session, files, CsvOptions(fs=float(fs), unit=UNITS[unit]))


def _read(session: Session, files: Files, csv: CsvOptions | None) -> None:
    try:
        with st.spinner("Reading and checking the files"):
            session.open(tuple(patient.saved(recording) for recording in read_uploads(files, csv=csv, identity=True)))
    except EcgError as error:
        session.refuse(str(error))
    st.rerun()


def _missing_part(names: list[str]) -> str:
    """What to add to an upload that is half a WFDB record, or "" if it can be read."""
    endings = {name.lower().rsplit(".", 1)[-1] for name in names}
    if endings & {"zip", "csv"}:
        return ""
    if "dat" not in endings:
        return "Add the signal file (.dat) that belongs to this header; both are needed."
    if "hea" not in endings:
        return "Add the header (.hea) that belongs to this signal file; both are needed."
    return ""
