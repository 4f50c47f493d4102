"""One frozen configuration; folders come from the environment."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from pipeline.config import DEFAULT, ROOT, cache_root, data_root


def test_the_configuration_is_frozen():
    with pytest.raises(FrozenInstanceError):
        DEFAULT.match_window_ms = 1.0


def test_the_preprocessing_id_changes_with_what_changes_a_picture():
    finer = replace(DEFAULT, picture=replace(DEFAULT.picture, width_px=97))
    smoother = replace(DEFAULT, signal=replace(DEFAULT.signal, lowpass_hz=35.0))
    assert len({DEFAULT.preprocessing_id(), finer.preprocessing_id(), smoother.preprocessing_id()}) == 3


def test_the_preprocessing_id_does_not_change_with_limits():
    assert replace(DEFAULT, predict_batch=1).preprocessing_id() == DEFAULT.preprocessing_id()


def test_the_height_of_the_picture_is_that_of_its_panels():
    picture = DEFAULT.picture
    assert picture.height_px == picture.beat_height_px + picture.strip_height_px + picture.rr_height_px


def test_the_environment_names_the_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("HEARTVISION_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path / "cache"))
    assert (data_root(), cache_root()) == (tmp_path / "data", tmp_path / "cache")


def test_without_the_environment_the_folders_are_inside_the_project_or_the_home(monkeypatch):
    monkeypatch.delenv("HEARTVISION_DATA", raising=False)
    monkeypatch.delenv("HEARTVISION_CACHE", raising=False)
    assert data_root() == ROOT / "data" / "external"
    assert cache_root().is_relative_to(Path.home())
