"""Boosted trees over beats, as arrays beside the network's: what they measure of each beat, and how they answer.

They are trained in `pipeline.training.rhythm_network.boosted_trees`; here they only answer, in Keras's graph or as
`BoostedTrees`. All features but a coarse shape are relative to the recording's usual beat, to its usual interval or to
nearby beats; a beat depends on `REACH` neighbours on each side.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.beat_measures import N_LEADS, BeatMeasures, joined, measure_beats
from models.boosted_trees import BoostedTrees
from models.network import Weights
from models.operations import beat_by_beat, indicator, mean_near, ops_of, reshaped, shifted
from models.runtime import keras, tensorflow

ROUNDS: Final = 120  # trees per class: two ensembles of equal weight
NODES: Final = 29  # per tree: 15 leaves
DEPTH: Final = 7  # most steps from the root to a leaf
REACH: Final = 32  # beats on each side
COARSE, COARSE_STEP = slice(8, 92), 7  # 0.24 s before R to 0.43 s after it in steps of 56 ms
FINE, FINE_STEP = slice(28, 56), 4  # 80 ms before R to 0.14 s after it in steps of 32 ms
COMPANY: Final = 16  # beats on each side whose shapes are compared
COMPARED: Final = slice(24, 60)  # the part by which two beats have the same shape
ALIKE, SAME = 0.85, 0.95  # correlations below the lower do not count as the same shape, above the higher they do
NODE: Final = ("feature", "threshold", "left", "right", "value")  # what describes a node of a tree


def measures(seen: BeatMeasures) -> Any:
    """Return the features of the trees, (batch, n, numbers)."""
    wave, usual, rhythm, like = seen.wave, seen.usual, seen.rhythm, seen.likeness
    return joined(
        [
            rhythm,
            like,
            _coarse(wave, COARSE, COARSE_STEP),
            _coarse(wave - usual, COARSE, COARSE_STEP),
            _coarse(wave - usual, FINE, FINE_STEP),
            *(like - mean_near(like, reach) for reach in (8, REACH)),
            *_min_and_max(like, usual),
            *_around(rhythm, like),
            seen.surroundings,
            *_company(wave, rhythm, like),
        ]
    )


def _coarse(wave: Any, part: slice, step: int) -> Any:
    """Return means of `step` points, both leads in turn."""
    ops, points = ops_of(wave), range(part.start, part.stop, step)
    return joined([ops.mean(wave[..., at : at + step, :], axis=-2) for at in points])


def _min_and_max(like: Any, usual: Any) -> list[Any]:
    """Return the nine measures of likeness in the less and in the more similar lead, ignoring a missing one."""
    ops = ops_of(like)
    both = ops.stack([like[..., 0:18:2], like[..., 1:18:2]], axis=-1)
    missing = reshaped(indicator(ops.logical_not(ops.any(usual != 0, axis=-2))), 1, N_LEADS)
    return [ops.min(both + 9 * missing, axis=-1), ops.max(both - 9 * missing, axis=-1)]


def _around(rhythm: Any, like: Any) -> list[Any]:
    """Return intervals, likeness of the QRS and width of three beats on each side."""
    key = joined([rhythm[..., :7], like[..., 6:12], like[..., 18:20]])
    return [shifted(key, by) for by in (-3, -2, -1, 1, 2, 3)]


def _company(wave: Any, rhythm: Any, like: Any) -> list[Any]:
    """Return how many nearby beats have this beat's shape, and when they come: on time means conducted."""
    ops = ops_of(wave)
    shape, known = _normed(wave), joined([rhythm[..., 2:4], like[..., 6:8]])
    before = [ops.sum(shifted(shape, by) * shape, axis=-1, keepdims=True) for by in range(1, COMPANY + 1)]
    after = [shifted(each, -by) for by, each in enumerate(before, 1)]  # what a beat is to another, that is to it
    alike = [*after[::-1], *before]
    steps = (*range(-COMPANY, 0), *range(1, COMPANY + 1))
    same = [ops.clip((each - ALIKE) / (SAME - ALIKE), 0, 1) for each in alike]
    count = sum(same[1:], same[0])
    near_values = sum(weight * shifted(known, by) for weight, by in zip(same, steps, strict=True)) / (count + 0.5)
    sides = joined(alike[:COMPANY]), joined(alike[COMPANY:])
    most = [ops.max(side, axis=-1, keepdims=True) for side in sides]
    mean = ops.mean(joined(list(sides)), axis=-1, keepdims=True)
    return [count / 32, sum(same[12:20]) / 8, near_values, *alike[12:20], *most, mean]


def _normed(wave: Any) -> Any:
    """Return QRS and T of both leads as one vector of length 1, or shorter where there is next to nothing."""
    ops = ops_of(wave)
    part = wave[..., COMPARED, :]
    part = part - ops.mean(part, axis=-2, keepdims=True)
    flat = beat_by_beat(reshaped(part, (COMPARED.stop - COMPARED.start) * N_LEADS))
    return flat / ops.sqrt(ops.sum(ops.square(flat), axis=-1, keepdims=True) + 1e-2)


