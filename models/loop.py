"""The training loop: batches in, a trained model and its curves out. It knows Keras and no network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from models.losses import PLAIN, Recipe, loss_function
from models.runtime import tensorflow

Array = np.ndarray[Any, Any]
Batch = tuple[Array, Array]
Logits = Callable[[Array], Array]
History = dict[str, list[float]]
UNLABELLED: Final = -1
_STEPS_PER_REPORT: Final = 20
_CURVES: Final = "curves"  # in a saved epoch, beside its arrays
_RECENT_STEPS: Final = 50  # whose mean loss is reported


class Keeper(Protocol):
    """Holds the weights that a run ends with, and what it takes to resume an interrupted run."""

    def resume(self, model: Any, optimizer: Any) -> History:
        """Set the variables as the last finished epoch left them; its curves, empty for a new run."""

    def keep(self, model: Any, optimizer: Any, history: History, *, is_best: bool) -> None:
        """Keep what is needed after an epoch.

        Parameters
        ----------
        model, optimizer : keras.Model and keras.Optimizer
            As they are after the epoch.
        history : dict of str to list of float
            The curves so far, this epoch included.
        is_best : bool
            Whether the run would end with the weights of this epoch if it ended now.
        """

    def restore(self, model: Any) -> None:
        """Set the variables as they were in the last epoch that `is_best`; leave them if there was none."""


class InMemory:
    """Holds the best epoch of a short run in memory; an interrupted run starts again."""

    def __init__(self) -> None:
        self._best: list[Array] = []

    def resume(self, model: Any, optimizer: Any) -> History:
        """Return an empty history: memory does not outlive a run."""
        return {}

    def keep(self, model: Any, optimizer: Any, history: History, *, is_best: bool) -> None:
        """Keep the variables of the best epoch in memory.

        Parameters
        ----------
        model, optimizer : keras.Model and keras.Optimizer
            As they are after the epoch.
        history : dict of str to list of float
            The curves so far, this epoch included.
        is_best : bool
            Whether the run would end with the weights of this epoch if it ended now.
        """
        if is_best:
            self._best = [np.asarray(variable) for variable in model.variables]

    def restore(self, model: Any) -> None:
        """Give the model the variables of the best epoch."""
        if self._best:
            _assign(model.variables, self._best)


class InFolder:
    """Saves the best epoch, the last one and the curves in files; an interrupted run resumes from there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resume(self, model: Any, optimizer: Any) -> History:
        """Load the last epoch and return the curves so far; empty if there are none."""
        file = self._folder / "last.npz"
        if not file.exists():
            return {}
        with np.load(file, allow_pickle=False) as arrays:
            if _CURVES not in arrays:  # of an earlier version
                return {}
            history: History = json.loads(str(arrays[_CURVES]))
        _load_arrays(file, [*model.variables, *optimizer.variables])
        return history

    def keep(self, model: Any, optimizer: Any, history: History, *, is_best: bool) -> None:
        """Write the epoch, and the best one before it, to the folder: each file at once or not at all.

        Parameters
        ----------
        model, optimizer : keras.Model and keras.Optimizer
            As they are after the epoch.
        history : dict of str to list of float
            The curves so far, this epoch included.
        is_best : bool
            Whether the run would end with the weights of this epoch if it ended now.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if is_best:
            _save_arrays(self._folder / "best.npz", model.variables)
        _save_arrays(self._folder / "last.npz", [*model.variables, *optimizer.variables], json.dumps(history))

    def restore(self, model: Any) -> None:
        """Give the model the variables of the best epoch."""
        _load_arrays(self._folder / "best.npz", model.variables)


def train_epochs(
    model: Any,
    optimizer: Any,
    batches: Callable[[int], Iterator[Batch]],
    validate: Callable[[], dict[str, float]],
    keeper: Keeper,
    progress: Callable[[float, str], None],
    *,
    epochs: int,
    steps: int,
    recipe: Recipe = PLAIN,
    best_only: bool = True,
    patience: int | None = None,
    patience_from: int = 0,
) -> History:
    """Train a model and leave it as it was in its best epoch, or in its last.

    Parameters
    ----------
    model, optimizer : keras.Model and keras.Optimizer
        The optimizer is built for the model's trainable variables.
    batches : callable
        `batches(epoch)` yields (inputs (b, ...), labels int (b,) or (b, n)), the same for the same epoch; a label of
        `UNLABELLED` adds nothing to the loss.
    validate : callable
        The measures of the model as it stands, on held-out data; "val_loss" decides which epoch is best: the lowest,
        the later one of equals.
    keeper : Keeper
        Where epochs are kept.
    progress : callable
        Called with the share done, 0 to 1, and a sentence.
    epochs, steps : int
        How many epochs at most, and about how many batches each has: for the progress.
    recipe : Recipe
        What the loss is.
    best_only : bool
        Whether the best epoch is kept; else the last one is.
    patience : int, optional
        So many epochs without a better one end the run.
    patience_from : int, optional
        They are counted from this epoch on: while statistics settle, held-out losses say little.

    Returns
    -------
    dict of str to list of float
        Curves by epoch: loss, accuracy, minutes, and what `validate` gives, to five decimals.
    """
    history = keeper.resume(model, optimizer)
    step = _compiled_step(model, optimizer, recipe)
    for epoch in range(len(history.get("loss", [])), epochs):
        if patience is not None and _without_a_better(history, patience_from) >= patience:
            break
        started = time.monotonic()

        def within(done: float, sentence: str, epoch: int = epoch) -> None:
            progress((epoch + done) / epochs, f"Epoch {epoch + 1}/{epochs} {sentence}")

        measures = _one_epoch(step, batches(epoch), steps, within) | validate()
        measures["minutes"] = (time.monotonic() - started) / 60
        for key, value in measures.items():
            history.setdefault(key, []).append(round(float(value), 5))
        is_best = best_epoch(history["val_loss"]) == epoch
        keeper.keep(model, optimizer, history, is_best=is_best or not best_only)
        within(1.0, ", ".join(f"{key} {value:.4f}" for key, value in measures.items()))
    keeper.restore(model)
    return history


def best_epoch(val_loss: Sequence[float]) -> int:
    """Return the epoch with the lowest loss, the later of equals; -1 if none is a number."""
    known = [(loss, -epoch) for epoch, loss in enumerate(val_loss) if np.isfinite(loss)]
    return -min(known)[1] if known else -1


def _without_a_better(history: History, counted_from: int) -> int:
    """Count the epochs since the best one, or since `counted_from` if that was later."""
    losses = history.get("val_loss", [])
    best = best_epoch(losses)
    first = losses.index(losses[best]) if best >= 0 else best  # its equals are no better
    return len(losses) - 1 - max(first, counted_from)


def _one_epoch(
    step: Callable[[Array, Array], tuple[Any, Any]],
    batches: Iterator[Batch],
    steps: int,
    progress: Callable[[float, str], None],
) -> dict[str, float]:
    losses, hits = [], []
    for i, (inputs, labels) in enumerate(batches):
        loss, hit = step(inputs, labels)
        losses.append(float(loss))
        hits.append(float(hit))
        if i % _STEPS_PER_REPORT == 0:
            progress(min(i / steps, 1.0), f"step {i}/{steps}: loss {np.mean(losses[-_RECENT_STEPS:]):.4f}")
    return {"loss": float(np.mean(losses)), "accuracy": float(np.mean(hits))}


def _compiled_step(model: Any, optimizer: Any, recipe: Recipe) -> Callable[[Array, Array], tuple[Any, Any]]:
    tf = tensorflow()
    loss_of = loss_function(recipe, ignored=UNLABELLED)

    def step(inputs: Any, labels: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            logits = model(tf.cast(inputs, tf.float32), training=True)
            loss = loss_of(labels, logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        hit = tf.equal(tf.argmax(logits, -1), tf.cast(labels, tf.int64))
        return loss, tf.reduce_mean(tf.cast(hit[labels != UNLABELLED], tf.float32))

    compiled = tf.function(step, reduce_retracing=True)
    return lambda inputs, labels: compiled(tf.constant(inputs), tf.constant(labels))


def _assign(variables: Sequence[Any], values: Sequence[Array]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _save_arrays(path: Path, variables: Sequence[Any], curves: str = "") -> None:
    temporary = path.with_suffix(".part.npz")
    arrays: dict[str, Any] = {f"{i}": np.asarray(variable) for i, variable in enumerate(variables)}
    arrays[_CURVES] = np.array(curves)
    np.savez(temporary, **arrays)
    temporary.replace(path)


def _load_arrays(path: Path, variables: Sequence[Any]) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        _assign(variables, [arrays[f"{i}"] for i in range(len(variables))])
