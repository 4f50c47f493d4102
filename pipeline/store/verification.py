"""Whether what is kept for good is as it was written: the chain, signatures, signed reports and stored answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.errors import StoreError
from pipeline.principal import LOCAL, Who, require
from pipeline.store.chain import Trail, read_trail, study_faults
from pipeline.store.database import database
from pipeline.store.seals import REPORT, REPORTS_GONE, seal_faults, signed_studies
from pipeline.store.signed_files import load_report
from pipeline.store.tables import AnalysisRow, AuditRow


def verify_trail() -> Trail:
    """Look at the audit trail of all studies, and at what their signatures are over.

    Raises
    ------
    StoreError
        If the database cannot be read, or the chain has lost its last link.
    """
    with database().reading() as session:
        return trail_of(session)


def trail_of(session: Session) -> Trail:
    """Look at the audit trail and the signatures of an open database; see `verify_trail`."""
    trail = read_trail(session)
    seals = [fault for number in signed_studies(session) for fault in seal_faults(session, number)]
    return replace(trail, faults=(*trail.faults, *seals))


def verify_study(study_id: int, *, reader: Who = "") -> tuple[str, ...]:
    """Say what of a study's trail and signatures was changed outside the application; one sentence each."""
    require(reader, "view")
    with database().reading() as session:
        return (*study_faults(session, study_id), *seal_faults(session, study_id))


def verify_files() -> tuple[str, ...]:
    """Say which stored answers and signed reports are damaged, changed or lost; one sentence each."""
    with database().reading() as session:
        return (*_analyses(session), *_reports(session))


def _analyses(session: Session) -> Iterator[str]:
    query = select(AnalysisRow.digest, AnalysisRow.payload).execution_options(yield_per=20)
    for digest, payload in session.execute(query):
        if hashlib.sha256(payload).hexdigest() != digest:
            yield f"The stored answer {digest[:12]} of a model is not what was written."


def _reports(session: Session) -> Iterator[str]:
    event, kind = REPORTS_GONE
    gone = select(AuditRow.study_id, func.max(AuditRow.id)).where(AuditRow.event == event, AuditRow.kind == kind)
    erased = {row[0]: row[1] for row in session.execute(gone.group_by(AuditRow.study_id))}
    entries = (
        select(AuditRow.study_id, AuditRow.id, AuditRow.text).where(AuditRow.event == REPORT).order_by(AuditRow.id)
    )
    for study, entry, digest in session.execute(entries):
        if entry > erased.get(study, 0):
            try:
                load_report(digest, reader=LOCAL)
            except StoreError as error:
                yield str(error)
