"""The network over beats: an embedding of each beat, temporal convolutions over its neighbours, and boosted trees.

It reads rows of beats in their order: (n, row) float32 with the beat on two leads, the recording's usual beat and RR
intervals (`pipeline.features.beat_sequence`). Convolutions are written as matrix products over shifted copies: this
is faster on a CPU than 1-D convolutions, which corrupted the heap during training.

Each layer and formula is written once. Keras trains it; numpy answers with it, from the weights alone, without the
seconds that TensorFlow's import and ten members' tracing take (docs/adr/0033-cold-start.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from models import trees
from models.beat_measures import N_LEADS, POINTS, BeatMeasures, joined, measure_beats
from models.network import Network, Weights, everything, random_start
from models.operations import beat_by_beat, reshaped, with_both_sides
from models.runtime import keras, tensorflow
from models.threads import processors, single_threaded_blas

MEMBERS: Final = 10  # networks, each trained without a fifth of the training patients, whose logits are averaged
WIDTH: Final = 64
DILATIONS: Final = (1, 2, 4, 8, 16)  # 31 beats on each side, each of which includes its own surroundings
TREES_SHARE: Final = 1 / 4  # weight of the trees in the answer; the members' mean has the rest
NORM_EPSILON: Final = 1e-3  # added to the variance in layer normalisation

Layer = Callable[[Any], Any]


def build(input_shape: tuple[int, ...], classes: int) -> Any:
    """Return an untrained model from rows (batch, n, row) to logits (batch, n, classes): networks and trees."""
    inputs = _inputs(input_shape)
    answer = (1 - TREES_SHARE) * _mean(inputs, classes) + TREES_SHARE * trees.layer(classes)(inputs)
    return keras().Model(inputs, answer, name="rhythm")


def member(input_shape: tuple[int, ...], classes: int) -> Any:
    """Return one untrained network of the ensemble, to be trained alone."""
    inputs = _inputs(input_shape)
    return keras().Model(inputs, _logits(*_known(measure_beats(inputs)), classes, _Trainable("")), name="member")


def assemble(ensemble: Any, members: Sequence[Any], tree_arrays: Mapping[str, NDArray[Any]]) -> None:
    """Give an ensemble the weights of its trained members and of its trees.

    Parameters
    ----------
    ensemble : keras.Model
        As `build` returns it, changed in place.
    members : sequence of keras.Model
        Trained members, in order.
    tree_arrays : mapping of str to array
        The trees: arrays by the names in `models.trees.NODE`, and "start".
    """
    trained = {f"member{i}_{w.path}": w for i, part in enumerate(members) for w in part.weights}
    trained |= {f"trees/{name}": array for name, array in tree_arrays.items()}
    for weight in ensemble.weights:
        weight.assign(trained[weight.path])


def forward(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Compile a function from the rows (n, row) of beats in their order to logits (n, classes)."""
    tf = tensorflow()

    def whole(rows: Any) -> Any:
        return model(rows[None], training=False)[0]

    run = tf.function(whole, input_signature=[tf.TensorSpec((None, model.input_shape[-1]), tf.float32)])
    return lambda rows: np.asarray(run(rows), np.float32)


