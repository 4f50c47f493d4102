"""Studies: one recording read by one model, with the model's answer stored for good; and their worklist."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.errors import ReviewError, StoreError
from pipeline.review.states import StudyState
from pipeline.store.database import database
from pipeline.store.results import read_analysis, write_analysis
from pipeline.store.stored_files import BROKEN_NPZ
from pipeline.store.tables import AnalysisRow, AuditRow, ReadingRow, StudyRow
from pipeline.types import Analysis

SortKey = Literal["priority", "updated", "created", "record", "reader", "state", "duration_s", "model"]
UNREAD: Final[tuple[StudyState, ...]] = ("new", "in_review", "reopened")  # the states in which a study waits
UNJUDGED: Final = 99  # the priority of a study without findings: last


@dataclass(frozen=True)
class Study:
    """A study as the worklist shows it.

    Attributes
    ----------
    id : int
        Its number.
    digest, record : str
        SHA-256 of the recording, and its name.
    model, model_version : str
        The network whose answer is reviewed, and its identity.
    leads : tuple of str
        The leads that were analysed.
    duration_s : float
        Length of the recording, seconds.
    state : StudyState
        New, in review, signed or reopened.
    priority : int
        Of its most urgent finding; 1 is the most urgent.
    counts, findings : mapping of str to int
        Beats by class in force, and findings by kind.
    reader : str
        Who read it last; "" if nobody.
    created, updated : datetime
        UTC.
    """

    id: int
    digest: str
    record: str
    model: str
    model_version: str
    leads: tuple[str, ...]
    duration_s: float
    state: StudyState
    priority: int
    counts: Mapping[str, int]
    findings: Mapping[str, int]
    reader: str
    created: datetime
    updated: datetime


@dataclass(frozen=True)
class WorklistPage:
    """One page of the worklist, and how many studies there are on all pages."""

    studies: tuple[Study, ...]
    total: int


def create_study(
    analysis: Analysis,
    *,
    priority: int = UNJUDGED,
    counts: Mapping[str, int] | None = None,
    findings: Mapping[str, int] | None = None,
) -> Study:
    """Return the study of this recording by this model: the existing one, with its original answer, or a new one.

    Parameters
    ----------
    analysis : Analysis
        The model's answer.
    priority : int, optional
        1 is the most urgent.
    counts, findings : mapping of str to int, optional
        Beats per class (`analysis.counts()` if None) and findings per kind, for the worklist; see `save_summary`.
    """
    counts = analysis.counts() if counts is None else counts
    with database().writing() as session:
        row = session.scalar(_same(analysis))
        if row is None:
            try:
                with session.begin_nested():
                    row = _added(session, analysis, priority, counts, findings or {})
            except IntegrityError:  # two may look at once and find nothing (PostgreSQL): someone else was faster
                row = session.scalars(_same(analysis)).one()
        return study_of(row)


def find_study(analysis: Analysis) -> Study | None:
    """Return the study of this recording by this model, if there is one."""
    with database().reading() as session:
        row = session.scalar(_same(analysis))
        return None if row is None else study_of(row)


def get_study(study_id: int) -> Study:
    """Return the study with this number.

    Raises
    ------
    ReviewError
        If there is none.
    """
    with database().reading() as session:
        return study_of(study_row(session, study_id))


def stored_analysis(study_id: int) -> Analysis:
    """Return the model's answer that the study's decisions refer to, independent of the result cache.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    db = database()
    with db.reading() as session:
        row = study_row(session, study_id)
        key, record = row.analysis, row.record
    return replace(_analysis(str(db.engine.url), key), record=record)


def save_summary(study_id: int, *, priority: int, counts: Mapping[str, int], findings: Mapping[str, int]) -> None:
    """Renew what the worklist shows of a study; this is not part of the audit trail.

    Parameters
    ----------
    study_id : int
        Which study.
    priority : int
        1 is the most urgent.
    counts : mapping of str to int
        Beats per letter.
    findings : mapping of str to int
        Findings per kind.
    """
    with database().writing() as session:
        _summarised(session, study_row(session, study_id), priority, counts, findings)


def worklist(
    *,
    text: str = "",
    states: tuple[StudyState, ...] = (),
    reader: str = "",
    most_urgent: int = UNJUDGED,
    since: datetime | None = None,
    sort: SortKey = "priority",
    descending: bool = False,
    page: int = 0,
    page_size: int = 50,
) -> WorklistPage:
    """List the studies that match, one page at a time.

    Parameters
    ----------
    text : str, optional
        Words that must all occur in record name, readers, model or kinds of findings, in upper or lower case.
    states : tuple of State, optional
        Only studies in one of these; all if empty.
    reader : str, optional
        The exact name of the last reader; anyone if empty.
    most_urgent : int, optional
        Only studies with a finding of this priority or a more urgent one; 1 is the most urgent.
    since : datetime, optional
        Only studies that were made since, with a time zone; of any age if None.
    sort : SortKey, optional
        Column to sort by; among equals, the study changed last comes first.
    descending : bool, optional
        Whether the order is reversed.
    page : int, optional
        Which page, from 0.
    page_size : int, optional
        Studies per page.
    """
    matching = _matching(text, states, reader).where(StudyRow.priority <= most_urgent)
    if since is not None:
        matching = matching.where(StudyRow.created >= since)
    column = getattr(StudyRow, sort)
    ordered = matching.order_by(column.desc() if descending else column, StudyRow.updated.desc(), StudyRow.id.desc())
    with database().reading() as session:
        total = session.scalar(select(func.count()).select_from(matching.with_only_columns(StudyRow.id).subquery()))
        rows = session.scalars(ordered.offset(page * page_size).limit(page_size)).all()
        return WorklistPage(tuple(study_of(row) for row in rows), total or 0)


