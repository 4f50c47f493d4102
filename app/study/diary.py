"""A patient's diary: its entries become marks of patient events, each a decision of who adds them, all at once."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.common.open_study import OpenStudy
from app.common.safe_table import safe_table
from app.common.text import plain
from pipeline.cases.study_review import StudyReview, take_decisions
from pipeline.errors import EcgError
from pipeline.principal import Principal
from pipeline.review.decisions import Decision
from pipeline.review.diary import read_diary

HOW = (
    "A CSV file with a time and a text in each line. Times are those of the page: by the clock where the start of the "
    "recording is kept (03:04, Tue 03:04:29), else from its start (h:mm:ss)."
)


def draw(here: OpenStudy, review: StudyReview, reader: Principal) -> None:
    """The upload, what it holds, and the button that marks it."""
    if not review.writable:
        return
    with st.expander("Patient's diary", icon=":material/event_note:"):
        upload = st.file_uploader(
            "Diary", ["csv", "txt"], key=f"diary-{here.study_id}-{review.standing.version}", help=HOW
        )
        if upload is None:
            return
        recording = review.material.recording
        try:
            marks = read_diary(
                upload.getvalue(), fs=recording.fs, n_samples=recording.n_samples, start=recording.start
            )  # fmt: skip
        except EcgError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        told = pd.DataFrame(
            {
                "Time": [review.when(mark.samples[0] / recording.fs, tenths=False) for mark in marks],
                "Noted": [mark.text for mark in marks],
            }
        )
        st.dataframe(safe_table(told), hide_index=True)
        count = f"{len(marks)} event{'' if len(marks) == 1 else 's'}"
        st.button(
            f"Mark {count} as {plain(reader.name)}" if reader else f"Mark {count}", key="diary-mark",
            disabled=not reader.may("decide"),
            on_click=_mark, args=(here, review, marks, reader),
        )  # fmt: skip


def _mark(here: OpenStudy, review: StudyReview, marks: tuple[Decision, ...], reader: Principal) -> None:
    def all_of_them() -> None:
        here.review = take_decisions(review, marks, reader=reader)

    here.change(all_of_them, review.standing.version, f"{len(marks)} patient events are marked.")
