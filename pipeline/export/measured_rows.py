"""Measurements and statements as plain values, for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pipeline.measurements import LeadMeasurements, Measurements, Spread


def measured_rows(measured: Measurements | None) -> dict[str, Any]:
    """Return measurements as plain values, in the form that the command line promises; {} without any.

    Returns
    -------
    dict
        "intervals": by name the median, low and high end (5th and 95th percentile) in milliseconds and the number of
        beats, "QTc" with all formulas and the one in "used" (or the reason in "why_none"), and the same by lead in
        "leads"; "axis" in degrees; "st" by lead at J, J60 and J80, mV; "amplitudes" by lead, mV; "hours" of a long
        recording; "diagnosis", the probabilities of the superclasses of twelve-lead recordings; "statements", urgent
        ones first; "looked_for", what they looked for; "not_measured", leads of twelve that they could not read.
    """
    if measured is None:
        return {}
    leads = measured.leads
    return {
        "intervals": {
            **_spreads(measured.intervals),
            "QTc": _qtc(measured),
            "leads": {name: _of_lead(one) for name, one in leads.items() if one.intervals_ms or one.q_ms is not None},
        },
        "axis": dict(measured.axis_deg),
        "st": {name: dict(one.st_mv) for name, one in leads.items() if one.st_mv},
        "amplitudes": {name: dict(one.amplitudes_mv) for name, one in leads.items() if one.amplitudes_mv},
        **({"hours": [dict(hour) for hour in measured.hours]} if measured.hours else {}),
        **({"diagnosis": dict(measured.diagnosis)} if measured.diagnosis else {}),
        "statements": [asdict(one) for one in measured.statements],
        "looked_for": list(measured.looked_for),
        "not_measured": list(measured.not_measured),
    }


def _spreads(spreads: Mapping[str, Spread]) -> dict[str, Any]:
    return {name: asdict(spread) for name, spread in spreads.items()}


def _of_lead(lead: LeadMeasurements) -> dict[str, Any]:
    return {**_spreads(lead.intervals_ms), **({} if lead.q_ms is None else {"Q_wave": lead.q_ms})}


def _qtc(measured: Measurements) -> dict[str, Any]:
    if not measured.qtc_used:
        return {"used": None, "median": None, "why_none": measured.why_no_qtc}
    return {"used": measured.qtc_used, "median": measured.qtc_ms[measured.qtc_used], **measured.qtc_ms}
