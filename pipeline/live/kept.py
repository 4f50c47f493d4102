"""Live recordings that lie in a folder: those under way are left alone, those that a crash cut short are closed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.errors import DataError
from pipeline.live.recorder import close_cut_short, is_open
from pipeline.live.state import STATE_ENDING
from pipeline.principal import Who
from pipeline.store.permits import permitted

_PATTERN = "live-*.hea"


class UnderWayError(DataError):
    """A live recording that is still recorded."""


@dataclass(frozen=True)
class KeptRecord:
    """A live recording on disk: `header` names it, `changed` is when it was last written."""

    header: Path
    changed: datetime


def kept_records(folder: Path) -> tuple[KeptRecord, ...]:
    """Return the live recordings in a folder that are over, the newest first; close those that were cut short."""
    found = []
    for header in folder.glob(_PATTERN):
        with suppress(OSError):  # another session may delete it meanwhile
            written = _data(header).stat()
            if written.st_size and _is_over(header):
                found.append(KeptRecord(header, datetime.fromtimestamp(written.st_mtime)))
    return tuple(sorted(found, key=lambda one: one.changed, reverse=True))


def delete_record(header: Path, *, reader: Who = "") -> None:
    """Delete a live recording and all that lies beside it under its name.

    Parameters
    ----------
    header : Path
        Its header.
    reader : Principal or str, optional
        Who deletes it.

    Raises
    ------
    AccessError
        If they may not, or have signed out.
    UnderWayError
        If it is still recorded; nothing is deleted then.
    """
    asking = permitted(reader, "delete")
    with suppress(FileNotFoundError), _held(header):
        if asking.key:
            from pipeline.store.access import note_once  # SQLAlchemy is not for those who only look

            note_once(asking, "delete", text=f"live recording {header.stem}")
        _data(header).unlink()
    for path in (header, header.with_name(header.stem + STATE_ENDING)):
        path.unlink(missing_ok=True)


def _is_over(header: Path) -> bool:
    """Tell whether a record is no longer recorded; close it if a crash left it open."""
    if not is_open(header):
        return True
    try:
        with _held(header) as file:
            if is_open(header):  # its recorder may have closed it meanwhile
                close_cut_short(header, file)
    except UnderWayError:
        return False
    except (DataError, OSError):  # it stays open, and can be read all the same
        return True
    return True


def _data(header: Path) -> Path:
    return header.with_suffix(".dat")


@contextmanager
def _held(header: Path) -> Iterator[int]:
    """Hold the lock of a signal file, as its recorder does while it records; give its descriptor."""
    file = os.open(_data(header), os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield file
    except BlockingIOError as error:
        raise UnderWayError("The recording is still under way; end it before you delete it.") from error
    finally:
        os.close(file)
