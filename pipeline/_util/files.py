"""Writes a file whole or not at all, and a value as JSON."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

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


def write_json(path: Path, value: Any, *, private: bool = False) -> Path:
    """Write a value as JSON, whole or not at all: strict and for people, with lists of plain values on one line.

    Parameters
    ----------
    path : Path
        Where to write; missing folders are made.
    value : dict, list, str, int, float, bool or None
        The content.
    private : bool, optional
        Whether only this user and this program read it: then it is one line, and numbers need not be finite.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DataError
        If it cannot be written.
    ValueError
        If a number is not finite and the file is not private: JSON has no word for it.
    """
    text = json.dumps(value) if private else _indented(value, "\n") + "\n"
    return write_bytes(path, text.encode(), private=private)


def _indented(value: Any, newline: str) -> str:
    items = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else []
    if not any(isinstance(item, Mapping | list | tuple) for item in items):
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    deeper = newline + " "
    texts = [_indented(item, deeper) for item in items]
    if isinstance(value, Mapping):
        texts = [f"{json.dumps(key, ensure_ascii=False)}: {text}" for key, text in zip(value, texts, strict=True)]
    opening, closing = "{}" if isinstance(value, Mapping) else "[]"
    return opening + deeper + ("," + deeper).join(texts) + newline + closing


def _write_new(path: Path, payload: bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
