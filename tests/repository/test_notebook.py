"""The notebook in docs/ runs as it is printed; it is committed without outputs."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import ROOT

NOTEBOOK = ROOT / "docs" / "first-ten-minutes.ipynb"


@pytest.fixture(scope="module")
def code_cells() -> list[dict[str, Any]]:
    content = json.loads(NOTEBOOK.read_text("utf-8"))
    assert (content["nbformat"], content["metadata"]["kernelspec"]["name"]) == (4, "python3")
    return [cell for cell in content["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_runs_from_top_to_bottom_anywhere(
    code_cells: list[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    shown: list[Any] = []
    for number, cell in enumerate(code_cells):
        shown.append(_run("".join(cell["source"]), f"cell {number}", names))
    score = next(value for value in shown if "sensitivity" in getattr(value, "columns", ()))
    assert score.loc["QRS", "sensitivity"] > 0.95
    assert names["why"].heatmap.class_name == "V"
    drawn = [value for value in shown if type(value).__name__ == "Figure"]
    assert [trace.type for figure in drawn for trace in figure.data] == ["scatter", "image", "heatmap"]
    assert np.ptp(drawn[0].data[0].marker.color) > 0.5
    assert "convert the samples to mV" in capsys.readouterr().out
    assert shown[-1] is True


def test_the_notebook_is_kept_without_outputs(code_cells: list[dict[str, Any]]) -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code_cells)
    assert NOTEBOOK.stat().st_size < 20_000


def _run(source: str, name: str, names: dict[str, Any]) -> Any:
    """What a cell shows: the value of its last line, if that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), names)  # noqa: S102 - as a notebook does
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), name, "eval"), names)  # noqa: S307 - the same
