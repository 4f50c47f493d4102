"""A blind second reading of a study, the agreement of both readers, and the adjudication of their differences."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy.orm import Session

from pipeline.errors import ReviewError
from pipeline.review.agreement import NO_BEAT, Agreement, Difference, adopting, compare
from pipeline.review.beats import ReviewedBeats, Spans, reviewed_beats
from pipeline.review.decisions import clean_text
from pipeline.store.database import database
from pipeline.store.log import KEEP, Log, decision_of, find_reading, open_log, reading_row, rows_query, stacks_of
from pipeline.store.reviews import check_writable, classes_around
from pipeline.store.studies import row_of, stored_analysis
from pipeline.store.tables import AuditRow, ReadingRow


@dataclass(frozen=True)
class Comparison:
    """Two finished readings, who did them, and which of their differences are not adjudicated yet."""

    first_reader: str
    second_reader: str
    agreement: Agreement
    unsettled: tuple[Difference, ...]


def begin_second(study_id: int, *, reader: str) -> int:
    """Open a second reading, which starts from the model's answer and knows nothing of the first.

    Returns
    -------
    int
        The version of the second reading. A reader who has begun already goes on where they were.

    Raises
    ------
    ReviewError
        If the study is new or signed, the reader took part in the first reading, or someone else is second reader.
    """
    with open_log(study_id, "main", reader, None) as log:
        second = find_reading(log.session, study_id, "second")
        if second is not None and (second.reader, second.state) == (log.who, "open"):
            return second.version
        _check_second_possible(log, second)
        now = datetime.now(UTC)
        row = ReadingRow(study_id=study_id, role="second", reader=log.who, state="open", version=0, opened=now)
        log.session.add(row)
        log.session.flush()
        Log(log.session, log.study, row, log.who, log.key).append("second_begun")
        return row.version


def finish_second(study_id: int, *, reader: str, expected_version: int, key: str | None = None) -> int:
    """Close the second reading: from here on decisions in the study adjudicate, and both readings stay as they are.

    Parameters
    ----------
    expected_version : int
        The version of the second reading.

    Returns
    -------
    int
        The new version of the main reading.
    """
    with open_log(study_id, "second", reader, key) as log:
        main = reading_row(log.session, study_id, "main")
        first = Log(log.session, log.study, main, log.who, log.key)
        if not first.repeats("second_done"):
            check_writable(log, expected_version)
            log.reading.state, log.reading.closed = "closed", datetime.now(UTC)
            first.append("second_done")
        return main.version


def withdraw_second(study_id: int, *, reader: str, reason: str) -> None:
    """End an unfinished second reading without result; its entries stay in the audit trail."""
    with open_log(study_id, "second", reader, None) as log:
        if log.reading.state != "open":
            raise ReviewError("The second reading is finished and stays; adjudicate the differences.")
        if not clean_text(reason):
            raise ReviewError("No reason is given; say why the second reading is withdrawn.")
        log.append("second_withdrawn", text=clean_text(reason))
        log.reading.state, log.reading.closed = "withdrawn", datetime.now(UTC)


def comparison(study_id: int, breaks: Spans | None = None) -> Comparison:
    """Both readings side by side, each as its own reader left it.

    Raises
    ------
    ReviewError
        If there is no finished second reading: it would not be blind.
    """
    with database().reading() as session:
        second = reading_row(session, study_id, "second")
        if second.state != "closed":
            raise ReviewError(f"{second.reader} is still reading; the readings are compared when both are finished.")
        row_of(session, study_id)
        main = reading_row(session, study_id, "main")
        first_rows, later = _around_barrier(session, main)
        second_rows = list(session.scalars(rows_query(second.id)))
    agreement = compare(_beats(study_id, first_rows, breaks), _beats(study_id, second_rows, breaks))
    settled = {sample for row in later for sample in row.samples}
    unsettled = tuple(d for d in agreement.differences if not settled & {d.first_sample, d.second_sample})
    return Comparison(_first_reader(first_rows), second.reader, agreement, unsettled)


def adjudicate(
    study_id: int,
    difference: Difference,
    choice: Literal["first", "second"],
    *,
    reader: str,
    expected_version: int,
    text: str = "",
    key: str | None = None,
) -> int:
    """Settle a difference for one of the readers; a third answer is an ordinary `decide`. Undo takes it back.

    Returns
    -------
    int
        The new version of the main reading; other parameters and errors as in `decide`.
    """
    samples = tuple(sorted({difference.first_sample, difference.second_sample} - {NO_BEAT}))
    decision = adopting(difference, clean_text(text)) if choice == "second" else None
    analysis = stored_analysis(study_id)
    with open_log(study_id, "main", reader, key) as log:
        if not log.repeats("adjudicate", decision):
            check_writable(log, expected_version)
            _check_second_done(log)
            if decision is None:
                log.append("adjudicate", kind=KEEP, samples=samples, text=clean_text(text))
            else:
                log.append("adjudicate", decision=decision, classes=classes_around(log, analysis, decision))
        return log.version


def _check_second_possible(log: Log, second: ReadingRow | None) -> None:
    log.check_unsigned()
    if log.study.state == "new":
        raise ReviewError("This study has no first reader yet; begin the review instead.")
    if second is not None:
        raise ReviewError(f"{second.reader} is the second reader of this study; there can be one.")
    if any(row.who == log.who for row in log.rows):
        raise ReviewError("You are the first reader of this study; the second must be someone else.")


def _check_second_done(log: Log) -> None:
    if reading_row(log.session, log.study.id, "second").state != "closed":
        raise ReviewError("The second reading is not finished; adjudicate when it is.")


def _around_barrier(session: Session, main: ReadingRow) -> tuple[list[AuditRow], tuple[AuditRow, ...]]:
    """The main reading's entries before the second was finished, and the adjudications in force since."""
    rows = list(session.scalars(rows_query(main.id)))
    barrier = next(i for i, row in enumerate(rows) if row.event == "second_done")
    done, _ = stacks_of(rows)
    return rows[:barrier], tuple(row for row in done if row.seq > rows[barrier].seq)


def _beats(study_id: int, rows: list[AuditRow], breaks: Spans | None) -> ReviewedBeats:
    done, _ = stacks_of(rows)
    decisions = [found for row in done if (found := decision_of(row))]
    return reviewed_beats(stored_analysis(study_id), decisions, breaks)


def _first_reader(rows: list[AuditRow]) -> str:
    """All who took part in the first reading."""
    return ", ".join(dict.fromkeys(row.who for row in rows))
