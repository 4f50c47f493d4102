"""Signing a study with its report: what is signed is what is printed, stored and hashed, all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pipeline.cases.study_review import StudyReview
from pipeline.errors import ReviewError
from pipeline.export.report_content import ReportContent, StudyFacts, report_content
from pipeline.export.report_pdf import pdf_bytes
from pipeline.principal import LOCAL, Who
from pipeline.review.conclusion import undecided
from pipeline.review.decisions import clean_text
from pipeline.store import reviews
from pipeline.store.log import Entry
from pipeline.store.page_sources import load_page_source
from pipeline.store.signing import signings


def study_facts(review: StudyReview, entries: Sequence[Entry]) -> StudyFacts:
    """Return who is responsible for a result: who signed it, else who read it last, and what was signed.

    Parameters
    ----------
    review : StudyReview
        The main reading.
    entries : sequence of Entry
        The audit trail of the study.
    """
    now, signed = review.standing, signings(entries)
    facts = StudyFacts(
        state=now.state,
        reader="" if now.state == "new" else now.study.reader,
        second_reader=now.second_reader if now.second_done else "",
        signatures=len(signed),
        version=now.version,
        earlier=signed,
    )
    if now.state != "signed" or not signed:
        return facts
    last = signed[-1]
    return replace(
        facts,
        reader=last.who,
        signed_at=last.at,
        version=last.version,
        conclusion=last.conclusion,
        chosen=last.findings,
        reason=last.reason,
        earlier=signed[:-1],
        report=last.report,
    )


def reviewed_content(
    review: StudyReview, study: StudyFacts, *, created: datetime, trained_on: str = ""
) -> ReportContent:
    """Return the content of the report on a reading as it stands.

    Parameters
    ----------
    review : StudyReview
        The main reading.
    study : StudyFacts
        Who is responsible for it, see `study_facts`.
    created : datetime
        When; with a time zone.
    trained_on : str, optional
        What data the model was trained on, in words.
    """
    material = review.material
    return report_content(
        material.recording,
        material.analysis,
        review.beats,
        created=created,
        findings=review.findings,
        study=study,
        trained_on=trained_on,
        page=load_page_source(material.recording.digest, reader=LOCAL),
        remeasured=review.state.remeasured,
    )


def _verdicts(review: StudyReview) -> Mapping[str, str]:
    return {} if review.beats.ruling is None else review.beats.ruling.verdicts


def sign_with_report(
    review: StudyReview,
    entries: Sequence[Entry],
    *,
    reader: Who,
    conclusion: str,
    findings: Sequence[str] = (),
    reason: str = "",
    trained_on: str = "",
    manifest: str = "",
    key: str | None = None,
) -> int:
    """Sign a study as it was shown, and store its report; return the new version.

    Parameters
    ----------
    review : StudyReview
        The main reading, as the reader saw it.
    entries : sequence of Entry
        The audit trail of the study, as far as the reader saw it.
    reader : Principal or str
        Who signs.
    conclusion : str
        What the report concludes.
    findings : sequence of str, optional
        Keys of the facts that it was made from.
    reason : str, optional
        Why it is signed although nobody has decided about something urgent.
    trained_on : str, optional
        What data the model was trained on, in words.
    manifest : str, optional
        SHA-256 of the network's weights, calibration and thresholds, which is sealed with it.
    key : str, optional
        Names this request, so that it is carried out once.

    Raises
    ------
    ReviewError
        If something urgent is undecided and no reason is given; and as in `pipeline.store.reviews.sign`.
    StaleVersion
        If someone else was faster; nothing is changed.
    DataError
        If the report cannot be stored; nothing is then signed.
    """
    left = undecided(review.findings, review.state.measured, _verdicts(review))
    why = clean_text(reason) if left.names else ""  # where nothing is left there is nothing to give a reason for
    if left.names and not why:
        raise ReviewError(
            f"Urgent and not reviewed: {'; '.join(left.names)}. Decide, or say why you sign all the same."
        )

    def report(signature: Entry) -> bytes:
        before = study_facts(review, entries)
        facts = replace(
            before,
            state="signed",
            reader=signature.who,
            signed_at=signature.at,
            signatures=before.signatures + 1,
            version=signature.seq,
            conclusion=signature.text,
            chosen=tuple(findings),
            reason=why,
        )
        return pdf_bytes(reviewed_content(review, facts, created=signature.at, trained_on=trained_on))

    return reviews.sign(
        review.study.id,
        reader=reader,
        expected_version=review.standing.version,
        text=conclusion,
        findings=findings,
        reason=why,
        report=report,
        manifest=manifest,
        key=key,
    )
