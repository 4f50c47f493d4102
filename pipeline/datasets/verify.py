"""Whether the public databases on this machine are the published ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FileState = Literal["ok", "missing", "differs"]
CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Check:
    """The files of one database: name and state of each, in order."""

    dataset: str
    folder: Path
    files: tuple[tuple[str, FileState], ...]

    @property
    def complete(self) -> bool:
        """Whether every file is as published."""
        return all(state == "ok" for _, state in self.files)

    def names(self, state: FileState) -> tuple[str, ...]:
        """Return the files in `state`."""
        return tuple(name for name, found in self.files if found == state)

    def readable_records(self) -> tuple[str, ...]:
        """Return the records whose header, signal and annotations (if any) are all as published."""
        bad = {Path(name).stem for name, state in self.files if state != "ok"}
        return tuple(sorted({Path(name).stem for name, _ in self.files} - bad))


def check_files(dataset: str, folder: Path, expected: Mapping[str, str]) -> Check:
    """Compare the files in a folder with their checksums.

    Parameters
    ----------
    dataset : str
        Name of the database.
    folder : Path
        Where its files are.
    expected : mapping of str to str
        SHA-256 per file name.
    """
    states = tuple((name, _state(folder / name, digest)) for name, digest in sorted(expected.items()))
    return Check(dataset, folder, states)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file; for a WFDB header, with line ends normalised to line feeds.

    PhysioNet serves headers with CR LF; copies made with other tools have LF. Both mean the same.
    """
    if path.suffix == ".hea":
        return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            total.update(chunk)
    return total.hexdigest()


def _state(path: Path, expected: str) -> FileState:
    if not path.is_file():
        return "missing"
    return "ok" if digest_of(path) == expected else "differs"