def served(weights: Weights, classes: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Build from weights what `forward` makes of the trained ensemble, in numpy and without TensorFlow.

    Parameters
    ----------
    weights : mapping of str to float32 array
        The ensemble's, by the paths that `build` gives them.
    classes : int
        Number of logits per beat.

    Raises
    ------
    KeyError
        If a weight is missing.
    """
    layers = [_Trained(weights, f"member{i}_") for i in range(MEMBERS)]
    fitted_trees = trees.boosted_trees_of(weights)

    def logits(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        if not len(rows):
            return np.zeros((0, classes), np.float32)
        seen = measure_beats(np.asfortranarray(rows)[None])  # one number of all beats after the other: sums are faster
        shapes, rhythm, known = (beat_by_beat(part) for part in _known(seen))
        with single_threaded_blas(), ThreadPoolExecutor(processors()) as pool:
            by_trees = pool.submit(lambda: fitted_trees(trees.measures(seen)[0]))
            members = sum(pool.map(lambda each: _logits(shapes, rhythm, known, classes, each)[0], layers)) / MEMBERS
        return np.asarray((1 - TREES_SHARE) * members + TREES_SHARE * by_trees.result(), np.float32)

    return logits


class _Layers(Protocol):
    """Where a member's layers come from."""

    def dense(self, units: int, name: str, activation: str | None = None) -> Layer: ...

    def normed(self, name: str) -> Layer: ...

    def dropped(self, share: float) -> Layer: ...


@dataclass(frozen=True)
class _Trainable:
    """Keras layers; their names start with `prefix`."""

    prefix: str

    def dense(self, units: int, name: str, activation: str | None = None) -> Layer:
        layer: Layer = keras().layers.Dense(units, activation=activation, dtype="float32", name=f"{self.prefix}{name}")
        return layer

    def normed(self, name: str) -> Layer:
        layer: Layer = keras().layers.LayerNormalization(
            epsilon=NORM_EPSILON, dtype="float32", name=f"{self.prefix}{name}"
        )
        return layer

    def dropped(self, share: float) -> Layer:
        layer: Layer = keras().layers.Dropout(share, dtype="float32")
        return layer


@dataclass(frozen=True)
class _Trained:
    """What these layers compute once they are trained, in numpy; the paths of their weights start with `prefix`."""

    weights: Weights
    prefix: str

    def dense(self, units: int, name: str, activation: str | None = None) -> Layer:
        kernel, bias = (self.weights[f"{self.prefix}{name}/{part}"] for part in ("kernel", "bias"))

        def layer(x: Any) -> Any:
            out = x @ kernel
            out += bias
            return np.maximum(out, 0, out=out) if activation == "relu" else out

        return layer

    def normed(self, name: str) -> Layer:
        gamma, beta = (self.weights[f"{self.prefix}{name}/{part}"] for part in ("gamma", "beta"))

        def layer(x: Any) -> Any:
            away = x - x.mean(axis=-1, keepdims=True)
            work = np.square(away)
            spread = np.sqrt(work.mean(axis=-1, keepdims=True) + np.float32(NORM_EPSILON))
            away *= np.divide(gamma, spread, out=work)
            away += beta
            return away

        return layer

    def dropped(self, share: float) -> Layer:
        return lambda x: x


def _inputs(input_shape: tuple[int, ...]) -> Any:
    return keras().layers.Input((None, *input_shape), dtype="float32", name="beats")


def _mean(inputs: Any, classes: int) -> Any:
    known = _known(measure_beats(inputs))
    answers = [_logits(*known, classes, _Trainable(f"member{i}_")) for i in range(MEMBERS)]
    return sum(answers[1:], answers[0]) / MEMBERS


def _known(seen: BeatMeasures) -> tuple[Any, Any, Any]:
    """Return what each member starts with: both shapes, the intervals, and all measures of a beat."""
    shapes = joined([_flat(seen.wave), _flat(seen.wave - seen.usual)])
    return shapes, seen.rhythm, joined([seen.likeness, seen.rhythm, seen.surroundings])


def _logits(shapes: Any, rhythm: Any, known: Any, classes: int, layers: _Layers) -> Any:
    """Return one member's logits."""
    shape = layers.dense(128, "shape1", "relu")(shapes)
    shape = layers.dense(48, "shape2", "relu")(layers.dropped(0.3)(shape))
    intervals = layers.dense(32, "intervals", "relu")(rhythm)
    seen = joined([shape, intervals, layers.dense(32, "likeness", "relu")(known)])
    x = layers.dense(WIDTH, "beat")(seen)
    for dilation in DILATIONS:
        x = x + _neighbours(x, dilation, layers)
    return layers.dense(classes, "logits")(joined([layers.normed("norm")(x), seen]))


def _neighbours(x: Any, dilation: int, layers: _Layers) -> Any:
    """Add the beats `dilation` before and after: a residual block, as in Bai et al. 2018, arXiv:1803.01271."""
    x = layers.normed(f"norm{dilation}")(x)
    x = layers.dense(WIDTH, f"near{dilation}", "relu")(with_both_sides(x, dilation))
    return layers.dense(WIDTH, f"far{dilation}")(layers.dropped(0.2)(x))


def _flat(wave: Any) -> Any:
    return reshaped(wave, POINTS * N_LEADS)


NETWORK = Network(
    "Rhythm network (MIT-BIH)",
    build,
    random_start,
    everything,
    heat_layer="",
    learning_rate=2e-3,
    forward=forward,
    place=90,
    reads="beats",
    served=served,
)
