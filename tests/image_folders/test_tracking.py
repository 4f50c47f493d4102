"""Runs in MLflow: the same numbers as run.json; a sentence where it is not installed."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline import cli
from pipeline.errors import DataError
from pipeline.image_folders.runs import read_run
from pipeline.image_folders.tracking import EXPERIMENT, default_store, metrics, track
from tests.helpers.runs import draw_folder, train_small_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HEARTVISION_HOME", str(home))
        yield train_small_run(home)


@pytest.fixture
def without_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "mlflow":
            raise ImportError(name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)


class Client:
    """Keeps what a run is told, as MLflow's client is called."""

    def __init__(self, tracking_uri: str) -> None:
        self.uri = tracking_uri
        self.params: dict[str, Any] = {}
        self.metrics: dict[tuple[str, int], float] = {}
        self.files: list[str] = []

    def get_experiment_by_name(self, name: str) -> None:
        assert name == EXPERIMENT

    def create_experiment(self, name: str, artifact_location: str | None) -> str:
        self.artifacts = artifact_location
        return "1"

    def create_run(self, experiment: str, run_name: str, tags: dict[str, str]) -> SimpleNamespace:
        self.name, self.tags = run_name, tags
        return SimpleNamespace(info=SimpleNamespace(run_id="r1"))

    def log_param(self, run: str, name: str, value: Any) -> None:
        self.params[name] = value

    def log_metric(self, run: str, name: str, value: float, step: int = 0) -> None:
        assert (name, step) not in self.metrics, "a later value would replace an earlier one"
        self.metrics[name, step] = value

    def log_artifact(self, run: str, file: str) -> None:
        assert Path(file).is_file()
        self.files.append(Path(file).name)

    def log_artifacts(self, run: str, folder: str, place: str) -> None:
        self.files += [f"{place}/{file.name}" for file in Path(folder).iterdir()]

    def set_terminated(self, run: str) -> None:
        self.ended = run


def test_mlflow_is_told_the_numbers_of_the_run(trained, tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path))
    clients: list[Client] = []

    def client(tracking_uri: str) -> Client:
        clients.append(Client(tracking_uri))
        return clients[-1]

    stand_in = SimpleNamespace(MlflowClient=client, exceptions=SimpleNamespace(MlflowException=RuntimeError))
    monkeypatch.setitem(sys.modules, "mlflow", stand_in)
    assert track(trained) == "r1"
    (told,) = clients
    run = read_run(trained)
    assert told.uri == default_store() == f"sqlite:///{tmp_path / 'mlflow.db'}"
    assert told.artifacts == (tmp_path / "mlflow-files").as_uri()
    overall = run.report.overall
    assert told.metrics["test_accuracy", 0] == overall.accuracy.value
    assert told.metrics["test_macro_f1_low", 0] == overall.macro_f1.low
    assert told.metrics["test_f1_high", 0] == run.report.class_row("high").f1.value
    for measure, values in run.curves.items():
        assert [told.metrics[measure, epoch] for epoch in range(1, len(values) + 1)] == list(values)
    assert told.params["learning_rate"] == run.plan.learning_rate
    assert told.tags["commit"] == run.provenance.commit
    assert {"run.json", "report.html", "predictions.csv", "plots/loss.svg"} <= set(told.files)
    assert told.ended == "r1"


def test_without_mlflow_a_sentence_says_what_to_install(trained, without_mlflow):
    with pytest.raises(DataError, match="pip install mlflow-skinny"):
        track(trained)


def test_without_mlflow_nothing_is_trained(without_mlflow, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path))
    folder = draw_folder(tmp_path / "curves")
    assert cli.main(["train", "--model", "cnn", "--data", str(folder), "--track"]) == 3
    assert "pip install mlflow-skinny" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_mlflow_itself_keeps_the_same_numbers(trained, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="optional; pip install mlflow-skinny")
    store = f"sqlite:///{tmp_path / 'store.db'}"
    number = track(trained, store)
    kept = mlflow.MlflowClient(tracking_uri=store).get_run(number).data
    wanted = metrics(read_run(trained))
    assert {name: kept.metrics[name] for name in wanted} == pytest.approx(wanted)
