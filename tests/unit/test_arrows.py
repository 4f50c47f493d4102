"""app -> pipeline -> models, nothing upward; no mutable state at module level outside app."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pipeline.config import ROOT

FORBIDDEN = {
    "app": set(),
    "pipeline": {"app", "streamlit", "tensorflow", "keras"},
    "models": {"app", "pipeline", "streamlit"},
}
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
CHANGING = {"append", "add", "update", "pop", "clear", "extend", "setdefault", "remove", "insert"}
MUTABLE_CALLS = {"list", "dict", "set", "defaultdict", "Counter", "deque", "OrderedDict", "bytearray"}


def _modules(*layers: str) -> list[Path]:
    return sorted(path for layer in layers for path in (ROOT / layer).rglob("*.py"))


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return name in MUTABLE_CALLS
    return isinstance(value, MUTABLE)


def mutable_names(source: str) -> list[str]:
    """Names that a module binds to something mutable, and that are neither constants nor `__all__`."""
    names = []
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and _is_mutable(node.value):
            names += [ast.unparse(target) for target in targets]
    return [name for name in names if name != "__all__" and not _is_constant(name, source)]


def _is_constant(name: str, source: str) -> bool:
    """An upper-case name that nothing in its module changes."""
    return name.lstrip("_").isupper() and not any(_changes(node, name) for node in ast.walk(ast.parse(source)))


def _changes(node: ast.AST, name: str) -> bool:
    match node:
        case ast.Global(names=names):
            return name in names
        case ast.Subscript(value=value, ctx=ast.Store() | ast.Del()):
            return ast.unparse(value) == name
        case ast.Call(func=ast.Attribute(value=value, attr=attr)):
            return ast.unparse(value) == name and attr in CHANGING
    return False


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_no_module_imports_from_a_layer_above_it(layer):
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _modules(layer)
        for name in sorted(_imports(path))
        if any(name == banned or name.startswith(f"{banned}.") for banned in FORBIDDEN[layer])
    ]
    assert wrong == []


def test_wfdb_files_and_pillow_are_opened_in_intake_only():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _modules("app", "pipeline", "models")
        for name in sorted(_imports(path))
        if name.split(".")[0] in {"PIL", "wfdb"} and not path.is_relative_to(ROOT / "pipeline" / "intake")
    ]
    assert [line for line in wrong if not line.startswith("pipeline/export/")] == []


def test_no_module_outside_the_app_keeps_mutable_state():
    wrong = {
        str(path.relative_to(ROOT)): names
        for path in _modules("pipeline", "models")
        if (names := mutable_names(path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "source", ["seen = {}", "CACHE = []\ndef f(x):\n    CACHE.append(x)", "x: dict = dict()", "A = {}\nA['b'] = 1"]
)
def test_the_search_finds_mutable_state(source):
    assert mutable_names(source)
