"""Tables that are written in another way than a row for each sample, brought into that form."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Final

from pipeline.config import DEFAULT
from pipeline.errors import IntakeError
from pipeline.intake.csv_text import cells_of, decoded, is_missing, is_number

_LONG: Final = 100  # numbers in a line or cell are samples, one after the other
_LEVELS: Final = 3  # different samples of a row that is a lead, more than
_LINES: Final = 96  # of a table that lies on its side: a row for each lead, and what stands above
_HEAD_BYTES: Final = 2**12
_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RX_LIST: Final = re.compile(rf"[\[({{]?\s*{_NUMBER}(?:[,;|\s]+{_NUMBER}){{{_LONG - 1},}}\s*[\])}}]?")
_RX_NUMBER: Final = re.compile(_NUMBER)
_RX_PAIR: Final = re.compile(rf"([^\W\d]\w{{0,31}})\s*[:=]\s*({_NUMBER})")
_RX_PAIRS: Final = re.compile(rf"\s*(?:[^\W\d]\w{{0,31}}\s*[:=]\s*{_NUMBER}[,;\s]*)+")
_PAIRS: Final = 20  # lines of names with values, at least


def upright(text: bytes) -> bytes:
    """Return a table with a row for each sample.

    Parameters
    ----------
    text : bytes
        As `plain_text` returned it. Three other ways of writing are known: a row for each lead, all samples in one
        cell, and "name:value" in each row.

    Raises
    ------
    IntakeError
        If several recordings are in cells of their own.
    """
    few = text.count(b"\n", 0, 2**20) < _LINES and text.count(b"\n") < _LINES
    if few:
        lines = decoded(text).split("\n")
        return (
            (_from_cells(lines) or _from_rows(lines) or text) if any(len(line) > 2 * _LONG for line in lines) else text
        )
    head = decoded(text[:_HEAD_BYTES]).split("\n")[1:-1][:_PAIRS]
    if len(head) == _PAIRS and all(map(_RX_PAIRS.fullmatch, head)):
        return _from_pairs(decoded(text).split("\n")) or text
    return text


def _from_rows(lines: Sequence[str]) -> bytes | None:
    """Turn a table with a row for each lead on its side."""
    for delimiter in (";", "\t", "|", ",", " "):
        rows = [cells_of(line, delimiter) for line in lines]
        long = [row for row in rows if len(row) >= _LONG]
        if not long or len({len(row) for row in long}) > 1 or not _are_signals(long):
            continue
        samples = [row[1:] for row in long]
        decimal = "," if delimiter != "," else "."
        if not all(is_missing(cell) or is_number(cell) or is_number(cell, decimal) for row in samples for cell in row):
            continue
        above = [line for line, row in zip(lines, rows, strict=True) if len(row) < _LONG]
        named = [not (is_number(row[0]) or is_number(row[0], decimal) or is_missing(row[0])) for row in long]
        names = [delimiter.join(row[0] for row in long)] if all(named) else []
        cells = zip(*(samples if all(named) else long), strict=True)
        return "\n".join((*above, *names, *map(delimiter.join, cells))).encode()
    return None


def _are_signals(rows: Sequence[Sequence[str]]) -> bool:
    """Tell whether rows may be leads: no more than are read, and at least one that varies."""
    return len(rows) <= DEFAULT.limits.leads and any(len(set(row[1:])) > _LEVELS for row in rows)


def _from_cells(lines: Sequence[str]) -> bytes | None:
    """Give each sample of a list in one cell a row; what stands in the other cells goes above."""
    for delimiter in (",", ";", "\t"):
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row]
        except csv.Error:
            continue
        lists = [(i, k) for i, row in enumerate(rows) for k, cell in enumerate(row) if _RX_LIST.fullmatch(cell.strip())]
        if not lists:
            continue
        if len({i for i, _ in lists}) > 1 and len({k for _, k in lists}) == 1 and len(rows[0]) > 2:
            raise IntakeError(
                f"The CSV file holds {len(lists)} recordings, each with all samples in one cell; save each as a file "
                "of its own."
            )
        samples = [_RX_NUMBER.findall(rows[i][k]) for i, k in lists]
        if len({len(one) for one in samples}) > 1 or not _are_signals(samples):
            continue
        places = {i for i, _ in lists}
        header = rows[0] if 0 not in places else []
        facts = [f"{name}: {cell}" for i in places for name, cell in zip(header, rows[i], strict=False)
                 if cell and not _RX_LIST.fullmatch(cell.strip())]  # fmt: skip
        others = [": ".join(row[:2]) for i, row in enumerate(rows) if i not in places and (i or not header)]
        names = [header[k] if len(places) == 1 and k < len(header) else rows[i][0] for i, k in lists]
        plain = [name.replace(",", " ").strip() for name in names]
        return "\n".join((*facts, *others, ",".join(plain), *map(",".join, zip(*samples, strict=True)))).encode()
    return None


def _from_pairs(lines: Sequence[str]) -> bytes | None:
    """Write names above the values that stand behind them in each row, as for a plotter of serial data."""
    names = [name for name, _ in _RX_PAIR.findall(lines[1])]
    rows = [",".join(names)]
    for line in lines:
        pairs = _RX_PAIR.findall(line)
        if [name for name, _ in pairs] == names:
            rows.append(",".join(value for _, value in pairs))
        else:
            rows.append("")
    return "\n".join(rows).encode() if len(names) == len(set(names)) else None
