"""Where a result comes from: the command, the commit of the code, the data and the date."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pipeline.config import IS_CHECKOUT, ROOT

_NO_SOURCES: Final = (":(exclude)docs", ":(exclude)models/weights", ":(exclude)*.md")


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes
    ----------
    command : str
        The command line.
    commit : str
        The git commit.
    data : str
        The data used.
    date : str
        ISO 8601.
    """

    command: str
    commit: str
    data: str
    date: str


def now() -> str:
    """Return the time, ISO 8601 to the second, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def current_commit() -> str:
    """Return the commit of the working tree, with "+changes" if its tracked sources differ from it.

    It is "" outside git, and in an installed copy.

    Results do not count as sources: weights are identified by their SHA-256 wherever they are mentioned.
    """
    if not IS_CHECKOUT:
        return ""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *_NO_SOURCES)
        return f"{commit}+changes" if changed else commit
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
