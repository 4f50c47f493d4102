"""The audit trail as a chain: each entry's hash covers the one before it, so that no change to it goes unnoticed.

The links lie in a table of their own, in the order in which transactions were committed. A single row, `chain_head`,
holds the last link: it is what writers of all studies wait for, and what tells that the end was cut off.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from pipeline.errors import StoreError
from pipeline.store.tables import AuditRow, ChainHead, ChainRow, ReadingRow, StudyRow

START: Final = "0" * 64  # what the first link covers in place of an earlier one
HEAD_ID: Final = 1
FAULTS_TOLD: Final = 20  # of a trail that was written anew every entry differs
ERASED: Final = "erased"  # the event whose entry tells what masked entries and seals are since
_APPENDED: Final = "heartvision appended"
_EMPTY: Final[tuple[Any, ...]] = (None, "", [])


@dataclass(frozen=True)
class Masks:
    """What an erasure says of entries in which it masked who was recorded: what they are now, chained like all else.

    Attributes
    ----------
    links : dict of int to str
        By number of the entry: the hash that it would have now; those after it go on from the one that it had.
    seals : dict of int to str
        By version of a signature in the main reading: the seal over what is there now.
    """

    links: dict[int, str]
    seals: dict[int, str]

    @property
    def text(self) -> str:
        """How the entry of the erasure has it, in its column `after`."""
        return json.dumps({"links": self.links, "seals": self.seals}) if self.links else ""


@dataclass(frozen=True)
class Trail:
    """What a look at the whole audit trail found.

    Attributes
    ----------
    entries : int
        How many entries there are.
    head : str
        Hash of the last one, 64 hexadecimal digits; to be compared with one that was noted elsewhere.
    adopted : int
        How many of them were there before entries were chained: changes until then cannot be noticed.
    since : datetime
        When the chain began, UTC.
    faults : tuple of str
        One sentence for each change that was made outside the application, at most `FAULTS_TOLD`.
    """

    entries: int
    head: str
    adopted: int
    since: datetime
    faults: tuple[str, ...]


def link(before: str, entry: Mapping[str, Any]) -> str:
    """Return the hash of an entry that follows another one.

    Parameters
    ----------
    before : str
        Hash of the entry before it.
    entry : mapping of str to any
        Its columns. Empty ones take no part, so that columns of later versions leave earlier hashes as they are.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.
    """
    plain = {name: _plain(value) for name, value in entry.items() if value not in _EMPTY}
    return hashlib.sha256(f"{before} {json.dumps(plain, sort_keys=True)}".encode()).hexdigest()


def remember(session: Session, row: AuditRow) -> None:
    """Note that an entry was written in this transaction; `chain_appended` links it when the transaction ends."""
    session.info.setdefault(_APPENDED, []).append(row)


def chain_appended(session: Session) -> None:
    """Link the entries of this transaction to the chain; the last thing before it commits.

    From here to the commit other writers wait, so that there is one chain however many write at once.

    Raises
    ------
    StoreError
        If the last link is missing: the chain was tampered with, and nothing is written.
    """
    rows: list[AuditRow] = session.info.pop(_APPENDED, [])
    if not rows:
        return
    session.flush()  # gives the entries their numbers
    head = session.scalar(select(ChainHead).where(ChainHead.id == HEAD_ID).with_for_update())
    if head is None:
        raise StoreError("The audit trail has lost its last link, nothing is saved; restore the last backup.")
    links = list(linked(head.hash, head.place, ((row.id, columns_of(row)) for row in rows)))
    session.add_all(ChainRow(place=place, entry=entry, hash=found) for place, entry, found in links)
    head.place, _, head.hash = links[-1]


def linked(before: str, place: int, entries: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[tuple[int, int, str]]:
    """Link entries one after the other.

    Parameters
    ----------
    before : str
        Hash of the last link so far.
    place : int
        Its place.
    entries : iterable of (int, mapping)
        Number and columns of each entry.

    Yields
    ------
    tuple of (int, int, str)
        Place, number of the entry, and hash.
    """
    for number, columns in entries:
        place, before = place + 1, link(before, columns)
        yield place, number, before


def read_trail(session: Session) -> Trail:
    """Read the whole trail and look for whatever was changed, removed, put in or put elsewhere.

    Raises
    ------
    StoreError
        If there is no chain in the database.
    """
    head = session.get(ChainHead, HEAD_ID)
    if head is None:
        raise StoreError("The audit trail has lost its last link; restore the last backup.")
    found = [*_chain_faults(session, head), *_added(session), *_states(session)]
    entries = session.scalar(select(func.count()).select_from(AuditRow)) or 0
    return Trail(entries, head.hash, head.adopted, head.since, tuple(found[:FAULTS_TOLD]))


def masks_of(session: Session, study_id: int | None = None) -> Masks:
    """Return what erasures say of the entries that they masked; of one study, or of all.

    Parameters
    ----------
    session : Session
        An open session.
    study_id : int, optional
        Which study; seals are told of one study only.
    """
    query = select(AuditRow.after).where(AuditRow.event == ERASED, AuditRow.after != "").order_by(AuditRow.id)
    if study_id is not None:
        query = query.where(AuditRow.study_id == study_id)
    links: dict[int, str] = {}
    seals: dict[int, str] = {}
    for said in session.scalars(query):
        try:
            found = json.loads(said)
            links |= {int(entry): str(one) for entry, one in found["links"].items()}
            seals |= {int(seq): str(one) for seq, one in found["seals"].items()} if study_id is not None else {}
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # changed by hand: its own link tells
    return Masks(links, seals)


def masked_link(session: Session, before: Mapping[str, Any], row: AuditRow) -> str:
    """Return the hash that an entry would have now; "" if it was changed by hand before, which goes on to be told.

    Parameters
    ----------
    session : Session
        An open session.
    before : mapping of str to any
        The entry's columns as they were, see `columns_of`.
    row : AuditRow
        The entry, masked.
    """
    place = session.scalar(select(ChainRow.place).where(ChainRow.entry == row.id))
    if place is None:
        return ""
    links = dict(
        session.execute(select(ChainRow.place, ChainRow.hash).where(ChainRow.place.in_((place - 1, place)))).all()
    )
    earlier = links.get(place - 1, START)
    known = masks_of(session, row.study_id).links.get(row.id)
    return link(earlier, columns_of(row)) if link(earlier, before) in (links[place], known) else ""


def study_faults(session: Session, study_id: int) -> tuple[str, ...]:
    """Look at the entries of one study only, each against the link before it; for a page that shows the study.

    Parameters
    ----------
    session : Session
        An open session.
    study_id : int
        Which study.
    """
    before, audit = aliased(ChainRow), AuditRow.__table__
    query = (
        select(ChainRow.place, ChainRow.hash, before.hash.label("before"), *_labelled())
        .select_from(audit)
        .outerjoin(ChainRow, ChainRow.entry == audit.c.id)
        .outerjoin(before, before.place == ChainRow.place - 1)
        .where(audit.c.study_id == study_id)
        .order_by(audit.c.id)
    )
    found, masks = [], masks_of(session, study_id).links
    for row in session.execute(query).mappings():
        entry = _entry(row)
        if row["place"] is None:
            found.append(_put_in(entry))
        elif link(row["before"] or START, entry) not in (row["hash"], masks.get(entry["id"])):
            found.append(_changed(entry))
    return (*found, *_states(session, study_id))


def goes_on_from(session: Session, entries: int, head: str) -> bool:
    """Tell whether the chain has this hash at this place: it is the one that was noted then, with more behind it.

    Parameters
    ----------
    session : Session
        An open session.
    entries : int
        Place that was noted, 0 for an empty trail.
    head : str
        Hash that was noted.
    """
    return entries == 0 or session.scalar(select(ChainRow.hash).where(ChainRow.place == entries)) == head


def _chain_faults(session: Session, head: ChainHead) -> Iterator[str]:
    before, last, masks = START, 0, masks_of(session).links
    query = (
        select(ChainRow.place, ChainRow.hash, *_labelled())
        .select_from(ChainRow)
        .outerjoin(AuditRow, AuditRow.id == ChainRow.entry)
        .order_by(ChainRow.place)
    )
    for row in session.execute(query.execution_options(yield_per=1000)).mappings():
        if row["place"] != last + 1:
            yield f"{_several(last + 1, row['place'] - 1)} of the audit trail {_have_gone(row['place'] - 1 - last)}."
            before = ""  # nobody knows it any more
        entry = _entry(row)
        if entry["id"] is None:
            yield f"Entry {row['place']} of the audit trail was removed."
        elif before and link(before, entry) not in (row["hash"], masks.get(entry["id"])):
            yield _changed(entry)
        before, last = row["hash"], row["place"]
    if last < head.place:
        yield f"{_several(last + 1, head.place)} of the audit trail {_have_gone(head.place - last)}."
    elif (last, before) != (head.place, head.hash) and last:
        yield "The last link of the audit trail is not the one that was noted."


def _added(session: Session) -> Iterator[str]:
    audit = AuditRow.__table__
    query = select(*_labelled()).outerjoin(ChainRow, ChainRow.entry == audit.c.id).where(ChainRow.place.is_(None))
    for row in session.execute(query.order_by(audit.c.id).limit(FAULTS_TOLD)).mappings():
        yield _put_in(_entry(row))


def _states(session: Session, study_id: int | None = None) -> Iterator[str]:
    """Compare what studies and readings say of themselves with what their trail says."""
    last = (
        select(AuditRow.study_id, func.max(AuditRow.id).label("entry"))
        .where(AuditRow.event.in_(("begin", "sign", "reopen")))
        .group_by(AuditRow.study_id)
        .subquery()
    )
    query = (
        select(StudyRow.id, StudyRow.state, AuditRow.event)
        .outerjoin(last, last.c.study_id == StudyRow.id)
        .outerjoin(AuditRow, AuditRow.id == last.c.entry)
    )
    readings = (
        select(ReadingRow.study_id, ReadingRow.role, ReadingRow.version, func.max(AuditRow.seq).label("last"))
        .outerjoin(AuditRow, AuditRow.reading_id == ReadingRow.id)
        .group_by(ReadingRow.id, ReadingRow.study_id, ReadingRow.role, ReadingRow.version)
    )
    if study_id is not None:
        query, readings = query.where(StudyRow.id == study_id), readings.where(ReadingRow.study_id == study_id)
    says = {"begin": "in_review", "sign": "signed", "reopen": "reopened", None: "new"}
    for number, state, event in session.execute(query):
        if says[event] != state:
            yield f"Study {number} is marked as {state!r}, its audit trail says {says[event]!r}."
    for number, role, version, there in session.execute(readings):
        if version != (there or 0):
            yield f"Study {number} has had {version} entries in its {role} reading, {there or 0} are there."


def _labelled() -> Sequence[Any]:
    return [column.label(f"entry_{column.key}") for column in AuditRow.__table__.columns]


def _entry(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {column.key: row[f"entry_{column.key}"] for column in AuditRow.__table__.columns}


def columns_of(row: AuditRow) -> dict[str, Any]:
    """Return what the hash of an entry covers."""
    return {column.key: getattr(row, column.key) for column in AuditRow.__table__.columns}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    return value


def _changed(entry: Mapping[str, Any]) -> str:
    return f"An entry of study {entry['study_id']} (version {entry['seq']}) was changed after it was written."


def _put_in(entry: Mapping[str, Any]) -> str:
    return f"An entry of study {entry['study_id']} (version {entry['seq']}) was put in without the application."


def _several(first: int, last: int) -> str:
    return f"Entry {first}" if first == last else f"Entries {first} to {last}"


def _have_gone(count: int) -> str:
    return "is missing" if count == 1 else "are missing"
