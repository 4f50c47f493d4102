"""Writes a file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import DataError


def write_bytes(path: Path, payload: bytes) -> Path:
    """Write `payload` to `path` through a temporary file beside it, flushed to the disk before it takes the name.

    Raises
    ------
    DataError
        If the disk is full, read-only or the folder cannot be made; an older file of that name is untouched then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(path.parent) as temporary:
            with open(temporary, "wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
    except OSError as error:
        raise DataError(f"The file {path.name!r} could not be written ({error.strerror}); check the folder.") from error
    return path


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A new, empty file in `folder` that is gone afterwards unless it was renamed."""
    descriptor, name = tempfile.mkstemp(prefix=".heartvision-", suffix=".part", dir=folder)
    os.fchmod(descriptor, 0o644 & ~_umask())
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _umask() -> int:
    """The process's umask, which mkstemp ignores."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
