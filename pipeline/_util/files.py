"""Writes a file whole or not at all."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from pipeline.errors import DataError


def write_bytes(path: Path, payload: bytes, *, private: bool = False) -> Path:
    """Write `payload` to `path` through a new file beside it, flushed to disk before it takes the name.

    Parameters
    ----------
    path : Path
        Where to write; missing folders are made.
    payload : bytes
        The content.
    private : bool, optional
        Whether only this user may read it, as for patient data; otherwise the umask decides.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DataError
        If the disk is full or read-only, or the folder cannot be made; an older file of that name is then untouched.
    """
    draft = path.with_name(f".heartvision-{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_new(draft, payload, 0o600 if private else 0o666)
        draft.replace(path)
    except OSError as error:
        raise DataError(f"The file {path.name!r} could not be written ({error.strerror}); check the folder.") from error
    finally:
        with suppress(OSError):
            draft.unlink()
    return path


def _write_new(path: Path, payload: bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
