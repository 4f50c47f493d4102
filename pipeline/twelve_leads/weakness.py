"""Statements that are too weak to be shown: what their evaluation found, in a file that a script writes.

Weakness hides a statement on screen only; files and reports hold it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from models.registry import WEIGHTS
from pipeline.measurements import Statement

FILE: Final = WEIGHTS / "statements" / "weak.json"  # written by the evaluation


def shown_statements(statements: Sequence[Statement]) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
    """Return the statements that are shown, and those that are too weak; urgent ones are always shown."""
    weak = weak_codes(FILE)
    shown = tuple(one for one in statements if one.urgent or one.code not in weak)
    return shown, tuple(one for one in statements if one not in shown)


@cache
def weak_codes(path: Path) -> frozenset[str]:
    """Return the codes that the evaluation found too weak; none without a file."""
    if not path.is_file():
        return frozenset()
    return frozenset(json.loads(path.read_text(encoding="utf-8"))["weak"])
