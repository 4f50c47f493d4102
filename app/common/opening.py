"""The two ways to open something: a demo recording, or one's own files."""

from __future__ import annotations

from contextlib import suppress

import streamlit as st

from app.common import cache, gallery, page_offer, patient, table_questions
from app.common.session import Session
from app.common.text import plain
from pipeline.config import DEFAULT
from pipeline.errors import DataError, EcgError
from pipeline.intake import CsvOptions, open_uploads
from pipeline.intake.batch import holds_table
from pipeline.intake.formats.table import format_list
from pipeline.wording import grouped

Files = list[tuple[str, bytes]]


def start(session: Session) -> None:
    """The first thing a visitor sees."""
    st.title("See every beat, what a network makes of it, and where it looked", anchor=False)
    gallery.draw(session, "start")
    uploader(session)
    st.caption(
        "A picture of one beat goes to the page Picture, a scan or photo of a paper ECG to the page 12-lead page."
    )
    with suppress(DataError):  # a cache that cannot be written is said when there is something to analyse
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
    page_offer.offer(session, "opening")
    if session.notice:
        st.info(plain(session.notice), icon=":material/info:")
    if session.unread:
        st.warning(plain(session.unread), icon=":material/folder_zip:")


def uploader(session: Session) -> None:
    """Takes files; reads them as soon as they are complete. A refused upload leaves what is open as it was."""
    limits = DEFAULT.limits
    uploads = st.file_uploader(
        "Your recording: WFDB (.hea, .dat and, if there is one, .atr together), a file of another format, or a .zip",
        accept_multiple_files=True,
        key=f"upload-{session.uploads}",
        help=f"{format_list()}. What a file is, is told from its content.",
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
    """What a table's columns are taken for is shown and can be corrected; what it does not say is asked for."""
    with st.form(f"csv-{session.uploads}", border=True):
        try:
            answers = table_questions.ask(files, f"csv-{session.uploads}")
        except EcgError as error:
            session.refuse(str(error))
            st.rerun()
        if st.form_submit_button("Read the table", type="primary"):
            if answers.missing:
                st.warning(answers.missing)
            else:
                _read(session, files, answers.options)


def _read(session: Session, files: Files, csv: CsvOptions | None) -> None:
    try:
        with st.spinner("Reading and checking the files"):
            opened = open_uploads(files, csv=csv, identity=True)
            unread = " ".join(refused.sentence for refused in opened.refused)
            session.open(tuple(patient.saved(recording) for recording in opened.recordings), unread)
    except EcgError as error:
        session.refuse(str(error), page_offer.page_among(files))
    st.rerun()


def _missing_part(names: list[str]) -> str:
    """What to add to an upload that is half a WFDB record, or "" if it can be read."""
    endings = {name.lower().rsplit(".", 1)[-1] for name in names}
    if not endings <= {"hea", "dat", "mat", "atr"}:
        return ""
    if not endings & {"dat", "mat"}:
        return "Add the signal file (.dat) that belongs to this header; both are needed."
    if "hea" not in endings:
        return "Add the header (.hea) that belongs to this signal file; both are needed."
    return ""
