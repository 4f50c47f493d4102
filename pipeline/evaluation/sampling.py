"""A sample of a recording's beats, read in the context of all of them, and weighted by what they represent."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline._util.files import write_bytes
from pipeline.analysis import BeatClassifier, classify, prepare
from pipeline.config import DEFAULT, Config
from pipeline.errors import SignalError
from pipeline.evaluation import metrics
from pipeline.evaluation.predict import reference_of
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.signal.leads import choose_leads
from pipeline.types import FloatArray, IntArray, Recording

CAPS: Final = {"N": 40, "S": 30, "V": 30, "F": 20, "Q": 5}  # more would tell little: patients decide the intervals


@dataclass(frozen=True, eq=False)
class Sampled:
    """Sampled beats of a record under one condition; all but `beats` weighted by how many beats each represents.

    Attributes
    ----------
    record : str
        Name of the record.
    matrix : (6, 6) float64
        Confusion matrix of all beats, whatever the app does with them.
    flags : (4,) float64
        TP, FN, FP and TN of normal against abnormal, of all beats.
    unclassified : float
        Beats that the app gives no class.
    beats : int
        How many beats were sampled.
    classified, gated : (2,) float64
        Beats that get a class, and those that the quality gate stops; and how many of them are right.
    """

    record: str
    matrix: NDArray[np.float64]
    flags: NDArray[np.float64]
    unclassified: float
    beats: int
    classified: NDArray[np.float64]
    gated: NDArray[np.float64]


def sampled(
    recording: Recording,
    classifier: BeatClassifier,
    config: Config = DEFAULT,
    *,
    caps: Mapping[str, int] = CAPS,
    only_lead: int | None = None,
) -> Sampled:
    """Read a sample of a recording's reference beats in the context of all its beats.

    The same beats are drawn whatever was done to the signal. In a recording that is refused, all of them are unread.

    Parameters
    ----------
    recording : Recording
        A recording with reference beats.
    classifier : BeatClassifier
        The network.
    config : Config, optional
        Settings of the pipeline.
    caps : mapping of str to int, optional
        Most beats per class.
    only_lead : int, optional
        Use only the first (0) or second (1) of the leads.

    Raises
    ------
    DataError
        If it has no reference beats.
    """
    reference = reference_of(recording)
    truth = np.array([AAMI_CLASSES.index(aami_class(symbol) or "Q") for symbol in reference.symbol])
    chosen, weight = draw_sample(truth, [caps[name] for name in AAMI_CLASSES], seed=_seed(recording.name))
    p, has_p, refused, noisy = _read(recording, reference.sample, chosen, classifier, config, only_lead)
    predicted = np.where(has_p, p.argmax(axis=1), metrics.Q)
    matrix = np.bincount(truth[chosen] * 6 + predicted, weight, minlength=36).reshape(6, 6).astype(np.float64)
    flagged = has_p & (1 - p[:, metrics.N] >= classifier.threshold)
    flags = _flags(truth[chosen], flagged, weight)
    right = predicted == truth[chosen]
    classified, gated = (np.array([weight @ part, weight @ (part & right)]) for part in (~refused, noisy & has_p))
    return Sampled(recording.name, matrix, flags, float(weight @ refused), chosen.size, classified, gated)


def draw_sample(
    truth: NDArray[np.int64], caps: Sequence[int], *, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw a limited number of indices per class.

    Parameters
    ----------
    truth : (n,) int64
        Classes.
    caps : sequence of int
        Most indices per class.
    seed : int
        Seed of the random generator; the same seed gives the same result.

    Returns
    -------
    tuple
        Indices (k,) int64, sorted, and how many beats each represents (k,) float64.
    """
    rng = np.random.default_rng(seed)
    parts, weights = [], []
    for label, cap in enumerate(caps):
        every = np.flatnonzero(truth == label)
        part = rng.permutation(every)[:cap]
        parts.append(part)
        weights.append(np.full(part.size, every.size / max(part.size, 1)))
    index, weight = np.concatenate(parts), np.concatenate(weights)
    order = np.argsort(index)
    return index[order], weight[order]


def _read(
    recording: Recording,
    samples: IntArray,
    chosen: IntArray,
    classifier: BeatClassifier,
    config: Config,
    only_lead: int | None,
) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the probabilities of the chosen beats, and whether they were read, stay unclassified, and are in noise."""
    leads = choose_leads(recording.leads)
    use = leads if only_lead is None else leads[only_lead : only_lead + 1] or leads
    try:
        prepared = prepare(recording, config, leads=use, samples=samples)
    except SignalError:
        n = chosen.size
        return np.zeros((n, 5), np.float32), np.zeros(n, np.bool_), np.ones(n, np.bool_), np.zeros(n, np.bool_)
    aside = np.ones(samples.size, np.bool_)
    aside[chosen] = False
    reason = tuple("not sampled" if a else r for a, r in zip(aside, prepared.beats.reason, strict=True))
    found = classify(replace(prepared, beats=replace(prepared.beats, reason=reason)), classifier, config)
    refused = np.array([found.status[i] == "unclassified" for i in chosen], np.bool_)
    noisy = prepared.quality.is_noisy(prepared.beats.r_peak[chosen] / prepared.beats.fs)
    return found.p[chosen], found.has_p[chosen], refused, noisy


def _flags(truth: IntArray, flagged: NDArray[np.bool_], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    abnormal, normal = np.isin(truth, (metrics.S, metrics.V, metrics.F)), truth == metrics.N
    cells = (abnormal & flagged, abnormal & ~flagged, normal & flagged, normal & ~flagged)
    return np.array([weight @ cell for cell in cells])


def save(file: Path, found: Sampled) -> None:
    """Store a sample."""
    content = io.BytesIO()
    np.savez(
        content,
        matrix=found.matrix,
        flags=found.flags,
        counts=[found.unclassified, found.beats],
        classified=found.classified,
        gated=found.gated,
    )
    write_bytes(file, content.getvalue())


def load_sampled(file: Path, record: str) -> Sampled:
    """Load a stored sample."""
    with np.load(file, allow_pickle=False) as arrays:
        unclassified, beats = arrays["counts"]
        parts = (arrays[name] for name in ("classified", "gated"))
        return Sampled(record, arrays["matrix"], arrays["flags"], float(unclassified), int(beats), *parts)


def _seed(record: str) -> int:
    return int.from_bytes(record.encode()[-4:], "big")
