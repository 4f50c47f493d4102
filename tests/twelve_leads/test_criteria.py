"""Published criteria, one by one: numbers at their limits make a statement, or none."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from pipeline.measurements import Spread
from pipeline.twelve_leads.axis import axis
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.facts import Facts
from pipeline.twelve_leads.statements import all_statements, looked_for, not_measured
from pipeline.types import Episode
from pipeline.waves.shapes import Deflection, LeadShape

SINUS = (Episode(0.0, 10.0, "N", confidence=0.99),)
R_MV = {"I": 0.7, "II": 1.0, "III": 0.4, "aVR": 0.1, "aVL": 0.4, "aVF": 0.7}
R_MV |= {"V1": 0.2, "V2": 0.5, "V3": 0.8, "V4": 1.3, "V5": 1.2, "V6": 1.0}
S_MV = {"aVR": 0.8, "V1": 0.9, "V2": 1.1, "V3": 0.7, "V4": 0.4, "V5": 0.2, "III": 0.1}


def wave(mv: float, start_ms: float, ms: float) -> Deflection:
    return Deflection(start_ms / 1000, (start_ms + ms / 2) / 1000, (start_ms + ms) / 1000, mv)


def shape(r: float, s: float = 0.0, *, st: float = 0.0, t: float = 0.3, q: Deflection | None = None) -> LeadShape:
    start = 20 if q is not None else 0
    return LeadShape(
        q=q,
        r=wave(r, start, 40) if r else None,
        s=wave(-s, start + 40, 30) if s else None,
        st_mv={"J": st, "J60": st, "J80": st},
        p_mv=0.1,
        t_mv=t,
        t_min_mv=min(0.0, t),
        p_area=2.0,
        qrs_area=20 * (r - s),
        t_area=30 * t,
    )


def healthy(**changes: LeadShape) -> dict[str, LeadShape]:
    shapes = {name: shape(R_MV[name], S_MV.get(name, 0.0), t=-0.2 if name == "aVR" else 0.3) for name in TWELVE_LEADS}
    return shapes | changes


def facts(**changes) -> Facts:
    intervals = {name: Spread(ms, ms - 5, ms + 5, 10) for name, ms in
                 {"RR": 850.0, "P": 100.0, "PR": 160.0, "QRS": 90.0, "QT": 390.0}.items()}  # fmt: skip
    usual = {
        **{"shapes": healthy(), "intervals": intervals, "axis_deg": {"P": 50.0, "QRS": 50.0, "T": 45.0}},
        **{"qtc_ms": 410.0, "rate_bpm": 70.0, "rhythm": SINUS, "duration_s": 10.0, "pr_segment_ms": 60.0},
        **{"age_years": 60, "sex": "M"},
    }
    return Facts(**usual | changes)


def with_ms(**ms: float) -> dict[str, Spread]:
    return dict(facts().intervals) | {name: Spread(value, value, value, 10) for name, value in ms.items()}


def codes(found: Facts) -> set[str]:
    return {one.code for one in all_statements(found)} - {"SR"}


def test_a_healthy_heart_has_no_statement_but_its_rhythm():
    assert codes(facts()) == set()


def test_nothing_is_called_normal_without_the_networks_word():
    assert "NORM" not in codes(facts())
    assert "NORM" in {one.code for one in all_statements(facts(), diagnosis={"NORM": 0.95})}
    assert "NORM" not in {one.code for one in all_statements(facts(), diagnosis={"NORM": 0.6})}
    eleven = {name: one for name, one in healthy().items() if name != "V3"}
    assert "NORM" not in {one.code for one in all_statements(facts(shapes=eleven), diagnosis={"NORM": 0.95})}
    long_pr = facts(intervals=with_ms(PR=230))
    assert "NORM" not in {one.code for one in all_statements(long_pr, diagnosis={"NORM": 0.95})}


@pytest.mark.parametrize(("pr", "found"), [(200.0, set()), (201.0, {"1AVB"})])
def test_a_pr_over_200_ms_is_a_first_degree_block(pr, found):
    assert codes(facts(intervals=with_ms(PR=pr))) == found


@pytest.mark.parametrize(
    ("age", "sex", "st", "found"),
    [
        (60, "M", 0.19, False), (60, "M", 0.20, True), (30, "M", 0.24, False), (30, "M", 0.25, True),
        (30, "F", 0.15, True), (60, "F", 0.14, False), (None, None, 0.19, False), (None, None, 0.20, True),
    ],
)  # fmt: skip
def test_the_limit_in_v2_and_v3_depends_on_age_and_sex(age, sex, st, found):
    shapes = healthy(V2=shape(0.5, 1.1, st=st), V3=shape(0.8, 0.7, st=st))
    said = [one for one in all_statements(facts(shapes=shapes, age_years=age, sex=sex)) if one.code == "STE-ANT"]
    assert bool(said) == found
    assert all(one.urgent and f"V2 {st:.2f}" in one.evidence for one in said)


@pytest.mark.parametrize(
    ("elevated", "lost", "found"),
    [
        ("V2 V4", "V3", True),
        ("V2 V4", "", False),
        ("V1 V4", "V2 V3", False),
        ("V3 V5", "V4", True),
        ("V2 V4", "V5", False),
    ],
)
def test_leads_on_both_sides_of_one_that_was_not_measured_are_neighbours(elevated, lost, found):
    shapes = healthy(**{lead: shape(0.8, 0.7, st=0.3) for lead in elevated.split()})
    left = {lead: one for lead, one in shapes.items() if lead not in lost.split()}
    assert ("STE-ANT" in codes(facts(shapes=left))) == found


def test_one_elevated_lead_alone_is_no_statement_and_two_neighbours_are():
    one = healthy(II=shape(1.0, st=0.3))
    assert codes(facts(shapes=one)) == set()
    two = healthy(II=shape(1.0, st=0.1), aVF=shape(0.7, st=0.1))
    assert codes(facts(shapes=two)) == {"STE-INF"}
    apart = healthy(V2=shape(0.5, 1.1, st=0.3), V5=shape(1.2, 0.2, st=0.3))
    assert codes(facts(shapes=apart)) == set()


def test_urgent_statements_come_first():
    shapes = healthy(II=shape(1.0, st=0.2), aVF=shape(0.7, st=0.2))
    found = all_statements(facts(shapes=shapes, intervals=with_ms(PR=260)))
    assert [one.urgent for one in found] == [True, False, False]


def test_a_smaller_elevation_counts_where_q_waves_say_infarction():
    qs = replace(shape(0.0, st=0.13), q=wave(-1.8, 0, 80))
    shapes = healthy(V1=qs, V2=qs, V3=qs, V4=qs)
    found = {one.code: one for one in all_statements(facts(shapes=shapes))}
    assert {"STE-ANT", "Q-ANT"} <= found.keys()
    assert found["STE-ANT"].urgent
    flat = replace(qs, st_mv={"J": 0.05, "J60": 0.05, "J80": 0.05})
    assert "STE-ANT" not in codes(facts(shapes=healthy(V1=flat, V2=flat, V3=flat, V4=flat)))


def test_hypertrophy_explains_a_small_elevation_over_a_deep_s():
    deep = {"V1": shape(0.2, 2.6, st=0.15), "V2": shape(0.3, 3.0, st=0.3), "V5": shape(2.4)}
    assert codes(facts(shapes=healthy(**deep))) == {"LVH"}
    high = deep | {"V1": shape(0.2, 2.6, st=0.7), "V2": shape(0.3, 3.0, st=0.9)}
    assert "STE-ANT" in codes(facts(shapes=healthy(**high)))


@pytest.mark.parametrize(("ms", "mv", "found"), [(29.0, 0.2, False), (30.0, 0.2, True), (40.0, 0.09, False)])
def test_a_pathological_q_is_thirty_ms_and_a_tenth_of_a_millivolt(ms, mv, found):
    q = wave(-mv, 0, ms)
    shapes = healthy(III=shape(0.4, q=q), aVF=shape(0.7, q=q))
    assert ("Q-INF" in codes(facts(shapes=shapes))) == found


def test_depression_must_not_rise_and_needs_two_neighbours():
    flat = shape(1.2, st=-0.06, t=0.2)
    assert codes(facts(shapes=healthy(V5=flat, V6=flat))) == {"STD"}
    rising = replace(flat, st_mv={"J": -0.1, "J60": -0.06, "J80": -0.05})
    assert codes(facts(shapes=healthy(V5=rising, V6=rising))) == set()
    assert codes(facts(shapes=healthy(V5=flat))) == set()


def test_depression_of_v1_to_v3_under_an_upright_t_may_be_posterior():
    low = shape(0.6, 0.5, st=-0.1, t=0.4)
    found = {one.code: one for one in all_statements(facts(shapes=healthy(V1=low, V2=low, V3=low)))}
    assert found["STE-POST"].urgent


def test_t_inversion_needs_two_neighbours():
    low = shape(1.2, 0.2, t=-0.2)
    assert codes(facts(shapes=healthy(V5=low, V6=low))) == {"TINV"}
    assert codes(facts(shapes=healthy(V5=low))) == set()


@pytest.mark.parametrize(("qtc", "urgent"), [(449.0, None), (450.0, False), (500.0, False), (501.0, True)])
def test_a_long_qt_is_urgent_over_500_ms(qtc, urgent):
    said = [one.urgent for one in all_statements(facts(qtc_ms=qtc)) if one.code == "LQT"]
    assert said == ([] if urgent is None else [urgent])


def bundle(v1: LeadShape, lateral: LeadShape, qrs: float) -> Facts:
    shapes = healthy(V1=v1, I=lateral, V5=lateral, V6=lateral)
    return facts(shapes=shapes, intervals=with_ms(QRS=qrs), qtc_ms=None)


RIGHT = (LeadShape(r=wave(0.2, 0, 25), s=wave(-0.3, 25, 30), r2=wave(0.8, 55, 70),
                   st_mv={"J": 0.0, "J60": 0.0, "J80": 0.0}, t_mv=-0.1, qrs_area=20.0),
         replace(shape(0.9, 0.3), s=wave(-0.3, 45, 70)))  # fmt: skip
SMALL = (replace(RIGHT[0], r2=wave(0.15, 55, 40)), RIGHT[1])
LEFT = (LeadShape(r=wave(0.1, 0, 20), s=wave(-1.8, 20, 110), st_mv={"J": 0.1, "J60": 0.1, "J80": 0.1}, t_mv=0.4,
                  qrs_area=-90.0),
        replace(shape(1.5, t=-0.3), r=wave(1.5, 0, 140), notched=True))  # fmt: skip


@pytest.mark.parametrize(
    ("leads", "qrs", "code"),
    [
        (RIGHT, 130.0, "RBBB"),
        (RIGHT, 114.0, "IRBBB"),
        (RIGHT, 105.0, "IRBBB"),
        (SMALL, 114.0, "IRBBB"),
        (SMALL, 105.0, None),
        (LEFT, 150.0, "LBBB"),
        (LEFT, 112.0, "ILBBB"),
    ],
)
def test_bundle_branch_blocks_are_named_by_shape_and_duration(leads, qrs, code):
    found = codes(bundle(*leads, qrs)) & {"RBBB", "IRBBB", "LBBB", "ILBBB", "IVCD"}
    assert found == (set() if code is None else {code})


def test_a_wide_qrs_of_neither_shape_is_a_nonspecific_delay():
    assert "IVCD" in codes(facts(intervals=with_ms(QRS=130), qtc_ms=None))


def test_left_bundle_branch_block_is_read_for_ischaemia_by_sgarbossa_only():
    assert not {code for code in codes(bundle(*LEFT, 150.0)) if code.startswith(("STE", "STD", "Q-", "TINV"))}
    v1, lateral = LEFT
    with_it = replace(lateral, st_mv={"J": 0.15, "J60": 0.15, "J80": 0.15}, qrs_area=90.0)
    assert "STE-LAT" in codes(bundle(v1, with_it, 150.0))
    shapes = dict(bundle(v1, lateral, 150.0).shapes)
    down = replace(v1, t_mv=-0.4)
    primary = facts(shapes=shapes | {"V2": down, "V3": down}, intervals=with_ms(QRS=150), qtc_ms=None)
    assert "TINV" in codes(primary)


def test_flat_t_waves_are_told_from_inverted_ones():
    flat, low = shape(1.2, 0.2, t=0.05), shape(1.2, 0.2, t=-0.2)
    assert codes(facts(shapes=healthy(V5=flat, V6=flat))) == {"TLOW"}
    assert codes(facts(shapes=healthy(V5=flat, V6=low))) == {"TINV"}


def test_a_subtle_anterior_elevation_is_told_from_early_repolarisation_by_r_in_v4():
    def said(r_v4, suspicion):
        raised = shape(0.8, 0.7, st=0.15)
        shapes = healthy(V2=raised, V3=raised, V4=shape(r_v4, 0.4, st=0.05))
        return codes(facts(shapes=shapes, qtc_bazett_ms=430.0, suspicion=suspicion))

    assert said(0.5, 0.9) == {"STE-ANT"}
    assert said(2.0, 0.9) == set()
    assert said(0.5, 0.1) == set()
    assert said(0.5, None) == set()


def test_irregular_beats_without_p_waves_are_likely_fibrillation():
    found = all_statements(facts(p_share=0.1, irregularity=0.2))
    assert {"AFIB"} == {one.code for one in found if one.group == "rhythm"}
    assert "AFIB" not in codes(facts(p_share=0.9, irregularity=0.2))
    assert "AFIB" not in codes(facts(p_share=0.1, irregularity=0.03))


def test_a_left_anterior_block_needs_axis_and_shape():
    inferior = {name: shape(0.2, 0.9) for name in ("II", "III", "aVF")}
    shapes = healthy(**inferior, aVL=shape(1.0, q=wave(-0.06, 0, 15)))
    assert "LAFB" in codes(facts(shapes=shapes, axis_deg={"QRS": -50.0}))
    assert "LAFB" not in codes(facts(shapes=shapes, axis_deg={"QRS": -40.0}))
    assert "LAFB" not in codes(facts(axis_deg={"QRS": -50.0}))


def test_voltages_of_hypertrophy_and_their_sex():
    tall = healthy(V1=shape(0.2, 1.6), V5=shape(1.9))
    assert codes(facts(shapes=tall)) == {"LVH"}
    assert codes(facts(shapes=tall, age_years=20)) == set()
    cornell = healthy(aVL=shape(0.9), V3=shape(0.6, 1.4))
    assert codes(facts(shapes=cornell)) == set()
    assert codes(facts(shapes=cornell, sex="F")) == {"LVH"}


def test_low_voltage_in_all_limb_leads():
    low = {name: shape(0.3, 0.1) for name in ("I", "II", "III", "aVR", "aVL", "aVF")}
    assert codes(facts(shapes=healthy(**low))) == {"LVOLT"}


def test_pre_excitation_is_a_short_pr_into_a_wide_qrs():
    assert "WPW" in codes(facts(intervals=with_ms(PR=100, QRS=125), pr_segment_ms=5.0, qtc_ms=None))
    assert "WPW" not in codes(facts(intervals=with_ms(PR=100, QRS=90), pr_segment_ms=5.0))


def test_swapped_arms_turn_lead_one_over():
    down = replace(shape(0.1, 0.7, t=-0.3), p_mv=-0.1)
    up = replace(shape(1.0), p_mv=0.1)
    assert "SWAP-RA-LA" in codes(facts(shapes=healthy(I=down, aVR=up)))


@pytest.mark.parametrize(("rhythm", "code"), [("VT", "VT"), ("VFL", "VF"), ("BIII", "3AVB"), ("ASYS", "ASYS")])
def test_dangerous_rhythms_are_urgent(rhythm, code):
    found = all_statements(facts(rhythm=(Episode(0.0, 10.0, rhythm),)))
    assert next(one for one in found if one.code == code).urgent


def test_a_paced_beat_is_not_read_for_anything_but_its_rhythm():
    shapes = healthy(II=shape(1.0, st=0.3), aVF=shape(0.7, st=0.3))
    assert codes(facts(rhythm=(Episode(0.0, 10.0, "P"),), shapes=shapes, intervals=with_ms(QRS=160))) == {"PACE"}


def test_every_statement_has_numbers_and_a_source():
    shapes = healthy(II=shape(1.0, st=0.3), aVF=shape(0.7, st=0.3), V1=shape(0.2, 2.6), V5=shape(2.4))
    for one in all_statements(facts(shapes=shapes, intervals=with_ms(PR=250), rate_bpm=45.0)):
        assert any(letter.isdigit() for letter in one.evidence), one
        assert one.evidence.endswith(")"), one


def test_what_was_looked_for_depends_on_the_leads():
    assert "ST elevation" in looked_for(facts())
    assert "ST elevation" not in looked_for(facts(shapes={}))
    assert "axis" not in looked_for(facts(shapes={"II": shape(1.0)}))


@pytest.mark.parametrize("degrees", [-150.0, -60.0, 0.0, 45.0, 90.0, 170.0])
def test_any_two_limb_leads_give_the_same_axis(degrees):
    x, y = np.cos(np.radians(degrees)), np.sin(np.radians(degrees)) * np.sqrt(3) / 2
    second = y + x / 2
    areas = {"I": x, "II": second, "III": second - x, "aVR": -(x + second) / 2, "aVL": x - second / 2, "aVF": y}
    shapes = {lead: LeadShape(qrs_area=20 * area) for lead, area in areas.items()}
    for pair in combinations(shapes, 2):
        found = axis({lead: shapes[lead] for lead in pair})["QRS"]
        assert np.cos(np.radians(found - degrees)) == pytest.approx(1), pair
    assert axis({"I": shapes["I"]}) == {}


def chest(order=range(6)):
    """QRS of V1 to V6 that turns step by step from an rS to an R, the leads in this order."""
    t = np.linspace(0, 1, 50)
    first, last = (
        0.2 * np.exp(-(((t - 0.2) / 0.08) ** 2)) - np.exp(-(((t - 0.5) / 0.15) ** 2)),
        np.exp(-(((t - 0.45) / 0.15) ** 2)),
    )
    return np.stack([(1 - i / 5) * first + i / 5 * 1.4 * last for i in order], axis=1)


def test_chest_leads_out_of_order_are_named_and_those_in_order_are_not():
    def said(order):
        return {one.code for one in all_statements(facts(), chest(order)) if one.code.startswith("SWAP")}

    assert said(range(6)) == set()
    assert said([0, 2, 1, 3, 4, 5]) == {"SWAP-V2-V3"}
    assert said([2, 1, 0, 3, 4, 5]) == {"SWAP-V1-V3"}


def test_a_chest_lead_of_noise_is_not_called_swapped():
    leads = chest(range(6))
    leads[:, 4] = np.random.default_rng(0).normal(0, 0.02, len(leads))
    assert not any(one.code.startswith("SWAP") for one in all_statements(facts(), leads))


def test_a_swap_of_right_arm_and_left_leg_turns_lead_two_over():
    down = replace(shape(0.1, 1.0, t=-0.3), p_mv=-0.15)
    up = replace(shape(0.9, t=0.3), p_mv=0.1)
    shapes = healthy(I=replace(shape(0.1, 0.4), p_mv=-0.05), II=down, aVF=down, aVR=up)
    assert "SWAP-RA-LL" in codes(facts(shapes=shapes))


@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("flat", ["I", "II", "III"])
def test_a_flat_limb_lead_between_two_equal_ones_is_a_leg_on_an_arm(flat: str, measured: bool) -> None:
    shapes = healthy(**limb_leads((0.05, 0.05), {"I": (0.0, 0.3), "II": (0.3, 0.0), "III": (0.3, 0.3)}[flat]))
    kept = {name: one for name, one in shapes.items() if measured or name != flat}
    (said,) = [one for one in all_statements(facts(shapes=kept)) if "SWAP" in one.code]
    assert said.code == "SWAP-RL"
    assert f"lead {flat} " in said.evidence
    assert ("too flat to be measured" in said.evidence) == (not measured)  # no number of what has none


def test_a_dead_limb_lead_is_no_swap() -> None:
    shapes = {name: one for name, one in healthy(**limb_leads((0.08, 0.12), (0.7, 1.0))).items() if name != "II"}
    assert not {code for code in codes(facts(shapes=shapes)) if "SWAP" in code}


def test_an_unmeasured_lead_between_leads_of_equal_qrs_areas_is_no_swap() -> None:
    """At an axis of 30 degrees the QRS of I and II have one area; P and T differ, and so do aVL and aVF."""
    usual = limb_leads((0.05, 0.15), (0.8, 0.8))
    shapes = healthy(**usual | {"aVL": replace(usual["aVL"], t_mv=0.1), "aVF": replace(usual["aVF"], t_mv=0.35)})
    shapes = {name: one for name, one in shapes.items() if name != "III"}
    assert not {code for code in codes(facts(shapes=shapes)) if "SWAP" in code}


def test_an_elevation_beside_an_unmeasured_lead_is_neither_an_infarction_nor_silence() -> None:
    """Published criteria read two neighbouring leads."""
    shapes = healthy(V2=shape(0.5, 1.1, st=0.25))
    assert not codes(facts(shapes=shapes))
    without = {name: one for name, one in shapes.items() if name != "V3"}
    (said,) = [one for one in all_statements(facts(shapes=without)) if one.code == "ST-UNREAD"]
    assert not said.urgent
    assert "V3 not measured" in said.text
    assert "V2 0.25" in said.evidence
    both = without | {"V4": shape(1.3, 0.4, st=0.25)}  # which are neighbours then
    assert {code for code in codes(facts(shapes=both)) if code.startswith("ST")} == {"STE-ANT"}
    holter = {name: one for name, one in shapes.items() if name in ("II", "V2", "V5")}
    assert not codes(facts(shapes=holter))


@pytest.mark.parametrize(("share", "said"), [(0.20, False), (0.30, True)])
def test_an_elevation_against_a_wide_qrs_counts_from_a_quarter_of_s(share: float, said: bool) -> None:
    """Paced beats whose spikes are not seen, and delays without a block's shape, repolarise against the QRS."""
    deep = shape(0.2, 1.5, st=1.5 * share)
    shapes = healthy(V3=deep, V4=deep)
    wide = facts(shapes=shapes, intervals=with_ms(QRS=160), qtc_ms=None, qtc_bazett_ms=None)
    assert ("STE-ANT" in codes(wide)) == said
    assert "STE-ANT" in codes(facts(shapes=shapes))  # a narrow QRS explains neither


