"""The 12-lead page: empty, with the sample, with a picture that is no page."""

from __future__ import annotations

import numpy as np
import pytest
from fpdf import FPDF
from streamlit.testing.v1 import AppTest

from app.text import plain
from pipeline.config import ROOT, data_root
from tests.hostile.make_corpus import encoded
from tests.unit.test_page_digitise import drawn

PAGE = str(ROOT / "app" / "views" / "page.py")


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
