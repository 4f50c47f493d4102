"""How far the numbers of an ECG are from the limits of criteria: 1 is at the limit, more is beyond.

With margins an evaluation can say what a criterion would find at another specificity than its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.config import REVIEW
from pipeline.twelve_leads import conduction, ischaemia, voltages
from pipeline.twelve_leads.facts import LIMB, NEIGHBOURS, Facts
from pipeline.twelve_leads.rhythm_statements import SINUS
from pipeline.waves.shapes import LeadShape


def margins(facts: Facts) -> Mapping[str, float]:
    """Return by statement the number that its criterion reads over the criterion's limit; 0 where it does not apply."""
    found = {**_rates(facts), **({} if facts.paced or facts.ventricular else {**_conduction(facts), **_shapes(facts)})}
    return MappingProxyType({name: round(max(0.0, value), 5) for name, value in found.items()})


def _rates(facts: Facts) -> dict[str, float]:
    sinus = facts.seconds(*SINUS) > facts.duration_s / 2
    if facts.rate_bpm is None or not sinus:
        return {}
    return {"SBRAD": REVIEW.bradycardia_bpm / facts.rate_bpm, "STACH": facts.rate_bpm / REVIEW.tachycardia_bpm}


def _conduction(facts: Facts) -> dict[str, float]:
    qrs, axis = facts.median("QRS") or 0.0, facts.axis_deg.get("QRS", 0.0)
    right, left = conduction.is_rbbb(facts), conduction.is_lbbb(facts)
    return {
        "1AVB": (facts.median("PR") or 0.0) / conduction.PR_LONG_MS,
        "RBBB": qrs / conduction.QRS_WIDE_MS if right else 0.0,
        "LBBB": qrs / conduction.QRS_WIDE_MS if left else 0.0,
        "LAFB": axis / conduction.LAFB_DEG if conduction.has_anterior_shape(facts) else 0.0,
        "LAD": -axis / 30,
        "LQT": (facts.qtc_ms or 0.0) / conduction.QTC_LONG_MS[facts.sex],
    }


def _shapes(facts: Facts) -> dict[str, float]:
    hidden = conduction.is_wide(facts) and conduction.is_lbbb(facts)
    limbs = [facts.shapes[lead].swing_mv for lead in LIMB] if facts.has(*LIMB) else []
    read = {} if hidden else facts.shapes
    return {
        "LVH": 0.0 if hidden else _left_voltage(facts),
        "LVOLT": voltages.LOW_LIMB_MV / max(*limbs, 0.01) if limbs else 0.0,
        "STD": 0.0
        if hidden
        else _pairs({lead: mv / -ischaemia.STD_MV for lead, mv in ischaemia.flat_levels(facts).items()}),
        "TINV": _pairs({lead: _inverted(shape) for lead, shape in read.items() if lead in ischaemia.T_LEADS}),
        "Q": _pairs({lead: _q(shape) for lead, shape in read.items() if lead in ischaemia.ST_LEADS}),
    }


def _left_voltage(facts: Facts) -> float:
    sokolow, cornell = voltages.sokolow_mv(facts) or 0.0, voltages.cornell_mv(facts) or 0.0
    return max(sokolow / voltages.SOKOLOW_MV, cornell / voltages.CORNELL_MV[facts.sex])


def _inverted(shape: LeadShape) -> float:
    return -(shape.t_mv or 0.0) / ischaemia.T_MV if shape.r_mv > shape.depth_mv else 0.0


def _q(shape: LeadShape) -> float:
    if shape.q is None or -shape.q.mv < ischaemia.Q_MV:
        return 0.0
    return shape.q.ms / ischaemia.Q_MS


def _pairs(values: Mapping[str, float]) -> float:
    """Return the largest number that two neighbouring leads both reach."""
    return max((min(values[a], values[b]) for a, b in NEIGHBOURS if a in values and b in values), default=0.0)
