"""What was deleted or erased, kept beside the recordings: a backup that is older brings it back, and it goes again.

`home_root()/erasures.jsonl` has one line for each: when, the recording's digest, and what; it names nobody.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, Protocol, get_args

from pipeline.config import home_root
from pipeline.errors import DataError
from pipeline.store.stored_files import make_home

LEDGER: Final = "erasures.jsonl"
What = Literal["deleted", "erased", "erased with reports", "refused", "wanted"]
_LONGEST: Final = max(map(len, get_args(What)))


@dataclass(frozen=True)
class Gone:
    """One line.

    Attributes
    ----------
    at : datetime
        When, with a time zone.
    digest : str
        SHA-256 of the recording.
    what : str
        "deleted" with all its copies, or "erased": who was recorded, with or without signed reports. "refused": one of
        these was noted at that moment, and was not done. "wanted": it was stored again after it was deleted.
    words : bool
        Whether words were masked that were given for it and are known nowhere, so that they cannot be masked again.
    """

    at: datetime
    digest: str
    what: What
    words: bool = False


class Noting(Protocol):
    """Notes what is about to go, see `Gone`."""

    def __call__(self, digest: str, what: What, *, words: bool = False) -> None:
        """Add a line about it."""


@contextmanager
def noting() -> Iterator[Noting]:
    """Provide the way to note what is gone before it is; the block around the transaction that commits it.

    Whoever is stopped between note and commit leaves the line there. If the block ends with an error, nothing is gone,
    and the line says so from then on; that takes no room on the disk.

    Yields
    ------
    callable
        Adds a line, flushed to disk; raises DataError if it cannot, when nothing should be deleted.
    """
    lines: list[Gone] = []

    def going(digest: str, what: What, *, words: bool = False) -> None:
        line = Gone(datetime.now(UTC), digest, what, words)
        try:
            write_ledger(make_home() / LEDGER, [line])
        except OSError as error:
            raise DataError(f"What is deleted could not be noted, so nothing is: {error.strerror}.") from error
        lines.append(line)

    try:
        yield going
    except BaseException as error:
        try:
            for line in lines:
                _refuse(home_root() / LEDGER, line)
        except OSError as also:
            raise DataError(
                f"Nothing was deleted or erased, but {LEDGER!r} says so and could not be written ({also.strerror}): "
                "remove its last line, or a restore does it."
            ) from error
        raise


def note_wanted(digest: str) -> None:
    """Note that a recording is stored again, if it was deleted before: a restore must not delete it.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path = home_root() / LEDGER
    if any(line.what == "deleted" for line in in_force(read_ledger(path, about=digest))):
        write_ledger(path, [Gone(datetime.now(UTC), digest, "wanted")])


def in_force(lines: Iterable[Gone]) -> list[Gone]:
    """Return what is gone, oldest first: each once, without what was refused and what was stored again since.

    Parameters
    ----------
    lines : iterable of Gone
        Of one file or several.
    """
    given = sorted(set(lines), key=lambda line: line.at)
    refused = {(line.at, line.digest) for line in given if line.what == "refused"}
    wanted = {line.digest: line.at for line in given if line.what == "wanted"}
    return [
        line
        for line in given
        if line.what not in ("refused", "wanted")
        and (line.at, line.digest) not in refused
        and not (line.what == "deleted" and line.digest in wanted and line.at <= wanted[line.digest])
    ]


def write_ledger(path: Path, lines: Iterable[Gone]) -> None:
    """Add lines to a file, which is nobody else's to read.

    Parameters
    ----------
    path : Path
        Which file; made if there is none.
    lines : iterable of Gone
        What to add.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
        file.write("".join(map(_text, lines)))
        file.flush()
        os.fsync(file.fileno())


def read_ledger(path: Path, *, about: str = "") -> list[Gone]:
    """Return the lines of a file, in order; what was cut off by a crash or is damaged is passed over.

    Parameters
    ----------
    path : Path
        Which file; there may be none.
    about : str, optional
        Only the lines about the recording with this digest; all if "".
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    texts = (each for each in text.splitlines() if about in each)
    return [line for line in map(_line, texts) if line is not None]


def _refuse(path: Path, line: Gone) -> None:
    """Write over a line that nothing came of; others may have added some behind it."""
    with path.open("r+b") as file:
        place = file.read().rfind(_text(line).encode())
        if place >= 0:
            file.seek(place)
            file.write(_text(replace(line, what="refused")).encode())
            file.flush()
            os.fsync(file.fileno())


def _text(line: Gone) -> str:
    """Return a line as it is written: as long whatever became of it, so that it can be written over."""
    plain = {"at": line.at.isoformat(), "digest": line.digest, "what": line.what}
    text = json.dumps(plain | {"words": True} if line.words else plain)
    return f"{text}{' ' * (_LONGEST - len(line.what))}\n"


def _line(text: str) -> Gone | None:
    try:
        found = json.loads(text)
        gone = Gone(
            datetime.fromisoformat(found["at"]), str(found["digest"]), found["what"], found.get("words", False) is True
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return gone if gone.what in get_args(What) and gone.at.tzinfo else None
