"""Statements on conduction: axis, PR, bundle branches and fascicles, pre-excitation, QT.

References
----------
AHA2009 III: Surawicz B et al. AHA/ACCF/HRS recommendations for the standardization and interpretation of the
electrocardiogram, part III: intraventricular conduction disturbances. doi:10.1161/CIRCULATIONAHA.108.191095
AHA2009 IV: Rautaharju PM et al., part IV: the ST segment, T and U waves, and the QT interval.
doi:10.1161/CIRCULATIONAHA.108.191096
ACC2018: Kusumoto FM et al. 2018 guideline on bradycardia and cardiac conduction delay.
doi:10.1161/CIR.0000000000000628
Minnesota code: Prineas RJ, Crow RS, Zhang ZM. The Minnesota code manual of electrocardiographic findings. 2010.
doi:10.1007/978-1-84882-778-3
ESC2022: Zeppenfeld K et al. 2022 guidelines on ventricular arrhythmias (short QT: 320 ms, or 340 with more).
doi:10.1093/eurheartj/ehac262
"""

from __future__ import annotations

from typing import Final

from pipeline.measurements import Statement
from pipeline.twelve_leads.facts import INFERIOR, Facts, statement
from pipeline.waves.qtc import USED

PART_III: Final = "AHA/ACCF/HRS 2009, part III"
PART_IV: Final = "AHA/ACCF/HRS 2009, part IV"
PR_LONG_MS: Final = 200.0
QRS_WIDE_MS, QRS_INCOMPLETE_MS = 120.0, 110.0
R_PEAK_LATE_MS: Final = 60.0  # in V5 or V6, of left bundle branch block
R_PEAK_V1_MS: Final = 50.0  # in V1, of right bundle branch block
S_BROAD_MS: Final = 40.0  # in I and V6
Q_SMALL_MV: Final = 0.05  # a q wave below this is none for left bundle branch block
R_AVL_MV: Final = 0.1
LAFB_DEG: Final = -45.0  # QRS axis of left anterior fascicular block, from here to -90
PR_SHORT_MS, PR_SEGMENT_SHORT_MS = 120.0, 20.0
QTC_LONG_MS: Final = {"M": 450.0, "F": 460.0, None: 460.0}
QTC_URGENT_MS: Final = 500.0
QTC_SHORT_MS: Final = 340.0


def conduction_statements(facts: Facts) -> list[Statement]:
    """Return what the intervals, the axis and the shape of the QRS say; nothing of these in a paced rhythm."""
    if facts.paced or facts.ventricular:
        return []
    return [*_axis(facts), *_pr(facts), *_branches(facts), *_fascicles(facts), *_qt(facts)]


def is_lbbb(facts: Facts) -> bool:
    """Tell whether the QRS is that of left bundle branch block, complete or (from 110 ms) incomplete in shape."""
    shapes = facts.shapes
    if not facts.has("I", "V1", "V6") or is_rbbb(facts):
        return False
    v1, lateral = shapes["V1"], [shapes[name] for name in ("I", "V5", "V6") if name in shapes]
    negative = v1.s_mv > 2 * v1.r_mv and not v1.last_is_positive
    no_q = all(one.q is None or (one.r is not None and -one.q.mv < Q_SMALL_MV) for one in (shapes["I"], shapes["V6"]))
    upright = shapes["V6"].r_mv > shapes["V6"].depth_mv or shapes["I"].r_mv > shapes["I"].depth_mv
    late = any(one.r_peak_ms >= R_PEAK_LATE_MS or one.notched for one in lateral if one.r_mv > 0)
    return negative and no_q and upright and late


def is_rbbb(facts: Facts) -> bool:
    """Tell whether the QRS is that of right bundle branch block, whatever its duration."""
    shapes = facts.shapes
    if not facts.has("I", "V1", "V6"):
        return False
    right = [shapes[name] for name in ("V1", "V2") if name in shapes]
    rsr = any(one.r2 is not None and one.last_is_positive for one in right)
    v1 = shapes["V1"]
    broad = v1.r is not None and v1.last_is_positive and v1.r_peak_ms > R_PEAK_V1_MS
    slurred = [_has_broad_s(facts, name) for name in ("I", "V6")]
    return (rsr and any(slurred)) or (broad and all(slurred))


