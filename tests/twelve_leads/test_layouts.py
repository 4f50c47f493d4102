"""Where leads stand: the usual places, those of recordings with fewer or other leads, and the rhythm strip."""

from __future__ import annotations

import pytest

from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.layouts import SHEET_LAYOUTS, cells, is_sheet, missing_leads, rhythm_lead


def grid(name, leads=TWELVE_LEADS):
    """The leads of each row, left to right."""
    rows = {}
    for cell in cells(SHEET_LAYOUTS[name], leads):
        rows.setdefault(cell.row, []).append(cell)
    return [[cell.lead for cell in sorted(row, key=lambda cell: cell.column)] for _, row in sorted(rows.items())]


def test_three_rows_of_four_columns_and_a_rhythm_strip():
    assert grid("3x4") == [
        ["I", "aVR", "V1", "V4"],
        ["II", "aVL", "V2", "V5"],
        ["III", "aVF", "V3", "V6"],
        ["II"],
    ]
    strip = cells(SHEET_LAYOUTS["3x4"], TWELVE_LEADS)[-1]
    assert (strip.strip, strip.columns) == (True, 1)


def test_six_rows_of_two_and_twelve_rows():
    assert grid("6x2")[:6] == [[limb, chest] for limb, chest in zip(TWELVE_LEADS[:6], TWELVE_LEADS[6:], strict=True)]
    assert grid("12x1") == [[lead] for lead in TWELVE_LEADS]


def test_the_order_of_cabrera_turns_avr_round():
    assert [row[0] for row in grid("cabrera")[:6]] == ["aVL", "I", "aVR", "II", "aVF", "III"]
    assert [row[1] for row in grid("cabrera")[:6]] == list(TWELVE_LEADS[6:])
    turned = [cell.lead for cell in cells(SHEET_LAYOUTS["cabrera"], TWELVE_LEADS) if cell.negated]
    assert turned == ["aVR"]


@pytest.mark.parametrize("name", SHEET_LAYOUTS)
def test_each_lead_has_one_place_besides_the_strip_in_every_layout(name):
    found = [cell.lead for cell in cells(SHEET_LAYOUTS[name], TWELVE_LEADS) if not cell.strip]
    assert sorted(found) == sorted(TWELVE_LEADS)


def test_a_missing_chest_lead_leaves_its_place_empty():
    there = [lead for lead in TWELVE_LEADS if lead != "V3"]
    assert grid("3x4", there)[2] == ["III", "aVF", "V6"]
    assert next(cell.column for cell in cells(SHEET_LAYOUTS["3x4"], there) if cell.lead == "V6") == 3
    assert missing_leads(there) == ("V3",)


def test_three_leads_run_over_the_whole_width_without_a_strip():
    assert grid("3x4", ["MLII", "V1", "V5"]) == [["MLII"], ["V1"], ["V5"]]
    assert all(cell.columns == 1 for cell in cells(SHEET_LAYOUTS["3x4"], ["MLII", "V1", "V5"]))
    assert missing_leads(["MLII", "V1", "V5"]) == ()


def test_leads_of_other_names_stand_below_the_twelve():
    assert grid("3x4", [*TWELVE_LEADS, "vx", "vy", "vz"])[3:] == [["vx", "vy", "vz"], ["II"]]


def test_the_rhythm_strip_shows_lead_ii_or_the_next_best():
    assert rhythm_lead(TWELVE_LEADS) == "II"
    assert rhythm_lead(["V5", "V1"]) == "V1"
    assert rhythm_lead(["X", "Y"]) == "X"


def test_an_ecg_has_three_leads_or_more():
    assert not is_sheet(["MLII", "V1"])
    assert is_sheet(["I", "II", "V1"])
