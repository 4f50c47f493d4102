"""Sets of classes that hold the truth as often as they say, and when to leave a beat to a person.

The beats of one patient resemble each other, so a new patient's beats are not exchangeable with those of others: the
usual split conformal set, calibrated on pooled beats, promises nothing to a patient. Patients are exchangeable with
patients. Three thresholds on the same score, 1 - p(true class), are put side by side:

- "beats": split conformal over pooled beats; its promise is void here, and the figures show it
- "hierarchical": a beat of a new patient is held with 1 - ALPHA, on average over patients
- "patients": with 1 - DELTA, a new patient has at least 1 - ALPHA of the beats held

`uncertainty` returns what evaluation.json keeps: `alpha`, `delta`, `calibration` {database, records, beats},
`methods` [{name, threshold}], `abstention` {target, confidence}, `tested` [{name, title, records, methods [{name,
coverage, mean_size, single, patients_held, worst, per_class, per_patient}], risk {coverage, error, aurc, excess},
abstention {answered, wrong, error, worst}, without_232 [as methods] or null}], `halves` (many random halves of
the calibration database instead of the one) and, put there by `run`, `provenance`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.evaluate.metrics import Q
from pipeline.evaluate.records import RecordPredictions
from pipeline.evaluate.report import S_RECORD
from pipeline.evaluate.saved import Json
from pipeline.labels import AAMI_CLASSES, aami_class

Array = NDArray[np.float64]

ALPHA: Final = 0.05
DELTA: Final = 0.05
PATIENTS_MIN: Final = 19  # below, no patient's threshold is high enough for DELTA
WRONG: Final = 0.05  # of a patient's beats, answered wrongly: what abstention keeps to, on average over patients
HALVES: Final = 200
RISK_POINTS: Final = 100
_TINY: Final = 1e-9  # 0.95 x 20 is 19, not 20


@dataclass(frozen=True, eq=False)
class Patient:
    """Reference beats of one patient: `p` (n, 5) probabilities (all 0 where `read` (n,) is False) and `truth` (n,)."""

    record: str
    p: Array
    truth: NDArray[np.int64]
    read: NDArray[np.bool_]

    @property
    def score(self) -> Array:
        """1 - p of the true class (n,); 0 where nobody read the beat: its set is all classes."""
        return np.asarray(np.where(self.read, 1 - self.p[np.arange(self.truth.size), self.truth], 0.0))

    @property
    def confidence(self) -> Array:
        """The highest probability (n,), 0 where the beat was not read."""
        return np.asarray(self.p.max(axis=1, initial=0.0))

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether the most likely class is not the true one (n,); an unread beat counts as Q."""
        return np.asarray(np.where(self.read, self.p.argmax(axis=1), Q) != self.truth)


def patient_of(item: RecordPredictions) -> Patient:
    """A record at its reference beats as a patient."""
    truth = np.array([AAMI_CLASSES.index(aami_class(symbol) or "Q") for symbol in item.reference_symbol], np.int64)
    return Patient(item.record, item.p.astype(np.float64), truth, item.has_p)


def beat_threshold(scores: Sequence[Array], alpha: float = ALPHA) -> float:
    """Split conformal over pooled beats: valid only if beats were exchangeable, and they are not.

    References
    ----------
    Vovk, Gammerman & Shafer 2005; Sadinle, Lei & Wasserman 2019, doi:10.1080/01621459.2017.1395341 (the score).
    """
    return _rank(np.concatenate(list(scores)), alpha)


def hierarchical_threshold(scores: Sequence[Array], alpha: float = ALPHA) -> float:
    """Each patient weighs the same, and the new one stands at infinity; inf with too few patients.

    References
    ----------
    Lee, Barber & Willett 2023, Distribution-free inference with hierarchical data, arXiv:2306.06342.
    """
    pooled = np.concatenate(list(scores))
    weight = np.concatenate([np.full(s.size, 1 / ((len(scores) + 1) * s.size)) for s in scores])
    order = np.argsort(pooled)
    enough = np.flatnonzero(np.cumsum(weight[order]) >= 1 - alpha - _TINY)
    return float(pooled[order[enough[0]]]) if enough.size else inf


def patient_threshold(scores: Sequence[Array], alpha: float = ALPHA, delta: float = DELTA) -> float:
    """The 1 - delta conformal quantile over patients of what each needs to have 1 - alpha of the beats held.

    A new patient exchangeable with these has at least 1 - alpha of the beats held with probability 1 - delta:
    exactly, whatever the distributions. inf with fewer than 1 / delta - 1 patients.
    """
    return _rank(np.array([own_threshold(s, alpha) for s in scores]), delta)


