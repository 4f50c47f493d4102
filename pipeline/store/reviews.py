"""Decisions on a study: made, undone, redone, signed; each is one transaction and one permanent entry."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from pipeline.errors import ReviewError
from pipeline.review.beats_in_force import Board
from pipeline.review.decisions import Decision, clean_text
from pipeline.review.states import StudyState
from pipeline.store.comparison import comparison
from pipeline.store.database import database
from pipeline.store.log import (
    Entry,
    Event,
    Log,
    Role,
    decision_of,
    entry_of,
    find_reading,
    open_log,
    reading_row,
    rows_query,
    stacks_of,
)
from pipeline.store.studies import Study, row_of, stored_analysis, study_of
from pipeline.store.tables import AuditRow, ReadingRow
from pipeline.types import Analysis


@dataclass(frozen=True)
class Standing:
    """The state of a reading.

    Attributes
    ----------
    study : Study
        The study.
    reading : Role
        Which of its readings.
    version : int
        What the next change must expect.
    decisions : tuple of Decision
        Those in force, oldest first, for `reviewed_beats`.
    undoable, redoable : int
        How many steps undo and redo can go.
    signature : Entry
        Entry of the signature while the study is signed.
    second_reader : str
        "" without a second reading.
    second_done : bool
        Whether the second reading is finished; otherwise it is still in progress.
    """

    study: Study
    reading: Role
    version: int
    decisions: tuple[Decision, ...]
    undoable: int
    redoable: int
    signature: Entry | None
    second_reader: str
    second_done: bool

    @property
    def state(self) -> StudyState:
        """State of the study."""
        return self.study.state

    @property
    def adjudicating(self) -> bool:
        """Whether decisions now adjudicate what two finished readings left open."""
        return self.second_done and self.state != "signed"


def standing(study_id: int, *, reading: Role = "main") -> Standing:
    """Return the current state of a reading.

    Raises
    ------
    ReviewError
        If there is no such study or reading.
    """
    with database().reading() as session:
        study = study_of(row_of(session, study_id))
        row = reading_row(session, study_id, reading)
        rows = list(session.scalars(rows_query(row.id)))
        second = find_reading(session, study_id, "second")
        return _standing(study, reading, row, rows, second)


def audit(study_id: int) -> tuple[Entry, ...]:
    """Return the whole audit trail of a study, in the order in which it was written, including withdrawn readings."""
    query = (
        select(AuditRow, ReadingRow.role)
        .join(ReadingRow, ReadingRow.id == AuditRow.reading_id)
        .where(AuditRow.study_id == study_id)
        .order_by(AuditRow.id)
    )
    with database().reading() as session:
        row_of(session, study_id)
        return tuple(entry_of(row, "second" if role == "second" else "main") for row, role in session.execute(query))


def begin_review(study_id: int, *, reader: str) -> int:
    """Take a new study into review, leaving any other as it is; return the version."""
    with open_log(study_id, "main", reader, None) as log:
        _begin_if_new(log)
        return log.version


def decide(
    study_id: int,
    decision: Decision,
    *,
    reader: str,
    expected_version: int,
    reading: Role = "main",
    key: str | None = None,
) -> int:
    """Make a decision; it is on disk when this returns.

    Parameters
    ----------
    study_id : int
        Which study.
    decision : Decision
        What is decided about which beats.
    reader : str
        Who decides.
    expected_version : int
        The version of the reading that the reader saw; see `Standing`.
    reading : Role, optional
        Which reading is changed.
    key : str, optional
        Names this request, so that it is carried out once, however often it is sent.

    Returns
    -------
    int
        The new version.

    Raises
    ------
    StaleVersion
        If someone else was faster; nothing is changed.
    ReviewError
        If the study is signed, the reading is not this reader's to change, or the decision does not fit the beats.
    """
    analysis = stored_analysis(study_id)
    with open_log(study_id, reading, reader, key) as log:
        event: Event = "adjudicate" if _second_is_done(log) else "decide"
        if not log.repeats(event, decision):
            check_writable(log, expected_version)
            classes = classes_around(log, analysis, decision)
            _begin_if_new(log)
            log.append(event, decision=decision, classes=classes)
        return log.version


def undo(study_id: int, *, reader: str, expected_version: int, reading: Role = "main", key: str | None = None) -> int:
    """Undo the last decision in force; errors as in `decide`.

    Parameters
    ----------
    study_id : int
        Which study.
    reader : str
        Who undoes it.
    expected_version : int
        The version of the reading that the reader saw.
    reading : Role, optional
        Which reading is changed.
    key : str, optional
        Names this request, so that it is carried out once.

    Returns
    -------
    int
        The new version.
    """
    return _step(study_id, "undo", reader, expected_version, reading, key)


def redo(study_id: int, *, reader: str, expected_version: int, reading: Role = "main", key: str | None = None) -> int:
    """Redo the decision that was undone last; errors as in `decide`.

    Parameters
    ----------
    study_id : int
        Which study.
    reader : str
        Who redoes it.
    expected_version : int
        The version of the reading that the reader saw.
    reading : Role, optional
        Which reading is changed.
    key : str, optional
        Names this request, so that it is carried out once.

    Returns
    -------
    int
        The new version.
    """
    return _step(study_id, "redo", reader, expected_version, reading, key)


def sign(study_id: int, *, reader: str, expected_version: int, text: str = "", key: str | None = None) -> int:
    """Sign a study under review, which makes it read-only; errors as in `decide`, and those below.

    Parameters
    ----------
    study_id : int
        Which study.
    reader : str
        Who signs.
    expected_version : int
        The version of the main reading that the reader saw.
    text : str, optional
        A remark.
    key : str, optional
        Names this request, so that it is carried out once.

    Returns
    -------
    int
        The new version.

    Raises
    ------
    ReviewError
        Also if it was never reviewed, or a second reading is in progress.
    """
    with open_log(study_id, "main", reader, key) as log:
        if not log.repeats("sign"):
            check_writable(log, expected_version)
            _check_ready(log)
            log.append("sign", text=clean_text(text))
            log.study.state = "signed"
        return log.version


def reopen(study_id: int, *, reader: str, expected_version: int, reason: str, key: str | None = None) -> int:
    """Make a signed study writable again; errors as in `decide`, and those below.

    Parameters
    ----------
    study_id : int
        Which study.
    reader : str
        Who reopens it.
    expected_version : int
        The version of the main reading that the reader saw.
    reason : str
        Why.
    key : str, optional
        Names this request, so that it is carried out once.

    Returns
    -------
    int
        The new version.

    Raises
    ------
    ReviewError
        Also if it is not signed, or no reason is given.
    """
    with open_log(study_id, "main", reader, key) as log:
        if not log.repeats("reopen"):
            log.check(expected_version)
            if log.study.state != "signed":
                raise ReviewError("This study is not signed; there is nothing to reopen.")
            if not clean_text(reason):
                raise ReviewError("No reason is given; say why the signed study is reopened.")
            log.append("reopen", text=clean_text(reason))
            log.study.state = "reopened"
        return log.version


def check_writable(log: Log, expected_version: int) -> None:
    """Refuse to change a signed study or a finished reading, and refuse the wrong reader or an outdated version."""
    log.check_unsigned()
    second = find_reading(log.session, log.study.id, "second")
    if log.reading.role == "second":
        if log.reading.state == "closed":
            raise ReviewError("The second reading is finished and read-only; adjudicate in the study itself.")
        if log.who != log.reading.reader:
            raise ReviewError(f"The second reading is {log.reading.reader}'s; only they can change it.")
    elif second is not None and second.state == "open" and log.who == second.reader:
        raise ReviewError("You are the second reader of this study; finish your own reading first.")
    log.check(expected_version)


def classes_around(log: Log, analysis: Analysis, decision: Decision) -> tuple[str, str, str]:
    """Return the classes of a decision's beats before and after it, and the model's; refuse one that does not fit.

    Parameters
    ----------
    log : Log
        The log of the reading.
    analysis : Analysis
        The model's answer.
    decision : Decision
        The decision.

    Returns
    -------
    tuple of str
        One letter per beat: before, after, and the model's.
    """
    before = [found for row in log.done if (found := decision_of(row))]
    board = Board(analysis, [*before, decision])
    for earlier in before:
        board.apply(earlier)
    old, model = board.classes(decision.samples), board.model_classes(decision.samples)
    board.apply(decision)
    return old, board.classes(decision.samples), model


def _step(study_id: int, event: Event, reader: str, expected_version: int, reading: Role, key: str | None) -> int:
    with open_log(study_id, reading, reader, key) as log:
        if not log.repeats(event):
            check_writable(log, expected_version)
            row = _turned(log, event)
            classes = (row.after, row.before, row.model) if event == "undo" else (row.before, row.after, row.model)
            log.append(event, decision=decision_of(row), kind=row.kind, samples=tuple(row.samples), classes=classes)
        return log.version


def _turned(log: Log, event: Event) -> AuditRow:
    """Return the entry that undo or redo would affect; refuse if there is none."""
    done, undone = stacks_of([*log.rows, AuditRow(event=event)])
    return undone[-1] if event == "undo" else done[-1]


def _begin_if_new(log: Log) -> None:
    if log.study.state == "new" and log.reading.role == "main":
        log.append("begin", key=f"begin-{log.study.id}")
        log.study.state = "in_review"


def _second_is_done(log: Log) -> bool:
    second = find_reading(log.session, log.study.id, "second") if log.reading.role == "main" else None
    return second is not None and second.state == "closed"


def _check_ready(log: Log) -> None:
    if log.study.state == "new":
        raise ReviewError("This study has not been reviewed; begin the review before you sign.")
    second = find_reading(log.session, log.study.id, "second")
    if second is not None and second.state == "open":
        raise ReviewError(f"{second.reader} is still reading this study; wait, or have the second reading withdrawn.")
    if second is not None and (still := len(comparison(log.study.id).unsettled)):
        are = "difference between the readers is" if still == 1 else "differences between the readers are"
        raise ReviewError(f"{still} {are} open; adjudicate before you sign.")


def _standing(study: Study, role: Role, row: ReadingRow, rows: list[AuditRow], second: ReadingRow | None) -> Standing:
    done, undone = stacks_of(rows)
    barrier = max((r.seq for r in rows if r.event == "second_done"), default=0)
    signatures = [r for r in rows if r.event == "sign"] if study.state == "signed" else []
    return Standing(
        study=study,
        reading=role,
        version=row.version,
        decisions=tuple(found for entry in done if (found := decision_of(entry))),
        undoable=sum(entry.seq > barrier for entry in done),
        redoable=len(undone),
        signature=entry_of(signatures[-1], role) if signatures else None,
        second_reader=second.reader if second else "",
        second_done=second is not None and second.state == "closed",
    )
