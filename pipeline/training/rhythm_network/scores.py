"""Answers of networks for patients that they were not trained on: scores, and the calibration that follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.loop import UNLABELLED
from models.softmax import softmax
from pipeline.evaluation.calibration import adjust_prior, fit_temperature
from pipeline.evaluation.schema import Matrix
from pipeline.labels import AAMI_CLASSES
from pipeline.training.beat_sampler import Q_PRIOR
from pipeline.training.rhythm_network.windows import Q, RhythmRecord, class_shares
from pipeline.training.schema import HeldOutScores
from pipeline.types import FloatArray

Logits = Callable[[FloatArray], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Answers of networks for held-out patients: logits (n, 5), labels (n,) and the record of each beat."""

    logits: NDArray[np.float64]
    label: NDArray[np.int64]
    record: NDArray[np.str_]

    def of(self, records: Sequence[str]) -> HeldOut:
        """Return the answers for the beats of these records."""
        at = np.isin(self.record, records)
        return HeldOut(self.logits[at], self.label[at], self.record[at])


def held_out(logits_of: Logits, records: Sequence[RhythmRecord]) -> HeldOut:
    """Return the answers for every labelled beat of some recordings."""
    logits = [logits_of(record.rows()) for record in records]
    known = [record.label != UNLABELLED for record in records]
    return HeldOut(
        np.concatenate([part[keep] for part, keep in zip(logits, known, strict=True)]).astype(np.float64),
        np.concatenate([record.label[keep] for record, keep in zip(records, known, strict=True)]),
        np.concatenate([np.full(keep.sum(), record.name) for record, keep in zip(records, known, strict=True)]),
    )


def together(parts: Sequence[HeldOut], bias: NDArray[np.float64]) -> HeldOut:
    """Join all held-out answers, with the bias of the served network."""
    return HeldOut(
        np.concatenate([part.logits for part in parts]) + bias,
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.record for part in parts]),
    )


def fused(one: HeldOut, other: HeldOut, share: float) -> HeldOut:
    """Average two sets of answers for the same beats.

    Parameters
    ----------
    one : HeldOut
        The first answers.
    other : HeldOut
        The second answers.
    share : float
        Weight of `other`, 0..1.
    """
    return replace(one, logits=(1 - share) * one.logits + share * other.logits)


def scored(found: HeldOut) -> HeldOutScores:
    """Return the scores of some predictions, uncalibrated."""
    answer = found.logits.argmax(axis=1)
    matrix = _confusion(found.label, answer)
    records = [(str(name), found.record == name) for name in np.unique(found.record)]
    both = matrix.sum(axis=0) + matrix.sum(axis=1)
    f1 = 2 * np.diag(matrix) / np.maximum(both, 1)
    return HeldOutScores(
        beats=int(matrix.sum()),
        accuracy=round(float(np.trace(matrix) / max(1, matrix.sum())), 4),
        f1={name: round(float(f1[i]), 4) for i, name in enumerate(AAMI_CLASSES[:4])},
        confusion=_rows(matrix),
        per_record={name: _rows(_confusion(found.label[at], answer[at])) for name, at in records},
    )


def epoch_scores(
    records: Sequence[RhythmRecord], bias: NDArray[np.float64], logits_of: Callable[[Any], Any]
) -> dict[str, float]:
    """Return the measures of an epoch on held-out patients; they decide nothing, because the last epoch is kept.

    Parameters
    ----------
    records : sequence of RhythmRecord
        Recordings of held-out patients.
    bias : (5,) float64
        Added to the logits.
    logits_of : callable
        From rows to logits.
    """
    found = held_out(logits_of, records)
    p = softmax(found.logits + bias)
    loss = -np.log(np.maximum(p[np.arange(p.shape[0]), found.label], 1e-7))
    score = scored(replace(found, logits=found.logits + bias))
    curves = {f"val_f1_{name}": score.f1[name] for name in AAMI_CLASSES[:3]}
    return {"val_loss": float(loss.mean()), "val_accuracy": score.accuracy, **curves}


def calibrated(found: HeldOut, bias: NDArray[np.float64]) -> dict[str, Any]:
    """Find prior, temperature and thresholds from every beat of every patient, held out from the network asked."""
    temperature = float(fit_temperature(found.logits, found.label))
    confidence = softmax(found.logits / temperature).max(axis=1)
    return {
        "logit_bias": [round(float(value), 6) for value in bias],
        "temperature": round(temperature, 4),
        "threshold": 0.5,
        "picture_threshold": 0.5,
        "abstain_below": round(float(np.quantile(confidence, 0.01)), 3),
    }


def towards_natural(
    sampled: NDArray[np.float64], recorded: Sequence[NDArray[np.int64]], share: float
) -> NDArray[np.float64]:
    """Return what is added to logits to go from the class frequencies in training towards the recorded ones.

    Parameters
    ----------
    sampled : (5,) float64
        Class frequencies in training.
    recorded : sequence of (n,) int64
        Labels of recordings.
    share : float
        How far to go, 0..1.

    Returns
    -------
    (5,) float64
        Added to the logits.
    """
    natural = class_shares(recorded)
    natural[Q] = 0
    natural *= (1 - Q_PRIOR) / natural.sum()
    natural[Q] = Q_PRIOR
    shift = adjust_prior(np.zeros((1, natural.size)), trained=np.maximum(sampled, 1e-3), target=natural)
    return np.asarray(share * shift[0])


def _rows(matrix: NDArray[np.int64]) -> Matrix:
    return tuple(map(tuple, matrix.tolist()))


def _confusion(label: NDArray[np.int64], answer: NDArray[np.int64]) -> NDArray[np.int64]:
    n = len(AAMI_CLASSES)
    return np.bincount(label * n + answer, minlength=n * n).reshape(n, n)
