"""Statements on voltages: hypertrophy of either ventricle, and low voltage.

References
----------
Sokolow M, Lyon TP. The ventricular complex in left ventricular hypertrophy. 1949. PMID 18133357
Casale PN et al. Electrocardiographic detection of left ventricular hypertrophy (Cornell). 1985.
doi:10.1016/S0735-1097(85)80115-7
Hancock EW et al. AHA/ACCF/HRS recommendations, part V: cardiac chamber hypertrophy. 2009.
doi:10.1161/CIRCULATIONAHA.108.191097
"""

from __future__ import annotations

from typing import Final

from pipeline.measurements import Statement
from pipeline.twelve_leads.conduction import is_lbbb, is_pre_excited, is_rbbb, is_wide
from pipeline.twelve_leads.facts import CHEST, LIMB, Facts, listed, statement

SOKOLOW_MV: Final = 3.5
SOKOLOW_FROM_YEARS: Final = 35  # younger hearts reach it without hypertrophy
CORNELL_MV: Final = {"M": 2.8, "F": 2.0, None: 2.8}
AVL_MV: Final = 1.1
RVH_R_V1_MV: Final = 0.7
RVH_SUM_MV: Final = 1.05
LOW_LIMB_MV, LOW_CHEST_MV = 0.5, 1.0
PART_V: Final = "AHA/ACCF/HRS 2009, part V"


def voltage_statements(facts: Facts) -> list[Statement]:
    """Return what the heights of R and the depths of S say; nothing of a paced, ventricular or pre-excited beat."""
    if facts.paced or facts.ventricular or is_pre_excited(facts):
        return []
    return [*_left(facts), *_right(facts), *_low(facts)]


def sokolow_mv(facts: Facts) -> float | None:
    """Return S in V1 and the higher R of V5 and V6 together; None without these leads."""
    if not facts.has("V1", "V5", "V6"):
        return None
    return facts.shapes["V1"].s_mv + max(facts.shapes[name].r_mv for name in ("V5", "V6"))


def cornell_mv(facts: Facts) -> float | None:
    """Return R in aVL and S in V3 together; None without these leads, and where V3 has lost its R wave."""
    if not facts.has("aVL", "V3") or facts.shapes["V3"].is_qs:
        return None
    return facts.shapes["aVL"].r_mv + facts.shapes["V3"].s_mv


def has_left_voltage(facts: Facts) -> bool:
    """Tell whether a voltage of left ventricular hypertrophy is reached."""
    return bool(_left(facts))


def _left(facts: Facts) -> list[Statement]:
    if is_wide(facts) and is_lbbb(facts):
        return []
    found = []
    sokolow, cornell = sokolow_mv(facts), cornell_mv(facts)
    old = facts.age_years is None or facts.age_years >= SOKOLOW_FROM_YEARS
    if sokolow is not None and sokolow >= SOKOLOW_MV and old:
        found.append(f"Sokolow-Lyon: S V1 + R V5 or V6 {sokolow:.1f} mV, limit {SOKOLOW_MV:g}")
    if cornell is not None and cornell > CORNELL_MV[facts.sex]:
        found.append(f"Cornell: R aVL + S V3 {cornell:.1f} mV, limit {CORNELL_MV[facts.sex]:g}")
    if facts.has("aVL") and facts.shapes["aVL"].r_mv >= AVL_MV:
        found.append(f"R aVL {facts.shapes['aVL'].r_mv:.1f} mV, limit {AVL_MV:g}")
    if not found:
        return []
    strain = [name for name in ("I", "aVL", "V5", "V6") if _is_strained(facts, name)]
    text = "Voltage of left ventricular hypertrophy" + (", with strain." if strain else ".")
    return [statement("LVH", "hypertrophy", text, "; ".join(found), PART_V)]


def _is_strained(facts: Facts, lead: str) -> bool:
    if lead not in facts.shapes:
        return False
    shape = facts.shapes[lead]
    return shape.st_mv["J60"] <= -0.05 and (shape.t_mv or 0.0) < 0 and shape.r_mv > shape.depth_mv


def _right(facts: Facts) -> list[Statement]:
    axis = facts.axis_deg.get("QRS")
    if axis is None or axis <= 90 or not facts.has("V1", "V5", "V6") or is_rbbb(facts):
        return []
    v1 = facts.shapes["V1"]
    total = v1.r_mv + max(facts.shapes[name].s_mv for name in ("V5", "V6"))
    high = v1.r_mv >= RVH_R_V1_MV or total > RVH_SUM_MV
    if not (high and v1.r_mv > v1.s_mv):
        return []
    numbers = f"R V1 {v1.r_mv:.1f} mV, S V1 {v1.s_mv:.1f} mV, R V1 + S V5 or V6 {total:.1f} mV, axis {axis:.0f} degrees"
    return [statement("RVH", "hypertrophy", "Voltage of right ventricular hypertrophy.", numbers, PART_V)]


def _low(facts: Facts) -> list[Statement]:
    found = []
    for leads, limit, where in ((LIMB, LOW_LIMB_MV, "limb"), (CHEST, LOW_CHEST_MV, "chest")):
        if facts.has(*leads):
            swings = {name: facts.shapes[name].swing_mv for name in leads}
            highest = max(swings, key=lambda name: swings[name])
            if swings[highest] < limit:
                found.append(f"no {where} lead over {listed({highest: swings[highest]})}, limit {limit:g}")
    if not found:
        return []
    return [statement("LVOLT", "technical", "Low QRS voltage.", "; ".join(found), "AHA/ACCF/HRS 2009")]
