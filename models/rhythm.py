"""The network over beats: a small embedding of each beat, then temporal convolutions over its neighbours.

It reads rows of beats in their order: (n, row) float32 with the beat on two leads, the recording's usual beat and RR
intervals (`pipeline.signal.sequence`). Convolutions are written as products of matrices over shifted copies: faster
on a processor than 1-D convolutions, which were seen to corrupt the heap in training (DESIGN.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.network import Network, everything, random_start
from models.runtime import keras, tensorflow

POINTS: Final = 100  # of a beat, R at 38, 8 ms apart
LEADS: Final = 2
MEMBERS: Final = 5  # networks, each without a fifth of the training patients, whose logits are averaged
WIDTH: Final = 64
DILATIONS: Final = (1, 2, 4, 8)  # 15 beats on each side
BEFORE_QRS, QRS, AFTER_QRS = slice(8, 30), slice(30, 50), slice(50, 95)
STEEP: Final = slice(24, 64)  # where the width of the QRS is measured


def build(input_shape: tuple[int, ...], classes: int) -> Any:
    """An untrained ensemble from rows (batch, n, row) to logits (batch, n, classes), the mean over `MEMBERS`."""
    inputs = keras().layers.Input((None, *input_shape), dtype="float32", name="beats")
    answers = [_logits(inputs, classes, f"member{i}_") for i in range(MEMBERS)]
    return keras().Model(inputs, sum(answers[1:], answers[0]) / MEMBERS, name="rhythm")


def member(input_shape: tuple[int, ...], classes: int) -> Any:
    """One untrained network of the ensemble, to be trained alone."""
    inputs = keras().layers.Input((None, *input_shape), dtype="float32", name="beats")
    return keras().Model(inputs, _logits(inputs, classes, ""), name="member")


def assemble(ensemble: Any, members: Sequence[Any]) -> None:
    """Give an ensemble the weights of its trained members."""
    trained = {f"member{i}_{w.path}": w for i, part in enumerate(members) for w in part.weights}
    for weight in ensemble.weights:
        weight.assign(trained[weight.path])


def take(part: Any, ensemble: Path, number: int) -> None:
    """Give one network the weights of a member of an ensemble, from the file that holds them."""
    with np.load(ensemble, allow_pickle=False) as arrays:
        for weight in part.weights:
            weight.assign(arrays[f"member{number}_{weight.path}"].astype(np.float32))


def forward(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """A compiled function from the rows (n, row) of beats in their order to logits (n, classes)."""
    tf = tensorflow()

    def whole(rows: Any) -> Any:
        return model(rows[None], training=False)[0]

    run = tf.function(whole, input_signature=[tf.TensorSpec((None, model.input_shape[-1]), tf.float32)])
    return lambda rows: np.asarray(run(rows), np.float32)


def _logits(rows: Any, classes: int, prefix: str) -> Any:
    """One member's logits; the names of its layers start with `prefix`."""
    wave, usual, rhythm = _parts(rows)
    shape = _dense(128, f"{prefix}shape1", "relu")(_joined([_flat(wave), _flat(wave - usual)]))
    shape = _dense(48, f"{prefix}shape2", "relu")(_dropped(shape, 0.3))
    known = _joined([_likeness(wave, usual), rhythm])
    intervals = _dense(32, f"{prefix}intervals", "relu")(rhythm)
    seen = _joined([shape, intervals, _dense(32, f"{prefix}likeness", "relu")(known)])
    x = _dense(WIDTH, f"{prefix}beat")(seen)
    for dilation in DILATIONS:
        x = x + _neighbours(x, dilation, prefix)
    return _dense(classes, f"{prefix}logits")(_joined([_normed(x, f"{prefix}norm"), seen]))


def _parts(rows: Any) -> tuple[Any, Any, Any]:
    """The beat and the usual beat, (batch, n, POINTS, LEADS), and the RR intervals."""
    size = POINTS * LEADS
    reshape = keras().layers.Reshape((-1, POINTS, LEADS), dtype="float32")
    wave, usual = (reshape(rows[..., at : at + size]) for at in (0, size))
    return wave, usual, rows[..., 2 * size :]


def _likeness(wave: Any, usual: Any) -> Any:
    """How like the usual beat each lead is: correlation, height and difference before, in and after QRS, and width."""
    ops = keras().ops
    found = []
    for part in (BEFORE_QRS, QRS, AFTER_QRS):
        one, other = (x[..., part, :] - ops.mean(x[..., part, :], axis=-2, keepdims=True) for x in (wave, usual))
        power, usual_power = (ops.sum(ops.square(x), axis=-2) for x in (one, other))
        found.append(ops.sum(one * other, axis=-2) / ops.sqrt(power * usual_power + 1e-3))
        found.append(0.5 * ops.log((power + 0.02) / (usual_power + 0.02)))
        found.append(0.5 * ops.log(ops.sum(ops.square(one - other), axis=-2) + 0.05))
    width = _width(wave)
    return ops.concatenate([*found, width, width - _width(usual)], axis=-1)


def _width(wave: Any) -> Any:
    """How far the steep parts lie apart, (batch, n, LEADS): the spread in time of the squared slope, in 80 ms."""
    ops = keras().ops
    steep = wave[..., STEEP, :]
    weight = ops.square(steep[..., 1:, :] - steep[..., :-1, :])
    time = ops.reshape(ops.arange(STEEP.stop - STEEP.start - 1, dtype="float32") / 10, (-1, 1))
    total = ops.sum(weight, axis=-2) + 1e-2
    mean = ops.sum(weight * time, axis=-2) / total
    return ops.sqrt(ops.maximum(ops.sum(weight * time * time, axis=-2) / total - ops.square(mean), 0.0) + 1e-4)


def _neighbours(x: Any, dilation: int, prefix: str) -> Any:
    """What the beats `dilation` before and after add: a residual block, as in Bai et al. 2018, arXiv:1803.01271."""
    x = _normed(x, f"{prefix}norm{dilation}")
    x = _joined([_shifted(x, dilation), x, _shifted(x, -dilation)])
    x = _dense(WIDTH, f"{prefix}near{dilation}", "relu")(x)
    return _dense(WIDTH, f"{prefix}far{dilation}")(_dropped(x, 0.2))


def _shifted(x: Any, by: int) -> Any:
    """Each beat gets what was `by` beats before it; 0 where there is none."""
    padded = keras().ops.pad(x, ((0, 0), (max(by, 0), max(-by, 0)), (0, 0)))
    return padded[:, :-by] if by > 0 else padded[:, -by:]


def _flat(wave: Any) -> Any:
    return keras().layers.Reshape((-1, POINTS * LEADS), dtype="float32")(wave)


def _joined(parts: list[Any]) -> Any:
    return keras().ops.concatenate(parts, axis=-1)


def _dropped(x: Any, share: float) -> Any:
    return keras().layers.Dropout(share, dtype="float32")(x)


def _normed(x: Any, name: str) -> Any:
    return keras().layers.LayerNormalization(dtype="float32", name=name)(x)


def _dense(units: int, name: str, activation: str | None = None) -> Any:
    return keras().layers.Dense(units, activation=activation, dtype="float32", name=name)


NETWORK = Network(
    "Rhythm: both leads, the beats around, RR intervals",
    build,
    random_start,
    everything,
    heat_layer="",
    learning_rate=2e-3,
    place=90,
    reads="beats",
)