def test_early_repolarisation_needs_the_formula_the_shape_and_the_network() -> None:
    concave = replace(shape(1.8, 0.4, t=0.9), st_mv={"J": 0.25, "J60": 0.27, "J80": 0.3})
    young = {"shapes": healthy(V3=concave, V4=concave), "qtc_bazett_ms": 390.0, "suspicion": 0.02}
    found = all_statements(facts(**young))
    (early,) = [one for one in found if one.code == "ER"]
    assert not early.urgent
    assert "STE-ANT" not in {one.code for one in found}
    long_qtc, ill, silent = {"qtc_bazett_ms": 470.0}, {"suspicion": 0.6}, {"suspicion": None}
    sunk = {"shapes": healthy(V3=concave, V4=concave, II=shape(1.0, st=-0.1), aVF=shape(0.7, st=-0.1))}
    for worse in (long_qtc, ill, silent, sunk):
        first = all_statements(facts(**young | worse))[0]
        assert (first.code, first.urgent) == ("STE-ANT", True), worse


def test_leads_that_were_not_measured_are_named() -> None:
    without = {name: one for name, one in healthy().items() if name != "V3"}
    assert not_measured(facts(shapes=without)) == ("V3",)
    assert not_measured(facts()) == ()
    assert not_measured(facts(shapes={"II": shape(1.0)})) == ()  # a rhythm lead


