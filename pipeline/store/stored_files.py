"""Stored files and folders: they appear whole or not at all, and may be damaged."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from pipeline.config import home_root

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


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
