"""12-lead pages: grid, paper, layout, calibration and traces against pages whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.analysis import prepare
from pipeline.cli import main
from pipeline.config import ROOT, data_root
from pipeline.digitisation.corrections import Corrections
from pipeline.digitisation.digitise import digitise
from pipeline.digitisation.grid import measure_grid
from pipeline.digitisation.ink import Ink
from pipeline.digitisation.layout_choice import evenly_spaced, lead_boxes
from pipeline.digitisation.layouts import LAYOUTS, TWELVE_LEADS
from pipeline.digitisation.paper import flatten, outline, squared
from pipeline.digitisation.to_recording import FS, to_recording
from pipeline.digitisation.trace import follow
from pipeline.errors import IntakeError
from pipeline.intake import read_path
from pipeline.synthesis.ecg_pages import PAPERS, GeneratedPage
from pipeline.synthesis.photographs import Distortion, distort
from tests.helpers.printed_page import drawn


def correlation(page: GeneratedPage, lead: str, found: np.ndarray) -> float:
    """Pearson's r of a lead with its truth, at the best shift of up to 100 ms."""
    start_s, truth = page.truth.signals[lead]
    best = -1.0
    for shift in range(-50, 51):
        at = round(start_s * FS) + shift
        part = found[max(0, at) : at + truth.size]
        true = truth[max(0, -at) :][: part.size]
        seen = np.isfinite(part)
        best = max(best, float(np.corrcoef(part[seen], true[seen])[0, 1])) if seen.mean() > 0.8 else best
    return best


@pytest.mark.parametrize(("paper", "px_per_mm"), [("pink", 5.0), ("grey", 6.5), ("coarse", 4.5)])
def test_the_grid_is_measured_to_a_fifth_of_a_percent(paper: str, px_per_mm: float) -> None:
    grid = measure_grid(drawn(paper=paper, px_per_mm=px_per_mm).picture)
    assert grid.px_per_mm == pytest.approx((px_per_mm, px_per_mm), rel=0.002)
    assert abs(grid.skew_deg) < 0.05


def test_a_turned_page_is_measured_with_its_turn() -> None:
    page = distort(drawn(), Distortion(rotation_deg=4.0))
    grid = measure_grid(page.picture)
    assert abs(abs(grid.skew_deg) - 4.0) < 0.1
    assert grid.px_per_mm == pytest.approx((5.0, 5.0), rel=0.004)


def test_every_paper_but_the_white_one_has_a_grid() -> None:
    assert set(PAPERS) - {"white"}
    with pytest.raises(IntakeError, match="no millimetre grid"):
        measure_grid(drawn(paper="white").picture)


def test_a_clean_page_becomes_its_recording() -> None:
    page = drawn()
    found = digitise(page.picture)
    assert not found.needs
    assert (found.speed.value, found.gain.value, found.layout.name) == (25.0, 10.0, "3x4+1")
    recording = to_recording(found, name="page")
    assert recording.leads == TWELVE_LEADS
    assert recording.duration_s == pytest.approx(10.0, abs=0.01)
    for i, lead in enumerate(TWELVE_LEADS):
        assert correlation(page, lead, recording.p_signal[:, i]) > 0.92, lead


def test_what_the_page_does_not_show_is_nan() -> None:
    recording = to_recording(digitise(drawn().picture), name="page")
    seen = np.isfinite(recording.p_signal).mean(axis=0)
    assert seen[TWELVE_LEADS.index("II")] > 0.97
    assert all(0.2 < share < 0.26 for lead, share in zip(TWELVE_LEADS, seen, strict=True) if lead != "II")
    assert np.isnan(recording.p_signal[: round(7.4 * FS), TWELVE_LEADS.index("V6")]).all()


def test_a_photographed_page_still_becomes_its_recording() -> None:
    how = Distortion(rotation_deg=2.0, perspective=0.03, desk=0.05, shadow=0.3, blur_px=0.4, noise=3, jpeg=80)
    page = distort(drawn(px_per_mm=6.0), how, 3)
    found = digitise(page.picture, Corrections(quarter_turns=0, speed=25.0, gain=10.0, layout="3x4+1"))
    recording = to_recording(found, name="page")
    mean = np.mean([correlation(page, lead, recording.p_signal[:, i]) for i, lead in enumerate(TWELVE_LEADS)])
    assert mean > 0.9


