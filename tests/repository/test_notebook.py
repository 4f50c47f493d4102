"""The notebook in docs/ runs as it is printed; it is committed without outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import ROOT
from tests.helpers.notebooks import code_cells, run_cell

NOTEBOOK = ROOT / "docs" / "first-ten-minutes.ipynb"


def test_the_notebook_runs_from_top_to_bottom_anywhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    shown: list[Any] = []
    for number, source in enumerate(code_cells(NOTEBOOK)):
        shown.append(run_cell(source, f"cell {number}", names))
    score = next(value for value in shown if "sensitivity" in getattr(value, "columns", ()))
    assert score.loc["QRS", "sensitivity"] > 0.95
    assert names["why"].heatmap.class_name == "V"
    drawn = [value for value in shown if type(value).__name__ == "Figure"]
    assert [trace.type for figure in drawn for trace in figure.data] == ["scatter", "image", "heatmap"]
    assert np.ptp(drawn[0].data[0].marker.color) > 0.5
    assert "convert the samples to mV" in capsys.readouterr().out
    assert shown[-1] is True


def test_the_notebook_is_kept_without_outputs() -> None:
    assert code_cells(NOTEBOOK)  # which looks
    assert NOTEBOOK.stat().st_size < 20_000
