"""The 12-lead page: empty, with the sample, with a picture that is no page."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from fpdf import FPDF
from streamlit.testing.v1 import AppTest

from app.common.text import plain
from app.ecg_page import corrections
from pipeline.config import ROOT, data_root
from pipeline.digitisation.corrections import Corrections
from pipeline.digitisation.questions import Need
from tests.helpers.printed_page import drawn
from tests.hostile.make_corpus import encoded

PAGE = str(ROOT / "app" / "ecg_page" / "page.py")


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_file(PAGE, default_timeout=120).run()


def test_the_empty_page_says_what_it_takes(page: AppTest) -> None:
    assert not page.exception
    captions = "\n".join(caption.value for caption in page.caption)
    assert "millimetre paper" in captions
    assert "Compare the coloured lines" in captions


def test_the_sample_page_shows_its_steps_and_can_be_accepted(page: AppTest) -> None:
    page.toggle[0].set_value(True).run()
    assert not page.exception
    assert not page.error
    steps = page.table[0].value
    assert list(steps.index) == ["Paper", "Grid", "Rows", "Layout", "Speed", "Gain"]
    assert plain("25 mm/s") in list(steps["Found"])
    accept = next(button for button in page.button if button.label.startswith("Accept"))
    assert not accept.disabled


def test_what_is_no_page_is_refused_and_can_be_corrected(page: AppTest) -> None:
    blank = encoded(np.full((400, 600, 3), 255, np.uint8))
    page.file_uploader[0].set_value(("blank.png", blank, "image/png")).run()
    assert not page.exception
    assert "no millimetre grid" in page.error[0].value
    assert any("corners" in box.label for box in page.checkbox)


def test_a_page_without_a_long_lead_can_be_saved_and_not_analysed(page: AppTest) -> None:
    page.file_uploader[0].set_value(("short.png", encoded(drawn(layout="3x4").picture), "image/png")).run()
    assert not page.exception
    assert any("beats are classified from 9 s of one lead on" in info.value for info in page.info)
    assert next(button for button in page.button if button.label.startswith("Accept")).disabled
    assert set(page.dataframe[0].value["Can be read for"]) == {"shape only"}


def test_the_sample_says_what_each_lead_is_good_for_and_gets_no_class(page: AppTest) -> None:
    page.toggle[0].set_value(True).run()
    leads = page.dataframe[0].value.set_index("Lead")
    assert leads.loc["II", "Can be read for"] == "beats and rhythm"
    assert leads.loc["V6", "Can be read for"] == "shape only"
    assert any("gets no class" in info.value for info in page.info)


@pytest.mark.data
def test_a_page_of_the_known_layout_gets_a_class_and_its_limits(page: AppTest) -> None:
    file = next((data_root() / "ecg_pages" / "myocardial_infarction").glob("*_12.jpg"))
    page.file_uploader[0].set_value((file.name, file.read_bytes(), "image/jpeg")).run()
    assert not page.exception
    classes = next(table.value for table in page.dataframe if "Class" in table.value)
    assert classes["Probability"].sum() == pytest.approx(1, abs=1e-3)
    assert any("cannot rule out an infarction" in warning.value for warning in page.warning)
    assert any("one of those that the network was trained on" in warning.value for warning in page.warning)


@pytest.mark.parametrize(("pages", "password", "said"), [(1, "secret", "password"), (200, "", "200 pages")])
def test_a_document_that_cannot_be_read_is_refused_in_one_sentence(
    page: AppTest, pages: int, password: str, said: str
) -> None:
    document = FPDF()
    for _ in range(pages):
        document.add_page()
    if password:
        document.set_encryption(owner_password="owner", user_password=password)
    page.file_uploader[0].set_value(("scan.pdf", bytes(document.output()), "application/pdf")).run()
    assert not page.exception
    assert len(page.error) == 1
    assert said in page.error[0].value


def opened(page: AppTest, picture: np.ndarray, given: Corrections) -> str:
    """Opens a picture as corrected before; gives the name of the state that holds the corrections."""
    payload = encoded(picture)
    key = f"page-given-{hashlib.sha256(payload).hexdigest()[:16]}-0"
    page.session_state[key] = given
    page.file_uploader[0].set_value(("page.png", payload, "image/png")).run()
    assert not page.exception
    return key


def test_names_given_for_one_layout_are_not_taken_to_another(page: AppTest) -> None:
    given = Corrections(quarter_turns=0, speed=25.0, gain=10.0, layout="6x2", names=((0, "V6"), (11, "I")))
    key = opened(page, drawn(layout="6x2").picture, given)
    next(box for box in page.selectbox if box.label == "Layout").set_value("3x4+3")
    next(button for button in page.button if button.label == "Read the leads again").click().run()
    assert (page.session_state[key].layout, page.session_state[key].names) == ("3x4+3", ())


def test_a_turned_page_that_is_refused_is_corrected_as_it_was_shown(page: AppTest) -> None:
    crossed = ((0.0, 0.0), (500.0, 500.0), (500.0, 0.0), (0.0, 500.0))
    key = opened(page, drawn().picture, Corrections(quarter_turns=1, corners=crossed))
    assert "clockwise" in page.error[0].value
    turn = next(box for box in page.selectbox if box.label == "Turn the picture")
    assert turn.value == 1
    turn.set_value(2)
    next(button for button in page.button if button.label == "Read the page again").click().run()
    assert (page.session_state[key].quarter_turns, page.session_state[key].corners) == (2, None)


@pytest.mark.parametrize(
    ("need", "answer", "field", "value"),
    [
        (Need("strip", "?", "V1", 13), "V5", "names", ((12, "V1"), (13, "V5"))),
        (Need("grid", "?"), 4.0, "px_per_mm", (4.0, 4.0)),
        (Need("speed", "?"), 50.0, "speed", 50.0),
        (Need("gain", "?"), "5 mm/mV", "gain", 5.0),
        (Need("layout", "?"), "6x2", "layout", "6x2"),
    ],
)
def test_an_answer_is_about_what_was_asked(need: Need, answer: object, field: str, value: object) -> None:
    given = Corrections(names=((12, "V1"),))
    assert corrections.answered(given, need, answer) == replace(given, **{field: value})


def test_two_gains_are_one_answer() -> None:
    given = corrections.answered(Corrections(), Need("gain", "?"), "10 mm/mV, chest leads 5 mm/mV")
    assert (given.gain, given.chest_gain) == (10.0, 5.0)


def test_a_page_without_lead_names_is_asked_about_and_goes_on_with_the_answer(page: AppTest) -> None:
    payload = encoded(drawn(layout="12x1", gain=5.0, labels=False).picture)
    page.file_uploader[0].set_value(("page.png", payload, "image/png")).run()
    assert not page.exception
    choice = next(box for box in page.selectbox if "which layout is it" in box.label)
    assert choice.value is None
    assert choice.options == ["12x1", "12x1 Cabrera", "one lead over all rows, each going on where the one above ends"]
    assert next(button for button in page.button if button.label.startswith("Accept")).disabled
    choice.set_value("12x1 Cabrera")
    next(button for button in page.button if button.label == "Use these answers").click().run()
    assert not page.exception
    assert not page.warning
    assert not next(button for button in page.button if button.label.startswith("Accept")).disabled
    assert list(page.dataframe[0].value["Lead"])[:3] == ["aVL", "I", "-aVR"]
