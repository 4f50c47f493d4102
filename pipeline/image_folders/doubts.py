"""What makes a run doubtful: a network that answers one class for all pictures, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from models.loop import best_epoch
from pipeline.evaluation.class_schema import ClassReport
from pipeline.image_folders.training_set import FolderPlan, FolderTrainingData
from pipeline.types import IntArray

LEARNT: Final = 0.1  # by so much the training accuracy must exceed what one class for all would reach


def doubts(
    answers: IntArray,
    training_data: FolderTrainingData,
    plan: FolderPlan,
    curves: Mapping[str, Sequence[float]],
    settled: IntArray | None = None,
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
    settled : (m,) int64, optional
        What a network with batch statistics answers to its training pictures after training, when it uses running
        statistics in place of those of each batch; None for other networks.
    """
    found = np.unique(answers)
    if found.size > 1:
        return ()
    label, division, classes = training_data.label, training_data.division, training_data.classes
    test = np.unique(label[division.test])
    if test.size < 2:
        return ()
    said = f"All {answers.size} test pictures are called {classes[found[0]]!r}, though they are of {test.size} classes."
    truth = label[division.train]
    own = None if settled is None else float((settled == truth).mean())
    return (f"{said} {_reason(truth, plan, curves, own)}",)


def untested(report: ClassReport, label: IntArray) -> tuple[str, ...]:
    """Return a sentence on classes without a test picture; none if each has one.

    Parameters
    ----------
    report : ClassReport
        Scores on the test pictures.
    label : (n,) int64
        Class of each picture of the folder.
    """
    counts = np.bincount(label, minlength=len(report.classes))
    missing = [(row, int(n)) for row, n in zip(report.classes, counts, strict=True) if not row.reference]
    if not missing:
        return ()
    listed = ", ".join(f"{row.class_name!r} ({n} in all)" for row, n in missing)
    whose = "it is" if len(missing) == 1 else "they are"
    return (
        f"No test picture is of {listed}: nothing is known of how well {whose} recognised, and macro F1 leaves "
        f"{'it' if len(missing) == 1 else 'them'} out. Add pictures.",
    )


def _reason(trained: IntArray, plan: FolderPlan, curves: Mapping[str, Sequence[float]], own: float | None) -> str:
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
    if own is not None and own < share + LEARNT:
        kept = best_epoch(curves["val_loss"]) + 1
        return (
            f"Training ended {ended}; epoch {kept} was the best on held-out pictures. Of its own pictures the network "
            f"had up to {reached:.2f} right while it learnt, but has {own:.2f} as it answers now, where one class for "
            f"all has {share:.2f}: its running batch statistics, which it answers with, have not settled in {kept} "
            f"epoch{'s' if kept > 1 else ''}. Train for more epochs."
        )
    return (
        f"Training ended {ended}, with an accuracy of {reached:.2f} on its own pictures, and nothing carried over "
        f"to others. It had {trained.size} pictures, {counts[counts > 0].min()} of the rarest class; add "
        "pictures, raise --augmentation or --dropout, or start from ImageNet weights."
    )
