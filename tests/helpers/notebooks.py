"""Notebooks as they are stored, and their cells as a notebook runs them."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any


def code_cells(notebook: Path) -> list[str]:
    """The sources of the code cells of a notebook for Python 3, which is stored without outputs."""
    content = json.loads(notebook.read_text("utf-8"))
    assert (content["nbformat"], content["metadata"]["kernelspec"]["name"]) == (4, "python3")
    cells = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
    return ["".join(cell["source"]) for cell in cells]


def run_cell(source: str, name: str, names: dict[str, Any]) -> Any:
    """What a cell shows: the value of its last line, if that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), names)  # noqa: S102 - as a notebook does
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), name, "eval"), names)  # noqa: S307 - the same
