"""A recording of three leads or more opens as an ECG; one of two leads as before."""

from __future__ import annotations

import numpy as np
import pypdfium2
import pytest
from streamlit.testing.v1 import AppTest

from app.analyse import median_beat, twelve_leads
from app.common import median_svg
from app.common.session import Session, SheetChoice
from app.common.theme import LIGHT
from pipeline.cases.case import Case
from pipeline.config import ROOT, data_root
from pipeline.datasets import demo_path
from pipeline.intake import read_path, read_uploads
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import save_recording
from pipeline.twelve_leads.median_beat import marked_stretch
from pipeline.types import Recording
from tests.helpers import hospital_files
from tests.helpers.pages import settled
from tests.helpers.twelve_lead_ecg import made_ecg

MAIN = str(ROOT / "app" / "main.py")
SECONDS = 40


@pytest.fixture(scope="module")
def eight() -> Recording:
    """Eight leads, each the demo's in another size."""
    demo = read_path(demo_path())
    mixed = np.asarray(demo.p_signal[: int(SECONDS * demo.fs), :1]) * np.linspace(0.5, 1.2, 8)
    leads = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]
    return save_recording(Recording.from_array(mixed, fs=demo.fs, leads=leads, name="eight"))


@pytest.fixture
def page(eight: Recording) -> AppTest:
    return settled(_opened(eight))


def session(page: AppTest) -> Session:
    return page.session_state["heartvision"]


def case(page: AppTest) -> Case:
    found = session(page).case
    assert found is not None
    return found


def captions(page: AppTest) -> str:
    return "\n".join(str(caption.value).replace("\\", "") for caption in page.caption)


def choose(page: AppTest, key: str, value: object) -> AppTest:
    return page.segmented_control(key=key).set_value(value).run()


def test_it_opens_as_three_rows_of_four_and_says_what_was_derived(page: AppTest) -> None:
    assert not page.exception
    assert page.segmented_control(key="sheet-layout").value == "3x4"
    assert session(page).viewport.window_s == 10.0
    assert "III, aVR, aVL and aVF computed from I and II" in captions(page)
    assert "not filtered" in captions(page)
    assert not [control for control in page.segmented_control if control.key == "window-s"]


@pytest.mark.parametrize("layout", ["6x2", "12x1", "cabrera"])
def test_every_layout_is_drawn(page: AppTest, layout: str) -> None:
    choose(page, "sheet-layout", layout)
    assert not page.exception
    assert session(page).sheet.layout == layout
    assert ("upside down" in captions(page)) == (layout == "cabrera")


def test_faster_paper_shows_less_and_turns_by_less(page: AppTest) -> None:
    choose(page, "sheet-speed", 50.0)
    assert session(page).viewport.window_s == 5.0
    start = session(page).viewport.start_s
    page.button(key="turn-After").click().run()
    assert session(page).viewport.start_s == start + 5.0
    choose(page, "sheet-gain", 20.0)
    assert session(page).sheet == SheetChoice("3x4", 50.0, 20.0)


def test_a_strip_of_the_analysed_leads_is_one_choice_away(page: AppTest) -> None:
    choose(page, "sheet-layout", "strip")
    assert not page.exception
    assert session(page).viewport.window_s == 10.0
    assert [control.key for control in page.segmented_control if control.key == "window-s"]
    choose(page, "window-s", 30.0)
    assert session(page).viewport.window_s == 30.0
    choose(page, "sheet-layout", "6x2")
    assert session(page).viewport.window_s == 10.0


def test_the_page_to_print_shows_the_window_in_the_layout_that_is_chosen(page: AppTest) -> None:
    pdf = twelve_leads.printed(case(page), SheetChoice("cabrera", 50.0, 5.0), 20.0)
    with pypdfium2.PdfDocument(pdf) as document:
        assert len(document) == 1
        text = document[0].get_textpage().get_text_range()
    for words in ("eight", "50 mm/s · 5 mm/mV", "shown 0:00:20 to 0:00:25", "−aVR", "computed from I and II"):
        assert words in text


def metrics(page: AppTest) -> dict[str, tuple[str, str]]:
    return {metric.label: (metric.value, metric.delta) for metric in page.metric}


def test_intervals_of_the_median_beat_follow_a_mark_that_was_moved(page: AppTest) -> None:
    found = marked_stretch(case(page).recording, case(page).analysis, 0.0, case(page).recording.duration_s)
    assert found.beat is not None
    before = found.beat.marks_s["qrs_off"] - found.beat.marks_s["qrs_on"]
    assert metrics(page)["QRS"] == (f"{1000 * before:.0f} ms", "as found")
    key = (case(page).recording.digest, found.start_s)
    place = median_svg.overlaid(found.beat, found.beat.marks_s, LIGHT)
    mark = next(one for one in place.marks if one.name == "qrs_off")
    median_beat._moved(
        session(page), key, "qrs_off", median_svg.time_of(found.beat, mark.x_mm + 0.02 * place.speed_mm_s)
    )
    page.run()
    assert metrics(page)["QRS"] == (f"{1000 * before + 20:.0f} ms", "+20 ms")
    assert "Moved by you: QRS off" in captions(page)
    assert any("Intervals and statements follow the marks" in one.value for one in page.markdown)
    remark = median_beat.moved_words(found.beat, session(page).moved_marks[key], with_qtc=False)
    assert remark.startswith("Moved by the reader, QRS off: P ")
    assert f"QRS {1000 * before + 20:.0f}," in remark
    pdf = twelve_leads.printed(case(page), SheetChoice(), 0.0, remark)
    with pypdfium2.PdfDocument(pdf) as document:
        assert remark in document[0].get_textpage().get_text_range()
    page.button(key="median-reset").click().run()
    assert metrics(page)["QRS"] == (f"{1000 * before:.0f} ms", "as found")


