"""Second readings of many studies at once, for the worklist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from pipeline.store.database import database
from pipeline.store.tables import ReadingRow


@dataclass(frozen=True)
class SecondReading:
    """Who reads, or has read, a study a second time."""

    reader: str
    done: bool


def second_readings(study_ids: Sequence[int]) -> dict[int, SecondReading]:
    """The second reading of each study that has one; withdrawn ones do not count."""
    query = select(ReadingRow.study_id, ReadingRow.reader, ReadingRow.state).where(
        ReadingRow.study_id.in_(study_ids), ReadingRow.role == "second", ReadingRow.state != "withdrawn"
    )
    with database().reading() as session:
        return {row[0]: SecondReading(row[1], row[2] == "closed") for row in session.execute(query)}
