"""A stored result is found again only while code, weights and calibration are those that made it."""

from __future__ import annotations

import ast
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models import registry
from models.detectors import available_detectors
from pipeline._util.fingerprint import ANSWERING, DETECTORS, fingerprint
from pipeline.beat_images import traced_set
from pipeline.config import DEFAULT, ROOT
from pipeline.evaluation import predict, stress
from pipeline.store import keys
from pipeline.store.keys import result_key
from pipeline.training.rhythm_network import members
from tests.helpers.results import evaluated_model

NO_SAY = {  # imported on the way, without a say in an answer that is not in the key already
    "pipeline.config",  # its values are
    "pipeline.types",  # types
    "pipeline.identity",  # never part of an answer
    "pipeline.errors",
    "pipeline._util.memory",
    "pipeline._util.progress",  # frees it
}


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the sources that answer, without weights."""
    for package in ("models", "pipeline"):
        ignored = shutil.ignore_patterns("*.npz", "*.h5", "evaluation*.json", "__pycache__", "*.ttf")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    return tmp_path


def test_the_same_sources_have_the_same_fingerprint_wherever_they_lie(copied: Path) -> None:
    assert fingerprint(*ANSWERING, root=copied) == fingerprint(*ANSWERING)


@pytest.mark.parametrize(
    "file",
    ["models/trees.py", "pipeline/analysis.py", "pipeline/signal/r_peaks.json", "models/weights/af/manifest.json"],
)
def test_a_change_in_any_file_that_answers_changes_the_fingerprint(copied: Path, file: str) -> None:
    before = fingerprint(*ANSWERING, root=copied)
    changed = copied / file
    changed.write_bytes(changed.read_bytes() + b"\n")
    assert fingerprint(*ANSWERING, root=copied) != before


def test_the_weights_of_every_detector_are_part_of_the_fingerprint() -> None:
    assert available_detectors() == DETECTORS
    assert {f"models.weights.{name}.manifest" for name in DETECTORS} <= set(ANSWERING)


def test_a_file_of_another_name_changes_the_fingerprint(copied: Path) -> None:
    before = fingerprint(*ANSWERING, root=copied)
    (copied / "models" / "trees.py").rename(copied / "models" / "boosting.py")
    assert fingerprint(*ANSWERING, root=copied) != before


def test_a_module_that_is_gone_is_an_error_and_no_hash_of_nothing(copied: Path) -> None:
    (copied / "pipeline" / "labels.py").rename(copied / "pipeline" / "classes.py")
    with pytest.raises(ValueError, match=r"'pipeline\.labels'"):
        fingerprint(*ANSWERING, root=copied)
    with pytest.raises(ValueError, match=r"'models\.nothing'"):
        fingerprint("models", leave_out=("models.nothing",), root=copied)


def test_what_is_left_out_and_what_is_given_count() -> None:
    whole = fingerprint("pipeline.signal")
    assert fingerprint("pipeline.signal", leave_out=("pipeline.signal.r_peak_choice",)) != whole
    assert fingerprint("pipeline.signal", facts={"a": 1}) != fingerprint("pipeline.signal", facts={"a": 2})


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 1.234}, {"logit_bias": (0.0, 0.0, 0.0, 0.0, 1.0)}, {"threshold": 0.123},
        {"abstain_below": 0.321}, {"sha256": "0" * 64}, {"classes": ("N", "V", "S", "F", "Q")},
    ],
)  # fmt: skip
def test_the_key_of_a_result_knows_weights_and_their_calibration(change: dict[str, object]) -> None:
    known = registry.manifest("rhythm_svdb")
    other = replace(known, **change)  # type: ignore[arg-type]
    key, another = (result_key("digest", facts.identity, DEFAULT, None) for facts in (known, other))
    assert key != another
    assert replace(known, title="Another title", training_minutes=1.0).identity == known.identity


def test_the_key_of_a_result_knows_the_code(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = result_key("digest", "identity", DEFAULT, None)
    (copied / "models" / "trees.py").write_text("# another answer\n", encoding="utf-8")
    monkeypatch.setattr(keys, "code_id", lambda *more: fingerprint(*ANSWERING, *more, root=copied))
    assert result_key("digest", "identity", DEFAULT, None) != key


def test_every_module_between_a_recording_and_its_classes_is_covered() -> None:
    seen = _imported({"pipeline.analysis", "models.registry"})
    covered = {name for name in seen if any(name == top or name.startswith(f"{top}.") for top in ANSWERING)}
    assert seen - covered == NO_SAY


def test_every_fingerprint_that_is_taken_names_what_exists() -> None:
    assert keys.code_id("pipeline.worker")
    model = evaluated_model("rule")
    assert predict.code_id(DEFAULT, model, "reference") != predict.code_id(DEFAULT, model, "detected")
    assert stress._code_id({"N": 1}) != stress._code_id({"N": 2})
    assert traced_set._code()
    assert members.RhythmPlan().key(DEFAULT, ("100",))


def _imported(names: set[str]) -> set[str]:
    """These modules of ours, and all that they import, directly or not."""
    waiting, seen = set(names), set[str]()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting |= _imports(name) - seen
    return seen


def _imports(name: str) -> set[str]:
    file = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in ("models", "pipeline"):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {each for each in inner if ROOT.joinpath(*each.split(".")).with_suffix(".py").is_file()}
            found |= modules or {str(node.module)}
    return found
