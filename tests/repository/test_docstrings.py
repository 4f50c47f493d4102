"""Public functions say what each of their arguments is, and the examples in docstrings are true."""

from __future__ import annotations

import ast
import doctest
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from pipeline.config import ROOT

FEW = 3  # parameters from which a section is needed; fewer fit into the summary
SOURCES = sorted(path for layer in ("models", "pipeline") for path in (ROOT / layer).rglob("*.py"))
WITH_EXAMPLES = [path for path in SOURCES if "    >>> " in path.read_text(encoding="utf-8")]


def _public_functions(body: list[ast.stmt], inside: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods of a module with their dotted names; nothing in a function is public."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name.startswith("_"):
            continue
        if isinstance(node, ast.ClassDef):
            yield from _public_functions(node.body, f"{inside}{node.name}.")
        elif isinstance(node, ast.FunctionDef):
            yield f"{inside}{node.name}", node


def _parameters(function: ast.FunctionDef) -> list[str]:
    given = function.args
    every = [*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg]
    return [one.arg for one in every if one is not None and one.arg not in ("self", "cls")]


def _described(docstring: str) -> set[str]:
    """The names in the section Parameters, which a heading underlined by dashes begins and ends."""
    section = re.search(r"^Parameters\n-{10}\n(.*?)(?=^\S[^\n]*\n-{4,}$|\Z)", docstring, re.MULTILINE | re.DOTALL)
    lines = section.group(1).splitlines() if section else []
    heads = [line.split(" : ")[0] for line in lines if line and not line.startswith(" ")]
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


def undescribed(source: str) -> list[tuple[str, list[str]]]:
    """Public functions with several parameters, and those of them that the docstring does not describe."""
    found = []
    for name, function in _public_functions(ast.parse(source).body):
        wanted = _parameters(function)
        known = _described(ast.get_docstring(function) or "")
        missing = [one for one in wanted if one not in known] if len(wanted) >= FEW else []
        found += [(name, missing)] if missing else []
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_parameter_of_a_public_function_is_described(path: Path):
    assert undescribed(path.read_text(encoding="utf-8")) == []


def test_a_parameter_that_is_not_described_is_found():
    described = "def f(a, b, *, c):\n    '''Add.\n\n    Parameters\n    ----------\n    a, b : int\n        Two.\n"
    returns = "\n    Returns\n    -------\n    c : int\n        No parameter.\n    '''\n"
    assert undescribed(described + "    c : int\n        Third.\n" + returns) == []
    assert undescribed(described + returns) == [("f", ["c"])]
    assert undescribed("class A:\n    def f(self, a, b, c):\n        '''Add.'''\n") == [("A.f", ["a", "b", "c"])]
    assert undescribed("def f(a, b):\n    '''Add.'''\ndef _g(a, b, c): ...\n") == []


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_examples_are_true(path: Path):
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    result = doctest.testmod(module)
    assert result.attempted
    assert not result.failed


def outside_examples(source: str) -> list[str]:
    """First lines of docstrings with an example before the heading Examples: the site draws it as a quotation."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    docstrings = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return [text.splitlines()[0] for text in docstrings if ">>> " in text.split("Examples\n--------\n")[0]]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_examples_stand_under_their_heading(path: Path):
    assert outside_examples(path.read_text(encoding="utf-8")) == []


def test_an_example_without_a_heading_is_found():
    assert outside_examples("'''Add.\n\n>>> 1 + 1\n2\n'''\n") == ["Add."]
    assert outside_examples("'''Add.\n\nExamples\n--------\n>>> 1 + 1\n2\n'''\n") == []


def test_there_are_examples():
    assert len(WITH_EXAMPLES) >= 8
