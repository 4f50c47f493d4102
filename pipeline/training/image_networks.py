"""From the public data to `models/weights/NAME`: weights, manifest, training curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import registry
from models.fit import FitPlan, FitResult, average_weights, fit, forward
from models.network import random_start
from models.networks import NETWORKS
from models.softmax import softmax
from pipeline._util.progress import Progress, no_progress, part_of
from pipeline._util.provenance import current_commit
from pipeline.config import DEFAULT, Config, data_root, runs_root
from pipeline.datasets.catalogue import database_folder
from pipeline.datasets.labelled_beats import LabelledBeats, load_beats
from pipeline.datasets.splits import DS1, DS2
from pipeline.evaluation.calibration import equal_cost_threshold, fit_temperature
from pipeline.evaluation.record_predictions import RecordPredictions
from pipeline.evaluation.report import evaluate_predictions
from pipeline.evaluation.run import add_random_split, default_provenance, evaluate
from pipeline.evaluation.saved import read_evaluation, without_file
from pipeline.features.beat_image import draw, trace_content
from pipeline.labels import AAMI_CLASSES
from pipeline.training.augmentation import as_trace
from pipeline.training.beat_sampler import EpochSampler, Source, with_swapped
from pipeline.training.plan import DEFAULT_PLAN, ONE_RUN, RANDOM_SPLIT_PLAN, TrainingPlan
from pipeline.training.training_set import (
    PACED_TRAINING,
    PACED_VALIDATION,
    VALIDATION,
    Logits,
    TrainingData,
    Validation,
    load_training_data,
    logit_bias,
    simulated_sources,
    train_records,
)
from pipeline.types import PictureArray

RANDOM_SPLIT_TEST = 6_000  # number of beats scored, from the held-out 20 %


def run(
    name: str,
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    plan: TrainingPlan = DEFAULT_PLAN,
    config: Config = DEFAULT,
    progress: Progress = no_progress,
    command: str = "",
) -> Path:
    """Train a network on DS1 and write `output_dir`/NAME (default models/weights/NAME).

    An interrupted run resumes from its last finished epoch (runs/train-NAME).

    Parameters
    ----------
    name : str
        Name of the network.
    data_dir : Path, optional
        The folder of the databases; the usual one if None.
    output_dir : Path, optional
        Where the weights go; models/weights if None.
    plan : TrainingPlan, optional
        Epochs, batches and augmentation.
    config : Config, optional
        Settings of the pipeline.
    progress : Progress, optional
        Called with what is being done, for a progress display.
    command : str, optional
        The command to record; the usual one if empty.

    Returns
    -------
    Path
        The folder written.

    Raises
    ------
    DataError
        If the MIT-BIH database is not in `data_dir`.
    """
    if NETWORKS[name].initialise is random_start:
        plan = plan.reduced(plan.simulated_epochs, None)  # two random starts end too far apart to be averaged
    root = data_dir or data_root()
    mitdb = database_folder(root)
    training_data = load_training_data(mitdb, config, plan.seed, progress, without=plan.without)
    sampler, simulated, watched = samplers(training_data, plan, config)
    result = fitted(name, plan, simulated, root, config, progress, watched, f"{name}-simulated", plan.simulated_epochs)
    minutes = sum(result.history["minutes"])
    if plan.epochs:
        recorded = fitted(name, plan, sampler, root, config, progress, watched)
        average_weights(recorded.model, result.model, plan.simulated_weight)
        minutes += sum(recorded.history["minutes"])
    facts = _calibrated(forward(result.model), mitdb, watched.bias, config, progress)
    facts |= {
        "trained_on": _description(plan, simulated, result.start),
        "train_records": [*train_records(plan.without), *PACED_TRAINING],
        "validation_records": [*VALIDATION, *PACED_VALIDATION],
        "commit": current_commit(),
        "command": command or " ".join((f"python -m pipeline train --model {name}", *plan.options())),
        "seed": plan.seed,
        "training_minutes": round(minutes, 1),
        "pictures_seen": (plan.epochs * sampler.steps + plan.simulated_epochs * simulated.steps) * plan.batch,
    }
    golden = _golden_pictures(training_data.checks, config)
    facts |= {"preprocessing": config.preprocessing_id(), "classes": AAMI_CLASSES}
    return registry.write(name, result.model, result.history, golden, facts, output_dir)


def run_without(
    name: str,
    without: Sequence[str],
    train: Callable[[Path, Path, Progress], Path],
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    config: Config = DEFAULT,
    progress: Progress = no_progress,
) -> Path:
    """Train the same network without some records and score it on DS2, to measure the effect of a patient in both sets.

    The score is in `output_dir`/NAME/evaluation-without-RECORDS.json, beside the usual one; the weights stay in runs/.

    Parameters
    ----------
    name : str
        Name of the network.
    without : sequence of str
        Records of DS1 to leave out.
    train : Callable[[Path, Path, Progress], Path]
        Trains NAME without these records: `train(data, output, progress)` returns the folder written.
    data_dir : Path, optional
        The folder of the databases; the usual one if None.
    output_dir : Path, optional
        Where the score goes; models/weights if None.
    config : Config, optional
        Settings of the pipeline.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If the database is missing, or a record is not trained on anyway.
    """
    root, target = data_dir or data_root(), without_file(name, without, output_dir or registry.WEIGHTS)
    trained = train(root, runs_root() / target.stem, part_of(progress, 0, 2))
    target.parent.mkdir(parents=True, exist_ok=True)
    made = default_provenance(name, database_folder(root), "ds2", len(DS2))
    made = replace(made, command=registry.manifest(name, trained.parent).command)
    rest = part_of(progress, 1, 2)
    return evaluate(name, root, "ds2", target, config=config, weights=trained.parent, provenance=made, progress=rest)


def run_random_split(
    name: str,
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    plan: TrainingPlan = RANDOM_SPLIT_PLAN,
    config: Config = DEFAULT,
    progress: Progress = no_progress,
) -> Path:
    """Train the same network on a random 80 % of all beats of DS1 and DS2, and score it on others of the same patients.

    This is what published accuracies of 99 % measure; it is shown as "optimistic" beside the honest score, in
    `output_dir`/NAME/evaluation.json, and its weights are not stored.

    Parameters
    ----------
    name : str
        Name of the network.
    data_dir : Path, optional
        The folder of the databases; the usual one if None.
    output_dir : Path, optional
        Where the evaluation is; models/weights if None.
    plan : TrainingPlan, optional
        Epochs, batches and augmentation.
    config : Config, optional
        Settings of the pipeline.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If the database or the evaluation.json is missing.
    """
    mitdb = database_folder(data_dir or data_root())
    evaluation = (output_dir or registry.WEIGHTS) / name / "evaluation.json"
    read_evaluation(evaluation)
    everything = load_beats((*DS1, *DS2), mitdb, config, progress=progress)
    order = np.random.default_rng(plan.seed).permutation(everything.label.size)
    cut = int(0.8 * order.size)
    training, test = everything.take(order[:cut]), everything.take(order[cut : cut + RANDOM_SPLIT_TEST])
    sampler = EpochSampler((Source(training, dict(plan.counts)),), (), config, plan.augmentation, plan.batch, plan.seed)
    bias = logit_bias(training, sampler, q_prior=None)
    watched = Validation(test.take(np.arange(1500)), bias, config)  # only monitored: the last epoch is scored
    label = f"{name}-random-split"
    result = fitted(name, plan, sampler, mitdb.parent, config, progress, watched, folder=label)
    p = softmax(forward(result.model)(draw(test.content, config.picture)) + bias)
    report = evaluate_predictions(_as_predictions(test, p), kind="reference", config=config)
    add_random_split(evaluation, report)
    return evaluation


def _as_predictions(beats: LabelledBeats, p: NDArray[np.floating[Any]]) -> list[RecordPredictions]:
    """Return predictions at reference beats, record by record; a beat's position in time is only its number here."""
    found = []
    for record in np.unique(beats.record):
        index = np.flatnonzero(beats.record == record)
        sample = np.arange(1, index.size + 1, dtype=np.int64) * 360
        found.append(
            RecordPredictions(
                record=str(record),
                fs=360.0,
                n_samples=int(sample[-1]) + 360,
                reference_sample=sample,
                reference_symbol=tuple(AAMI_CLASSES[label] for label in beats.label[index]),
                sample=sample,
                p=p[index].astype(np.float32),
                has_p=np.ones(index.size, np.bool_),
            )
        )
    return found


