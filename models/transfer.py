"""Training what follows a frozen part: its features are computed once; training stops early by held-out loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.loop import Array, Batch, History, InMemory, Keeper, Logits, train_epochs
from models.runtime import keras, tensorflow


@dataclass(frozen=True)
class TailPlan:
    """How long and how fast to train.

    Attributes
    ----------
    epochs : int
        At most so many.
    learning_rate : float
        At its highest; it falls by a cosine over `epochs`.
    patience : int
        So many epochs without a better "val_loss" end the run.
    weight_decay : float
        Of AdamW.
    warmup_epochs : int
        The learning rate rises over so many epochs first, in which patience is not counted.
    """

    epochs: int
    learning_rate: float
    patience: int
    weight_decay: float = 1e-3
    warmup_epochs: int = 0


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
    *,
    keeper: Keeper | None = None,
) -> History:
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
    keeper : Keeper, optional
        Where epochs are kept; in memory if None.

    Returns
    -------
    dict of str to list of float
        Curves by epoch: loss, accuracy, minutes, and what `validate` returns.
    """
    steps = sum(1 for _ in batches(0))
    warmup = min(plan.warmup_epochs, plan.epochs - 1) * steps
    schedule = keras().optimizers.schedules.CosineDecay(
        0.0 if warmup else plan.learning_rate,
        max(plan.epochs * steps - warmup, 1),
        alpha=0.02,
        warmup_target=plan.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras().optimizers.AdamW(schedule, weight_decay=plan.weight_decay, clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    logits = logits_of(model)
    return train_epochs(
        model,
        optimizer,
        batches,
        lambda: validate(logits),
        keeper or InMemory(),
        progress,
        epochs=plan.epochs,
        steps=steps,
        patience=plan.patience,
        patience_from=plan.warmup_epochs,
    )


def logits_of(model: Any) -> Logits:
    """Return a function from any inputs to logits float32 (n, classes), in batches."""
    tf = tensorflow()
    run = tf.function(lambda inputs: model(tf.cast(inputs, tf.float32), training=False), reduce_retracing=True)

    def logits(inputs: Array, batch: int = 64) -> Array:
        return np.concatenate([run(tf.constant(inputs[i : i + batch])).numpy() for i in range(0, len(inputs), batch)])

    return logits
