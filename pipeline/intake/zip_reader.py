"""ZIP archives of recordings: a few plain members, their bytes counted while they are unpacked in memory."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.config import DEFAULT, Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import file_ending, foreign_kind, is_archive, require_size

_BLOCK_BYTES: Final = 2**20
_RATIO_FREE_BYTES: Final = 2**16  # a member this small is no bomb, whatever its ratio
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)
_DIRECTORY_BYTES: Final = 2**17  # of the central directory, which Python reads before members are counted
_AS_CSV: Final = "save the sheet with the samples as CSV"
_NO_SIGNAL: Final = "a recording is needed as the recorder's program exports it, or its page as PDF"
# What members, by the beginning of their names, say that an archive is something else, and what to do then.
_DOCUMENTS: Final = (
    (("xl/workbook",), "an Excel workbook", _AS_CSV),
    (("[Content_Types].xml", "word/"), "a Word document", _NO_SIGNAL),
    (("[Content_Types].xml",), "an Office document", _NO_SIGNAL),
    (("mimetype", "content.xml"), "an OpenDocument file", f"of a spreadsheet, {_AS_CSV}"),
    (("mimetype", "META-INF/container.xml"), "an electronic book", _NO_SIGNAL),
    (("AndroidManifest.xml",), "a program for Android", _NO_SIGNAL),
    (("META-INF/MANIFEST.MF",), "a Java program", _NO_SIGNAL),
)
_LARGE: Final = b"PK\x06\x07"  # the ZIP64 locator, 20 bytes before the end record; Python trusts it alone


@dataclass(frozen=True)
class Member:
    """A file in an archive: its untrusted name, and its content or the sentence that says why it has none."""

    name: str
    content: bytes = b""
    refusal: str = ""


def read_zip(payload: bytes, *, limits: Limits = DEFAULT.limits) -> list[tuple[str, bytes]]:
    """Unpack an archive of which every member must be sound.

    Returns
    -------
    list of (str, bytes)
        Untrusted member names and their content; folders are left out.

    Raises
    ------
    LimitError
        As `open_zip`.
    IntakeError
        As `open_zip`, and if a single member has no content.
    """
    members = list(open_zip(payload, limits=limits))
    if (bad := next((member for member in members if member.refusal), None)) is not None:
        raise IntakeError(bad.refusal)
    return [(member.name, member.content) for member in members]


def open_zip(payload: bytes, *, limits: Limits = DEFAULT.limits) -> Iterator[Member]:
    """Unpack an archive in memory; a member that is damaged, encrypted or an archive itself spoils no other.

    Returns
    -------
    iterator of Member
        In their order; folders are left out.

    Raises
    ------
    LimitError
        If members, their total size or the compression ratio exceed a published limit.
    IntakeError
        If the archive is damaged as a whole, or a member is a link, a duplicate or outside it.
    """
    require_size(payload, limits.upload_bytes, "The ZIP archive")
    _check_directory(payload, limits)
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            members = _plain_members(archive)
            _check_members(members, limits)
            for number, member in enumerate(members, 1):
                yield _opened(archive, member, number, limits)
    except _BROKEN as error:
        raise IntakeError("The ZIP archive is damaged or of a kind that is not supported; pack it again.") from error


def zip_names(payload: bytes, *, limits: Limits = DEFAULT.limits) -> list[str]:
    """List the untrusted names of the members without unpacking; empty if `read_zip` would refuse the archive first."""
    try:
        _check_directory(payload, limits)
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            return [member.filename for member in _plain_members(archive)]
    except (IntakeError, *_BROKEN):
        return []


def is_archive_file(path: Path) -> bool:
    """Tell whether a file on disk is a ZIP archive by its first bytes; one that is called .zip is taken for one."""
    try:
        with path.open("rb") as file:
            return is_archive(path.name, file.read(4)) or file_ending(path.name) == ".zip"
    except OSError:
        return file_ending(path.name) == ".zip"


def require_no_document(payload: bytes, *, limits: Limits = DEFAULT.limits) -> None:
    """Refuse what is an archive inside but holds no recordings: workbooks, documents, programs, arrays of NumPy.

    Raises
    ------
    IntakeError
        If it is one; the sentence says what to do instead.
    """
    names = set(zip_names(payload, limits=limits))
    for marks, what, advice in _DOCUMENTS:
        if all(any(name.startswith(mark) for name in names) for mark in marks):
            raise IntakeError(f"The file is {what} by its content; {advice}.")
    if names and all(file_ending(name) == ".npy" for name in names):
        raise IntakeError("The file is an archive of NumPy arrays; save the samples as CSV, a column for each lead.")


def _plain_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the members that are no folders; `is_dir` itself fails on a name that is empty."""
    return [member for member in archive.infolist() if not (member.filename and member.is_dir())]


