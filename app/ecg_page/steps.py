"""The steps of digitising a 12-lead page: findings drawn over the photo, questions, corrections, acceptance."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app.common import cache, session, sign_in
from app.common.text import plain
from app.ecg_page import classification, corrections, drawing
from pipeline.config import DEFAULT
from pipeline.digitisation.corrections import Corrections
from pipeline.digitisation.digitise import Digitised
from pipeline.digitisation.speed_and_gain import MeasuredValue
from pipeline.digitisation.to_recording import to_recording
from pipeline.errors import EcgError
from pipeline.export.wfdb_files import write_record
from pipeline.principal import Principal
from pipeline.signal.conditioning import analysable_leads
from pipeline.store.page_sources import save_page_source
from pipeline.store.recordings import save_recording
from pipeline.types import Recording, RgbPicture
from pipeline.wording import percent

TABS = ("On the photo", "On the flat paper", "Move the corners", "Measure the grid", "Move the lead boxes")
_SHAPE_ONLY = "shape only"
_BEATS = "beats and rhythm"


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
        turned = np.rot90(picture.pixels, given.quarter_turns or 0).copy()  # corners are given on it as it was shown
        parts = (corrections.corners, corrections.ruler)
        tabs = {name: partial(part, key, turned, given) for name, part in zip(TABS[2:4], parts, strict=True)}
        _tabs(tabs, f"page-refused-{key}")
        corrections.paper_form(key, turned, given)
        classification.draw_refused(picture)
        return
    _show(found, picture, key, given)
    classification.draw(found, picture)


def _page_number(payload: bytes) -> int:
    pages = cache.page_count(payload)
    if pages == 1:
        return 0
    return int(st.number_input("Page of the document", 1, pages, 1, key="page-number")) - 1


def _show(found: Digitised, picture: RgbPicture, key: str, given: Corrections) -> None:
    wide, narrow = st.columns((2, 1), gap="medium")
    with wide:
        _tabs(
            {
                TABS[0]: partial(_on_photo, found, picture),
                TABS[1]: partial(_on_sheet, found, picture),
                TABS[2]: partial(corrections.corners, key, found.picture, given, found),
                TABS[3]: partial(corrections.ruler, key, found.picture, given, found),
                TABS[4]: partial(corrections.boxes, key, given, found),
            },
            f"page-tabs-{key}",
        )
    with narrow:
        _questions(found, key, given)
        recording = _accept(found, picture)
        st.table(_steps(found).set_index("Step"))
        if recording is not None:
            with st.expander("What each lead can be read for"):
                st.dataframe(_leads(recording), hide_index=True, width="stretch", alt="Seconds and use of each lead")
    corrections.paper_form(key, picture.pixels, given, found)
    corrections.leads_form(key, given, found)


def _tabs(parts: Mapping[str, Callable[[], None]], key: str) -> None:
    """Tabs of which only the open one is drawn: each holds a large picture."""
    for tab, part in zip(st.tabs(list(parts), key=key, on_change="rerun"), parts.values(), strict=True):
        if tab.open:
            with tab:
                part()


def _on_photo(found: Digitised, picture: RgbPicture) -> None:
    st.image(
        cache.page_picture("photo", picture, found, drawing.on_photo),
        caption="Orange: the paper. Violet: the boxes of the leads. Red, blue, green: the lines as they were read.",
        width="stretch",
        alt="The page with its corners, lead boxes and traced lines",
    )


def _on_sheet(found: Digitised, picture: RgbPicture) -> None:
    st.image(
        cache.page_picture("sheet", picture, found, drawing.on_sheet),
        caption="The paper flattened by its own grid, with what was read on it; ticks at its edges: 5 mm by the grid.",
        width="stretch",
        alt="The flat paper with lead names and traced lines",
    )


def _questions(found: Digitised, key: str, given: Corrections) -> None:
    """What could not be determined is asked; a likely answer is suggested, never assumed."""
    if not found.needs:
        return
    st.warning("Some things cannot be read from this page with certainty. Please state them.", icon=":material/help:")
    with st.form(f"page-needs-{key}"):
        answers = [(need, corrections.ask(need, found, key)) for need in found.needs]
        if st.form_submit_button("Use these answers", type="primary"):
            corrections.use(key, given, found, answers)


def _accept(found: Digitised, picture: RgbPicture) -> Recording | None:
    """The recording: opened in Analyse if a lead is long enough for that, and offered as a download in any case."""
    if found.needs:
        st.button("Accept and open in Analyse", type="primary", icon=":material/check:", disabled=True)
        return None
    label = hashlib.sha256(f"{picture.digest}{picture.page}{found.corrections!r}".encode()).hexdigest()
    try:
        recording = to_recording(found, name=picture.name, digest=label)
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    leads = _leads(recording)
    usable = (leads["Can be read for"] == _BEATS).any()
    if not usable:
        st.info(_too_short(leads), icon=":material/info:")
    photo = st.checkbox(
        "Keep the photo with the recording", key="page-keep-photo", disabled=not usable,
        help="On this machine, until the recording is deleted. A page often shows who was recorded.",
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        if st.button("Accept and open in Analyse", type="primary", icon=":material/check:", disabled=not usable):
            _open(recording, found, picture, photo=photo)
            st.switch_page("analyse/page.py")
        who = sign_in.asking()
        st.download_button(
            "Save as WFDB", partial(_wfdb, recording, who), f"{recording.name}.zip", "application/zip",
            on_click="ignore", icon=":material/download:", disabled=not who.holds("export"),
        )  # fmt: skip
    return recording


def _open(recording: Recording, found: Digitised, picture: RgbPicture, *, photo: bool) -> None:
    """Keeps the recording, the page network's opinion and, if asked to, the page itself, and opens it."""
    kept = save_recording(recording, reader=sign_in.asking())
    try:
        with st.spinner("Keeping the page with its recording"):
            save_page_source(
                kept.digest, classification.source_of(found, picture, photo=photo), reader=sign_in.asking()
            )
    except EcgError as error:
        session.session().notice = str(error)
    session.session().open((kept,))


