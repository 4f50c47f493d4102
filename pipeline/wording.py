"""How numbers are written for people, on pages and on paper alike."""

from __future__ import annotations


def grouped(count: int) -> str:
    """A count with a space between thousands."""
    return f"{count:,}".replace(",", " ")
