"""Erasing who was recorded while what was decided stays: names leave studies, files and lists, not the audit trail.

What remains is what nobody may change: names that were typed into comments, conclusions or an earlier renaming, signed
reports unless they are asked to go, and backups.
"""

from __future__ import annotations

import math
import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from pipeline.errors import DataError, ReviewError
from pipeline.principal import LOCAL, Who, require
from pipeline.review.decisions import clean_text
from pipeline.store.access import note, writing_as
from pipeline.store.copies import derived
from pipeline.store.database import database
from pipeline.store.identities import identity_file, load_identity
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
        If a file cannot be written; nothing is then changed. If one cannot be deleted, when the database says that
        names are erased; it is tried again whenever the application starts.
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
        renamed = len(_texts(session, rows, "renamed"))
        note(session, asking, "delete", digest=digest, text=f"names: {why}")
        session.flush()
        rename_recording(digest, name)  # the one file that is written: a full disk says so before anything is gone
    gone = stored if reports else []
    _delete_files(digest, gone)
    return Erased(name, len(rows), known, len(gone), len(stored) - len(gone), renamed)


def finish_erasures() -> None:
    """Finish erasures that were interrupted, or made by way of another home with the same database.

    What was kept since an erasure stays: somebody wants it.
    """
    last = (
        select(StudyRow.digest, func.max(AuditRow.at))
        .join(StudyRow, StudyRow.id == AuditRow.study_id)
        .where(AuditRow.event == ERASED[0])
        .group_by(StudyRow.digest)
    )
    with database().reading() as session:
        found, reports = session.execute(last).all(), _erased_reports(session)
    for digest, at in found:
        with suppress(DataError):  # it is tried again at the next start
            _finish(digest, at.timestamp())
    with suppress(DataError):
        _delete_files("", reports)


def _finish(digest: str, before: float) -> None:
    folder = recording_folder(digest)
    if folder is not None and _is_older(folder / "signal.npy", before):
        rename_recording(digest, neutral_name(digest))
    _delete_files(digest, (), before=before)


def _rename(session: Session, row: StudyRow, name: str, who: str, why: str, *, kind: str) -> None:
    """Rename a study, with an entry that does not tell its former name; its last reader stays who it was."""
    reader, row.record = row.reader, name
    log = Log(session, row, reading_row(session, row.id, "main"), who, str(uuid.uuid4()))
    log.append("erased", kind=kind, text=why)
    row.reader, row.search = reader, search_text(session, row)


def _delete_files(digest: str, reports: Sequence[str], *, before: float = math.inf) -> None:
    """Delete files that name who was recorded, if they are older than that (seconds since the epoch), and reports.

    Raises
    ------
    DataError
        If one cannot be deleted.
    """
    try:
        for path in list(_naming(digest)):
            if _is_older(path, before):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for report in reports:
            delete_report(report)
    except OSError as error:
        raise DataError(
            f"A file that names who was recorded could not be deleted ({error.strerror}); it is tried again whenever "
            "the application starts."
        ) from error


def _naming(digest: str) -> Iterator[Path]:
    """Name the files that may tell who was recorded: results hold the name too, and are made again when needed."""
    folder = recording_folder(digest)
    if folder is not None:
        yield identity_file(digest)
        yield from folder.glob("page*")  # a photo of a page shows the name that is printed on it
        for made in derived(digest):
            yield from made.iterdir()


def _is_older(path: Path, before: float) -> bool:
    return path.exists() and path.stat().st_mtime <= before


def _erased_reports(session: Session) -> list[str]:
    """Return the hashes of all reports that were asked to go after they were signed."""
    later, (event, kind) = aliased(AuditRow), ERASED
    asked = select(later.id).where(later.study_id == AuditRow.study_id, later.event == event, later.kind == kind)
    query = select(AuditRow.text).where(AuditRow.event == REPORT, asked.where(later.id > AuditRow.id).exists())
    return list(session.scalars(query))


def _texts(session: Session, rows: Sequence[StudyRow], event: str) -> list[str]:
    """Return the texts of all entries of one kind in these studies."""
    of_them = AuditRow.study_id.in_([row.id for row in rows])
    return list(session.scalars(select(AuditRow.text).where(of_them, AuditRow.event == event)))
