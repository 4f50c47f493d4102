"""Names may be masked in the two logs, nothing else of them changed; and a default of an early 0004 goes."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from alembic import op

from pipeline.review.decisions import MASK

revision = "0005"
down_revision = "0004"

_REFUSAL: Final = "the audit trail is append-only"
_LOGS: Final = ("audit", "access")
_WITH_DEFAULT: Final = "seal VARCHAR(140) DEFAULT '' NOT NULL"  # as SQLite has it of ALTER TABLE ADD COLUMN


def upgrade() -> None:
    """Let an update through that puts a mask into `text` and leaves all else; the chain tells what it did."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("audit", "seal", server_default=None)
        for table in _LOGS:
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            _refuse_postgresql(f"{table}_append_only", table, "DELETE OR TRUNCATE", "STATEMENT")
            unlike = f"strpos(NEW.text, '{MASK}') = 0 OR to_jsonb(NEW) - 'text' IS DISTINCT FROM to_jsonb(OLD) - 'text'"
            _refuse_postgresql(f"{table}_masked_only", table, "UPDATE", f"ROW WHEN ({unlike})")
        return
    _drop_default_sqlite()
    for table in _LOGS:
        op.execute(f"DROP TRIGGER {table}_no_update")
        columns = [one["name"] for one in sa.inspect(op.get_bind()).get_columns(table) if one["name"] != "text"]
        unlike = " OR ".join(f'NEW."{name}" IS NOT OLD."{name}"' for name in columns)
        _refuse_update_sqlite(table, f" WHEN instr(NEW.text, '{MASK}') = 0 OR {unlike}")


def downgrade() -> None:
    """Refuse every update again; what is masked stays so, and the version before says that it was changed."""
    for table in _LOGS:
        if op.get_bind().dialect.name == "postgresql":
            for name in ("append_only", "masked_only"):
                op.execute(f"DROP TRIGGER {table}_{name} ON {table}")
            _refuse_postgresql(f"{table}_append_only", table, "UPDATE OR DELETE OR TRUNCATE", "STATEMENT")
        else:
            op.execute(f"DROP TRIGGER {table}_no_update")
            _refuse_update_sqlite(table, "")


def _refuse_postgresql(name: str, table: str, acts: str, each: str) -> None:
    op.execute(f"CREATE TRIGGER {name} BEFORE {acts} ON {table} FOR EACH {each} EXECUTE FUNCTION refuse_audit_change()")


def _refuse_update_sqlite(table: str, when: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}{when} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )


def _drop_default_sqlite() -> None:
    """Change the definition in place, as SQLite's manual says for defaults: links of the chain refer to the table."""
    bind = op.get_bind()
    if not bind.scalar(
        sa.text("SELECT instr(sql, :it) FROM sqlite_schema WHERE name = 'audit'"), {"it": _WITH_DEFAULT}
    ):
        return
    version = bind.scalar(sa.text("PRAGMA schema_version"))
    bind.execute(sa.text("PRAGMA writable_schema = ON"))
    bind.execute(
        sa.text("UPDATE sqlite_schema SET sql = replace(sql, :it, 'seal VARCHAR(140) NOT NULL') WHERE name = 'audit'"),
        {"it": _WITH_DEFAULT},
    )
    bind.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    bind.execute(sa.text("PRAGMA writable_schema = OFF"))
