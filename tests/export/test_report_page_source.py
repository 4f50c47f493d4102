"""A report of a recording that was read from paper has a page with the photo and the page network's opinion."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from pipeline.export.report_page_source import KNOWN, TITLE
from pipeline.export.report_pdf import pdf_bytes
from pipeline.store.page_sources import PageSource
from tests.export.test_export_report import made, text_of


def photo(colour: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(written, "JPEG")
    return written.getvalue()


SOURCE = PageSource(
    photo("red"), photo("blue"), "myocardial_infarction", {"normal": 0.2, "myocardial_infarction": 0.8},
    confident=True, limits="Only few pages.",
)  # fmt: skip


def last_page(source: PageSource | None) -> tuple[str, np.ndarray]:
    pdf = pdf_bytes(replace(made(60.0), page=source))
    with pypdfium2.PdfDocument(pdf) as document:
        drawn = document[len(document) - 1].render().to_pil().convert("RGB")
        return " ".join(text_of(pdf)[-1].split()), np.asarray(drawn)


def share(picture: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float(np.mean(np.all(np.abs(picture.astype(int) - colour) < 12, axis=2)))


def test_class_probabilities_limits_photo_and_heat_are_on_the_last_page():
    text, picture = last_page(SOURCE)
    assert f"{TITLE} Second opinion of the page network: Myocardial infarction " in text
    assert "Myocardial infarction 80 % · Normal 20 %" in text
    assert "Only few pages." in text
    assert KNOWN not in text
    assert share(picture, (254, 0, 0)) == pytest.approx(share(picture, (0, 0, 254)), rel=0.05)
    assert share(picture, (254, 0, 0)) > 0.15


def test_a_training_page_an_unsure_answer_and_a_photo_that_was_not_kept_are_said():
    text, picture = last_page(replace(SOURCE, photo=b"", heat=b"", confident=False, known=True))
    assert "Myocardial infarction, not confident" in text
    assert KNOWN in text
    assert "The photo was not kept." in text
    assert share(picture, (254, 0, 0)) == 0


def test_a_page_without_a_class_says_why():
    text, _ = last_page(PageSource(photo("red"), why_none="Three leads are missing."))
    assert "The page network gives no class: Three leads are missing." in text


def test_other_recordings_have_no_such_page():
    text, _ = last_page(None)
    assert TITLE not in text
