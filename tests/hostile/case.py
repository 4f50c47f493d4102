"""A hostile upload, and what must become of it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.hostile.make_corpus import Files


@dataclass(frozen=True)
class Case:
    """One upload. `outcome` is "refused", "read" or "either"; `says` must occur in the sentence or notices."""

    name: str
    files: Files
    outcome: str = "refused"
    says: str = ""
    kind: str = "recording"  # or "picture" or "csv"
