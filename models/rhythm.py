"""The network over beats: an embedding of each beat, temporal convolutions over its neighbours, and boosted trees.

It reads rows of beats in their order: (n, row) float32 with the beat on two leads, the recording's usual beat and RR
intervals (`pipeline.features.beat_sequence`). Convolutions are written as matrix products over shifted copies: this
is faster on a CPU than 1-D convolutions, which corrupted the heap during training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import trees
from models.beat_measures import LEADS, POINTS, joined, likeness, parts, shifted, surroundings
from models.network import Network, everything, random_start
from models.runtime import keras, tensorflow

MEMBERS: Final = 10  # networks, each trained without a fifth of the training patients, whose logits are averaged
WIDTH: Final = 64
DILATIONS: Final = (1, 2, 4, 8, 16)  # 31 beats on each side, each of which includes its own surroundings
TREES_SHARE: Final = 1 / 4  # weight of the trees in the answer; the members' mean has the rest


def build(input_shape: tuple[int, ...], classes: int) -> Any:
    """Return an untrained model from rows (batch, n, row) to logits (batch, n, classes): networks and trees."""
    inputs = _inputs(input_shape)
    answer = (1 - TREES_SHARE) * _mean(inputs, classes) + TREES_SHARE * trees.layer(classes)(inputs)
    return keras().Model(inputs, answer, name="rhythm")


def member(input_shape: tuple[int, ...], classes: int) -> Any:
    """Return one untrained network of the ensemble, to be trained alone."""
    inputs = _inputs(input_shape)
    return keras().Model(inputs, _logits(*_measured(inputs), classes, ""), name="member")


def assemble(ensemble: Any, members: Sequence[Any], grown: Mapping[str, NDArray[Any]]) -> None:
    """Give an ensemble the weights of its trained members and of its trees.

    Parameters
    ----------
    ensemble : keras.Model
        As `build` returns it, changed in place.
    members : sequence of keras.Model
        Trained members, in order.
    grown : mapping of str to array
        The trees: arrays by the names in `models.trees.NODE`, and "start".
    """
    trained = {f"member{i}_{w.path}": w for i, part in enumerate(members) for w in part.weights}
    trained |= {f"trees/{name}": array for name, array in grown.items()}
    for weight in ensemble.weights:
        weight.assign(trained[weight.path])


def forward(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Compile a function from the rows (n, row) of beats in their order to logits (n, classes)."""
    tf = tensorflow()

    def whole(rows: Any) -> Any:
        return model(rows[None], training=False)[0]

    run = tf.function(whole, input_signature=[tf.TensorSpec((None, model.input_shape[-1]), tf.float32)])
    return lambda rows: np.asarray(run(rows), np.float32)


def _inputs(input_shape: tuple[int, ...]) -> Any:
    return keras().layers.Input((None, *input_shape), dtype="float32", name="beats")


def _mean(inputs: Any, classes: int) -> Any:
    measured = _measured(inputs)
    answers = [_logits(*measured, classes, f"member{i}_") for i in range(MEMBERS)]
    return sum(answers[1:], answers[0]) / MEMBERS


def _measured(rows: Any) -> tuple[Any, Any, Any]:
    """Return what each member starts with: both shapes, the intervals, and all measures of a beat."""
    wave, usual, rhythm = parts(rows)
    shapes = joined([_flat(wave), _flat(wave - usual)])
    return shapes, rhythm, joined([likeness(wave, usual), rhythm, surroundings(wave, rhythm)])


def _logits(shapes: Any, rhythm: Any, known: Any, classes: int, prefix: str) -> Any:
    """Return one member's logits; the names of its layers start with `prefix`."""
    shape = _dense(128, f"{prefix}shape1", "relu")(shapes)
    shape = _dense(48, f"{prefix}shape2", "relu")(_dropped(shape, 0.3))
    intervals = _dense(32, f"{prefix}intervals", "relu")(rhythm)
    seen = joined([shape, intervals, _dense(32, f"{prefix}likeness", "relu")(known)])
    x = _dense(WIDTH, f"{prefix}beat")(seen)
    for dilation in DILATIONS:
        x = x + _neighbours(x, dilation, prefix)
    return _dense(classes, f"{prefix}logits")(joined([_normed(x, f"{prefix}norm"), seen]))


def _neighbours(x: Any, dilation: int, prefix: str) -> Any:
    """Add the beats `dilation` before and after: a residual block, as in Bai et al. 2018, arXiv:1803.01271."""
    x = _normed(x, f"{prefix}norm{dilation}")
    x = joined([shifted(x, dilation), x, shifted(x, -dilation)])
    x = _dense(WIDTH, f"{prefix}near{dilation}", "relu")(x)
    return _dense(WIDTH, f"{prefix}far{dilation}")(_dropped(x, 0.2))


def _flat(wave: Any) -> Any:
    return keras().layers.Reshape((-1, POINTS * LEADS), dtype="float32")(wave)


def _dropped(x: Any, share: float) -> Any:
    return keras().layers.Dropout(share, dtype="float32")(x)


def _normed(x: Any, name: str) -> Any:
    return keras().layers.LayerNormalization(dtype="float32", name=name)(x)


def _dense(units: int, name: str, activation: str | None = None) -> Any:
    return keras().layers.Dense(units, activation=activation, dtype="float32", name=name)


NETWORK = Network(
    "Rhythm network (MIT-BIH)",
    build,
    random_start,
    everything,
    heat_layer="",
    learning_rate=2e-3,
    place=90,
    reads="beats",
)
