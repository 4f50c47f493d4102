"""Where a result comes from: the command, the commit of the code, the data, and when."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pipeline.config import ROOT

_NO_SOURCES: Final = (":(exclude)docs", ":(exclude)models/weights", ":(exclude)*.md")


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from: `command` line, git `commit`, `data` used, `date` (ISO 8601)."""

    command: str
    commit: str
    data: str
    date: str


def now() -> str:
    """The time, ISO 8601 to the second, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def current_commit() -> str:
    """The commit of the working tree, with "+changes" where its tracked sources differ from it; "" outside git.

    Results are no sources: weights are named by their SHA-256 wherever they are spoken of.
    """
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *_NO_SOURCES)
        return f"{commit}+changes" if changed else commit
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
