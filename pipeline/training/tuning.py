"""Search for learning rate and weight decay of a picture network, on the held-out patients of DS1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from models.losses import Recipe
from models.networks import NETWORKS
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress
from pipeline._util.typed_json import to_json
from pipeline.config import DEFAULT, Config, data_root, runs_root
from pipeline.datasets.catalogue import database_folder
from pipeline.training.image_networks import fitted, samplers
from pipeline.training.plan import DEFAULT_PLAN, TrainingPlan
from pipeline.training.schema import SettingsSearch
from pipeline.training.search import Found, Range, Watch, search
from pipeline.training.training_set import TrainingData, load_training_data

SPACE: Final = MappingProxyType(
    {"learning_rate": Range(1e-4, 5e-3, log=True), "weight_decay": Range(1e-6, 1e-2, log=True)}
)
TUNE_PLAN: Final = DEFAULT_PLAN.reduced(2, 4000)  # enough to tell good settings from bad ones


def tune(
    name: str,
    trials: int,
    data_dir: Path | None = None,
    *,
    plan: TrainingPlan = TUNE_PLAN,
    config: Config = DEFAULT,
    training_data: TrainingData | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Try settings of a network and write the best ones to runs/tune-NAME-KEY.json.

    An interrupted search resumes after its last finished trial (and epoch). Only held-out patients are looked at.

    Parameters
    ----------
    name : str
        Name of the network.
    trials : int
        How many in all.
    data_dir : Path, optional
        The folder of the databases; the usual one if None.
    plan : TrainingPlan, optional
        Budget of a trial.
    config : Config, optional
        Settings of the pipeline.
    training_data : TrainingData, optional
        What `load_training_data` returned for this plan; read if None.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If the MIT-BIH database is not in `data_dir`.
    """
    root = data_dir or data_root()
    data = training_data or load_training_data(database_folder(root), config, plan.seed, progress)
    kept = runs_root() / f"tune-{name}-{plan.key(config)}.journal"

    def measure(settings: Mapping[str, float], _: Watch) -> float:
        tried = replace(plan, recipe=Recipe(settings["learning_rate"], settings["weight_decay"]))
        return validation(name, tried, data, root, config)["val_loss"]

    first = {"learning_rate": NETWORKS[name].learning_rate, "weight_decay": Recipe().weight_decay}
    found = search(kept, SPACE, measure, trials, first=first, progress=progress)
    written = kept.with_suffix(".json")
    return write_json(written, to_json(_report(name, plan, found)))


def validation(
    name: str, plan: TrainingPlan, training_data: TrainingData, root: Path, config: Config
) -> dict[str, float]:
    """Train by a plan, in one run on recorded and simulated rhythms, and return the best epoch's measures.

    Parameters
    ----------
    name : str
        Name of the network.
    plan : TrainingPlan
        How to train.
    training_data : TrainingData
        What the network is trained on.
    root : Path
        The folder of the databases, with the initial weights in `weights`.
    config : Config
        Settings of the pipeline.
    """
    _, both, watched = samplers(training_data, plan, config)
    history = fitted(
        name, plan, both, root, config, no_progress, watched, f"{name}-tried", plan.simulated_epochs
    ).history
    best = min(range(len(history["val_loss"])), key=lambda epoch: history["val_loss"][epoch])
    return {measure: values[best] for measure, values in history.items()}


def _report(name: str, plan: TrainingPlan, found: Found) -> SettingsSearch:
    return SettingsSearch(
        network=name,
        epochs=plan.simulated_epochs,
        pictures=sum(count for _, count in plan.counts),
        best=found.best,
        value=found.value,
        trials=found.trials,
    )
