"""Many uploaded files at once, sorted into one upload per recording, so that a bad one spoils no other."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.config import DEFAULT, Config
from pipeline.errors import IntakeError
from pipeline.intake.content import file_ending, file_stem
from pipeline.intake.wfdb_header import parse_header

Files = list[tuple[str, bytes]]


def split_uploads(files: Sequence[tuple[str, bytes]], *, config: Config = DEFAULT) -> list[tuple[str, Files]]:
    """One (name, files) per header, table and archive, in their order, then per file that belongs to none of them.

    Nothing is left out and nothing refused here: each part is for `read_uploads`, which says what is wrong with it.

    Parameters
    ----------
    files : sequence of (str, bytes)
        Untrusted names and contents.
    """
    left = list(files)
    parts = []
    for header in [file for file in files if file_ending(file[0]) == ".hea"]:
        if any(file is header for file in left):
            wanted = _signals(header, config)
            own = [file for file in left if file is header or _belongs(file[0], header[0], wanted)]
            left = [file for file in left if all(file is not taken for taken in own)]
            parts.append((file_stem(header[0]), own))
    return parts + [(file_stem(name), [(name, payload)]) for name, payload in left]


def _signals(header: tuple[str, bytes], config: Config) -> set[str]:
    """The signal files that a header names; none if it cannot be read."""
    try:
        groups = parse_header(header[1], config.limits).groups()
    except IntakeError:
        return set()
    return {group[0].file.decode("utf-8", "surrogateescape") for group in groups}


def _belongs(name: str, header: str, signals: set[str]) -> bool:
    """Whether a file is a part of the header's recording, or a second header of the same name."""
    alike = file_stem(name) == file_stem(header) and file_ending(name) in (".hea", ".dat", ".atr")
    return alike or re.split(r"[/\\]", name)[-1] in signals
