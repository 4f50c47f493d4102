"""Many studies taken away at once: their reports and files in one zip, and what could not be made in a list."""

from __future__ import annotations

import io
import zipfile
from functools import partial

import streamlit as st

from app.common.result_files import REVIEWED, Form, made, reviewed
from pipeline.cases.material import material_of
from pipeline.cases.study_review import review_of
from pipeline.errors import AccessError, EcgError, ReviewError
from pipeline.principal import Principal
from pipeline.store.access import export
from pipeline.store.reviews import audit, standing
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
            f"{len(chosen)} as one zip", partial(zipped, tuple(chosen), tuple(forms[name] for name in endings), reader),
            file_name="heartvision-studies.zip", mime="application/zip", icon=":material/download:", type="primary",
            disabled=not (chosen and endings and reader.holds("export")), on_click="ignore", key="bulk-download",
        )  # fmt: skip
        st.caption("The reviewed results, as each study's page gives them; preliminary until a study is signed.")


def zipped(ids: tuple[int, ...], forms: tuple[Form, ...], reader: Principal) -> bytes:
    """The files of some studies, a folder for each; studies that could not be read are named in a text file."""
    content, refused = io.BytesIO(), []
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in ids:
            try:
                for name, payload in _files(number, forms, reader):
                    archive.writestr(name, payload)
            except EcgError as error:
                refused.append(f"{number}: {error}")
        if refused:
            archive.writestr("not-exported.txt", "\n".join(refused) + "\n")
    return content.getvalue()


def _files(number: int, forms: tuple[Form, ...], reader: Principal) -> list[tuple[str, bytes]]:
    try:
        now = standing(number, reader=reader)
    except AccessError:
        raise
    except ReviewError as error:
        raise EcgError("Hidden until you have finished your own reading.") from error
    export(reader, now.study.digest, f"study {number}: {', '.join(form.ending for form in forms)}")
    review = review_of(material_of(now.study, reader=reader), now, None)
    entries = audit(number, reader=reader)
    folder = f"{now.study.record}-{number}"
    return [
        (f"{folder}/{now.study.record}.{form.ending}", made(form, partial(reviewed, review, entries))) for form in forms
    ]