def next_study(study_id: int) -> Study | None:
    """Return the most urgent study that waits to be read, other than this one; None if none does.

    Of equally urgent ones it is the first in the order of the worklist.
    """
    found = worklist(states=UNREAD, page_size=2).studies
    return next((study for study in found if study.id != study_id), None)


def last_readers() -> tuple[str, ...]:
    """Name everyone who was the last to read a study, in order of the alphabet."""
    query = select(StudyRow.reader).where(StudyRow.reader != "").distinct().order_by(StudyRow.reader)
    with database().reading() as session:
        return tuple(session.scalars(query))


def signed_studies() -> tuple[int, ...]:
    """Return the numbers of the studies that are signed now, ascending."""
    query = select(StudyRow.id).where(StudyRow.state == "signed").order_by(StudyRow.id)
    with database().reading() as session:
        return tuple(session.scalars(query))


def state_counts() -> dict[str, int]:
    """Count the studies in each state."""
    with database().reading() as session:
        found = session.execute(select(StudyRow.state, func.count()).group_by(StudyRow.state)).all()
        return {row[0]: row[1] for row in found}


def study_row(session: Session, study_id: int, *, lock: bool = False) -> StudyRow:
    """Return the row of a study, for the other modules of this package.

    Parameters
    ----------
    session : Session
        An open session.
    study_id : int
        Which study.
    lock : bool, optional
        Whether other writers are locked out until the transaction ends.

    Raises
    ------
    ReviewError
        If there is no such study.
    """
    query = select(StudyRow).where(StudyRow.id == study_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise ReviewError(f"Study {study_id} does not exist; choose one of the worklist.")
    return row


def search_text(session: Session, row: StudyRow) -> str:
    """Return what the worklist's search looks through, including everyone who ever wrote in the study's log."""
    people = session.scalars(select(AuditRow.who).where(AuditRow.study_id == row.id).distinct())
    return " ".join([row.record, *people, row.model, *row.findings]).casefold()


def study_of(row: StudyRow) -> Study:
    """Return the content of a row, detached from the database."""
    plain: dict[str, Any] = {name: getattr(row, name) for name in Study.__dataclass_fields__ if name != "leads"}
    return Study(**plain, leads=tuple(json.loads(row.leads)))


def _same(analysis: Analysis) -> Select[StudyRow]:
    return select(StudyRow).where(
        StudyRow.digest == analysis.digest,
        StudyRow.model == analysis.model,
        StudyRow.model_version == analysis.model_version,
        StudyRow.leads == json.dumps(analysis.leads),
    )


def _added(
    session: Session, analysis: Analysis, priority: int, counts: Mapping[str, int], findings: Mapping[str, int]
) -> StudyRow:
    """Add a new study with its main reading."""
    row = _new_row(analysis, _kept(session, analysis))
    _summarised(session, row, priority, counts, findings)
    session.add(row)
    session.flush()
    session.add(ReadingRow(study_id=row.id, role="main", reader="", state="open", version=0, opened=row.created))
    return row


def _kept(session: Session, analysis: Analysis) -> str:
    """Store the analysis and return its name; its bytes go first, so that no study exists without its analysis."""
    buffer = io.BytesIO()
    write_analysis(buffer, analysis)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    if session.get(AnalysisRow, digest) is None:
        session.add(AnalysisRow(digest=digest, payload=buffer.getvalue()))
        session.flush()
    return digest


def _new_row(analysis: Analysis, kept: str) -> StudyRow:
    now = datetime.now(UTC)
    return StudyRow(
        digest=analysis.digest,
        record=analysis.record,
        model=analysis.model,
        model_version=analysis.model_version,
        leads=json.dumps(analysis.leads),
        duration_s=analysis.duration_s,
        analysis=kept,
        state="new",
        reader="",
        created=now,
        updated=now,
    )


def _summarised(
    session: Session, row: StudyRow, priority: int, counts: Mapping[str, int], findings: Mapping[str, int]
) -> None:
    row.priority, row.counts, row.findings = int(priority), dict(counts), dict(findings)
    row.search = search_text(session, row)


def _matching(text: str, states: tuple[StudyState, ...], reader: str) -> Select[StudyRow]:
    query = select(StudyRow)
    if states:
        query = query.where(StudyRow.state.in_(states))
    if reader:
        query = query.where(StudyRow.reader == reader)
    for word in text.casefold().split():
        query = query.where(StudyRow.search.contains(word, autoescape=True))
    return query


@lru_cache(maxsize=4)
def _analysis(url: str, key: str) -> Analysis:
    """Load an analysis and keep it in memory: content under its own hash never changes."""
    with database().reading() as session:
        row = session.get(AnalysisRow, key)
        payload = b"" if row is None else row.payload
    if hashlib.sha256(payload).hexdigest() != key:
        raise StoreError("The stored analysis of this study is damaged; restore the database from a backup.")
    try:
        return read_analysis(io.BytesIO(payload))
    except BROKEN_NPZ as error:
        raise StoreError("The stored analysis of this study cannot be read by this version; update it.") from error
