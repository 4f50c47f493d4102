"""The files that a study is taken away as: the report of a signed one is the file that was signed, byte for byte."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from models import registry
from pipeline.cases.material import material_of
from pipeline.cases.study_review import StudyReview, review_of
from pipeline.errors import AccessError, EcgError, ModelError, ReviewError
from pipeline.export.fhir import write_fhir
from pipeline.export.report_content import ReportContent
from pipeline.export.report_pdf import write_full_pdf, write_pdf, write_summary_pdf
from pipeline.export.reviewed import write_reviewed_atr, write_reviewed_csv, write_reviewed_json, write_summary_csv
from pipeline.export.signing import reviewed_content, study_facts
from pipeline.principal import Principal, Who
from pipeline.store.access import export
from pipeline.store.log import Entry
from pipeline.store.reviews import Standing, audit, standing
from pipeline.store.signed_files import load_report
from pipeline.store.signing import signings
from pipeline.store.studies import Study

Content = Callable[[], ReportContent]
NOT_EXPORTED: Final = "not-exported.txt"  # in a zip, names the studies that are not in it
BLIND: Final = "Hidden until you have finished your own reading."


@dataclass(frozen=True)
class Form:
    """One kind of file.

    Attributes
    ----------
    label, ending, mime : str
        What it is called, the end of its name, its media type.
    write : callable
        Writes it from the content of the report.
    is_report : bool
        Whether it is the report itself, which is stored when a study is signed.
    """

    label: str
    ending: str
    mime: str
    write: Callable[[ReportContent, Path], Path]
    is_report: bool = False


REVIEWED: Final = (
    Form("Report (PDF)", "pdf", "application/pdf", write_pdf, is_report=True),
    Form("WFDB annotations", "hv", "application/octet-stream", write_reviewed_atr),
    Form("CSV", "csv", "text/csv", write_reviewed_csv),
    Form("JSON", "json", "application/json", write_reviewed_json),
    Form("FHIR R4", "fhir.json", "application/fhir+json", write_fhir),
    Form("One page (PDF)", "summary.pdf", "application/pdf", write_summary_pdf),
    Form("With the whole signal (PDF)", "full.pdf", "application/pdf", write_full_pdf),
    Form("Tables (CSV)", "tables.csv", "text/csv", write_summary_csv),
)


def taken(form: Form, file: Callable[[Form], bytes], study: Study, who: Principal) -> bytes:
    """Return a file for who takes it away; the log of access has it.

    Parameters
    ----------
    form : Form
        Which file.
    file : callable
        Makes it.
    study : Study
        Of which study.
    who : Principal
        Who takes it.

    Raises
    ------
    AccessError
        If they may not.
    """
    export(who, study.digest, f"study {study.id}: {form.ending}")
    return file(form)


def made(form: Form, content: Content) -> bytes:
    """Return a file that is made now."""
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
        return form.write(content(), Path(folder) / f"result.{form.ending}").read_bytes()


def study_file(form: Form, now: Standing, entries: Sequence[Entry], content: Content, *, reader: Who) -> bytes:
    """Return a file of the main reading: of a signed study the report as it was stored, all else made now.

    Parameters
    ----------
    form : Form
        Which file.
    now : Standing
        Where the main reading stands.
    entries : sequence of Entry
        The audit trail of the study.
    content : callable
        Returns what the report says, where it is needed. A study that was signed without its recording, or in an
        earlier version, has no stored report.
    reader : Principal or str
        Who takes it.

    Raises
    ------
    StoreError
        If the signed report is not there, or not what was signed.
    """
    stored = signings(entries)[-1].report if form.is_report and now.state == "signed" else ""
    return load_report(stored, reader=reader) if stored else made(form, content)


def reviewed(review: StudyReview, entries: Sequence[Entry]) -> ReportContent:
    """Return the reviewed result as it stands."""
    facts = study_facts(review, entries)
    return reviewed_content(review, facts, created=datetime.now(UTC), trained_on=trained_on(review.study))


def trained_on(study: Study) -> str:
    """Return what the model was trained on; "" if its weights are not here any more."""
    found = _manifest(study)
    return "" if found is None else found.trained_on


def manifest_seal(study: Study) -> str:
    """Return the SHA-256 of the network that read the study, thresholds included; "" if it is not here any more."""
    found = _manifest(study)
    return found.seal if found is not None and found.version == study.model_version else ""


def _manifest(study: Study) -> registry.Manifest | None:
    try:
        return registry.manifest(study.model)
    except ModelError:
        return None


def studies_zip(ids: Sequence[int], forms: Sequence[Form], reader: Who) -> bytes:
    """Return a zip with a folder for each study; one that cannot be read is named, with the reason, in a text file.

    Parameters
    ----------
    ids : sequence of int
        Which studies.
    forms : sequence of Form
        Which files of each.
    reader : Principal or str
        Who takes them: of a study that they are reading blind they get nothing.
    """
    content, refused = io.BytesIO(), []
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in ids:
            try:
                for name, payload in _files(number, forms, reader):
                    archive.writestr(name, payload)
            except EcgError as error:
                refused.append(f"{number}: {error}")
        if refused:
            archive.writestr(NOT_EXPORTED, "\n".join(refused) + "\n")
    return content.getvalue()


def missing_from(content: bytes) -> tuple[str, ...]:
    """Return a sentence for each study that a zip does not hold."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        told = archive.read(NOT_EXPORTED).decode() if NOT_EXPORTED in archive.namelist() else ""
    return tuple(f"Study {line}" for line in told.splitlines())


def _files(number: int, forms: Sequence[Form], reader: Who) -> list[tuple[str, bytes]]:
    try:
        now = standing(number, reader=reader)
    except AccessError:
        raise
    except ReviewError as error:
        raise ReviewError(BLIND) from error
    export(reader, now.study.digest, f"study {number}: {', '.join(form.ending for form in forms)}")
    entries = audit(number, reader=reader)
    read: list[ReportContent] = []

    def content() -> ReportContent:
        if not read:
            read.append(reviewed(review_of(material_of(now.study, reader=reader), now), entries))
        return read[0]

    record = now.study.record
    return [
        (f"{record}-{number}/{record}.{form.ending}", study_file(form, now, entries, content, reader=reader))
        for form in forms
    ]
