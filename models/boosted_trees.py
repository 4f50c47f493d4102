"""Boosted trees as plain arrays: trained with scikit-learn, evaluated with numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.threads import side_by_side

Array = NDArray[np.float32]

_ROWS: Final = 256  # evaluated at a time
_TOP: Final = 5  # levels of which all nodes are asked: answers that nobody needs cost less than finding those needed
_NAMES: Final = ("feature", "threshold", "left", "right", "value", "root", "output", "start")


@dataclass(frozen=True, eq=False)
class _Top:
    """The first levels of all trees, each as if it had all nodes there: a leaf leads to itself.

    Attributes
    ----------
    feature, threshold : (q,), (q, 1)
        The different questions: feature <= threshold.
    levels : tuple of (2**level, n_trees) intp
        Which of them each node asks.
    below : (n_trees * 2**n_levels,) intp
        Where the answers lead, tree by tree: they are the digits of a number, the first one counting most.
    """

    feature: NDArray[np.intp]
    threshold: Array
    levels: tuple[NDArray[np.intp], ...]
    below: NDArray[np.intp]

    def __call__(self, columns: Array) -> NDArray[np.intp]:
        """Return the nodes (n_trees, n) that measures (m, n) reach."""
        yes = (columns.take(self.feature, axis=0) <= self.threshold).view(np.uint8)
        digits = yes.take(self.levels[-1], axis=0)
        for count, level in enumerate(self.levels[-2::-1], 1):
            answer = yes.take(level, axis=0)
            after_no, after_yes = digits[0::2], digits[1::2]
            digits = after_no ^ ((after_no ^ after_yes) & -answer) | answer << count
        trees, ends = self.levels[0].size, 2 ** len(self.levels)
        return np.asarray(self.below.take(digits[0] + ends * np.arange(trees)[:, None]))


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
        starts = range(0, max(1, len(rows)), _ROWS)
        parts = side_by_side(lambda i: self._some(np.ascontiguousarray(rows[i : i + _ROWS].T)), starts)
        return np.concatenate(list(parts))

    @cached_property
    def _is_leaf(self) -> NDArray[np.bool_]:
        return np.asarray(self.left == np.arange(self.left.size))

    @cached_property
    def _asked(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Of each node its feature, and of each node in turn where a no and where a yes lead; as numpy takes them."""
        return self.feature.astype(np.intp), np.stack([self.right, self.left], axis=1).ravel().astype(np.intp)

    @cached_property
    def _top(self) -> _Top:
        here: NDArray[np.intp] = self.root.astype(np.intp)[None]
        levels: list[NDArray[np.intp]] = []
        while not levels or (len(levels) < _TOP and not self._is_leaf[here].all()):
            levels.append(here)
            here = np.stack([self.right[here], self.left[here]], axis=1).reshape(-1, self.root.size).astype(np.intp)
        asked = np.concatenate(levels)
        kinds = np.stack([self.feature[asked].astype(np.float64), self.threshold[asked].astype(np.float64)], axis=-1)
        question, which = np.unique(kinds.reshape(-1, 2), axis=0, return_inverse=True)
        parts = np.split(which.reshape(asked.shape), np.cumsum([len(level) for level in levels])[:-1])
        return _Top(question[:, 0].astype(np.intp), question[:, 1:].astype(np.float32), tuple(parts), here.T.ravel())

    def _some(self, columns: Array) -> Array:
        """Return the outputs (n, k) for measures (m, n)."""
        trees, n = self.root.size, columns.shape[1]
        feature, answered = self._asked
        node = self._top(columns).ravel()
        going = np.flatnonzero(~self._is_leaf.take(node))
        while going.size:
            here = node.take(going)
            low = columns.take(feature.take(here) * n + going % n) <= self.threshold.take(here)
            here = answered.take(2 * here + low)
            node[going] = here
            going = going[~self._is_leaf.take(here)]
        of_output = (np.arange(self.start.size)[:, None] == self.output).astype(np.float32)
        leaves = self.value.take(node).reshape(trees, n)
        return np.asarray(self.start + (of_output @ leaves).T, np.float32)

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
