"""Stored files and folders: they appear whole or not at all, and may be damaged."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pipeline.config import home_root
from pipeline.errors import DataError

DRAFT_S: Final = 3600.0
_SPARE_BYTES: Final = 64 * 2**20  # for the database and whatever else is written meanwhile
# What a damaged .npz file can raise. zipfile: NotImplementedError for an unknown compression, RuntimeError for an
# encrypted member. numpy, which parses a header before its checksum is known: ValueError, SyntaxError, TokenError;
# MemoryError for a shape.
BROKEN_NPZ: Final = (
    *(OSError, EOFError, KeyError, IndexError, ValueError, TypeError, MemoryError),
    *(NotImplementedError, RuntimeError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file; None if there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def make_home() -> Path:
    """Make the folder in which all is kept, if there is none, for this user alone, and return it."""
    home = home_root()
    if not home.is_dir():
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    return home


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Provide a folder to fill, which becomes `path` when the block ends without an error; its files are private.

    If another process has made `path` meanwhile, its folder stays: both have the same content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=path.parent, suffix=".part"))
    try:
        yield draft
        for file in draft.iterdir():
            file.chmod(0o600)
            _flush(file)
        with suppress(OSError):
            draft.replace(path)
        _flush(path.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def remove_drafts(root: Path, *, older_than_s: float = DRAFT_S) -> int:
    """Remove what writers that were killed have left half made; return how many there were.

    Parameters
    ----------
    root : Path
        Where folders by digest lie.
    older_than_s : float, optional
        A younger one may be another process's work, seconds.
    """
    found = [path for path in root.glob("**/*.part") if time.time() - path.lstat().st_mtime > older_than_s]
    for path in found:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return len(found)


def require_room(folder: Path, needed: int) -> None:
    """Raise DataError unless there is room for so many bytes, and some to spare, where a folder is or will be."""
    place = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(place).free
    if free < needed + _SPARE_BYTES:
        raise DataError(
            f"{needed / 1e6:,.0f} MB are needed in {str(folder)!r}, {free / 1e6:,.0f} MB are free; make room."
        )


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
