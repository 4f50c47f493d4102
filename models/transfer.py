"""Training what follows a frozen part: its features are computed once; training stops early by held-out loss."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.losses import PLAIN, loss_function
from models.runtime import keras, tensorflow

Array = np.ndarray[Any, Any]
Batch = tuple[Array, Array]
Logits = Callable[[Array], Array]
NO_LABEL = -1


@dataclass(frozen=True)
class TailPlan:
    """`learning_rate` falls by a cosine over `epochs`; `patience` epochs without a better "val_loss" end the run."""

    epochs: int
    learning_rate: float
    patience: int
    weight_decay: float = 1e-3


def feature_maps(model: Any, layer: str) -> Callable[[Array], Array]:
    """Compile a function from pictures uint8 (n, h, w, 3) to the output of `layer`, float16, in batches."""
    tf = tensorflow()
    lower = keras().Model(model.input, model.get_layer(layer).output)

    def one_batch(pictures: Any) -> Any:
        return tf.cast(lower(tf.cast(pictures, tf.float32), training=False), tf.float16)

    run = tf.function(one_batch, input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)])

    def features(pictures: Array, batch: int = 16) -> Array:
        return np.concatenate([run(pictures[i : i + batch]).numpy() for i in range(0, len(pictures), batch)])

    return features


def tail_of(model: Any, layer: str) -> Any:
    """Return what follows `layer` as a model sharing its layers with `model`; all paths must pass through `layer`."""
    return keras().Model(model.get_layer(layer).output, model.output)


def fit_tail(
    model: Any,
    batches: Callable[[int], Iterator[Batch]],
    validate: Callable[[Logits], dict[str, float]],
    plan: TailPlan,
    progress: Callable[[float, str], None] = lambda fraction, sentence: None,
) -> dict[str, list[float]]:
    """Train a model (the tail of a network, or a whole one) and leave it as it was in its best epoch.

    Parameters
    ----------
    model : keras.Model
        The model, changed in place.
    batches : Callable[[int], Iterator[Batch]]
        `batches(epoch)` yields (inputs (b, ...), labels int (b,)); the number of batches is the same in every epoch.
    validate : Callable[[Logits], dict[str, float]]
        Given a function from inputs to logits, returns the epoch's held-out measures; the lowest "val_loss" is kept.
    plan : TailPlan
        Epochs, learning rate and patience.
    progress : Callable[[float, str], None], optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    dict of str to list of float
        Curves by epoch: loss, accuracy, minutes, and what `validate` returns.
    """
    steps = sum(1 for _ in batches(0))
    schedule = keras().optimizers.schedules.CosineDecay(plan.learning_rate, max(plan.epochs * steps, 1), alpha=0.02)
    optimizer = keras().optimizers.AdamW(schedule, weight_decay=plan.weight_decay, clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    history: dict[str, list[float]] = {}
    step, best, kept = _step(model, optimizer), float("inf"), _values(model)
    logits, waited = logits_of(model), 0
    for epoch in range(plan.epochs):
        started = time.monotonic()
        found = np.array([[float(value) for value in step(*batch)] for batch in batches(epoch)])
        measures = {"loss": found[:, 0].mean(), "accuracy": found[:, 1].mean(), **validate(logits)}
        measures["minutes"] = (time.monotonic() - started) / 60
        for key, value in measures.items():
            history.setdefault(key, []).append(round(float(value), 5))
        better = measures["val_loss"] < best
        best, kept, waited = (measures["val_loss"], _values(model), 0) if better else (best, kept, waited + 1)
        progress((epoch + 1) / plan.epochs, f"Epoch {epoch + 1}: held-out loss {measures['val_loss']:.3f}")
        if waited >= plan.patience:
            break
    for variable, value in zip(model.variables, kept, strict=True):
        variable.assign(value)
    return history


def logits_of(model: Any) -> Logits:
    """Return a function from any inputs to logits float32 (n, classes), in batches."""
    tf = tensorflow()
    run = tf.function(lambda inputs: model(tf.cast(inputs, tf.float32), training=False), reduce_retracing=True)

    def logits(inputs: Array, batch: int = 64) -> Array:
        return np.concatenate([run(tf.constant(inputs[i : i + batch])).numpy() for i in range(0, len(inputs), batch)])

    return logits


def _step(model: Any, optimizer: Any) -> Callable[[Array, Array], tuple[Any, Any]]:
    tf = tensorflow()
    loss_of = loss_function(PLAIN, ignored=NO_LABEL)

    def step(inputs: Any, labels: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            logits = model(tf.cast(inputs, tf.float32), training=True)
            loss = loss_of(labels, logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        hits = tf.equal(tf.argmax(logits, 1), tf.cast(labels, tf.int64))
        return loss, tf.reduce_mean(tf.cast(hits, tf.float32))

    compiled: Callable[[Array, Array], tuple[Any, Any]] = tf.function(step, reduce_retracing=True)
    return lambda inputs, labels: compiled(tf.constant(inputs), tf.constant(labels))


def _values(model: Any) -> list[Array]:
    return [np.asarray(variable) for variable in model.variables]
