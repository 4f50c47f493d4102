"""Locks between processes that the kernel releases when their holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipeline.errors import DataError

PATIENCE_S: Final = 0.5  # `is_held` in another process holds the lock for an instant


def acquire(path: Path, *, shared: bool = False) -> int:
    """Wait for the lock and hold it until the returned descriptor is closed."""
    descriptor = _opened(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    return descriptor


def try_acquire(path: Path) -> int | None:
    """Return the exclusive lock as a descriptor, or None if another process keeps holding it."""
    descriptor = _opened(path)
    deadline = time.monotonic() + PATIENCE_S
    while not _taken(descriptor):
        if time.monotonic() > deadline:
            os.close(descriptor)
            return None
        time.sleep(0.02)
    return descriptor


def is_held(path: Path) -> bool:
    """Tell whether any process holds the lock, shared or exclusively."""
    descriptor = _opened(path)
    try:
        return not _taken(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the exclusive lock inside the block."""
    descriptor = acquire(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DataError(
            f"The cache cannot be written ({error.strerror}): make room or set HEARTVISION_CACHE."
        ) from error


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