def _description(plan: TrainingPlan, sampler: EpochSampler, start: str) -> str:
    """State what a network was trained on, from which start, and by how much the budget was reduced."""
    data = "MIT-BIH Arrhythmia Database, DS1 of de Chazal 2004; class Q from its paced records"
    data += f", without record {', '.join(plan.without)}" if plan.without else ""
    whole = replace(plan, without=())
    if whole == DEFAULT_PLAN:
        return f"{data}; from {start}"
    runs = f"one run of {plan.simulated_epochs} epochs" if not plan.epochs else "epochs"
    budget = "" if whole == ONE_RUN else "reduced budget: "
    return f"{data}; from {start}; {budget}{runs} of {sampler.steps * plan.batch} pictures"


def samplers(
    training_data: TrainingData, plan: TrainingPlan, config: Config
) -> tuple[EpochSampler, EpochSampler, Validation]:
    """Return the sampler of recorded rhythms, that of all rhythms, and the measure on held-out patients.

    Parameters
    ----------
    training_data : TrainingData
        The training set.
    plan : TrainingPlan
        How to sample.
    config : Config
        Settings of the pipeline.
    """
    natural = with_swapped(training_data.beats, training_data.swapped, dict(plan.counts))
    sampler = EpochSampler(natural, (), config, plan.augmentation, plan.batch, plan.seed)
    watched = Validation(training_data.checks, logit_bias(training_data.beats, sampler), config)
    return sampler, replace(sampler, simulated=simulated_sources(training_data, plan.simulated_share)), watched


