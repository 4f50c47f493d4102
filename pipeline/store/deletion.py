"""Deleting a recording's signal, and who was recorded, from this machine; decisions, and that it was deleted, stay."""

from __future__ import annotations

import uuid
from contextlib import suppress

from sqlalchemy import func, select

from pipeline.errors import DataError, ReviewError
from pipeline.principal import LOCAL, Who, require
from pipeline.review.decisions import clean_text
from pipeline.store.access import note, writing_as
from pipeline.store.copies import finish_removals, remove_copies
from pipeline.store.database import database
from pipeline.store.erasure import finish_erasures
from pipeline.store.identities import identity_file
from pipeline.store.ledger import noting
from pipeline.store.log import Log, named, reading_row
from pipeline.store.recordings import recording_folder
from pipeline.store.studies import get_study
from pipeline.store.tables import AuditRow, StudyRow


def delete_signal(study_id: int, *, reader: Who, reason: str) -> None:
    """Delete the recording of a study, the signal filtered from it and who was recorded; its studies' trails record it.

    Decisions, the models' answers, the audit trail and reports that were signed before it was reopened, which show who
    was recorded and strips of the signal, stay. Opening the same files again makes the studies complete.

    Parameters
    ----------
    study_id : int
        Any study of the recording.
    reader : Principal or str
        Who deletes it.
    reason : str
        Why; stored in the audit trail.

    Raises
    ------
    ReviewError
        If a study of the recording is signed, because a signed result must stay verifiable, or if no reason is given.
    DataError
        If a copy could not be deleted; it is tried again whenever the application starts.
    """
    asking = require(reader, "delete")
    who, why, digest = named(asking), clean_text(reason), get_study(study_id, reader=LOCAL).digest
    if not why:
        raise ReviewError("No reason is given; say why the recording is deleted.")
    with noting() as going, writing_as(asking) as session:
        rows = session.scalars(select(StudyRow).where(StudyRow.digest == digest).with_for_update()).all()
        if signed := next((row for row in rows if row.state == "signed"), None):
            raise ReviewError(
                f"Study {signed.id} of this recording, read by {signed.model}, is signed and keeps it; reopen it first."
            )
        for row in rows:
            Log(session, row, reading_row(session, row.id, "main"), who, str(uuid.uuid4())).append(
                "forgotten", text=why
            )
        note(session, asking, "delete", digest=digest, text=why)
        going(digest, "deleted")
    remove_copies(digest)


def delete_unread(digest: str, *, reader: Who = "") -> None:
    """Delete a recording that has no study: there is nobody's work on it, so no reason is asked for.

    Parameters
    ----------
    digest : str
        SHA-256 of the recording.
    reader : Principal or str, optional
        Who deletes it.

    Raises
    ------
    ReviewError
        If it has a study; delete it there, with a reason.
    DataError
        If a copy could not be deleted.
    """
    asking = require(reader, "delete")
    with noting() as going, writing_as(asking) as session:
        if session.scalars(select(StudyRow.id).where(StudyRow.digest == digest)).first() is not None:
            raise ReviewError("This recording has a study; delete it on the study's page, with a reason.")
        note(session, asking, "delete", digest=digest)
        going(digest, "deleted")
    remove_copies(digest)


def finish_deletions() -> list[str]:
    """Finish deletions and erasures that were interrupted, refused or made by way of another home.

    A recording that has a signed study since stays.

    Returns
    -------
    list of str
        Digests of which copies are still left.
    """
    _remove_deleted_elsewhere()
    finish_erasures()
    return finish_removals(keep=_is_signed)


def _remove_deleted_elsewhere() -> None:
    """Remove what was deleted by way of another home with the same database, if nobody opened it here since."""
    last = (
        select(StudyRow.digest, func.max(AuditRow.at))
        .join(StudyRow, StudyRow.id == AuditRow.study_id)
        .where(AuditRow.event == "forgotten")
        .group_by(StudyRow.digest)
    )
    with database().reading() as session:
        found = session.execute(last).all()
    for digest, at in found:
        folder = recording_folder(digest)
        kept = [] if folder is None else [folder / "facts.json", identity_file(digest)]
        ages = [file.stat().st_mtime for file in kept if file.is_file()]
        if ages and max(ages) <= at.timestamp() and not _is_signed(digest):
            with suppress(DataError):  # it is noted, and tried again
                remove_copies(digest)


def _is_signed(digest: str) -> bool:
    query = select(StudyRow.id).where(StudyRow.digest == digest, StudyRow.state == "signed")
    with database().reading() as session:
        return session.scalars(query).first() is not None
