"""Fine-tuning a network on a folder of labelled pictures, and what is stored of such a run."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import registry
from models.networks import NETWORKS
from models.runtime import dtype_policy, keras
from models.softmax import softmax
from models.transfer import TailPlan, feature_maps, fit_tail, logits_of, tail_of
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline.config import data_root
from pipeline.errors import DataError
from pipeline.evaluation.calibration import fit_temperature, negative_log_likelihood
from pipeline.evaluation.class_scores import class_report, macro_f1
from pipeline.image_folders.copies import copy_groups, find_copies, verdict
from pipeline.image_folders.dataset import FolderDataset, read_folder
from pipeline.image_folders.predictions import predictions
from pipeline.image_folders.results import write_results
from pipeline.image_folders.runs import DivisionCounts, FolderRun, RunPlan, SettingsTrial, runs_folder
from pipeline.image_folders.training_set import (
    Division,
    FolderPlan,
    FolderTrainingData,
    augmented,
    divide,
    labels,
    load_pictures,
    picture_shape,
)
from pipeline.training.search import Range, search

Array = NDArray[Any]

SPACE: Final = {"learning_rate": Range(2e-4, 5e-3, log=True), "dropout": Range(0.1, 0.6), "frozen": Range(0.0, 1.0)}
# Where a network can be divided, from the first layer that may be trained to the last; "" trains everything.
FROZEN_UP_TO: Final = {
    "vgg16": ("block5_pool", "block4_pool", "block3_pool"),
    "mobilenet": ("block_13_expand_relu", "block_9_add", "block_6_expand_relu"),
    "cnn": ("",),
}
STEPS_MIN: Final = 8  # per epoch


def run_folder(
    name: str,
    data_dir: Path,
    output_dir: Path | None = None,
    *,
    plan: FolderPlan | None = None,
    tune: int = 0,
    progress: Progress = no_progress,
    command: str = "",
) -> Path:
    """Fine-tune a picture network on a folder, and write run.json, NAME/weights and sample pictures.

    Parameters
    ----------
    name : str
        Name of the network.
    data_dir : Path
        The folder of labelled pictures.
    output_dir : Path, optional
        Where the run is written; a new folder of HEARTVISION_HOME/runs if None.
    plan : FolderPlan, optional
        How to train; the usual plan if None.
    tune : int, optional
        Search learning rate, dropout and frozen depth in this many trials on the validation part first; an interrupted
        search on the same pictures resumes, whatever the output is.
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
        If the folder is not a dataset, the network cannot be trained on one, or a class has too few pictures.
    """
    if name not in FROZEN_UP_TO:
        raise DataError(f"Network {name!r} cannot learn a folder; choose one of {', '.join(FROZEN_UP_TO)}.")
    started = time.monotonic()
    keras().mixed_precision.set_global_policy(dtype_policy())
    dataset = read_folder(data_dir, progress=lambda f, s: progress(0.1 * f, s))
    chosen = plan or FolderPlan()
    copies = copy_groups(dataset)
    division = divide(dataset, copies, chosen)
    shape = picture_shape(dataset, chosen.side_px)
    pictures = load_pictures(dataset, shape, progress)
    output = output_dir or runs_folder() / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{name}-{_slug(data_dir.name)}"
    output.mkdir(parents=True, exist_ok=True)
    label = labels(dataset)
    training_data = FolderTrainingData(pictures, label, division, dataset.classes)
    trials: tuple[SettingsTrial, ...] = ()
    if tune:
        chosen, trials = _tuned(name, training_data, chosen, tune, _journal(name, dataset, chosen), progress)
    model, history = fit(name, training_data, chosen, lambda f, s: progress(0.2 + 0.7 * f, s))
    held, tested = (logits_of(model)(pictures[rows]) for rows in (division.validation, division.test))
    temperature = fit_temperature(held, label[division.validation])
    p = softmax(tested, temperature=temperature)
    told = command or f"python -m pipeline train --model {name} --data {data_dir.name}"
    minutes = round((time.monotonic() - started) / 60, 2)
    facts = _facts(dataset, chosen, temperature, told, minutes, history, division)
    golden = pictures[division.test[:4]]
    registry.write(name, model, history, golden, facts, output)
    run = FolderRun(
        model=name,
        dataset=data_dir.name,
        provenance=Provenance(told, current_commit(), f"{len(dataset.pictures)} pictures of {data_dir.name}", now()),
        classes=dataset.classes,
        counts={split or "all": dataset.counts(split) for split in dataset.splits},
        division=DivisionCounts(
            train=int(division.train.size),
            validation=int(division.validation.size),
            test=int(division.test.size),
            dropped=division.dropped,
            own_test=division.own_test,
        ),
        refused=len(dataset.refused),
        verdict=verdict(dataset, find_copies(dataset)),
        plan=RunPlan(**vars(replace(chosen, reads="pictures")), input_shape=shape),
        trials=trials,
        curves={measure: tuple(values) for measure, values in history.items()},
        temperature=temperature,
        report=class_report(p, label[division.test], dataset.classes, group=copies[division.test]),
        samples=(),
        minutes=minutes,
    )
    write_results(output, run, predictions(dataset, division.test, copies, p), pictures[division.test])
    return output


def fit(
    name: str, training_data: FolderTrainingData, plan: FolderPlan, progress: Progress = no_progress
) -> tuple[Any, dict[str, list[float]]]:
    """Train in two phases: the head on frozen features, then what follows `frozen_up_to`; both stop early.

    Parameters
    ----------
    name : str
        Name of the network.
    training_data : FolderTrainingData
        The pictures of the folder, divided.
    plan : FolderPlan
        Epochs, learning rate and depth.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    tuple
        The trained model, and curves by epoch.
    """
    keras().utils.set_random_seed(plan.seed)
    model = NETWORKS[name].build(training_data.pictures.shape[1:], len(training_data.classes))
    NETWORKS[name].initialise(model, data_root() / "weights")
    for layer in model.layers:
        if "dropout" in layer.name:
            layer.rate = plan.dropout
        if hasattr(layer, "momentum"):
            layer.momentum = 0.9  # of the batch statistics: folders are small, and runs a few hundred steps
    cuts = FROZEN_UP_TO[name]
    history: dict[str, list[float]] = {}
    tuned = plan.frozen_up_to or cuts[min(1, len(cuts) - 1)]
    if cuts[0]:
        head = TailPlan(plan.head_epochs, plan.learning_rate, plan.patience)
        history = _phase(model, cuts[0], training_data, head, plan, lambda f, s: progress(0.4 * f, s))
    rate = plan.learning_rate / 5 if cuts[0] else plan.learning_rate
    epochs = plan.tuning_epochs if cuts[0] else plan.head_epochs + plan.tuning_epochs
    second = TailPlan(epochs, rate, plan.patience)
    later = _phase(model, tuned, training_data, second, plan, lambda f, s: progress(0.4 + 0.6 * f, s)) if epochs else {}
    return model, {key: history.get(key, []) + later.get(key, []) for key in later or history}


def _phase(
    model: Any, cut: str, training_data: FolderTrainingData, tail: TailPlan, plan: FolderPlan, progress: Progress
) -> dict[str, list[float]]:
    """Train what follows `cut` (everything if "") on features computed once, from three variants of each picture."""
    label, division = training_data.label, training_data.division
    rng = np.random.default_rng(plan.seed)
    seen: Callable[[Array], Array] = feature_maps(model, cut) if cut else lambda pictures: pictures
    part = tail_of(model, cut) if cut else model
    training_pictures = training_data.pictures[division.train]
    drawings = np.stack([seen(training_pictures), *(seen(augmented(training_pictures, rng)) for _ in range(2))])
    checked = seen(training_data.pictures[division.validation])
    truth, held = label[division.train], label[division.validation]
    chance = np.bincount(truth)[truth].astype(np.float64) ** -0.5
    size = min(plan.batch, training_pictures.shape[0])

    def batches(epoch: int) -> Iterator[tuple[Array, Array]]:
        random = np.random.default_rng([plan.seed, epoch])
        for _ in range(max(training_pictures.shape[0] // size, STEPS_MIN)):
            drawn = random.choice(truth.size, size, p=chance / chance.sum())
            yield drawings[random.integers(0, len(drawings), size), drawn], truth[drawn]

    def validate(logits: Callable[[Array], Array]) -> dict[str, float]:
        found = logits(checked)
        loss = negative_log_likelihood(softmax(found), held)
        return {"val_loss": loss, "val_macro_f1": macro_f1(found.argmax(axis=1), held, len(training_data.classes))}

    return fit_tail(part, batches, validate, tail, progress)


def _tuned(
    name: str, training_data: FolderTrainingData, plan: FolderPlan, trials: int, journal: Path, progress: Progress
) -> tuple[FolderPlan, tuple[SettingsTrial, ...]]:
    cuts = FROZEN_UP_TO[name]

    def planned(settings: Mapping[str, float]) -> FolderPlan:
        depth = cuts[min(int(settings["frozen"] * len(cuts)), len(cuts) - 1)]
        return replace(plan, learning_rate=settings["learning_rate"], dropout=settings["dropout"], frozen_up_to=depth)

    def measure(settings: Mapping[str, float]) -> float:
        return min(fit(name, training_data, planned(settings))[1]["val_loss"])

    first = {"learning_rate": plan.learning_rate, "dropout": plan.dropout, "frozen": 0.5}
    found = search(journal, SPACE, measure, trials, first=first, progress=lambda f, s: progress(0.2, s))
    told = [
        SettingsTrial(
            learning_rate=settings["learning_rate"],
            dropout=settings["dropout"],
            frozen=settings["frozen"],
            frozen_up_to=planned(settings).frozen_up_to,
            val_loss=value,
        )
        for settings, value in found.trials
    ]
    return planned(found.best), tuple(told)


def _journal(name: str, dataset: FolderDataset, plan: FolderPlan) -> Path:
    """Return where the trials of a search are stored: a file per network, plan and pictures in splits and classes."""
    content = sorted((picture.split, picture.class_name, picture.digest) for picture in dataset.pictures)
    key = hashlib.sha256(f"{name} {plan!r} {content!r}".encode()).hexdigest()[:12]
    return runs_folder() / "tune" / f"{name}-{key}.journal"


def _facts(
    dataset: FolderDataset,
    plan: FolderPlan,
    temperature: float,
    command: str,
    minutes: float,
    history: dict[str, list[float]],
    division: Division,
) -> dict[str, Any]:
    return {
        "classes": dataset.classes,
        "preprocessing": "folder-1",
        "logit_bias": (0.0,) * len(dataset.classes),
        "temperature": temperature,
        "threshold": 0.5,
        "picture_threshold": 0.5,
        "abstain_below": 0.5,
        "trained_on": f"{division.train.size} pictures of the folder {dataset.root.name}",
        "train_records": (),
        "validation_records": (),
        "commit": current_commit(),
        "command": command,
        "seed": plan.seed,
        "training_minutes": minutes,
        "pictures_seen": len(history["loss"]) * int(division.train.size),
    }


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:40] or "folder"
