"""People who sign in and what they looked at; and addresses of studies that nobody can guess."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_REFUSAL = "the audit trail is append-only"


def upgrade() -> None:
    """Give every study an address, and create the tables; triggers protect the log of access."""
    _address_studies()
    _make_people()
    _make_access()
    _protect_postgresql() if op.get_bind().dialect.name == "postgresql" else _protect_sqlite()


def _address_studies() -> None:
    op.add_column("studies", sa.Column("token", sa.String(32), nullable=False, server_default=""))
    studies, bind = sa.table("studies", sa.column("id"), sa.column("token")), op.get_bind()
    rows = [{"number": row[0], "address": secrets.token_urlsafe(16)} for row in bind.execute(sa.select(studies.c.id))]
    if rows:
        update = studies.update().where(studies.c.id == sa.bindparam("number"))
        bind.execute(update.values(token=sa.bindparam("address")), rows)
    op.create_index(op.f("ix_studies_token"), "studies", ["token"], unique=True)


def _make_people() -> None:
    op.create_table(
        "people",
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
    )
    op.create_table(
        "sign_ins",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("subject", sa.Text(), sa.ForeignKey("people.subject"), nullable=False),
        sa.Column("began", _TIME, nullable=False),
        sa.Column("seen", _TIME, nullable=False),
        sa.Column("ended", _TIME),
    )


def _make_access() -> None:
    op.create_table(
        "access",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
    )
    op.create_index(op.f("ix_access_at"), "access", ["at"])
    op.create_index(op.f("ix_access_key_event_digest"), "access", ["key", "event", "digest"])


def _protect_sqlite() -> None:
    for act in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER access_no_{act} BEFORE {act.upper()} ON access BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); "
            "END"
        )


def _protect_postgresql() -> None:
    """Use the function that protects the audit trail."""
    op.execute(
        "CREATE TRIGGER access_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )
