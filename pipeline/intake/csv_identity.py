"""Who was recorded and when, as the lines above a table and its column of dates state it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pipeline.identity import Identity, Sex, usable_identity
from pipeline.intake.csv_header import fact_pairs
from pipeline.intake.wfdb_identity import named_facts

_START_KEYS: Final = re.compile(
    r"(?:recorded|recording|start|started|measurement|acquisition)"
    r"[ _-]?(?:date|time|at|on|start)?(?:[ _-]?(?:and )?time)?",
    re.IGNORECASE,
)
_RX_ZONE: Final = re.compile(r"\s+([+-]\d{2}):?(\d{2})$")
_RX_DATED: Final = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}.*")
_RX_JSON_DATE: Final = re.compile(r'"date": ?"(\d{4})-(\d{1,2})-(\d{1,2})"')  # of OpenSignals
_RX_JSON_TIME: Final = re.compile(r'"time": ?"(\d{1,2}:\d{2}:\d{2})(\.\d{1,6})?')
_SEXES: Final[dict[str, Sex]] = {"f": "F", "female": "F", "w": "F", "m": "M", "male": "M"}


def table_identity(head: Sequence[str], first_times: Sequence[str]) -> Identity:
    """Return what a table states of the patient and of the time of its first sample.

    Parameters
    ----------
    head : sequence of str
        The lines above the samples.
    first_times : sequence of str
        The first cell of each column of times; one states a start only if it has a date.
    """
    pairs = list(fact_pairs(head))
    said = named_facts(pairs)
    stated = [*first_times, *(value for key, value in pairs if _START_KEYS.fullmatch(key.strip()))]
    start = next((one for text in stated if (one := _moment(text)) is not None), None) or _opensignals(head)
    sexes = (_SEXES.get(value.strip().lower()) for key, value in pairs if key.strip().lower() in ("sex", "gender"))
    birth = re.search(r"(?<!\d)(\d{4})(?!\d)", said.get("birth", ""))
    return usable_identity(
        Identity(
            patient_id=said.get("patient_id", ""),
            name=said.get("name", ""),
            sex=next(sexes, None),
            birth_year=int(birth[1]) if birth else None,
            indication=said.get("indication", ""),
            start=start,
        )
    )


def _moment(text: str) -> datetime | None:
    """Return a date with a time as ISO 8601 writes it, with or without "T" and a time zone; None for anything else."""
    plain = _RX_ZONE.sub(r"\1:\2", text.strip().strip("[]'\"").strip().replace(",", "."))
    if not _RX_DATED.fullmatch(plain):
        return None
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        return None


def _opensignals(head: Sequence[str]) -> datetime | None:
    text = " ".join(line for line in head[:4] if line.startswith("# {"))
    day, at = _RX_JSON_DATE.search(text), _RX_JSON_TIME.search(text)
    if day is None or at is None:
        return None
    return _moment(f"{day[1]}-{int(day[2]):02d}-{int(day[3]):02d} {at[1].rjust(8, '0')}{(at[2] or '')[:7]}")
