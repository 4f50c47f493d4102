"""The 12-lead page: empty, with the sample, with a picture that is no page."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.config import ROOT
from tests.hostile.make_corpus import encoded

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
    steps = page.dataframe[0].value
    assert list(steps["Step"]) == ["Paper", "Grid", "Rows", "Layout", "Speed", "Gain"]
    assert "25 mm/s" in list(steps["Found"])
    accept = next(button for button in page.button if button.label.startswith("Accept"))
    assert not accept.disabled


def test_what_is_no_page_is_refused_and_can_be_corrected(page: AppTest) -> None:
    blank = encoded(np.full((400, 600, 3), 255, np.uint8))
    page.file_uploader[0].set_value(("blank.png", blank, "image/png")).run()
    assert not page.exception
    assert "no millimetre grid" in page.error[0].value
    assert any("corners" in box.label for box in page.checkbox)
