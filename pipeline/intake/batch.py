"""Many uploaded files at once, sorted into one upload per recording or picture, so that a bad one spoils no other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.config import DEFAULT, Config
from pipeline.errors import EcgError, IntakeError, LimitError
from pipeline.intake.content import (
    OTHER_ANNOTATIONS,
    TABLE_ENDINGS,
    file_ending,
    file_stem,
    folded_name,
    foreign_kind,
    is_archive,
    is_clutter,
)
from pipeline.intake.picture_reader import count_pages
from pipeline.intake.wfdb_files import needed_files
from pipeline.intake.zip_reader import open_zip, zip_names

Files = list[tuple[str, bytes]]


@dataclass(frozen=True, eq=False)
class PictureFile:
    """One picture of a batch: its untrusted name, the file and the page in it, or the sentence that refuses it."""

    name: str
    payload: bytes = b""
    page: int = 0
    refusal: str = ""


def holds_table(files: Sequence[tuple[str, bytes]], *, config: Config = DEFAULT) -> bool:
    """Tell whether there is a table among the files or in a ZIP archive, so that rate and unit must be stated."""
    names = [name for name, _ in files]
    for name, payload in files:
        names += zip_names(payload, limits=config.limits) if is_archive(name, payload) else []
    return any(file_ending(name) in TABLE_ENDINGS and not is_clutter(name) for name in names)


def picture_files(files: Sequence[tuple[str, bytes]], *, config: Config = DEFAULT) -> list[PictureFile]:
    """List the pictures of an upload in order: ZIP archives unpacked, each page of a PDF document separately.

    An archive or document that cannot be opened becomes one refused picture. Nothing is decoded here.

    Raises
    ------
    LimitError
        If there are more pictures than a batch may have.
    """
    found: list[PictureFile] = []
    for name, payload in files:
        found += _pictures(name, payload, config)
        if len(found) > config.limits.pictures:
            raise LimitError(f"The upload has more than {config.limits.pictures} pictures, which is the limit.")
    return found


def _pictures(name: str, payload: bytes, config: Config) -> Iterator[PictureFile]:
    kind = foreign_kind(payload)
    try:
        if kind == "a ZIP archive":
            limits = replace(config.limits, zip_members=config.limits.pictures)
            for member in open_zip(payload, limits=limits):
                if member.refusal:
                    yield PictureFile(member.name, refusal=member.refusal)
                elif not is_clutter(member.name):
                    yield from _pages(member.name, member.content, config)
        else:
            yield from _pages(name, payload, config)
    except EcgError as error:
        yield PictureFile(name, refusal=str(error))


def _pages(name: str, payload: bytes, config: Config) -> Iterator[PictureFile]:
    if foreign_kind(payload) != "a PDF document":
        yield PictureFile(name, payload)
        return
    try:
        pages = count_pages(payload, limits=config.limits)
    except EcgError as error:
        yield PictureFile(name, refusal=str(error))
        return
    for page in range(pages):
        yield PictureFile(name if pages == 1 else f"{name}, page {page + 1}", payload, page)


def split_uploads(files: Sequence[tuple[str, bytes]], *, config: Config = DEFAULT) -> list[tuple[str, Files]]:
    """Split an upload into parts for `read_uploads`: one per header, table and archive, then one per leftover file.

    Nothing is left out and nothing is refused here: `read_uploads` says what is wrong with a part.

    Parameters
    ----------
    files : sequence of (str, bytes)
        Untrusted names and contents.

    Returns
    -------
    list of (str, list of (str, bytes))
        Name and files of each part.
    """
    left = list(files)
    parts = []
    headers = [file for file in files if file_ending(file[0]) == ".hea"]
    wanted = {name: _needed(payload, files, config) for name, payload in headers}
    of_others = {name for header, names in wanted.items() for name in names if name != _folded(header)}
    for header in headers:
        if any(file is header for file in left) and _folded(header[0]) not in of_others:
            own = [file for file in files if file is header or _belongs(file[0], header[0], wanted[header[0]])]
            left = [file for file in left if all(file is not taken for taken in own)]
            parts.append((file_stem(header[0]), own))
    return parts + [(file_stem(name), [(name, payload)]) for name, payload in left]


def _folded(name: str) -> str:
    return folded_name(re.split(r"[/\\]", name)[-1])


def _needed(header: bytes, files: Sequence[tuple[str, bytes]], config: Config) -> set[str]:
    """Return the names of the files that a header needs, in lower case; none if it cannot be read."""
    headers = {_folded(name): payload for name, payload in files if file_ending(name) == ".hea"}
    try:
        names = needed_files(header, lambda name: headers.get(_text(name)), config.limits)
    except IntakeError:
        return set()
    return {_text(name) for name in names}


def _text(name: bytes) -> str:
    return folded_name(name.decode("utf-8", "surrogateescape"))


def _belongs(name: str, header: str, wanted: set[str]) -> bool:
    """Tell whether a file is part of the header's recording, or a second header of the same name."""
    alike = file_stem(name) == file_stem(header)
    alike = alike and file_ending(name) in (".hea", ".dat", ".atr", *OTHER_ANNOTATIONS)
    return alike or _folded(name) in wanted
