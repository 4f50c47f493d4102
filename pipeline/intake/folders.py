"""The recordings in a folder: headers of WFDB records, files of the other formats by their content, and tables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pipeline.config import DEFAULT, Config
from pipeline.errors import IntakeError
from pipeline.intake.content import file_ending, is_clutter
from pipeline.intake.formats.adapter import HEAD_BYTES
from pipeline.intake.formats.table import format_of
from pipeline.intake.wfdb_files import needed_files
from pipeline.intake.wfdb_header import is_multi_segment

# Tables of databases that hold no signal.
LISTS: Final = frozenset({"manifest.csv", "ptbxl_database.csv", "scp_statements.csv", "reference.csv", "records.txt"})
_PARTS: Final = frozenset({".hea", ".dat", ".mat", ".atr", ".zip"})  # of records, or not looked into


def recording_files(root: Path, *, config: Config = DEFAULT) -> list[Path]:
    """List the recordings in a folder and in the folders in it, in order of their paths.

    Headers of segments, which belong to another record, are left out; so are tables (.csv) beside headers, hidden
    files, and lists that PhysioNet puts beside records.

    Parameters
    ----------
    root : Path
        The folder.
    config : Config, optional
        Its limits apply to headers.

    Returns
    -------
    list of Path
        Each can be given to `read_all`.
    """
    return sorted(_recordings(root, config))


def archive_files(root: Path) -> list[Path]:
    """List the ZIP archives in a folder and in the folders in it, in order of their paths.

    Archives by another name than .zip are opened if they are named themselves; in a folder most are documents.
    """
    return sorted(
        path for path in root.rglob("*") if file_ending(path.name) == ".zip" and path.is_file() and path.name[0] != "."
    )


def _recordings(root: Path, config: Config) -> Iterator[Path]:
    for place, names, files in os.walk(root):
        names[:] = [name for name in names if not name.startswith((".", "__MACOSX"))]
        folder, shown = Path(place), sorted(name for name in files if not name.startswith("."))
        headers = [name for name in shown if file_ending(name) == ".hea"]
        segments = _segments(folder, headers, config)
        yield from (folder / name for name in headers if name.casefold() not in segments)
        tables = [name for name in shown if file_ending(name) == ".csv" and name.lower() not in LISTS]
        yield from (folder / name for name in tables if not headers)
        others = (name for name in shown if file_ending(name) not in {*_PARTS, ".csv"} and not is_clutter(name))
        yield from (folder / name for name in others if _is_format(folder / name))


def _segments(folder: Path, headers: Sequence[str], config: Config) -> set[str]:
    """Return the names, in lower case, of the headers that other headers name."""
    there = {name.casefold(): name for name in headers}

    def fetch(name: bytes) -> bytes | None:
        known = there.get(name.decode("utf-8", "surrogateescape").casefold())
        return None if known is None else _beginning(folder / known, config.limits.header_bytes)

    found: set[str] = set()
    for header in headers:
        content = _beginning(folder / header, config.limits.header_bytes)
        try:
            needed = needed_files(content, fetch, config.limits) if is_multi_segment(content, config.limits) else ()
        except IntakeError:
            continue
        found |= {name.decode("utf-8", "surrogateescape").casefold() for name in needed} - {header.casefold()}
    return found


def _is_format(path: Path) -> bool:
    return path.is_file() and format_of(_beginning(path, HEAD_BYTES)) is not None


def _beginning(path: Path, size: int) -> bytes:
    """Return up to `size` bytes of a file; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""
