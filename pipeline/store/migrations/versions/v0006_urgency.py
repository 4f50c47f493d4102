"""Which finding of a study is the most urgent and how long it lasts: the worklist is sorted by both."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pipeline.review.finding_kinds import most_urgent

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add both columns; the kind follows from what is kept, the length is known after the next decision."""
    op.add_column("studies", sa.Column("kind", sa.String(40), nullable=False, server_default=""))
    op.add_column("studies", sa.Column("longest_s", sa.Double(), nullable=False, server_default="0"))
    studies = sa.table("studies", sa.column("id"), sa.column("findings", sa.JSON()), sa.column("kind"))
    bind = op.get_bind()
    kept = bind.execute(sa.select(studies.c.id, studies.c.findings)).all()
    rows = [{"number": number, "most": most_urgent(findings)} for number, findings in kept]
    if rows:
        update = studies.update().where(studies.c.id == sa.bindparam("number"))
        bind.execute(update.values(kind=sa.bindparam("most")), rows)


def downgrade() -> None:
    """Forget both."""
    for name in ("longest_s", "kind"):
        op.drop_column("studies", name)
