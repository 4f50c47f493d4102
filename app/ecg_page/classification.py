"""The page network's answer for a 12-lead page: one of four calibrated classes, with the leads that mattered most."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import streamlit as st

from app.common import cache, overlays, page_source, run_answers
from app.common.text import plain
from app.ecg_page import drawing
from pipeline.digitisation.digitise import Digitised
from pipeline.errors import EcgError
from pipeline.page_classifier.printed_page import RHYTHM
from pipeline.page_classifier.reading import PageReading
from pipeline.store.page_sources import PageSource
from pipeline.types import PictureArray, RgbPicture

_LEADS_NAMED = 3


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


def source_of(found: Digitised, picture: RgbPicture, *, photo: bool) -> PageSource:
    """The page network's opinion as it travels with a recording, and with `photo` the page, which may name somebody."""
    page = overlays.jpeg(drawing.on_photo(found)) if photo else b""
    try:
        reading = cache.page_reading(picture, found)
    except EcgError as error:
        return PageSource(page, why_none=str(error))
    heat = overlays.jpeg(_under_heat(reading)) if photo else b""
    return PageSource(
        page, heat, reading.class_name, reading.p, reading.confident, reading.known,
        limits=page_source.limits().replace("**", ""),
    )  # fmt: skip


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
    page_source.draw_class(reading.class_name, reading.p, confident=reading.confident, known=reading.known)
    most = sorted(reading.lead_heat.items(), key=lambda item: -item[1])[:_LEADS_NAMED]
    named = ", ".join(name if name == RHYTHM else f"lead {name}" for name, share in most if share > 0)
    st.markdown(f"{reading.beats} beats were laid over each other. Most spoke for the class: {named or 'nothing'}.")
    st.caption(f"Network: page, version {plain(reading.model_version)}.")