def is_wide(facts: Facts) -> bool:
    """Tell whether the QRS lasts as long as in complete bundle branch block."""
    return (facts.median("QRS") or 0.0) >= QRS_WIDE_MS


def is_pre_excited(facts: Facts) -> bool:
    """Tell whether PR is short, the QRS begins as P ends, and it is wide: a second way past the AV node."""
    pr, qrs, segment = facts.median("PR"), facts.median("QRS"), facts.pr_segment_ms
    if pr is None or qrs is None or segment is None:
        return False
    return pr < PR_SHORT_MS and qrs > QRS_INCOMPLETE_MS and segment <= PR_SEGMENT_SHORT_MS


def _has_broad_s(facts: Facts, lead: str) -> bool:
    shape = facts.shapes[lead]
    return shape.s is not None and (shape.s.ms >= S_BROAD_MS or (shape.r is not None and shape.s.ms > shape.r.ms))


def _axis(facts: Facts) -> list[Statement]:
    found = facts.axis_deg.get("QRS")
    if found is None:
        return []
    names = (
        (-90.1, -30.0, "LAD", "Left axis deviation"),
        (90.0, 180.1, "RAD", "Right axis deviation"),
        (-180.1, -90.0, "NWA", "Axis to the right and up (no man's land)"),
    )
    numbers = f"QRS axis {found:.0f} degrees; usual -30 to 90"
    return [
        statement(code, "axis", f"{text}.", numbers, PART_III) for low, high, code, text in names if low < found < high
    ]


def _pr(facts: Facts) -> list[Statement]:
    pr = facts.median("PR")
    if pr is None:
        return []
    if is_pre_excited(facts):
        numbers = f"PR {pr:.0f} ms, QRS {facts.median('QRS'):.0f} ms, {facts.pr_segment_ms:.0f} ms from P to QRS"
        return [
            statement("WPW", "conduction", "Short PR with a wide QRS: pre-excitation is possible.", numbers, PART_III)
        ]
    if pr > PR_LONG_MS:
        numbers = f"PR {pr:.0f} ms; up to {PR_LONG_MS:.0f} is usual"
        return [statement("1AVB", "conduction", "First-degree AV block.", numbers, "ACC/AHA/HRS 2018")]
    return []


def _branches(facts: Facts) -> list[Statement]:
    qrs = facts.median("QRS")
    if qrs is None or not facts.has("I", "V1", "V6") or is_pre_excited(facts):
        return []
    if qrs < QRS_WIDE_MS and (found := _r_prime(facts, qrs)):
        return found
    if qrs < QRS_INCOMPLETE_MS:
        return []
    v1 = facts.shapes["V1"]
    complete = "" if is_wide(facts) else "I"
    word = "Right" if complete == "" else "Incomplete right"
    if is_rbbb(facts):
        last = v1.r2 or v1.r
        size = "no" if last is None else f"{last.mv:.2f} mV"
        numbers = f"QRS {qrs:.0f} ms, last positive wave in V1 {size}, broad S in I or V6"
        return [statement(f"{complete}RBBB", "conduction", f"{word} bundle branch block.", numbers, PART_III)]
    if is_lbbb(facts):
        late = max(facts.shapes[name].r_peak_ms for name in ("V5", "V6", "I") if name in facts.shapes)
        numbers = f"QRS {qrs:.0f} ms, S in V1 {v1.s_mv:.2f} mV, no q in I and V6, R peak after {late:.0f} ms"
        word = word.replace("Right", "Left").replace("right", "left")
        return [statement(f"{complete}LBBB", "conduction", f"{word} bundle branch block.", numbers, PART_III)]
    if qrs < QRS_WIDE_MS:
        return []
    numbers = f"QRS {qrs:.0f} ms without the shape of a bundle branch block"
    return [statement("IVCD", "conduction", "Nonspecific intraventricular conduction delay.", numbers, PART_III)]


