"""Decisions on a study: made, undone, redone, signed; each is one transaction and one permanent entry."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.config import sign_in_required
from pipeline.errors import ReviewError
from pipeline.principal import LOCAL, Principal, Who, require
from pipeline.review.beats_in_force import Board
from pipeline.review.decisions import Decision, clean_text
from pipeline.review.states import StudyState
from pipeline.store.access import note_once
from pipeline.store.comparison import comparison
from pipeline.store.database import database
from pipeline.store.listing import Listing
from pipeline.store.log import (
    AuditEvent,
    Entry,
    Log,
    Role,
    decision_of,
    entry_of,
    find_reading,
    missing_reading,
    open_log,
    reading_row,
    readings_query,
    rows_query,
    stacks_of,
)
from pipeline.store.seals import REPORT, sealed
from pipeline.store.signed_files import keep_report
from pipeline.store.studies import Study, stored_analysis, study_of, study_row, summarise_row, without_findings
from pipeline.store.tables import AuditRow, ReadingRow, StudyRow
from pipeline.types import RECORD_NAME, Analysis


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
    done : tuple of (Decision or None)
        The steps in force, oldest first: decisions, and None for an adjudication that changed no beat.
    undone : tuple of (Decision or None)
        Those that redo would bring back, the next one last.
    undoable : int
        How many steps undo can go.
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
    done: tuple[Decision | None, ...]
    undone: tuple[Decision | None, ...]
    undoable: int
    signature: Entry | None
    second_reader: str
    second_done: bool

    @cached_property
    def decisions(self) -> tuple[Decision, ...]:
        """The decisions in force, oldest first, for `reviewed_beats`."""
        return tuple(step for step in self.done if step is not None)

    @property
    def redoable(self) -> int:
        """How many steps redo can go."""
        return len(self.undone)

    @property
    def state(self) -> StudyState:
        """State of the study."""
        return self.study.state

    @property
    def adjudicating(self) -> bool:
        """Whether decisions now adjudicate what two finished readings left open."""
        return self.second_done and self.state != "signed"

    @property
    def stamp(self) -> Stamp:
        """What of the standing the beats and the rights depend on; see `stamp`."""
        return Stamp(self.version, self.state, self.second_reader, self.second_done)

    def stepped(self, step: ReviewStep) -> Standing:
        """Return the standing one step further, at the version and with the study of now: the store knows those.

        Raises
        ------
        ReviewError
            If there is nothing to undo or redo.
        """
        if isinstance(step, Decision):
            return replace(self, done=(*self.done, step), undone=(), undoable=self.undoable + 1)
        if step == "undo":
            if not self.undoable:
                raise ReviewError("There is nothing to undo.")
            return replace(self, done=self.done[:-1], undone=(*self.undone, self.done[-1]), undoable=self.undoable - 1)
        if not self.undone:
            raise ReviewError("There is nothing to redo.")
        return replace(self, done=(*self.done, self.undone[-1]), undone=self.undone[:-1], undoable=self.undoable + 1)


Classes = tuple[str, str, str]
ReviewStep = Decision | Literal["undo", "redo"]


@dataclass(frozen=True)
class Stamp:
    """What changes whenever anybody changes a reading, or the right to change it."""

    version: int
    state: StudyState
    second_reader: str
    second_done: bool


@dataclass(frozen=True)
class Outcome:
    """What follows from a step, worked out by whoever holds the beats in force, to be saved together with it.

    `classes` are the letters of the decision's beats before it, after it, and by the model, see `Board.around`; undo
    and redo turn those that are stored. `row` is what the worklist says then; None leaves it as it is.
    """

    classes: Classes = ("", "", "")
    row: Listing | None = None


def stamp(study_id: int, *, reading: Role = "main", reader: Who = "") -> Stamp:
    """Where a reading stands now, as far as one query tells: an equal stamp means that nothing has changed.

    Parameters
    ----------
    study_id : int
        Which study.
    reading : Role, optional
        Which of its readings.
    reader : Principal or str, optional
        Who asks.

    Raises
    ------
    ReviewError
        If there is no such study or reading.
    """
    require(reader, "view")
    with database().reading() as session:
        state = study_of(study_row(session, study_id)).state
        rows = {row.role: row for row in session.scalars(readings_query(study_id))}
        if reading not in rows:
            raise missing_reading()
        second = rows.get("second")
        return Stamp(
            rows[reading].version, state, second.reader if second else "", bool(second and second.state == "closed")
        )


def standing(study_id: int, *, reading: Role = "main", reader: Who = "") -> Standing:
    """Return the current state of a reading.

    Parameters
    ----------
    study_id : int
        Which study.
    reading : Role, optional
        Which of its readings.
    reader : Principal or str, optional
        Who asks. A second reading is seen by nobody but its reader until it is finished; and its reader, if named, does
        not see the first one until then.

    Raises
    ------
    ReviewError
        If there is no such study or reading, or this reader must not see it yet.
    """
    asking = require(reader, "view")
    with database().reading() as session:
        study, row = study_row(session, study_id), reading_row(session, study_id, reading)
        hidden = _hidden_from(session, study_id, asking)
        if reading == hidden == "second":
            raise ReviewError("This reading is blind: nobody but its reader sees it until it is finished.")
        if reading == hidden == "main":
            raise ReviewError("You are the second reader of this study; finish your own reading first.")
        found = _standing(session, study, row)
        if hidden == "main":
            found = replace(found, study=without_findings(found.study))
    note_once(asking, "view", digest=found.study.digest, text=f"study {study_id}, {reading} reading")
    return found


def audit(study_id: int, *, reader: Who | None = None) -> tuple[Entry, ...]:
    """Return the audit trail of a study, in the order in which it was written, including withdrawn readings.

    During a second reading, each reader sees only the entries of their own. Without a `reader` it is this machine that
    asks, which sees all of them; where people sign in, that is refused.
    """
    asking = LOCAL if reader is None and not sign_in_required() else require(reader or "", "view")
    query = (
        select(AuditRow, ReadingRow.role)
        .join(ReadingRow, ReadingRow.id == AuditRow.reading_id)
        .where(AuditRow.study_id == study_id)
        .order_by(AuditRow.id)
    )
    with database().reading() as session:
        study_row(session, study_id)
        hidden = _hidden_from(session, study_id, asking)
        entries = [entry_of(row, "second" if role == "second" else "main") for row, role in session.execute(query)]
    return tuple(entry for entry in entries if entry.reading != hidden)


def _hidden_from(session: Session, study_id: int, asking: Principal) -> Role | None:
    """Return the reading that somebody must not see while a second one is open."""
    second = find_reading(session, study_id, "second")
    if second is None or second.state != "open" or asking.holds("unblinded"):
        return None
    return "main" if asking.name == second.reader else "second"


def begin_review(study_id: int, *, reader: Who) -> int:
    """Take a new study into review, leaving any other as it is; return the version."""
    with open_log(study_id, "main", reader, None) as log:
        _begin_if_new(log)
        return log.version


def decide(
    study_id: int,
    decision: Decision,
    *,
    reader: Who,
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
    reader : Principal or str
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
    analysis = stored_analysis(study_id, reader=LOCAL)
    with open_log(study_id, reading, reader, key) as log:
        _decide(log, decision, expected_version, lambda: classes_around(log, analysis, decision))
        return log.version


def undo(study_id: int, *, reader: Who, expected_version: int, reading: Role = "main", key: str | None = None) -> int:
    """Undo the last decision in force; errors as in `decide`.

    Parameters
    ----------
    study_id : int
        Which study.
    reader : Principal or str
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


