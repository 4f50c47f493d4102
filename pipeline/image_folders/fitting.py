"""Training a network on the pictures of a folder: two phases, each resumed where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.backbone import start
from models.loop import History, InFolder
from models.network import FolderUse
from models.networks import NETWORKS
from models.runtime import dtype_policy, keras, repeatable
from models.softmax import softmax
from models.transfer import TailPlan, feature_maps, fit_tail, tail_of
from pipeline._util.progress import Progress, no_progress, stretch_of
from pipeline.config import data_root
from pipeline.errors import UsageError
from pipeline.evaluation.calibration import negative_log_likelihood
from pipeline.evaluation.class_scores import macro_f1
from pipeline.image_folders.training_set import FolderPlan, FolderTrainingData, augmented, draw_chances
from pipeline.page_classifier.linear_head import standard_of
from pipeline.training.search import Watch

Array = NDArray[Any]

STEPS_MIN: Final = 8  # per epoch
DRAWINGS: Final = 2  # of each picture besides itself, where the features of a frozen part are computed once
MOMENTUM: Final = 0.9  # of the batch statistics: folders are small, and runs a few hundred steps
EVERYTHING: Final = "none"  # as `frozen_up_to`: no layer is frozen


RANDOM: Final = "a random start"  # how `backbone.start` begins to say so


class Fitted(NamedTuple):
    """The trained model, curves by epoch, what training started from, in words, and the plan that this led to."""

    model: Any
    history: History
    start: str
    plan: FolderPlan


def _ignore(loss: float) -> None:
    """Watch nothing."""


def folder_networks() -> dict[str, FolderUse]:
    """Return the networks that can be trained on folders, and how."""
    found = {name: network.folders for name, network in NETWORKS.items() if network.reads == "pictures"}
    return {name: use for name, use in found.items() if use is not None}


def folder_use(name: str) -> FolderUse:
    """Return how a network is trained on folders.

    Raises
    ------
    UsageError
        If it does not exist, or is not trained on folders.
    """
    known = folder_networks()
    if name not in known:
        raise UsageError(f"Network {name!r} cannot be trained on a folder; choose one of {', '.join(known)}.")
    return known[name]


def fit(
    name: str,
    training_data: FolderTrainingData,
    plan: FolderPlan,
    progress: Progress = no_progress,
    watch: Watch = _ignore,
    *,
    checkpoint: Path | None = None,
) -> Fitted:
    """Train in two phases: the head on frozen features, then what follows `frozen_up_to`; both stop early.

    After a random start there is one phase, which trains every layer.

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
    watch : callable, optional
        Called with the held-out loss after each epoch; may raise to stop the training.
    checkpoint : Path, optional
        Where each epoch is stored, and an interrupted training resumed; nothing is stored if None.

    Returns
    -------
    Fitted
        The trained model, curves, and what it started from.

    Raises
    ------
    UsageError
        If the network has no layer `frozen_up_to`, or no epoch is asked for.
    """
    use = folder_use(name)
    keras().mixed_precision.set_global_policy(dtype_policy())
    keras().utils.set_random_seed(plan.seed)
    repeatable()
    model = NETWORKS[name].build(training_data.pictures.shape[1:], len(training_data.classes))
    begun = start(NETWORKS[name], model, data_root() / "weights")
    for layer in model.layers:
        if "dropout" in layer.name and hasattr(layer, "rate"):
            layer.rate = plan.dropout
        if hasattr(layer, "momentum"):
            layer.momentum = MOMENTUM
    moved = _standardise(model, use, training_data) if use.standard else None
    history: History = {}
    phases = _phases(name, use, model, plan, begun)
    for number, (cut, tail) in enumerate(phases):
        share = (0.0, 1.0) if len(phases) == 1 else ((0.0, 0.4), (0.4, 1.0))[number]
        which = f"phase-{'all' if begun.startswith(RANDOM) else number + 1}"
        folder = checkpoint / which if checkpoint else None
        found = _phase(model, cut, training_data, tail, plan, stretch_of(progress, *share), watch, folder)
        history = {key: history.get(key, []) + values for key, values in found.items()}
    if moved:
        moved()
    return Fitted(model, history, begun, by_start(plan, use, begun))


def _standardise(model: Any, use: FolderUse, training_data: FolderTrainingData) -> Callable[[], None]:
    """Centre and scale the features, so that their squares add up to 1, whatever their number.

    Returns
    -------
    callable
        Moves that scale into the logits once they are trained: stored variances are float16.
    """
    layer, logits = model.get_layer(use.standard), model.get_layer("logits")
    features = feature_maps(model, use.cuts[0])(training_data.pictures[training_data.division.train])
    found = standard_of(features.astype(np.float32).reshape(len(features), -1))

    def divided_by(length: float) -> None:
        variance = np.maximum(found.std**2 * length - layer.epsilon, 0)
        layer.set_weights([found.mean, variance.astype(np.float32)])

    def moved() -> None:
        divided_by(1.0)
        kernel, bias = logits.get_weights()
        logits.set_weights([kernel / np.float32(found.scale**0.5), bias])

    divided_by(found.scale)
    return moved


def by_start(plan: FolderPlan, use: FolderUse, begun: str) -> FolderPlan:
    """Return a plan that fits what training starts from: random layers are of no use frozen, and take longer.

    Parameters
    ----------
    plan : FolderPlan
        The plan.
    use : FolderUse
        How the network is trained on folders.
    begun : str
        What training starts from, in the words of `backbone.start`.

    Returns
    -------
    FolderPlan
        The same after any start but a random one. After that, one phase trains every layer, for as many epochs as were
        chosen; the epochs and the patience that nobody chose are those of networks without ImageNet weights.
    """
    if not begun.startswith(RANDOM):
        return replace(plan, usual=())
    whole, missed = FolderUse(), plan.usual if use.imagenet is not None else ()
    epochs = whole.tuning_epochs if "epochs" in missed else plan.head_epochs + plan.tuning_epochs
    patience = whole.patience if "patience" in missed else plan.patience
    return replace(plan, head_epochs=0, tuning_epochs=epochs, patience=patience, frozen_up_to=EVERYTHING, usual=())


def _phases(name: str, use: FolderUse, model: Any, plan: FolderPlan, begun: str) -> list[tuple[str, TailPlan]]:
    """Return what follows which layer is trained, "" for everything, and how: the head first, if it has a start."""
    usual, deeper = use.cuts[0], plan.frozen_up_to or use.cuts[min(1, len(use.cuts) - 1)]
    second = "" if deeper == EVERYTHING else deeper
    if second and second not in {layer.name for layer in model.layers}:
        usually = ", ".join(filter(None, (*use.cuts, EVERYTHING)))
        raise UsageError(f"Network {name!r} has no layer {second!r} to freeze up to; usual: {usually}.")
    plan, warm = by_start(plan, use, begun), plan.warmup_epochs
    if begun.startswith(RANDOM):
        phases = [("", TailPlan(plan.tuning_epochs, plan.learning_rate, plan.patience, warmup_epochs=warm))]
    elif not usual:
        epochs = plan.head_epochs + plan.tuning_epochs
        phases = [(second, TailPlan(epochs, plan.learning_rate, plan.patience, warmup_epochs=warm))]
    else:
        head = TailPlan(plan.head_epochs, plan.learning_rate, plan.patience)
        rest = TailPlan(plan.tuning_epochs, plan.learning_rate / 5, plan.patience, warmup_epochs=warm)
        phases = [(usual, head), (second, rest)]
    phases = [(cut, tail) for cut, tail in phases if tail.epochs]
    if not phases:
        raise UsageError("0 epochs train nothing; ask for at least 1.")
    return phases


def _phase(
    model: Any,
    cut: str,
    training_data: FolderTrainingData,
    tail: TailPlan,
    plan: FolderPlan,
    progress: Progress,
    watch: Watch,
    checkpoint: Path | None,
) -> History:
    """Train what follows `cut`, or everything."""
    label, division = training_data.label, training_data.division
    part = tail_of(model, cut) if cut else model
    seen: Callable[[Array], Array] = feature_maps(model, cut) if cut else lambda pictures: pictures
    draw = _from_features(seen, training_data, plan) if cut else _from_pictures(training_data, plan)
    checked, held = seen(training_data.pictures[division.validation]), label[division.validation]
    truth = label[division.train]
    chance = draw_chances(truth, training_data.classes, plan.class_weights)
    size = min(plan.batch, truth.size)

    def batches(epoch: int) -> Iterator[tuple[Array, Array]]:
        random = np.random.default_rng([plan.seed, epoch])
        for _ in range(max(truth.size // size, STEPS_MIN)):
            rows = random.choice(truth.size, size, p=chance)
            yield draw(rows, random), truth[rows]

    def validate(logits: Callable[[Array], Array]) -> dict[str, float]:
        found = logits(checked)
        loss, answers = negative_log_likelihood(softmax(found), held), found.argmax(axis=1)
        watch(loss)
        return {
            "val_loss": loss,
            "val_accuracy": float(np.mean(answers == held)),
            "val_macro_f1": macro_f1(answers, held, len(training_data.classes)),
        }

    keeper = InFolder(checkpoint) if checkpoint else None
    return fit_tail(part, batches, validate, tail, progress, keeper=keeper)


def _from_pictures(
    training_data: FolderTrainingData, plan: FolderPlan
) -> Callable[[Array, np.random.Generator], Array]:
    """Return what draws a batch of training pictures, changed at random each time."""
    rows_of = training_data.division.train
    variants = training_data.variants

    def draw(rows: Array, random: np.random.Generator) -> Array:
        if variants is not None:
            return np.asarray(variants[random.integers(0, len(variants), rows.size), rows_of[rows]])
        return augmented(training_data.pictures[rows_of[rows]], random, plan.augmentation)

    return draw


def _from_features(
    seen: Callable[[Array], Array], training_data: FolderTrainingData, plan: FolderPlan
) -> Callable[[Array, np.random.Generator], Array]:
    """Return what draws a batch of features, computed once from each picture and `DRAWINGS` changed ones."""
    train, random = training_data.division.train, np.random.default_rng(plan.seed)
    pictures, variants = training_data.pictures[train], training_data.variants
    if variants is None:
        changed = [augmented(pictures, random, plan.augmentation) for _ in range(DRAWINGS)]
    else:
        changed = [variant[train] for variant in variants[:DRAWINGS]]
    features = np.stack([seen(each) for each in (pictures, *changed)])

    def draw(rows: Array, random: np.random.Generator) -> Array:
        return np.asarray(features[random.integers(0, len(features), rows.size), rows])

    return draw
