"""A patient's diary, a table of times and texts, as marks of patient events."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pipeline.errors import IntakeError, LimitError, ReviewError
from pipeline.review.decisions import Decision, clean_text
from pipeline.typed_times import read_clock

DIARY_BYTES: Final = 65_536
DIARY_LINES: Final = 500
TEXT_CHARS: Final = 200  # of one entry
MINUTE_S, SECOND_S = 60.0, 10.0  # marked for a time that was written to the minute, and to the second
_RX_MINUTE: Final = re.compile(r"(?:.*\s)?\d{1,2}:\d{2}")


def read_diary(payload: bytes, *, fs: float, n_samples: int, start: datetime | None = None) -> tuple[Decision, ...]:
    """Read a diary: a line for each entry, its time and what the patient noted, with comma, semicolon or tab between.

    Parameters
    ----------
    payload : bytes
        The file, UTF-8. A first line without a time is taken for names of columns.
    fs : float
        Sampling frequency of the recording, Hz.
    n_samples : int
        Its length.
    start : datetime, optional
        When it began. With it, times are of the clock (03:04, 03:04:29, Tue 03:04); without, they are elapsed.

    Returns
    -------
    tuple of Decision
        An "event_mark" for each entry, in order of the file, from its time on.

    Raises
    ------
    LimitError
        If it is too long.
    IntakeError
        If a line has no time of the recording, or no text; the sentence names the line and never repeats it.
    """
    if len(payload) > DIARY_BYTES:
        raise LimitError(f"The diary has {len(payload):,} bytes, the limit is {DIARY_BYTES:,}.")
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeError as error:
        raise IntakeError("The diary is not text in UTF-8; save it as CSV (UTF-8).") from error
    lines = text.splitlines()
    if len(lines) > DIARY_LINES:
        raise LimitError(f"The diary has {len(lines)} lines, the limit is {DIARY_LINES}.")
    rows = [(number, row) for number, row in enumerate(_rows(lines), 1) if any(cell.strip() for cell in row)]
    found = []
    for place, (number, row) in enumerate(rows):
        if place == 0 and not any(character.isdigit() for character in row[0]):
            continue
        found.append(_mark(row, number, fs, n_samples, start))
    if not found:
        raise IntakeError("The diary has no entry; give a time and a text in each line.")
    return tuple(found)


def _rows(lines: Sequence[str]) -> list[list[str]]:
    head = "\n".join(lines[:5])
    delimiter = max((";", "\t", ","), key=head.count)
    return list(csv.reader(lines, delimiter=delimiter))


def _mark(row: Sequence[str], number: int, fs: float, n_samples: int, start: datetime | None) -> Decision:
    try:
        at_s = read_clock(row[0], start, duration_s=n_samples / fs)
        note = " ".join(clean_text(" ".join(row[1:])).split())[:TEXT_CHARS]
    except (IntakeError, ReviewError) as error:
        raise IntakeError(f"Line {number} of the diary: {str(error)[:1].lower()}{str(error)[1:]}") from error
    if not note:
        raise IntakeError(f"Line {number} of the diary has a time but no text; say what was noted.")
    length = MINUTE_S if start is not None and _RX_MINUTE.fullmatch(row[0].strip()) else SECOND_S
    first = min(round(at_s * fs), n_samples - 1)
    return Decision("event_mark", (first, max(first + 1, min(n_samples, first + round(length * fs)))), text=note)
