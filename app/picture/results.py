"""What was found in uploaded pictures: a table of all with a row for each refused one, and one picture in depth."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app.common import cache, ecg_chart, overlays, run_answers, sign_in
from app.common.safe_table import safe_table
from app.common.text import confidence_words, formatted, plain
from app.common.theme import is_dark, palette
from app.picture import run_results
from models.beat_image_heads import PICTURE_NETWORK, PictureHead
from models.registry import Classifier
from pipeline.beat_images.reading import (
    PictureAnswer,
    beat_picture,
    classify_traces,
    heat_on_original,
    read_beat,
    refused,
)
from pipeline.config import DEFAULT
from pipeline.errors import EcgError
from pipeline.features.beat_image import on_paper
from pipeline.image_folders.runs import list_runs
from pipeline.intake.batch import PictureFile, picture_files
from pipeline.labels import class_title
from pipeline.types import BeatTrace, FloatArray
from pipeline.wording import percent

STATE, CONFIRMED = "picture-answers", "pictures-confirmed"  # the answers, and the pictures that a person confirmed
WORDS: Mapping[str, Literal["gray", "red", "orange"]] = MappingProxyType(
    {"N class": "gray", "abnormal": "red", "undecided": "orange"}
)
CHART = {"displayModeBar": False, "staticPlot": True}
COLUMNS: dict[str, ColumnConfig | str] = {
    "picture": "Picture",
    "verdict": "Verdict",
    "class": "Class",
    "confidence": "Confidence",
    "abnormal": "Abnormal",
    "reason": st.column_config.TextColumn("Why refused or doubtful", width="large"),
}


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers for one upload; `key` stands for the files and the heads that read them."""

    key: str
    files: tuple[PictureFile, ...]
    answers: tuple[PictureAnswer, ...]


def draw(uploads: Sequence[tuple[str, bytes]]) -> None:
    """Everything about an upload.

    Raises
    ------
    EcgError
        If there are too many pictures, or the network cannot be used.
    """
    files = picture_files(uploads)
    first = run_results.readable(files) if list_runs() else None
    if first is not None and (folder := run_answers.choose(first, page=False, key="picture-run")):
        run_results.draw(files, folder)
        return
    name = PICTURE_NETWORK
    head = cache.picture_head(name)
    found = _answers(uploads, head, name)
    position = 0
    if len(found.answers) > 1:
        overview = table(found.answers)
        shown = formatted(safe_table(overview), {"confidence": percent, "abnormal": percent}, nothing="")
        st.dataframe(shown, hide_index=True, placeholder="", column_config=COLUMNS)
        who = sign_in.asking()
        st.download_button(
            "Download as CSV", partial(run_results.taken_csv, overview, who), "heartvision_pictures.csv", "text/csv",
            on_click="ignore", icon=":material/download:", disabled=not who.holds("export"),
        )  # fmt: skip
        position = st.selectbox(
            "Picture", range(len(found.answers)), format_func=lambda i: found.answers[i].name, key="picture-chosen"
        )
        position = min(position, len(found.answers) - 1)
    _show(found.files[position], found.answers[position], head, name)


def _identity(file: PictureFile) -> str:
    return f"{hashlib.sha256(file.payload).hexdigest()} {file.page}"


def _confirmed(file: PictureFile) -> bool:
    """Whether the reader said that this picture shows one beat."""
    return _identity(file) in st.session_state.get(CONFIRMED, frozenset())


def _confirm(file: PictureFile) -> None:
    st.session_state[CONFIRMED] = st.session_state.get(CONFIRMED, frozenset()) | {_identity(file)}


def _answers(uploads: Sequence[tuple[str, bytes]], head: PictureHead, network: str) -> Answers:
    """The answers for an upload: those in the session, or new ones with a progress bar."""
    key = hashlib.sha256(head.manifest.version.encode())
    key.update(" ".join(sorted(st.session_state.get(CONFIRMED, frozenset()))).encode())
    for name, payload in uploads:
        key.update(hashlib.sha256(payload).digest() + hashlib.sha256(name.encode("utf-8", "replace")).digest())
    kept: Answers | None = st.session_state.get(STATE)
    if kept is None or kept.key != key.hexdigest():
        files = tuple(picture_files(uploads))
        kept = Answers(key.hexdigest(), files, tuple(_read_all(files, head, network)))
        st.session_state[STATE] = kept
    return kept


def _read_all(files: Sequence[PictureFile], head: PictureHead, network: str) -> list[PictureAnswer]:
    bar = st.progress(0.0, "Reading the pictures")
    answers: list[PictureAnswer | None] = []
    traces: list[BeatTrace] = []
    nothing = np.zeros((0, 0, 3), np.uint8)
    for number, file in enumerate(files, 1):
        try:
            known = _confirmed(file)
            trace = (
                cache.beat_trace(file, head, confirmed=known)
                if len(files) == 1
                else read_beat(file, head, confirmed=known)
            )
        except EcgError as error:
            answers.append(refused(file, error))
        else:
            traces.append(replace(trace, picture=nothing))  # its pixels are read again when it is looked at
            answers.append(None)
        bar.progress(0.9 * number / len(files), f"Read {number} of {len(files)}")
    found = iter(classify_traces(traces, head, cache.classifier(network)) if traces else [])
    bar.empty()
    return [replace(next(found), name=file.name) if answer is None else answer
            for file, answer in zip(files, answers, strict=True)]  # fmt: skip


