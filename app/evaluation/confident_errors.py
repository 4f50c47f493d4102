"""The section of the Evaluation page with the most confident errors of a network, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from app.common.text import plain
from app.common.theme import is_dark, on_theme
from app.evaluation import tables
from app.evaluation.shared import EvaluationView, show_source, show_table
from pipeline.config import data_root
from pipeline.datasets.catalogue import database_folder
from pipeline.errors import DataError, EcgError
from pipeline.evaluation.report_schema import WrongBeat
from pipeline.evaluation.saved import DATABASES
from pipeline.wording import clock, percent


def show_errors(view: EvaluationView) -> None:
    """The most confident errors."""
    if not view.report.errors:
        st.success("There is no wrong answer to show.")
        return
    st.write(
        "Wrong answers given with the highest confidence, at most two of a kind from one record. Some are hard beats, "
        "some are doubtful labels, and some are plain mistakes."
    )
    frame = tables.errors(view.report)
    if view.kind == "reference":
        show_pictures(view, view.report.errors)
    times = {"Time (s)": st.column_config.NumberColumn(format="%.2f")}
    file_name = f"{view.name}-{view.kind}-errors.csv"
    show_table(frame, file_name, written={"Confidence": percent}, column_config=times)
    show_source(view)


def show_pictures(view: EvaluationView, errors: Sequence[WrongBeat]) -> None:
    """What the network saw of each error: drawn from the recordings if asked for and available, else as saved."""
    pictures = live_pictures(view, errors) or saved_pictures(view)
    per_row = 4
    for row in range(0, len(pictures), per_row):
        cells = list(zip(errors, pictures, strict=False))[row : row + per_row]
        for column, (error, picture) in zip(st.columns(per_row), cells, strict=False):
            told = f"{error.record} at {clock(error.time_s)}: {error.truth} ({error.symbol}) read as"
            caption = f"{told} {error.predicted}, {percent(error.confidence)} sure"
            column.image(picture, caption=plain(caption), width="stretch", alt=caption)
            with column:
                open_button(view, error)


def records_folder(view: EvaluationView) -> Path | None:
    """Where the recordings of the split in view are; None if they are not on this computer."""
    try:
        return database_folder(data_root(), DATABASES[view.evaluation.split])
    except DataError:
        return None


def open_button(view: EvaluationView, error: WrongBeat) -> None:
    """A button that opens the recording at an error's beat, if the recording is here."""
    folder = records_folder(view)
    if folder is None or not (record := folder / f"{error.record}.hea").is_file():
        return
    key = f"open-{view.name}-{error.record}-{error.sample}"
    if st.button("See it in its recording", icon=":material/open_in_new:", type="tertiary", key=key):
        from app.common import sign_in
        from app.common.session import session
        from pipeline.intake import read_path
        from pipeline.store.recordings import save_recording

        try:
            session().open_at(
                save_recording(read_path(record.with_suffix("")), reader=sign_in.asking()), view.name, error.time_s
            )
        except EcgError as refusal:
            st.warning(plain(str(refusal)))
            return
        st.switch_page("analyse/page.py")


def live_pictures(view: EvaluationView, errors: Sequence[WrongBeat]) -> list[Any]:
    """Pictures drawn from the recordings, in the colours of the theme; empty if not asked for."""
    folder = records_folder(view)
    if folder is None or not all((folder / f"{error.record}.hea").is_file() for error in errors):
        return []
    sheet = view.evaluation.error_sheet
    if not st.toggle("Draw them sharply from the recordings", value=sheet is None, key=f"live-{view.name}"):
        return []
    try:
        with st.spinner("Drawing the beats"):
            from pipeline.evaluation.error_images import error_pictures  # brings SciPy: not before it is needed

            return list(error_pictures(errors, folder, scale=8, dark=is_dark()))
    except EcgError as error:
        st.warning(plain(str(error)))
        return []


def saved_pictures(view: EvaluationView) -> list[Any]:
    """The pictures that were saved when the network was evaluated."""
    layout = view.evaluation.error_sheet
    if layout is None:
        st.info("No pictures were kept with this evaluation.")
        return []
    try:
        from pipeline.evaluation.error_images import read_sheet  # brings SciPy: not before it is needed

        return [on_theme(tile) for tile in read_sheet(view.folder / Path(layout.file).name, layout)]
    except DataError as error:
        st.info(plain(str(error)))
        return []
