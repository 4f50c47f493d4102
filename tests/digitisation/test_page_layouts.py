"""Layout, gain and speed from what is printed on a page; without names a page is asked about."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.cli import main
from pipeline.digitisation.corrections import Corrections
from pipeline.digitisation.digitise import Digitised, _with_avr_as_shown, digitise
from pipeline.digitisation.grid import measure_grid
from pipeline.digitisation.label_evidence import fit_labels, limb_misfit, rows_alike, shows_avr
from pipeline.digitisation.layout_choice import LeadBox
from pipeline.digitisation.layouts import LAYOUTS, ONE_LEAD, layout_names, layout_of, other_order
from pipeline.digitisation.phrases import Word, read_phrases
from pipeline.digitisation.to_recording import to_recording
from pipeline.digitisation.trace import Trace
from pipeline.errors import IntakeError
from pipeline.synthesis.ecg_pages import GeneratedPage, PageStyle, draw_page, row_height_mm
from tests.helpers.printed_page import drawn

SCREEN = {"paper": "screen", "ink": (60, 240, 110)}


def rows_of_one_lead(rows: int = 3, **style: object) -> GeneratedPage:
    """A page of one lead in several rows of 10 s; its beats do not repeat with the rows."""
    time_s = np.arange(rows * 10 * 500) / 500
    phase = (time_s + 0.02 * np.sin(time_s / 7)) % 0.83 - 0.3
    beat = np.exp(-((phase / 0.02) ** 2)) + 0.25 * np.exp(-(((phase - 0.27) / 0.05) ** 2))
    lead = str(style.get("lead", "I"))
    how = {"px_per_mm": 5.0, "layout": ONE_LEAD, "rows": rows, "lead": lead, **style}
    return draw_page({lead: beat.astype(np.float32)}, 500, PageStyle(**how))  # type: ignore[arg-type]


def best_r(found: np.ndarray, truth: np.ndarray) -> float:
    """Pearson's r at the best shift of up to 60 ms."""
    pairs = ((found[30 + s : found.size - 30 + s], truth[30 : truth.size - 30]) for s in range(-30, 31))
    return max(float(np.corrcoef(a[np.isfinite(a)], b[np.isfinite(a)])[0, 1]) for a, b in pairs)


def asks(found: Digitised) -> list[str]:
    return [need.about for need in found.needs]


@pytest.mark.parametrize(
    ("layout", "first"),
    [
        ("3x4+1 Cabrera", ("aVL", "I", "-aVR", "II", "aVF", "III")),
        ("12x1 Cabrera", ("aVL", "I", "-aVR", "II", "aVF", "III")),
        ("3x4+1", ("I", "II", "III", "aVR", "aVL", "aVF")),
        ("6x1 limb", ("I", "II", "III", "aVR", "aVL", "aVF")),
        ("6x1 chest", ("V1", "V2", "V3", "V4", "V5", "V6")),
        ("3x1", ("I", "II", "III")),
        ("12x1", ("I", "II", "III", "aVR", "aVL", "aVF")),
    ],
)
def test_the_names_on_a_page_decide_its_layout(layout: str, first: tuple[str, ...]) -> None:
    found = digitise(drawn(layout=layout, gain=5.0, face="held-serif").picture)
    assert found.layout.name == layout
    assert not found.needs
    recording = to_recording(found, name="page")
    assert recording.leads[: len(first)] == first
    assert recording.duration_s == pytest.approx(10, abs=0.01)


def test_the_upside_down_lead_of_cabrera_keeps_its_sign() -> None:
    page = drawn(layout="6x1 Cabrera", face="held-condensed")
    recording = to_recording(digitise(page.picture, Corrections(layout="6x1 Cabrera")), name="page")
    found = recording.p_signal[:, recording.leads.index("-aVR")]
    assert best_r(found, page.truth.signals["-aVR"][1]) > 0.95