def redo(study_id: int, *, reader: Who, expected_version: int, reading: Role = "main", key: str | None = None) -> int:
    """Redo the decision that was undone last; errors as in `decide`.

    Parameters
    ----------
    study_id : int
        Which study.
    reader : Principal or str
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


def save_step(before: Standing, step: ReviewStep, outcome: Outcome, *, reader: Who, key: str | None = None) -> Standing:
    """Take a step, with what follows from it, in one transaction; on disk when this returns.

    Parameters
    ----------
    before : Standing
        The standing that the reader saw; its version is expected to be the last one.
    step : Decision or {"undo", "redo"}
        See `decide`, `undo` and `redo`.
    outcome : Outcome
        What follows from the step where it is carried out.
    reader : Principal or str
        Who takes it.
    key : str, optional
        Names this request, so that it is carried out once, however often it is sent.

    Returns
    -------
    Standing
        After the step. A request that was carried out before changes nothing: the standing is then that of now.

    Raises
    ------
    StaleVersion, ReviewError
        As in `decide`; nothing is changed.
    """
    with open_log(before.study.id, before.reading, reader, key) as log:
        if isinstance(step, Decision):
            carried_out = _decide(log, step, before.version, lambda: outcome.classes, outcome.row)
        else:
            carried_out = _turn(log, step, before.version, outcome.row)
        if not carried_out:
            return _seen(log, _standing(log.session, log.study, log.reading))
        return _seen(log, replace(before.stepped(step), study=study_of(log.study), version=log.version))


def save_decisions(
    before: Standing,
    decisions: Sequence[Decision],
    outcomes: Sequence[Outcome],
    *,
    reader: Who,
    key: str | None = None,
) -> Standing:
    """Make several decisions in one transaction, each an entry of its own: all are on disk then, or none.

    Parameters
    ----------
    before : Standing
        The standing that the reader saw; its version is expected to be the last one.
    decisions : sequence of Decision
        What is decided, in order; at least one.
    outcomes : sequence of Outcome
        What follows from each where it is carried out after those before it.
    reader : Principal or str
        Who decides.
    key : str, optional
        Names this request, so that it is carried out once, however often it is sent.

    Returns
    -------
    Standing
        After them; that of now if the request was carried out before.

    Raises
    ------
    StaleVersion, ReviewError
        As in `decide`; nothing is changed.
    """
    with open_log(before.study.id, before.reading, reader, key) as log:
        after, expected = before, before.version
        for number, (decision, outcome) in enumerate(zip(decisions, outcomes, strict=True)):
            one = Log(log.session, log.study, log.reading, log.who, f"{log.key}-{number}")
            if not _decide(one, decision, expected, _known(outcome.classes), outcome.row):
                return _seen(log, _standing(log.session, log.study, log.reading))
            after, expected = after.stepped(decision), one.version
        return _seen(log, replace(after, study=study_of(log.study), version=log.version))


def rename(study_id: int, name: str, *, reader: Who) -> None:
    """Give a study another name, on lists, in reports and in names of files; the trail keeps both.

    Parameters
    ----------
    study_id : int
        Which study.
    name : str
        Letters, digits, "_" and "-", no name of a patient.
    reader : Principal or str
        Who renames it.

    Raises
    ------
    ReviewError
        If the name has other characters, or the study is signed.
    """
    if not RECORD_NAME.fullmatch(name):
        raise ReviewError(f"The name {name!r} must have 1 to 64 letters, digits, '_' and '-'.")
    with open_log(study_id, "main", reader, None, right="identify") as log:
        log.check_unsigned()
        if name != log.study.record:
            before, log.study.record = log.study.record, name
            log.append("renamed", text=f"{before} to {name}")


def sign(
    study_id: int,
    *,
    reader: Who,
    expected_version: int,
    text: str = "",
    findings: Sequence[str] = (),
    reason: str = "",
    report: Callable[[Entry], bytes] | None = None,
    manifest: str = "",
    key: str | None = None,
) -> int:
    """Sign a study under review, which makes it read-only; errors as in `decide`, and those below.

    Signature, report and the seal over both are one transaction: none is there without the others. The report is made
    before it, while others go on writing; it is signed only if the study is then still at the version it shows.

    Parameters
    ----------
    study_id : int
        Which study.
    reader : Principal or str
        Who signs.
    expected_version : int
        The version of the main reading that the reader saw.
    text : str, optional
        The conclusion.
    findings : sequence of str, optional
        Keys of the facts that it was made from, see `pipeline.review.conclusion.Fact`.
    reason : str, optional
        Why it is signed although nobody has decided about something urgent.
    report : callable, optional
        Makes the signed report, a PDF, from the entry of the signature; its hash goes into the audit trail.
    manifest : str, optional
        SHA-256 of the network's weights, calibration and thresholds; part of the seal, see `pipeline.store.seals`.
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
    told: dict[AuditEvent, str] = {"concluded": " ".join(findings), "urgent_open": clean_text(reason)}
    beside = {event: said for event, said in told.items() if said}
    payload, at = None, datetime.now(UTC)
    if report is not None:
        with open_log(study_id, "main", reader, key, right="sign", look=True) as log:
            if log.repeats("sign"):
                return log.version
            check_writable(log, expected_version)
            _check_ready(log)
            draft = log.drafted("sign", text=clean_text(text), at=at)
            draft.seq += len(beside)
            wanted = entry_of(draft, "main")
        payload = report(wanted)
    with open_log(study_id, "main", reader, key, right="sign") as log:
        if not log.repeats("sign"):
            check_writable(log, expected_version)
            _check_ready(log)
            for event, said in beside.items():
                log.write(log.drafted(event, text=said, key=str(uuid.uuid4()), at=at))
            signature = log.drafted("sign", text=clean_text(text), at=at)
            kept = "" if payload is None else keep_report(payload)
            signature.seal = sealed(log.study, log.rows, signature, kept, manifest).text
            log.write(signature)
            log.study.state = "signed"
            if kept:
                log.append(REPORT, text=kept, key=str(uuid.uuid4()))
        return log.version