def own_threshold(scores: Array, alpha: float = ALPHA) -> float:
    """The lowest threshold that holds at least 1 - alpha of these scores (n,), n > 0."""
    return float(np.sort(scores)[max(ceil((1 - alpha) * scores.size - _TINY), 1) - 1])


def class_sets(patient: Patient, threshold: float) -> NDArray[np.bool_]:
    """Which classes each set holds (n, 5): 1 - p up to the threshold, the likeliest always; all if unread."""
    held = 1 - patient.p <= threshold
    held[np.arange(held.shape[0]), patient.p.argmax(axis=1)] = True
    return held | ~patient.read[:, None]


def is_held(patient: Patient, threshold: float) -> NDArray[np.bool_]:
    """Whether the set of each beat (n,) holds its true class; as `class_sets`, without making the sets."""
    return (patient.score <= threshold) | ~patient.wrong | ~patient.read


def abstention_confidence(patients: Sequence[Patient], target: float = WRONG) -> float:
    """The lowest confidence to answer at, so that at most `target` of a new patient's beats are answered wrongly.

    That holds on average over patients, by conformal risk control with the patient as the unit; inf: never answer.

    References
    ----------
    Angelopoulos et al. 2024, Conformal risk control, arXiv:2208.02814.
    """
    confidence = np.concatenate([patient.confidence for patient in patients])
    loss = np.concatenate([(patient.wrong & patient.read) / patient.truth.size for patient in patients])
    order = np.argsort(-confidence, kind="stable")
    total = np.append(0.0, np.cumsum(loss[order]))  # over patients, after answering the surest 0, 1, 2, ...
    allowed = np.flatnonzero((total + 1) / (len(patients) + 1) <= target + _TINY)
    if not allowed.size:
        return inf
    ranked, last = confidence[order], int(allowed[-1])
    if last == ranked.size:
        return 0.0
    surer = ranked[:last][ranked[:last] > ranked[last]]  # beats as sure as the first one too many stay out with it
    return float(surer[-1]) if surer.size else inf


