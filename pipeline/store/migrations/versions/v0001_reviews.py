"""Studies, readings and the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)
_REFUSAL = "the audit trail is append-only"


def upgrade() -> None:
    """Create all tables, and the triggers that protect the audit trail against changes."""
    _make_studies()
    _make_readings()
    _make_audit()
    _protect_postgresql() if op.get_bind().dialect.name == "postgresql" else _protect_sqlite()


def _make_studies() -> None:
    op.create_table(
        "analyses",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "studies",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("model_version", sa.String(100), nullable=False),
        sa.Column("leads", sa.Text(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("analysis", sa.String(64), sa.ForeignKey("analyses.digest"), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("updated", _TIME, nullable=False),
        sa.UniqueConstraint("digest", "model", "model_version", "leads"),
    )
    for columns in (
        *(["record"], ["reader"], ["created"], ["updated"]),
        *(["priority", "updated"], ["state", "priority", "updated"]),
    ):
        op.create_index(op.f(f"ix_studies_{'_'.join(columns)}"), "studies", columns)


def _make_readings() -> None:
    op.create_table(
        "readings",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("study_id", _ID, sa.ForeignKey("studies.id"), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened", _TIME, nullable=False),
        sa.Column("closed", _TIME),
    )
    in_use = sa.text("state <> 'withdrawn'")
    op.create_index(
        *("uq_readings_one_of_each", "readings", ["study_id", "role"]),
        unique=True,
        sqlite_where=in_use,
        postgresql_where=in_use,
    )


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("study_id", _ID, sa.ForeignKey("studies.id"), nullable=False),
        sa.Column("reading_id", _ID, sa.ForeignKey("readings.id"), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("samples", sa.JSON(), nullable=False),
        sa.Column("aami", sa.String(1), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("model_version", sa.String(100), nullable=False),
        sa.UniqueConstraint("reading_id", "seq"),
        sa.UniqueConstraint("study_id", "key"),
    )


def _protect_sqlite() -> None:
    for act in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER audit_no_{act} BEFORE {act.upper()} ON audit BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )


def _protect_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )
