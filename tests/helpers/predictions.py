"""Predictions for the records of the test set, made from numbers."""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.record_predictions import RecordPredictions

SYMBOLS, CLASSES = "NAVFjQ", np.array([0, 1, 2, 3, 0, 4])


def synthetic(record, n=400, seed=0, *, skill=3.0):
    rng = np.random.default_rng([seed, int(record)])
    at = np.sort(rng.choice(np.arange(100, 648_000, 200), n, replace=False)).astype(np.int64)
    kind = rng.choice(6, n, p=[0.83, 0.05, 0.08, 0.02, 0.01, 0.01])
    logits = rng.normal(0, 1.2, (n, 5))
    logits[np.arange(n), CLASSES[kind]] += skill
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    symbols = tuple(SYMBOLS[i] for i in kind)
    return RecordPredictions(record, 360.0, 650_000, at, symbols, at, p.astype(np.float32), np.ones(n, bool))


def detected(item, seed=0):
    """The same predictions with jitter, lost beats and extra beats."""
    rng = np.random.default_rng(seed)
    keep = np.flatnonzero(rng.random(item.sample.size) < 0.98)
    extra = rng.choice(keep, 5)
    sample = np.concatenate([item.sample[keep] + rng.integers(-20, 20, keep.size), item.sample[extra] + 90])
    order = np.argsort(sample)
    index = np.concatenate([keep, extra])[order]
    return RecordPredictions(
        item.record,
        item.fs,
        item.n_samples,
        item.reference_sample,
        item.reference_symbol,
        sample[order],
        item.p[index],
        item.has_p[index],
    )
