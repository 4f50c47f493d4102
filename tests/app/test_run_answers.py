"""The Picture and 12-lead pages offer the user's own runs: which ones, what they answer, and where they looked."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.picture.run_results import as_csv, table
from pipeline.config import ROOT
from pipeline.image_folders.predicting import RunAnswer
from pipeline.image_folders.runs import rename_run
from tests.helpers.printed_page import drawn
from tests.helpers.trained_runs import trained_on_curves
from tests.hostile.make_corpus import encoded

PICTURE, PAGE = (str(ROOT / "app" / name / "page.py") for name in ("picture", "ecg_page"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with one run, on curves in square pictures."""
    root = tmp_path_factory.mktemp("home")
    run = trained_on_curves(root, root / "runs" / "20260101-cnn-curves")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEARTVISION_HOME", str(root))
        rename_run(run, "My curves")
        yield root


def reads(home: Path, way: str) -> None:
    file = home / "runs" / "20260101-cnn-curves" / "run.json"
    raw = json.loads(file.read_text(encoding="utf-8"))
    raw["plan"]["reads"] = way
    file.write_text(json.dumps(raw), encoding="utf-8")


def upload(page: str, *files: tuple[str, bytes]) -> AppTest:
    shown = AppTest.from_file(page, default_timeout=120).run()
    given = [(name, payload, "image/png") for name, payload in files]
    return shown.file_uploader[0].set_value(given if page == PICTURE else given[0]).run()


def choice(shown: AppTest, key: str) -> list[str]:
    return [option for box in shown.selectbox if box.key == key for option in box.options]


def curve(home: Path, name: str) -> tuple[str, bytes]:
    return name, (home / "curves" / name).read_bytes()


def test_a_run_that_fits_is_offered_by_its_label_and_heartvisions_own_comes_first(home: Path) -> None:
    shown = upload(PICTURE, curve(home, "low/0a.png"))
    assert choice(shown, "picture-run") == ["HeartVision's own", "Your run My curves"]


def test_a_run_for_other_proportions_is_not_offered(home: Path) -> None:
    wide = encoded(np.full((100, 300, 3), 255, np.uint8))
    assert choice(upload(PICTURE, ("wide.png", wide)), "picture-run") == []


def test_the_run_classifies_one_picture_and_says_what_it_was_trained_on(home: Path) -> None:
    shown = upload(PICTURE, curve(home, "low/0a.png"))
    next(box for box in shown.selectbox if box.key == "picture-run").select_index(1).run()
    assert not shown.exception
    assert not shown.error
    found = shown.dataframe[0].value
    assert set(found["Class"]) == {"high", "low"}
    assert found["Probability"].sum() == pytest.approx(1, abs=1e-3)
    assert found["Probability"].is_monotonic_decreasing
    told = "\n".join(caption.value for caption in shown.caption)
    assert "trained on curves" in told
    assert "My curves" in told.replace("\\", "")


def test_of_several_pictures_each_has_a_row_and_a_broken_one_its_reason(home: Path) -> None:
    shown = upload(PICTURE, curve(home, "low/0a.png"), ("broken.png", b"nothing"), curve(home, "high/1a.png"))
    next(box for box in shown.selectbox if box.key == "picture-run").select_index(1).run()
    assert not shown.exception
    found = shown.dataframe[0].value
    assert list(found["picture"]) == ["low/0a.png", "broken.png", "high/1a.png"]
    assert "not an image" in found["reason"][1]
    next(box for box in shown.selectbox if box.key == "picture-run-chosen").select_index(1).run()
    assert len(shown.error) == 1


def test_a_page_is_offered_runs_that_redraw_pages_and_a_run_refuses_what_it_cannot_read(home: Path) -> None:
    page = "page.png", encoded(drawn(layout="3x4+1").picture)
    assert choice(upload(PAGE, page), "page-run") == []
    reads(home, "pages")
    try:
        shown = upload(PAGE, page)
        assert choice(shown, "page-run") == ["HeartVision's own", "Your run My curves"]
        assert choice(upload(PICTURE, curve(home, "low/0a.png")), "picture-run") == []
        next(box for box in shown.selectbox if box.key == "page-run").select_index(1).run()
        assert not shown.exception
        read = any("Probability" in frame.value for frame in shown.dataframe)
        assert read or any("page" in error.value for error in shown.error)
    finally:
        reads(home, "pictures")


def test_damaged_weights_are_one_sentence(home: Path) -> None:
    file = home / "runs" / "20260101-cnn-curves" / "cnn" / "weights.npz"
    payload = file.read_bytes()
    shown = upload(PICTURE, curve(home, "low/0a.png"))
    try:
        file.write_bytes(b"x")
        (file.parents[1] / "run.json").touch()
        next(box for box in shown.selectbox if box.key == "picture-run").select_index(1).run()
        assert not shown.exception
        assert "SHA-256" in shown.error[0].value.replace("\\", "")
    finally:
        file.write_bytes(payload)
        (file.parents[1] / "run.json").touch()


def test_the_table_of_answers_is_a_csv() -> None:
    answers = [RunAnswer("=a.png", "low", np.array([0.25, 0.75], np.float32)), RunAnswer("b.png", reason="Broken.")]
    frame = table(answers, ("high", "low"))
    head, first, second = csv.reader(as_csv(frame).decode("utf-8-sig").splitlines())
    assert head == ["picture", "class", "confidence", "p(high)", "p(low)", "reason"]
    assert first == ["'=a.png", "low", "0.75", "0.25", "0.75", ""]
    assert second == ["b.png", "", "", "", "", "Broken."]