def table(answers: Sequence[PictureAnswer]) -> pd.DataFrame:
    """One row per picture, refused ones too; the reason is why it was refused, or what is doubtful about it."""
    rows: list[tuple[object, ...]] = []
    for each in answers:
        if each.abnormal is None:
            verdict = "doubtful" if each.doubtful else "refused"
            rows.append((each.name, verdict, "", np.nan, np.nan, each.refusal))
            continue
        doubts = "" if each.trace is None else " ".join(each.trace.doubts)
        rows.append((each.name, _word(each), each.aami, each.confidence, each.abnormal, doubts))
    return pd.DataFrame(rows, columns=["picture", "verdict", "class", "confidence", "abnormal", "reason"])


def _word(answer: PictureAnswer) -> str:
    """N class or abnormal; undecided where the most likely class says one thing and the threshold another."""
    abnormal = (answer.abnormal or 0.0) >= answer.threshold
    if abnormal != (answer.aami != "N"):
        return "undecided"
    return "abnormal" if abnormal else "N class"


def _show(file: PictureFile, answer: PictureAnswer, head: PictureHead, network: str) -> None:
    """One picture with all that is known of it."""
    if answer.doubtful:
        _ask(file, answer, head)
    elif answer.p is None:
        st.error(plain(f"{answer.name}: {answer.refusal}"), icon=":material/error:")
    else:
        _show_classified(file, answer, head, network)


def _show_classified(file: PictureFile, answer: PictureAnswer, head: PictureHead, network: str) -> None:
    """The picture, its trace, where the network looked, and the verdict."""
    classifier, trace = cache.classifier(network), cache.beat_trace(file, head, confirmed=_confirmed(file))
    picture = beat_picture(trace)
    heatmap = cache.picture_heatmap(f"{trace.digest} {file.page}", classifier, picture, str(answer.aami))
    if _confirmed(file):
        st.warning("You said that this is one beat; its line does not look like one.", icon=":material/help:")
    upload = overlays.shown(trace.picture)
    first, second, third = st.columns(3, gap="medium")
    with first:
        st.image(upload, caption="Your picture", width="stretch", alt="The picture as uploaded")
    with second:
        st.image(
            overlays.with_trace(trace), caption="The trace found in it", width="stretch",
            alt="The picture with its trace",
        )  # fmt: skip
    with third:
        heat = upload if heatmap.blank else overlays.with_heat(upload, heat_on_original(heatmap, trace))
        st.image(
            heat,
            caption=f"Where the network looked ({heatmap.method})",
            width="stretch",
            alt="The picture under its heat",
        )
    for doubt in trace.doubts:
        st.warning(doubt, icon=":material/rotate_90_degrees_ccw:")
    if trace.drawn is not None:
        st.info("This is a beat picture of HeartVision's: it is read with its rhythm, as in a recording.")
    if heatmap.blank:
        st.info("Nothing in the picture spoke for this class: the heatmap is blank.")
    inks, verdict = st.columns([1, 2], gap="medium")
    with inks:
        beat_rows = DEFAULT.picture.beat_height_px if trace.drawn is None else DEFAULT.picture.height_px
        large = on_paper(overlays.enlarged(picture[:beat_rows], 8), dark=is_dark())
        st.image(large, caption="The trace in the network's inks", width="stretch", alt="What the network reads")
    with verdict:
        _verdict(answer, np.asarray(answer.p), head, classifier)


def _ask(file: PictureFile, answer: PictureAnswer, head: PictureHead) -> None:
    """A picture whose trace may not be a beat: the trace, and a way to confirm it."""
    st.warning(plain(f"{answer.name}: {answer.refusal}"), icon=":material/help:")
    st.button("It is one: classify it", on_click=_confirm, args=(file,), icon=":material/cardiology:")
    trace = cache.beat_trace(file, head, confirmed=True)
    first, second, _ = st.columns(3, gap="medium")
    with first:
        st.image(overlays.shown(trace.picture), caption="Your picture", width="stretch", alt="The picture as uploaded")
    with second:
        st.image(
            overlays.with_trace(trace), caption="The line found in it", width="stretch", alt="The picture with its line"
        )


def _verdict(answer: PictureAnswer, p: FloatArray, head: PictureHead, classifier: Classifier) -> None:
    label = str(answer.aami)
    abnormal = float(1 - p[0])
    st.text(answer.name)
    with st.container(horizontal=True, gap="small"):
        st.badge(class_title(label), color="gray" if label == "N" else "orange")
        word = _word(answer)
        if word != class_title(label):
            st.badge(word.capitalize(), color=WORDS[word])
    st.markdown(f"The network is **{confidence_words(answer.confidence)}**: confidence {percent(answer.confidence)}.")
    st.caption(f"Abnormal {percent(abnormal)}; called abnormal from {percent(answer.threshold)} on.")
    st.plotly_chart(
        ecg_chart.probabilities((p,), palette()),
        theme=None,
        config=CHART,
        key="picture-probabilities",
        alt="Probabilities",
    )
    st.caption(
        plain(f"Network: {classifier.manifest.title}, version {classifier.version}; heads {head.manifest.version}.")
    )
