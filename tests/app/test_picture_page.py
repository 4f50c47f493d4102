"""The Picture page: empty, with good pictures, with bad ones, and with both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.picture.results import table
from models.beat_image_heads import load_head
from pipeline.beat_images.reading import PictureAnswer, read_beat
from pipeline.beat_images.record_curves import unit
from pipeline.config import ROOT
from pipeline.intake.batch import PictureFile
from pipeline.synthesis.image_styles import draw_styled
from tests.helpers.drawn import beat_picture
from tests.hostile.make_corpus import beat_curve, encoded, zipped

PAGE = str(ROOT / "app" / "picture" / "page.py")


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_file(PAGE, default_timeout=120).run()


@pytest.fixture
def good(tmp_path: Path) -> bytes:
    return beat_picture(tmp_path / "beat.png").read_bytes()


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader[0].set_value([(name, payload, "image/png") for name, payload in files])
    return page.run()


def test_the_empty_page_says_what_it_takes_and_what_it_cannot_know(page: AppTest) -> None:
    assert not page.exception
    captions = "\n".join(caption.value for caption in page.caption)
    assert "PNG or JPEG" in captions
    assert "cannot show that it came early" in captions


def test_a_picture_is_classified_and_explained(page: AppTest, good: bytes) -> None:
    upload(page, ("beat.png", good))
    assert not page.exception
    assert not page.error
    assert any("confidence" in markdown.value for markdown in page.markdown)
    assert [text.value for text in page.text] == ["beat.png"]


def test_something_else_is_refused_in_one_sentence(page: AppTest) -> None:
    upload(page, ("![x](http://example.org/x).png", b"<script>alert(1)</script>"))
    assert not page.exception
    assert len(page.error) == 1
    assert "![" not in page.error[0].value


def test_of_several_pictures_each_gets_its_row_and_its_turn(page: AppTest, good: bytes) -> None:
    upload(page, ("beat.png", good), ("broken.png", good[:40]))
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table["picture"]) == ["beat.png", "broken.png"]
    assert table["verdict"][1] == "refused"
    assert table["reason"][1]
    page.selectbox[0].set_value(1).run()
    assert len(page.error) == 1


def test_a_zip_of_pictures_gives_a_row_for_each_member_and_its_bad_ones_spoil_nothing(
    page: AppTest, good: bytes
) -> None:
    archive = zipped([("a/beat.png", good), ("notes.txt", b"hello"), ("__MACOSX/._beat.png", b"x")])
    upload(page, ("pictures.zip", archive), ("text.pdf", b"%PDF-1.4 nothing"))
    assert not page.exception
    table = page.dataframe[0].value
    assert list(table["picture"]) == ["a/beat.png", "notes.txt", "text.pdf"]
    assert list(table["verdict"] == "refused") == [False, True, True]
    assert "not an image" in table["reason"][1]
    assert "damaged" in table["reason"][2]


def test_a_sine_wave_is_no_beat_and_gets_no_class(page: AppTest) -> None:
    wave = draw_styled(0.5 + 0.5 * np.sin(np.linspace(0, 25, 400)), "plain", np.random.default_rng(0))
    upload(page, ("wave.png", encoded(wave)))
    assert not page.exception
    assert "may not be an ECG beat" in page.warning[0].value
    assert not any("confidence" in markdown.value for markdown in page.markdown)


def test_what_the_reader_vouches_for_is_classified(page: AppTest) -> None:
    wave = draw_styled(0.5 + 0.5 * np.sin(np.linspace(0, 25, 400)), "plain", np.random.default_rng(0))
    upload(page, ("wave.png", encoded(wave)))
    page.button[0].click().run()
    assert not page.exception
    assert any("confidence" in markdown.value for markdown in page.markdown)
    assert page.warning[0].value.startswith("You said that this is one beat")


def test_no_picture_is_called_n_class_with_an_abnormal_class() -> None:
    def answer(*p: float) -> PictureAnswer:
        return PictureAnswer("a.png", p=np.array(p, np.float32), threshold=0.7)

    answers = [answer(0.9, 0, 0.1, 0, 0), answer(0.4, 0, 0.6, 0, 0), answer(0.1, 0, 0.9, 0, 0)]
    answers.append(PictureAnswer("b.png", refusal="This may not be.", doubtful=True))
    assert list(table(answers)["verdict"]) == ["N class", "undecided", "abnormal", "doubtful"]


def test_the_empty_page_shows_how_well_pictures_are_read(page: AppTest) -> None:
    labels = [metric.label for metric in page.metric]
    assert labels == [
        *("V or N told rightly", "V called abnormal", "N called normal"),
        *("Beat pictures read", "Textbook beats read", "Other pictures taken for a beat"),
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"network": "vgg16"}'])
def test_a_broken_evaluation_of_pictures_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    (tmp_path / "pictures-evaluation.json").write_text(text)
    monkeypatch.setattr("app.picture.evaluation.FILE", tmp_path / "pictures-evaluation.json")

    def page() -> None:
        from app.picture import evaluation

        evaluation.draw()

    shown = AppTest.from_function(page).run()
    assert not shown.exception
    assert "pictures-evaluation.json" in shown.warning[0].value.replace("\\", "")
    assert not shown.subheader


def test_the_table_says_what_is_doubtful_about_a_picture():
    drawn = draw_styled(unit(beat_curve(300)[None])[0], "grid", np.random.default_rng(1))
    stretched = cv2.resize(drawn, None, fx=1.5, fy=1, interpolation=cv2.INTER_AREA)
    trace = read_beat(PictureFile("wide.png", encoded(stretched)), load_head("vgg16"), confirmed=True)
    answer = PictureAnswer("wide.png", trace=trace, p=np.array([0.9, 0.1, 0, 0, 0], np.float32))
    assert "1.5 times as wide" in table([answer])["reason"][0]
    assert table([replace(answer, trace=replace(trace, doubts=()))])["reason"][0] == ""
