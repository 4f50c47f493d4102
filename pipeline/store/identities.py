"""Who was recorded and when: kept on this machine apart from the recordings, until it is left out or deleted.

One private file per recording, `home_root()/identities/DIGEST.json`, named after the recording's digest, which no field
of it is part of. The audit trail says which fields were changed, by whom and when, and never what they held.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pipeline._util.files import write_json
from pipeline.config import home_root
from pipeline.errors import IntakeError, ReviewError, StoreError
from pipeline.identity import Identity, changed_fields, checked_identity
from pipeline.principal import LOCAL, Who, require
from pipeline.store.stored_files import make_home, read_json

if TYPE_CHECKING:
    from sqlalchemy.orm import Session  # is not for those who only look

_RX_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def load_identity(digest: str, *, reader: Who = "") -> Identity:
    """Return what is kept of who was recorded and when; nothing if nothing is, or its file is damaged."""
    require(reader, "view")
    found = read_json(identity_file(digest)) if _RX_DIGEST.fullmatch(digest) else None
    try:
        return Identity() if found is None else _restored(found)
    except (TypeError, ValueError, AttributeError, IntakeError):
        return Identity()


def save_identity(digest: str, identity: Identity, *, reader: Who) -> tuple[str, ...]:
    """Keep who was recorded and when, in place of what was kept before; every study of the recording records that.

    Parameters
    ----------
    digest : str
        SHA-256 of the recording.
    identity : Identity
        All of it; what is empty is not kept any more.
    reader : Principal or str
        Who says so.

    Returns
    -------
    tuple of str
        The fields that changed, in plain words.

    Raises
    ------
    IntakeError
        If a field holds what cannot be kept.
    ReviewError
        If the reader has no name, a study of the recording is signed, or the recording was deleted.
    StoreError
        If it cannot be written; nothing is then changed.
    """
    from pipeline.store.access import writing_as
    from pipeline.store.log import named
    from pipeline.store.recordings import is_stored  # which knows this module

    if not _RX_DIGEST.fullmatch(digest):
        raise ReviewError("There is no such recording; open its files again.")
    asking = require(reader, "identify")
    who, wanted = named(asking), checked_identity(identity)
    if wanted and not is_stored(digest):
        raise ReviewError("This recording is not on this machine any more; open its files again.")
    with writing_as(asking) as session:
        changed = changed_fields(load_identity(digest, reader=LOCAL), wanted)
        if changed:
            _append(session, digest, who, ", ".join(changed))
            _write(digest, wanted)
    return changed


def delete_identity(digest: str) -> None:
    """Delete what is kept of who was recorded and when."""
    if _RX_DIGEST.fullmatch(digest):
        identity_file(digest).unlink(missing_ok=True)


def _append(session: Session, digest: str, who: str, fields: str) -> None:
    from sqlalchemy import select

    from pipeline.store.log import Log, reading_row
    from pipeline.store.tables import StudyRow

    rows = session.scalars(select(StudyRow).where(StudyRow.digest == digest).with_for_update()).all()
    if signed := next((row for row in rows if row.state == "signed"), None):
        raise ReviewError(f"Study {signed.id} of this recording is signed and read-only; reopen it with a reason.")
    for row in rows:
        Log(session, row, reading_row(session, row.id, "main"), who, str(uuid.uuid4())).append("identity", text=fields)


def _write(digest: str, identity: Identity) -> None:
    if not identity:
        delete_identity(digest)
        return
    path = identity_file(digest)
    try:
        make_home()
        path.parent.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise StoreError(f"The patient's details could not be kept on this machine: {error.strerror}.") from error
    start = None if identity.start is None else identity.start.isoformat()
    write_json(path, {**asdict(identity), "start": start}, private=True)


def _restored(found: dict[str, Any]) -> Identity:
    start = found.get("start")
    return checked_identity(Identity(**{**found, "start": None if start is None else datetime.fromisoformat(start)}))


def identity_file(digest: str) -> Path:
    """Return where it is kept who was recorded; whether anything is, or not."""
    return home_root() / "identities" / f"{digest}.json"
