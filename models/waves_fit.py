"""Training of the network that marks waves: batches in, a trained Keras model and its curves out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.loop import History, InFolder
from models.runtime import keras, tensorflow
from models.waves import CHANNELS, WAVES, build, network_of

LEARNING_RATE: Final = 3e-3  # at its highest, then by half a cosine to 0
WEIGHT_DECAY: Final = 1e-3
WARMUP_STEPS: Final = 100

Batch = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
Answer = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def fit_waves(
    batches: Callable[[int], Iterator[Batch]],
    validate: Callable[[Answer], dict[str, float]],
    checkpoint: Path,
    progress: Callable[[float, str], None],
    *,
    epochs: int,
    steps: int,
    seed: int,
    start: Any = None,
    learning_rate: float = LEARNING_RATE,
) -> tuple[Any, History]:
    """Train the network; an interrupted run resumes after its last finished epoch.

    Parameters
    ----------
    batches : callable
        `batches(epoch)` yields inputs (b, leads, n, 2), how much of each sample lies in each wave (b, leads, n, 3), and
        1 where that is known; the same for the same epoch.
    validate : callable
        Given the function from (leads, n, 2) to probabilities, returns measures on held-out records.
    checkpoint : Path
        Folder of the last epoch.
    progress : callable
        Called with the share done, 0 to 1, and a sentence.
    epochs, steps : int
        How many epochs of how many batches.
    seed : int
        Seed of the initial weights.
    start : keras.Model, optional
        A trained model to go on from, changed in place.
    learning_rate : float, optional
        At its highest.

    Returns
    -------
    keras.Model and dict of str to list of float
        The model of the last epoch, and curves by epoch: loss, what `validate` gives, minutes.
    """
    keras().mixed_precision.set_global_policy("float32")
    keras().utils.set_random_seed(seed)
    model = build() if start is None else start
    schedule = keras().optimizers.schedules.CosineDecay(
        0.0, epochs * steps - WARMUP_STEPS, warmup_target=learning_rate, warmup_steps=WARMUP_STEPS
    )
    optimizer = keras().optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY, clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    keeper, step = InFolder(checkpoint), _compiled_step(model, optimizer)
    history = keeper.resume(model, optimizer)
    for epoch in range(len(history.get("loss", [])), epochs):
        started = time.monotonic()
        loss = float(np.mean([float(step(*batch)) for batch in batches(epoch)]))
        measures = {"loss": loss} | validate(network_of(model))
        measures["minutes"] = (time.monotonic() - started) / 60
        for key, value in measures.items():
            history.setdefault(key, []).append(round(value, 5))
        keeper.keep(model, optimizer, history, is_best=False)
        said = ", ".join(f"{key} {value:.4f}" for key, value in measures.items())
        progress((epoch + 1) / epochs, f"Epoch {epoch + 1}/{epochs} {said}")
    return model, history


def _compiled_step(model: Any, optimizer: Any) -> Callable[..., Any]:
    """Return the function that learns from one batch and returns its loss: binary cross-entropy of what is known."""
    tf = tensorflow()

    def step(values: Any, inside: Any, known: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = model(values, training=True)
            loss = known * tf.nn.sigmoid_cross_entropy_with_logits(labels=inside, logits=logits)
            loss = tf.reduce_sum(loss) / tf.maximum(tf.reduce_sum(known), 1.0)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    shapes = [tf.TensorSpec((None, None, None, size), tf.float32) for size in (CHANNELS, len(WAVES), len(WAVES))]
    return tf.function(step, input_signature=shapes)  # type: ignore[no-any-return]