def _r_prime(facts: Facts, qrs: float) -> list[Statement]:
    """Return incomplete right bundle branch block by the Minnesota code: R' higher than R in V1 or V2."""
    for name in ("V1", "V2"):
        shape = facts.shapes.get(name)
        if shape is None or shape.r is None or shape.r2 is None or not shape.last_is_positive:
            continue
        if shape.r2.mv > shape.r.mv:
            numbers = f"QRS {qrs:.0f} ms, in {name} R {shape.r.mv:.2f} mV and R' {shape.r2.mv:.2f} mV"
            text = "Incomplete right bundle branch block."
            return [statement("IRBBB", "conduction", text, numbers, "Minnesota code 7-3")]
    return []


def _fascicles(facts: Facts) -> list[Statement]:
    axis = facts.axis_deg.get("QRS")
    left = is_lbbb(facts) and is_wide(facts)
    if axis is None or not facts.has(*INFERIOR, "I", "aVL") or left or is_pre_excited(facts):
        return []
    numbers = f"QRS axis {axis:.0f} degrees, "
    if -90 <= axis <= LAFB_DEG and has_anterior_shape(facts):
        peak = facts.shapes["aVL"].r_peak_ms
        numbers += f"qR in aVL with its R peak after {peak:.0f} ms, rS in " + ", ".join(INFERIOR)
        return [statement("LAFB", "conduction", "Left anterior fascicular block.", numbers, PART_III)]
    if _is_posterior_block(facts, axis):
        numbers += "rS in I and aVL, qR in III and aVF"
        text = "Left posterior fascicular block, if no other cause of the axis is known."
        return [statement("LPFB", "conduction", text, numbers, PART_III)]
    return []


def has_anterior_shape(facts: Facts) -> bool:
    """Tell whether aVL has a leading R wave and III and aVF are rS, whatever the axis."""
    if not facts.has(*INFERIOR, "aVL"):
        return False
    high, low = facts.shapes["aVL"], [facts.shapes[name] for name in ("III", "aVF")]
    first_up = all(one.q is None and one.r is not None and one.depth_mv > one.r_mv for one in low)
    return first_up and high.r_mv >= max(R_AVL_MV, high.depth_mv)


def _is_posterior_block(facts: Facts, axis: float) -> bool:
    high = [facts.shapes[name] for name in ("I", "aVL")]
    low = [facts.shapes[name] for name in ("III", "aVF")]
    deep = all(one.depth_mv > one.r_mv > 0 for one in high)
    tall = all(one.q is not None and one.r_mv > one.depth_mv for one in low)
    return 90 < axis <= 180 and deep and tall and facts.shapes.get("V1", facts.shapes["I"]).r_mv < 0.7


def _qt(facts: Facts) -> list[Statement]:
    qtc = facts.qtc_ms
    if qtc is None:
        return []
    limit = QTC_LONG_MS[facts.sex]
    numbers = f"QTc {qtc:.0f} ms by {USED}; QT {facts.median('QT'):.0f} ms; limit {limit:.0f}"
    if qtc > QTC_URGENT_MS:
        text = f"Long QT: QTc over {QTC_URGENT_MS:.0f} ms, a risk of torsade de pointes."
        return [statement("LQT", "conduction", text, numbers, PART_IV, urgent=True)]
    if qtc >= limit:
        return [statement("LQT", "conduction", "Long QT interval.", numbers, PART_IV)]
    if qtc <= QTC_SHORT_MS:
        numbers = f"QTc {qtc:.0f} ms by {USED}; limit {QTC_SHORT_MS:.0f}"
        return [statement("SQT", "conduction", "Short QT interval.", numbers, "ESC 2022")]
    return []
