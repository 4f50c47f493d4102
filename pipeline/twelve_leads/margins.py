"""How far the numbers of an ECG are from the limits of criteria: 1 is at the limit, more is beyond.

With margins an evaluation can say what a criterion would find at another specificity than its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.twelve_leads import conduction, ischaemia, voltages
from pipeline.twelve_leads.facts import NEIGHBOURS, Facts


def margins(facts: Facts) -> Mapping[str, float]:
    """Return by statement the number that its criterion reads over the criterion's limit; 0 where it does not apply."""
    if facts.paced or facts.ventricular:
        return MappingProxyType({})
    qrs, axis = facts.median("QRS") or 0.0, facts.axis_deg.get("QRS", 0.0)
    right, left = conduction.is_rbbb(facts), conduction.is_lbbb(facts)
    found = {
        "1AVB": (facts.median("PR") or 0.0) / conduction.PR_LONG_MS,
        "RBBB": qrs / conduction.QRS_WIDE_MS if right else 0.0,
        "IRBBB": qrs / conduction.QRS_INCOMPLETE_MS if right and qrs < conduction.QRS_WIDE_MS else 0.0,
        "LBBB": qrs / conduction.QRS_WIDE_MS if left else 0.0,
        "LAFB": -axis / -conduction.LAFB_DEG if conduction.has_anterior_shape(facts) else 0.0,
        "LAD": -axis / 30,
        "LVH": 0.0 if left and conduction.is_wide(facts) else _left_voltage(facts),
        "STD": _pairs({lead: mv / -ischaemia.STD_MV for lead, mv in ischaemia.flat_levels(facts).items()}),
    }
    return MappingProxyType({name: max(0.0, value) for name, value in found.items()})


def _left_voltage(facts: Facts) -> float:
    sokolow, cornell = voltages.sokolow_mv(facts) or 0.0, voltages.cornell_mv(facts) or 0.0
    return max(sokolow / voltages.SOKOLOW_MV, cornell / voltages.CORNELL_MV[facts.sex])


def _pairs(values: Mapping[str, float]) -> float:
    """Return the largest number that two neighbouring leads both reach."""
    return max((min(values[a], values[b]) for a, b in NEIGHBOURS if a in values and b in values), default=0.0)
