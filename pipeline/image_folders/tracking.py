"""Runs in MLflow, which is optional: the numbers of run.json, and the files of the run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from pipeline._util.provenance import LISTED_FILES
from pipeline.config import home_root
from pipeline.errors import DataError
from pipeline.evaluation.schema import Estimate
from pipeline.image_folders.runs import FolderRun, read_run, run_label

EXPERIMENT: Final = "HeartVision folders"
INSTALL: Final = "pip install mlflow-skinny"
FILES: Final = ("run.json", "predictions.csv", "classification_report.csv", "report.html")
_ENDS_WITH: Final = ("", "_low", "_high")  # of the measure's name: the value and the limits of its interval


def default_store() -> str:
    """Return where runs are tracked unless another store is named: an SQLite file in HEARTVISION_HOME."""
    return f"sqlite:///{home_root() / 'mlflow.db'}"


def require_mlflow() -> None:
    """Raise DataError, with what to install, if MLflow is missing: before hours of training, not after them."""
    _mlflow()


def track(folder: Path, store: str = "") -> str:
    """Add a finished run to a store of MLflow and return its id there.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    store : str, optional
        MLflow's tracking URI, such as "sqlite:////home/me/mlflow.db" or "http://localhost:5000"; `default_store` if "".

    Raises
    ------
    DataError
        If MLflow is missing, refuses the store, or the run cannot be read.
    """
    mlflow, run = _mlflow(), read_run(folder)
    uri = store or default_store()
    if uri.startswith("file:"):
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # it prefers a database, and refuses folders unasked
    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    try:
        client = mlflow.MlflowClient(tracking_uri=uri)
        found = client.get_experiment_by_name(EXPERIMENT)
        experiment = found.experiment_id if found else client.create_experiment(EXPERIMENT, _artifacts(uri))
        number = str(client.create_run(experiment, run_name=run_label(folder), tags=_tags(run)).info.run_id)
        _log(client, number, run)
        for file in FILES:
            client.log_artifact(number, str(folder / file))
        client.log_artifacts(number, str(folder / "plots"), "plots")
        client.set_terminated(number)
    except mlflow.exceptions.MlflowException as error:
        first = str(error).splitlines()[0]
        raise DataError(f"MLflow refuses the store {uri!r}: {first}") from error
    return number


def metrics(run: FolderRun) -> dict[str, float]:
    """Return the figures of a run's test pictures by name, with the limits of their intervals, where defined."""
    overall, report = run.report.overall, run.report
    found = {"test_ece": report.ece, "temperature": run.temperature, "total_minutes": run.minutes}
    estimates = {f"test_{name}": estimate for name, estimate in vars(overall).items()}
    for row in report.classes:
        for measure in ("f1", "recall", "precision"):
            estimates[f"test_{measure}_{_named(row.class_name)}"] = getattr(row, measure)
    for name, estimate in estimates.items():
        found |= _numbers(name, estimate)
    return found


def _log(client: Any, number: str, run: FolderRun) -> None:
    for name, value in {"model": run.model, "dataset": run.dataset, **vars(run.plan)}.items():
        client.log_param(number, name, value)
    for name, value in metrics(run).items():
        client.log_metric(number, name, value)
    for measure, values in run.curves.items():
        for epoch, value in enumerate(values, 1):
            if value is not None:
                client.log_metric(number, measure, value, step=epoch)


def _tags(run: FolderRun) -> dict[str, str]:
    made, here = run.provenance, run.environment
    tags = {"command": made.command, "commit": made.commit, "data": made.data, "classes": ", ".join(run.classes)}
    if here is None:
        return tags
    versions = {name: getattr(here, name) for name in ("python", "keras", "tensorflow", "numpy", "processor")}
    differing = {"changed": here.changed, "untracked": here.untracked}
    return tags | versions | {name: ", ".join(files[:LISTED_FILES]) for name, files in differing.items() if files}


def _numbers(name: str, estimate: Estimate) -> dict[str, float]:
    values = (estimate.value, estimate.low, estimate.high)
    return {name + end: value for end, value in zip(_ENDS_WITH, values, strict=True) if value is not None}


def _named(class_name: str) -> str:
    """Return the class name with those characters only that MLflow allows in a name."""
    return "".join(letter if letter.isalnum() or letter in "_-. " else "_" for letter in class_name)


def _artifacts(uri: str) -> str | None:
    """Return where the files of runs go: beside an SQLite file; elsewhere the store decides."""
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlflow-files").as_uri()


def _mlflow() -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing leaves this machine
    try:
        import mlflow
    except ImportError as error:
        raise DataError(f"Tracking needs MLflow, which is not installed: {INSTALL}") from error
    return mlflow
