"""Scores of a classifier of whole pictures: confusion matrix, a report by class, macro-F1, calibration, intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.bootstrap import LEVEL
from pipeline.evaluation.calibration import expected_calibration_error, reliability
from pipeline.evaluation.class_schema import ClassReport, PictureClassRow, PictureScores, StatedAndObserved
from pipeline.evaluation.schema import UNDEFINED_ESTIMATE, Column, Estimate
from pipeline.types import IntArray

Array = NDArray[np.float64]

RESAMPLES = 1000


def class_report(
    p: NDArray[np.floating[Any]],
    label: IntArray,
    classes: Sequence[str],
    *,
    group: IntArray | None = None,
    seed: int = 0,
) -> ClassReport:
    """Return all scores, ready for JSON.

    Intervals are percentiles over `RESAMPLES` draws of groups with replacement. A class that a draw lacks is left out
    of its mean. A single group gives no intervals. Draws of answers that are all right are all right too: then the
    interval is that of Clopper and Pearson, each group that the measure is of taken for one trial.

    Parameters
    ----------
    p : (n, k) float
        Probabilities.
    label : (n,) int64
        True class indices.
    classes : sequence of str
        Their names.
    group : (n,) int64, optional
        Pictures with the same number, such as one patient's, are drawn together; each on its own if None.
    seed : int, optional
        Seed of the random generator; the same seed gives the same result.

    References
    ----------
    Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404. Deviation: trials are groups, and measures are of several
    classes.
    """
    stated: Array = np.asarray(p, np.float64)
    predicted = stated.argmax(axis=1)
    k = len(classes)
    cells = label * k + predicted
    group = np.arange(label.size) if group is None else np.unique(group, return_inverse=True)[1]
    per_group = grouped_cells(cells, group, k)
    drawn = drawn_confusions(per_group, k, seed)
    drawn = drawn if group.max() > 0 else drawn[:0]  # one group alone gives no interval
    confusion = np.bincount(cells, minlength=k * k).reshape(k, k)
    point, resampled = confusion_scores(confusion[None].astype(np.float64)), confusion_scores(drawn)
    measures = ("macro_f1", "accuracy", "balanced_accuracy")
    binned = reliability(stated.max(axis=1), predicted == label, bins=10)
    shown = ("precision", "recall", "f1")
    seen = per_group.reshape(-1, k, k)
    trials = {"recall": (seen.sum(axis=2) > 0).sum(axis=0), "precision": (seen.sum(axis=1) > 0).sum(axis=0)}
    trials["f1"] = trials["recall"]
    of_class = [
        {name: _estimate(point[name][0, i], resampled[name][:, i], int(trials[name][i])) for name in shown}
        for i in range(k)
    ]
    return ClassReport(
        pictures=int(label.size),
        groups=int(group.max()) + 1,
        overall=PictureScores(**{name: _estimate(point[name][0], resampled[name], len(seen)) for name in measures}),
        ece=expected_calibration_error(stated, label, bins=10),
        classes=tuple(
            PictureClassRow(name, int(confusion[i].sum()), int(confusion[:, i].sum()), **of_class[i])
            for i, name in enumerate(classes)
        ),
        confusion=tuple(map(tuple, confusion.tolist())),
        reliability=StatedAndObserved(_column(binned.stated), _column(binned.observed), tuple(binned.count.tolist())),
    )


def macro_f1(predicted: IntArray, label: IntArray, classes: int) -> float:
    """Return the mean F1 over the classes that occur among labels or answers.

    Parameters
    ----------
    predicted : (n,) int64
        Answers.
    label : (n,) int64
        True class indices.
    classes : int
        Number of classes.
    """
    confusion = np.bincount(label * classes + predicted, minlength=classes**2).reshape(1, classes, classes)
    return float(confusion_scores(confusion.astype(np.float64))["macro_f1"][0])


def grouped_cells(cells: IntArray, group: IntArray, k: int) -> Array:
    """Count the answers of each group of pictures by cell of the confusion matrix.

    Parameters
    ----------
    cells : (n,) int64
        Each picture's cell: true class times `k`, plus the answer.
    group : (n,) int64
        Each picture's group, from 0 without gaps.
    k : int
        Number of classes.

    Returns
    -------
    (groups, k * k) float64
        Counts.
    """
    per_group = np.zeros((int(group.max()) + 1, k * k))
    np.add.at(per_group, (group, cells), 1)
    return per_group


def drawn_confusions(per_group: Array, k: int, seed: int) -> Array:
    """Draw groups with replacement, as many as there are, and return the confusion matrix of each of the draws.

    Parameters
    ----------
    per_group : (groups, k * k) float64
        As `grouped_cells` counts.
    k : int
        Number of classes.
    seed : int
        Seed of the random generator; the same seed draws the same groups.

    Returns
    -------
    (RESAMPLES, k, k) float64
        Counts, rows the reference.
    """
    groups = len(per_group)
    weights = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES)
    return np.asarray((weights @ per_group).reshape(RESAMPLES, k, k))


def confusion_scores(confusion: Array) -> dict[str, Array]:
    """Return measures of confusion matrices (m, k, k), rows the reference; NaN for classes that do not occur."""
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    reference, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision, f1 = hits / reference, hits / predicted, 2 * hits / (reference + predicted)
        accuracy = hits.sum(axis=1) / confusion.sum(axis=(1, 2))
    return {
        "recall": recall,
        "precision": precision,
        "f1": f1,
        "accuracy": accuracy,
        "macro_f1": _mean(f1),
        "balanced_accuracy": _mean(recall),
    }


def _mean(values: Array) -> Array:
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def _estimate(value: float, drawn: Array, trials: int) -> Estimate:
    if not np.isfinite(value):
        return UNDEFINED_ESTIMATE
    known = drawn[np.isfinite(drawn)]
    tail = (1 - LEVEL) / 2
    if not known.size:
        return Estimate(round(float(value), 4), None, None)
    low, high = np.quantile(known, [tail, 1 - tail])
    if low == high and value in (0, 1):
        least = tail ** (1 / max(trials, 1))
        low, high = (least, 1.0) if value else (0.0, 1 - least)
    return Estimate(round(float(value), 4), round(float(low), 4), round(float(high), 4))


def _column(values: Array) -> Column:
    return tuple(round(float(value), 4) if np.isfinite(value) else None for value in values)
