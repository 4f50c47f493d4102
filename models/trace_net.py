"""A small convolutional network over a trace: built and taught with Keras, read with numpy alone.

Convolutions are products of matrices over shifted copies: 1-D convolutions were seen to corrupt the heap in training
(DESIGN.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.runtime import keras

Array = NDArray[np.float32]

POINTS: Final = 128  # of a trace
CONVOLUTIONS: Final = ((7, 16), (5, 32), (5, 48), (3, 48))  # taps and channels; each but the last is halved by maxima
STEEPNESS: Final = 8.0  # slopes are multiplied by this
HIDDEN: Final = 64
_BATCH, _TAUGHT = 512, 256  # traces at a time when read and when taught


@dataclass(frozen=True, eq=False)
class TraceNet:
    """Networks whose outputs are averaged; each maps names (`conv0/weights`, ...) to arrays."""

    members: tuple[Mapping[str, Array], ...]

    def __call__(self, traces: Array, extras: Array) -> Array:
        """Outputs (n, n_out) before any softmax, of traces (n, POINTS) in 0..1 with `extras` (n, k) about each."""
        starts = range(0, max(1, len(traces)), _BATCH)
        parts = [self._batch(traces[i : i + _BATCH], extras[i : i + _BATCH]) for i in starts]
        return np.concatenate(parts)

    def _batch(self, traces: Array, extras: Array) -> Array:
        outputs = [_forward(member, channels(traces), extras) for member in self.members]
        return np.asarray(np.mean(outputs, axis=0), np.float32)


def channels(traces: Array) -> Array:
    """Height and slope (n, POINTS, 2) of traces (n, POINTS)."""
    slope = np.diff(traces, axis=1, prepend=traces[:, :1])
    return np.stack([2 * traces - 1, STEEPNESS * slope], axis=2).astype(np.float32)


def _forward(member: Mapping[str, Array], x: Array, extras: Array) -> Array:
    for i, (taps, _) in enumerate(CONVOLUTIONS):
        x = np.maximum(_shifted(x, taps) @ member[f"conv{i}/weights"] + member[f"conv{i}/bias"], 0)
        if i < len(CONVOLUTIONS) - 1:
            x = np.maximum(x[:, ::2], x[:, 1::2])
    known = (extras - member["mean"]) / member["scale"]
    x = np.concatenate([x.reshape(len(x), -1), x.max(axis=1), known], axis=1)
    for i in (0, 1):
        x = np.maximum(x, 0) if i else x
        x = x @ member[f"dense{i}/weights"] + member[f"dense{i}/bias"]
    return np.asarray(x, np.float32)


def _shifted(x: Array, taps: int) -> Array:
    """Each place with its neighbours (n, m, taps * c), zeros beyond the ends."""
    half = taps // 2
    padded = np.pad(x, ((0, 0), (half, half), (0, 0)))
    return np.concatenate([padded[:, i : i + x.shape[1]] for i in range(taps)], axis=2)


def build(mean: Array, scale: Array, outputs: int, dropout: float) -> Any:
    """An untrained member: a Keras model from channels (n, POINTS, 2) and extras (n, k) to outputs (n, outputs)."""
    layers, k = keras().layers, keras()
    trace, extra = layers.Input((POINTS, 2)), layers.Input((len(mean),))
    x = trace
    for i, (taps, width) in enumerate(CONVOLUTIONS):
        x = layers.ZeroPadding1D(taps // 2)(x)
        size = int(x.shape[1]) - 2 * (taps // 2)
        x = layers.Concatenate()([x[:, j : j + size] for j in range(taps)])
        x = layers.Dense(width, activation="relu", name=f"conv{i}")(x)
        if i < len(CONVOLUTIONS) - 1:
            x = layers.Maximum()([x[:, ::2], x[:, 1::2]])
    known = layers.Normalization(mean=mean, variance=scale**2, name="extras")(extra)
    x = layers.Concatenate()([layers.Flatten()(x), layers.GlobalMaxPooling1D()(x), known])
    x = layers.Dropout(dropout)(x)
    x = layers.Dense(HIDDEN, activation="relu", name="dense0")(x)
    x = layers.Dropout(dropout)(x)
    return k.Model([trace, extra], layers.Dense(outputs, name="dense1")(x))


def arrays_of(model: Any, mean: Array, scale: Array) -> dict[str, Array]:
    """What `TraceNet` needs of a trained member."""
    found = {"mean": np.asarray(mean, np.float32), "scale": np.asarray(scale, np.float32)}
    for name in (*(f"conv{i}" for i in range(len(CONVOLUTIONS))), "dense0", "dense1"):
        weights, bias = model.get_layer(name).get_weights()
        found |= {f"{name}/weights": weights.astype(np.float32), f"{name}/bias": bias.astype(np.float32)}
    return found


Lesson = tuple[Array, Array, NDArray[Any]]  # traces (n, POINTS), extras (n, k), labels (n,)


def teach(
    lesson: Callable[[int], Lesson],
    epochs: int,
    *,
    outputs: int,
    seed: int,
    dropout: float = 0.3,
    watch: Callable[[int, dict[str, Array]], None] = lambda epoch, arrays: None,
) -> dict[str, Array]:
    """Train one member on a fresh `lesson` in each epoch; one output is a yes or no, more are classes.

    The learning rate falls from 2e-3 to nothing along half a cosine. `watch` sees the arrays after each epoch.
    """
    k = keras()
    k.utils.set_random_seed(seed)
    _, extras, _ = lesson(0)
    mean, scale = extras.mean(axis=0), extras.std(axis=0) + 1e-3
    model = build(mean, scale, outputs, dropout)
    kinds = (k.losses.BinaryCrossentropy, k.losses.SparseCategoricalCrossentropy)
    model.compile(optimizer=k.optimizers.AdamW(weight_decay=0.02), loss=kinds[outputs > 1](from_logits=True))
    for epoch in range(epochs):
        model.optimizer.learning_rate.assign(1e-3 * (1 + np.cos(np.pi * (epoch + 0.5) / epochs)))
        traces, extras, label = lesson(epoch)
        model.fit([channels(traces), extras], label, batch_size=_TAUGHT, verbose=0)
        watch(epoch, arrays_of(model, mean, scale))
    return arrays_of(model, mean, scale)