def risk_coverage(confidence: Array, wrong: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Share of beats kept (n,) and share of errors among them (n,), from the surest beat on; ties share their errors.

    References
    ----------
    El-Yaniv & Wiener 2010, JMLR 11:1605-1641; Geifman & El-Yaniv 2017, arXiv:1705.08500.
    """
    order = np.argsort(-confidence, kind="stable")
    _, group = np.unique(-confidence[order], return_inverse=True)
    shared = (np.bincount(group, wrong[order]) / np.bincount(group))[group]
    kept = np.arange(1, confidence.size + 1)
    return kept / confidence.size, np.cumsum(shared) / kept


def area_under_risk(confidence: Array, wrong: NDArray[np.bool_]) -> tuple[float, float]:
    """AURC, the mean error over all shares kept, and how much of it a perfect order of the same errors would spare.

    References
    ----------
    Geifman, Uziel & El-Yaniv 2019, arXiv:1805.08206 (AURC, excess AURC).
    """
    area = float(risk_coverage(confidence, wrong)[1].mean())
    best = np.sort(wrong)
    perfect = float((np.cumsum(best) / np.arange(1, best.size + 1)).mean())
    return area, area - perfect


def uncertainty(
    calibration: Sequence[RecordPredictions],
    tested: Mapping[str, tuple[str, Sequence[RecordPredictions]]],
    *,
    database: str,
    halves: int = HALVES,
    seed: int = 0,
) -> Json:
    """Calibrate on every other record of `calibration`, and measure on the rest and on each of `tested`.

    Parameters
    ----------
    calibration : sequence of RecordPredictions
        At reference beats, of patients that taught the network nothing; one record per patient.
    tested : mapping
        Name -> (title, predictions) of further test sets.
    database : str
        Name of the database that `calibration` is of.

    Raises
    ------
    DataError
        If fewer than `PATIENTS_MIN` patients would calibrate.
    """
    everyone = [patient_of(item) for item in sorted(calibration, key=lambda item: item.record)]
    chosen, rest = everyone[::2], everyone[1::2]
    if len(chosen) < PATIENTS_MIN:
        raise DataError(
            f"{len(chosen)} patients of {database!r} can calibrate and at least {PATIENTS_MIN} are needed: "
            "the network was trained on the others, or they are not here."
        )
    thresholds = _thresholds(chosen)
    confidence = abstention_confidence(chosen)
    groups = {database: (f"The other half of {database}", rest)}
    groups |= {name: (title, [patient_of(item) for item in items]) for name, (title, items) in tested.items()}
    return {
        "alpha": ALPHA,
        "delta": DELTA,
        "calibration": {
            "database": database,
            "records": [patient.record for patient in chosen],
            "beats": sum(patient.truth.size for patient in chosen),
        },
        "methods": [{"name": name, "threshold": value} for name, value in thresholds.items()],
        "abstention": {"target": WRONG, "confidence": confidence},
        "tested": [_tested(name, title, group, thresholds, confidence) for name, (title, group) in groups.items()],
        "halves": _halves(everyone, halves, seed),
    }


_METHODS: Final[Mapping[str, Callable[[Sequence[Array]], float]]] = {
    "beats": beat_threshold,
    "hierarchical": hierarchical_threshold,
    "patients": patient_threshold,
}


def _thresholds(patients: Sequence[Patient]) -> dict[str, float]:
    scores = [patient.score for patient in patients]
    return {name: method(scores) for name, method in _METHODS.items()}


def _tested(
    name: str, title: str, group: Sequence[Patient], thresholds: Mapping[str, float], confidence: float
) -> Json:
    others = [patient for patient in group if patient.record != S_RECORD]
    return {
        "name": name,
        "title": title,
        "records": [patient.record for patient in group],
        "methods": [{"name": method, **_coverage(group, value)} for method, value in thresholds.items()],
        "without_232": None
        if len(others) in (0, len(group))
        else [{"name": method, **_coverage(others, value)} for method, value in thresholds.items()],
        "risk": _risk(group),
        "abstention": _abstention(group, confidence),
    }


def _coverage(group: Sequence[Patient], threshold: float) -> Json:
    held = [is_held(patient, threshold) for patient in group]
    pooled, truth = np.concatenate(held), np.concatenate([patient.truth for patient in group])
    size = np.concatenate([class_sets(patient, threshold).sum(axis=1) for patient in group])
    own = [float(h.mean()) for h in held]
    return {
        "coverage": float(pooled.mean()),
        "mean_size": float(size.mean()),
        "single": float((size == 1).mean()),
        "patients_held": _share_held(own),
        "worst": min(own),
        "per_class": {
            label: float(pooled[truth == k].mean()) if np.any(truth == k) else None
            for k, label in enumerate(AAMI_CLASSES)
        },
        "per_patient": {patient.record: value for patient, value in zip(group, own, strict=True)},
    }


def _share_held(own: Sequence[float]) -> float:
    """The share of patients that have at least 1 - ALPHA of their beats held."""
    return float(np.mean([value >= 1 - ALPHA - _TINY for value in own]))


def _risk(group: Sequence[Patient]) -> Json:
    confidence = np.concatenate([patient.confidence for patient in group])
    wrong = np.concatenate([patient.wrong for patient in group])
    kept, error = risk_coverage(confidence, wrong)
    at = np.unique(np.clip(np.linspace(0, 1, RISK_POINTS + 1)[1:] * kept.size, 1, kept.size).astype(np.int64) - 1)
    area, excess = area_under_risk(confidence, wrong)
    return {"coverage": kept[at], "error": error[at], "aurc": area, "excess": excess}


def _abstention(group: Sequence[Patient], confidence: float) -> Json:
    answered = [patient.read & (patient.confidence >= confidence) for patient in group]
    wrong = [patient.wrong & kept for patient, kept in zip(group, answered, strict=True)]
    share = [float(w.mean()) for w in wrong]
    kept = int(sum(a.sum() for a in answered))
    return {
        "answered": kept / sum(a.size for a in answered),
        "wrong": float(np.mean(share)),
        "error": float(sum(w.sum() for w in wrong) / kept) if kept else None,
        "worst": max(share),
    }


def _halves(everyone: Sequence[Patient], halves: int, seed: int) -> Json:
    """Over random halves: what share of the other half's patients has 1 - ALPHA of the beats held."""
    rng = np.random.default_rng(seed)
    shares: dict[str, list[float]] = {name: [] for name in _METHODS}
    for _ in range(halves):
        order = rng.permutation(len(everyone))
        chosen, rest = order[: (len(order) + 1) // 2], order[(len(order) + 1) // 2 :]
        for name, value in _thresholds([everyone[i] for i in chosen]).items():
            shares[name].append(_share_held([float(is_held(everyone[i], value).mean()) for i in rest]))
    return {
        "repeats": halves,
        "patients_held": {
            name: {"mean": float(np.mean(s)), "low": float(np.quantile(s, 0.05)), "high": float(np.quantile(s, 0.95))}
            for name, s in shares.items()
        },
    }


def _rank(values: Array, alpha: float) -> float:
    """The ceil((n + 1)(1 - alpha))-th smallest of n values; inf if there are not so many."""
    rank = ceil((values.size + 1) * (1 - alpha) - _TINY)
    return float(np.sort(values)[rank - 1]) if rank <= values.size else inf
