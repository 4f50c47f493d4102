"""Downloads: the reviewed result, and the model's alone; each file is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import streamlit as st

from app.common import cache
from app.common.open_study import OpenStudy, leave_review
from app.common.text import plain
from app.study import report
from pipeline.cases.study_review import StudyReview
from pipeline.export import write_analysis_json, write_atr, write_csv, write_rhythm_csv
from pipeline.export.fhir import write_fhir
from pipeline.export.report_content import ReportContent, report_content
from pipeline.export.report_pdf import write_pdf
from pipeline.export.study_files import BLIND, REVIEWED, Form, made, reviewed, study_file, taken, trained_on
from pipeline.principal import LOCAL, Principal
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.decisions import TEXT_CHARS
from pipeline.review.triage import triage
from pipeline.store.deletion import delete_signal
from pipeline.store.log import Entry
from pipeline.store.page_sources import load_page_source
from pipeline.store.reviews import Standing
from pipeline.store.studies import Study


def _write_json(content: ReportContent, path: Path) -> Path:
    return write_analysis_json(content.analysis, path, content.identity, content.device)


RHYTHM = Form("Rhythm (CSV)", "rhythm.csv", "text/csv", lambda content, path: write_rhythm_csv(content.analysis, path))
MODEL = (
    Form("Report (PDF)", "model.pdf", "application/pdf", write_pdf),
    Form(
        "WFDB annotations", "hvm", "application/octet-stream", lambda content, path: write_atr(content.analysis, path)
    ),
    Form("CSV", "model.csv", "text/csv", lambda content, path: write_csv(content.analysis, path)),
    Form("JSON", "model.json", "application/json", _write_json),
    Form("FHIR R4", "model.fhir.json", "application/fhir+json", write_fhir),
)


def draw(review: StudyReview, entries: Sequence[Entry], who: Principal, *, blind: bool) -> None:
    """Both results, one row each."""
    signed, analysis = review.study.state == "signed", review.material.analysis
    st.markdown(f"**The reviewed result**, {'signed' if signed else 'preliminary until it is signed'}")
    if blind:
        st.info(BLIND, icon=":material/visibility_off:")
    else:
        content = partial(reviewed, review, entries)
        _row(
            REVIEWED, review.study,
            partial(study_file, now=review.standing, entries=entries, content=content, reader=who), who,
            empty=not len(review.beats) + len(review.beats.rhythm),
        )  # fmt: skip
    st.markdown("**The model's result alone**, before anybody looked at it")
    forms = (*MODEL, RHYTHM) if analysis.rhythm else MODEL
    model = partial(made, content=partial(model_alone, review))
    _row(forms, review.study, model, who, empty=not analysis.sample.size + len(analysis.rhythm))
    st.caption(
        "Annotations lie beside your record and are read by any WFDB tool: annotator hv is the reviewed result, hvm "
        "the model's. The report prints in real size, 25 mm/s and 10 mm/mV: print it without scaling."
    )


def offer_to_forget(here: OpenStudy, now: Standing, reader: Principal) -> None:
    """Deleting the signal, once everything was exported; asks for a reason, which is recorded with who and when."""
    with st.expander("Delete the recording from this machine", icon=":material/delete:"):
        st.markdown(
            "The signal is deleted, and with it who was recorded and what is drawn from it. Decisions, the model's "
            "answers, signed reports and the audit trail stay. The same files, opened again, bring the signal back."
        )
        if now.state == "signed":
            st.caption("This study is signed and keeps its recording; reopen it first.")
            return
        with st.form("forget", border=False):
            st.text_area("Reason", key="forget-reason", max_chars=TEXT_CHARS, placeholder="stays in the audit trail")
            st.form_submit_button(
                f"Delete as {plain(reader.name)}" if reader else "Delete", key="forget-signal",
                disabled=not reader.may("delete"),
                icon=":material/delete_forever:", on_click=_forget, args=(here, now.version, reader),
            )  # fmt: skip


def _forget(here: OpenStudy, seen: int, reader: Principal) -> None:
    reason = str(st.session_state["forget-reason"])
    here.change(
        lambda: delete_signal(here.study_id, reader=reader, reason=reason), seen, "The recording is deleted."
    )  # fmt: skip
    if here.notice:
        here.review = None
        report.forget()
        cache.forget_review_material()
        leave_review()


def model_alone(review: StudyReview) -> ReportContent:
    """The model's answer, without any decision."""
    material = review.material
    beats = reviewed_beats(material.analysis, (), material.evidence)
    return report_content(
        material.recording, material.analysis, beats, findings=triage(beats, material.families),
        created=datetime.now(UTC), trained_on=trained_on(review.study),
        page=load_page_source(material.recording.digest, reader=LOCAL),
    )  # fmt: skip


def _row(forms: tuple[Form, ...], study: Study, file: Callable[[Form], bytes], who: Principal, *, empty: bool) -> None:
    with st.container(horizontal=True, gap="small"):
        for form in forms:
            st.download_button(
                form.label, partial(taken, form, file, study, who), file_name=f"{study.record}.{form.ending}",
                mime=form.mime,
                icon=":material/download:", key=f"take-{form.ending}", on_click="ignore",
                type="primary" if form is REVIEWED[0] else "secondary",
                disabled=(empty and "pdf" not in form.ending) or not who.holds("export"),
            )  # fmt: skip
