"""Signed reports on disk, each under the SHA-256 of its bytes, which the audit trail records."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline._util.files import write_bytes
from pipeline.config import home_root
from pipeline.errors import StoreError
from pipeline.principal import Who
from pipeline.store.access import export


def keep_report(payload: bytes) -> str:
    """Store a report for good; return its SHA-256. Raises DataError if it cannot be written."""
    digest = hashlib.sha256(payload).hexdigest()
    write_bytes(_path(digest), payload, private=True)
    return digest


def load_report(digest: str, *, reader: Who = "") -> bytes:
    """Return a stored report.

    Raises
    ------
    StoreError
        If it is not there, or not what was signed.
    """
    export(reader, "", f"signed report {digest[:12]}")
    try:
        payload = _path(digest).read_bytes()
    except OSError as error:
        raise StoreError(f"The signed report {digest[:12]} is not in this home; restore it from a backup.") from error
    if hashlib.sha256(payload).hexdigest() != digest:
        raise StoreError(f"The signed report {digest[:12]} was changed after it was stored; restore it from a backup.")
    return payload


def has_report(digest: str) -> bool:
    """Tell whether a report is stored, whatever state it is in."""
    return _path(digest).is_file()


def delete_report(digest: str) -> None:
    """Delete a report, because who was recorded is erased; the audit trail keeps its hash."""
    _path(digest).unlink(missing_ok=True)


def _path(digest: str) -> Path:
    return home_root() / "reports" / digest[:2] / f"{digest}.pdf"
