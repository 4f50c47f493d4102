"""Add recordings to the worklist, one or many: each is read, queued for the worker, and then becomes a study."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import streamlit as st

from app.common import cache, patient, reader, table_questions
from app.common.page_offer import page_among
from app.common.session import session
from app.common.text import plain
from app.worklist.session import WorklistView
from models import registry
from pipeline.cases import stored_case as work
from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.errors import EcgError
from pipeline.intake import CsvOptions, open_uploads, read_path
from pipeline.intake.batch import holds_table, split_uploads
from pipeline.intake.formats.table import format_list
from pipeline.store.listing import study_of_analysis
from pipeline.store.results import load_analysis
from pipeline.store.studies import find_study
from pipeline.types import Recording

QUEUED, MADE, KNOWN = "queued", "made", "known"
_WORDS = {
    QUEUED: "{n} sent to be analysed",
    MADE: "{n} on the list at once, as analysed before",
    KNOWN: "{n} on the list already",
}


def draw(view: WorklistView) -> None:
    """The upload: files, network, and for tables what their files do not say."""
    uploads = st.file_uploader(
        "Recordings, as many as you like: WFDB (.hea, .dat and, if there is one, .atr), other formats, or .zip",
        accept_multiple_files=True,
        key=f"worklist-upload-{view.uploads}",
        help=f"{format_list()}. What a file is, is told from its content.",
    )
    names = registry.available()
    if not names:
        st.error("No trained network was found in models/weights; run `python -m pipeline train --all --ship`.")
        return
    network = st.selectbox(
        "Network", names, index=names.index(work.default_network()), key="worklist-network",
        format_func=lambda name: registry.manifest(name).title,
    )  # fmt: skip
    files = [(upload.name, upload.getvalue()) for upload in uploads]
    csv = _csv_options(files) if holds_table(files) else None
    if st.button("Add to the worklist", type="primary", icon=":material/playlist_add:", disabled=not files,
                 key="worklist-add"):  # fmt: skip
        _add(view, files, network, csv)
        st.rerun()


def demo(view: WorklistView) -> None:
    """Puts the demo recording on the list."""
    try:
        _tell(view, Counter([enlist(read_path(demo_path()), work.default_network())]), [])
    except EcgError as error:
        _tell(view, Counter(), [str(error)])


def enlist(recording: Recording, network: str) -> str:
    """Saves a recording and arranges its study: now if it was analysed before, else through the worker.

    Raises
    ------
    EcgError
        If the recording or its study cannot be saved, or the network cannot be found.
    """
    who = reader.current()
    recording = patient.saved(recording)
    job = work.job(recording, network, None)
    stored = load_analysis(job.digest, job.identity, DEFAULT, None)
    if stored is None:
        cache.worker().ask(job, study=recording.name)
        return QUEUED
    named = replace(stored, record=recording.name)
    if find_study(named, reader=who) is not None:
        return KNOWN
    study_of_analysis(named, recording, reader=who)
    return MADE


def _add(view: WorklistView, files: list[tuple[str, bytes]], network: str, csv: CsvOptions | None) -> None:
    parts = split_uploads(list(dict.fromkeys(files)))  # a file that was dropped twice is one
    done: Counter[str] = Counter()
    refused = []
    progress = st.progress(0.0)
    for number, (name, own) in enumerate(parts):
        progress.progress(number / len(parts), f"Reading and checking {plain(name)}, {number + 1} of {len(parts)}")
        try:
            opened = open_uploads(own, csv=csv, identity=True)
            done.update(enlist(recording, network) for recording in opened.recordings)
            refused += [f"{name}: {one.sentence}" for one in opened.refused]
        except EcgError as error:
            refused.append(f"{name}: {error}")
    _tell(view, done, refused)
    session().page = page_among(files)


def _tell(view: WorklistView, done: Counter[str], refused: list[str]) -> None:
    """What became of an upload; shown until the next one."""
    parts = [words.format(n=_recordings(done[what])) for what, words in _WORDS.items() if done[what]]
    view.notice = f"{'; '.join(parts)}." if parts else ""
    view.refused = tuple(refused)
    view.uploads += 1


def _recordings(n: int) -> str:
    return f"{n} recording{'' if n == 1 else 's'}"


def _csv_options(files: list[tuple[str, bytes]]) -> CsvOptions:
    """What holds for all tables of the upload that do not say it themselves; one table's columns can be corrected."""
    st.caption("A table that does not say its sampling frequency and unit is read with what is stated here.")
    try:
        return table_questions.ask(files, "worklist").options
    except EcgError:
        return CsvOptions()  # the table is refused, with its reason, when it is added
