"""What the intake knows about untrusted bytes before any reader sees them: kind by content, safe names, sizes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from pipeline.errors import IntakeError, LimitError
from pipeline.intake.csv_units import is_unit
from pipeline.signal.lead_names import (
    KNOWN_LEADS,
    is_known_lead,
    is_lead_word,
    is_other_signal,
    plain_name,
    printed_name,
    standard_limbs,
)
from pipeline.types import LEAD_NAME, NAME_SIGNS

# First bytes of files that are never part of a WFDB, CSV or ZIP upload, and what to call them.
_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF87a", "a GIF picture"),
    (b"GIF89a", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"RIFF", "a RIFF file"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file"),
    (b"PAR1", "a Parquet table"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook or document of old Office programs"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3\x00", "a database"),
    (b"<?xml", "an XML or SVG document"),
    (b"<svg", "an XML or SVG document"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"<script", "a web page"),
)
_ARCHIVE: Final = (b"PK\x03\x04", b"PK\x05\x06")
_RECORD_ENDINGS: Final = frozenset({".hea", ".dat", ".mat", ".atr"})
# What to do with a file of such a kind.
ADVICE: Final = MappingProxyType(
    {"a gzip archive": "unpack it first"}
    | dict.fromkeys(("a 7-Zip archive", "a RAR archive", "a tar archive"), "unpack it, and pack it again as .zip")
    | dict.fromkeys(
        ("an HDF5 file", "a NumPy array", "a MATLAB file", "a Parquet table"),
        "save the samples as CSV, a column for each lead",
    )
    | {"a workbook or document of old Office programs": "save the sheet with the samples as CSV"}
)
_TAR: Final = slice(257, 262)
_PAGE_KINDS: Final = ("a PNG picture", "a JPEG picture", "a WebP picture", "a PDF document")
# What a PhysioNet folder holds beside its records: lists, checksums, licences, and settings of viewers.
_RX_FOLDER_TEXT: Final = re.compile(
    r"(?:RECORDS|ANNOTATORS|(?:SHA256|SHA1|MD5)SUMS?|LICEN[SC]E|README|CHANGES|CITATION)(?:[-_. ].*)?", re.IGNORECASE
)
TABLE_ENDINGS: Final = frozenset({".csv", ".tsv", ".txt"})
# Annotations that PhysioNet's records have beside the reference beats; they are not used.
OTHER_ANNOTATIONS: Final = frozenset(
    (
        *(".qrs", ".ecg", ".man", ".ari", ".apn", ".st", ".sta", ".stb", ".stc", ".epi", ".pu", ".pu0", ".pu1", ".q1c"),
        *(".q2c", ".qt1", ".qt2", ".wqrs", ".gqrs", ".sqrs", ".wabp", ".resp", ".marker", ".trigger", ".event", ".aux"),
    )
)
_RECORDING_ENDINGS: Final = frozenset({".hea", ".dat", ".mat", ".atr", ".csv", ".tsv"})
_FOLDER_ENDINGS: Final = frozenset({".xws", ".html", ".htm", ".md"})
_RX_ASIDE: Final = re.compile(r"[(\[{]([^)\]}]*)[)\]}]?")  # the end may be cut off
_RX_LEAD_WORD: Final = re.compile(r"(?<![^\W_])[A-Za-z][A-Za-z0-9_+.\-]*(?!\w)|#\d{1,2}(?!\d)")
_LEAD_SIGNS: Final = 16  # as many has a lead's name at most
_RX_UNSAFE: Final = re.compile(f"[^{NAME_SIGNS}]+")
_NAME_BYTES: Final = 200  # a file name has at most 255, and endings are added
_RX_WEB: Final = re.compile(rb"<script[\s>/]|<!doctype html|<html[\s>]|<\?php\s", re.IGNORECASE)
_ZIP_TAIL: Final = 22 + 2**16  # an archive ends with an end-of-directory record and a comment of at most 64 KiB
# Two bytes are too few to tell a signal from a picture or program: these need more evidence.
_SHORT_MAGIC: Final = frozenset({b"BM", b"MZ", b"\x1f\x8b", b"RIFF"})
_WORDS: Final = frozenset({b"BM", b"MZ", b"RIFF"})  # text may begin like this too, but has no zero byte soon after


def foreign_kind(payload: bytes, *, signal: bool = False) -> str | None:
    """Name the kind of file that the first bytes indicate; None if they belong to no known foreign format.

    Parameters
    ----------
    payload : bytes
        The whole file or its beginning.
    signal : bool
        True for raw samples, in which two or four bytes can look like a short magic number by chance.
    """
    head = payload[:64].lstrip(b"\xef\xbb\xbf \t\r\n") if not signal else payload[:64]
    if not signal and head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "a WebP picture"
    if not signal and payload[_TAR] == b"ustar":
        return "a tar archive"
    for magic, kind in _MAGIC:
        if (signal and magic in _SHORT_MAGIC) or (magic in _WORDS and b"\x00" not in head):
            continue
        if head[: len(magic)].lower() == magic.lower() if magic.startswith(b"<") else head.startswith(magic):
            return kind
    return None


def is_archive(name: str, payload: bytes) -> bool:
    r"""Tell whether a file is a ZIP archive by its content, whatever its name; a part of a WFDB record is none.

    Examples
    --------
    >>> [is_archive(name, b"PK\x03\x04...") for name in ("a.zip", "a.bin", "export", "a.dat")]
    [True, True, True, False]
    """
    return payload.startswith(_ARCHIVE) and file_ending(name) not in _RECORD_ENDINGS


def may_be_page(payload: bytes) -> bool:
    """Tell whether a file is a picture or document that the page reader takes, as watches and hand-helds share one."""
    return foreign_kind(payload) in _PAGE_KINDS


def second_kind(payload: bytes, *, page: bool = False) -> str | None:
    """Name what a picture is besides a picture: a file that two programs read differently may hide something.

    Parameters
    ----------
    payload : bytes
        The whole file.
    page : bool
        True for a PDF document, which may hold text that looks like a web page.
    """
    tail = payload[-_ZIP_TAIL:]
    end = tail.rfind(b"PK\x05\x06")
    if end >= 0 and len(tail) - end >= 22 and int.from_bytes(tail[end + 12 : end + 16], "little") < len(payload):
        return "a ZIP archive"
    if page:
        return None
    if b"%PDF-" in payload[:1024]:
        return "a PDF document"
    return "a web page" if _RX_WEB.search(payload) else None


def file_stem(name: str) -> str:
    """Return the last part of an untrusted file name, without its ending."""
    base = re.split(r"[/\\]", name)[-1]
    return base.rsplit(".", 1)[0] if "." in base else base


def file_ending(name: str) -> str:
    """Return the ending of an untrusted file name in lower case, with its dot; "" if there is none."""
    base = re.split(r"[/\\]", name)[-1]
    return "." + base.rsplit(".", 1)[1].lower() if "." in base else ""


def folded_name(name: str) -> str:
    """Return a file name without what file systems change: case, and the form of accents."""
    return unicodedata.normalize("NFC", name).casefold()


def is_clutter(name: str) -> bool:
    """Tell whether a file in an archive is no recording: what macOS or Windows adds, or PhysioNet puts beside records.

    Examples
    --------
    >>> [is_clutter(name) for name in ("db/RECORDS", "db/SHA256SUMS.txt", "db/100.xws", "db/100.hea")]
    [True, True, True, False]
    """
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    if name.startswith("__MACOSX/") or base in (".DS_Store", "Thumbs.db", "desktop.ini"):
        return True
    text = _RX_FOLDER_TEXT.fullmatch(base) is not None and file_ending(base) not in _RECORDING_ENDINGS
    return text or file_ending(base) in _FOLDER_ENDINGS


def safe_name(name: str, *, default: str = "recording") -> str:
    """Turn an untrusted name into a label of letters and digits of any script, "_" and "-", 1 to 64 characters.

    Examples
    --------
    >>> [safe_name(name) for name in ("../my record.dat", "Иванов_Пётр", "王小明")]
    ['my_record_dat', 'Иванов_Пётр', '王小明']
    """
    cleaned = _RX_UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip("_")[:64]
    cleaned = cleaned.encode()[:_NAME_BYTES].decode("utf-8", "ignore").strip("_")
    return cleaned if cleaned.strip("_-") else default


def safe_lead(name: str, number: int) -> str:
    """Return an untrusted lead name in our vocabulary if it is plain and short, else "lead `number`".

    Of one that is neither, but says that it is or is no ECG, the words that say so are kept: others may be a person's
    name.

    Examples
    --------
    >>> [safe_lead(name, 3) for name in ("ECG lead II", "EEG (C4-A1)", "Müller, Anna", "ECG (Smith, John 1954)")]
    ['II', 'EEG C4-A1', 'lead 3', 'ECG']
    """
    plain = plain_name(name).strip()
    if LEAD_NAME.fullmatch(plain):
        return plain
    bare = plain_name(without_asides(name))
    if bare in KNOWN_LEADS:
        return bare
    words = _words_said(name)
    short = " ".join(words)[:_LEAD_SIGNS].strip()
    said = LEAD_NAME.fullmatch(short) and (is_other_signal(short) or is_known_lead(short))
    single = len(words) == 1 and printed_name(short) in KNOWN_LEADS  # of words that say something else
    return plain_name(short) if said and not single else f"lead {number}"


def without_asides(name: str) -> str:
    """Return a name without what is in brackets, unless that is a unit or built of words of leads' names only.

    Examples
    --------
    >>> [without_asides(name) for name in ("EEG (C4-A1)", "Pleth [%]", "ECG (Smith, John 1954)", "ECG (Smith, J")]
    ['EEG (C4-A1)', 'Pleth [%]', 'ECG', 'ECG']
    """
    return _RX_ASIDE.sub(lambda aside: aside[0] if _is_plain_aside(aside[1]) else " ", name).strip()


def _is_plain_aside(text: str) -> bool:
    return is_unit(text) or all(is_lead_word(word) or is_unit(word) for word in re.split(r"[\s,;/]+", text.strip()))


def _words_said(name: str) -> list[str]:
    """Return the words of a name that say what is measured, without accents."""
    letters = unicodedata.normalize("NFKD", without_asides(name))
    words: list[str] = []
    for word in _RX_LEAD_WORD.findall("".join(sign for sign in letters if not unicodedata.combining(sign))):
        parts = [part for part in re.split(r"[_+.\-]+", word) if part]
        whole = is_lead_word(word) or is_unit(word) or word.startswith("#") or all(map(_is_said, parts))
        words += [word.strip("#.")] if whole else filter(_is_said, parts)
    return words


def _is_said(word: str) -> bool:
    return is_lead_word(word) or is_known_lead(word) or is_other_signal(word)


def unique_leads(names: list[str]) -> tuple[str, ...]:
    """Return the names, limb leads by their usual ones; those that occur more than once get their number appended."""
    names = standard_limbs(names)
    return tuple(name if names.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(names, 1))


def require_ecg(leads: Sequence[str]) -> None:
    """Refuse a recording in which every signal is something else by its name. Raises IntakeError."""
    if all(is_other_signal(lead) for lead in leads):
        raise IntakeError(f"No signal of this recording is an ECG by its name: {', '.join(leads)}.")


def require_size(payload: bytes, limit: int, what: str) -> None:
    """Refuse an empty or oversized file.

    Parameters
    ----------
    payload : bytes
        The file.
    limit : int
        Bytes allowed.
    what : str
        What to call it in the message.

    Raises
    ------
    IntakeError
        If it is empty.
    LimitError
        If it has more than `limit` bytes.
    """
    if not payload:
        raise IntakeError(f"{what} is empty (0 bytes); choose a file with content.")
    if len(payload) > limit:
        raise LimitError(f"{what} has {len(payload):,} bytes, the limit is {limit:,}; shorten it.")
