"""Deleting a recording's signal, and who was recorded, from this machine; decisions, and that it was deleted, stay."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.config import DEFAULT
from pipeline.errors import ReviewError
from pipeline.review.decisions import clean_text
from pipeline.store import recordings
from pipeline.store.database import database
from pipeline.store.identities import delete_identity
from pipeline.store.log import Log, named, reading_row
from pipeline.store.prepared import prepared_folder
from pipeline.store.signed_files import delete_report
from pipeline.store.studies import get_study, study_of
from pipeline.store.tables import AuditRow, StudyRow


def delete_signal(study_id: int, *, reader: str, reason: str) -> None:
    """Delete the recording of a study, the signal filtered from it and who was recorded; its studies' trails record it.

    Reports that were signed before it was reopened show the signal and go as well. Decisions, the models' answers and
    the audit trail, with the hashes of these reports, stay. Opening the same files again makes the studies complete.

    Parameters
    ----------
    study_id : int
        Any study of the recording.
    reader : str
        Who deletes it.
    reason : str
        Why; stored in the audit trail.

    Raises
    ------
    ReviewError
        If a study of the recording is signed, because a signed result must stay verifiable, or if no reason is given.
    """
    who, why, digest = named(reader), clean_text(reason), get_study(study_id).digest
    if not why:
        raise ReviewError("No reason is given; say why the recording is deleted.")
    with database().writing() as session:
        rows = session.scalars(select(StudyRow).where(StudyRow.digest == digest).with_for_update()).all()
        if signed := next((row for row in rows if row.state == "signed"), None):
            raise ReviewError(
                f"Study {signed.id} of this recording, read by {signed.model}, is signed and keeps it; reopen it first."
            )
        for row in rows:
            Log(session, row, reading_row(session, row.id, "main"), who, str(uuid.uuid4())).append(
                "forgotten", text=why
            )
        reports = _reports_of(session, [row.id for row in rows])
        asked = {None, *(study_of(row).leads for row in rows)}
    for leads in asked:
        shutil.rmtree(prepared_folder(digest, DEFAULT, leads), ignore_errors=True)
    recordings.delete_recording(digest)
    for report in reports:
        delete_report(report)
    delete_identity(digest)


def _reports_of(session: Session, study_ids: Sequence[int]) -> tuple[str, ...]:
    """Return the hashes of the signed reports of some studies."""
    query = select(AuditRow.text).where(AuditRow.study_id.in_(study_ids), AuditRow.event == "report")
    return tuple(session.scalars(query))
