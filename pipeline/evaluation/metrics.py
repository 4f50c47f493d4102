"""Scores of a beat classifier: by ANSI/AAMI EC57, by class, and as normal against abnormal.

A confusion matrix is (6, 6): rows are the reference, columns the prediction, both in the order of `LABELS`. The sixth
label, O, means "no beat": the last column counts missed beats, the last row extra detections. All functions accept any
number of leading axes, so a thousand bootstrap resamples cost one call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT
from pipeline.evaluation.matching import NONE, Matching, match_beats
from pipeline.evaluation.record_predictions import RecordPredictions
from pipeline.evaluation.schema import Kind
from pipeline.labels import AAMI_CLASSES, LabelTable, aami_class
from pipeline.types import FloatArray, IntArray

Counts = NDArray[np.int64] | NDArray[np.float64]
Scores = dict[str, NDArray[np.float64]]

LABELS: Final = (*AAMI_CLASSES, "O")
N, S, V, F, Q, O = range(6)  # noqa: E741 - the letters of EC57


@dataclass(frozen=True, eq=False)
class ScoredBeats:
    """The beats of one recording as they are counted: one row per pair, missed beat or extra detection.

    Attributes
    ----------
    record : str
        Name of the record.
    fs : float
        Its sampling frequency, Hz.
    sample : (k,) int64
        The reference beat, or the detected one where there is no reference.
    symbol : tuple of str
        WFDB symbol of the reference, "" for extra detections.
    truth, predicted : (k,) int64
        Indices into `LABELS`.
    p, has_p : (k, 5) float32 and (k,) bool
        As in `RecordPredictions`; zeros and False for missed beats.
    scored_s : float
        Duration that was scored, seconds.
    """

    record: str
    fs: float
    sample: IntArray
    symbol: tuple[str, ...]
    truth: IntArray
    predicted: IntArray
    p: FloatArray
    has_p: NDArray[np.bool_]
    scored_s: float

    @property
    def abnormal(self) -> NDArray[np.float64]:
        """1 - p(N), and 0 where the network was not run: an unread beat is not flagged."""
        return np.where(self.has_p, 1.0 - self.p[:, N].astype(np.float64), 0.0)


def score_beats(
    predictions: RecordPredictions,
    *,
    kind: Kind,
    table: LabelTable = "de_chazal",
    start_s: float = 0.0,
    window_ms: float = DEFAULT.match_window_ms,
) -> ScoredBeats:
    """Bring reference and prediction together.

    Parameters
    ----------
    predictions : RecordPredictions
        Reference beats and predictions of one recording.
    kind : {"reference", "detected"}
        "reference": the network saw the reference beats, one to one and in order. "detected": the network saw detected
        beats, which are matched within `window_ms`.
    table : {"de_chazal", "bxb"}, optional
        How escape beats are counted; see `pipeline.labels`.
    start_s : float, optional
        What lies before it is left out, seconds. A pair counts by its reference beat's time. bxb instead starts to
        match here and drops an unmatched detection in the first 150 ms; the two differ by at most one extra beat per
        record.
    window_ms : float, optional
        Match window, milliseconds.

    Raises
    ------
    ValueError
        If `kind` is "reference" and the beats are not one to one.
    """
    matching = _pairs(predictions, kind, window_ms)
    reference, detected = matching.reference, matching.detected
    has_reference, has_detected = reference != NONE, detected != NONE
    sample = np.where(
        has_reference, _take(predictions.reference_sample, reference), _take(predictions.sample, detected)
    )
    p = np.where(has_detected[:, None], _take(predictions.p, detected), 0).astype(np.float32)
    has_p = has_detected & _take(predictions.has_p, detected)
    symbol = [predictions.reference_symbol[i] if i != NONE else "" for i in reference]
    truth = np.array([LABELS.index(aami_class(s, table=table) or "Q") if s else O for s in symbol], np.int64)
    predicted = np.where(has_detected, np.where(has_p, p.argmax(axis=1), Q), O).astype(np.int64)
    keep = np.flatnonzero(sample >= start_s * predictions.fs)
    return ScoredBeats(
        record=predictions.record,
        fs=predictions.fs,
        sample=sample[keep],
        symbol=tuple(symbol[i] for i in keep),
        truth=truth[keep],
        predicted=predicted[keep],
        p=p[keep],
        has_p=has_p[keep],
        scored_s=max(predictions.duration_s - start_s, 0.0),
    )


def confusion(truth: IntArray, predicted: IntArray) -> NDArray[np.int64]:
    """Return the confusion matrix (6, 6) of label indices; see the module."""
    return np.bincount(truth * 6 + predicted, minlength=36).reshape(6, 6).astype(np.int64)


def class_scores(matrix: Counts) -> Scores:
    """Return Se, +P and F1 of each class against all others: `N_se`, `N_ppv`, `N_f1`, ...

    NaN where a measure is undefined (no reference beat, or nothing predicted). F1 is 2 TP / (2 TP + FP + FN).
    """
    scores: Scores = {}
    for i, name in enumerate(AAMI_CLASSES):
        tp = matrix[..., i, i]
        fn, fp = matrix[..., i, :].sum(-1) - tp, matrix[..., :, i].sum(-1) - tp
        scores |= _detection(name, tp, fn, fp)
    return scores


def ec57_scores(matrix: Counts) -> Scores:
    """Return QRS, VEB and SVEB statistics by EC57's rules: `qrs_se`, `veb_ppv`, `sveb_f1`, `veb_fpr`, ...

    A VEB false positive is a reference N or S, or an extra detection, called V; F and Q called V do not count. An SVEB
    false positive is a reference N, V or F, or an extra detection, called S; Q called S does not count.

    References
    ----------
    ANSI/AAMI EC57:2012, 4.3.3; bxb.c of the WFDB software package.
    """
    beats = matrix[..., :O, :O].sum((-2, -1))
    missed, extra = matrix[..., :O, O].sum(-1), matrix[..., O, :O].sum(-1)
    scores = _detection("qrs", beats, missed, extra)
    v_fp = matrix[..., [N, S, O], V].sum(-1)
    v_tn = np.delete(np.delete(matrix, V, axis=-2)[..., :O], V, axis=-1).sum((-2, -1))
    scores |= _detection("veb", matrix[..., V, V], np.delete(matrix[..., V, :], V, axis=-1).sum(-1), v_fp)
    scores["veb_fpr"] = _ratio(v_fp, v_fp + v_tn)
    s_fp = matrix[..., [N, V, F, O], S].sum(-1)
    return scores | _detection("sveb", matrix[..., S, S], np.delete(matrix[..., S, :], S, axis=-1).sum(-1), s_fp)


def overall_scores(matrix: Counts) -> Scores:
    """Return `accuracy`, `macro_f1`, `kappa`, `j`, `j_kappa`.

    Missed and extra beats count as errors. `macro_f1` is the mean over those of N, S, V and F that occur: Q has 7 beats
    in DS2. `j` = S se + S ppv + V se + V ppv (0 where undefined); `j_kappa` = kappa / 2 + j / 8.

    References
    ----------
    Cohen 1960, doi:10.1177/001316446002000104; Mar et al. 2011, doi:10.1109/TBME.2011.2113395 (j, j kappa).
    """
    total = matrix.sum((-2, -1))
    agreed = np.trace(matrix, axis1=-2, axis2=-1)
    observed = _ratio(agreed, total)
    chance = _ratio((matrix.sum(-1) * matrix.sum(-2).astype(np.float64)).sum(-1), total.astype(np.float64) ** 2)
    kappa = _ratio(observed - chance, 1 - chance)
    classes = class_scores(matrix)
    j = sum(np.nan_to_num(classes[name]) for name in ("S_se", "S_ppv", "V_se", "V_ppv"))
    return {
        "accuracy": observed,
        "macro_f1": _mean(np.stack([classes[f"{name}_f1"] for name in AAMI_CLASSES[:4]], axis=-1)),
        "kappa": kappa,
        "j": np.asarray(j, np.float64),
        "j_kappa": kappa / 2 + j / 8,
    }


def all_scores(matrix: Counts) -> Scores:
    """Return `overall_scores`, `class_scores` and `ec57_scores` in one mapping."""
    return overall_scores(matrix) | class_scores(matrix) | ec57_scores(matrix)


def average_scores(matrices: Counts) -> dict[str, float]:
    """Return EC57's average statistics: the plain mean over records (n, 6, 6) of those where the measure is defined."""
    return {name: float(_mean(values)) for name, values in all_scores(matrices).items()}


