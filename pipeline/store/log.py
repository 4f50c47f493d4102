"""A reading's log inside one transaction: what is in force, and the next entry."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Literal, TypeVar, get_args

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from pipeline.errors import ReviewError, StaleVersion
from pipeline.principal import Right, Who, principal, require, require_fresh
from pipeline.review.decisions import (
    MARKING_KINDS,
    MEASURING_KINDS,
    RULING_KINDS,
    STRETCH_KINDS,
    Decision,
    DecisionKind,
    StepKind,
    clean_text,
    stacks,
)
from pipeline.review.moved_marks import is_beat
from pipeline.review.rhythm_in_force import subject_name
from pipeline.store.access import writing_as
from pipeline.store.chain import ERASED, remember
from pipeline.store.database import database
from pipeline.store.studies import search_text, study_row
from pipeline.store.tables import AuditRow, ReadingRow, StudyRow

Role = Literal["main", "second"]
AuditEvent = Literal[
    "begin",
    "decide",
    "adjudicate",
    "undo",
    "redo",
    "sign",
    "reopen",
    "forgotten",
    "concluded",
    "urgent_open",
    "report",
    "renamed",
    "identity",
    "erased",
    "second_begun",
    "second_done",
    "second_withdrawn",
]
EntryT = TypeVar("EntryT", "Entry", AuditRow)
KEEP: Final = "keep"  # the kind of an adjudication that changes no beat
NAME_CHARS: Final = 200
KEY_CHARS: Final = 100
_STEP: Final[dict[str, StepKind]] = {
    **{"decide": "decide", "adjudicate": "decide", "undo": "undo", "redo": "redo"},
    "second_done": "barrier",
}
_PLAIN: Final = {
    "begin": "began the review",
    "sign": "signed the study",
    "reopen": "reopened the study",
    "forgotten": "deleted the recording",
    "concluded": "chose the findings of the conclusion",
    "urgent_open": "gave a reason to sign with urgent findings undecided",
    "report": "signed the study and stored its report",
    "identity": "changed the patient's details",
    "erased": "erased who was recorded",
    "second_begun": "began a second reading",
    "second_done": "finished the second reading",
    "second_withdrawn": "withdrew the second reading",
}
_WORDS: Final = {
    "confirm": ("confirmed", "confirming"),
    "override": ("overrode", "overriding"),
    "reject": ("rejected", "rejecting"),
    "delete": ("deleted", "deleting"),
    "add": ("added", "adding"),
    "comment": ("commented on", "commenting on"),
    "seen": ("looked at", "looking at"),
    "note": ("commented on", "commenting on"),
    KEEP: ("kept", "keeping"),
    "rhythm_confirm": ("confirmed", "confirming"),
    "rhythm_name": ("named", "naming"),
    "rhythm_resize": ("moved the ends of", "moving the ends of"),
    "rhythm_split": ("split", "splitting"),
    "rhythm_reject": ("rejected", "rejecting"),
    "event_mark": ("marked", "marking"),
    "event_remove": ("removed", "removing"),
    "statement_confirm": ("confirmed", "confirming"),
    "statement_reject": ("rejected", "rejecting"),
    "measure": ("measured", "measuring"),
    "measure_move": ("moved the calipers of", "moving the calipers of"),
    "measure_remove": ("removed", "removing"),
    "mark_move": ("moved", "moving"),
    "mark_reset": ("put back", "putting back"),
}


@dataclass(frozen=True)
class Entry:
    """One entry of the audit trail.

    Attributes
    ----------
    reading : Role
        The reading that it belongs to.
    seq : int
        Its number in the reading.
    who : str
        Name of the reader.
    at : datetime
        When, UTC.
    event : str
        What was done.
    kind, aami, text, subject : str
        Of the decision that was made, undone or redone: its kind, class, comment, and rhythm or statement.
    samples : tuple of int
        The beats of that decision, or the ends of its stretches.
    before, after, model : str
        One letter per sample: the class in force before and after, and the model's answer ("U" unclassified, "X"
        rejected, "-" no beat). Of a decision about the rhythm: what is in force, in words.
    model_version : str
        Identity of the model.
    seal : str
        Of a signature: what it is over, see `pipeline.store.seals`.
    """

    reading: Role
    seq: int
    who: str
    at: datetime
    event: str
    kind: str
    samples: tuple[int, ...]
    aami: str
    before: str
    after: str
    model: str
    text: str
    model_version: str
    subject: str = ""
    seal: str = ""

    @property
    def decision(self) -> Decision | None:
        """The decision that was made, undone or redone; None for other events."""
        return decision_of(self)

    def sentence(self) -> str:
        """State what was done, in plain words, without who and when."""
        if self.event in _PLAIN:
            return _PLAIN[self.event]
        if self.event == "renamed":
            return f"renamed the study: {self.text}"
        beats = self._about()
        past, doing = _WORDS[self.kind]
        verb = {"undo": f"undid {doing}", "redo": f"redid {doing}", "adjudicate": f"settled a difference, {past}"}.get(
            self.event, past
        )
        named = subject_name(self.subject) if self.kind == "rhythm_name" else self.aami
        return f"{verb} {beats}{f' as {named}' if named else ''}"

    def _about(self) -> str:
        """Say what a decision is about."""
        decision = self.decision
        if decision is None or decision.kind not in STRETCH_KINDS:
            return f"{len(self.samples)} beat{'' if len(self.samples) == 1 else 's'}"
        if decision.kind.startswith("statement"):
            return f"the statement {self.subject}"
        if decision.kind.startswith("event"):
            return "a patient event"
        if decision.kind in MEASURING_KINDS:
            return f"an interval ({self.after or self.before})"
        if decision.kind in MARKING_KINDS:
            which = "a beat" if is_beat(decision.stretches[0]) else "the median beat"
            return f"marks of {which} ({self.before}, then {self.after})"
        many = 1 if decision.kind == "rhythm_resize" else len(decision.stretches)
        was = self.after if self.event == "undo" else self.before
        rhythm = f" ({was})" if decision.kind in RULING_KINDS and was else ""
        return f"the rhythm of {'a stretch' if many == 1 else f'{many} stretches'}{rhythm}"


def decision_of(entry: Entry | AuditRow) -> Decision | None:
    """Return the decision in an entry; None where it has none."""
    kinds: tuple[DecisionKind, ...] = get_args(DecisionKind)
    for kind in kinds:
        if entry.kind == kind:
            return Decision(kind, tuple(entry.samples), entry.aami, entry.text, entry.subject or "")
    return None


def entry_of(row: AuditRow, role: Role) -> Entry:
    """Return the content of a row, detached from the database."""
    plain = {name: getattr(row, name) for name in Entry.__dataclass_fields__ if name not in ("reading", "samples")}
    if row.event == ERASED:
        plain["after"] = ""  # hashes, for the chain only
    return Entry(reading=role, samples=tuple(row.samples), **plain)


def stacks_of(rows: Sequence[EntryT]) -> tuple[tuple[EntryT, ...], tuple[EntryT, ...]]:
    """Return the entries in force, and those that redo would bring back; see `pipeline.review.decisions.stacks`."""
    return stacks([(_STEP[row.event], row) for row in rows if row.event in _STEP])


class Log:
    """One reading of one study, locked against other writers until the transaction ends."""

    def __init__(self, session: Session, study: StudyRow, reading: ReadingRow, who: str, key: str) -> None:
        self.session, self.study, self.reading, self.who, self.key = session, study, reading, who, key

    @cached_property
    def rows(self) -> list[AuditRow]:
        """All entries of the reading so far, read when they are first asked for; a decision asks for none of them."""
        return list(self.session.scalars(rows_query(self.reading.id)))

    @property
    def done(self) -> tuple[AuditRow, ...]:
        """The entries in force, oldest first."""
        return stacks_of(self.rows)[0]

    @property
    def version(self) -> int:
        """How many entries the reading has."""
        return self.reading.version

    def repeats(self, event: AuditEvent, decision: Decision | None = None) -> bool:
        """Tell whether this very request was carried out before; a retry must change nothing.

        Raises
        ------
        ReviewError
            If its key was used for something else.
        """
        query = select(AuditRow).where(AuditRow.study_id == self.study.id, AuditRow.key == self.key)
        found = self.session.scalar(query)
        if found is None:
            return False
        same_event = found.event == event or {found.event, event} == {"decide", "adjudicate"}
        if not same_event or found.who != self.who or (decision is not None and decision_of(found) != decision):
            raise ReviewError(f"The request {self.key!r} was used for something else; use a new one for each.")
        return True

    def check(self, expected_version: int) -> None:
        """Refuse a writer who has not seen the last entry.

        Raises
        ------
        StaleVersion
            With who has done what and when since.
        """
        if expected_version == self.version:
            return
        newer = [entry_of(row, _role(self.reading)) for row in self.rows if row.seq > expected_version]
        if not newer:
            raise StaleVersion(f"Version {expected_version} of this study does not exist; open it again.")
        last = newer[-1]
        more = f" and {len(newer) - 1} more change{'s' if len(newer) > 2 else ''} before" if len(newer) > 1 else ""
        raise StaleVersion(
            f"{last.who} {last.sentence()} at {last.at:%Y-%m-%d %H:%M:%S} UTC{more}, after you opened this study; "
            "look at it as it is now, then decide."
        )

    def check_unsigned(self) -> None:
        """Refuse to change a signed study."""
        if self.study.state == "signed":
            raise ReviewError("This study is signed and read-only; reopen it with a reason to change it.")

    def append(
        self,
        event: AuditEvent,
        *,
        decision: Decision | None = None,
        kind: str = "",
        samples: tuple[int, ...] = (),
        classes: tuple[str, str, str] = ("", "", ""),
        text: str = "",
        key: str = "",
    ) -> AuditRow:
        """Write the next entry.

        Parameters
        ----------
        event : AuditEvent
            What was done.
        decision : Decision, optional
            The decision that was made, undone or redone.
        kind : str, optional
            Kind of an entry without a decision.
        samples : tuple of int, optional
            Beats of an entry without a decision, as indices into the recording.
        classes : tuple[str, str, str], optional
            Letters of the beats: before, after, and the model's answer.
        text : str, optional
            A reason or comment, without a decision.
        key : str, optional
            Names the request; that of the log if empty.
        """
        return self.write(
            self.drafted(event, decision=decision, kind=kind, samples=samples, classes=classes, text=text, key=key)
        )

    def drafted(
        self,
        event: AuditEvent,
        *,
        decision: Decision | None = None,
        kind: str = "",
        samples: tuple[int, ...] = (),
        classes: tuple[str, str, str] = ("", "", ""),
        text: str = "",
        key: str = "",
        at: datetime | None = None,
    ) -> AuditRow:
        """Return what would be the next entry, for `write`.

        Parameters
        ----------
        event : AuditEvent
            What is done.
        decision : Decision, optional
            The decision that is made.
        kind : str, optional
            Where there is no decision: its kind.
        samples : tuple of int, optional
            Where there is no decision: its beats.
        classes : tuple of str, optional
            Classes before and after, and the model's, one letter per beat.
        text : str, optional
            Where there is no decision: what was written.
        key : str, optional
            Names the request; that of the log if "".
        at : datetime, optional
            When, with a time zone; now if None.
        """
        return AuditRow(
            study_id=self.study.id,
            reading_id=self.reading.id,
            seq=self.reading.version + 1,
            key=key or self.key,
            who=self.who,
            at=at or datetime.now(UTC),
            event=event,
            kind=decision.kind if decision else kind,
            samples=list(decision.samples if decision else samples),
            aami=decision.aami if decision else "",
            before=classes[0],
            after=classes[1],
            model=classes[2],
            text=decision.text if decision else text,
            subject=decision.subject if decision else "",
            model_version=self.study.model_version,
            seal="",
        )

    def write(self, row: AuditRow) -> AuditRow:
        """Write an entry that was drafted."""
        self.reading.version = row.seq
        if "rows" in self.__dict__:
            self.rows.append(row)
        self.session.add(row)
        remember(self.session, row)
        self.study.updated = row.at
        if self.reading.role == "main" and row.event != "second_done":  # the blind reader's entry is no part of it
            self.study.reader = self.who
            self.study.search = search_text(self.session, self.study)
        return row


def rows_query(reading_id: int) -> Select[AuditRow]:
    """Select all entries of a reading, in order."""
    return select(AuditRow).where(AuditRow.reading_id == reading_id).order_by(AuditRow.seq)


@contextmanager
def open_log(
    study_id: int, role: Role, reader: Who, key: str | None, *, right: Right | None = None, look: bool = False
) -> Iterator[Log]:
    """Open the log of a reading, in a transaction that commits when the block ends without an error.

    Parameters
    ----------
    study_id : int
        Which study.
    role : Role
        Which of its readings.
    reader : Principal or str
        Who is about to write.
    key : str or None
        Names the request, so that a retry is recognised; a new name if None.
    right : Right, optional
        What they must be allowed to do; that of making decisions in this reading if None.
    look : bool, optional
        Whether nothing is written, so that no other writer has to wait.

    Raises
    ------
    ReviewError
        If the study or the reading does not exist, or the reader has no name.
    AccessError
        If they may not, have signed out, or a signature asks for a fresh sign-in.
    """
    asking = require(reader, right or ("second" if role == "second" else "decide"))
    if right == "sign":
        require_fresh(asking)
    who, key = named(asking), _checked_key(key)
    with database().reading() if look else writing_as(asking) as session:
        study = study_row(session, study_id, lock=not look)
        yield Log(session, study, reading_row(session, study_id, role), who, key)


def reading_row(session: Session, study_id: int, role: Role) -> ReadingRow:
    """Return the reading of a study that is not withdrawn.

    Parameters
    ----------
    session : Session
        An open session.
    study_id : int
        Which study.
    role : Role
        Which of its readings.

    Raises
    ------
    ReviewError
        If there is none.
    """
    row = find_reading(session, study_id, role)
    if row is None:
        raise missing_reading()
    return row


def find_reading(session: Session, study_id: int, role: Role) -> ReadingRow | None:
    """Return the reading of a study that is not withdrawn, if there is one.

    Parameters
    ----------
    session : Session
        An open session.
    study_id : int
        Which study.
    role : Role
        Which of its readings.
    """
    return session.scalar(readings_query(study_id).where(ReadingRow.role == role))


def readings_query(study_id: int) -> Select[ReadingRow]:
    """Return the query for the readings of a study that are not withdrawn."""
    return select(ReadingRow).where(ReadingRow.study_id == study_id, ReadingRow.state != "withdrawn")


def missing_reading() -> ReviewError:
    """Return the error of a missing second reading: a study always has a main one."""
    return ReviewError("This study has no second reading; begin one first.")


def named(reader: Who) -> str:
    """Return the cleaned name of a reader.

    Raises
    ------
    ReviewError
        If it is empty or too long.
    """
    name = " ".join(clean_text(principal(reader).name, limit=NAME_CHARS).split())
    if not name:
        raise ReviewError("The reader has no name; say who you are before you decide.")
    return name


def _checked_key(key: str | None) -> str:
    if key is None:
        return str(uuid.uuid4())
    if not clean_text(key, limit=KEY_CHARS):
        raise ReviewError("The request has an empty key; give each request its own.")
    return key


def _role(reading: ReadingRow) -> Role:
    return "second" if reading.role == "second" else "main"