def test_speed_and_gain_are_asked_where_the_page_does_not_say() -> None:
    found = digitise(drawn(pulse="none", text=False).picture)
    assert {"speed", "gain"} <= {need.about for need in found.needs}
    with pytest.raises(IntakeError, match="Questions about the page are open"):
        to_recording(found, name="page")


@pytest.mark.parametrize("kind", ["blank", "noise", "ruled"])
def test_what_is_no_page_is_refused(kind: str) -> None:
    picture = np.full((500, 700, 3), 255, np.uint8)
    if kind == "noise":
        picture = np.random.default_rng(0).integers(0, 256, picture.shape, dtype=np.uint8)
    if kind == "ruled":
        picture[::20] = 190
    with pytest.raises(IntakeError, match="not a 12-lead page"):
        digitise(picture)


def test_empty_millimetre_paper_holds_no_traces() -> None:
    picture = np.full((600, 900, 3), 255, np.uint8)
    picture[::6], picture[:, ::6] = 225, 225
    picture[::30], picture[:, ::30] = 180, 180
    with pytest.raises(IntakeError, match="traces were found"):
        digitise(picture)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_that_lies_on_its_side_or_head_is_turned_upright(turns: int) -> None:
    found = digitise(np.rot90(drawn(layout="3x4").picture, turns).copy())
    assert found.quarter_turns == 4 - turns
    assert not found.needs


def test_half_a_page_is_asked_for_and_told_to_be_short() -> None:
    picture = drawn().picture
    found = digitise(picture[:, : picture.shape[1] // 2].copy())
    question = next(need.question for need in found.needs if need.about == "layout")
    assert "if a part is missing, show all of it" in question


def test_rows_that_fit_no_layout_are_to_be_corrected() -> None:
    page = drawn(layout="12x1", gain=5.0)
    all_rows = digitise(page.picture)
    found = digitise(page.picture, Corrections(lanes=tuple(float(lane) for lane in all_rows.lanes[:8])))
    assert any("correct the rows' baselines" in need.question for need in found.needs)


def test_a_narrow_wave_keeps_its_height_under_a_thick_pen() -> None:
    page = drawn(line_px=3, layout="12x1", gain=5.0)
    recording = to_recording(digitise(page.picture, Corrections(speed=25.0, gain=5.0, layout="12x1")), name="page")
    start_s, truth = page.truth.signals["V4"]
    assert recording.p_signal[:, TWELVE_LEADS.index("V4")].max() == pytest.approx(truth.max(), rel=0.12)
    assert start_s == 0


@pytest.mark.parametrize("beside", [0.0, 0.25, 0.5, 0.75])
def test_a_hard_pen_takes_no_height_from_a_narrow_wave_wherever_it_lies(beside: float) -> None:
    page = np.full((200, 400), 255, np.uint8)
    points = np.stack([np.linspace(0, 399, 6385)] * 2, axis=1)
    points[:, 1] = 120 - 60 * np.clip(1 - np.abs(points[:, 0] - 200 - beside) / 4, 0, None)  # 40 ms wide at 8 px/mm
    cv2.polylines(page, [np.round(points * 16).astype(np.int32)], False, 0, 2, cv2.LINE_AA, 4)
    strength = (1 - page / 255).astype(np.float32)
    (trace,), _ = follow(Ink(strength, strength > 0.45, 1.0), np.array([120.0]), 8)
    assert 120 - np.nanmin(trace.row) == pytest.approx(60, abs=2)
    assert 3 <= np.count_nonzero(trace.row < 90) <= 5  # as wide at half its height as it was


@pytest.mark.parametrize("kept", [0.4, 0.7])
def test_a_calibration_pulse_that_the_edge_cuts_is_no_trace(kept: float) -> None:
    whole = digitise(drawn(layout="3x4").picture)
    column = np.median([pulse.right - kept * (pulse.right - pulse.left) for pulse in whole.pulses])
    cut = round(float(whole.sheet.on_original(np.array([[column, whole.lanes[0]]]))[0, 0]))
    found = digitise(whole.picture[:, cut:].copy())
    assert not any(pulse.whole for pulse in found.pulses)
    assert len(found.pulses) == len(found.lanes)
    assert found.gain is not None
    assert found.gain.value == 10.0
    (here,), (there,) = (
        one.sheet.on_original(np.array([[one.span[0], one.lanes[0]]], np.float64)) for one in (found, whole)
    )
    assert here[0] + cut == pytest.approx(there[0], abs=0.5 * whole.grid.px_per_mm[0])


def test_folds_of_a_page_are_taken_out_without_a_jump_by_a_line() -> None:
    page = distort(drawn(px_per_mm=6.0), Distortion(wrinkle_mm=0.8, rotation_deg=-3.0, desk=0.04), 5)
    sheet = flatten(page.picture, measure_grid(page.picture))
    steps = [np.abs(np.diff(sheet.uneven_mm, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) < 0.6  # a slip to the next line would be 1 mm from one box to the next


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300)), min_size=4, max_size=4))
def test_any_convex_corners_become_a_rectangle(corners: list[tuple[float, float]]) -> None:
    picture = np.zeros((300, 300, 3), np.uint8)
    ring = np.array(corners)
    ahead, after = np.roll(ring, -1, axis=0) - ring, np.roll(ring, -2, axis=0) - np.roll(ring, -1, axis=0)
    turns = ahead[:, 0] * after[:, 1] - ahead[:, 1] * after[:, 0]
    if not (turns > 1).all():
        return  # refused below, or on the edge of it
    sides = np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)
    area = 0.5 * abs(np.dot(ring[:, 0], np.roll(ring[:, 1], -1)) - np.dot(ring[:, 1], np.roll(ring[:, 0], -1)))
    if area < 100 * 100 + 100:
        return
    flat, matrix = squared(picture, ring)
    assert np.isfinite(matrix).all()
    assert flat.shape[1] == round(max(sides[0], sides[2]))


