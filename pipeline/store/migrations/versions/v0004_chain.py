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
    op.add_column("audit", sa.Column("seal", sa.String(140), nullable=False, server_default=""))
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
    for act in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER chain_no_{act} BEFORE {act.upper()} ON chain BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