def test_the_beat_the_medians_and_the_printed_page_follow_a_mark_that_was_moved_on_the_strip(page: AppTest) -> None:
    here, analysis = session(page), case(page).analysis
    place, row = here.viewport, int(np.searchsorted(analysis.time_s, here.viewport.start_s + 5))
    sample = int(analysis.sample[row])
    found = marked_stretch(case(page).recording, analysis, 0.0, case(page).recording.duration_s)
    at_s = found.waves.marks("t_off")[row] - found.waves.beat_s[row]
    move = median_beat.marking(here, case(page)).move
    assert move is not None
    move(sample, "t_off", float(at_s) + 0.05)
    page.run()
    assert not page.exception
    assert (here.beat, here.viewport) == (row, place)
    said = "\n".join(one.value.replace("\\", "") for one in page.markdown)
    assert "(+50)" in said
    assert "moved by you: T off" in said
    assert "Intervals and statements follow the marks that you moved" in said
    assert median_beat.corrected_words(here, case(page)).startswith("Moved by the reader: T off of the beat at 0:")
    page.button(key="sheet-beat-reset").click().run()
    assert not here.moved_beats
    assert not any("(+50)" in one.value for one in page.markdown)


def test_the_median_beat_is_shown_side_by_side(page: AppTest) -> None:
    choose(page, "median-view", "Side by side")
    assert not page.exception
    assert "drag a mark" not in captions(page)


def test_another_recording_is_compared(page: AppTest, eight: Recording) -> None:
    taller = Recording.from_array(np.asarray(eight.p_signal) * 1.5, fs=eight.fs, leads=eight.leads, name="taller")
    other = settled(_opened(save_recording(taller)))
    found = case(other)
    study_of_analysis(found.analysis, found.recording)
    page.button(key="compare").click().run()
    assert page.selectbox(key="compared").value is None
    page.selectbox(key="compared").set_value(taller.digest).run()
    assert not page.exception
    tables = [frame.value for frame in page.dataframe]
    numbers = next(frame for frame in tables if list(frame.columns) == ["Measure", "taller", "eight", "Difference"])
    rate = numbers.set_index("Measure").loc["Rate"]
    assert rate["taller"] == rate["eight"]
    assert rate["Difference"] == "+0/min"
    assert "taller" in captions(page)


def _opened(recording: Recording) -> AppTest:
    opened = AppTest.from_file(MAIN, default_timeout=120)
    opened.query_params["recording"] = recording.digest
    return opened.run()


def test_two_leads_open_as_a_strip_as_before() -> None:
    page = settled(AppTest.from_file(MAIN, default_timeout=120).run().button(key="demo-start").click().run())
    assert not page.exception
    assert [control.key for control in page.segmented_control if control.key.startswith("sheet")] == []
    assert page.segmented_control(key="window-s").value == 10.0


def test_what_the_recorder_found_stands_beside_what_was_measured_here() -> None:
    made = made_ecg(leads=hospital_files.EIGHT)
    payload = hospital_files.muse(np.round(made * 200).astype(np.int64))
    (recording,) = read_uploads([("muse.xml", payload)])
    page = settled(_opened(save_recording(recording)))
    assert not page.exception
    assert "Normal sinus rhythm" in " ".join(str(one.value) for one in page.markdown)
    (table,) = [each.value for each in page.dataframe if "Recorder" in each.value.columns]
    rows = table.set_index("")
    assert rows.loc["PR", "Recorder"] == "160 ms"
    ours = float(rows.loc["PR", "HeartVision"].removesuffix(" ms"))
    assert rows.loc["PR", "Difference"] == f"{ours - 160:+.0f} ms"
    assert "not of HeartVision" in captions(page)


def test_a_recording_whose_file_holds_no_findings_has_no_such_table(page: AppTest) -> None:
    assert [each for each in page.expander if "recorder" in each.label] == []


@pytest.mark.data
def test_an_urgent_statement_stands_at_the_top_with_its_numbers() -> None:
    page = settled(_opened(save_recording(read_path(data_root() / "ludb" / "21.hea"))))
    said = [str(one.value).replace("\\", "") for one in page.markdown]
    urgent = [text for text in said if "ST elevation with Q waves, anterior" in text]
    assert len(urgent) == 1  # among the statements
    assert "ST elevation with Q waves, anterior" in page.error[0].value.replace("\\", "")
    assert all("ST at J V2 0.10, V3 0.11 mV" in text for text in urgent)