def binary_truth(beats: ScoredBeats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which rows count for normal against abnormal, and which of them are abnormal.

    Abnormal is S, V or F. Reference Q is left out, because its truth is unknown. An extra detection counts as not
    abnormal, a missed abnormal beat as abnormal and never flagged, a missed normal beat not at all (as in EC57).
    """
    abnormal = np.isin(beats.truth, (S, V, F))
    counted = (beats.truth != Q) & ((beats.predicted != O) | abnormal)
    return counted, abnormal


def binary_counts(abnormal: NDArray[np.bool_], flagged: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return TP, FN, FP, TN (4,) of flags against truth."""
    return np.array(
        [
            np.sum(abnormal & flagged),
            np.sum(abnormal & ~flagged),
            np.sum(~abnormal & flagged),
            np.sum(~abnormal & ~flagged),
        ],
        np.int64,
    )


def binary_scores(counts: Counts) -> Scores:
    """Return `binary_se`, `_sp`, `_ppv`, `_f1`, `_balanced_accuracy` and `_accuracy` from TP, FN, FP, TN (..., 4)."""
    tp, fn, fp, tn = (counts[..., i] for i in range(4))
    se, sp = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    return {
        "binary_se": se,
        "binary_sp": sp,
        "binary_ppv": _ratio(tp, tp + fp),
        "binary_f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "binary_balanced_accuracy": (se + sp) / 2,
        "binary_accuracy": _ratio(tp + tn, tp + fn + fp + tn),
    }


def ranking_scores(truth: NDArray[np.bool_], score: NDArray[np.float64]) -> tuple[float, float]:
    """Return the area under the ROC curve and average precision, with ties as one step; NaN if one class is missing."""
    if truth.all() or not truth.any():
        return float("nan"), float("nan")
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), truth.size - 1)  # of each run of equal scores
    tp = np.cumsum(truth[order], dtype=np.float64)[last]
    fp = last + 1 - tp
    gained = np.diff(tp, prepend=0) / tp[-1]
    auc = np.sum(np.diff(fp, prepend=0) / fp[-1] * (tp - np.diff(tp, prepend=0) / 2)) / tp[-1]
    return float(auc), float(np.sum(gained * tp / (last + 1)))