def _leads(recording: Recording) -> pd.DataFrame:
    """One row per lead: how much of it the page shows, and whether that is enough to analyse it."""
    seen = np.isfinite(recording.p_signal)
    seconds = [float(column.sum()) / recording.fs for column in seen.T]
    long = set(analysable_leads(recording, DEFAULT.signal)) if max(seconds) >= DEFAULT.signal.segment_min_s else set()
    use = [_BEATS if lead in long else _SHAPE_ONLY for lead in recording.leads]
    return pd.DataFrame({"Lead": recording.leads, "Seconds": np.round(seconds, 1), "Can be read for": use})


def _too_short(leads: pd.DataFrame) -> str:
    return (
        f"The longest lead of this page shows {leads['Seconds'].max():.1f} s; beats are classified from "
        f"{DEFAULT.signal.segment_min_s:g} s of one lead on. The leads can be looked at here and saved, not analysed."
    )


def _wfdb(recording: Recording, who: Principal) -> bytes:
    """The recording as a zip of its WFDB files, for somebody who may take it away."""
    sign_in.take(who, recording.digest, "WFDB")
    content = io.BytesIO()
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder, zipfile.ZipFile(content, "w") as archive:
        header = write_record(recording, Path(folder))
        for file in (header, header.with_suffix(".dat")):
            archive.write(file, file.name)
    return content.getvalue()


def _steps(found: Digitised) -> pd.DataFrame:
    """One row per step: what was found, how sure, and how."""
    across, down = found.grid.px_per_mm
    layout, way = found.layout, "turned" if found.quarter_turns else "upright"
    rows = [
        ("Paper", f"dark screen, inverted, {way}" if found.dark_screen else way, "", f"{90 * found.quarter_turns}°"),
        ("Grid", f"{across:.2f} × {down:.2f} px/mm", percent(found.grid.confidence), found.grid.boxes),
        ("Rows", str(len(found.lanes)), percent(min(trace.clear for trace in found.traces)), "share of dark ink"),
        ("Layout", layout.name or "?", percent(layout.confidence), layout.reason),
        _measured("Speed", found.speed, "mm/s"),
        _measured("Gain", found.gain, "mm/mV"),
        *([_measured("Gain of V1 to V6", found.chest_gain, "mm/mV")] if found.chest_gain else []),
    ]
    return pd.DataFrame([map(plain, row) for row in rows], columns=["Step", "Found", "Confidence", "How"])


def _measured(name: str, value: MeasuredValue | None, unit: str) -> tuple[str, str, str, str]:
    if value is None:
        return name, "not known", "", "please state it"
    return name, f"{value.value:g} {unit}", percent(value.confidence), value.source
