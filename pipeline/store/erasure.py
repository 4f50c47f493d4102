"""Erasing who was recorded while what was decided stays: names leave studies, files and lists, not the audit trail.

What remains is what nobody may change: names that were typed into comments, conclusions or an earlier renaming, signed
reports unless they are asked to go, and backups.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.errors import ReviewError
from pipeline.principal import LOCAL, Who, require
from pipeline.review.decisions import clean_text
from pipeline.store.access import note, writing_as
from pipeline.store.copies import remove_derived
from pipeline.store.identities import delete_identity, load_identity
from pipeline.store.log import Log, named, reading_row
from pipeline.store.recordings import neutral_name, recording_folder, rename_recording
from pipeline.store.seals import ERASED, REPORT
from pipeline.store.signed_files import delete_report, has_report
from pipeline.store.studies import search_text, study_row
from pipeline.store.tables import AuditRow, StudyRow


@dataclass(frozen=True)
class Erased:
    """What an erasure did, and what still names somebody.

    Attributes
    ----------
    name : str
        What the recording is called now.
    studies : int
        How many studies were renamed.
    identity : bool
        Whether it was kept who was recorded.
    reports_gone, reports_left : int
        Signed reports that were deleted, and that are still there and print what was known when they were signed.
    renamings : int
        Entries of the audit trail that tell an earlier name; they cannot be changed.
    """

    name: str
    studies: int
    identity: bool
    reports_gone: int
    reports_left: int
    renamings: int


def erase_names(study_id: int, *, reader: Who, reason: str, reports: bool = False) -> Erased:
    """Erase who was recorded from all studies of a recording, signed ones too; decisions and signatures stay.

    Parameters
    ----------
    study_id : int
        Any study of the recording.
    reader : Principal or str
        Who erases it.
    reason : str
        Why; stored in the audit trail, so it must not hold the name.
    reports : bool, optional
        Whether signed reports are deleted as well: their hashes and conclusions stay in the trail.

    Raises
    ------
    ReviewError
        If the reader has no name, or no reason is given.
    DataError
        If a file cannot be written; nothing is then changed in the database.
    """
    asking = require(reader, "delete")
    who, why = named(asking), clean_text(reason)
    if not why:
        raise ReviewError("No reason is given; say why names are erased.")
    with writing_as(asking) as session:
        digest = study_row(session, study_id).digest
        rows = session.scalars(select(StudyRow).where(StudyRow.digest == digest).with_for_update()).all()
        name, known = neutral_name(digest), bool(load_identity(digest, reader=LOCAL))
        for row in rows:
            _rename(session, row, name, who, why, kind=ERASED[1] if reports else "")
        stored = [one for one in _texts(session, rows, REPORT) if has_report(one)]
        for one in stored if reports else ():
            delete_report(one)
        _erase_files(digest, name)
        note(session, asking, "delete", digest=digest, text=f"names: {why}")
        gone = len(stored) if reports else 0
        return Erased(name, len(rows), known, gone, len(stored) - gone, len(_texts(session, rows, "renamed")))


def _rename(session: Session, row: StudyRow, name: str, who: str, why: str, *, kind: str) -> None:
    """Rename a study, with an entry that does not tell its former name; its last reader stays who it was."""
    reader, row.record = row.reader, name
    log = Log(session, row, reading_row(session, row.id, "main"), who, str(uuid.uuid4()))
    log.append("erased", kind=kind, text=why)
    row.reader, row.search = reader, search_text(session, row)


def _erase_files(digest: str, name: str) -> None:
    """Take the name out of the recording's own files; results, which hold it too, are made again when needed."""
    delete_identity(digest)
    remove_derived(digest)
    rename_recording(digest, name)
    folder = recording_folder(digest)
    if folder is not None:
        for page in folder.glob("page*"):  # a photo of a page shows the name that is printed on it
            page.unlink(missing_ok=True)


def _texts(session: Session, rows: Sequence[StudyRow], event: str) -> list[str]:
    """Return the texts of all entries of one kind in these studies."""
    of_them = AuditRow.study_id.in_([row.id for row in rows])
    return list(session.scalars(select(AuditRow.text).where(of_them, AuditRow.event == event)))
