"""Everything on the list of what must be survived has tests, and these are there."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.hostile.survived import THIRTY, TWENTY

TESTS = Path(__file__).resolve().parent.parent


@cache
def functions(file: str) -> frozenset[str]:
    path = TESTS / file
    body = ast.parse(path.read_text("utf-8")).body if path.is_file() else []
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("title", [*THIRTY, *TWENTY])
def test_what_must_be_survived_is_tried(title: str) -> None:
    tests = (THIRTY | TWENTY)[title]
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        assert name in functions(file), f"tests/{file} has no {name}"


def test_the_list_is_whole_and_nothing_stands_on_it_twice() -> None:
    assert (len(THIRTY), len(TWENTY)) == (30, 20)
    assert not set(THIRTY) & set(TWENTY)
