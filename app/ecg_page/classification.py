"""The page network's answer for a 12-lead page: one of four calibrated classes, with the leads that mattered most."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app.common import cache, overlays, run_answers
from app.common.text import formatted, plain
from pipeline.digitisation.digitise import Digitised
from pipeline.errors import EcgError
from pipeline.page_classifier.printed_page import RHYTHM
from pipeline.page_classifier.reading import PageReading
from pipeline.page_classifier.schema import PAGE_CLASS_NAMES, read_page_evaluation
from pipeline.types import PictureArray, RgbPicture
from pipeline.wording import UNDEFINED, percent

_LEADS_NAMED = 3
_RARE = "myocardial_infarction"


@st.fragment
def draw(found: Digitised, picture: RgbPicture) -> None:
    """The class of a page that was understood; a sentence where the network cannot say."""
    st.subheader("The page as a whole", anchor=False)
    if folder := run_answers.choose(picture, page=True, key="page-run"):
        _by_run(picture, folder, otherwise=_flat(found, picture))
        return
    try:
        with st.spinner("Asking the page network"):
            reading = cache.page_reading(picture, found)
    except EcgError as error:
        st.info(plain(f"No class: {error}"), icon=":material/block:")
        return
    left, right = st.columns((2, 1), gap="medium")
    left.image(
        cache.page_picture("class", picture, found, lambda _: _under_heat(reading)),
        caption="Orange: the leads that spoke for the class; the beats of a lead share its colour.",
        width="stretch",
        alt="The page under the heat of its leads",
    )
    with right:
        _answer(reading)


@st.fragment
def draw_refused(picture: RgbPicture) -> None:
    """The class that a run of the user's gives to a page that could not be digitised; nothing without such a run."""
    if folder := run_answers.choose(picture, page=True, key="page-run-refused"):
        _by_run(picture, folder)


def _flat(found: Digitised, picture: RgbPicture) -> RgbPicture:
    """The page's paper, flattened, as a picture of its own."""
    identity = hashlib.sha256(f"{picture.digest}{found.corrections!r} flat".encode()).hexdigest()
    return replace(picture, pixels=found.sheet.picture, digest=identity)


def _by_run(picture: RgbPicture, folder: Path, otherwise: RgbPicture | None = None) -> None:
    try:
        with st.spinner("Asking the run"):
            run_answers.draw(picture, folder, otherwise=otherwise)
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")


def _under_heat(reading: PageReading) -> PictureArray:
    return overlays.with_heat(overlays.shown(reading.page), reading.heat)


def _answer(reading: PageReading) -> None:
    with st.container(horizontal=True, gap="small"):
        normal = reading.class_name == "normal"
        st.badge(PAGE_CLASS_NAMES[reading.class_name], color="gray" if normal else "orange")
        if not reading.confident:
            st.badge("not confident", color="yellow")
    table = pd.DataFrame(
        {"Class": [PAGE_CLASS_NAMES[name] for name in reading.p], "Probability": np.array(list(reading.p.values()))}
    ).sort_values("Probability", ascending=False)
    st.dataframe(formatted(table, {"Probability": percent}), hide_index=True, width="stretch")
    most = sorted(reading.lead_heat.items(), key=lambda item: -item[1])[:_LEADS_NAMED]
    named = ", ".join(name if name == RHYTHM else f"lead {name}" for name, share in most if share > 0)
    st.markdown(f"{reading.beats} beats were laid over each other. Most spoke for the class: {named or 'nothing'}.")
    st.warning(_limits(), icon=":material/science:")
    st.caption(f"Network: page, version {plain(reading.model_version)}.")


def _limits() -> str:
    """What the network's training data means for its answer, in numbers of its own evaluation."""
    content = read_page_evaluation()
    rare, pages = content.pages[_RARE], sum(content.pages.values())
    recall = content.networks["vgg16"].class_row(_RARE).recall
    found, low, high = (UNDEFINED if p is None else percent(p) for p in (recall.value, recall.low, recall.high))
    return (
        f"For research only. The network learnt from {pages} pages of one hospital, of which only {rare} show an "
        f"infarction: of such pages it found {found} (95 % interval {low} to {high}), so **it cannot rule out an "
        "infarction**."
    )