@pytest.mark.parametrize("strips", [2, 3])
def test_strips_below_the_columns_are_named_or_asked_about(strips: int) -> None:
    found = digitise(drawn(layout=f"3x4+{strips}").picture)
    assert found.layout.name == f"3x4+{strips}"
    assert set(asks(found)) <= {"strip"}  # all made-up leads have one shape: the unnamed ones repeat several
    named = Corrections(leads=("V1", "II", "V5")[:strips])
    recording = to_recording(digitise(drawn(layout=f"3x4+{strips}").picture, named), name="page")
    assert np.isfinite(recording.p_signal[:, recording.leads.index("V1")]).mean() > 0.97


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1", "3x1", "6x1 limb"])
@pytest.mark.parametrize("printed", [{"face": ""}, {"labels": False}])
def test_a_page_without_names_is_asked_about_and_never_assumed(layout: str, printed: dict[str, object]) -> None:
    found = digitise(drawn(layout=layout, gain=5.0, px_per_mm=4.0, **printed).picture)
    (question,) = [need.question for need in found.needs if need.about == "layout"]
    assert all(name in question for name in layout_names(len(found.lanes)))
    assert layout in question
    with pytest.raises(IntakeError, match="which layout is it"):
        to_recording(found, name="page")


@pytest.mark.parametrize(
    "printed",
    [{"labels": False, "says": "Lead I", "pulse": "none"}, {"lead": "II", **SCREEN}, {"rows": 4, "lead": "II"}],
)
def test_one_lead_over_several_rows_becomes_one_lead(printed: dict[str, object]) -> None:
    page = rows_of_one_lead(**printed)  # type: ignore[arg-type]
    found = digitise(page.picture)
    assert not found.needs
    recording = to_recording(found, name="strip")
    assert recording.leads == (page.truth.style.lead,)
    assert recording.duration_s == pytest.approx(10 * len(found.lanes), abs=0.1)
    assert best_r(recording.p_signal[:, 0], page.truth.signals[recording.leads[0]][1]) > 0.97


def test_twelve_rows_without_a_name_are_asked_about_and_can_be_one_lead() -> None:
    picture = rows_of_one_lead(12, labels=False, gain=5.0, px_per_mm=4.0).picture
    found = digitise(picture)
    assert "layout" in asks(found)
    known = digitise(picture, Corrections(layout=ONE_LEAD))
    assert [need.question for need in known.needs] == ["Which lead do the rows show?"]
    recording = to_recording(digitise(picture, Corrections(layout=ONE_LEAD, leads=("II",))), name="strip")
    assert (recording.leads, round(recording.duration_s)) == (("II",), 120)


@pytest.mark.parametrize("ink", [(60, 240, 110), (255, 255, 255), (250, 230, 60)])
def test_a_dark_screen_is_inverted_and_read(ink: tuple[int, int, int]) -> None:
    found = digitise(drawn(paper="screen", ink=ink).picture)
    assert found.dark_screen
    assert not found.needs
    assert "dark screen, inverted" in to_recording(found, name="page").notices[0]


def test_a_dark_screen_without_a_grid_is_refused_as_one() -> None:
    picture = drawn(paper="white").picture
    with pytest.raises(IntakeError, match="dark screen"):
        digitise((255 - picture).astype(np.uint8))


@pytest.mark.parametrize(
    "style", [{"layout": "12x1", "text": False}, {"layout": "6x2", "pulse": "none"}, {"layout": "3x4+1"}]
)
def test_two_gains_are_taken_from_the_pulses_or_the_print(style: dict[str, object]) -> None:
    page = drawn(gain=10.0, chest_gain=5.0, face="sans", **style)
    found = digitise(page.picture, Corrections(layout=str(style["layout"])))
    assert found.chest_gain is not None
    assert found.gain is not None
    assert (found.gain.value, found.chest_gain.value) == (10.0, 5.0)
    recording = to_recording(found, name="page")
    for lead in ("II", "V4"):
        height = np.nanmax(recording.p_signal[:, recording.leads.index(lead)])
        assert height == pytest.approx(page.truth.signals[lead][1].max(), rel=0.15)


