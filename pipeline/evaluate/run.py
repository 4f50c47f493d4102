"""Evaluate a network on a split of the MIT-BIH database and keep the result as evaluation.json."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from models import registry
from pipeline.analysis import BeatClassifier, analyse
from pipeline.config import DEFAULT, ROOT, Config
from pipeline.datasets.splits import PACED, SPLITS
from pipeline.domain import Annotations, Recording, read_only
from pipeline.errors import DataError, SignalError
from pipeline.evaluate.bootstrap import RESAMPLES
from pipeline.evaluate.errors import error_pictures, layout_json, write_sheet
from pipeline.evaluate.metrics import Kind
from pipeline.evaluate.records import RecordPredictions, load_predictions, save_predictions
from pipeline.evaluate.report import EvaluationReport, evaluate_predictions
from pipeline.evaluate.saved import SCHEMA, Json, read_evaluation
from pipeline.intake import read_path

Progress = Callable[[float, str], None]
RUNS = ROOT / "runs" / "evaluate"
KINDS: tuple[Kind, ...] = ("reference", "detected")
OPTIMISTIC = (
    "Optimistic: beats of the same patients were trained on. Neighbouring beats of one patient are near copies, so "
    "this measures memory as much as skill; it is shown only to explain published figures of 99 %."
)


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from: `command` line, git `commit`, `data` used, `date` (ISO 8601)."""

    command: str
    commit: str
    data: str
    date: str


def evaluate(
    name: str,
    data_dir: Path,
    split: str = "ds2",
    output: Path | None = None,
    *,
    config: Config = DEFAULT,
    weights: Path = registry.WEIGHTS,
    records: Sequence[str] | None = None,
    provenance: Provenance | None = None,
    progress: Progress | None = None,
) -> Path:
    """Evaluate the network called `name` and write its evaluation.json; return the path.

    Parameters
    ----------
    data_dir : Path
        The folder of mitdb's records, or the one that holds `mitdb/`.
    split : {"ds1", "ds2"}
        Which records; paced ones are left out, as EC57 says.
    output : Path, optional
        The JSON file; WEIGHTS/NAME/evaluation.json if None. The sheet of errors is put beside it.
    weights : Path
        The folder with the networks' folders.
    records : sequence of str, optional
        Only these records of the split.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Raises
    ------
    DataError
        If the split is unknown, or a record or its annotations are missing.
    ModelError
        If the network cannot be loaded.
    """
    classifier = registry.load(name, weights)
    return evaluate_classifier(
        classifier,
        describe_model(name, weights),
        data_dir,
        split,
        output or weights / name / "evaluation.json",
        config=config,
        records=records,
        provenance=provenance,
        progress=progress,
    )


def evaluate_classifier(
    classifier: BeatClassifier,
    model: Mapping[str, Any],
    data_dir: Path,
    split: str,
    output: Path,
    *,
    config: Config = DEFAULT,
    records: Sequence[str] | None = None,
    provenance: Provenance | None = None,
    cache: Path = RUNS,
    resamples: int = RESAMPLES,
    progress: Progress | None = None,
) -> Path:
    """`evaluate` with a network at hand; `model` is what evaluation.json says about it. Resumes from `cache`."""
    report = progress or (lambda fraction, sentence: None)
    folder = database_folder(data_dir)
    names = _names(split, records)
    cache_dir = cache / f"{classifier.name}-{classifier.version}-{code_id(config, model)}"
    predictions, refused = _predict_all(classifier, folder, names, cache_dir, config, report)
    content: Json = {
        "schema": SCHEMA,
        "model": dict(model),
        "split": split,
        "provenance": _provenance(provenance or default_provenance(classifier.name, folder, split)),
        "random_split": _previous_random_split(output, model),
        "error_sheet": None,
    }
    for kind in KINDS:
        report(0.95, f"Scoring at {kind} beats")
        scored = evaluate_predictions(
            predictions[kind],
            kind=kind,
            threshold=classifier.threshold,
            config=config,
            left_out=PACED,
            refused=refused[kind],
            resamples=resamples,
        )
        content[kind] = scored.to_json()
    report(0.98, "Drawing the most confident errors")
    content["error_sheet"] = _error_sheet(content["reference"]["errors"], folder, output, config)
    write_json(output, content)
    report(1.0, f"{len(names)} records evaluated")
    return output


def add_random_split(path: Path, report: EvaluationReport) -> None:
    """Put the score of the same network on a random split of beats into an evaluation.json, labelled as optimistic.

    Raises
    ------
    DataError
        If there is no evaluation.json at `path`.
    """
    content = read_evaluation(path)
    content["random_split"] = {**report.to_json(), "optimistic": True, "label": OPTIMISTIC}
    write_json(path, content)


def predict_record(
    recording: Recording, classifier: BeatClassifier, config: Config = DEFAULT, *, kind: Kind
) -> RecordPredictions:
    """What the network says about a recording with reference beats, at these or at the detected ones.

    Raises
    ------
    DataError
        If the recording has no reference beats.
    SignalError
        If it cannot be analysed.
    """
    reference = _reference(recording)
    samples = reference.sample if kind == "reference" else None
    found = analyse(recording, classifier, config, samples=samples)
    return RecordPredictions(
        record=recording.name,
        fs=recording.fs,
        n_samples=recording.n_samples,
        reference_sample=reference.sample,
        reference_symbol=reference.symbol,
        sample=found.sample,
        p=found.p,
        has_p=found.has_p,
    )


