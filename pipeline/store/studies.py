"""Studies: one recording read by one model, with the model's answer stored for good; and their worklist."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.config import sign_in_required
from pipeline.errors import ReviewError, StoreError
from pipeline.principal import Principal, Who, require
from pipeline.review.finding_kinds import URGENCY, most_urgent
from pipeline.review.states import StudyState
from pipeline.store.access import note_once, writing_as
from pipeline.store.database import database
from pipeline.store.results import read_analysis, write_analysis
from pipeline.store.stored_files import BROKEN_NPZ
from pipeline.store.tables import AnalysisRow, AuditRow, ReadingRow, StudyRow
from pipeline.types import Analysis

SortKey = Literal["priority", "updated", "created", "record", "reader", "state", "duration_s", "model"]
UNREAD: Final[tuple[StudyState, ...]] = ("new", "in_review", "reopened")  # the states in which a study waits
_NUMBER_DIGITS: Final = 10  # of a number in an address, at most
_LOGGED_CHARS: Final = 200  # of what somebody searched for
UNJUDGED: Final = 99  # the priority of a study without findings: last
_PLACE: Final = case(dict(URGENCY), value=StudyRow.kind, else_=len(URGENCY))
_BY_URGENCY: Final[tuple[ColumnElement[Any], ...]] = (StudyRow.priority.expression, _PLACE, -StudyRow.longest_s)


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
    token : str
        Its address, which nobody can guess.
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
    token: str = ""


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
    longest_s: float = 0.0,
    reader: Who = "",
) -> Study:
    """Return the study of this recording by this model: the existing one, with its original answer, or a new one.

    Parameters
    ----------
    analysis : Analysis
        The model's answer.
    priority : int, optional
        1 is the most urgent.
    counts, findings : mapping of str to int, optional
        Beats per class (`analysis.counts()` if None) and findings per kind, for the worklist.
    longest_s : float, optional
        How long the longest finding of the most urgent kind lasts, seconds.
    reader : Principal or str, optional
        Who asks.
    """
    asking = require(reader, "add")
    counts = analysis.counts() if counts is None else counts
    with writing_as(asking) as session:
        row = session.scalar(_same(analysis))
        if row is None:
            try:
                with session.begin_nested():
                    row = _added(session, analysis, priority, counts, findings or {}, longest_s)
            except IntegrityError:  # two may look at once and find nothing (PostgreSQL): someone else was faster
                row = session.scalars(_same(analysis)).one()
        return _shown(session, [row], asking)[0]


def find_study(analysis: Analysis, *, reader: Who = "") -> Study | None:
    """Return the study of this recording by this model, if there is one."""
    asking = require(reader, "view")
    with database().reading() as session:
        row = session.scalar(_same(analysis))
        return None if row is None else _shown(session, [row], asking)[0]


def get_study(study_id: int, *, reader: Who = "") -> Study:
    """Return the study with this number.

    Raises
    ------
    ReviewError
        If there is none.
    """
    asking = require(reader, "view")
    with database().reading() as session:
        return _shown(session, [study_row(session, study_id)], asking)[0]


def study_at(address: str, *, reader: Who = "") -> Study:
    """Return the study with this address; where nobody signs in, its number is one too.

    Raises
    ------
    ReviewError
        If there is none.
    """
    asking = require(reader, "view")
    if not sign_in_required() and address.isdecimal() and len(address) < _NUMBER_DIGITS:
        return get_study(int(address), reader=reader)
    with database().reading() as session:
        row = session.scalar(select(StudyRow).where(StudyRow.token == address)) if address else None
        if row is None:
            raise ReviewError("There is no study at this address; choose one of the worklist.")
        return _shown(session, [row], asking)[0]


def stored_analysis(study_id: int, *, reader: Who = "") -> Analysis:
    """Return the model's answer that the study's decisions refer to, independent of the result cache.

    Raises
    ------
    StoreError
        If it is damaged.
    """
    require(reader, "view")
    db = database()
    with db.reading() as session:
        row = study_row(session, study_id)
        key, record = row.analysis, row.record
    return replace(_analysis(str(db.engine.url), key), record=record)


def worklist(
    *,
    text: str = "",
    states: tuple[StudyState, ...] = (),
    last_reader: str = "",
    most_urgent: int = UNJUDGED,
    since: datetime | None = None,
    sort: SortKey = "priority",
    descending: bool = False,
    page: int = 0,
    page_size: int = 50,
    reader: Who = "",
) -> WorklistPage:
    """List the studies that match, one page at a time.

    Parameters
    ----------
    text : str, optional
        Words that must all occur in record name, readers, model or kinds of findings, in upper or lower case.
    states : tuple of State, optional
        Only studies in one of these; all if empty.
    last_reader : str, optional
        The exact name of the last reader; anyone if empty.
    most_urgent : int, optional
        Only studies with a finding of this priority or a more urgent one; 1 is the most urgent.
    since : datetime, optional
        Only studies that were made since, with a time zone; of any age if None.
    sort : SortKey, optional
        Column to sort by. The priority is that of the most urgent finding, then the place of its kind in the order of
        clinical urgency, then its length: the longest first. Among equals, the study changed last comes first.
    descending : bool, optional
        Whether the order is reversed.
    page : int, optional
        Which page, from 0.
    page_size : int, optional
        Studies per page.
    reader : Principal or str, optional
        Who asks. What was found in a study is hidden from its second reader until they have finished.
    """
    asking = require(reader, "view")
    if text.strip():
        note_once(asking, "search", text=text[:_LOGGED_CHARS])
    with database().reading() as session:
        blind = _blind(session, asking)
        urgency = _by_urgency(list(blind))
        matching = _matching(text, states, last_reader, blind).where(urgency[0] <= most_urgent)
        if since is not None:
            matching = matching.where(StudyRow.created >= since)
        columns = urgency if sort == "priority" else (getattr(StudyRow, sort),)
        columns = tuple(column.desc() for column in columns) if descending else columns
        ordered = matching.order_by(*columns, StudyRow.updated.desc(), StudyRow.id.desc())
        total = session.scalar(select(func.count()).select_from(matching.with_only_columns(StudyRow.id).subquery()))
        rows = session.scalars(ordered.offset(page * page_size).limit(page_size)).all()
        return WorklistPage(_shown(session, rows, asking), total or 0)


def next_study(study_id: int, *, reader: Who = "") -> Study | None:
    """Return the most urgent study that waits to be read, other than this one; None if none does.

    Of equally urgent ones it is the first in the order of the worklist.
    """
    found = worklist(states=UNREAD, page_size=2, reader=reader).studies
    return next((study for study in found if study.id != study_id), None)


def last_readers(*, reader: Who = "") -> tuple[str, ...]:
    """Name everyone who was the last to read a study, in order of the alphabet."""
    require(reader, "view")
    query = select(StudyRow.reader).where(StudyRow.reader != "").distinct().order_by(StudyRow.reader)
    with database().reading() as session:
        return tuple(session.scalars(query))


def signed_studies(*, reader: Who = "") -> tuple[int, ...]:
    """Return the numbers of the studies that are signed now, ascending."""
    require(reader, "view")
    query = select(StudyRow.id).where(StudyRow.state == "signed").order_by(StudyRow.id)
    with database().reading() as session:
        return tuple(session.scalars(query))


def state_counts(*, reader: Who = "") -> dict[str, int]:
    """Count the studies in each state."""
    require(reader, "view")
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


def summarise_row(
    row: StudyRow, priority: int, counts: Mapping[str, int], findings: Mapping[str, int], longest_s: float
) -> None:
    """Write into a row what the worklist shows of a study and sorts by; `search_text` is renewed apart.

    Parameters
    ----------
    row : StudyRow
        The row.
    priority : int
        1 is the most urgent.
    counts, findings : mapping of str to int
        Beats per class and findings per kind.
    longest_s : float
        How long the longest finding of the most urgent kind lasts, seconds.
    """
    row.priority, row.counts, row.findings = int(priority), dict(counts), dict(findings)
    row.kind, row.longest_s = most_urgent(findings), float(longest_s)


def search_text(session: Session, row: StudyRow) -> str:
    """Return what the worklist's search looks through, including everyone who ever wrote in the study's log."""
    people = session.scalars(select(AuditRow.who).where(AuditRow.study_id == row.id).distinct())
    return " ".join([row.record, *people, row.model, *row.findings]).casefold()


def without_findings(study: Study) -> Study:
    """Return a study as its blind second reader sees it."""
    return replace(study, priority=UNJUDGED, counts={}, findings={})


def study_of(row: StudyRow) -> Study:
    """Return the content of a row, detached from the database."""
    plain: dict[str, Any] = {name: getattr(row, name) for name in Study.__dataclass_fields__ if name != "leads"}
    return Study(**plain, leads=tuple(json.loads(row.leads)))


def _shown(session: Session, rows: Sequence[StudyRow], asking: Principal) -> tuple[Study, ...]:
    """Return studies as somebody may see them: what was found is hidden from a second reader who has not finished."""
    blind = _blind(session, asking)
    studies = (study_of(row) for row in rows)
    return tuple(without_findings(study) if study.id in blind else study for study in studies)


def _blind(session: Session, asking: Principal) -> dict[int, str]:
    """Return the studies that somebody reads a second time and has not finished, with what they may search there."""
    if not asking.name:
        return {}
    query = (
        select(StudyRow.id, StudyRow.record, StudyRow.model)
        .join(ReadingRow, ReadingRow.study_id == StudyRow.id)
        .where(ReadingRow.role == "second", ReadingRow.state == "open", ReadingRow.reader == asking.name)
    )
    return {number: f"{record} {model}".casefold() for number, record, model in session.execute(query)}


def _by_urgency(blind: Sequence[int]) -> tuple[ColumnElement[Any], ...]:
    """Return what the worklist is sorted by: of a blind study neither a filter nor the order tells what was found."""
    if not blind:
        return _BY_URGENCY
    hidden, nothing = StudyRow.id.in_(blind), (UNJUDGED, len(URGENCY), 0.0)
    return tuple(case((hidden, last), else_=own) for last, own in zip(nothing, _BY_URGENCY, strict=True))


def _same(analysis: Analysis) -> Select[StudyRow]:
    return select(StudyRow).where(
        StudyRow.digest == analysis.digest,
        StudyRow.model == analysis.model,
        StudyRow.model_version == analysis.model_version,
        StudyRow.leads == json.dumps(analysis.leads),
    )


def _added(
    session: Session,
    analysis: Analysis,
    priority: int,
    counts: Mapping[str, int],
    findings: Mapping[str, int],
    longest_s: float,
) -> StudyRow:
    """Add a new study with its main reading."""
    row = _new_row(analysis, _kept(session, analysis))
    summarise_row(row, priority, counts, findings, longest_s)
    row.search = search_text(session, row)
    session.add(row)
    session.flush()
    session.add(ReadingRow(study_id=row.id, role="main", reader="", state="open", version=0, opened=row.created))
    return row


def _kept(session: Session, analysis: Analysis) -> str:
    """Store the analysis and return its name; its bytes go first, so that no study exists without its analysis."""
    buffer = io.BytesIO()
    write_analysis(buffer, replace(analysis, record=""))  # the study has its name, which may be erased
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


def _matching(
    text: str, states: tuple[StudyState, ...], last_reader: str, blind: Mapping[int, str]
) -> Select[StudyRow]:
    query = select(StudyRow)
    if states:
        query = query.where(StudyRow.state.in_(states))
    if last_reader:
        query = query.where(StudyRow.reader == last_reader)
    words = text.casefold().split()
    if not words:
        return query
    found = and_(*(StudyRow.search.contains(word, autoescape=True) for word in words))
    if blind:
        known = [number for number, said in blind.items() if all(word in said for word in words)]
        found = or_(and_(found, StudyRow.id.not_in(list(blind))), StudyRow.id.in_(known))
    return query.where(found)


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