@cache
def measurer(row: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Compile a function from rows (n, row) of beats in their order to their features (n, numbers)."""
    tf = tensorflow()
    run = tf.function(
        lambda rows: measures(measure_beats(rows[None]))[0], input_signature=[tf.TensorSpec((None, row), tf.float32)]
    )
    return lambda rows: np.asarray(run(rows), np.float32)


def boosted_trees_of(weights: Weights) -> BoostedTrees:
    """Return the trees from the weights of `layer`, for numpy: from features (n, numbers) to log odds."""
    node = {name: weights[f"trees/{name}"] for name in NODE}
    rounds, classes, nodes = node["feature"].shape
    root = nodes * np.arange(rounds * classes)
    left, right = (node[name].astype(np.int32).ravel() + np.repeat(root, nodes) for name in ("left", "right"))
    return BoostedTrees(
        node["feature"].astype(np.int16).ravel(),
        node["threshold"].ravel(),
        left.astype(np.int32),
        right.astype(np.int32),
        node["value"].ravel(),
        root.astype(np.int32),
        np.tile(np.arange(classes, dtype=np.int16), rounds),
        weights["trees/start"],
    )


def layer(classes: int, name: str = "trees") -> Any:
    """Return trees from rows (batch, n, row) to log odds (batch, n, classes), without content yet.

    Their weights are `NODE`, each (ROUNDS, classes, NODES): a node asks whether number `feature` of `measures` is at
    most `threshold` and goes `left` or else `right`; a leaf goes to itself, and its `value` is added to the `start`
    (classes,) of the class.
    """
    return _layer_class()(classes, name)


@cache
def _layer_class() -> Any:
    """Make the layer on demand, because Keras is imported on demand."""

    class Trees(keras().layers.Layer):  # type: ignore[misc]
        """Nodes are weights that are never trained; float16 holds each number exactly but thresholds and values."""

        def __init__(self, classes: int, name: str) -> None:
            super().__init__(name=name, dtype="float32", trainable=False)
            self.classes = classes

        def build(self, input_shape: tuple[int, ...]) -> None:
            self.row, shape = input_shape[-1], (ROUNDS, self.classes, NODES)
            self.node = {name: self._zeros(shape, name) for name in NODE}
            self.start = self._zeros((self.classes,), "start")

        def _zeros(self, shape: tuple[int, ...], name: str) -> Any:
            return self.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)

        def compute_output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
            return (*input_shape[:-1], self.classes)

        def call(self, rows: Any) -> Any:
            ops = keras().ops
            found = measures(measure_beats(rows))
            answers = self.answers(ops.reshape(found, (-1, found.shape[-1])))
            return ops.reshape(answers, (*ops.shape(rows)[:2], self.classes))

        def answers(self, found: Any) -> Any:
            """Return log odds (beats, classes) from features (beats, numbers): all trees take each step at once."""
            ops = keras().ops
            flat, size = ops.reshape(found, (-1,)), found.shape[-1]
            whole = {name: ops.reshape(self.node[name], (-1,)) for name in NODE}
            feature, left, right = (ops.cast(whole[name], "int32") for name in ("feature", "left", "right"))
            root = NODES * ops.arange(ROUNDS * self.classes, dtype="int32")[None]
            beat = size * ops.arange(ops.shape(found)[0], dtype="int32")[:, None]
            at = ops.zeros_like(beat) + root
            for _ in range(DEPTH):
                is_left = ops.take(flat, beat + ops.take(feature, at)) <= ops.take(whole["threshold"], at)
                at = root + ops.where(is_left, ops.take(left, at), ops.take(right, at))
            values = ops.reshape(ops.take(whole["value"], at), (-1, ROUNDS, self.classes))
            return self.start + ops.sum(values, axis=1)

        def native(self) -> tuple[Any, list[Any]]:
            """Return a model of Keras's own steps that computes the same, and its weights: for files without this."""
            model = _trees_of_keras(self.row, self.classes, self.name)
            node = {name: np.asarray(self.node[name]).reshape(-1) for name in NODE}
            root = np.repeat(NODES * np.arange(ROUNDS * self.classes), NODES)
            table = [node["feature"], node["threshold"], node["left"] + root, node["right"] + root, node["value"]]
            model.get_layer("nodes").set_weights([np.stack(table, axis=-1)])
            model.get_layer("roots").set_weights([np.zeros((1, ROUNDS * self.classes)), root[::NODES]])
            adds = np.tile(np.eye(self.classes), (ROUNDS, 1))
            model.get_layer("sums").set_weights([adds, np.asarray(self.start)])
            return model, model.get_weights()

    return Trees


def _trees_of_keras(row: int, classes: int, name: str) -> Any:
    """Return `layer` as a model from rows (batch, n, row) to log odds (batch, n, classes), without content yet.

    "nodes" has `NODE` in columns, for all trees in one list: numbers up to ROUNDS * classes * NODES are exact in
    float32. "roots" says where each tree starts, and "sums" adds the leaves up.
    """
    layers, ops = keras().layers, keras().ops
    rows = layers.Input((None, row), dtype="float32", name="rows")
    found = measures(measure_beats(rows))
    nodes = layers.Embedding(ROUNDS * classes * NODES, len(NODE), dtype="float32", name="nodes")
    root = layers.Dense(ROUNDS * classes, dtype="float32", name="roots")(ops.zeros_like(found[..., :1]))
    here = nodes(ops.cast(root, "int32"))
    for _ in range(DEPTH):
        asked = ops.take_along_axis(found, ops.cast(here[..., 0], "int32"), axis=-1)
        at = ops.where(asked <= here[..., 1], here[..., 2], here[..., 3])
        here = nodes(ops.cast(at, "int32"))
    return keras().Model(rows, layers.Dense(classes, dtype="float32", name="sums")(here[..., 4]), name=name)
