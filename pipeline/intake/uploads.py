"""From uploaded files, or from a path, to recordings: pairs the parts of a record and chooses the reader."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from pipeline.config import DEFAULT, Config
from pipeline.domain import Recording
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import foreign_kind, require_size, safe_name
from pipeline.intake.wfdb_header import parse_header
from pipeline.intake.wfdb_reader import read_wfdb

_RX_FILE_NAME: Final = re.compile(rb"[A-Za-z0-9_\-]{1,64}(?:\.[A-Za-z0-9_\-]{1,16}){0,2}")


def read_path(path: Path, *, config: Config = DEFAULT) -> Recording:
    """Read one recording from the disk.

    Parameters
    ----------
    path : Path
        A .hea file, or a record's path without ending. Files that a header names are looked for beside it, by plain name, and
        symbolic links among them are not followed.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If the recording cannot be read safely; one sentence.
    """
    header_path = path if path.suffix.lower() == ".hea" else path.with_name(path.name + ".hea")
    header = _read_file(header_path, config.limits.header_bytes, "The header (.hea)", follow=True)
    if (kind := foreign_kind(header)) is not None:
        raise IntakeError(f"The header (.hea) is {kind}, not WFDB text.")
    parsed = parse_header(header, config.limits)
    files = {}
    for group in parsed.groups():
        if not _RX_FILE_NAME.fullmatch(group[0].file):
            raise IntakeError(
                "The header names a signal file with a path or unusual characters; use a plain file name."
            )
        beside = header_path.with_name(group[0].file.decode("ascii"))
        files[group[0].file] = _read_file(beside, config.limits.upload_bytes, "The signal file (.dat)")
    atr = header_path.with_suffix(".atr")
    annotations = _read_file(atr, config.limits.upload_bytes, "The annotation file (.atr)") if atr.is_file() else None
    return read_wfdb(header_path.stem, header, files, annotations, limits=config.limits)


def _read_file(path: Path, limit: int, what: str, *, follow: bool = False) -> bytes:
    """The bytes of a regular file of at most `limit` bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
    except FileNotFoundError as error:
        raise IntakeError(f"{what} of {safe_name(path.stem)!r} was not found; check the path.") from error
    except OSError as error:
        raise IntakeError(f"{what} of {safe_name(path.stem)!r} cannot be opened as a plain file.") from error
    with os.fdopen(descriptor, "rb") as file:
        if not path.is_file():
            raise IntakeError(f"{what} of {safe_name(path.stem)!r} is not a plain file.")
        payload = file.read(limit + 1)
    if len(payload) > limit:
        raise LimitError(f"{what} has more than {limit:,} bytes, which is the limit; shorten it.")
    require_size(payload, limit, what)
    return payload
