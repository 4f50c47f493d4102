"""Picture: pictures of single beats go in; the trace found, its class and where the network looked come out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from app import cache, charts, pictures, work
from app.text import confidence_words, percent, plain
from app.theme import is_dark, palette
from models import registry
from models.registry import Classifier
from pipeline.config import DEFAULT
from pipeline.domain import BeatTrace, FloatArray
from pipeline.errors import EcgError
from pipeline.export import table_bytes
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES
from pipeline.render.picture import on_paper, render_trace

CHART = {"displayModeBar": False, "staticPlot": True}
COLUMNS = {
    "picture": "Picture",
    "verdict": "Verdict",
    "class": "Class",
    "confidence": st.column_config.NumberColumn("Confidence", format="%.2f"),
    "abnormal": st.column_config.NumberColumn("Abnormal", format="%.2f"),
    "reason": "Why refused",
}
HONEST = (
    "A single beat without its rhythm cannot show that it came early: supraventricular ectopics look normal here. "
    "Read such pictures for their shape only."
)


@dataclass(frozen=True, eq=False)
class Answer:
    """What the page knows of one picture: a trace with probabilities (5,), or why it was refused."""

    name: str
    trace: BeatTrace | None = None
    p: FloatArray | None = None
    refusal: str = ""


def answer(name: str, payload: bytes, network: Classifier) -> Answer:
    """Read and classify one picture; a refusal is an answer too."""
    try:
        trace = cache.beat_trace(name, payload)
    except EcgError as error:
        return Answer(name, refusal=str(error))
    return Answer(name, trace, network.predict_uploads(render_trace(trace.value, DEFAULT.picture)[None])[0])


def show(found: Answer, network: Classifier) -> None:
    """One picture with all that is known of it."""
    if found.trace is None or found.p is None:
        st.error(plain(f"{found.name}: {found.refusal}"), icon=":material/error:")
        return
    picture = render_trace(found.trace.value, DEFAULT.picture)
    heatmap = cache.picture_heatmap(found.trace.digest, network, picture)
    original, inks, verdict = st.columns([4, 3, 5], gap="medium")
    with original:
        st.image(
            pictures.with_trace(found.trace.picture, found.trace.column_px, found.trace.row_px),
            caption="Your picture, and the trace found in it", width="stretch", alt="The picture with its trace",
        )  # fmt: skip
    with inks:
        large = on_paper(pictures.enlarged(picture, 8), dark=is_dark())
        beat_rows = DEFAULT.picture.beat_height_px * 8
        shown = large if heatmap.blank else pictures.with_heat(large, heatmap.values)
        st.image(shown[:beat_rows], caption="In the network's inks, and where it looked", width="stretch",
                 alt="The trace in the network's inks under its heat")  # fmt: skip
        if heatmap.blank:
            st.info("Nothing in the picture spoke for this class: the heatmap is blank.")
    with verdict:
        _verdict(found, network)


def _verdict(found: Answer, network: Classifier) -> None:
    label, p = _label(found), np.asarray(found.p)
    abnormal = bool(1 - p[0] >= network.manifest.picture_threshold)
    st.text(found.name)
    with st.container(horizontal=True, gap="small"):
        st.badge(f"{label}  {CLASS_NAMES[label]}", color="gray" if label == "N" else "orange")
        st.badge("Abnormal" if abnormal else "Normal", color="red" if abnormal else "gray")
    st.markdown(f"The network is **{confidence_words(float(p.max()))}**: confidence {percent(float(p.max()))}.")
    st.caption(
        f"Abnormal {percent(float(1 - p[0]))}; called abnormal from {percent(network.manifest.picture_threshold)} on."
    )
    st.plotly_chart(
        charts.probabilities(p, palette()), theme=None, config=CHART, key=f"p-{found.trace.digest}", alt="Probabilities"
    )


def _label(found: Answer) -> str:
    return AAMI_CLASSES[int(np.asarray(found.p).argmax())]


def table(found: list[Answer], network: Classifier) -> pd.DataFrame:
    """One row per picture, refused ones too."""
    rows = []
    for each in found:
        if each.p is None:
            rows.append((each.name, "refused", "", np.nan, np.nan, each.refusal))
            continue
        abnormal = float(1 - each.p[0])
        verdict = "abnormal" if abnormal >= network.manifest.picture_threshold else "normal"
        rows.append((each.name, verdict, _label(each), float(each.p.max()), abnormal, ""))
    return pd.DataFrame(rows, columns=["picture", "verdict", "class", "confidence", "abnormal", "reason"])


def as_csv(frame: pd.DataFrame) -> bytes:
    """The table as CSV, safe to open in a spreadsheet."""
    cells = frame.astype(object).where(frame.notna(), None)
    return table_bytes(list(frame.columns), cells.to_numpy().tolist())


st.title("Pictures of single beats", anchor=False)
uploads = st.file_uploader(
    "One or more pictures, each of one beat on a plain or gridded ground",
    type=["png", "jpg", "jpeg"],
    accept_multiple_files=True,
    max_upload_size=DEFAULT.limits.picture_bytes // 2**20,
    key="beat-pictures",
)
st.caption(
    f"PNG or JPEG, up to {DEFAULT.limits.picture_bytes // 2**20} MB and "
    f"{DEFAULT.limits.picture_pixels // 1_000_000} megapixels each. Files stay on this machine."
)
st.caption(HONEST)
if uploads:
    try:
        with st.spinner("Reading the pictures"):
            chosen = cache.classifier(work.default_network())
            answers = [answer(upload.name, upload.getvalue(), chosen) for upload in uploads]
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
    else:
        if len(answers) > 1:
            overview = table(answers, chosen)
            st.dataframe(overview, hide_index=True, placeholder="", column_config=COLUMNS)
            st.download_button(
                "Download as CSV", as_csv(overview), "heartvision_pictures.csv", "text/csv", on_click="ignore"
            )
            position = st.selectbox("Picture", range(len(answers)), format_func=lambda i: answers[i].name)
        else:
            position = 0
        show(answers[position], chosen)
        st.caption(plain(f"Network: {registry.manifest(chosen.name).title}, version {chosen.version}."))
