"""Erasing who was recorded while what was decided stays: names leave studies, files, lists and what people typed.

In the audit trail and the log of access a name is masked where it stands in a comment, conclusion, reason or search; an
entry of the erasure tells what the masked ones are since, so that the chain and signatures still hold. What remains are
signed reports, unless they are asked to go, and backups, of which `erasures.jsonl` tells what must go again.
"""

from __future__ import annotations

import math
import re
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
from pipeline.review.decisions import MASK, TEXT_CHARS, clean_text
from pipeline.store.access import note, writing_as
from pipeline.store.chain import ERASED, Masks, columns_of, masked_link
from pipeline.store.copies import derived
from pipeline.store.database import database
from pipeline.store.identities import identity_file, load_identity
from pipeline.store.ledger import noting
from pipeline.store.log import Log, named, reading_row
from pipeline.store.masking import masked, terms, whole_names
from pipeline.store.recordings import load_recording, neutral_name, recording_folder, rename_recording
from pipeline.store.seals import REPORT, REPORTS_GONE, seal_faults, seals_now
from pipeline.store.signed_files import delete_report, has_report
from pipeline.store.studies import search_text, study_row
from pipeline.store.tables import AccessRow, AuditRow, StudyRow

_NO_WORDS = (REPORT, "concluded", "identity")  # entries whose text no person typed: hashes, codes, names of fields


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
    masked : int
        Entries of the audit trail and the log of access in which a name was masked.
    """

    name: str
    studies: int
    identity: bool
    reports_gone: int
    reports_left: int
    masked: int


def erase_names(study_id: int, *, reader: Who, reason: str, reports: bool = False, also: Sequence[str] = ()) -> Erased:
    """Erase who was recorded from all studies of a recording, signed ones too; decisions and signatures stay.

    Parameters
    ----------
    study_id : int
        Any study of the recording.
    reader : Principal or str
        Who erases it.
    reason : str
        Why; stored in the audit trail, without the name.
    reports : bool, optional
        Whether signed reports are deleted as well: their hashes and conclusions stay in the trail.
    also : sequence of str, optional
        Words that name the patient and are masked too, beside what is known of them.

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
    with noting() as going, writing_as(asking) as session:
        digest = study_row(session, study_id).digest
        rows = session.scalars(select(StudyRow).where(StudyRow.digest == digest).with_for_update()).all()
        name = neutral_name(digest)
        identity, called = load_identity(digest, reader=LOCAL), _called(session, digest, rows)
        naming = terms(identity, called, also=also)
        why, many = masked(why, naming), _mask_log(session, digest, naming, whole_names(identity, called))
        for row in rows:
            masks, count = _mask_trail(session, row, naming)
            many += count
            _rename(session, row, name, who, why, kind=REPORTS_GONE[1] if reports else "", masks=masks)
        stored = [one for one in _texts(session, rows, REPORT) if has_report(one)]
        note(session, asking, "delete", digest=digest, text=f"names: {why}"[:TEXT_CHARS])
        session.flush()
        going(digest, "erased with reports" if reports else "erased", words=any(word.strip() for word in also))
        rename_recording(digest, name)  # the one file that is written: a full disk says so before anything is gone
    gone = stored if reports else []
    _delete_files(digest, gone)
    return Erased(name, len(rows), bool(identity), len(gone), len(stored) - len(gone), many)


def _called(session: Session, digest: str, rows: Sequence[StudyRow]) -> list[str]:
    """Return every name that the recording and its studies have or had."""
    neutral, stored = neutral_name(digest), load_recording(digest, reader=LOCAL)
    called = [*(row.record for row in rows), *_texts(session, rows, "renamed"), stored.name if stored else ""]
    return [one for one in dict.fromkeys(called) if one not in (neutral, MASK)]


def _mask_trail(session: Session, study: StudyRow, naming: Sequence[re.Pattern[str]]) -> tuple[Masks, int]:
    """Mask names in a study's entries; return what they and its signatures are since, and how many they are."""
    sound = {row.seq: row for row, _ in seals_now(session, study.id)} if not seal_faults(session, study.id) else {}
    links: dict[int, str] = {}
    many = 0
    query = select(AuditRow).where(AuditRow.study_id == study.id, AuditRow.event.not_in(_NO_WORDS), AuditRow.text != "")
    for row in session.scalars(query.order_by(AuditRow.id)):
        text = MASK if row.event == "renamed" else masked(row.text, naming)
        if text != row.text:
            before, row.text = columns_of(row), text
            many += 1
            if link := masked_link(session, before, row):
                links[row.id] = link
    session.flush()
    seals = {row.seq: now for row, now in seals_now(session, study.id) if row.seq in sound and now != row.seal}
    return Masks(links, seals), many


def _mask_log(
    session: Session, digest: str, naming: Sequence[re.Pattern[str]], whole: Sequence[re.Pattern[str]]
) -> int:
    """Mask names in the log of access; return in how many entries.

    Searches, and entries of the recording, lose every word that names the patient; of another recording, whose patient
    may share a name, whole names only. Of what was viewed the program itself writes numbers, and no name.
    """
    many = 0
    for row in session.scalars(select(AccessRow).where(AccessRow.text != "", AccessRow.event != "view")):
        text = masked(row.text, naming if row.event == "search" or row.digest == digest else whole)
        if text != row.text:
            row.text, many = text, many + 1
    return many


def finish_erasures() -> None:
    """Finish erasures that were interrupted, or made by way of another home with the same database.

    What was kept since an erasure stays: somebody wants it.
    """
    last = (
        select(StudyRow.digest, func.max(AuditRow.at))
        .join(StudyRow, StudyRow.id == AuditRow.study_id)
        .where(AuditRow.event == ERASED)
        .group_by(StudyRow.digest)
    )
    with database().reading() as session:
        found, reports = session.execute(last).all(), _erased_reports(session)
    for digest, at in found:
        with suppress(DataError):  # it is tried again at the next start
            _finish(digest, at.timestamp())
    with suppress(DataError):
        _delete_files("", reports)


def erase_files(digest: str) -> None:
    """Erase who was recorded from the files of a recording that has no study.

    Raises
    ------
    DataError
        If a file cannot be written or deleted.
    """
    _finish(digest, math.inf)


def _finish(digest: str, before: float) -> None:
    folder = recording_folder(digest)
    if folder is not None and _is_older(folder / "signal.npy", before):
        rename_recording(digest, neutral_name(digest))
    _delete_files(digest, (), before=before)


def _rename(session: Session, row: StudyRow, name: str, who: str, why: str, *, kind: str, masks: Masks) -> None:
    """Rename a study, with an entry that does not tell its former name; its last reader stays who it was."""
    reader, row.record = row.reader, name
    log = Log(session, row, reading_row(session, row.id, "main"), who, str(uuid.uuid4()))
    log.append("erased", kind=kind, text=why, classes=("", masks.text, ""))
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
    later, (event, kind) = aliased(AuditRow), REPORTS_GONE
    asked = select(later.id).where(later.study_id == AuditRow.study_id, later.event == event, later.kind == kind)
    query = select(AuditRow.text).where(AuditRow.event == REPORT, asked.where(later.id > AuditRow.id).exists())
    return list(session.scalars(query))


def _texts(session: Session, rows: Sequence[StudyRow], event: str) -> list[str]:
    """Return the texts of all entries of one kind in these studies."""
    of_them = AuditRow.study_id.in_([row.id for row in rows])
    return list(session.scalars(select(AuditRow.text).where(of_them, AuditRow.event == event)))
