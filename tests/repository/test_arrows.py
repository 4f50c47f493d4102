"""Imports go one way: app -> pipeline -> models, and so between any two packages; no mutable state below app."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.config import ROOT

FORBIDDEN = {
    "app": set(),
    "pipeline": {"app", "benchmarks", "streamlit", "tensorflow", "keras"},
    "models": {"app", "benchmarks", "pipeline", "streamlit"},
}
# Each may import those before it, and none after it.
PIPELINE = (
    *("config", "labels", "errors", "measurements", "identity", "principal", "types", "rhythm_names", "wording"),
    *("typed_times", "_util"),
    *("signal", "features", "waves", "rhythm", "twelve_leads", "analysis"),
    *("intake", "explain", "review", "store", "worker", "cases", "live"),
    *("digitisation", "synthesis", "datasets", "evaluation", "training", "export", "archive"),
    *("beat_images", "page_classifier", "image_folders", "picture_sets", "api", "cli", "__main__"),
)
PAGES = ("about", "analyse", "dataset", "ecg_page", "evaluation", "live", "picture", "review", "study", "worklist")
HELD_OUT = "pipeline.synthesis.held_out"  # kinds and styles that only an evaluation may draw
LEARNING = (  # all that a network or a detector is trained with
    *("pipeline.training.", "pipeline.beat_images.training", "pipeline.beat_images.traced_set"),
    *("pipeline.page_classifier.training", "pipeline.page_classifier.trainers", "pipeline.image_folders.training"),
    *("pipeline.image_folders.fitting", "pipeline.image_folders.pages"),
)
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


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imported_modules(name: str) -> set[str]:
    """The modules of ours that a module imports; a package stands for its `__init__`."""
    place = ROOT.joinpath(*name.split("."))
    file = place.with_suffix(".py")
    named = _imports(file if file.is_file() else place / "__init__.py")
    ours = {each for each in named if each.split(".")[0] in FORBIDDEN}
    return {each for each in ours if ROOT.joinpath(*each.split(".")).with_suffix(".py").is_file()}


def _reached(name: str) -> set[str]:
    """What a module imports, directly or not."""
    waiting, seen = {name}, set[str]()
    while waiting:
        each = waiting.pop()
        seen.add(each)
        waiting |= _imported_modules(each) - seen
    return seen


def test_every_package_of_the_pipeline_has_its_place_in_the_order():
    there = {path.stem for path in (ROOT / "pipeline").glob("*.py")} | {
        path.parent.name for path in (ROOT / "pipeline").glob("*/__init__.py")
    }
    assert there - {"__init__"} == set(PIPELINE)
    assert len(PIPELINE) == len(set(PIPELINE))


@pytest.mark.parametrize("package", PIPELINE)
def test_a_package_imports_only_from_packages_before_it(package):
    allowed = {*PIPELINE[: PIPELINE.index(package)], package}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _modules("pipeline")
        if path.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py") == package
        for name in sorted(_imports(path))
        if name.startswith("pipeline.") and name.split(".")[1] not in {*allowed, "__version__"}
    ]
    assert wrong == []


def test_the_order_is_needed():
    """Somewhere, a package imports the one before it or one further down: the list is no mere alphabet."""
    arrows = {
        (path.relative_to(ROOT / "pipeline").parts[0].removesuffix(".py"), name.split(".")[1])
        for path in _modules("pipeline")
        for name in _imports(path)
        if name.startswith("pipeline.")
    }
    assert sum(pair[::-1] in arrows for pair in pairwise(PIPELINE)) > 8


@pytest.mark.parametrize("package", [name for name in PIPELINE if (ROOT / "pipeline" / name).is_dir()])
def test_the_tests_of_a_package_are_in_a_folder_of_its_name(package):
    assert list((ROOT / "tests" / package.lstrip("_")).glob("test_*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_imports_no_other_page(page):
    others = tuple(f"app.{other}" for other in PAGES if other != page)
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / "app" / page).rglob("*.py"))
        for name in sorted(_imports(path))
        if any(name == other or name.startswith(f"{other}.") for other in others)
    ]
    assert wrong == []


def test_what_pages_share_imports_no_page():
    folders = {path.parent.name for path in (ROOT / "app").glob("*/page.py")}
    assert folders == set(PAGES)
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sorted((ROOT / "app" / "common").rglob("*.py"))
        for name in sorted(_imports(path))
        if name.startswith("app.") and name.split(".")[1] in PAGES
    ]
    assert wrong == []


def test_nothing_is_trained_on_the_kinds_and_styles_that_are_held_out():
    learning = [name for path in _modules("pipeline") if (name := _module(path)).startswith(LEARNING)]
    assert all(any(name.startswith(one) for name in learning) for one in LEARNING)
    wrong = {name: found for name in learning if (found := {n for n in _reached(name) if n.startswith(HELD_OUT)})}
    assert wrong == {}
    assert any(name.startswith(HELD_OUT) for name in _reached("pipeline.beat_images.evaluation"))


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
    draws_only = ("pipeline/export/", "pipeline/digitisation/glyphs.py")
    assert [line for line in wrong if not line.startswith(draws_only)] == []


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
