"""Class sets and abstention, calibrated on patients of svdb and measured on others (`schema.Uncertainty`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models import registry
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress, part_of
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import rounded, to_json
from pipeline.analysis import BeatClassifier
from pipeline.config import DEFAULT, Config
from pipeline.datasets.catalogue import database_folder
from pipeline.errors import DataError
from pipeline.evaluation.abstention import WRONG, abstention_confidence, answered_from, app_rule, noisy_beats, risk
from pipeline.evaluation.conformal import ALPHA, DELTA, METHODS, TINY, Patient, class_sets, contains_truth, patient_of
from pipeline.evaluation.predict import predict_records
from pipeline.evaluation.record_predictions import RecordPredictions
from pipeline.evaluation.report import S_RECORD
from pipeline.evaluation.run import RUNS, load_described, split_records, unseen_by
from pipeline.evaluation.saved import DATABASES, EVALUATED_SPLITS, evaluation_file, read_evaluation
from pipeline.evaluation.schema import EvaluatedModel, EvaluationSplit
from pipeline.evaluation.uncertainty_schema import (
    AbstentionRule,
    AppRule,
    CalibrationPatients,
    MeanShare,
    PatientsTested,
    RandomHalves,
    SetCoverage,
    SetThreshold,
    Uncertainty,
)
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES

PATIENTS_MIN: Final = 19  # with fewer, no patient's threshold is high enough for DELTA
HALVES: Final = 200


def evaluate_uncertainty(
    name: str,
    data_dir: Path,
    output: Path | None = None,
    *,
    config: Config = DEFAULT,
    weights: Path = registry.WEIGHTS,
    progress: Progress = no_progress,
) -> Path:
    """Do what `add_uncertainty` does, for a network by name.

    Parameters
    ----------
    name : str
        Name of the network.
    data_dir : Path
        The folder of the databases.
    output : Path, optional
        The evaluation.json; beside the weights if None.
    config : Config, optional
        Settings of the pipeline.
    weights : Path, optional
        The folder with the networks' folders.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    Path
        The evaluation.json.
    """
    path = output or evaluation_file(name, "ds2", weights)
    add_uncertainty(*load_described(name, weights), data_dir, path, config=config, progress=progress)
    return path


def add_uncertainty(
    classifier: BeatClassifier,
    model: EvaluatedModel,
    data_dir: Path,
    path: Path,
    *,
    config: Config = DEFAULT,
    cache: Path = RUNS,
    progress: Progress = no_progress,
) -> None:
    """Calibrate sets of classes on patients of svdb, measure them there and on DS2, and put the result into `path`.

    Records of svdb that the network was trained or calibrated on are left out.

    Parameters
    ----------
    classifier : BeatClassifier
        The network.
    model : EvaluatedModel
        What evaluations state about it; see `describe_model`.
    data_dir : Path
        The folder of the databases.
    path : Path
        An evaluation.json of the same weights.
    config : Config, optional
        Settings of the pipeline.
    cache : Path, optional
        Folder of stored predictions.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Raises
    ------
    DataError
        If there is no evaluation.json of the same weights at `path`, a database is missing, or too few patients remain.
    """
    content = read_evaluation(path)
    if content.model.sha256 != model.sha256:
        raise DataError(f"{path.name} is of other weights; run `python -m pipeline evaluate --model NAME` first.")
    found: dict[EvaluationSplit, Sequence[RecordPredictions]] = {}
    noisy: dict[str, NDArray[np.bool_]] = {}
    splits: tuple[EvaluationSplit, ...] = ("svdb", "ds2")
    for number, split in enumerate(splits):
        folder = database_folder(data_dir, DATABASES[split])
        names = unseen_by(model, split_records(split, folder))
        part = part_of(progress, number, len(splits))
        read = predict_records(classifier, model, folder, names, cache, config, kinds=("reference",), progress=part)
        found[split] = read.predictions["reference"]
        noisy |= {name: noisy_beats(read_path(folder / name, config=config), config) for name in names}
    tested = {"ds2": (EVALUATED_SPLITS["ds2"], found["ds2"])}
    below = classifier.abstain_below
    command = f"python -m pipeline evaluate --model {classifier.name} --uncertainty"
    data = "MIT-BIH Supraventricular Arrhythmia Database 1.0.0 and MIT-BIH Arrhythmia Database 1.0.0 (DS2)"
    made = Provenance(command, current_commit(), data, now())
    measured = uncertainty(found["svdb"], tested, database="svdb", below=below, noisy=noisy, provenance=made)
    write_json(path, to_json(replace(content, uncertainty=measured)))


def uncertainty(
    calibration: Sequence[RecordPredictions],
    tested: Mapping[str, tuple[str, Sequence[RecordPredictions]]],
    *,
    database: str,
    below: float,
    noisy: Mapping[str, NDArray[np.bool_]],
    provenance: Provenance,
    halves: int = HALVES,
    seed: int = 0,
) -> Uncertainty:
    """Calibrate on every other record of `calibration`, and measure on the rest and on each of `tested`.

    If half of them would be too few, all are used for calibration, and only `tested` for measuring.

    Parameters
    ----------
    calibration : sequence of RecordPredictions
        At reference beats, of patients that the network was not trained on; one record per patient.
    tested : mapping of str to tuple
        Name to (title, predictions) of further test sets.
    database : str
        Name of the database of `calibration`.
    below : float
        Confidence below which the app leaves a beat unclassified; as in `app_rule`.
    noisy : mapping of str to (n,) bool
        As in `app_rule`.
    provenance : Provenance
        Where the result comes from; it is stored with it.
    halves : int, optional
        Number of random halves.
    seed : int, optional
        Seed of the random generator; the same seed gives the same result.

    Raises
    ------
    DataError
        If fewer than `PATIENTS_MIN` patients would calibrate.
    """
    everyone = [patient_of(item) for item in sorted(calibration, key=lambda item: item.record)]
    is_halved = len(everyone) >= 2 * PATIENTS_MIN
    chosen, rest = (everyone[::2], everyone[1::2]) if is_halved else (everyone, [])
    if len(chosen) < PATIENTS_MIN:
        raise DataError(
            f"{len(chosen)} patients of {database!r} can calibrate and at least {PATIENTS_MIN} are needed: "
            "the network was trained on the others, or they are not here."
        )
    thresholds = _thresholds(chosen)
    confidence = abstention_confidence(chosen)
    groups = {database: (f"The other half of {database}", rest)} if rest else {}
    groups |= {name: (title, [patient_of(item) for item in items]) for name, (title, items) in tested.items()}
    found = Uncertainty(
        alpha=ALPHA,
        delta=DELTA,
        calibration=CalibrationPatients(
            database=database,
            records=tuple(patient.record for patient in chosen),
            beats=sum(patient.truth.size for patient in chosen),
        ),
        methods=tuple(SetThreshold(name, value) for name, value in thresholds.items()),
        abstention=AbstentionRule(WRONG, confidence),
        tested=tuple(
            _tested(name, title, group, thresholds, confidence, app_rule(group, below, noisy))
            for name, (title, group) in groups.items()
        ),
        halves=_halves(everyone, halves, seed) if is_halved else None,
        provenance=provenance,
    )
    return rounded(found)


def _thresholds(patients: Sequence[Patient]) -> dict[str, float]:
    scores = [patient.score for patient in patients]
    return {name: method(scores) for name, method in METHODS.items()}


def _tested(
    name: str,
    title: str,
    group: Sequence[Patient],
    thresholds: Mapping[str, float],
    confidence: float,
    app: AppRule,
) -> PatientsTested:
    others = [patient for patient in group if patient.record != S_RECORD]
    return PatientsTested(
        name=name,
        title=title,
        records=tuple(patient.record for patient in group),
        methods=tuple(_coverage(method, group, value) for method, value in thresholds.items()),
        without_232=None
        if len(others) in (0, len(group))
        else tuple(_coverage(method, others, value) for method, value in thresholds.items()),
        risk=risk(group),
        abstention=answered_from(group, confidence),
        app=app,
    )


def _coverage(name: str, group: Sequence[Patient], threshold: float) -> SetCoverage:
    held = [contains_truth(patient, threshold) for patient in group]
    pooled, truth = np.concatenate(held), np.concatenate([patient.truth for patient in group])
    size = np.concatenate([class_sets(patient, threshold).sum(axis=1) for patient in group])
    own = [float(h.mean()) for h in held]
    return SetCoverage(
        name=name,
        coverage=float(pooled.mean()),
        mean_size=float(size.mean()),
        single=float((size == 1).mean()),
        patients_held=_share_held(own),
        worst=min(own),
        per_class={
            label: float(pooled[truth == k].mean()) if np.any(truth == k) else None
            for k, label in enumerate(AAMI_CLASSES)
        },
        per_patient={patient.record: value for patient, value in zip(group, own, strict=True)},
    )


def _share_held(own: Sequence[float]) -> float:
    """Return the share of patients with at least 1 - ALPHA of their beats covered."""
    return float(np.mean([value >= 1 - ALPHA - TINY for value in own]))


def _halves(everyone: Sequence[Patient], halves: int, seed: int) -> RandomHalves:
    """Return, over random halves, the share of the other half's patients with 1 - ALPHA of the beats covered."""
    rng = np.random.default_rng(seed)
    shares: dict[str, list[float]] = {name: [] for name in METHODS}
    for _ in range(halves):
        order = rng.permutation(len(everyone))
        chosen, rest = order[: (len(order) + 1) // 2], order[(len(order) + 1) // 2 :]
        for name, value in _thresholds([everyone[i] for i in chosen]).items():
            shares[name].append(_share_held([float(contains_truth(everyone[i], value).mean()) for i in rest]))
    held = {
        name: MeanShare(float(np.mean(s)), float(np.quantile(s, 0.05)), float(np.quantile(s, 0.95)))
        for name, s in shares.items()
    }
    return RandomHalves(halves, held)
