"""Live recordings that lie in a folder: those under way are left alone, those that a crash cut short are closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.live.state import STATE_ENDING

_PATTERN = "live-*.hea"


@dataclass(frozen=True)
class KeptRecord:
    """A live recording on disk: `header` names it, `changed` is when it was last written."""

    header: Path
    changed: datetime


def kept_records(folder: Path) -> tuple[KeptRecord, ...]:
    """Return the live recordings in a folder, the newest first."""
    found = []
    for header in folder.glob(_PATTERN):
        data = header.with_suffix(".dat")
        if data.is_file() and data.stat().st_size:
            found.append(KeptRecord(header, datetime.fromtimestamp(data.stat().st_mtime)))
    return tuple(sorted(found, key=lambda one: one.changed, reverse=True))


def delete_record(header: Path) -> None:
    """Delete a live recording and all that lies beside it under its name."""
    for ending in (".dat", ".hea", STATE_ENDING):
        header.with_suffix("").with_name(header.stem + ending).unlink(missing_ok=True)
