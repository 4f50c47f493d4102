"""Who signs in, and the log of what they looked at, searched for, took away and deleted.

Entries are added and never removed; an erasure masks who was recorded in their texts, and nothing else changes them.
Where nobody signs in, nothing is logged here: a name that anybody can type is no evidence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pipeline.config import sign_in_limits
from pipeline.errors import AccessError
from pipeline.principal import Principal, Role, Who, require
from pipeline.review.decisions import clean_text
from pipeline.store.database import database
from pipeline.store.tables import AccessRow, AuditRow, PersonRow, SignInRow

AccessEvent = Literal["sign_in", "sign_out", "view", "search", "export", "delete"]
VIEW_EVERY: Final = timedelta(minutes=15)  # one entry tells of a recording that somebody goes on looking at
_NAME_CHARS: Final = 100
_AGAIN: Final = "You were signed out; sign in again."


@dataclass(frozen=True)
class Access:
    """One entry of the log: when (UTC), who, what, of which recording (its digest), and a detail in words."""

    at: datetime
    who: str
    event: str
    digest: str
    text: str


def enter(
    claims: Mapping[str, Any], roles: frozenset[Role], *, clicked: bool = True, now: datetime | None = None
) -> Principal:
    """Return who a provider says is here, signed in until they are idle for too long.

    Parameters
    ----------
    claims : mapping of str to object
        Of an identity token whose signature, issuer, audience and nonce were checked.
    roles : frozenset of Role
        What they are here, see `pipeline.principal.roles_of`.
    clicked : bool, optional
        False where a page refreshes itself: whoever is in stays so no longer for it.
    now : datetime, optional
        With a time zone; the clock if None.

    Raises
    ------
    AccessError
        If they have no role, were idle for too long, or have signed out.
    """
    now, key = now or datetime.now(UTC), _key(claims)
    if not roles:
        raise AccessError("You are signed in, but have no role here; ask an administrator for one.")
    with database().reading() as session:
        row = session.get(SignInRow, key)
        name = "" if row is None else session.get_one(PersonRow, row.subject).name
    limits = sign_in_limits()
    seen = _moment(claims.get("iat")) or now if row is None else row.seen
    if now - seen > timedelta(minutes=limits.idle_min) or (row is not None and row.ended is not None):
        raise AccessError(_AGAIN)
    if row is None:
        name, seen = _first(claims, key, now), now
    elif clicked and now - seen > timedelta(seconds=limits.seen_every_s):
        seen = _seen(key, now)
    until = seen + timedelta(minutes=limits.idle_min)
    return Principal(name, roles, key, _moment(claims.get("auth_time")), until)


def leave(asking: Principal) -> None:
    """Sign somebody out: their sign-in cannot be used again, whoever holds its cookie."""
    if not asking.key:
        return
    with database().writing() as session:
        row = session.get(SignInRow, asking.key)
        if row is not None and row.ended is None:
            row.ended = datetime.now(UTC)
            note(session, asking, "sign_out")


@contextmanager
def writing_as(asking: Principal) -> Iterator[Session]:
    """Open a session that writes, for somebody who has not signed out since they were let in.

    Whoever signs out meanwhile waits until the session has ended (PostgreSQL; in SQLite all writers wait).

    Raises
    ------
    AccessError
        If they have signed out, wherever that was; nothing is written.
    """
    with database().writing() as session:
        if asking.key:
            row = session.get(SignInRow, asking.key, with_for_update={"read": True})
            if row is not None and row.ended is not None:
                raise AccessError(_AGAIN)
        yield session


def require_signed_in(asking: Principal) -> None:
    """Refuse somebody who has signed out since they were let in.

    Raises
    ------
    AccessError
        If so, wherever that was.
    """
    with database().reading() as session:
        row = session.get(SignInRow, asking.key)
    if row is not None and row.ended is not None:
        raise AccessError(_AGAIN)


def note(session: Session, asking: Principal, event: AccessEvent, *, digest: str = "", text: str = "") -> None:
    """Add an entry, in the caller's transaction; nothing for somebody who has not signed in.

    Parameters
    ----------
    session : Session
        An open session that writes.
    asking : Principal
        Who.
    event : AccessEvent
        What.
    digest : str, optional
        Of the recording.
    text : str, optional
        More, in words.
    """
    if asking.key:
        session.add(
            AccessRow(
                at=datetime.now(UTC), who=asking.name, key=asking.key, event=event, digest=digest, text=clean_text(text)
            )
        )


def note_once(asking: Principal, event: AccessEvent, *, digest: str = "", text: str = "") -> None:
    """Add an entry unless there is the same one of this sign-in and the last `VIEW_EVERY`.

    Parameters
    ----------
    asking : Principal
        Who.
    event : AccessEvent
        What.
    digest : str, optional
        Of the recording.
    text : str, optional
        More, in words.
    """
    if not asking.key:
        return
    about = select(AccessRow.id).where(
        AccessRow.key == asking.key, AccessRow.event == event, AccessRow.digest == digest
    )
    same = about.where(AccessRow.text == clean_text(text), AccessRow.at > datetime.now(UTC) - VIEW_EVERY).limit(1)
    with database().reading() as session:
        if session.scalar(same) is not None:
            return
    with writing_as(asking) as session:
        note(session, asking, event, digest=digest, text=text)


def export(who: Who, digest: str, what: str) -> Principal:
    """Note that somebody takes a file away, before it is made; return who.

    Parameters
    ----------
    who : Principal or str
        Who asks.
    digest : str
        Of the recording.
    what : str
        Which file, in words.

    Raises
    ------
    AccessError
        If they may not.
    """
    asking = require(who, "export")
    if asking.key:
        with writing_as(asking) as session:
            note(session, asking, "export", digest=digest, text=what)
    return asking


def accesses(who: Who, *, last: int = 1000) -> tuple[Access, ...]:
    """Return the last entries of the log, the latest first.

    Raises
    ------
    AccessError
        If this is not an administrator.
    """
    require(who, "administer")
    query = select(AccessRow).order_by(AccessRow.id.desc()).limit(last)
    with database().reading() as session:
        return tuple(Access(row.at, row.who, row.event, row.digest, row.text) for row in session.scalars(query))


def _key(claims: Mapping[str, Any]) -> str:
    """Name a sign-in: the nonce is another one for each."""
    told = [str(claims.get(name, "")) for name in ("iss", "sub", "nonce", "iat")]
    if not (told[0] and told[1]):
        raise AccessError("The provider does not say who you are (`iss`, `sub`); ask an administrator.")
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _moment(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int | float) else None


def _first(claims: Mapping[str, Any], key: str, now: datetime) -> str:
    """Write down a sign-in, and whose name is whose; return the name."""
    subject = f"{claims['iss']} {claims['sub']}"
    with database().writing() as session:
        if session.get(SignInRow, key) is None:
            try:
                with session.begin_nested():
                    name = _named(session, subject, claims)
                    session.add(SignInRow(key=key, subject=subject, began=now, seen=now, ended=None))
                    session.flush()
                    note(session, Principal(name, frozenset(), key), "sign_in")
            except IntegrityError:  # two tabs at once (PostgreSQL): the other one has written it
                pass
        return session.get_one(PersonRow, subject).name


def _named(session: Session, subject: str, claims: Mapping[str, Any]) -> str:
    """Return a person's name; at their first sign-in one that nobody has, nor had while nobody signed in."""
    found = session.get(PersonRow, subject)
    if found is not None:
        return found.name
    account = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])[:_NAME_CHARS]
    called = " ".join(clean_text(str(claims.get("name") or account)[:_NAME_CHARS]).split()) or subject
    wanted = (called, f"{called} ({account})", f"{called} ({subject})")
    name = next((one for one in wanted if not _is_taken(session, one)), wanted[-1])
    session.add(PersonRow(subject=subject, name=name))
    session.flush()
    return name


def _is_taken(session: Session, name: str) -> bool:
    person = select(PersonRow.subject).where(PersonRow.name == name)
    wrote = select(AuditRow.id).where(AuditRow.who == name).limit(1)
    return session.scalar(person) is not None or session.scalar(wrote) is not None


def _seen(key: str, now: datetime) -> datetime:
    with database().writing() as session:
        session.get_one(SignInRow, key).seen = now
    return now
