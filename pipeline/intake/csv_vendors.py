"""Programs that say in lines of their own what the columns of a table are: OpenSignals, LabChart, AcqKnowledge."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_JSON_MAX: Final = 2**16  # characters of the line in which OpenSignals describes its devices
_RX_CHANNELS: Final = re.compile(r"([1-9]\d?) channels?", re.IGNORECASE)
_RX_TABLE_NAMES: Final = re.compile(r"(sec|msec|min|hr|time)?[,;\t ]*CH\d", re.IGNORECASE)


@dataclass(frozen=True)
class VendorColumns:
    """What the lines above the samples say of each column.

    Attributes
    ----------
    names : tuple of str
        Its name.
    units : tuple of str
        Its unit as the file has it, "" where it states none; () if it states none at all.
    sensors : tuple of str
        What it measures, "" if nothing; () if the program does not say.
    fs : float, optional
        Sampling frequency, Hz.
    """

    names: tuple[str, ...]
    units: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    fs: float | None = None


def opensignals(lines: Sequence[str]) -> VendorColumns | None:
    """Return columns, their sensors and the sampling frequency of a table of OpenSignals; None if it is none."""
    text = next((line.lstrip("# ") for line in lines[:4] if line.startswith("# {") and len(line) < _JSON_MAX), "")
    try:
        devices = list(json.loads(text).values()) if text else []
        columns = tuple(str(name) for device in devices for name in device["column"])
        sensor = {
            str(label): str(kind)
            for device in devices
            for label, kind in zip(device["label"], device["sensor"], strict=True)
        }
        fs = float(devices[0]["sampling rate"]) if devices else None
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError):
        return None
    return VendorColumns(columns, (), tuple(sensor.get(name, "") for name in columns), fs) if devices else None


def labchart(lines: Sequence[str]) -> VendorColumns | None:
    """Return the columns of a text file of LabChart: the time, then its channels; None if it is none."""
    rows = {cells[0].rstrip("= "): cells[1:] for line in lines if "=" in (cells := line.strip("\r").split("\t"))[0]}
    titles = rows.get("ChannelTitle")
    if not titles or "Interval" not in rows:
        return None
    stated = rows.get("UnitName") or [cell.rsplit(" ", 1)[-1] for cell in rows.get("Range", [])]
    units = [*stated, *[""] * len(titles)][: len(titles)]
    return VendorColumns(("time", *map(str.strip, titles)), ("", *map(str.strip, units)))


def acqknowledge(lines: Sequence[str]) -> VendorColumns | None:
    """Return the columns of a text file of AcqKnowledge; None if it is none.

    It states "2 channels", then a line with the name and one with the unit of each, then "sec,CH1,CH2".
    """
    at = next((i for i, line in enumerate(lines) if _RX_CHANNELS.fullmatch(line.strip(" ,;\t\r"))), None)
    if at is None:
        return None
    count = int(lines[at].split()[0])
    pairs = [line.strip(' ,;\t\r"') for line in lines[at + 1 : at + 1 + 2 * count]]
    below = lines[at + 1 + 2 * count :]
    table = next((match for line in below if (match := _RX_TABLE_NAMES.match(line.strip('" ')))), None)
    if len(pairs) < 2 * count or table is None:
        return None
    first = [("time", table.group(1))] if table.group(1) else []
    names = (*(name for name, _ in first), *pairs[0::2])
    return VendorColumns(names, (*(unit for _, unit in first), *pairs[1::2]))
