"""What a run on the user's own folder says of uploaded pictures: a table of all, and one picture in depth."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app.common import cache, run_answers, sign_in
from app.common.safe_table import safe_table
from app.common.text import formatted, plain
from pipeline.errors import EcgError
from pipeline.export import table_bytes
from pipeline.image_folders.predicting import BATCH, RunAnswer, TrainedRun, predict_pictures
from pipeline.intake import read_picture
from pipeline.intake.batch import PictureFile
from pipeline.principal import Principal
from pipeline.types import PictureArray, RgbPicture
from pipeline.wording import percent

STATE = "picture-run-answers"


@dataclass(frozen=True, eq=False)
class RunAnswers:
    """A run's answers for one upload; `key` stands for the files and the run."""

    key: str
    answers: tuple[RunAnswer, ...]


def readable(files: Sequence[PictureFile]) -> RgbPicture | None:
    """The first picture of an upload that can be read: by it the runs are chosen that fit."""
    for file in files:
        if not file.refusal:
            try:
                return cache.upload_picture(file.name, file.payload, file.page)
            except EcgError:
                continue
    return None


def draw(files: Sequence[PictureFile], folder: Path) -> None:
    """Everything about an upload.

    Raises
    ------
    ModelError
        If the run cannot be loaded.
    """
    trained = cache.trained_run(folder)
    position = 0
    if len(files) > 1:
        overview = table(_answers(files, trained).answers, trained.run.classes)
        st.dataframe(
            formatted(
                safe_table(overview),
                dict.fromkeys(["confidence", *map(_column, trained.run.classes)], percent),
                nothing="",
            ),
            hide_index=True,
            placeholder="",
            column_config={"reason": st.column_config.TextColumn("Why no class", width="large")}
            | {name: name.capitalize() for name in ("picture", "class", "confidence")},
        )
        who = sign_in.asking()
        st.download_button(
            "Download as CSV", partial(taken_csv, overview, who), "heartvision_pictures.csv", "text/csv",
            on_click="ignore", icon=":material/download:", disabled=not who.holds("export"),
        )  # fmt: skip
        position = st.selectbox(
            "Picture", range(len(files)), format_func=lambda i: files[i].name, key="picture-run-chosen"
        )
        position = min(position, len(files) - 1)
    _show(files[position], folder)


def table(answers: Sequence[RunAnswer], classes: Sequence[str]) -> pd.DataFrame:
    """One row per picture, those without a class too; a probability for each class."""
    rows = [
        (a.picture, a.class_name or "", a.confidence if a.p is not None else np.nan, *_shares(a, classes), a.reason)
        for a in answers
    ]
    return pd.DataFrame(rows, columns=["picture", "class", "confidence", *map(_column, classes), "reason"])


def taken_csv(frame: pd.DataFrame, who: Principal) -> bytes:
    """The table as CSV, for somebody who may take it away."""
    sign_in.take(who, "", f"classes of {len(frame)} pictures")
    return as_csv(frame)


def as_csv(frame: pd.DataFrame) -> bytes:
    """The table as CSV, safe to open in a spreadsheet."""
    cells = frame.astype(object).where(frame.notna(), None)
    return table_bytes(list(frame.columns), cells.to_numpy().tolist())


def _column(class_name: str) -> str:
    return f"p({class_name})"


def _shares(answer: RunAnswer, classes: Sequence[str]) -> list[float]:
    return [np.nan] * len(classes) if answer.p is None else [float(value) for value in answer.p]


def _show(file: PictureFile, folder: Path) -> None:
    try:
        picture = read_picture(file.payload, file.name, page=file.page) if not file.refusal else None
    except EcgError as error:
        st.error(plain(f"{file.name}: {error}"), icon=":material/error:")
        return
    if picture is None:
        st.error(plain(f"{file.name}: {file.refusal}"), icon=":material/error:")
    else:
        run_answers.draw(picture, folder)


def _answers(files: Sequence[PictureFile], trained: TrainedRun) -> RunAnswers:
    """The answers for an upload: those in the session, or new ones with a progress bar."""
    key = hashlib.sha256(f"{trained.folder} {trained.classifier.manifest.identity}".encode())
    for file in files:
        key.update(hashlib.sha256(file.payload).digest() + f"{file.name} {file.page}".encode("utf-8", "replace"))
    kept: RunAnswers | None = st.session_state.get(STATE)
    if kept is None or kept.key != key.hexdigest():
        bar, found = st.progress(0.0, "Reading the pictures"), list[RunAnswer]()
        for start in range(0, len(files), BATCH):
            part = [(file.name, *_pixels(file)) for file in files[start : start + BATCH]]
            found += [answer for answer, _ in predict_pictures(trained, part)]
            bar.progress(len(found) / len(files), f"Read {len(found)} of {len(files)}")
        bar.empty()
        kept = RunAnswers(key.hexdigest(), tuple(found))
        st.session_state[STATE] = kept
    return kept


def _pixels(file: PictureFile) -> tuple[PictureArray | None, str]:
    if file.refusal:
        return None, file.refusal
    try:
        return read_picture(file.payload, file.name, page=file.page).pixels, ""
    except EcgError as error:
        return None, str(error)
