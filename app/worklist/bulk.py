"""Many studies taken away at once: their reports and files in one zip, and what could not be made in a list."""

from __future__ import annotations

from functools import partial

import streamlit as st

from pipeline.export.study_files import REVIEWED, studies_zip
from pipeline.principal import Principal
from pipeline.store.studies import Study

DEFAULT_FORMS = ("pdf",)


def draw(studies: tuple[Study, ...], reader: Principal) -> None:
    """A popover that offers the studies on the page, those that are signed first chosen."""
    with st.popover("Export", icon=":material/folder_zip:"):
        signed = [study.id for study in studies if study.state == "signed"]
        names = {study.id: f"{study.record} ({study.id})" for study in studies}
        chosen = st.multiselect(
            "Studies", list(names), default=signed or list(names), format_func=names.__getitem__, key="bulk-studies"
        )
        forms = {form.ending: form for form in REVIEWED}
        endings = st.multiselect(
            "Files", list(forms), default=DEFAULT_FORMS, format_func=lambda ending: forms[ending].label,
            key="bulk-forms",
        )  # fmt: skip
        st.download_button(
            f"{len(chosen)} as one zip", partial(studies_zip, chosen, [forms[name] for name in endings], reader),
            file_name="heartvision-studies.zip", mime="application/zip", icon=":material/download:", type="primary",
            disabled=not (chosen and endings and reader.holds("export")), on_click="ignore", key="bulk-download",
        )  # fmt: skip
        st.caption(
            "Of a signed study the report as it was signed; all else as its page gives it, preliminary until it is "
            "signed."
        )