def reopen(study_id: int, *, reader: Who, expected_version: int, reason: str, key: str | None = None) -> int:
    """Make a signed study writable again; errors as in `decide`, and those below.

    Parameters
    ----------
    study_id : int
        Which study.
    reader : Principal or str
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
    with open_log(study_id, "main", reader, key, right="sign") as log:
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
    """Refuse to change a signed or a finished reading, and refuse the wrong reader or an outdated version.

    A second reading may be made of a signed study.
    """
    if log.reading.role == "main":
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


def _seen(log: Log, now: Standing) -> Standing:
    """Return a standing as its writer may see it: of a blind reading, without what the first reader found."""
    blind = log.reading.role == "second" and log.reading.state == "open"
    return replace(now, study=without_findings(now.study)) if blind else now


def _known(classes: Classes) -> Callable[[], Classes]:
    return lambda: classes


def _decide(
    log: Log, decision: Decision, expected_version: int, classes: Callable[[], Classes], row: Listing | None = None
) -> bool:
    """Write a decision, unless this very request was carried out before; whether it was written."""
    event: AuditEvent = "adjudicate" if _second_is_done(log) else "decide"
    if log.repeats(event, decision):
        return False
    check_writable(log, expected_version)
    around = classes()
    _begin_if_new(log)
    _relist(log, row)
    log.append(event, decision=decision, classes=around)
    return True


def _relist(log: Log, row: Listing | None) -> None:
    """Renew what the worklist says; the entry that follows renews what its search looks through."""
    if row is not None:
        summarise_row(log.study, row.priority, row.counts, row.findings, row.longest_s)


def classes_around(log: Log, analysis: Analysis, decision: Decision) -> Classes:
    """Return what is in force where a decision is about before and after it, and the model's; refuse a misfit.

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
        One letter per beat, or the rhythm in words: before, after, and the model's.
    """
    before = [found for row in log.done if (found := decision_of(row))]
    board = Board(analysis, [*before, decision])
    for earlier in before:
        board.apply(earlier)
    old, model = board.around(decision), board.model_around(decision)
    board.apply(decision)
    return old, board.around(decision), model


def _step(study_id: int, event: AuditEvent, reader: Who, expected_version: int, reading: Role, key: str | None) -> int:
    with open_log(study_id, reading, reader, key) as log:
        _turn(log, event, expected_version)
        return log.version


def _turn(log: Log, event: AuditEvent, expected_version: int, listed: Listing | None = None) -> bool:
    """Undo or redo, unless this very request was carried out before; whether it was done."""
    if log.repeats(event):
        return False
    check_writable(log, expected_version)
    row = _turned(log, event)
    classes = (row.after, row.before, row.model) if event == "undo" else (row.before, row.after, row.model)
    _relist(log, listed)
    log.append(event, decision=decision_of(row), kind=row.kind, samples=tuple(row.samples), classes=classes)
    return True


def _turned(log: Log, event: AuditEvent) -> AuditRow:
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
    if second is not None and (still := len(comparison(log.study.id, reader=LOCAL).unsettled)):
        are = "difference between the readers is" if still == 1 else "differences between the readers are"
        raise ReviewError(f"{still} {are} open; adjudicate before you sign.")


def _standing(session: Session, study: StudyRow, row: ReadingRow) -> Standing:
    rows = list(session.scalars(rows_query(row.id)))
    second = find_reading(session, study.id, "second")
    role: Role = "second" if row.role == "second" else "main"
    done, undone = stacks_of(rows)
    barrier = max((r.seq for r in rows if r.event == "second_done"), default=0)
    signatures = [r for r in rows if r.event == "sign"] if study.state == "signed" else []
    return Standing(
        study=study_of(study),
        reading=role,
        version=row.version,
        done=tuple(decision_of(entry) for entry in done),
        undone=tuple(decision_of(entry) for entry in undone),
        undoable=sum(entry.seq > barrier for entry in done),
        signature=entry_of(signatures[-1], role) if signatures else None,
        second_reader=second.reader if second else "",
        second_done=second is not None and second.state == "closed",
    )
