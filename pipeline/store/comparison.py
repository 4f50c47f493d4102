"""Two finished readings of a study side by side: agreement, and who adjudicated which difference."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from pipeline.errors import ReviewError
from pipeline.principal import LOCAL, Who, require
from pipeline.review.agreement import Agreement, ReaderDifference, compare_readings
from pipeline.review.beats_in_force import ReviewedBeats, reviewed_beats
from pipeline.review.signal_evidence import SignalEvidence
from pipeline.store.database import database
from pipeline.store.log import decision_of, reading_row, rows_query, stacks_of
from pipeline.store.studies import stored_analysis, study_row
from pipeline.store.tables import AuditRow, ReadingRow


@dataclass(frozen=True)
class ReaderComparison:
    """Two finished readings, who did them, and who adjudicated each of their differences ("": nobody yet)."""

    first_readers: tuple[str, ...]
    second_reader: str
    agreement: Agreement
    settled_by: tuple[str, ...]

    @property
    def first_reader(self) -> str:
        """Everyone who took part in the first reading, in one text."""
        return ", ".join(self.first_readers)

    @property
    def unsettled(self) -> tuple[ReaderDifference, ...]:
        """The differences that have not been adjudicated yet."""
        return tuple(d for d, who in zip(self.agreement.differences, self.settled_by, strict=True) if not who)

    def is_party(self, name: str) -> bool:
        """Tell whether this person did one of the two readings, and so would decide their own dispute."""
        return name in (*self.first_readers, self.second_reader)


def comparison(study_id: int, evidence: SignalEvidence | None = None, *, reader: Who = "") -> ReaderComparison:
    """Compare both readings, each as its own reader left it.

    Parameters
    ----------
    study_id : int
        Which study.
    evidence : SignalEvidence, optional
        What the signal shows between beats.
    reader : Principal or str, optional
        Who asks.

    Raises
    ------
    ReviewError
        If there is no finished second reading: it would not be blind any more.
    """
    require(reader, "view")
    with database().reading() as session:
        study_row(session, study_id)
        second = reading_row(session, study_id, "second")
        if second.state != "closed":
            raise ReviewError(f"{second.reader} is still reading; the readings are compared when both are finished.")
        main = reading_row(session, study_id, "main")
        first_rows, later = _around_barrier(session, main)
        second_rows = list(session.scalars(rows_query(second.id)))
    agreement = compare_readings(_beats(study_id, first_rows, evidence), _beats(study_id, second_rows, evidence))
    who = {sample: row.who for row in later for sample in row.samples}
    settled = tuple(who.get(d.first_sample) or who.get(d.second_sample, "") for d in agreement.differences)
    return ReaderComparison(tuple(dict.fromkeys(row.who for row in first_rows)), second.reader, agreement, settled)


def _around_barrier(session: Session, main: ReadingRow) -> tuple[list[AuditRow], tuple[AuditRow, ...]]:
    """Return the main reading's entries before the second was finished, and the adjudications in force since."""
    rows = list(session.scalars(rows_query(main.id)))
    barrier = next(i for i, row in enumerate(rows) if row.event == "second_done")
    done, _ = stacks_of(rows)
    return rows[:barrier], tuple(row for row in done if row.seq > rows[barrier].seq)


def _beats(study_id: int, rows: list[AuditRow], evidence: SignalEvidence | None) -> ReviewedBeats:
    done, _ = stacks_of(rows)
    decisions = [found for row in done if (found := decision_of(row))]
    return reviewed_beats(stored_analysis(study_id, reader=LOCAL), decisions, evidence)
