"""What was deleted or erased, kept beside the recordings: a backup that is older brings it back, and it goes again.

`home_root()/erasures.jsonl` has one line for each: when, the recording's digest, and what; it names nobody.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from pipeline.errors import DataError
from pipeline.store.stored_files import make_home

LEDGER: Final = "erasures.jsonl"
What = Literal["deleted", "erased", "erased with reports"]


@dataclass(frozen=True)
class Gone:
    """One line: when (UTC), the recording's digest, and what of it is gone."""

    at: datetime
    digest: str
    what: What


def note_gone(digest: str, what: What) -> None:
    """Add a line, flushed to disk.

    Parameters
    ----------
    digest : str
        SHA-256 of the recording.
    what : str
        "deleted" with all its copies, or "erased": who was recorded, with or without signed reports.

    Raises
    ------
    DataError
        If it cannot be written; nothing should then be deleted.
    """
    write_ledger(make_home() / LEDGER, [Gone(datetime.now(UTC), digest, what)])


def write_ledger(path: Path, lines: list[Gone]) -> None:
    """Add lines to a file, which is nobody else's to read.

    Parameters
    ----------
    path : Path
        Which file; made if there is none.
    lines : list of Gone
        What to add.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    text = "".join(json.dumps({**asdict(line), "at": line.at.isoformat()}) + "\n" for line in lines)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise DataError(f"What is deleted could not be noted, so nothing is: {error.strerror}.") from error


def read_ledger(path: Path) -> list[Gone]:
    """Return the lines of a file, in order; what was cut off by a crash or is damaged is passed over."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in map(_line, text.splitlines()) if line is not None]


def _line(text: str) -> Gone | None:
    try:
        found = json.loads(text)
        gone = Gone(datetime.fromisoformat(found["at"]), str(found["digest"]), found["what"])
    except (ValueError, KeyError, TypeError):
        return None
    return gone if gone.what in get_args(What) and gone.at.tzinfo else None
