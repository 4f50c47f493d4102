"""Boosted trees as plain arrays: trained with scikit-learn, evaluated with numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_ROWS: Final = 256  # evaluated at a time
_NAMES: Final = ("feature", "threshold", "left", "right", "value", "root", "output", "start")


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """Boosted trees, whose leaves are added up.

    Attributes
    ----------
    feature, threshold : (n_nodes,)
        What each node asks: feature <= threshold.
    left, right : (n_nodes,) int32
        Where it leads if so, and if not; a leaf leads to itself.
    value : (n_nodes,) float32
        What a leaf adds.
    root : (n_trees,) int32
        First node of each tree.
    output : (n_trees,) int16
        The output that each tree adds to.
    start : (k,) float32
        Initial value of each output.
    """

    feature: NDArray[np.int16]
    threshold: Array
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Array
    root: NDArray[np.int32]
    output: NDArray[np.int16]
    start: Array

    def __call__(self, measures: NDArray[Any]) -> Array:
        """Return the outputs (n, k), before any softmax, for measures (n, m)."""
        rows = np.asarray(measures, np.float32)
        parts = [self._some(rows[i : i + _ROWS]) for i in range(0, max(1, len(rows)), _ROWS)]
        return np.concatenate(parts)

    @cached_property
    def _asked(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Of each node its feature, and of each node in turn where a no and where a yes lead; as numpy takes them."""
        return self.feature.astype(np.intp), np.stack([self.right, self.left], axis=1).ravel().astype(np.intp)

    def _some(self, rows: Array) -> Array:
        feature, answered = self._asked
        node = np.broadcast_to(self.root.astype(np.intp), (len(rows), len(self.root)))
        numbers, each = rows.ravel(), rows.shape[1] * np.arange(len(rows))[:, None]
        while True:
            low = numbers.take(each + feature.take(node)) <= self.threshold.take(node)
            following = answered.take(2 * node + low)
            if np.array_equal(following, node):
                break
            node = following
        leaves, of_output = self.value[node], self.output[:, None] == np.arange(len(self.start))
        return np.asarray(self.start + leaves @ of_output.astype(np.float32), np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `boosted_trees` needs to rebuild it."""
        return {name: getattr(self, name) for name in _NAMES}


def boosted_trees(arrays: Mapping[str, NDArray[Any]]) -> BoostedTrees:
    """Rebuild the trees from their `arrays`."""
    return BoostedTrees(*(arrays[name] for name in _NAMES))


def from_scikit_learn(learner: Any) -> BoostedTrees:
    """Return the trees of a fitted `HistGradientBoostingClassifier`."""
    trees = [(k, nodes_of(one.nodes)) for row in learner._predictors for k, one in enumerate(row)]
    sizes = [nodes["feature"].size for _, nodes in trees]
    root = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    all_of = {name: np.concatenate([nodes[name] for _, nodes in trees]) for name in trees[0][1]}
    offset = np.repeat(root, sizes)
    return BoostedTrees(
        all_of["feature"].astype(np.int16),
        all_of["threshold"].astype(np.float32),
        (all_of["left"] + offset).astype(np.int32),
        (all_of["right"] + offset).astype(np.int32),
        all_of["value"].astype(np.float32),
        root.astype(np.int32),
        np.array([k for k, _ in trees], np.int16),
        np.asarray(learner._baseline_prediction, np.float32).ravel(),
    )


def nodes_of(nodes: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the nodes (n,) of one of scikit-learn's trees: "feature", "threshold", "left", "right" and "value".

    A leaf asks nothing and leads to itself. Thresholds are rounded down to float32, because features are float32.
    """
    leaf, here = nodes["is_leaf"].astype(np.bool_), np.arange(nodes.size)
    near = nodes["num_threshold"].astype(np.float32)
    threshold = np.where(near > nodes["num_threshold"], np.nextafter(near, np.float32(-np.inf)), near)
    return {
        "feature": np.where(leaf, 0, nodes["feature_idx"]),
        "threshold": np.where(leaf, 0, threshold),
        "left": np.where(leaf, here, nodes["left"]),
        "right": np.where(leaf, here, nodes["right"]),
        "value": np.where(leaf, nodes["value"], 0),
    }
