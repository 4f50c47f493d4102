"""Two recordings of one patient: what differs, in numbers and statements."""

from __future__ import annotations

import pytest

from pipeline.measurements import LeadMeasurements, Measurements, Spread, Statement
from pipeline.twelve_leads.serial import Change, changes, st_changes, statement_changes


def measured(*, rr=1000.0, qt=400.0, axis=10.0, st_mv=0.0, statements=(), lead="V2", formula="Fridericia"):
    return Measurements(
        intervals={"RR": Spread(rr, rr, rr, 9), "QT": Spread(qt, qt, qt, 9)},
        qtc_ms={formula: qt} if formula else {},
        qtc_used=formula,
        axis_deg={"QRS": axis},
        leads={lead: LeadMeasurements(st_mv={"J60": st_mv})},
        statements=statements,
    )


def test_each_measure_has_both_values_and_later_minus_earlier():
    found = {one.name: one for one in changes(measured(), measured(rr=750.0, qt=430.0))}
    assert (found["Rate"].earlier, found["Rate"].later, found["Rate"].difference) == (60.0, 80.0, 20.0)
    assert found["QT"].difference == 30.0
    assert found["QTc (Fridericia)"].difference == 30.0
    assert "PR" not in found


def test_a_measure_that_one_lacks_has_no_difference():
    found = {one.name: one for one in changes(measured(formula=""), measured())}
    assert found["QTc (Fridericia)"].earlier is None
    assert found["QTc (Fridericia)"].difference is None


def test_two_formulas_are_not_compared():
    assert not [one for one in changes(measured(formula="Bazett"), measured()) if one.name.startswith("QTc")]


@pytest.mark.parametrize(("earlier", "later", "expected"), [(170, -170, 20), (-170, 170, -20), (10, 100, 90)])
def test_axes_turn_the_shorter_way_round(earlier, later, expected):
    assert Change("Axis QRS", "°", earlier, later).difference == expected


def test_st_levels_are_those_of_leads_that_both_have():
    first, second = measured(st_mv=0.05, lead="v2"), measured(st_mv=0.3, lead="V2")
    assert [(one.name, round(one.difference, 2)) for one in st_changes(first, second)] == [("V2", 0.25)]
    assert st_changes(measured(lead="V1"), measured(lead="V2")) == ()


def test_statements_came_stayed_or_went_urgent_ones_first():
    lvh, old, sinus = (Statement(code, "g", code, "") for code in ("LVH", "OLD", "SR"))
    stemi = Statement("STE", "infarction", "STE", "", urgent=True)
    found = statement_changes(measured(statements=(old, sinus)), measured(statements=(lvh, sinus, stemi)))
    assert [(one.statement.code, one.fate) for one in found] == [
        ("STE", "new"), ("LVH", "new"), ("SR", "in both"), ("OLD", "gone"),
    ]  # fmt: skip
