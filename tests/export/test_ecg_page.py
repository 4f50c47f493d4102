"""The ECG on a page in landscape can be measured with a ruler, and says what was measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pypdfium2
import pytest

from pipeline.export.ecg_page_pdf import ecg_page_bytes, lines_over, number_words, page_sheet
from pipeline.export.report_content import report_content
from pipeline.export.report_pdf import pdf_bytes
from pipeline.measurements import Measurements, Spread, Statement
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.layouts import SHEET_LAYOUTS
from pipeline.types import Recording
from tests.export.test_export_report import MM, made, paths, text_of

CREATED = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
FS = 250.0
MEASURED = Measurements(
    intervals={"RR": Spread(800, 790, 810, 12), "PR": Spread(162, 158, 168, 12), "QRS": Spread(94, 90, 98, 12)},
    qtc_ms={"Bazett": 441.0, "Fridericia": 430.0},
    qtc_used="Fridericia",
    axis_deg={"QRS": -35.0},
    statements=(
        Statement("STE-ANT", "infarction", "ST elevation in V1 to V3", "0.3 mV", urgent=True),
        Statement("LAD", "axis", "Left axis deviation", "-35°"),
    ),
    looked_for=("ST elevation",),
)


def ecg(seconds=10.0, leads=TWELVE_LEADS):
    """Twelve leads with a beat of 1 mV every 0.8 s, and the analysis of its first lead."""
    analysis = made(seconds).analysis
    signal = np.zeros((round(seconds * FS), len(leads)), np.float32)
    for offset in range(-5, 6):
        signal[analysis.sample + offset] = 1 - abs(offset) / 5
    return Recording.from_array(signal, fs=FS, leads=list(leads), name="made"), analysis


def page_of(layout="3x4", *, measurements=None, speed=25.0, gain=10.0):
    recording, analysis = ecg()
    analysis = replace(analysis, measured=measurements)
    sheet = page_sheet(
        recording, layout=SHEET_LAYOUTS[layout], speed_mm_s=speed, gain_mm_mv=gain, lines=lines_over(analysis)
    )
    return sheet, ecg_page_bytes(sheet, recording, analysis, CREATED)


def traces_on(pdf):
    """The traces of a page, points (k, 2) in mm: no line of the paper has so many corners."""
    page = pypdfium2.PdfDocument(pdf)[0]
    return [path for path in paths(page) if len(path) > 60]


@pytest.mark.parametrize("layout", SHEET_LAYOUTS)
@pytest.mark.parametrize(("speed", "gain"), [(25.0, 10.0), (50.0, 20.0), (25.0, 5.0)])
def test_ten_millimetres_are_ten_millimetres(layout, speed, gain):
    sheet, pdf = page_of(layout, speed=speed, gain=gain)
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1
    assert document[0].get_size() == pytest.approx((297 / MM, 210 / MM), abs=0.5)
    drawn = traces_on(pdf)
    assert len(drawn) == len(sheet.traces)
    for path in drawn:
        assert np.ptp(path[:, 1]) == pytest.approx(gain, rel=2e-3)  # 1 mV
        height = np.abs(path[:, 1] - np.median(path[:, 1]))  # Cabrera's aVR points down
        peaks = path[height > height.max() - 0.01, 0]
        assert np.diff(peaks) == pytest.approx(0.8 * speed, abs=0.02)


def test_the_grid_is_square_with_lines_every_millimetre():
    sheet, pdf = page_of()
    lines = [path for path in paths(pypdfium2.PdfDocument(pdf)[0]) if len(path) == 2]
    level = [path[0, 1] for path in lines if np.ptp(path[:, 0]) == pytest.approx(sheet.width_mm, abs=0.01)]
    upright = [path[0, 0] for path in lines if np.ptp(path[:, 1]) == pytest.approx(sheet.height_mm, abs=0.01)]
    for places, size in ((level, sheet.height_mm), (upright, sheet.width_mm)):
        apart = np.unique(np.round(places, 2))
        assert apart.size == size + 1
        assert np.diff(apart) == pytest.approx(1, abs=0.02)


def test_the_page_names_the_leads_the_scales_the_date_and_that_nothing_was_filtered():
    text = text_of(page_of()[1])[0]
    for words in ("made", "25 mm/s · 10 mm/mV", "2026-11-22", "not filtered", "12 leads", "aVF", "50 mm if printed"):
        assert words in text


def test_measurements_and_statements_stand_over_the_paper_urgent_ones_first():
    text = " ".join(text_of(page_of(measurements=MEASURED)[1])[0].split())
    for words in ("Rate 75/min", "PR 162 ms", "QRS 94 ms", "QTc 430 ms (Fridericia)", "QRS -35°"):
        assert words in text
    assert text.index("ST elevation in V1 to V3") < text.index("Left axis deviation")


def test_without_a_statement_the_page_says_what_was_looked_for():
    quiet = Measurements(looked_for=("long QT", "ST elevation"))
    assert (
        "Looked for: long QT, ST elevation. No statement does not mean a normal ECG."
        in text_of(page_of(measurements=quiet)[1])[0]
    )


def test_nothing_measured_leaves_the_rate():
    analysis = ecg()[1]
    assert number_words(analysis) == "Rate 75/min"


def test_derived_leads_are_marked_on_the_page():
    recording, analysis = ecg(leads=("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"))
    text = text_of(ecg_page_bytes(page_sheet(recording), recording, analysis, CREATED))[0]
    assert "aVF*" in text
    assert "computed from I and II" in text


def test_the_same_content_gives_the_same_bytes():
    assert page_of()[1] == page_of()[1]


@pytest.mark.parametrize(("leads", "pages"), [(TWELVE_LEADS, 1), (("MLII", "V1"), 0)])
def test_a_report_of_three_leads_or_more_ends_with_the_ecg(leads, pages):
    recording, analysis = ecg(60.0, leads)
    content = report_content(
        recording, replace(analysis, leads=leads[:1], measured=MEASURED), reviewed_beats(analysis, ()), created=CREATED
    )
    pdf = pdf_bytes(content)
    sizes = [page.get_size() for page in pypdfium2.PdfDocument(pdf)]
    assert [width > height for width, height in sizes] == [False] * (len(sizes) - pages) + [True] * pages
    assert ("ST elevation in V1 to V3" in text_of(pdf)[-1]) == bool(pages)
