"""Evaluates a network on the test half of MIT-BIH, or on another database, and stores the result as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models import registry
from pipeline._util.files import write_bytes
from pipeline._util.progress import Progress, no_progress, stretch_of
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline.analysis import BeatClassifier
from pipeline.config import DEFAULT, Config, runs_root
from pipeline.datasets.catalogue import CATALOGUE, database_folder
from pipeline.datasets.splits import DS1, DS2, PACED
from pipeline.errors import DataError
from pipeline.evaluation.bootstrap import RESAMPLES
from pipeline.evaluation.error_images import error_pictures, layout_json, write_sheet
from pipeline.evaluation.predict import KINDS, Predicted, predict_records
from pipeline.evaluation.report import EvaluationReport, evaluate_predictions
from pipeline.evaluation.saved import DATABASES, SCHEMA, Json, evaluation_file, read_evaluation

RUNS = runs_root() / "evaluate"
OPTIMISTIC = (
    "Optimistic: beats of the same patients were trained on. Neighbouring beats of one patient are near copies, so "
    "this measures memory as much as skill; it is shown only to explain published figures of 99 %."
)


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
    """Evaluate a network and write its evaluation.json.

    Parameters
    ----------
    name : str
        Name of the network.
    data_dir : Path
        The folder of the records, or the one that holds `mitdb/` and `svdb/`.
    split : {"ds1", "ds2", "svdb"}, optional
        Which records: a half of MIT-BIH without the paced ones, as in EC57, or every available record of svdb.
    output : Path, optional
        The JSON file; `saved.evaluation_file` if None. The sheet of errors is written beside it.
    config : Config, optional
        Settings of the pipeline.
    weights : Path, optional
        The folder with the networks' folders.
    records : sequence of str, optional
        Only these records of the split.
    provenance : Provenance, optional
        How this came about; the usual command if None.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Path
        The JSON file.

    Raises
    ------
    DataError
        If the split is unknown, a record or its annotations are missing, the network was trained on every record, or
        `output` cannot be written.
    ModelError
        If the network cannot be loaded.
    """
    return evaluate_classifier(
        *load_described(name, weights),
        data_dir,
        split,
        output or evaluation_file(name, split, weights),
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
    """Do what `evaluate` does, with a network that is already loaded; resumes from `cache`.

    Parameters
    ----------
    classifier : BeatClassifier
        The network.
    model : mapping of str to Any
        What evaluation.json states about it; see `describe_model`.
    data_dir : Path
        The folder of the records, or the one that holds `mitdb/` and `svdb/`.
    split : {"ds1", "ds2", "svdb"}
        Which records.
    output : Path
        The JSON file.
    config : Config, optional
        Settings of the pipeline.
    records : sequence of str, optional
        Only these records of the split.
    provenance : Provenance, optional
        How this came about; the usual command if None.
    cache : Path, optional
        Folder of stored predictions.
    resamples : int, optional
        Of the bootstrap over patients.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Path
        The JSON file.
    """
    report = progress or no_progress
    folder = database_folder(data_dir, _database(split))
    names = split_records(split, folder, records)
    if split != "ds1":  # which shows the fit to the training set
        names = unseen_by(model, names)
    if not names:
        raise DataError(f"All records of the split {split!r} taught network {classifier.name!r}; none is left to test.")
    found = predict_records(classifier, model, folder, names, cache, config, progress=stretch_of(report, 0, 0.95))
    before = _before(output)
    same = before if _agree(before, model, "sha256") else {}
    content: Json = {
        "schema": SCHEMA,
        "model": dict(model),
        "split": split,
        "seen": [name for name in names if name in (model.get("train_records") or ())],
        "provenance": asdict(provenance or default_provenance(classifier.name, folder, split, len(names))),
        "speed": _speed(found) or same.get("speed"),
        # of other weights in any case: it represents the network and its pictures
        "random_split": before.get("random_split") if _agree(before, model, "preprocessing") else None,
        "uncertainty": same.get("uncertainty"),
        "error_sheet": None,
    }
    for kind in KINDS:
        report(0.95, f"Scoring at {kind} beats")
        scored = evaluate_predictions(
            found.predictions[kind],
            kind=kind,
            threshold=classifier.threshold,
            config=config,
            left_out=PACED if DATABASES[split] == "mitdb" else (),
            refused=found.refused[kind],
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


def load_described(name: str, weights: Path = registry.WEIGHTS) -> tuple[registry.Classifier, Json]:
    """Load a network, verified, and what evaluations state about it.

    Raises
    ------
    ModelError
        If it cannot be loaded.
    """
    return registry.load(name, weights), describe_model(name, weights)


def identity(model: Mapping[str, Any]) -> Json:
    """Return what files beside an evaluation state about their network: enough to know whether they belong together."""
    return {key: model.get(key) for key in ("name", "title", "sha256")}


def describe_model(name: str, weights: Path = registry.WEIGHTS) -> Json:
    """Return what evaluation.json states about a network: its manifest without the golden predictions."""
    facts: Json = json.loads(json.dumps(asdict(registry.manifest(name, weights))))
    facts.pop("golden")
    return facts


def split_records(split: str, folder: Path, records: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the records of a split, or some of them.

    Parameters
    ----------
    split : str
        Name of the split.
    folder : Path
        Where the records of another database are.
    records : sequence of str, optional
        Only these.

    Raises
    ------
    DataError
        If one of `records` is not part of the split.
    """
    halves = {"ds1": DS1, "ds2": DS2}
    known = halves.get(split) or tuple(sorted(file.stem for file in folder.glob("*.hea")))
    chosen = tuple(records) if records is not None else known
    if strangers := [name for name in chosen if name not in known]:
        raise DataError(f"Record {strangers[0]!r} is not part of the split {split!r}.")
    return chosen


