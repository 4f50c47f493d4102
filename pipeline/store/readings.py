"""Who read many studies, in one query each, for the worklist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from pipeline.store.database import database
from pipeline.store.tables import AuditRow, ReadingRow


@dataclass(frozen=True)
class SecondReading:
    """Who is doing, or has done, the second reading of a study."""

    reader: str
    done: bool


def readers(study_ids: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return everyone who took part in the main reading of each study that was begun, the latest first."""
    last = func.max(AuditRow.seq)
    query = (
        select(AuditRow.study_id, AuditRow.who)
        .join(ReadingRow, ReadingRow.id == AuditRow.reading_id)
        .where(AuditRow.study_id.in_(study_ids), ReadingRow.role == "main", AuditRow.event != "second_done")
        .group_by(AuditRow.study_id, AuditRow.who)
        .order_by(AuditRow.study_id, last.desc())
    )
    found: dict[int, tuple[str, ...]] = {}
    with database().reading() as session:
        for study_id, who in session.execute(query):
            found[study_id] = (*found.get(study_id, ()), who)
    return found


def second_readings(study_ids: Sequence[int]) -> dict[int, SecondReading]:
    """Return the second reading of each study that has one; withdrawn ones do not count."""
    query = select(ReadingRow.study_id, ReadingRow.reader, ReadingRow.state).where(
        ReadingRow.study_id.in_(study_ids), ReadingRow.role == "second", ReadingRow.state != "withdrawn"
    )
    with database().reading() as session:
        return {row[0]: SecondReading(row[1], row[2] == "closed") for row in session.execute(query)}