def _pairs(predictions: RecordPredictions, kind: Kind, window_ms: float) -> Matching:
    if kind == "detected":
        return match_beats(predictions.reference_sample, predictions.sample, fs=predictions.fs, window_ms=window_ms)
    if not np.array_equal(predictions.sample, predictions.reference_sample):
        raise ValueError(
            f"Record {predictions.record!r} has {predictions.sample.size} predictions for "
            f"{predictions.reference_sample.size} reference beats, or at other samples; give one for each."
        )
    index = np.arange(predictions.sample.size, dtype=np.int64)
    return Matching(index, index)


def _take(values: NDArray[Any], index: IntArray) -> NDArray[Any]:
    """Return `values[index]`, with anything where the index is -1."""
    padded = np.concatenate([values, np.zeros((1, *values.shape[1:]), values.dtype)])
    return padded[index]


def _ratio(numerator: Counts, denominator: Counts) -> NDArray[np.float64]:
    top, bottom = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return np.where(bottom != 0, top / np.where(bottom != 0, bottom, 1), np.nan)


def _detection(name: str, tp: Counts, fn: Counts, fp: Counts) -> Scores:
    return {
        f"{name}_se": _ratio(tp, tp + fn),
        f"{name}_ppv": _ratio(tp, tp + fp),
        f"{name}_f1": _ratio(2 * tp, 2 * tp + fn + fp),
    }


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over the defined values: over the last axis of a stack, or over the records of a vector."""
    defined = np.isfinite(values)
    return _ratio(np.where(defined, values, 0).sum(-1), defined.sum(-1))
