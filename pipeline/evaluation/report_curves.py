"""Curves over thresholds and confidences, and the wrong answers that were given with the highest confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from pipeline.evaluation import calibration, metrics
from pipeline.evaluation.metrics import ScoredBeats
from pipeline.evaluation.report_schema import (
    CoverageCurve,
    PrecisionRecallCurve,
    ReliabilityBins,
    RocCurve,
    ThresholdSweep,
    WrongBeat,
)
from pipeline.evaluation.report_scores import normal_or_not, top_label_sums, with_truth
from pipeline.evaluation.schema import Numbers
from pipeline.labels import AAMI_CLASSES

CURVE_POINTS: Final = 200
ERRORS: Final = 24
ERRORS_PER_KIND: Final = 2  # per record, truth and prediction: otherwise one patient fills the list


def roc(beats: Sequence[ScoredBeats]) -> RocCurve:
    """ROC of abnormal against normal, thinned; empty where there is only one of them."""
    truth, score = _pooled(beats)
    if truth.all() or not truth.any():
        return RocCurve((), (), ())
    fpr, tpr, at = roc_curve(truth, score)
    shown = _thin(fpr + tpr)
    return RocCurve(column(fpr[shown]), column(tpr[shown]), column(np.minimum(at[shown], 1.0)))


def precision_recall(beats: Sequence[ScoredBeats]) -> PrecisionRecallCurve:
    """Precision against recall of abnormal against normal, thinned; empty where there is only one of them."""
    truth, score = _pooled(beats)
    if truth.all() or not truth.any():
        return PrecisionRecallCurve((), (), ())
    precision, recall, at = precision_recall_curve(truth, score)
    at, shown = np.append(at, 1.0), _thin(recall)
    return PrecisionRecallCurve(column(recall[shown]), column(precision[shown]), column(at[shown]))


def column(values: NDArray[np.floating]) -> Numbers:
    """Numbers (n,) as they are saved."""
    return tuple(values.tolist())


def _pooled(beats: Sequence[ScoredBeats]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    pairs = [normal_or_not(item) for item in beats]
    return np.concatenate([t for t, _ in pairs]), np.concatenate([s for _, s in pairs])


def _thin(position: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return indices of at most `CURVE_POINTS` points, evenly spread along a monotone position, with both ends."""
    if position.size <= CURVE_POINTS:
        return np.arange(position.size)
    rising = position if position[-1] >= position[0] else position[::-1]
    wanted = np.linspace(rising[0], rising[-1], CURVE_POINTS - 1)
    index = np.clip(np.searchsorted(rising, wanted), 0, position.size - 1)
    index = np.append(index, position.size - 1)
    return np.unique(index if position[-1] >= position[0] else position.size - 1 - index)


def reliability_bins(beats: Sequence[ScoredBeats]) -> ReliabilityBins:
    """Return how far stated confidences come true."""
    pairs = [with_truth(item) for item in beats]
    p, truth = np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])
    found = calibration.reliability_of_sums(np.sum([top_label_sums(item) for item in beats], axis=0))
    errors = calibration.classwise_calibration_error(p, truth)
    return ReliabilityBins(
        bins=calibration.BINS,
        lower=column(found.lower),
        upper=column(found.upper),
        count=tuple(found.count.tolist()),
        stated=column(found.stated),
        observed=column(found.observed),
        ece=found.error if truth.size else float("nan"),
        classwise=dict(zip(AAMI_CLASSES, errors.tolist(), strict=True)),
    )


def thresholds(beats: Sequence[ScoredBeats]) -> ThresholdSweep:
    """Return the sweep behind the page's slider: 199 even steps and finer ones at both ends, where p crowds."""
    ends = np.array([0.001, 0.002, 0.995, 0.998, 0.999])
    threshold = np.unique(np.round(np.concatenate([np.linspace(0.005, 0.995, 199), ends]), 4))
    truth, score = _pooled(beats)
    positive, negative = np.sort(score[truth]), np.sort(score[~truth])
    tp = positive.size - np.searchsorted(positive, threshold)
    fp = negative.size - np.searchsorted(negative, threshold)
    counts = np.stack([tp, positive.size - tp, fp, negative.size - fp], axis=-1)
    scores = metrics.binary_scores(counts)
    flagged = sum(np.sum(item.abnormal[:, None] >= threshold, axis=0) for item in beats)
    hours = sum(item.scored_s for item in beats) / 3600
    return ThresholdSweep(
        threshold=column(threshold),
        se=column(scores["binary_se"]),
        sp=column(scores["binary_sp"]),
        ppv=column(scores["binary_ppv"]),
        f1=column(scores["binary_f1"]),
        balanced_accuracy=column(scores["binary_balanced_accuracy"]),
        flagged_per_hour=column(flagged / hours),
    )


def coverage(beats: Sequence[ScoredBeats]) -> CoverageCurve:
    """Return how accurate the network is on its most confident beats (risk against coverage)."""
    pairs = [with_truth(item) for item in beats]
    p, truth = np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])
    stated, right = p.max(axis=1), p.argmax(axis=1) == truth
    at = np.round(np.linspace(0.2, 0.99, 80), 4)
    kept = [stated >= level for level in at]
    coverage = tuple(float(mask.mean()) if mask.size else float("nan") for mask in kept)
    accuracy = tuple(float(right[mask].mean()) if mask.any() else float("nan") for mask in kept)
    return CoverageCurve(column(at), coverage, accuracy)


def confident_errors(beats: Sequence[ScoredBeats]) -> tuple[WrongBeat, ...]:
    """Return the wrong answers with the highest confidence, few of a kind from one record."""
    found = [(float(item.p[i].max()), item, int(i)) for item in beats for i in _wrong(item)]
    found.sort(key=lambda entry: (-entry[0], entry[1].record, entry[2]))
    seen: dict[tuple[str, int, int], int] = {}
    chosen = []
    for _, item, i in found:
        key = (item.record, int(item.truth[i]), int(item.predicted[i]))
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= ERRORS_PER_KIND:
            chosen.append(_error(item, i))
        if len(chosen) == ERRORS:
            break
    return tuple(chosen)


def _wrong(beats: ScoredBeats) -> NDArray[np.intp]:
    return np.flatnonzero(beats.has_p & (beats.truth != beats.predicted))


def _error(beats: ScoredBeats, i: int) -> WrongBeat:
    return WrongBeat(
        record=beats.record,
        sample=int(beats.sample[i]),
        time_s=float(beats.sample[i] / beats.fs),
        symbol=beats.symbol[i],
        truth=metrics.LABELS[beats.truth[i]],
        predicted=metrics.LABELS[beats.predicted[i]],
        confidence=float(beats.p[i].max()),
        p=dict(zip(AAMI_CLASSES, beats.p[i].tolist(), strict=True)),
    )
