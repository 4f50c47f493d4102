"""Statements on ischaemia and infarction: Q waves, ST elevation and depression, T inversion.

References
----------
UDMI4: Thygesen K et al. Fourth universal definition of myocardial infarction. 2018. doi:10.1161/CIR.0000000000000617
ESC2023: Byrne RA et al. 2023 guidelines for acute coronary syndromes. doi:10.1093/eurheartj/ehad191
Smith SW et al. Diagnosis of ST-elevation myocardial infarction in the presence of left bundle branch block with the
ST-elevation to S-wave ratio in a modified Sgarbossa rule. 2012. doi:10.1016/j.annemergmed.2012.07.119
Armstrong EJ et al. Electrocardiographic criteria for ST-elevation myocardial infarction in patients with left
ventricular hypertrophy. 2012. doi:10.1016/j.amjcard.2012.05.032
Smith SW et al. Electrocardiographic differentiation of early repolarization from subtle anterior ST-segment elevation
myocardial infarction. 2012. doi:10.1016/j.annemergmed.2012.02.015
AHA2009 IV: see `pipeline.twelve_leads.conduction`: T waves, and what a bundle branch block does to them.
Dodd KW et al. Electrocardiographic diagnosis of acute coronary occlusion myocardial infarction in ventricular paced
rhythm using the modified Sgarbossa criteria. 2021. doi:10.1016/j.annemergmed.2021.03.036
Macfarlane PW et al. The early repolarization pattern: a consensus paper. 2015. doi:10.1016/j.jacc.2015.05.033
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from pipeline.measurements import Statement
from pipeline.twelve_leads.conduction import PART_IV, is_lbbb, is_pre_excited, is_rbbb, is_wide
from pipeline.twelve_leads.facts import CHEST, INFERIOR, Facts, listed, statement, territory
from pipeline.twelve_leads.voltages import has_left_voltage
from pipeline.waves.shapes import LeadShape

UDMI: Final = "fourth universal definition of myocardial infarction, 2018"
STE_MV: Final = 0.1
STE_V2_V3_MV: Final = {"old man": 0.2, "young man": 0.25, "woman": 0.15}
YOUNG_YEARS: Final = 40
STD_MV: Final = 0.05
FLAT_MV: Final = 0.01  # by which a segment that is horizontal may rise from J to J80
T_MV: Final = 0.1
T_OF_R, R_MV = 0.1, 0.3  # T is low under this share of an R wave of at least this height
T_LEADS: Final = ("I", "II", "aVL", "aVF", *CHEST[1:])
Q_MS, Q_MV, Q_V2_V3_MS = 30.0, 0.1, 20.0
R_POSTERIOR_MS: Final = 40.0
SMITH_SHARE, ARMSTRONG_SHARE = 0.25, 0.25  # of S and of the QRS, that an elevation opposite to it must reach
CHEST_MIN: Final = 4  # chest leads: with fewer, the missing ones were not meant to be recorded
LEADS_MIN: Final = 3  # fewer are watched for their rhythm, not placed to look at neighbouring parts of the heart
NOT_Q: Final = ("aVR", "III")  # III alone may have a Q wave in health; with II or aVF it counts
ST_LEADS: Final[tuple[str, ...]] = ("I", "II", "III", "aVL", "aVF", *CHEST)
DIFFUSE_LEADS: Final = 5
SUBTLE_LIMIT: Final = 23.4
SUSPICION_MIN: Final = 0.5
WITH_Q: Final = "Q waves by the fourth universal definition, the lower limit by HeartVision"
WITH_Q_MV: Final = 0.1  # an elevation in leads with pathological Q waves that is told even below the limits


def ischaemia_statements(facts: Facts) -> list[Statement]:
    """Return what Q waves, ST segments and T waves say; none of a paced beat, few of a bundle branch block."""
    if facts.paced or facts.ventricular or is_pre_excited(facts) or len(facts.shapes) < LEADS_MIN:
        return []
    if is_lbbb(facts) and is_wide(facts):
        return [*_sgarbossa(facts), *_primary_t(facts)]
    elevated = facts.contiguous(_over(facts))
    depressed = _depressed(facts)
    posterior = _posterior(facts, depressed)
    q_leads = _q_leads(facts)
    found = [*_elevation(facts, elevated, depressed, q_leads), *posterior, *_q(facts, q_leads)]
    return [*found, *_depression(facts, depressed, elevated), *_t_waves(facts)]


def limit_mv(lead: str, facts: Facts) -> float:
    """Return the ST elevation at J from which a lead counts.

    Without age and sex the limit of men from 40 years on holds in V2 and V3: the one in the middle.
    """
    if lead not in ("V2", "V3"):
        return STE_MV
    young = facts.age_years is not None and facts.age_years < YOUNG_YEARS
    return STE_V2_V3_MV["woman" if facts.sex == "F" else "young man" if young else "old man"]


def _rounded(value: float) -> float:
    return round(value, 2)  # limits are read to a hundredth, as from paper


def _over(facts: Facts) -> set[str]:
    """Return the leads whose ST segment is elevated from J on."""
    over = set()
    for lead in ST_LEADS:
        if (shape := facts.shapes.get(lead)) is None:
            continue
        lowest = min(_rounded(shape.st_mv["J"]), _rounded(shape.st_mv["J60"]))
        secondary = _belongs_to_hypertrophy(shape, facts) or _belongs_to_wide_qrs(shape, facts)
        if lowest >= limit_mv(lead, facts) and not secondary:
            over.add(lead)
    return over


def _belongs_to_hypertrophy(shape: LeadShape, facts: Facts) -> bool:
    """Tell whether an elevation opposite to a deep S is that of left ventricular hypertrophy (Armstrong's quarter)."""
    if not has_left_voltage(facts) or shape.s_mv <= shape.r_mv:
        return False
    return shape.st_mv["J"] < ARMSTRONG_SHARE * (shape.s_mv - shape.r_mv)


def _belongs_to_wide_qrs(shape: LeadShape, facts: Facts) -> bool:
    """Tell whether an elevation opposite to a wide QRS is smaller than Smith's quarter of S.

    The quarter is validated for left bundle branch block and for paced beats; here it also holds for paced beats whose
    spikes are not seen, and for nonspecific delays, which repolarise in the same way.
    """
    if not is_wide(facts) or is_rbbb(facts) or (shape.qrs_area or 0.0) >= 0:
        return False
    return shape.st_mv["J"] < SMITH_SHARE * shape.s_mv


def _elevation(
    facts: Facts, leads: tuple[str, ...], depressed: tuple[str, ...], q_leads: tuple[str, ...]
) -> list[Statement]:
    if not leads:
        return _small_elevation(facts, q_leads)
    code, where = territory(leads)
    values = {lead: facts.shapes[lead].st_mv["J"] for lead in leads}
    numbers = f"ST at J {listed(values)}; {_limits(facts)}"
    reciprocal = tuple(lead for lead in depressed if lead not in leads)
    if not reciprocal and not q_leads and (early := _early_repolarisation(facts, leads, numbers)):
        return early
    text = f"ST elevation, {where}: acute infarction must be excluded."
    if reciprocal:
        numbers += f"; depressed in {', '.join(reciprocal)}"
    elif len(leads) >= DIFFUSE_LEADS and len(set(leads) & {"I", "II", "V5", "V6"}) >= 3:
        text = f"ST elevation in many leads ({where} most): acute infarction, pericarditis or early repolarisation."
    elif _is_early(facts, leads):
        text = f"ST elevation, {where}, concave with tall T waves: early repolarisation is possible, infarction too."
    return [statement(f"STE-{code}", "infarction", text, numbers, UDMI, urgent=True)]


def _small_elevation(facts: Facts, q_leads: tuple[str, ...]) -> list[Statement]:
    """Elevations below the limits still count where a Q wave says that there is, or was, an infarction."""
    septal = [lead for lead in ("V1", "V2") if lead in facts.shapes and facts.shapes[lead].is_qs]
    chosen = {lead for lead in q_leads if lead != "V1"} | (set(septal) if len(septal) == 2 else set())
    values = {lead: facts.shapes[lead].st_mv["J"] for lead in ST_LEADS if lead in chosen}
    over = {
        lead: value
        for lead, value in values.items()
        if min(_rounded(value), _rounded(facts.shapes[lead].st_mv["J60"])) >= WITH_Q_MV
    }
    leads = facts.contiguous(over)
    if not leads:
        return _subtle_elevation(facts) or _unconfirmed(facts, _over(facts) | over.keys())
    code, where = territory(leads)
    with_q = ", ".join(sorted({*q_leads, *leads}))
    numbers = f"ST at J {listed({lead: over[lead] for lead in leads})}; with Q waves in {with_q} told"
    numbers += f" from {WITH_Q_MV:g} mV on, else {_limits(facts)}"
    text = f"ST elevation with Q waves, {where}: infarction, acute or old with an aneurysm."
    return [statement(f"STE-{code}", "infarction", text, numbers, WITH_Q, urgent=True)]


def _occlusion_formula(facts: Facts) -> float | None:
    """Return Smith's formula for V2-V4, of millimetres of paper and Bazett's QTc; None where it does not hold."""
    if facts.qtc_bazett_ms is None or not facts.has("V2", "V3", "V4") or has_left_voltage(facts):
        return None
    sixty, r = facts.shapes["V3"].st_mv["J60"], facts.shapes["V4"].r_mv
    return 1.196 * 10 * sixty + 0.059 * facts.qtc_bazett_ms - 0.326 * 10 * r if r else None


def _early_repolarisation(facts: Facts, leads: tuple[str, ...], numbers: str) -> list[Statement]:
    """Return an elevation in V2-V4 that early repolarisation explains better than an occlusion.

    Smith's formula must say so, the segment must be concave under tall T waves, and the network must give MI and STTC
    less than even odds: one of the three alone would take an infarction for health too often.
    """
    total = _occlusion_formula(facts)
    anterior = set(leads) <= set(CHEST) and bool(set(leads) & {"V2", "V3", "V4"})
    if total is None or total > SUBTLE_LIMIT or not anterior or not _is_early(facts, leads):
        return []
    if facts.suspicion is None or facts.suspicion >= SUSPICION_MIN:
        return []
    text = "ST elevation, anterior, more like early repolarisation than an occlusion; with chest pain exclude it."
    numbers += f"; formula {total:.1f}, limit {SUBTLE_LIMIT:g}; network's MI or STTC {facts.suspicion:.2f}"
    return [statement("ER", "nonspecific", text, numbers, "Smith 2012")]


def _subtle_elevation(facts: Facts) -> list[Statement]:
    """Return a small elevation in V2-V4 that occlusion of the anterior descending artery explains better than health.

    The rule is for patients in whom an infarction is suspected: here, where the network gives MI or STTC at least even
    odds. It holds without hypertrophy; it reads millimetres of paper, 10 to a millivolt, and Bazett's QTc.
    """
    suspicion, total = facts.suspicion or 0.0, _occlusion_formula(facts)
    if total is None or suspicion < SUSPICION_MIN:
        return []
    values = {lead: facts.shapes[lead].st_mv["J"] for lead in ("V2", "V3", "V4")}
    sixty, r = facts.shapes["V3"].st_mv["J60"], facts.shapes["V4"].r_mv
    if max(_rounded(value) for value in values.values()) < STE_MV or total <= SUBTLE_LIMIT:
        return []
    numbers = f"ST at J {listed(values)}, J60 V3 {sixty:.2f} mV, R V4 {r:.1f} mV, QTc {facts.qtc_bazett_ms or 0:.0f} ms"
    text = "Small ST elevation, anterior, more like an occlusion than early repolarisation: exclude infarction."
    numbers += f"; formula {total:.1f}, limit {SUBTLE_LIMIT:g}; network's MI or STTC {suspicion:.2f}"
    return [statement("STE-ANT", "infarction", text, numbers, "Smith 2012", urgent=True)]


def _unconfirmed(facts: Facts, over: Collection[str]) -> list[Statement]:
    """Return an elevation in one lead whose neighbour was not measured.

    No published criterion reads one lead alone, so it is no statement of an infarction: it says what could not be told.
    """
    if sum(lead in facts.shapes for lead in CHEST) < CHEST_MIN:
        return []
    for lead in (lead for lead in ST_LEADS if lead in over):
        if unread := facts.unread_neighbours(lead):
            beside = " and ".join(unread)
            text = f"ST elevation in {lead} alone, but {beside} not measured: infarction cannot be told or excluded."
            numbers = f"ST at J {listed({lead: facts.shapes[lead].st_mv['J']})}; two neighbouring leads count"
            return [statement("ST-UNREAD", "technical", text, numbers, UDMI)]
    return []


def _limits(facts: Facts) -> str:
    who = {"F": "women", "M": "men", None: "men"}[facts.sex]
    age = "" if facts.sex == "F" else " under 40" if limit_mv("V2", facts) == STE_V2_V3_MV["young man"] else " from 40"
    unknown = [name for name, value in (("sex", facts.sex), ("age", facts.age_years)) if value is None]
    unknown = unknown if facts.sex != "F" else []  # one limit for women of any age
    assumed = f", {' and '.join(unknown)} not known" if unknown else ""
    return f"limits {limit_mv('V2', facts):g} mV in V2 and V3 for {who}{age}{assumed}, elsewhere {STE_MV:g}"


def _is_early(facts: Facts, leads: tuple[str, ...]) -> bool:
    """Tell whether all elevated leads rise on into a tall upright T and keep their R waves."""
    shapes = [facts.shapes[lead] for lead in leads]
    return all(
        shape.st_mv["J80"] > shape.st_mv["J"] and (shape.t_mv or 0) > 2 * shape.st_mv["J"] and not shape.is_qs
        for shape in shapes
    )


def flat_levels(facts: Facts) -> dict[str, float]:
    """Return the higher level at J60 and J80 of the leads whose ST segment is horizontal or falls, mV.

    In V1 to V3 right bundle branch block depresses it.
    """
    secondary = CHEST[:3] if is_rbbb(facts) and is_wide(facts) else ()
    return {
        lead: max(_rounded(shape.st_mv["J60"]), _rounded(shape.st_mv["J80"]))
        for lead in ST_LEADS
        if lead not in secondary
        and (shape := facts.shapes.get(lead)) is not None
        and shape.st_mv["J80"] - shape.st_mv["J"] <= FLAT_MV
    }


def _depressed(facts: Facts) -> tuple[str, ...]:
    """Return the contiguous leads whose ST segment is depressed and does not rise."""
    return facts.contiguous(lead for lead, mv in flat_levels(facts).items() if mv <= -STD_MV)


def _posterior(facts: Facts, depressed: tuple[str, ...]) -> list[Statement]:
    leads = [lead for lead in depressed if lead in ("V1", "V2", "V3")]
    upright = [lead for lead in leads if (facts.shapes[lead].t_mv or 0.0) > 0]
    if len(leads) < 2 or len(upright) < 2:
        return []
    values = {lead: facts.shapes[lead].st_mv["J80"] for lead in leads}
    text = "ST depression in V1-V3 with upright T: posterior infarction must be excluded (record V7-V9)."
    return [statement("STE-POST", "infarction", text, f"ST at J80 {listed(values)}", UDMI, urgent=True)]


def _depression(facts: Facts, leads: tuple[str, ...], elevated: tuple[str, ...]) -> list[Statement]:
    if not leads:
        return []
    _, where = territory(leads)
    values = {lead: facts.shapes[lead].st_mv["J80"] for lead in leads}
    cause = ""
    if has_left_voltage(facts) and not elevated:
        cause = ", as hypertrophy makes it too"
    text = f"ST depression, {where}{cause}."
    return [statement("STD", "ST-T", text, f"ST at J80 {listed(values)}; limit {-STD_MV:g}", UDMI)]


def _t_waves(facts: Facts) -> list[Statement]:
    """Return inverted T waves with a neighbour that is at least flat, and else flat or low ones in two neighbours."""
    values = {lead: facts.shapes[lead].t_mv or 0.0 for lead in T_LEADS if _is_low(lead, facts)}
    leads = facts.contiguous(values)
    if not leads:
        return []
    shown = {lead: values[lead] for lead in leads}
    _, where = territory(leads)
    if min(shown.values()) <= -T_MV:
        inverted = {lead: mv for lead, mv in shown.items() if mv <= -T_MV}
        low = {lead: mv for lead, mv in shown.items() if mv > -T_MV}
        numbers = f"T {listed(inverted)}, inverted from {-T_MV:g}" + (f"; flat or low {listed(low)}" if low else "")
        return [statement("TINV", "ST-T", f"T wave inversion, {where}.", numbers, PART_IV)]
    shares = ", ".join(f"{lead} {mv / facts.shapes[lead].r_mv:.0%}" for lead, mv in shown.items())
    numbers = f"T {listed(shown)}, of R {shares}; low under {T_OF_R:.0%}"
    return [statement("TLOW", "nonspecific", f"Flat or low T waves, {where}: nonspecific.", numbers, PART_IV)]


def _is_low(lead: str, facts: Facts) -> bool:
    """Tell whether T is inverted, or lower than a tenth of an R that prevails."""
    shape = facts.shapes.get(lead)
    if shape is None or shape.t_mv is None:
        return False
    upright_qrs = shape.r_mv >= R_MV and shape.r_mv > shape.depth_mv
    if lead in ("V1", "V2", "V3", "V4") and is_rbbb(facts) and is_wide(facts):
        return False
    if shape.t_mv <= -T_MV:
        return upright_qrs or lead in ("V2", "V3", "V4")  # where T is to be upright whatever the QRS is
    return upright_qrs and shape.t_mv < T_OF_R * shape.r_mv


def _primary_t(facts: Facts) -> list[Statement]:
    """Return T waves that left bundle branch block does not invert: negative after a negative QRS."""
    values = {
        lead: shape.t_mv
        for lead in CHEST[:4]
        if (shape := facts.shapes.get(lead)) is not None
        and shape.t_mv is not None
        and shape.t_mv <= -T_MV
        and _net(facts, lead) < 0
    }
    leads = facts.contiguous(values)
    if not leads:
        return []
    numbers = f"T {listed({lead: values[lead] for lead in leads})} after a negative QRS"
    return [statement("TINV", "ST-T", "T wave inversion, anterior, that the block does not explain.", numbers, PART_IV)]


def _q_leads(facts: Facts) -> tuple[str, ...]:
    """Return the leads with a pathological Q wave that has a neighbour."""
    found = {lead for lead, shape in facts.shapes.items() if lead in ST_LEADS and _is_pathological(lead, shape)}
    if not {"V2", "V3"} <= found and not {"V4", "V5", "V6"} & found:
        found -= {"V1", "V2"}  # QS in V1 and V2 alone is seen in health
    pairs = facts.contiguous(found)
    return tuple(lead for lead in pairs if lead != "V1" or "V2" in pairs)


def _is_pathological(lead: str, shape: LeadShape) -> bool:
    if shape.is_qs:
        return shape.q is not None and -shape.q.mv >= Q_MV
    if shape.q is None:
        return False
    if lead in ("V1", "V2", "V3"):
        return shape.q.ms > Q_V2_V3_MS
    return shape.q.ms >= Q_MS and -shape.q.mv >= Q_MV


def _q(facts: Facts, leads: tuple[str, ...]) -> list[Statement]:
    found = []
    for name, members in (("anterior", CHEST[:4]), ("inferior", INFERIOR), ("lateral", ("I", "aVL", "V5", "V6"))):
        here = [lead for lead in leads if lead in members]
        if len(here) < 2:
            continue
        values = ", ".join(f"{lead} {_q_text(facts.shapes[lead])}" for lead in here)
        text = f"Pathological Q waves, {name}: infarction of any age."
        found.append(statement(f"Q-{name[:3].upper()}", "infarction", text, values, UDMI))
    return found


def _q_text(shape: LeadShape) -> str:
    assert shape.q is not None
    return ("QS" if shape.is_qs else f"Q {shape.q.ms:.0f} ms") + f" {shape.q.mv:.2f} mV"


def _sgarbossa(facts: Facts) -> list[Statement]:
    """Return the elevation that left bundle branch block does not explain."""
    values = {lead: facts.shapes[lead].st_mv["J"] for lead in ST_LEADS if lead in facts.shapes}
    found: Mapping[str, str] = {
        **{lead: "with the QRS" for lead, mv in values.items() if mv >= STE_MV and _net(facts, lead) > 0},
        **{
            lead: "against it"
            for lead, mv in values.items()
            if mv <= -STE_MV and _net(facts, lead) < 0 and lead in ("V1", "V2", "V3")
        },
        **{
            lead: f"{mv / facts.shapes[lead].s_mv:.0%} of S"
            for lead, mv in values.items()
            if mv >= STE_MV and _net(facts, lead) < 0 and mv >= SMITH_SHARE * facts.shapes[lead].s_mv > 0
        },
    }
    if not found:
        return []
    code, where = territory(tuple(found))
    numbers = ", ".join(f"ST at J {lead} {values[lead]:.2f} mV, {what}" for lead, what in found.items())
    text = f"ST deviation, {where}, that the wide QRS does not explain: acute infarction must be excluded."
    return [statement(f"STE-{code}", "infarction", text, numbers, "modified Sgarbossa, Smith 2012", urgent=True)]


def _net(facts: Facts, lead: str) -> float:
    return facts.shapes[lead].qrs_area or 0.0
