"""The tables of the review database; the migrations create them, and a test compares the two."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

HEAD: Final = "0006"  # the newest migration
NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite increments INTEGER columns only


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite stores no time zone, so it is removed on writing and restored on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC for storage."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Restore the time zone of a stored moment."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables."""

    metadata = MetaData(naming_convention=NAMING)


def new_token() -> str:
    """Return an address that nobody can guess: 128 random bits as 22 letters, digits, "-" and "_"."""
    return secrets.token_urlsafe(16)


class AnalysisRow(Base):
    """The model's answer that decisions refer to, stored for good: .npz bytes under their SHA-256."""

    __tablename__ = "analyses"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    payload: Mapped[bytes] = mapped_column(LargeBinary)


class StudyRow(Base):
    """One recording read by one model.

    `counts`, `findings`, `priority`, `kind` (of the most urgent finding) and `longest_s` (how long the longest finding
    of that kind lasts) are a summary for the worklist only.
    """

    __tablename__ = "studies"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    record: Mapped[str] = mapped_column(Text, index=True)
    model: Mapped[str] = mapped_column(String(100))
    model_version: Mapped[str] = mapped_column(String(100))
    leads: Mapped[str] = mapped_column(Text)
    duration_s: Mapped[float] = mapped_column(Double)
    analysis: Mapped[str] = mapped_column(ForeignKey("analyses.digest"))
    state: Mapped[str] = mapped_column(String(20))
    priority: Mapped[int]
    counts: Mapped[dict[str, Any]] = mapped_column(JSON)
    findings: Mapped[dict[str, Any]] = mapped_column(JSON)
    reader: Mapped[str] = mapped_column(Text, index=True)
    search: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UtcTime, index=True)
    updated: Mapped[datetime] = mapped_column(UtcTime, index=True)
    token: Mapped[str] = mapped_column(String(32), server_default="", default=new_token)
    kind: Mapped[str] = mapped_column(String(40), server_default="")
    longest_s: Mapped[float] = mapped_column(Double, server_default="0")
    __table_args__ = (
        UniqueConstraint("digest", "model", "model_version", "leads"),
        Index(None, "state", "priority", "updated"),
        Index(None, "priority", "updated"),
        Index(None, "token", unique=True),
    )


class ReadingRow(Base):
    """A reader's own log of a study: "main", or "second" for the blind second reader. `version` counts its entries."""

    __tablename__ = "readings"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    role: Mapped[str] = mapped_column(String(20))
    reader: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
    opened: Mapped[datetime] = mapped_column(UtcTime)
    closed: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (
        Index(
            "uq_readings_one_of_each",
            "study_id",
            "role",
            unique=True,
            sqlite_where=text("state <> 'withdrawn'"),
            postgresql_where=text("state <> 'withdrawn'"),
        ),
    )


class AuditRow(Base):
    """One entry of the audit trail; triggers refuse to delete it, or to change it but for a mask in `text`.

    `before`, `after` and `model` have one letter per sample: the class in force before and after, and the model's; of a
    decision about the rhythm they are words. `subject` is the rhythm or the statement that is decided about, `seal`
    what a signature is over.
    """

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    reading_id: Mapped[int] = mapped_column(ForeignKey("readings.id"))
    seq: Mapped[int]
    key: Mapped[str] = mapped_column(String(100))
    who: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)
    event: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20))
    samples: Mapped[list[int]] = mapped_column(JSON)
    aami: Mapped[str] = mapped_column(String(1))
    before: Mapped[str] = mapped_column(Text)
    after: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    model_version: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(40), server_default="")
    seal: Mapped[str] = mapped_column(String(140))  # no default: an earlier program, which makes no chain, is refused
    __table_args__ = (UniqueConstraint("reading_id", "seq"), UniqueConstraint("study_id", "key"))


class ChainRow(Base):
    """A link of the audit trail's chain: the hash of an entry and of the link before it; triggers protect it too."""

    __tablename__ = "chain"
    place: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    entry: Mapped[int] = mapped_column(ForeignKey("audit.id"), unique=True)
    hash: Mapped[str] = mapped_column(String(64))


class ChainHead(Base):
    """The chain's last link, the one row that all writers wait for; `adopted` entries are older than the chain."""

    __tablename__ = "chain_head"
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(BigId)
    hash: Mapped[str] = mapped_column(String(64))
    adopted: Mapped[int] = mapped_column(BigId)
    since: Mapped[datetime] = mapped_column(UtcTime)


class PersonRow(Base):
    """Somebody who has signed in: their identity at the provider, and the name that is theirs alone here."""

    __tablename__ = "people"
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


class SignInRow(Base):
    """A sign-in: whose, when it began, when they were seen last, and when they signed out."""

    __tablename__ = "sign_ins"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    subject: Mapped[str] = mapped_column(ForeignKey("people.subject"))
    began: Mapped[datetime] = mapped_column(UtcTime)
    seen: Mapped[datetime] = mapped_column(UtcTime)
    ended: Mapped[datetime | None] = mapped_column(UtcTime)


class AccessRow(Base):
    """Who signed in, looked at, searched for, took away or deleted what; triggers protect it as the trail."""

    __tablename__ = "access"
    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    who: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(20))
    digest: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    __table_args__ = (Index(None, "key", "event", "digest"),)