def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo, number: int, limits: Limits) -> Member:
    try:
        _require_plain(member, number)
        return Member(member.filename, _unpack(archive, member, limits))
    except _BROKEN:
        refusal = f"Member {number} of the ZIP archive is damaged; pack it again."
    except IntakeError as error:
        refusal = str(error)
    return Member(member.filename, refusal=refusal)


def _check_directory(payload: bytes, limits: Limits) -> None:
    """Refuse an archive that announces too many members before Python lists them all."""
    end = payload.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 > len(payload):
        raise IntakeError("The ZIP archive is damaged or cut; pack it again.")
    if payload[max(0, end - 20) : end].startswith(_LARGE):
        raise IntakeError("The ZIP archive is of the kind for more than 4 GB (ZIP64); pack it again as a plain one.")
    announced = int.from_bytes(payload[end + 10 : end + 12], "little")
    size = int.from_bytes(payload[end + 12 : end + 16], "little")
    if announced > limits.zip_members:
        raise LimitError(f"The ZIP archive has {announced} members, the limit is {limits.zip_members}.")
    if size > _DIRECTORY_BYTES:
        raise LimitError(
            f"The ZIP archive's list of members takes {size:,} bytes, the limit is {_DIRECTORY_BYTES:,}; pack fewer "
            "files, or with shorter names."
        )


def _check_members(members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if not members:
        raise IntakeError("The ZIP archive is empty.")
    if len(members) > limits.zip_members:
        raise LimitError(f"The ZIP archive has {len(members)} members, the limit is {limits.zip_members}.")
    names = [member.filename.casefold() for member in members]
    if len(set(names)) != len(names):
        raise IntakeError("The ZIP archive holds two files of the same name; pack each only once.")
    for number, member in enumerate(members, 1):
        _check_member(member, number, limits)
    total = sum(member.file_size for member in members)
    if total > limits.zip_total_bytes:
        raise LimitError(f"The ZIP archive unpacks to {total:,} bytes, the limit is {limits.zip_total_bytes:,}.")


def _check_member(member: zipfile.ZipInfo, number: int, limits: Limits) -> None:
    parts = member.orig_filename.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or ":" in member.orig_filename or "\x00" in member.orig_filename:
        raise IntakeError(f"Member {number} of the ZIP archive points outside of it; pack plain files only.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise IntakeError(f"Member {number} of the ZIP archive is a link or device; pack plain files only.")
    _check_ratio(member.file_size, member.compress_size, number, limits)


def _require_plain(member: zipfile.ZipInfo, number: int) -> None:
    if member.flag_bits & _ENCRYPTED or member.compress_type not in _METHODS:
        raise IntakeError(f"Member {number} of the ZIP archive is encrypted or packed in an unknown way.")
    if file_ending(member.filename) == ".zip":
        raise IntakeError(f"Member {number} of the ZIP archive is an archive itself; pack plain files only.")


def _check_ratio(size: int, packed: int, number: int, limits: Limits) -> None:
    if size > _RATIO_FREE_BYTES and size > limits.zip_ratio * max(packed, 1):
        raise LimitError(
            f"Member {number} of the ZIP archive unpacks to {size / max(packed, 1):,.0f} times its size, "
            f"the limit is {limits.zip_ratio:.0f}."
        )


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits) -> bytes:
    """Return the member's bytes, counted: the size that it declares is not trusted."""
    blocks, size = [], 0
    with archive.open(member) as file:
        while block := file.read(_BLOCK_BYTES):
            size += len(block)
            if size > min(member.file_size, limits.zip_total_bytes):
                raise LimitError("A member of the ZIP archive is larger than it declares.")
            blocks.append(block)
    content = b"".join(blocks)
    if foreign_kind(content) == "a ZIP archive":
        raise IntakeError("The ZIP archive holds another archive; pack plain files only.")
    return content
