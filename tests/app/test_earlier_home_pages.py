"""The pages on a home that version 0.1.0 wrote; what is in it, tests/store/test_earlier_home.py says."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from pipeline.config import ROOT
from tests.helpers.studies import opened, rows, said


@pytest.fixture
def earlier(own_store: None, tmp_path: Path) -> None:
    """A user's folder of 0.1.0, in use."""
    with zipfile.ZipFile(ROOT / "tests" / "fixtures" / "home-0.1.0.zip") as packed:
        packed.extractall(tmp_path)


def test_worklist_study_and_review_open_what_an_earlier_version_kept(earlier: None) -> None:
    page = opened("worklist").pills(key="worklist-states").set_value("All").run()
    assert sorted(row["record"] for row in rows(page)) == ["in_review", "signed"]
    study = opened("study", study=1)
    assert not study.exception
    assert "Carla Weiß" in said(study)
    assert "Seen and agreed; control in 3 months." in said(study)
    review = opened("review", study=1)
    assert not review.exception
    assert not review.error
    assert "Signed by Carla Weiß on 2026-11-30" in said(review)
