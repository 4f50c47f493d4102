"""Measures of scored beats with their intervals: overall, by class and by record."""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation import bootstrap, calibration, metrics
from pipeline.evaluation.metrics import ScoredBeats, Scores
from pipeline.evaluation.report_schema import ClassRow, Confusion, RecordRow
from pipeline.evaluation.schema import Estimate, Estimates
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES


def confusions(beats: Sequence[ScoredBeats]) -> NDArray[np.int64]:
    """Return the confusion matrix of each record (n_records, 6, 6)."""
    return np.stack([metrics.confusion(item.truth, item.predicted) for item in beats])


def normal_or_not(beats: ScoredBeats) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return truth and score of the beats that count as normal or abnormal."""
    counted, abnormal = metrics.binary_truth(beats)
    return abnormal[counted], beats.abnormal[counted]


def abnormal_counts(beats: ScoredBeats, threshold: float) -> NDArray[np.int64]:
    """Return TP, FN, FP and TN of normal against abnormal."""
    truth, score = normal_or_not(beats)
    return metrics.binary_counts(truth, score >= threshold)


def with_truth(beats: ScoredBeats) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return probabilities and true classes of the beats that were read and have a reference."""
    keep = beats.has_p & (beats.truth != metrics.O)
    return beats.p[keep].astype(np.float64), beats.truth[keep]


def estimates(beats: Sequence[ScoredBeats], *, threshold: float, resamples: int, seed: int) -> Estimates:
    """Return every measure with its interval from resampling the patients; of one patient there is none.

    Parameters
    ----------
    beats : sequence of ScoredBeats
        Scored beats of each record.
    threshold : float
        1 - p(N) from which a beat is flagged abnormal.
    resamples : int
        Of the bootstrap over patients.
    seed : int
        Seed of the random generator; the same seed gives the same result.
    """
    weights = bootstrap.patient_weights([item.record for item in beats], resamples=resamples, seed=seed)
    matrices = confusions(beats)
    binary = np.stack([abnormal_counts(item, threshold) for item in beats])
    ranked = [normal_or_not(item) for item in beats]
    truth, score = [t for t, _ in ranked], [s for _, s in ranked]
    calibrated = np.stack([top_label_sums(item) for item in beats])
    auc, ap = metrics.ranking_scores(np.concatenate(truth), np.concatenate(score))
    value: Scores = metrics.all_scores(matrices.sum(axis=0)) | metrics.binary_scores(binary.sum(axis=0))
    value |= {"binary_auc": np.asarray(auc), "binary_ap": np.asarray(ap)}
    value |= {"ece": calibration.error_of_sums(calibrated.sum(axis=0))}
    drawn = metrics.all_scores(bootstrap.resample(matrices, weights))
    drawn |= metrics.binary_scores(bootstrap.resample(binary, weights))
    drawn |= bootstrap.ranking_resamples(truth, score, weights)
    drawn |= {"ece": calibration.error_of_sums(bootstrap.resample(calibrated, weights))}
    alone = bootstrap.patients([item.record for item in beats]).max() == 0
    around = dict.fromkeys(drawn, (np.nan, np.nan)) if alone else bootstrap.intervals(drawn)
    return {name: Estimate(float(v), *around[name]) for name, v in value.items()}


def top_label_sums(beats: ScoredBeats) -> NDArray[np.float64]:
    """Return the sums behind the reliability of the stated confidence."""
    p, truth = with_truth(beats)
    return calibration.reliability_sums(p.max(axis=1), p.argmax(axis=1) == truth)


def average_over_records(beats: Sequence[ScoredBeats], threshold: float) -> dict[str, float]:
    """Return the mean of each measure over the records that define it."""
    average = {name: float(value) for name, value in metrics.average_scores(confusions(beats)).items()}
    per_record = metrics.binary_scores(np.stack([abnormal_counts(item, threshold) for item in beats]))
    for name, values in per_record.items():
        defined = values[np.isfinite(values)]
        average[name] = float(defined.mean()) if defined.size else float("nan")
    return average


def labelled_confusion(matrix: NDArray[np.int64]) -> Confusion:
    """Return a confusion matrix (6, 6) with its labels."""
    return Confusion(metrics.LABELS, tuple(map(tuple, matrix.tolist())))


def class_rows(beats: Sequence[ScoredBeats], overall: Estimates) -> tuple[ClassRow, ...]:
    """Return one row per AAMI class."""
    matrix = confusions(beats).sum(axis=0)
    pairs = [with_truth(item) for item in beats]
    p, truth = np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])
    errors = calibration.classwise_calibration_error(p, truth)
    rows = []
    for i, name in enumerate(AAMI_CLASSES):
        auc, ap = metrics.ranking_scores(truth == i, p[:, i])
        rows.append(
            ClassRow(
                aami=name,
                name=CLASS_NAMES[name],
                reference=int(matrix[i].sum()),
                predicted=int(matrix[:, i].sum()),
                correct=int(matrix[i, i]),
                se=overall[f"{name}_se"],
                ppv=overall[f"{name}_ppv"],
                f1=overall[f"{name}_f1"],
                auc=auc,
                ap=ap,
                ece=float(errors[i]),
            )
        )
    return tuple(rows)


def record_row(beats: ScoredBeats, threshold: float) -> RecordRow:
    """Return the figures of one record."""
    matrix = metrics.confusion(beats.truth, beats.predicted)
    scores = metrics.all_scores(matrix) | metrics.binary_scores(abnormal_counts(beats, threshold))
    scored = {name: float(value) for name, value in scores.items()}
    n, s, v, f, q = (int(matrix[i].sum()) for i in range(len(AAMI_CLASSES)))
    stated = beats.p[beats.has_p].max(axis=1)
    return RecordRow(
        record=beats.record,
        N=n,
        S=s,
        V=v,
        F=f,
        Q=q,
        errors=int(matrix.sum() - np.trace(matrix)),
        accuracy=scored["accuracy"],
        qrs_se=scored["qrs_se"],
        qrs_ppv=scored["qrs_ppv"],
        S_se=scored["S_se"],
        S_ppv=scored["S_ppv"],
        S_f1=scored["S_f1"],
        V_se=scored["V_se"],
        V_ppv=scored["V_ppv"],
        V_f1=scored["V_f1"],
        binary_se=scored["binary_se"],
        binary_sp=scored["binary_sp"],
        confidence=float(stated.mean()) if stated.size else float("nan"),
        confusion=tuple(matrix.ravel().tolist()),
        binary=tuple(abnormal_counts(beats, threshold).tolist()),
        answers=packed(beats),
    )


def packed(beats: ScoredBeats) -> str:
    """Return truth and answer of each row in time order, as base64 of a deflated byte string (6 x truth + answer)."""
    return b64encode(zlib.compress((6 * beats.truth + beats.predicted).astype(np.uint8).tobytes(), 9)).decode()
