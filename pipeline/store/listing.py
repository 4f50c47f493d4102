"""What the worklist shows of a study, from the beats in force; and studies made from finished analyses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import func, select

from pipeline.principal import Who, require
from pipeline.review.beats_in_force import ReviewedBeats, reviewed_beats
from pipeline.review.finding_kinds import FINDING_KINDS, most_urgent
from pipeline.review.holter import is_pause, longest_pause_s, told
from pipeline.review.signal_evidence import evidence_of
from pipeline.review.summary import LETTERS
from pipeline.review.triage import Finding, triage
from pipeline.store.database import database
from pipeline.store.studies import UNJUDGED, Study, create_study
from pipeline.store.tables import AuditRow, ReadingRow, StudyRow
from pipeline.types import Analysis, Recording


@dataclass(frozen=True)
class Listing:
    """A study's row.

    Attributes
    ----------
    priority : int
        Of its most urgent finding.
    counts, findings : dict of str to int
        Beats per letter of `LETTERS`, and findings per kind.
    longest_s : float
        How long the longest finding of the most urgent kind lasts, seconds; of pauses, the longest interval.
    """

    priority: int
    counts: dict[str, int]
    findings: dict[str, int]
    longest_s: float = 0.0


def listing(beats: ReviewedBeats, findings: Sequence[Finding]) -> Listing:
    """Return the row for the beats in force and their findings."""
    counts = {letter: int(np.count_nonzero(beats.aami == letter)) for letter in LETTERS}
    kinds: Counter[str] = Counter()
    for finding in findings:
        kinds[finding.kind] += told((finding,))
    kind = most_urgent(kinds)
    longest_s = max((_seconds(one) for one in findings if one.kind == kind), default=0.0)
    return Listing(FINDING_KINDS[kind].priority if kind else UNJUDGED, counts, dict(kinds), longest_s)


def _seconds(finding: Finding) -> float:
    return longest_pause_s(finding) if is_pause(finding.kind) else finding.stop_s - finding.start_s


def study_of_analysis(analysis: Analysis, recording: Recording, *, reader: Who = "") -> Study:
    """Return the study of an analysis of this recording; make it, with its row, if there is none.

    Parameters
    ----------
    analysis : Analysis
        The model's answer.
    recording : Recording
        What it is an answer to.
    reader : Principal or str, optional
        Who asks.
    """
    beats = reviewed_beats(analysis, (), evidence_of(recording, analysis))
    row = listing(beats, triage(beats))
    return create_study(
        analysis, priority=row.priority, counts=row.counts, findings=row.findings, longest_s=row.longest_s,
        reader=reader,
    )  # fmt: skip


@dataclass(frozen=True)
class SecondReading:
    """Who is doing, or has done, the second reading of a study."""

    reader: str
    done: bool


def readers(study_ids: Sequence[int], *, reader: Who = "") -> dict[int, tuple[str, ...]]:
    """Return everyone who took part in the main reading of each study that was begun, the latest first."""
    require(reader, "view")
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


def second_readings(study_ids: Sequence[int], *, reader: Who = "") -> dict[int, SecondReading]:
    """Return the second reading of each study that has one; withdrawn ones do not count."""
    require(reader, "view")
    query = select(ReadingRow.study_id, ReadingRow.reader, ReadingRow.state).where(
        ReadingRow.study_id.in_(study_ids), ReadingRow.role == "second", ReadingRow.state != "withdrawn"
    )
    with database().reading() as session:
        return {row[0]: SecondReading(row[1], row[2] == "closed") for row in session.execute(query)}


def worklist_stamp(*, reader: Who = "") -> tuple[int, datetime | None]:
    """Return how many studies there are and when any last changed; this differs after every new study or decision."""
    require(reader, "view")
    with database().reading() as session:
        count, last = session.execute(select(func.count(), func.max(StudyRow.updated)).select_from(StudyRow)).one()
        return int(count), last
