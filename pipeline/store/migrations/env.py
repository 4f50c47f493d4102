"""Run by Alembic, on the connection and in the transaction provided by `pipeline.store.database`."""

from __future__ import annotations

from alembic import context

from pipeline.store.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
