"""The result to take away."""

from __future__ import annotations

from app.findings import Case


def draw(case: Case) -> None:
    """JSON, CSV and WFDB annotations of the model's result."""
