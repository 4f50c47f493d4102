"""Intervals, axes and statements of an ECG as bodies of FHIR Observations.

References
----------
LOINC 2.78: 8625-6 P-R interval, 8633-0 QRS duration, 8634-8 Q-T interval, 8636-3 Q-T interval corrected, 8637-1 R-R
interval, 8626-4, 8632-2 and 8638-9 the axes of P, QRS and T in the frontal plane, 8601-7 EKG impression.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.measurements import Measurements, Spread, Statement

_LOINC: Final = "http://loinc.org"
_UCUM: Final = "http://unitsofmeasure.org"
STATEMENT_SYSTEM: Final = "urn:heartvision:statement"
_SUPERCLASS: Final = "urn:heartvision:superclass"
_INTERVALS: Final[Mapping[str, tuple[str, str]]] = {
    "RR": ("8637-1", "RR interval"),
    "PR": ("8625-6", "PR interval"),
    "QRS": ("8633-0", "QRS duration"),
    "QT": ("8634-8", "QT interval"),
}
INTERVAL_CODES: Final[Mapping[str, tuple[str, str]]] = {**_INTERVALS, "QTc": ("8636-3", "QT interval, corrected")}
_AXES: Final[Mapping[str, str]] = {"P": "8626-4", "QRS": "8632-2", "T": "8638-9"}


def measured_observations(
    measured: Measurements | None, verdicts: Mapping[str, str] | None = None, remark: str = ""
) -> list[tuple[str, dict[str, Any]]]:
    """Return a name and a body for each interval, axis and statement; nothing without measurements.

    They are preliminary, as nobody has confirmed them; a statement that a reader confirmed or rejected says so.

    Parameters
    ----------
    measured : Measurements or None
        What was measured.
    verdicts : mapping of str to str, optional
        "confirmed" or "rejected", by the code of a statement.
    remark : str, optional
        Stands as a note with each of them, such as that a reader moved marks.
    """
    if measured is None:
        return []
    found = [
        (f"interval-{name}", _interval(code, text, measured.intervals[name]))
        for name, (code, text) in _INTERVALS.items()
        if name in measured.intervals
    ]
    if measured.qtc_used:
        found.append(("interval-QTc", _qtc(measured)))
    found += [
        (f"axis-{name}", _value(_AXES[name], f"{name} axis in the frontal plane", degrees, "deg"))
        for name, degrees in measured.axis_deg.items()
    ]
    found += [(f"superclass-{name}", _superclass(name, p)) for name, p in measured.diagnosis.items()]
    found += [
        (f"statement-{i}", _statement(one, (verdicts or {}).get(one.code, "")))
        for i, one in enumerate(measured.statements)
    ]
    also = [{"text": remark}] if remark else []
    return [
        (name, {**body, **({"note": [*body.get("note", []), *also]} if also else {}), "status": "preliminary"})
        for name, body in found
    ]


def interval_value(name: str, value_ms: float) -> dict[str, Any]:
    """Return an interval of `INTERVAL_CODES`, milliseconds, as a component."""
    return _value(*INTERVAL_CODES[name], value_ms, "ms")


def _interval(code: str, text: str, spread: Spread) -> dict[str, Any]:
    ends = (("5th percentile", spread.low), ("95th percentile", spread.high))
    components: list[dict[str, Any]] = [
        {"code": {"text": name}, "valueQuantity": _quantity(value, "ms")} for name, value in ends
    ]
    components.append({"code": {"text": "Beats"}, "valueInteger": spread.beats})
    return {**_value(code, text, spread.median, "ms"), "component": components}


def _qtc(measured: Measurements) -> dict[str, Any]:
    body = interval_value("QTc", measured.qtc_ms[measured.qtc_used])
    components = [
        {"code": {"text": name}, "valueQuantity": _quantity(value, "ms")} for name, value in measured.qtc_ms.items()
    ]
    return {**body, "method": {"text": measured.qtc_used}, "component": components}


def _superclass(name: str, probability: float) -> dict[str, Any]:
    code = {"coding": [{"system": _SUPERCLASS, "code": name}], "text": f"Probability of the superclass {name}"}
    return {"code": code, "valueQuantity": _quantity(probability, "1")}


def _statement(one: Statement, verdict: str) -> dict[str, Any]:
    code = {"coding": [_coding(_LOINC, "8601-7"), _coding(STATEMENT_SYSTEM, one.code)], "text": "ECG statement"}
    notes = [{"text": one.evidence}, *([{"text": "urgent"}] if one.urgent else [])]
    if verdict:
        notes.append({"text": f"{verdict} by a reader"})
    return {"code": code, "valueString": one.text, "note": notes}


def _value(code: str, text: str, value: float, unit: str) -> dict[str, Any]:
    return {"code": {"coding": [_coding(_LOINC, code)], "text": text}, "valueQuantity": _quantity(value, unit)}


def _coding(system: str, code: str) -> dict[str, str]:
    return {"system": system, "code": code}


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": round(float(value), 3), "unit": unit, "system": _UCUM, "code": unit}
