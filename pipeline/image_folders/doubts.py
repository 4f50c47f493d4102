"""What makes a run doubtful: a network that answers one class for all pictures, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from pipeline.image_folders.training_set import FolderPlan, FolderTrainingData
from pipeline.types import IntArray

LEARNT: Final = 0.1  # by so much the training accuracy must exceed what one class for all would reach


def doubts(
    answers: IntArray, training_data: FolderTrainingData, plan: FolderPlan, curves: Mapping[str, Sequence[float]]
) -> tuple[str, ...]:
    """Return sentences on a run that predicts one class for all its test pictures; none for any other.

    Parameters
    ----------
    answers : (n,) int64
        The predicted class of each test picture.
    training_data : FolderTrainingData
        What it was trained on.
    plan : FolderPlan
        How.
    curves : mapping of str to sequence of float
        Training curves by epoch.
    """
    found = np.unique(answers)
    if found.size > 1:
        return ()
    label, division, classes = training_data.label, training_data.division, training_data.classes
    test = np.unique(label[division.test])
    if test.size < 2:
        return ()
    said = f"All {answers.size} test pictures are called {classes[found[0]]!r}, though they are of {test.size} classes."
    return (f"{said} {_reason(label[division.train], plan, curves)}",)


def _reason(trained: IntArray, plan: FolderPlan, curves: Mapping[str, Sequence[float]]) -> str:
    counts = np.bincount(trained)
    share, reached = counts.max() / trained.size, max(curves["accuracy"])
    epochs, asked = len(curves["loss"]), plan.head_epochs + plan.tuning_epochs
    ended = f"after {epochs} of {asked} epochs" + ("" if epochs == asked else f", {plan.patience} without a better one")
    if not np.isfinite(curves["loss"]).all():
        return f"The loss is no number any more: the learning rate of {plan.learning_rate:g} is too high."
    if reached < share + LEARNT:
        return (
            f"Training ended {ended}, with an accuracy of {reached:.2f} on its own pictures at best, where one class "
            f"for all has {share:.2f}: nothing was learnt yet. Train for more epochs, or try another learning rate "
            f"than {plan.learning_rate:g}."
        )
    return (
        f"Training ended {ended}, with an accuracy of {reached:.2f} on its own pictures, and nothing carried over "
        f"to others. It had {trained.size} pictures, {counts[counts > 0].min()} of the rarest class; add "
        "pictures, raise --augmentation or --dropout, or start from ImageNet weights."
    )
