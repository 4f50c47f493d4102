"""The Evaluation page's sections on whole pictures, from the files that are there."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def _sections() -> None:
    from app.evaluation.folder_runs import show_runs
    from app.evaluation.whole_images import show_pages

    show_pages("PNG")
    show_runs("PNG")


@pytest.fixture
def sections(monkeypatch, tmp_path) -> AppTest:
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path))
    return AppTest.from_function(_sections, default_timeout=30)


def test_the_page_network_is_shown_with_its_leak_and_its_few_infarctions(sections):
    page = sections.run()
    assert not page.exception
    assert any("Only 30 pages show myocardial infarction" in text.value for text in page.markdown)
    assert "Not a result, but a leak" in page.warning[0].value
    assert list(page.dataframe[0].value["Network"]) == ["VGG16, ImageNet", "MobileNetV2, ImageNet", "Small custom CNN"]
    page.button_group(key="evaluation-page-network").set_value("cnn").run()
    assert not page.exception


def test_without_runs_the_command_is_said(sections):
    assert "train --model vgg16 --data FOLDER" in sections.run().info[0].value


def test_a_broken_run_is_a_sentence(sections, tmp_path):
    (tmp_path / "runs" / "old").mkdir(parents=True)
    (tmp_path / "runs" / "old" / "run.json").write_text("{")
    page = sections.run()
    assert not page.exception
    assert "cannot be read" in page.warning[1].value
