"""The tutorial's notebook runs as it is printed, from a record to an exported model; its page says the same."""

from __future__ import annotations

import ast
import json
import shlex
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pytest

from pipeline.config import ROOT
from tests.helpers.notebooks import code_cells, run_cell

NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"
PAGE = ROOT / "docs" / "tutorial.md"


def test_the_notebook_leads_from_a_record_to_an_exported_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    names: dict[str, Any] = {}
    shown = [run_cell(source, f"cell {number}", names) for number, source in enumerate(code_cells(NOTEBOOK))]
    assert [value for value in shown if isinstance(value, int)] == [0, 0]
    assert len(list((tmp_path / "beats").glob("*/*.png"))) == len(names["pictures"]) == 80
    assert (tmp_path / "run" / "report.html").is_file()
    assert shown[6]["value"] > 0.7, "a network that learnt nothing is right about half of them"
    assert set(names["found"]["class"].dropna()) <= {"normal", "abnormal"}
    assert np.ptp(next(value for value in shown if type(value).__name__ == "Figure").data[0].y) > 0
    assert names["facts"]["compared"]["largest_difference"] <= names["facts"]["compared"]["tolerance"]
    assert sum(shown[-1].values()) == pytest.approx(1, abs=0.01)


def test_the_page_gives_the_commands_of_the_notebook() -> None:
    names = {"record": "data/demo/208_excerpt.hea", "str": str}
    calls = [node for source in code_cells(NOTEBOOK) for node in ast.walk(ast.parse(source)) if _is_command(node)]
    commands = [run_cell(ast.unparse(call.args[0]), "command", names) for call in calls]
    page = [shlex.split(line)[1:] for line in PAGE.read_text("utf-8").splitlines() if line.startswith("heartvision ")]
    assert len(commands) == 4
    assert [sorted(words) for words in commands] == [sorted(words) for words in page[:4]]


def _is_command(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "heartvision"


def test_the_notebook_is_small() -> None:
    assert NOTEBOOK.stat().st_size < 20_000
    assert all(cell["id"] for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"])
