"""Confidence intervals by resampling patients, not beats: the beats of one patient are not independent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.splits import SAME_PERSON
from pipeline.evaluation.metrics import Counts, Scores

RESAMPLES = 1000
LEVEL = 0.95
RANK_BINS = 2048


def patient_weights(records: Sequence[str], *, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.float64]:
    """Draw how often each record occurs in each resample.

    Patients are drawn with replacement, as many as there are; records of one person (201 and 202) go together.

    Parameters
    ----------
    records : sequence of str
        Names of the records.
    resamples : int, optional
        How many.
    seed : int, optional
        Seed of the random generator; the same seed gives the same result.

    Returns
    -------
    (resamples, n_records) float64
        Number of times.

    References
    ----------
    Efron & Tibshirani 1993, An Introduction to the Bootstrap, ch. 8 (resampling clusters).
    """
    patient = patients(records)
    n = int(patient.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return drawn[:, patient].astype(np.float64)


def patients(records: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each record's patient (n_records,), from 0 in order of appearance."""
    same = {record: pair[0] for pair in SAME_PERSON for record in pair}
    names = [same.get(record, record) for record in records]
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    return np.array([order[name] for name in names], np.int64)


def resample(per_record: Counts, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return counts of each resample (resamples, ...) from counts per record (n_records, ...)."""
    flat = np.asarray(per_record, np.float64).reshape(len(per_record), -1)
    return (weights @ flat).reshape(len(weights), *per_record.shape[1:])


def intervals(scores: Scores, *, level: float = LEVEL) -> dict[str, tuple[float, float]]:
    """Return the percentile interval of each measure over resamples (resamples,); NaN where no resample defines it."""
    tail = (1 - level) / 2
    return {name: _interval(values, tail) for name, values in scores.items()}


def ranking_resamples(
    truth: Sequence[NDArray[np.bool_]], score: Sequence[NDArray[np.float64]], weights: NDArray[np.float64]
) -> Scores:
    """Return AUC (`binary_auc`) and average precision (`binary_ap`) of each resample.

    Scores are sorted once into `RANK_BINS` bins of equal count, so each resample costs one cumulative sum; within a bin
    they count as ties. On DS2 this changes either measure by less than 0.001.

    Parameters
    ----------
    truth : sequence of (n,) bool
        Truth of each record's beats.
    score : sequence of (n,) float64
        Their scores.
    weights : (resamples, n_records) float64
        As `patient_weights` draws them.

    Returns
    -------
    dict of str to (resamples,) float64
        NaN where one of the two classes is missing.
    """
    pooled = np.concatenate(score)
    if not pooled.size:
        nothing = np.full(len(weights), np.nan)
        return {"binary_auc": nothing, "binary_ap": nothing}
    edges = np.unique(np.quantile(pooled, np.linspace(0, 1, RANK_BINS + 1)[1:-1]))
    histograms = np.stack([_histogram(t, s, edges) for t, s in zip(truth, score, strict=True)])
    counts = resample(histograms, weights)[..., ::-1]  # the highest scores first
    positive, negative = np.cumsum(counts[:, 0], axis=-1), np.cumsum(counts[:, 1], axis=-1)
    n_positive, n_negative = positive[:, -1:], negative[:, -1:]
    defined = (n_positive[:, 0] > 0) & (n_negative[:, 0] > 0)
    scale = np.where(defined, n_positive[:, 0] * n_negative[:, 0], 1)
    auc = (counts[:, 1] * (positive - counts[:, 0] / 2)).sum(-1) / scale
    precision = positive / np.maximum(positive + negative, 1)
    ap = (counts[:, 0] * precision).sum(-1) / np.maximum(n_positive[:, 0], 1)
    return {"binary_auc": np.where(defined, auc, np.nan), "binary_ap": np.where(defined, ap, np.nan)}


def _interval(values: NDArray[np.float64], tail: float) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if not defined.size:
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def _histogram(truth: NDArray[np.bool_], score: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    bins = np.searchsorted(edges, score, side="right")
    return np.stack([np.bincount(bins[mask], minlength=edges.size + 1) for mask in (truth, ~truth)])
