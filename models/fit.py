"""Training a network called by its name: a plan and batches in, the model and its curves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models.loop import Batch, History, InFolder, train_epochs
from models.losses import PLAIN, Recipe
from models.networks import NETWORKS
from models.runtime import dtype_policy, keras, tensorflow


@dataclass(frozen=True)
class FitPlan:
    """What to train and for how long, with cosine decay over all steps.

    Attributes
    ----------
    network : str
        Name of the network.
    input_shape : tuple of int
        Shape of one input, without the batch.
    classes : int
        How many classes.
    epochs, steps, batch : int
        Epochs of so many batches of so many pictures.
    seed : int
        Seed of the random generators.
    weights_dir : Path
        Folder of the initial weights.
    checkpoint : Path
        Folder in which an interrupted run is resumed.
    recipe : Recipe
        Loss and hyperparameters.
    keep : {"best", "last"}
        The epoch whose weights the run ends with.
    depth : float
        Share of the layers with weights, counted from the output, that may be tuned.
    """

    network: str
    input_shape: tuple[int, ...]
    classes: int
    epochs: int
    steps: int
    batch: int
    seed: int
    weights_dir: Path
    checkpoint: Path  # a folder
    recipe: Recipe = PLAIN
    keep: Literal["best", "last"] = "best"  # epoch
    depth: float = 1.0


@dataclass(frozen=True, eq=False)
class FitResult:
    """The model of the best epoch by "val_loss", or of the last; the curves by epoch; and what it started from."""

    model: Any
    history: History
    start: str


def fit(
    plan: FitPlan,
    batches: Callable[[int], Iterator[Batch]],
    evaluate: Callable[[Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]], dict[str, float]],
    progress: Callable[[float, str], None],
    *,
    build: Callable[[Any, int], Any] | None = None,
) -> FitResult:
    """Train a network.

    Parameters
    ----------
    plan : FitPlan
        What to train and for how long.
    batches : Callable[[int], Iterator[Batch]]
        `batches(epoch)` yields (pictures uint8 (b, h, w, 3), labels int (b,)), or (beats float32 (b, n, row), labels
        (b, n)), the same for the same epoch; items labelled `UNLABELLED` do not count.
    evaluate : Callable[[Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]], dict[str, float]]
        Given a function from inputs to logits, returns the epoch's validation measures; "val_loss" decides which epoch
        is kept: the lowest, the later one of equals.
    progress : Callable[[float, str], None]
        Called with a fraction in 0..1 and a sentence.
    build : callable, optional
        Makes the model instead of the network's own `build`: one member of an ensemble.
    """
    keras().utils.set_random_seed(plan.seed)
    keras().mixed_precision.set_global_policy(dtype_policy())
    network = NETWORKS[plan.network]
    model = (build or network.build)(plan.input_shape, plan.classes)
    start = network.initialise(model, plan.weights_dir)
    weighted = [layer.name for layer in model.layers if layer.weights]
    deep_enough = weighted[round((1 - plan.depth) * len(weighted)) :]
    for layer in model.layers:
        layer.trainable = network.trainable(layer.name) and layer.name in deep_enough
    warmup = min(100, plan.epochs * plan.steps // 5)
    schedule = keras().optimizers.schedules.CosineDecay(
        0.0,
        plan.epochs * plan.steps - warmup,
        warmup_target=plan.recipe.learning_rate or network.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras().optimizers.AdamW(schedule, weight_decay=plan.recipe.weight_decay, clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    logits = forward_of(plan.network)(model)
    history = train_epochs(
        model,
        optimizer,
        batches,
        lambda: evaluate(logits),
        InFolder(plan.checkpoint),
        progress,
        epochs=plan.epochs,
        steps=plan.steps,
        recipe=plan.recipe,
        best_only=plan.keep == "best",
    )
    return FitResult(model, history, start)


def forward_of(name: str) -> Callable[[Any], Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]]:
    """Return how the network called `name` is run: on pictures, or on beats in their order."""
    return NETWORKS[name].forward or forward


def forward(model: Any) -> Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Compile a function from pictures uint8 (n, h, w, 3) to logits float32 (n, classes), in batches."""
    tf = tensorflow()

    def one_batch(pictures: Any) -> Any:
        return model(tf.cast(pictures, tf.float32), training=False)

    logits = tf.function(one_batch, input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)])

    def run(pictures: np.ndarray[Any, Any], batch: int = 128) -> np.ndarray[Any, Any]:
        parts = [logits(pictures[i : i + batch]).numpy() for i in range(0, len(pictures), batch)]
        return np.concatenate(parts) if parts else np.zeros((0, model.output_shape[-1]), np.float32)

    return run


def average_weights(first: Any, second: Any, weight: float) -> None:
    """Set the variables of one model to the weighted mean of two.

    Parameters
    ----------
    first : keras.Model
        The other model.
    second : keras.Model
        The model that is changed; same layers as `first`.
    weight : float
        Weight of `second`, 0..1.
    """
    for one, other in zip(first.variables, second.variables, strict=True):
        other.assign((1 - weight) * np.asarray(one) + weight * np.asarray(other))
