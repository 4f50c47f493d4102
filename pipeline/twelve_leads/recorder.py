"""The recorder's own measurements beside ours: which belong together, and how far they are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.identity import DeviceReading
from pipeline.measurements import Measurements

_FORMULAS = (("QTcB", "Bazett"), ("QTcF", "Fridericia"))
_AXES = ("P axis", "QRS axis", "T axis")


@dataclass(frozen=True)
class Compared:
    """One quantity as the recorder has it and as we measured it.

    Attributes
    ----------
    name : str
        Of the quantity, such as "PR" or "QRS axis".
    unit : str
        Of all values.
    device : float
        The recorder's value.
    ours : float or None
        Ours; None where we did not measure it.
    difference : float or None
        Ours less the recorder's; of axes the shorter way around.
    """

    name: str
    unit: str
    device: float
    ours: float | None = None
    difference: float | None = None


def compared(device: DeviceReading, measured: Measurements | None) -> tuple[Compared, ...]:
    """Set each measurement of the recorder beside ours.

    A QTc whose formula the file does not state is compared with the QTc in use here.

    Parameters
    ----------
    device : DeviceReading
        What the file holds.
    measured : Measurements or None
        What was measured here; None if nothing was.
    """
    ours = _ours(measured) if measured is not None else {}
    rows = []
    for name, value, unit in device.measurements:
        found = ours.get(name)
        difference = None if found is None else found - value
        if difference is not None and name in _AXES:
            difference = (difference + 180.0) % 360.0 - 180.0
        rows.append(Compared(name, unit, value, found, difference))
    return tuple(rows)


def device_rows(device: DeviceReading | None, measured: Measurements | None) -> dict[str, Any]:
    """Return the recorder's own reading as plain values under "device", for JSON; {} where the file holds none.

    Parameters
    ----------
    device : DeviceReading or None
        What the file holds.
    measured : Measurements or None
        What was measured here.
    """
    if device is None:
        return {}
    rows = [
        {"name": row.name, "value": row.device, "unit": row.unit, "ours": _short(row.ours),
         "difference": _short(row.difference)}
        for row in compared(device, measured)
    ]  # fmt: skip
    return {"device": {"device": device.device, "measurements": rows, "statements": list(device.statements)}}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _ours(measured: Measurements) -> dict[str, float]:
    """Return our values by the names of `DeviceReading`."""
    found = {name: spread.median for name, spread in measured.intervals.items()}
    if found.get("RR"):
        found["rate"] = 60_000.0 / found["RR"]
    found |= {name: measured.qtc_ms[formula] for name, formula in _FORMULAS if formula in measured.qtc_ms}
    if measured.qtc_used:
        found["QTc"] = measured.qtc_ms[measured.qtc_used]
    return found | {f"{wave} axis": degrees for wave, degrees in measured.axis_deg.items()}
