"""Alembic's scripts: the history of the review database, step by step."""
