"""What a decision about the rhythm names: a rhythm, or an urgent statement."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column, empty for all entries so far; the triggers that protect the trail stay."""
    op.add_column("audit", sa.Column("subject", sa.String(40), nullable=False, server_default=""))
