"""The chain of the audit trail, with a link for each entry that is there; and what signatures are over."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from pipeline.store.chain import HEAD_ID, START, linked

revision = "0004"
down_revision = "0003"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REFUSAL = "the audit trail is append-only"


def upgrade() -> None:
    """Create the tables, link the entries that are there, and protect the links as the entries are."""
    _add_seal()
    chain = op.create_table(
        "chain",
        sa.Column("place", _ID, primary_key=True, autoincrement=False),
        sa.Column("entry", _ID, sa.ForeignKey("audit.id"), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.UniqueConstraint("entry"),
    )
    head = op.create_table(
        "chain_head",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("place", _ID, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("adopted", _ID, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    place, last = _link_all(chain)
    now = datetime.now(UTC)
    op.bulk_insert(head, [{"id": HEAD_ID, "place": place, "hash": last, "adopted": place, "since": now}])
    _protect()


def _add_seal() -> None:
    """Add the column, empty for all entries so far, and without a default for those to come.

    A server of the version before, which knows neither seals nor links, is refused then: its entries would stand there
    as put in without the application. SQLite cannot drop a default: the table is made anew, with its triggers.
    """
    op.add_column("audit", sa.Column("seal", sa.String(140), nullable=False, server_default=""))
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("audit", "seal", server_default=None)
        return
    with op.batch_alter_table("audit", recreate="always") as table:
        table.alter_column("seal", server_default=None)
    _protect_sqlite("audit")


def _link_all(chain: sa.Table) -> tuple[int, str]:
    """Link the entries so far in the order of their numbers; return place and hash of the last one."""
    bind = op.get_bind()
    audit = sa.Table("audit", sa.MetaData(), autoload_with=bind)
    entries = bind.execute(sa.select(audit).order_by(audit.c.id)).mappings().all()
    links = list(linked(START, 0, ((entry["id"], dict(entry)) for entry in entries)))
    if links:
        op.bulk_insert(chain, [{"place": place, "entry": entry, "hash": found} for place, entry, found in links])
    return (links[-1][0], links[-1][2]) if links else (0, START)


def _protect() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER chain_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON chain "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
        )
        return
    _protect_sqlite("chain")


def _protect_sqlite(table: str) -> None:
    for act in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
