"""The training loop: arrays in, weights and curves out; resumes from its last finished epoch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from models import rhythm
from models.losses import PLAIN, Recipe, loss_function
from models.networks import NETWORKS
from models.runtime import dtype_policy, keras, tensorflow

Batch = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
UNLABELLED: Final = -1


@dataclass(frozen=True)
class FitPlan:
    """What to train and for how long: `epochs` of `steps` batches of `batch` pictures, with cosine decay over all.

    `depth` is the share of the layers with weights, counted from the output, that may be tuned.
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
    history: dict[str, list[float]]
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
    history = _resume(plan, model, optimizer)
    step = _train_step(model, optimizer, plan.recipe)
    for epoch in range(len(history.get("loss", [])), plan.epochs):
        started = time.monotonic()
        measures = _one_epoch(plan, epoch, step, batches, progress)
        measures |= evaluate(forward_of(plan.network)(model))
        measures["minutes"] = (time.monotonic() - started) / 60
        for key, value in measures.items():
            history.setdefault(key, []).append(round(float(value), 5))
        _save(plan, model, optimizer, history)
        progress((epoch + 1) / plan.epochs, f"Epoch {epoch + 1}: {json.dumps(measures, default=float)}")
    _load_arrays(plan.checkpoint / "best.npz", model.variables)
    return FitResult(model, history, start)


def forward_of(name: str) -> Callable[[Any], Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]]:
    """Return how the network called `name` is run: on pictures, or on beats in their order."""
    return forward if NETWORKS[name].reads == "pictures" else rhythm.forward


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


def average(first: Any, second: Any, weight: float) -> None:
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


def _train_step(model: Any, optimizer: Any, recipe: Recipe) -> Any:
    tf = tensorflow()
    loss_of = loss_function(recipe, ignored=UNLABELLED)

    def step(pictures: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(tf.cast(pictures, tf.float32), training=True)
            loss = loss_of(labels, logits)
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )
        hit = tf.equal(tf.argmax(logits, -1), tf.cast(labels, tf.int64))
        return loss, tf.reduce_mean(tf.cast(hit[labels != UNLABELLED], tf.float32))

    return tf.function(step, reduce_retracing=True)


def _one_epoch(
    plan: FitPlan,
    epoch: int,
    step: Any,
    batches: Callable[[int], Iterator[Batch]],
    progress: Callable[[float, str], None],
) -> dict[str, float]:
    losses, hits = [], []
    for i, (pictures, labels) in enumerate(batches(epoch)):
        loss, hit = step(tensorflow().constant(pictures), tensorflow().constant(labels))
        losses.append(float(loss))
        hits.append(float(hit))
        if i % 20 == 0:
            done = (epoch + i / plan.steps) / plan.epochs
            progress(done, f"Epoch {epoch + 1}/{plan.epochs} step {i}/{plan.steps}: loss {np.mean(losses[-50:]):.4f}")
    return {"loss": float(np.mean(losses)), "accuracy": float(np.mean(hits))}


def _save(plan: FitPlan, model: Any, optimizer: Any, history: dict[str, list[float]]) -> None:
    plan.checkpoint.mkdir(parents=True, exist_ok=True)
    if plan.keep == "last" or history["val_loss"][-1] == min(history["val_loss"]):
        _save_arrays(plan.checkpoint / "best.npz", model.variables)
    _save_arrays(plan.checkpoint / "last.npz", [*model.variables, *optimizer.variables])
    (plan.checkpoint / "history.json").write_text(json.dumps(history))


def _resume(plan: FitPlan, model: Any, optimizer: Any) -> dict[str, list[float]]:
    file = plan.checkpoint / "history.json"
    if not file.exists():
        return {}
    _load_arrays(plan.checkpoint / "last.npz", [*model.variables, *optimizer.variables])
    history: dict[str, list[float]] = json.loads(file.read_text())
    return history


def _save_arrays(path: Path, variables: list[Any]) -> None:
    temporary = path.with_suffix(".part.npz")
    arrays: dict[str, Any] = {f"{i}": np.asarray(variable) for i, variable in enumerate(variables)}
    np.savez(temporary, **arrays)
    temporary.replace(path)


def _load_arrays(path: Path, variables: list[Any]) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        for i, variable in enumerate(variables):
            variable.assign(arrays[f"{i}"])
