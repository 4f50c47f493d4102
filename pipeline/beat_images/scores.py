"""Acceptance and scores for pictures of single beats, with intervals over patients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pipeline.beat_images.schema import Acceptance, AcceptedScores, BinaryMeasure, BinaryScores, Interval
from pipeline.evaluation.calibration import expected_calibration_error
from pipeline.evaluation.wilson import wilson

SEED: Final = 507
BINARY: Final[tuple[BinaryMeasure, ...]] = ("accuracy", "sensitivity", "specificity", "auc")
ScoredImage = tuple[str, int, str, float | None]  # style, class, record, 1 - p(N)


def scores_of(rows: Sequence[ScoredImage], threshold: float, *, resamples: int = 0) -> AcceptedScores:
    """Return acceptance, and accuracy, sensitivity, specificity and AUC for "abnormal" among the accepted.

    Parameters
    ----------
    rows : sequence of ScoredImage
        Style, class, record and 1 - p(N) of each picture.
    threshold : float
        1 - p(N) from which a picture is called abnormal.
    resamples : int, optional
        Bootstrap resamples for the intervals; none if 0.
    """
    taken = [row for row in rows if row[3] is not None]
    truth = np.array([row[1] != 0 for row in taken], np.bool_)
    score = np.array([row[3] for row in taken], np.float64)
    shaped = np.array([row[1] in (2, 3) for row in taken], np.bool_)
    record = np.array([row[2] for row in taken])
    return AcceptedScores(
        **vars(acceptance(rows)),
        **vars(binary(truth, score, threshold)),
        calibration_error=_calibration_error(truth, score) if truth.size else None,
        sensitivity_vf=_share(score[shaped] >= threshold),
        auc_vf=_auc(shaped, score, truth == shaped),
        intervals=_intervals(truth, score, record, threshold, resamples) if resamples and truth.size else None,
    )


def acceptance(rows: Sequence[ScoredImage]) -> Acceptance:
    """Return how many pictures were accepted as a beat, with the interval of that share."""
    n, accepted = len(rows), sum(row[3] is not None for row in rows)
    return Acceptance(n=n, accepted=accepted, share=accepted / max(n, 1), interval=wilson(accepted, n))


def called_abnormal(rows: Sequence[ScoredImage], label: int, threshold: float) -> float | None:
    """Return the share of the accepted pictures of one class that are called abnormal.

    Parameters
    ----------
    rows : sequence of ScoredImage
        Style, class, record and 1 - p(N) of each picture.
    label : int
        Index of the class.
    threshold : float
        1 - p(N) from which a picture is called abnormal.

    Returns
    -------
    float or None
        None if there are none.
    """
    return _share(np.array([row[3] >= threshold for row in rows if row[1] == label and row[3] is not None]))


def binary(truth: NDArray[np.bool_], score: NDArray[np.float64], threshold: float) -> BinaryScores:
    """Return accuracy, sensitivity, specificity and AUC of a score.

    Parameters
    ----------
    truth : (n,) bool
        The truth.
    score : (n,) float64
        The higher, the more likely True.
    threshold : float
        Score from which True is predicted.

    Returns
    -------
    BinaryScores
        Scores; None where there is nothing to measure.
    """
    called = score >= threshold
    return BinaryScores(
        accuracy=_share(called == truth),
        sensitivity=_share(called[truth]),
        specificity=_share(~called[~truth]),
        auc=_auc(truth, score, np.ones(truth.size, np.bool_)),
    )


def _calibration_error(truth: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    return round(expected_calibration_error(np.stack([1 - score, score], 1), truth * 1), 4)


def _share(flags: NDArray[np.bool_]) -> float | None:
    return round(float(flags.mean()), 4) if flags.size else None


def _auc(truth: NDArray[np.bool_], score: NDArray[np.float64], kept: NDArray[np.bool_]) -> float | None:
    if np.unique(truth[kept]).size < 2:
        return None
    return round(float(roc_auc_score(truth[kept], score[kept])), 4)


def _intervals(
    truth: NDArray[np.bool_], score: NDArray[np.float64], record: NDArray[np.str_], threshold: float, resamples: int
) -> dict[str, Interval]:
    """Return 95 % intervals from drawing patients with replacement."""
    rng, records = np.random.default_rng(SEED), np.unique(record)
    members = [np.flatnonzero(record == name) for name in records]
    drawn: dict[str, list[float]] = {}
    for _ in range(resamples):
        index = np.concatenate([members[i] for i in rng.integers(0, len(records), len(records))])
        found = binary(truth[index], score[index], threshold)
        for name in BINARY:
            if (value := found.by(name)) is not None:
                drawn.setdefault(name, []).append(value)
    return {name: _between(*np.quantile(values, (0.025, 0.975))) for name, values in drawn.items()}


def _between(low: float, high: float) -> Interval:
    return round(float(low), 4), round(float(high), 4)
