"""Answers to what no upload test covers: enormous values, code in files, sessions that hold what was deleted."""

from __future__ import annotations

import ast
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.analysis import prepare
from pipeline.config import ROOT
from pipeline.datasets import demo_path
from pipeline.errors import EcgError
from pipeline.intake import CsvOptions, read_path, read_uploads
from pipeline.store.copies import remove_copies
from pipeline.store.deletion import delete_signal
from pipeline.store.recordings import save_recording
from pipeline.types import Recording
from tests.helpers.studies import ANNA, MAIN, opened, said, study

RUNS_CODE = frozenset(("pickle", "cPickle", "dill", "joblib", "cloudpickle", "marshal", "shelve", "yaml"))


@pytest.mark.parametrize("value", [1e12, 1e30, 3e38, -1e30])
@pytest.mark.parametrize("samples", [1, 500])
def test_values_beyond_any_voltage_are_no_silence_without_a_reason(value: float, samples: int) -> None:
    """Beats are found beside them as before, and a notice says that something was left out."""
    demo = read_path(demo_path())
    whole = prepare(demo)
    signal = np.array(demo.p_signal[:, :1], np.float32)
    middle = len(signal) // 2
    signal[middle : middle + samples, 0] = value
    changed = Recording(demo.name, demo.fs, signal, demo.leads[:1], "0" * 64, demo.calibrated[:1])
    found = prepare(changed)
    assert len(found.beats) > 0.9 * len(whole.beats)
    assert np.isfinite(found.beats.signal).all()
    if samples > 1:
        assert found.notices


@pytest.mark.parametrize("unit", ["V", "mV"])
def test_a_table_in_volts_with_enormous_values_holds_nothing_infinite(unit: str) -> None:
    values = np.sin(np.arange(5000) / 10)
    values[1000], values[2000], values[3000] = 3e38, -3e38, 1e308
    payload = "ECG\n" + "\n".join(f"{value:.6g}" for value in values)
    with suppress(EcgError):  # it may as well be refused
        (found,) = read_uploads([("r.csv", payload.encode())], csv=CsvOptions(250.0, unit))
        assert not np.isinf(found.p_signal).any()


def _calls(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def test_nothing_that_could_run_code_is_ever_loaded() -> None:
    """No reader of objects is imported, arrays are read without objects, and no text is executed."""
    wrong = []
    for path in (path for layer in ("app", "models", "pipeline") for path in (ROOT / layer).rglob("*.py")):
        for node in _calls(path):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            wrong += [f"{path.name}: {name}" for name in names if name.split(".")[0] in RUNS_CODE]
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                wrong.append(f"{path.name}: {node.func.id}")
            wrong += [
                f"{path.name}: {keyword.arg}"
                for keyword in getattr(node, "keywords", ())
                if keyword.arg in ("allow_pickle", "safe_mode") and ast.unparse(keyword.value) != "False"
                and (keyword.arg, ast.unparse(keyword.value)) != ("safe_mode", "True")
            ]  # fmt: skip
    assert wrong == []


@pytest.mark.usefixtures("own_places")
def test_an_open_session_lets_go_of_a_recording_that_was_deleted() -> None:
    recording = save_recording(read_path(demo_path()))
    page = AppTest.from_file(MAIN, default_timeout=300)
    page.query_params["recording"] = recording.digest
    page.run()
    assert not page.exception
    remove_copies(recording.digest)
    page.run()
    assert not page.exception
    assert "was deleted from this machine" in said(page)


@pytest.mark.usefixtures("own_places")
@pytest.mark.parametrize("view", ["review", "study"])
def test_an_open_study_lets_go_of_its_signal_when_another_session_deletes_it(view: str) -> None:
    number = study()
    page = opened(view, study=number)
    assert not page.exception
    delete_signal(number, reader=ANNA, reason="asked for")
    page.run()
    assert not page.exception
    assert "not on this machine" in said(page)


@pytest.fixture
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)