def with_pulses_on_the_right(page: GeneratedPage, gain: float) -> np.ndarray:
    """The page, with a second calibration pulse at the end of each row."""
    style, picture = page.truth.style, page.picture.copy()
    x0 = page.truth.size_mm[0] - style.margin_mm - 1
    for row in range(LAYOUTS[style.layout].rows):
        y0 = style.margin_mm + (row + 0.55) * row_height_mm(style.layout)
        x, y = x0 + np.array([0, 1, 1, 6, 6, 7]), y0 - gain * np.array([0, 0, 1, 1, 0, 0])
        points = np.round(np.column_stack([x, y]) * style.px_per_mm).astype(np.int32)
        cv2.polylines(picture, [points], False, style.ink, style.line_px, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize(("layout", "starts_s"), [("3x4+1", {"aVR": 2.5, "V1": 5.0, "V4": 7.5}), ("6x2", {"V1": 5.0})])
def test_a_page_that_is_cut_at_the_right_keeps_its_columns(layout: str, starts_s: dict[str, float]) -> None:
    page = drawn(layout=layout, face="sans")
    whole = page.picture.shape[1]
    found = digitise(page.picture[:, : round(0.84 * whole)], Corrections(layout=layout))
    recording = to_recording(found, name="page")
    for lead, start_s in starts_s.items():
        there = np.flatnonzero(np.isfinite(recording.p_signal[:, recording.leads.index(lead)]))
        assert there[0] / recording.fs == pytest.approx(start_s, abs=0.1)


@pytest.mark.parametrize("layout", ["6x2", "3x4"])
def test_pulses_at_both_ends_are_the_gains_of_limb_and_chest_leads(layout: str) -> None:
    page = drawn(layout=layout, gain=10.0, chest_gain=5.0, text=False)
    found = digitise(with_pulses_on_the_right(page, 5.0), Corrections(layout=layout))
    assert found.gain is not None
    assert found.chest_gain is not None
    assert (found.gain.value, found.chest_gain.value) == (10.0, 5.0)
    recording = to_recording(found, name="page")
    assert recording.duration_s == pytest.approx(10.0, abs=0.1)  # no pulse is taken for a part of the trace
    for lead in ("I", "V4"):
        height = np.nanmax(recording.p_signal[:, recording.leads.index(lead)])
        assert height == pytest.approx(page.truth.signals[lead][1].max(), rel=0.15)


def test_pulses_of_one_height_at_both_ends_are_one_gain() -> None:
    page = drawn(layout="3x4", text=False)
    found = digitise(with_pulses_on_the_right(page, 10.0), Corrections(layout="3x4"))
    assert found.gain is not None
    assert found.chest_gain is None
    assert found.gain.value == 10.0
    assert to_recording(found, name="page").duration_s == pytest.approx(10.0, abs=0.1)


def test_pulses_of_two_heights_that_no_leads_explain_are_asked_about() -> None:
    page = drawn(layout="12x1", gain=10.0, chest_gain=5.0, text=False)
    found = digitise(page.picture, Corrections(layout="12x1 Cabrera", leads=()))
    assert found.chest_gain is not None  # limb and chest rows are the same there
    unknown = digitise(page.picture, Corrections(layout=ONE_LEAD, leads=("II",)))
    assert next(need.question for need in unknown.needs if need.about == "gain").startswith("The page shows pulses of")


@pytest.mark.parametrize("face", ["held-narrow", "held-condensed", "held-mono", "held-serif", "times"])
def test_speed_and_gain_are_read_wherever_they_are_printed(face: str) -> None:
    found = digitise(drawn(pulse="none", face=face, speed=50.0, seconds=5.0, gain=20.0).picture)
    assert found.speed is not None
    assert found.gain is not None
    assert (found.speed.value, found.gain.value) == (50.0, 20.0)


def test_print_beside_the_grid_is_read() -> None:
    page = drawn(pulse="none", text=False)
    wide = cv2.copyMakeBorder(page.picture, 150, 0, 0, 0, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    cv2.putText(wide, "25 mm/s   10 mm/mV", (200, 90), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 0, 0), 2, cv2.LINE_AA)
    texts = {word.text for word in digitise(wide).words}
    assert {"25 mm/s", "10 mm/mV"} <= texts


def test_noise_and_stripes_hold_no_phrase() -> None:
    noise = np.random.default_rng(0).random((300, 600)).astype(np.float32)
    assert read_phrases(noise, 6) == ()
    assert read_phrases(np.zeros((300, 600), np.float32), 6) == ()


@pytest.mark.parametrize("px_per_mm", [3.6, 5.0])
def test_a_faint_grid_is_found_under_regular_beats(px_per_mm: float) -> None:
    grid = measure_grid(drawn(paper="faint", px_per_mm=px_per_mm, line_px=1).picture)
    assert grid.px_per_mm == pytest.approx((px_per_mm, px_per_mm), rel=0.003)


def test_every_layout_has_its_rows_and_one_lead_has_any() -> None:
    assert layout_of("3x4", 4) is None
    assert layout_of("3x4", 3) is LAYOUTS["3x4"]
    seven = layout_of(ONE_LEAD, 7)
    assert seven is not None
    assert (seven.rows, seven.in_turn) == (7, True)
    assert all(other_order(other) is layout for layout in LAYOUTS.values() if (other := other_order(layout)))


def test_in_the_order_of_cabrera_the_trace_tells_whether_avr_is_upside_down() -> None:
    rng = np.random.default_rng(2)
    one, two = (rng.normal(size=900) for _ in range(2))
    avl, upside_down = one - two / 2, (one + two) / 2
    assert shows_avr(avl, one, -upside_down)
    assert not shows_avr(avl, one, upside_down)
    assert not shows_avr(avl, one, rng.normal(size=900))
    assert not shows_avr(avl[:50], one[:50], -upside_down[:50])


def test_avr_that_is_not_upside_down_is_called_so_on_a_page_in_the_order_of_cabrera() -> None:
    rng = np.random.default_rng(3)
    one, two = (rng.normal(size=900) for _ in range(2))
    rows = {"aVL": one - two / 2, "I": one, "-aVR": -(one + two) / 2, "II": two}
    boxes = tuple(LeadBox(lead, row, 0, 900) for row, lead in enumerate(rows))
    traces = tuple(level(values) for values in rows.values())
    assert [box.lead for box in _with_avr_as_shown(boxes, traces, {})] == ["aVL", "I", "aVR", "II"]
    assert [box.lead for box in _with_avr_as_shown(boxes, traces, {2: "-aVR"})] == ["aVL", "I", "-aVR", "II"]
    assert _with_avr_as_shown(boxes[1:], traces, {}) == boxes[1:]


def level(values: np.ndarray) -> Trace:
    return Trace(values.astype(np.float64), 0, values.size, 0.0, 1.0)


def test_limb_leads_in_another_order_do_not_add_up() -> None:
    rng = np.random.default_rng(1)
    one, two = (rng.normal(size=900) for _ in range(2))
    rows = tuple(level(values) for values in (one, two, two - one))
    (usual,) = limb_misfit(LAYOUTS["3x1"], (0, 900), rows)
    (cabrera, _) = limb_misfit(LAYOUTS["3x4 Cabrera"], (0, 3600), tuple(level(np.tile(t.row, 4)) for t in rows))
    assert usual < 0.01 < cabrera


def test_rows_of_different_waves_are_not_one_lead() -> None:
    beat = np.exp(-(((np.arange(1000) % 100 - 50) / 5) ** 2))
    assert rows_alike((0, 1000), (level(beat), level(np.roll(1.05 * beat, 30))))
    assert not rows_alike((0, 1000), (level(beat), level(-beat)))


def test_a_name_where_none_is_printed_weighs_against_a_layout() -> None:
    lanes = np.array([100.0, 200.0, 300.0])
    placed = (Word("aVR", 280, 70, 1.0), Word("V4", 780, 70, 1.0))
    right = fit_labels(LAYOUTS["3x4"], lanes, (0, 1000), placed, 4)
    astray = fit_labels(LAYOUTS["3x1"], lanes, (0, 1000), placed, 4)
    assert right.score > astray.score + 2
    assert (round(right.right), round(right.wrong), round(astray.right)) == (2, 0, 0)


def test_the_command_says_which_option_answers_each_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "page.png"
    cv2.imwrite(str(file), cv2.cvtColor(drawn(face="", pulse="none").picture, cv2.COLOR_RGB2BGR))
    assert main(["page", str(file), "--output", str(tmp_path)]) == 3
    said = capsys.readouterr().err
    assert all(option in said for option in ("(--layout)", "(--speed)", "(--gain)"))
    told = json.loads((tmp_path / "page.page.json").read_text())
    assert told["status"] == "asks"
    answers = ["--layout", "3x4+1", "--speed", "25", "--gain", "10/5", "--leads", "II"]
    assert main(["page", str(file), "--output", str(tmp_path), *answers]) == 0
    told = json.loads((tmp_path / "page.page.json").read_text())
    assert (told["gain_mm_mv"], told["chest_gain_mm_mv"]) == (10.0, 5.0)


def test_leads_that_do_not_fit_the_layout_are_refused() -> None:
    with pytest.raises(IntakeError, match="leaves 1 leads open"):
        digitise(drawn().picture, Corrections(layout="3x4+1", leads=("II", "V1")))