@pytest.mark.parametrize("corners", [((0, 0), (9, 0), (9, 9), (0, 9)), ((0, 0), (0, 200), (200, 200), (200, 0))])
def test_corners_that_are_too_near_or_go_round_the_wrong_way_are_refused(corners: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(IntakeError, match="clockwise"):
        squared(np.zeros((300, 300, 3), np.uint8), np.array(corners, np.float64))


def test_every_layout_places_each_lead_once() -> None:
    for layout in LAYOUTS.values():
        leads = [lead for *_, spanned, lead in layout.boxes() if spanned == 1]
        assert len(set(leads)) == len(leads)
        assert max(row for row, *_ in layout.boxes()) == layout.rows - 1


def test_the_command_writes_a_recording_that_reads_back(tmp_path: Path) -> None:
    sample = ROOT / "data" / "demo" / "page_ludb_10.jpg"
    assert main(["page", str(sample), "--output", str(tmp_path)]) == 0
    recording = read_path(tmp_path / "page_ludb_10.hea")
    assert recording.leads == TWELVE_LEADS
    assert recording.duration_s == pytest.approx(10.0, abs=0.1)
    assert np.isnan(recording.p_signal[:, TWELVE_LEADS.index("V6")]).mean() > 0.7
    told = json.loads((tmp_path / "page_ludb_10.page.json").read_text())
    assert told["class"] is None
    assert "layout" in told["class_reason"]


@pytest.mark.data
def test_the_command_says_the_class_of_a_page_as_the_network_learnt_them(tmp_path: Path) -> None:
    pages = data_root() / "ecg_pages"
    page = next(file for file in sorted(pages.rglob("Normal*.jpg")))
    main(["page", str(page), "--output", str(tmp_path)])
    told = json.loads(next(tmp_path.glob("*.page.json")).read_text())
    assert told["class"] == "normal"
    assert sum(told["p"].values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.data
def test_a_rhythm_lead_crossed_by_the_joints_of_columns_can_be_analysed(tmp_path: Path) -> None:
    page = data_root() / "ecg_pages" / "history_of_mi" / "PMI_12.jpg"
    assert main(["page", str(page), "--speed", "25", "--output", str(tmp_path)]) == 0
    assert prepare(read_path(tmp_path / "PMI_12.hea")).beats.leads == ("III",)


def test_a_faint_trace_is_not_lost_to_a_darker_one_beside_it() -> None:
    strength = np.zeros((300, 900), np.float32)
    strength[99:102], strength[198:201] = 0.6, 1.0
    ink = Ink(strength, strength > 0.45, 0.8)
    (faint, dark), _ = follow(ink, np.array([100.0, 199.0]), 6)
    assert np.nanmedian(faint.row) == pytest.approx(100, abs=0.5)
    assert faint.stop - faint.start > 850
    assert np.nanmedian(dark.row) == pytest.approx(199, abs=0.5)


def test_an_edge_that_was_taken_for_a_thirteenth_row_is_left_out() -> None:
    lanes = np.concatenate([[24.0], 157 + 102.0 * np.arange(12)])
    clear = np.array([0.6] + [0.95] * 12)
    assert evenly_spaced(lanes, clear).tolist() == [False] + [True] * 12
    assert evenly_spaced(lanes[1:], clear[1:]).all()
    assert evenly_spaced(lanes, np.full(13, 0.9)).all()


def test_joints_of_the_columns_that_are_stated_are_used_and_senseless_ones_refused() -> None:
    rule = np.zeros(1200, np.bool_)
    rule[[290, 600, 890]] = True
    boxes = lead_boxes(LAYOUTS["3x4"], (0, 1200), rule, 6, joints=(250, 610, 900))
    assert [(box.start, box.stop) for box in boxes[::3]] == [(0, 250), (250, 610), (610, 900), (900, 1200)]
    assert lead_boxes(LAYOUTS["3x4"], (0, 1200), rule, 6)[0].stop == 290
    for joints in ((250, 610), (610, 250, 900), (250, 610, 1300)):
        with pytest.raises(IntakeError, match="divided 3 times"):
            lead_boxes(LAYOUTS["3x4"], (0, 1200), rule, 6, joints=joints)


def test_each_doubtful_strip_is_asked_about_and_named_on_its_own() -> None:
    page = drawn(layout="3x4+3", face="")  # leads of one shape, no names: any strip could be any lead
    given = Corrections(quarter_turns=0, layout="3x4+3", speed=25.0, gain=10.0)
    found = digitise(page.picture, given)
    assert [(need.about, need.box, need.likely) for need in found.needs] == [
        ("strip", 12, "V1"), ("strip", 13, "II"), ("strip", 14, "V5"),
    ]  # fmt: skip
    assert [f"row {i}" in need.question for i, need in enumerate(found.needs, 4)] == [True] * 3
    names = tuple((need.box, str(need.likely)) for need in found.needs if need.box is not None)
    recording = to_recording(digitise(page.picture, replace(given, names=names)), name="page")
    for lead in ("V1", "II", "V5"):
        assert correlation(page, lead, recording.p_signal[:, recording.leads.index(lead)]) > 0.99
    twice = digitise(page.picture, replace(given, names=(*names, (14, "V1"))))
    with pytest.raises(IntakeError, match="More than one box is called V1"):
        to_recording(twice, name="page")


def test_a_page_seen_from_the_side_is_straightened_by_its_outline() -> None:
    page = drawn(px_per_mm=4.0, layout="12x1", gain=5.0)
    page = distort(page, Distortion(rotation_deg=4.0, perspective=0.09, desk=0.1, shadow=0.2), 3)
    with pytest.raises(IntakeError, match="no millimetre grid"):
        measure_grid(page.picture)
    corners = outline(page.picture)
    assert corners is not None
    assert np.abs(corners - page.truth.corners).max() < 12
    found = digitise(page.picture)
    assert found.layout.name == "12x1"
    assert len(found.lanes) == 12


def test_a_picture_without_a_table_has_no_outline() -> None:
    assert outline(np.full((400, 600, 3), 240, np.uint8)) is None
    assert outline(drawn().picture) is None