def fitted(
    name: str,
    plan: TrainingPlan,
    sampler: EpochSampler,
    root: Path,
    config: Config,
    progress: Progress,
    validation: Validation,
    folder: str | None = None,
    epochs: int | None = None,
) -> FitResult:
    """Train a network by a plan, storing its epochs in runs/train-FOLDER-KEY.

    Parameters
    ----------
    name : str
        Name of the network.
    plan : TrainingPlan
        How to train.
    sampler : EpochSampler
        Draws the batches.
    root : Path
        The folder of the databases, with the initial weights in `weights`.
    config : Config
        Settings of the pipeline.
    progress : Progress
        Called with what is being done, for a progress display.
    validation : Validation
        Measures held-out patients after each epoch.
    folder : str, optional
        FOLDER; `name` if None.
    epochs : int, optional
        Number of epochs; the plan's if None.
    """
    shape = (config.picture.height_px, config.picture.width_px, 3)
    fit_plan = FitPlan(
        network=name,
        input_shape=shape,
        classes=len(AAMI_CLASSES),
        epochs=epochs or plan.epochs,
        steps=sampler.steps,
        batch=plan.batch,
        seed=plan.seed,
        weights_dir=root / "weights",
        recipe=plan.recipe,
        depth=plan.depth,
        checkpoint=runs_root() / f"train-{folder or name}-{plan.key(config)}",
    )
    return fit(fit_plan, sampler.epoch, validation, progress)


def _calibrated(
    logits_of: Logits, mitdb: Path, bias: NDArray[np.float64], config: Config, progress: Progress
) -> dict[str, Any]:
    """Find temperature and thresholds from every beat of the held-out patients."""
    progress(1.0, "Calibrating on the held-out patients")
    beats = load_beats(VALIDATION, mitdb, config)
    logits = logits_of(draw(beats.content, config.picture)) + bias
    temperature = float(fit_temperature(logits, beats.label))
    p = softmax(logits / temperature)
    trace = as_trace(beats.content.first, config.picture, np.random.default_rng(1), 0.0)
    plain = softmax(np.asarray(logits_of(draw(trace_content(trace, config.picture), config.picture)), np.float64))
    abnormal = beats.label != AAMI_CLASSES.index("N")
    return {
        "logit_bias": [round(float(value), 6) for value in bias],
        "temperature": round(temperature, 4),
        "threshold": 0.5,
        "picture_threshold": round(equal_cost_threshold(1 - plain[:, 0], abnormal), 4),
        "abstain_below": round(float(np.quantile(p.max(axis=1), 0.01)), 3),
    }


def _golden_pictures(checks: LabelledBeats, config: Config) -> PictureArray:
    """Return one picture of each class from the held-out patients, for the self-test at every load."""
    first = [np.flatnonzero(checks.label == label)[:1] for label in range(len(AAMI_CLASSES))]
    return draw(checks.content.take(np.concatenate(first)), config.picture)