def limb_leads(p_mv: tuple[float, float], qrs_mv: tuple[float, float]) -> dict[str, LeadShape]:
    """All six limb leads, from P and QRS in I and II."""
    made = {}
    for name, (one, two) in {
        **{"I": (1.0, 0.0), "II": (0.0, 1.0), "III": (-1.0, 1.0)},
        **{"aVR": (-0.5, -0.5), "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0)},
    }.items():
        p, qrs = (one * first + two * second for first, second in (p_mv, qrs_mv))
        made[name] = replace(shape(max(qrs, 0.0), max(-qrs, 0.0), t=0.3 * qrs), p_mv=p)
    return made


# P and QRS in I and II of three hearts in sinus rhythm: a usual axis, one to the left, one upright
@pytest.mark.parametrize(
    ("p_mv", "qrs_mv"), [((0.08, 0.12), (0.7, 1.0)), ((0.12, 0.08), (1.0, 0.2)), ((0.05, 0.1), (0.3, 0.9))]
)
def test_the_p_wave_tells_which_electrodes_are_swapped(p_mv: tuple[float, float], qrs_mv: tuple[float, float]) -> None:
    (p1, p2), (q1, q2) = p_mv, qrs_mv
    assert not {code for code in codes(facts(shapes=healthy(**limb_leads(p_mv, qrs_mv)))) if "SWAP" in code}
    arms = limb_leads((-p1, p2 - p1), (-q1, q2 - q1))
    assert {code for code in codes(facts(shapes=healthy(**arms))) if "SWAP" in code} == {"SWAP-RA-LA"}
    arm_and_leg = limb_leads((p1 - p2, -p2), (q1 - q2, -q2))
    said = {code for code in codes(facts(shapes=healthy(**arm_and_leg))) if "SWAP" in code}
    assert said == ({"SWAP-RA-LL"} if q2 > q1 / 2 else set())  # with a negative QRS in aVF it cannot be told


def test_evidence_of_a_small_elevation_names_the_limit_that_made_it():
    qs = LeadShape(q=wave(-1.5, 0, 60), st_mv={"J": 0.11, "J60": 0.15, "J80": 0.15})
    first = all_statements(facts(shapes=healthy(V2=qs, V3=qs)))[0]
    assert first.code == "STE-ANT"
    assert "with Q waves in V2, V3 told from 0.1 mV on, else limits 0.2 mV in V2 and V3" in first.evidence


def test_an_assumed_age_is_said():
    shapes = healthy(V2=shape(0.5, 1.1, st=0.3), V3=shape(0.8, 0.7, st=0.3))
    said = {age: all_statements(facts(shapes=shapes, age_years=age))[0].evidence for age in (60, None)}
    assert "for men from 40, elsewhere" in said[60]
    assert "for men from 40, age not known, elsewhere" in said[None]


def test_low_t_waves_beside_inverted_ones_are_not_called_inverted():
    (found,) = (
        one for one in all_statements(facts(shapes=healthy(V5=shape(1.2, t=-0.3), V6=shape(1.0, t=0.03))))
        if one.code == "TINV"
    )  # fmt: skip
    assert found.evidence.startswith("T V5 -0.30 mV, inverted from -0.1; flat or low V6 0.03 mV")


def test_two_leads_make_no_statement_on_st():
    two = {name: shape(0.2, 0.9, st=0.4) for name in ("V1", "V2")}
    assert not {code for code in codes(facts(shapes=two)) if code.startswith(("ST", "T", "Q"))}
    assert not any("ST" in name for name in looked_for(facts(shapes=two)))


def test_an_axis_straight_up_is_a_left_axis():
    assert "LAD" in codes(facts(axis_deg={"QRS": -90.0}))


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"rhythm": (Episode(0.0, 10.0, "P", confidence=0.9),)}, {"ST elevation", "axis", "AV block of any degree"}),
        ({"qtc_ms": None}, {"long and short QT"}),
        ({"intervals": with_ms(PR=100, QRS=125), "pr_segment_ms": 5.0}, {"ST elevation", "pathological Q waves"}),
        ({"rate_bpm": None}, {"ectopic beats", "ST elevation"}),
    ],
)
def test_what_could_not_be_looked_for_is_not_listed(changes, missing):
    assert missing <= set(looked_for(facts()))
    assert not missing & set(looked_for(facts(**changes)))


def test_a_recording_that_is_half_noise_is_not_called_normal():
    rhythm = (Episode(0.0, 5.0, "N", confidence=0.99), Episode(5.0, 10.0, "NOISE", confidence=0.99))
    assert "NORM" not in {one.code for one in all_statements(facts(rhythm=rhythm), diagnosis={"NORM": 0.95})}
