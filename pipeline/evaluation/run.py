"""Evaluates a network on the test half of MIT-BIH, or on another database, and stores the result as JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from models import registry
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress, stretch_of
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import to_json
from pipeline.analysis import BeatClassifier
from pipeline.config import DEFAULT, Config, runs_root
from pipeline.datasets.catalogue import CATALOGUE, database_folder
from pipeline.datasets.splits import DS1, DS2, PACED
from pipeline.errors import DataError
from pipeline.evaluation.bootstrap import RESAMPLES
from pipeline.evaluation.error_images import error_pictures, write_sheet
from pipeline.evaluation.evaluation_schema import Evaluation, RandomSplitReport
from pipeline.evaluation.predict import Predicted, predict_records
from pipeline.evaluation.report import evaluate_predictions
from pipeline.evaluation.report_schema import Report, WrongBeat
from pipeline.evaluation.saved import DATABASES, evaluation_file, read_evaluation
from pipeline.evaluation.schema import EvaluatedModel, EvaluationSplit, Kind, SheetLayout, Speed

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
    model: EvaluatedModel,
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
    model : EvaluatedModel
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
    tested = _known(split)
    folder = database_folder(data_dir, DATABASES[tested])
    names = split_records(split, folder, records)
    if split != "ds1":  # which shows the fit to the training set
        names = unseen_by(model, names)
    if not names:
        raise DataError(
            f"Network {classifier.name!r} was trained on all records of the split {split!r}; none is left to test."
        )
    found = predict_records(classifier, model, folder, names, cache, config, progress=stretch_of(report, 0, 0.95))
    before = _before(output)
    same = before if before and before.model.sha256 == model.sha256 else None

    def scored(kind: Kind) -> Report:
        report(0.95, f"Scoring at {kind} beats")
        return evaluate_predictions(
            found.predictions[kind],
            kind=kind,
            threshold=classifier.threshold,
            config=config,
            left_out=PACED if DATABASES[tested] == "mitdb" else (),
            refused=found.refused[kind],
            resamples=resamples,
        )

    evaluation = Evaluation(
        model=model,
        split=tested,
        seen=tuple(name for name in names if name in model.train_records),
        provenance=provenance or default_provenance(classifier.name, folder, split, len(names)),
        speed=_speed(found) or (same.speed if same else None),
        # other weights in any case: it stands for the network and its pictures
        random_split=before.random_split if before and before.model.preprocessing == model.preprocessing else None,
        uncertainty=same.uncertainty if same else None,
        error_sheet=None,
        reference=scored("reference"),
        detected=scored("detected"),
    )
    report(0.98, "Drawing the most confident errors")
    sheet = _error_sheet(evaluation.reference.errors, folder, output, config)
    write_json(output, to_json(replace(evaluation, error_sheet=sheet)))
    report(1.0, f"{len(names)} records evaluated")
    return output


def add_random_split(path: Path, report: Report) -> None:
    """Put the score of the same network on a random split of beats into an evaluation.json, labelled as optimistic.

    Raises
    ------
    DataError
        If there is no evaluation.json at `path`.
    """
    found = {each.name: getattr(report, each.name) for each in fields(report)}
    labelled = RandomSplitReport(**found, optimistic=True, label=OPTIMISTIC)
    write_json(path, to_json(replace(read_evaluation(path), random_split=labelled)))


def load_described(name: str, weights: Path = registry.WEIGHTS) -> tuple[registry.Classifier, EvaluatedModel]:
    """Load a network, verified, and what evaluations state about it.

    Raises
    ------
    ModelError
        If it cannot be loaded.
    """
    return registry.load(name, weights), describe_model(name, weights)


def describe_model(name: str, weights: Path = registry.WEIGHTS) -> EvaluatedModel:
    """Return what evaluation.json states about a network: its manifest without the golden predictions."""
    manifest = registry.manifest(name, weights)
    return EvaluatedModel(**{each.name: getattr(manifest, each.name) for each in fields(EvaluatedModel)})


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


def unseen_by(model: EvaluatedModel, records: Sequence[str]) -> tuple[str, ...]:
    """Return the records that the network was neither trained nor calibrated on."""
    seen = {*model.train_records, *model.validation_records}
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


def _known(split: str) -> EvaluationSplit:
    for known in DATABASES:
        if split == known:
            return known
    raise DataError(f"The split {split!r} is not known; use {', '.join(DATABASES)}.")


def _speed(found: Predicted) -> Speed | None:
    """Return the beats per second from samples to classes, if any were read in this run."""
    return Speed(round(found.beats / found.seconds, 1), found.beats, os.cpu_count()) if found.beats else None


def _error_sheet(errors: Sequence[WrongBeat], folder: Path, output: Path, config: Config) -> SheetLayout | None:
    if not errors:
        return None
    file = output.with_name("errors.png" if output.stem == "evaluation" else f"{output.stem}-errors.png")
    return write_sheet(error_pictures(errors, folder, config), file)


def _before(output: Path) -> Evaluation | None:
    """Return the existing evaluation; None if there is none that can be read."""
    try:
        return read_evaluation(output) if output.is_file() else None
    except DataError:
        return None
