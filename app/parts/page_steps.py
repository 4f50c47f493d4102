"""The steps of reading a 12-lead page: what was found over the photo, questions, corrections, acceptance."""

from __future__ import annotations

import hashlib

import pandas as pd
import streamlit as st

from app import cache, state
from app.parts import page_correct, page_drawing
from app.text import percent, plain
from pipeline.domain import RgbPicture
from pipeline.errors import EcgError
from pipeline.intake import count_pages
from pipeline.page.calibration import Measured
from pipeline.page.digitise import Corrections, Digitised, to_recording
from pipeline.store.recordings import keep

TABS = ("On the photo", "On the flat paper")


def draw(name: str, payload: bytes) -> None:
    """Reads a page and shows all that is known of it.

    Raises
    ------
    EcgError
        If the file cannot be read at all.
    """
    picture = cache.upload_picture(name, payload, _page_number(payload))
    key = f"{picture.digest[:16]}-{picture.page}"
    given = st.session_state.setdefault(f"page-given-{key}", Corrections())
    try:
        with st.spinner("Reading the page"):
            found = cache.digitised(picture, given)
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        st.image(picture.pixels, caption="Your page", width="stretch", alt="The page as uploaded")
        page_correct.paper_form(key, picture.pixels, given)
        return
    _show(found, picture, key, given)


def _page_number(payload: bytes) -> int:
    pages = count_pages(payload)
    if pages == 1:
        return 0
    return int(st.number_input("Page of the document", 1, pages, 1, key="page-number")) - 1


def _show(found: Digitised, picture: RgbPicture, key: str, given: Corrections) -> None:
    wide, narrow = st.columns((2, 1), gap="medium")
    with wide:
        photo, flat = st.tabs(TABS)
        photo.image(
            page_drawing.on_photo(found),
            caption="Orange: the paper. Violet: the boxes of the leads. Red, blue, green: the lines as they were read.",
            width="stretch",
            alt="The page with its corners, lead boxes and traced lines",
        )
        flat.image(
            page_drawing.on_sheet(found),
            caption="The paper flattened by its own grid, with what was read on it.",
            width="stretch",
            alt="The flat paper with lead names and traced lines",
        )
    with narrow:
        _questions(found, key, given)
        _accept(found, picture)
        st.dataframe(_steps(found), hide_index=True, width="stretch")
    page_correct.paper_form(key, picture.pixels, given, found)
    page_correct.leads_form(key, given, found)


def _questions(found: Digitised, key: str, given: Corrections) -> None:
    """What could not be known is asked; a likely answer is named, and never taken by itself."""
    if not found.needs:
        return
    st.warning("Some things cannot be read from this page with certainty. Please state them.", icon=":material/help:")
    with st.form(f"page-needs-{key}"):
        answers = {need.about: page_correct.ask(need, found, key) for need in found.needs}
        if st.form_submit_button("Use these answers", type="primary"):
            page_correct.use(key, given, found, answers)


def _accept(found: Digitised, picture: RgbPicture) -> None:
    ready = not found.needs
    if st.button("Accept and open in Analyse", type="primary", icon=":material/check:", disabled=not ready):
        session = state.session()
        label = hashlib.sha256(f"{picture.digest}{picture.page}{found.corrections!r}".encode()).hexdigest()
        session.open((keep(to_recording(found, name=picture.name, digest=label)),))
        st.switch_page("views/analyse.py")


def _steps(found: Digitised) -> pd.DataFrame:
    """One row per step: what was found, how sure, and how."""
    across, down = found.grid.px_per_mm
    layout = found.layout
    rows = [
        ("Paper", "turned" if found.quarter_turns else "upright", "", f"{90 * found.quarter_turns}°"),
        ("Grid", f"{across:.2f} × {down:.2f} px/mm", percent(found.grid.confidence), found.grid.boxes),
        ("Rows", str(len(found.lanes)), percent(min(trace.clear for trace in found.traces)), "share of dark ink"),
        ("Layout", layout.name or "?", percent(layout.confidence), layout.reason),
        _measured("Speed", found.speed, "mm/s"),
        _measured("Gain", found.gain, "mm/mV"),
    ]
    return pd.DataFrame(rows, columns=["Step", "Found", "Confidence", "How"])


def _measured(name: str, value: Measured | None, unit: str) -> tuple[str, str, str, str]:
    if value is None:
        return name, "not known", "", "please state it"
    return name, f"{value.value:g} {unit}", percent(value.confidence), value.source
