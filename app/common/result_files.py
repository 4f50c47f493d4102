"""The files that a reviewed result is taken away as; each is made when it is asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from models import registry
from pipeline.cases.study_review import StudyReview
from pipeline.errors import ModelError
from pipeline.export.fhir import write_fhir
from pipeline.export.report_content import ReportContent
from pipeline.export.report_pdf import write_full_pdf, write_pdf, write_summary_pdf
from pipeline.export.reviewed import write_reviewed_atr, write_reviewed_csv, write_reviewed_json, write_summary_csv
from pipeline.export.signing import reviewed_content, study_facts
from pipeline.principal import Principal
from pipeline.store.access import export
from pipeline.store.log import Entry
from pipeline.store.studies import Study

Content = Callable[[], ReportContent]


@dataclass(frozen=True)
class Form:
    """One kind of file: `write` takes the content and a path."""

    label: str
    ending: str
    mime: str
    write: Callable[[ReportContent, Path], Path]


REVIEWED = (
    Form("Report (PDF)", "pdf", "application/pdf", write_pdf),
    Form("WFDB annotations", "hv", "application/octet-stream", write_reviewed_atr),
    Form("CSV", "csv", "text/csv", write_reviewed_csv),
    Form("JSON", "json", "application/json", write_reviewed_json),
    Form("FHIR R4", "fhir.json", "application/fhir+json", write_fhir),
    Form("One page (PDF)", "summary.pdf", "application/pdf", write_summary_pdf),
    Form("With the whole signal (PDF)", "full.pdf", "application/pdf", write_full_pdf),
    Form("Tables (CSV)", "tables.csv", "text/csv", write_summary_csv),
)


def taken(form: Form, content: Content, study: Study, who: Principal) -> bytes:
    """The file, for who takes it away; the log of access has it. Raises AccessError if they may not."""
    export(who, study.digest, f"study {study.id}: {form.ending}")
    return made(form, content)


def made(form: Form, content: Content) -> bytes:
    """The file."""
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
        return form.write(content(), Path(folder) / f"result.{form.ending}").read_bytes()


def reviewed(review: StudyReview, entries: Sequence[Entry]) -> ReportContent:
    """The reviewed result as it stands."""
    return reviewed_content(
        review, study_facts(review, entries), created=datetime.now(UTC), trained_on=trained_on(review.study)
    )


def trained_on(study: Study) -> str:
    """What the model was trained on; "" if its weights are not here any more."""
    try:
        return registry.manifest(study.model).trained_on
    except ModelError:
        return ""
