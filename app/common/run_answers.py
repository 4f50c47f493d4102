"""What a run on the user's own folder says of an uploaded picture: choosing the run, its answer, where it looked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app.common import cache, overlays
from app.common.safe_table import safe_table
from app.common.text import confidence_words, formatted, plain
from models.gradcam import Heatmap
from pipeline.errors import DataError
from pipeline.image_folders.predicting import RunAnswer, TrainedRun, fits, heat_on_upload
from pipeline.image_folders.runs import list_runs, read_run, run_label
from pipeline.types import PictureArray, RgbPicture
from pipeline.wording import percent

OURS = "HeartVision's own"


def choose(picture: RgbPicture, *, page: bool, key: str) -> Path | None:
    """The run that shall answer, among those trained on pictures of this kind; None for HeartVision's own network.

    Without such a run, nothing is drawn.
    """
    fitting = [folder for folder in list_runs() if _fits(folder, picture, page=page)]
    if not fitting:
        return None
    chosen: Path | None = st.selectbox(
        "Network",
        [None, *fitting],
        format_func=lambda folder: OURS if folder is None else f"Your run {run_label(folder)}",
        help="Runs that were trained on pictures of these proportions (Dataset page, or `train --data`).",
        key=key,
    )
    return chosen


def draw(picture: RgbPicture, folder: Path, *, otherwise: RgbPicture | None = None) -> None:
    """The answer of a run to one picture, with where it looked; to `otherwise` if it cannot read the picture.

    Raises
    ------
    ModelError
        If the run cannot be loaded.
    """
    trained = cache.trained_run(folder)
    answer, seen, heat = cache.run_reading(picture, trained)
    if seen is None and otherwise is not None:
        flat = cache.run_reading(otherwise, trained)
        if flat[1] is not None:
            picture, (answer, seen, heat) = otherwise, flat
    if seen is None or answer.p is None:
        st.error(plain(f"{picture.name}: {answer.reason}"), icon=":material/error:")
        return
    first, second, third = st.columns(3, gap="medium")
    first.image(overlays.shown(picture.pixels), caption="Your picture", width="stretch", alt="The picture as uploaded")
    if heat is not None:
        second.image(
            _under_heat(picture, seen, heat, trained),
            caption=f"Orange: what spoke for {plain(heat.class_name)} ({heat.method})",
            width="stretch",
            alt="The picture under its heat",
        )
        if heat.blank:
            second.caption("Nothing in the picture spoke for this class.")
    with third:
        _verdict(answer, trained, picture.name)


def _under_heat(picture: RgbPicture, seen: PictureArray, heat: Heatmap, trained: TrainedRun) -> PictureArray:
    if trained.run.plan.reads == "pages":  # what it saw is a drawing of its own
        return overlays.with_heat(overlays.shown(seen), heat.values)
    height, width = picture.pixels.shape[:2]
    return overlays.with_heat(overlays.shown(picture.pixels), heat_on_upload(heat, width, height))


def _verdict(answer: RunAnswer, trained: TrainedRun, name: str) -> None:
    assert answer.p is not None
    classes, p = trained.run.classes, answer.p
    st.text(name)
    if answer.class_name is None:
        st.badge("no class", color="gray")
        st.warning(plain(answer.reason), icon=":material/help:")
    else:
        st.badge(plain(answer.class_name), color="blue")
        words = confidence_words(answer.confidence)
        st.markdown(f"The network is **{words}**: confidence {percent(answer.confidence)}.")
    order = np.argsort(-p, kind="stable")
    table = pd.DataFrame({"Class": [classes[i] for i in order], "Probability": p[order].astype(float)})
    st.dataframe(formatted(safe_table(table), {"Probability": percent}), hide_index=True, width="stretch")
    report = trained.run.report.overall.accuracy
    right = "" if report.value is None else f"; right on {percent(report.value)} of its own test pictures"
    st.caption(
        plain(
            f"Run {run_label(trained.folder)}: {trained.classifier.manifest.title}, trained on "
            f"{trained.run.dataset}{right}; version {trained.classifier.version}."
        )
    )
    for sentence in trained.run.warnings:
        st.warning(plain(sentence), icon=":material/science:")


def _fits(folder: Path, picture: RgbPicture, *, page: bool) -> bool:
    height, width = picture.pixels.shape[:2]
    try:
        return fits(read_run(folder), width, height, page=page)
    except DataError:  # of an earlier version: the Evaluation page says so
        return False