def describe_model(name: str, weights: Path = registry.WEIGHTS) -> Json:
    """What evaluation.json says about a network: its manifest without the golden predictions."""
    facts: Json = json.loads(json.dumps(asdict(registry.manifest(name, weights))))
    facts.pop("golden")
    return facts


def database_folder(data_dir: Path) -> Path:
    """The folder with mitdb's records: `data_dir` itself or its `mitdb`.

    Raises
    ------
    DataError
        If there is none.
    """
    for folder in (data_dir, data_dir / "mitdb"):
        if any(folder.glob("*.hea")):
            return folder
    raise DataError(f"There are no records (.hea) in {str(data_dir)!r}; run `python -m pipeline data` to fetch them.")


def default_provenance(name: str, folder: Path, split: str) -> Provenance:
    """This run: the command that repeats it, the commit of the working tree, the data, and now."""
    return Provenance(
        command=f"python -m pipeline evaluate --model {name} --data {folder.name} --split {split}",
        commit=current_commit(),
        data="MIT-BIH Arrhythmia Database 1.0.0" if folder.name == "mitdb" else folder.name,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def current_commit() -> str:
    """The commit of the working tree, with "+changes" where tracked files differ from it; "" outside git."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return f"{commit}+changes" if _git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError):
        return ""


def code_id(config: Config, model: Mapping[str, Any]) -> str:
    """Hash of all that predictions depend on besides weights: manifest, configuration, and code up to the pictures."""
    digest = hashlib.sha256((repr(config) + json.dumps(model, sort_keys=True)).encode())
    parts = [*(ROOT / "pipeline").glob("*.py"), *(ROOT / "models").glob("*.py")]
    for package in ("intake", "signal", "render"):
        parts += (ROOT / "pipeline" / package).glob("*.py")
    for part in sorted(parts):
        digest.update(part.read_bytes())
    return digest.hexdigest()[:12]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write strict JSON (no NaN) atomically."""
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def _names(split: str, records: Sequence[str] | None) -> tuple[str, ...]:
    if split not in ("ds1", "ds2"):
        raise DataError(f"The split {split!r} is not known; use ds1 or ds2.")
    known = SPLITS["ds1" if split == "ds1" else "ds2"]
    chosen = tuple(records) if records is not None else known
    if strangers := [name for name in chosen if name not in known]:
        raise DataError(f"Record {strangers[0]!r} is not part of the split {split!r}.")
    return chosen


def _predict_all(
    classifier: BeatClassifier,
    folder: Path,
    names: Sequence[str],
    cache_dir: Path,
    config: Config,
    report: Progress,
) -> tuple[dict[Kind, list[RecordPredictions]], dict[Kind, dict[str, str]]]:
    predictions: dict[Kind, list[RecordPredictions]] = {kind: [] for kind in KINDS}
    refused: dict[Kind, dict[str, str]] = {kind: {} for kind in KINDS}
    for done, (name, kind) in enumerate((name, kind) for name in names for kind in KINDS):
        report(0.95 * done / (2 * len(names)), f"Record {name} at {kind} beats")
        kept = cache_dir / f"{name}-{kind}.npz"
        found, reason = _predict_or_load(kept, folder / name, name, classifier, config, kind)
        predictions[kind].append(found)
        if reason:
            refused[kind][name] = reason
    return predictions, refused


def _predict_or_load(
    kept: Path, path: Path, name: str, classifier: BeatClassifier, config: Config, kind: Kind
) -> tuple[RecordPredictions, str]:
    if kept.is_file():
        return load_predictions(kept)[0], ""
    if not path.with_suffix(".hea").is_file():
        raise DataError(
            f"Record {name!r} is missing in {path.parent.name!r}; run `python -m pipeline data` to fetch it."
        )
    recording = read_path(path, config=config)
    try:
        found = predict_record(recording, classifier, config, kind=kind)
    except SignalError as error:
        return _nothing_read(recording, kind), str(error)
    save_predictions(kept, [found])
    return found, ""


def _nothing_read(recording: Recording, kind: Kind) -> RecordPredictions:
    """A record that was refused: every beat is missed, or (at reference beats) unread."""
    reference = _reference(recording)
    sample = reference.sample if kind == "reference" else np.zeros(0, np.int64)
    n = sample.size
    return RecordPredictions(
        record=recording.name,
        fs=recording.fs,
        n_samples=recording.n_samples,
        reference_sample=reference.sample,
        reference_symbol=reference.symbol,
        sample=sample,
        p=read_only(np.zeros((n, 5), np.float32)),
        has_p=read_only(np.zeros(n, np.bool_)),
    )


def _reference(recording: Recording) -> Annotations:
    if recording.reference is None or not recording.reference.sample.size:
        raise DataError(f"Record {recording.name!r} has no reference beats (.atr) to be scored against.")
    return recording.reference


def _error_sheet(errors: Sequence[Mapping[str, Any]], folder: Path, output: Path, config: Config) -> Json | None:
    if not errors:
        return None
    file = output.with_name("errors.png" if output.stem == "evaluation" else f"{output.stem}-errors.png")
    return layout_json(write_sheet(error_pictures(errors, folder, config), file))


def _previous_random_split(output: Path, model: Mapping[str, Any]) -> Json | None:
    """The random-split report that is there already, if it is of the same weights."""
    if not output.is_file():
        return None
    try:
        before = read_evaluation(output)
    except DataError:
        return None
    kept: Json | None = before["random_split"] if before["model"].get("sha256") == model.get("sha256") else None
    return kept


def _provenance(found: Provenance) -> Json:
    return {"command": found.command, "commit": found.commit, "data": found.data, "date": found.date}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
