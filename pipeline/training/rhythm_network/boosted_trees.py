"""Boosted trees beside the members of `rhythm`: same patients, recorded and augmented, and the features of each beat.

They are trained with scikit-learn and stored as plain arrays, which `models.trees` evaluates without it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from models.boosted_trees import nodes_of
from models.loop import UNLABELLED
from models.trees import DEPTH, NODE, NODES, REACH, ROUNDS, measurer
from pipeline.config import Config
from pipeline.features.beat_sequence import row_size
from pipeline.labels import AAMI_CLASSES
from pipeline.training.rhythm_network.patients import RhythmTrainingData
from pipeline.training.rhythm_network.scores import towards_natural
from pipeline.training.rhythm_network.windows import Changes, N, Q, RhythmRecord, WindowSampler
from pipeline.types import FloatArray, IntArray

Measure = Callable[[FloatArray], FloatArray]
NEVER: Final = -12.0  # log odds of a class without training examples
LARGEST: Final = 6e4  # that float16, in which weights are stored, can hold
MIDDLE: Final = 64  # beats of a window that are trained on; `REACH` on each side only give context


@dataclass(frozen=True)
class TreesPlan:
    """What trees are trained on, and how strongly."""

    windows: int  # augmented and simulated like those for the members, in addition to everything recorded
    usual_share: float = 0.35  # share of the recorded N, weighted to count like all of them
    paced_share: float = 0.1
    paced_weight: float = 0.5
    learning_rate: float = 0.15
    min_samples_leaf: int = 40  # beats in a leaf
    l2: float = 3.0
    max_features: float = 0.3  # share of the features that a node may use
    bins: int = 64
    natural_share: float = 1.0  # of the way from the class frequencies in training to the recorded ones


TREES_PLANS: Final = (TreesPlan(windows=0), TreesPlan(windows=300, natural_share=0.5))


@dataclass(frozen=True, eq=False)
class FittedTrees:
    """Trees as arrays (`models.trees.layer`), their answers, and the bias towards natural class frequencies."""

    arrays: dict[str, NDArray[np.float32]]
    bias: NDArray[np.float64]
    answers: Callable[[FloatArray], NDArray[np.float64]]

    def logits(self, measure: Measure) -> Callable[[FloatArray], NDArray[np.float32]]:
        """Return a function from rows of beats in their order to log odds (n, 5), without the bias."""
        return lambda rows: self.answers(measure(rows)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class TreesTrainingData:
    """Training examples for trees: features (n, k), class (n,) and weight (n,)."""

    numbers: FloatArray
    label: IntArray
    weight: NDArray[np.float64]


def fit_trees(
    left_out: Sequence[str],
    material: RhythmTrainingData,
    changes: Changes,
    plans: Sequence[TreesPlan],
    seed: int,
    config: Config,
) -> FittedTrees:
    """Train trees without some patients; their mean is the answer.

    Parameters
    ----------
    left_out : sequence of str
        Patients that are not trained on.
    material : RhythmTrainingData
        All patients.
    changes : Changes
        How windows are augmented.
    plans : sequence of TreesPlan
        One plan per set of trees.
    seed : int
        Seed of the random generator; the same seed gives the same result.
    config : Config
        Settings of the pipeline.
    """
    return averaged([_fit_one(left_out, material, changes, plan, seed, config) for plan in plans])


def averaged(parts: Sequence[FittedTrees]) -> FittedTrees:
    """Return the mean of several sets of trees."""
    arrays = {name: np.concatenate([part.arrays[name] for part in parts]) for name in NODE}
    arrays["value"] /= len(parts)
    arrays["start"] = np.stack([part.arrays["start"] for part in parts]).mean(axis=0)
    return FittedTrees(
        arrays,
        np.mean([part.bias for part in parts], axis=0),
        lambda numbers: np.mean([part.answers(numbers) for part in parts], axis=0),
    )


def _fit_one(
    left_out: Sequence[str], material: RhythmTrainingData, changes: Changes, plan: TreesPlan, seed: int, config: Config
) -> FittedTrees:
    sampler = material.without(left_out).sampler(config, seed, 1, replace(changes, usual_hidden=0.0))
    sampler = replace(sampler, paced=[], length=MIDDLE + 2 * REACH)
    training_data = _training_data(sampler, material.paced, plan, np.random.default_rng(seed))
    shares = (
        np.bincount(training_data.label, training_data.weight, minlength=len(AAMI_CLASSES)) / training_data.weight.sum()
    )
    bias = towards_natural(shares, [record.label for record in sampler.recorded], plan.natural_share)
    return as_arrays(_fitted(training_data, plan, seed), bias)


def as_arrays(boosting: HistGradientBoostingClassifier, bias: NDArray[np.float64]) -> FittedTrees:
    """Convert scikit-learn's trees to arrays."""
    classes = [int(each) for each in boosting.classes_]
    shape = (ROUNDS // len(TREES_PLANS), len(AAMI_CLASSES), NODES)
    arrays = {name: np.zeros(shape, np.float32) for name in NODE}
    start = np.full(len(AAMI_CLASSES), NEVER, np.float32)
    start[classes] = np.ravel(boosting._baseline_prediction)
    for i, trees in enumerate(boosting._predictors):
        for label, tree in zip(classes, trees, strict=True):
            for name, values in nodes_of(tree.nodes).items():
                arrays[name][i, label, : values.size] = np.clip(values, -LARGEST, LARGEST)

    def answers(numbers: FloatArray) -> NDArray[np.float64]:
        said = np.full((len(numbers), len(AAMI_CLASSES)), NEVER)
        said[:, classes] = boosting.decision_function(numbers)
        return said

    return FittedTrees({**arrays, "start": start}, bias, answers)


def _training_data(
    sampler: WindowSampler, paced: Sequence[RhythmRecord], plan: TreesPlan, rng: np.random.Generator
) -> TreesTrainingData:
    """Collect recorded beats as they are, with some of N for all; beats of augmented windows; some paced ones."""
    measure, found = measurer(row_size(sampler.config.sequence)), []
    for record in (*sampler.recorded, *sampler.others):
        at = (record.label > N) | ((record.label == N) & (rng.random(record.label.size) < plan.usual_share))
        weight = np.where(record.label[at] == N, 1 / plan.usual_share, 1.0)
        found.append(TreesTrainingData(measure(record.rows())[at], record.label[at], weight))
    for _ in range(plan.windows):
        rows, label = sampler.window(rng)
        at = (label != UNLABELLED) & (np.abs(np.arange(label.size) - label.size / 2 + 0.5) < MIDDLE / 2)
        found.append(TreesTrainingData(measure(rows)[at], label[at], np.ones(int(at.sum()))))
    for record in paced:
        at = (record.label == Q) & (rng.random(record.label.size) < plan.paced_share)
        found.append(
            TreesTrainingData(measure(record.rows())[at], record.label[at], np.full(int(at.sum()), plan.paced_weight))
        )
    return TreesTrainingData(
        np.concatenate([part.numbers for part in found]),
        np.concatenate([part.label for part in found]),
        np.concatenate([part.weight for part in found]),
    )


def _fitted(training_data: TreesTrainingData, plan: TreesPlan, seed: int) -> HistGradientBoostingClassifier:
    boosting = HistGradientBoostingClassifier(
        max_iter=ROUNDS // len(TREES_PLANS),
        learning_rate=plan.learning_rate,
        max_leaf_nodes=(NODES + 1) // 2,
        max_depth=DEPTH,
        min_samples_leaf=plan.min_samples_leaf,
        l2_regularization=plan.l2,
        max_features=plan.max_features,
        max_bins=plan.bins,
        early_stopping=False,
        random_state=seed,
    )
    return boosting.fit(training_data.numbers, training_data.label, sample_weight=training_data.weight)
