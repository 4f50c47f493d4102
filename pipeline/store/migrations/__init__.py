"""Alembic's scripts: how the review database came to be, step by step."""
