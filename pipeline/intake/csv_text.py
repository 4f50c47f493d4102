"""The text of a CSV file: encodings, line ends, the first, middle and last lines, and what counts as a number."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.errors import IntakeError
from pipeline.intake.content import foreign_kind

MISSING: Final = (
    *("", "nan", "NaN", "NAN", "-nan", "NA", "N/A", "n/a", "na", "#N/A", "null", "NULL", "Null", "None", "none", "nil"),
    *("-", "--", "---", "missing", "NaT", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
)
# What recorders write in place of a sample while an electrode is off, a converter overflows or a packet is lost.
_MARK_WORDS: Final = frozenset(
    (
        *("", "lo", "off", "lead off", "leads off", "lead_off", "leads_off", "leadoff"),
        *("loff", "lead-off", "leads-off", "electrode off", "electrodes off", "no contact", "no signal"),
        *("leadsoff", "disconnected", "error", "err", "invalid", "overflow", "ovf", "ovrflw", "saturated", "lost"),
    )
)
_UTF32: Final = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")
# Encodings before Unicode, in the order in which they are tried, and words in which each is known.
_CODE_PAGES: Final = (
    "cp1252",
    "cp1251",
    "koi8-r",
    "gb18030",
    "shift_jis",
    "euc-kr",
    "cp850",
    "cp866",
    "cp1253",
    "cp1250",
)
_RX_TABLE_WORDS: Final = re.compile(
    r"(?<!\w)µ[vV](?!\w)|[vV]olt|(?<!\w)(?:м[кв]?в|мк?В|[Вв]ремя|ЭКГ|экг|[Оо]тведени[ея]|[Чч]астота|[Ии]мя|[Дд]ата|[Пп]ациент)"
    r"(?!\w)|дискретизации|毫伏|微伏|心电|导联|时间|采样|姓名|単位|時間|心電|誘導|サンプル|名前|심전도|시간|단위"
    r"|[Χχ]ρόνος|próbkowania|[Čč]as|idő",
)
_HEAD_BYTES: Final = 2**18
_PART_BYTES: Final = 2**14
_COUNTED_BYTES: Final = 2**18  # at once: they stay in the processor's cache
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_CLOCK: Final = re.compile(
    r"""\[?\s*(?:\d{8}T\d{6}(?:\.\d{1,9})?|  # ISO 8601 without marks
    (?:\d{1,4}[-./](?:\d{1,2}|[A-Z][a-z]{2})[-./]\d{1,4}(?:[T ]+|$))?  # a date, in any order
    (?:\d{1,2}:\d{2}(?::\d{2})?(?:[.,:]\d{1,9})?\s*(?:[AaPp]\.?[Mm]\.?)?)?)  # a time of day
    (?:\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?(?:\s+\d{1,4}[-./]\d{1,2}[-./]\d{1,4})?\s*\]?""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Sample:
    """Lines of a table, enough to tell how it is laid out.

    Attributes
    ----------
    head, middle, tail : tuple of str
        The first lines, some of the middle and the last ones; only whole lines.
    """

    head: tuple[str, ...]
    middle: tuple[str, ...]
    tail: tuple[str, ...]


def count_of(sign: bytes, text: bytes, start: int = 0, stop: int | None = None) -> int:
    """Count one byte in text[start:stop]: as `bytes.count`, at a fraction of its time where the byte is common.

    Parameters
    ----------
    sign : bytes
        One byte.
    text : bytes
        Where.
    start, stop : int
        Of it.
    """
    stop, value = len(text) if stop is None else stop, sign[0]
    found = 0
    for at in range(start, stop, _COUNTED_BYTES):
        part = np.frombuffer(text, np.uint8, min(_COUNTED_BYTES, stop - at), at)
        found += int(np.count_nonzero(part == value))
    return found


def plain_text(payload: bytes) -> bytes:
    """Return the text in an encoding that has ASCII's bytes, without byte order mark, with line feeds at line ends.

    Raises
    ------
    IntakeError
        If it is no text.
    """
    if payload.startswith(_UTF32):
        payload = payload[: len(payload) // 4 * 4].decode("utf-32", "replace").encode()
    text = _from_utf16(payload) if _is_utf16(payload[:512]) else payload.removeprefix(b"\xef\xbb\xbf")
    text = _from_code_page(text)
    if (kind := foreign_kind(text)) is not None or b"\x00" in text:
        raise IntakeError(f"The CSV file is {kind or 'not plain text'}; save it as CSV first.")
    if b"\r" in text:
        text = text.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text = text.rstrip(b"\n")
    lines = text[:_PART_BYTES].split(b"\n")[:-1]
    if len(lines) > 8 and sum(not line.strip() for line in lines) * 9 > len(lines) * 4:  # a blank line after each row
        text = text.replace(b"\n\n", b"\n")
    return text


def _from_code_page(text: bytes) -> bytes:
    """Return text of an older encoding as UTF-8, if words of a table show which one; Windows' Western one is left."""
    head = text[:_PART_BYTES]
    if head.isascii() or _is_utf8(head):
        return text
    code_page = next((name for name in _CODE_PAGES if _RX_TABLE_WORDS.search(_decoded_as(head, name))), "")
    return _decoded_as(text, code_page).encode("utf-8") if code_page else text


def _decoded_as(text: bytes, code_page: str) -> str:
    return text.decode(code_page, "replace")


def _is_utf8(head: bytes) -> bool:
    return "\ufffd" not in head.decode("utf-8", "replace").rstrip("\ufffd")  # the last sign may be cut


def _is_utf16(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    zeros = [head[start::2].count(0) * 2 for start in (0, 1)]
    return len(head) >= 8 and max(zeros) > 0.9 * len(head) and min(zeros) == 0


def _from_utf16(payload: bytes) -> bytes:
    """Return UTF-16 text, of either byte order, as UTF-8."""
    if not payload.startswith((b"\xff\xfe", b"\xfe\xff")):
        payload = (b"\xfe\xff" if payload[0] == 0 else b"\xff\xfe") + payload
    try:
        return payload[: len(payload) // 2 * 2].decode("utf-16").encode("utf-8")
    except UnicodeError as error:
        raise IntakeError("The CSV file is not plain text; save it as CSV with UTF-8 first.") from error


def decoded(text: bytes) -> str:
    """Decode lines of a table: UTF-8, or what Windows wrote before it."""
    try:
        return text.decode("utf-8")
    except UnicodeError:
        return text.decode("cp1252", "replace")


def sample_lines(text: bytes) -> Sample:
    """Return lines of the head, the middle and the end of a table."""
    head = text[:_HEAD_BYTES].split(b"\n")
    if len(text) > _HEAD_BYTES:
        head = head[:-1]
    centre = len(text) // 2
    middle = text[max(0, centre - _PART_BYTES) : centre + _PART_BYTES].split(b"\n")
    tail = text[-_PART_BYTES:].split(b"\n")
    return Sample(
        head=_lines(head),
        middle=_lines(middle[1:-1] if len(text) > 2 * _PART_BYTES else head),
        tail=_lines(tail[1:] if len(text) > _PART_BYTES else tail),
    )


def _lines(lines: list[bytes]) -> tuple[str, ...]:
    return tuple(decoded(b"\n".join(lines)).split("\n")) if lines else ()


def cells_of(line: str, delimiter: str) -> list[str]:
    """Split a line into cells without blanks and quotes around them; "" as delimiter is one cell, " " any blanks."""
    if delimiter == " ":
        cells = line.split()
    elif delimiter == "":
        cells = [line]
    elif '"' not in line:
        cells = line.split(delimiter)
    else:
        try:
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [""])
        except csv.Error:
            cells = [line]
    return [cell.strip().strip("'\"").strip() for cell in cells] or [""]


def is_number(cell: str, decimal: str = ".", thousands: str = "") -> bool:
    """Tell whether a cell is a finite number.

    Parameters
    ----------
    cell : str
        The cell, without blanks around it.
    decimal, thousands : str
        Decimal mark, and the mark between thousands or "".
    """
    return _NUMBER.fullmatch(plain_number(cell, decimal, thousands)) is not None


def plain_number(cell: str, decimal: str, thousands: str) -> str:
    """Return the cell as Python writes numbers: a point for the decimal mark, no marks between thousands.

    Parameters
    ----------
    cell : str
        The cell, without blanks around it.
    decimal, thousands : str
        Decimal mark, and the mark between thousands or "".
    """
    if thousands:
        cell = cell.replace(thousands, "")
    return cell.replace("\u2212", "-").replace(decimal, ".") if decimal != "." else cell.replace("\u2212", "-")


def is_missing(cell: str) -> bool:
    """Tell whether a cell stands for a missing sample, markers such as "!" for electrodes off included."""
    return cell in MISSING or is_marker(cell)


def is_marker(cell: str) -> bool:
    """Tell whether a cell is a mark in place of a sample, such as "!", "Leads off!" or "**".

    Examples
    --------
    >>> [is_marker(cell) for cell in ("!", "Leads Off!", "**", "", "0.5", "button")]
    [True, True, True, False, False, False]
    """
    return bool(cell) and cell.casefold().strip("!?*#+-. ") in _MARK_WORDS


def is_clock(cell: str) -> bool:
    """Tell whether a cell is a date, a time of day or both.

    Examples
    --------
    >>> [is_clock(cell) for cell in ("01.05.2024 10:00:00", "10:00:00.004", "2024-05-01T10:00:00Z", "0.5", "")]
    [True, True, True, False, False]
    """
    return (
        4 <= len(cell) <= 48
        and (":" in cell or "T" in cell or cell.count("-") + cell.count("/") + cell.count(".") >= 2)
        and (_CLOCK.fullmatch(cell) is not None)
    )