def unseen_by(model: Mapping[str, Any], records: Sequence[str]) -> tuple[str, ...]:
    """Return the records that the network was neither trained nor calibrated on."""
    seen = {*(model.get("train_records") or ()), *(model.get("validation_records") or ())}
    return tuple(name for name in records if name not in seen)


def default_provenance(name: str, folder: Path, split: str, records: int) -> Provenance:
    """Return this run's command, the commit of the working tree, the data, and the time.

    Parameters
    ----------
    name : str
        Name of the network.
    folder : Path
        The folder of the records.
    split : str
        Name of the split.
    records : int
        Number of records.
    """
    known = CATALOGUE.get(folder.name)
    title = f"{known.title} {known.version}" if known else folder.name
    return Provenance(
        command=f"python -m pipeline evaluate --model {name} --split {split}",
        commit=current_commit(),
        data=f"{title}, {records} records",
        date=now(),
    )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write strict JSON (no NaN), whole or not at all; lists of plain values stay on one line.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    write_bytes(path, (_json_text(content, "\n") + "\n").encode())


def _json_text(value: Any, newline: str) -> str:
    items = list(value.values()) if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else []
    if not any(isinstance(item, Mapping | list | tuple) for item in items):
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    deeper = newline + " "
    texts = [_json_text(item, deeper) for item in items]
    if isinstance(value, Mapping):
        texts = [f"{json.dumps(key, ensure_ascii=False)}: {text}" for key, text in zip(value, texts, strict=True)]
    opening, closing = "{}" if isinstance(value, Mapping) else "[]"
    return opening + deeper + ("," + deeper).join(texts) + newline + closing


def _database(split: str) -> str:
    if split not in DATABASES:
        raise DataError(f"The split {split!r} is not known; use {', '.join(DATABASES)}.")
    return DATABASES[split]


def _speed(found: Predicted) -> Json | None:
    """Return the beats per second from samples to classes, if any were read in this run."""
    if not found.beats:
        return None
    return {"beats_per_s": round(found.beats / found.seconds, 1), "beats": found.beats, "cores": os.cpu_count()}


def _error_sheet(errors: Sequence[Mapping[str, Any]], folder: Path, output: Path, config: Config) -> Json | None:
    if not errors:
        return None
    file = output.with_name("errors.png" if output.stem == "evaluation" else f"{output.stem}-errors.png")
    return layout_json(write_sheet(error_pictures(errors, folder, config), file))


def _before(output: Path) -> Json:
    """Return the existing evaluation; empty if there is none that can be read."""
    try:
        return read_evaluation(output) if output.is_file() else {}
    except DataError:
        return {}


def _agree(before: Json, model: Mapping[str, Any], fact: str) -> bool:
    return bool(before) and before["model"].get(fact) == model.get(fact)
