"""An ECG sheet on screen: square millimetres, letters that can be clicked, names that stay text."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from app.common import ecg_svg
from app.common.theme import DARK, LIGHT, Palette
from pipeline.cases.strip_content import BeatMarks
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.layouts import SHEET_LAYOUTS
from pipeline.twelve_leads.sheet import Sheet, ecg_sheet
from pipeline.types import Episode, QualitySegment, Recording

NS = "{http://www.w3.org/2000/svg}"
MARKS = BeatMarks(np.array([7, 8]), np.array([2.0, 3.5]), ("N", "V"), ("beat 8 <b>", "beat 9"))


def sheet(layout: str = "3x4", leads: tuple[str, ...] = TWELVE_LEADS) -> Sheet:
    time_s = np.arange(6000) / 500
    signal = np.sin(2 * np.pi * time_s)[:, None] * np.ones(len(leads))
    return ecg_sheet(Recording.from_array(signal, fs=500, leads=leads), SHEET_LAYOUTS[layout])


def drawn(one: Sheet, also: ecg_svg.OnSheet | None = None, colours: Palette = LIGHT) -> ET.Element:
    return ET.fromstring(ecg_svg.sheet_svg(one, also or ecg_svg.OnSheet(MARKS, 8), colours))


def texts(root: ET.Element) -> list[str]:
    return ["".join(element.itertext()) for element in root.iter(f"{NS}text")]


@pytest.mark.parametrize("layout", SHEET_LAYOUTS)
@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_a_unit_is_a_millimetre_and_squares_are_as_wide_as_high(layout: str, colours: Palette) -> None:
    one = sheet(layout)
    root = drawn(one, colours=colours)
    box = [float(number) for number in root.attrib["viewBox"].split()]
    assert box[2] == one.width_mm
    assert box[3] >= one.height_mm
    for kind, step in (("fine", 1), ("bold", 5)):
        lines = next(path for path in root.iter(f"{NS}path") if path.get("class") == kind).attrib["d"]
        upright = sorted({int(x) for x in re.findall(r"M(\d+) 0V", lines)} | set(range(0, int(one.width_mm) + 1, 5)))
        level = sorted({int(y) for y in re.findall(r"M0 (\d+)H", lines)} | set(range(0, int(one.height_mm) + 1, 5)))
        assert set(np.diff(upright)) == set(np.diff(level)) == {step}


@pytest.mark.parametrize("layout", SHEET_LAYOUTS)
def test_every_lead_is_drawn_and_named(layout: str) -> None:
    one = sheet(layout)
    root = drawn(one)
    assert sum(path.get("class") == "trace" for path in root.iter(f"{NS}path")) == len(one.traces)
    assert {trace.lead for trace in one.traces} <= set(texts(root))
    assert "25 mm/s · 10 mm/mV" in texts(root)


def test_traces_are_where_the_sheet_has_them() -> None:
    one = sheet("12x1")
    first = next(path for path in drawn(one).iter(f"{NS}path") if path.get("class") == "trace")
    points = np.array([float(number) for number in re.findall(r"-?[\d.]+", first.attrib["d"])]).reshape(-1, 2)
    assert np.allclose(points[:, 0], one.traces[0].x_mm, atol=0.006)
    assert np.allclose(points[:, 1], one.traces[0].y_mm, atol=0.006)


def test_a_gap_lifts_the_pen() -> None:
    one = sheet("12x1")
    holed = one.traces[0].y_mm.copy()
    holed[100:200] = np.nan
    root = drawn(replace(one, traces=(replace(one.traces[0], y_mm=holed), *one.traces[1:])))
    assert sum(path.get("class") == "trace" for path in root.iter(f"{NS}path")) == len(one.traces) + 1


def test_beats_stand_over_their_time_and_carry_their_number() -> None:
    one = sheet()
    beats = [element for element in drawn(one).iter(f"{NS}g") if element.get("class") == "beat"]
    assert [beat.attrib["data-beat"] for beat in beats] == ["7", "8"]
    assert [float(beat.find(f"{NS}text").attrib["x"]) for beat in beats] == [one.x_of(2.0), one.x_of(3.5)]  # type: ignore[union-attr]
    assert ["".join(beat.find(f"{NS}text").itertext()) for beat in beats] == ["N", "V"]  # type: ignore[union-attr]
    assert beats[0].attrib["aria-label"] == "beat 8 <b>"


def test_derived_leads_carry_a_star_and_uncalibrated_ones_say_so() -> None:
    assert "aVF*" in texts(drawn(sheet(leads=("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"))))
    bare = Recording.from_array(
        np.random.default_rng(1).normal(size=(5000, 3)), fs=500, leads=["a", "b", "c"], calibrated=False
    )
    assert "a (uncalibrated)" in texts(drawn(ecg_sheet(bare, SHEET_LAYOUTS["3x4"])))


@pytest.mark.parametrize("layout", ["3x4", "cabrera"])
def test_heat_lies_behind_the_leads_and_the_times_that_it_is_of(layout: str) -> None:
    one, values = sheet(layout), np.zeros((1200, 12), np.float32)
    values[110:120, TWELVE_LEADS.index("aVR")] = 1.0  # in the first half of the sheet, where 3x4 shows I to III
    values[300:310, TWELVE_LEADS.index("aVR")] = 0.5
    root = drawn(one, ecg_svg.OnSheet(MARKS, heat=ecg_svg.HeatOnSheet(values, 100.0)))
    boxes = [rect for rect in root.iter(f"{NS}rect") if rect.get("class") == "heat"]
    trace = next(trace for trace in one.traces if trace.lead.endswith("aVR"))
    shown = [second for second in (1.1, 3.0) if one.x_of(second) >= trace.left_mm]
    assert [float(box.attrib["x"]) for box in boxes] == pytest.approx([one.x_of(second) for second in shown])
    assert {float(box.attrib["width"]) for box in boxes} == {2.5}
    assert [float(box.attrib["fill-opacity"]) for box in boxes] == [0.6, 0.3][-len(shown) :]
    for box in boxes:
        top, high = float(box.attrib["y"]), float(box.attrib["height"])
        assert top + high / 2 == pytest.approx(one.zero_mm[trace.row])
    drawing = list(root.iter())
    assert drawing.index(boxes[0]) < min(i for i, part in enumerate(drawing) if part.get("class") == "trace")
    assert not [rect for rect in drawn(one).iter(f"{NS}rect") if rect.get("class") == "heat"]


def test_rhythm_and_poor_quality_are_drawn_where_they_are() -> None:
    one = sheet()
    rhythm = (Episode(0.0, 4.0, "N"), Episode(4.0, 20.0, "AFIB"))
    also = ecg_svg.OnSheet(MARKS, None, rhythm, (QualitySegment(5.0, 6.0, "noisy", "too noisy <i>"),))
    root = drawn(one, also)
    episodes = [element for element in root.iter(f"{NS}g") if element.get("class") == "episode"]
    assert [element.attrib["data-at"] for element in episodes] == ["0.000", "4.000"]
    band = episodes[1].find(f"{NS}rect")
    assert band is not None
    assert float(band.attrib["x"]) == one.x_of(4.0)
    assert float(band.attrib["x"]) + float(band.attrib["width"]) == one.width_mm
    assert "too noisy <i>" in texts(root)
