"""When to leave a beat to a person: risk against coverage, a rule with a guarantee, and the rule of the app."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import prepare
from pipeline.config import DEFAULT, Config
from pipeline.errors import SignalError
from pipeline.evaluation.conformal import TINY, Array, Patient
from pipeline.evaluation.predict import reference_of
from pipeline.evaluation.uncertainty_schema import AbstentionResult, AppRule, CurvePoint, GateErrors, RiskCurve
from pipeline.types import Recording

WRONG: Final = 0.05  # share of a patient's beats that may be answered wrongly, on average over patients
RISK_POINTS: Final = 100


def abstention_confidence(patients: Sequence[Patient], target: float = WRONG) -> float:
    """Return the lowest confidence to answer at so that at most `target` of a new patient's beats get a wrong answer.

    This holds on average over patients, by conformal risk control with the patient as the unit; inf means never answer.

    References
    ----------
    Angelopoulos et al. 2024, Conformal risk control, arXiv:2208.02814.
    """
    confidence = np.concatenate([patient.confidence for patient in patients])
    loss = np.concatenate([(patient.wrong & patient.read) / patient.truth.size for patient in patients])
    order = np.argsort(-confidence, kind="stable")
    total = np.append(0.0, np.cumsum(loss[order]))  # over patients, after answering the most confident 0, 1, 2, ...
    allowed = np.flatnonzero((total + 1) / (len(patients) + 1) <= target + TINY)
    if not allowed.size:
        return inf
    ranked, last = confidence[order], int(allowed[-1])
    if last == ranked.size:
        return 0.0
    surer = ranked[:last][ranked[:last] > ranked[last]]  # beats as confident as the first one too many stay out with it
    return float(surer[-1]) if surer.size else inf


def risk_coverage(confidence: Array, wrong: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the coverage (n,) and the share of errors among the beats covered (n,), from the most confident beat on.

    Ties share their errors.

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
    """Return AURC, the mean error over all coverages, and how much of it a perfect ranking of the errors would save.

    References
    ----------
    Geifman, Uziel & El-Yaniv 2019, arXiv:1805.08206 (AURC, excess AURC).
    """
    area = float(risk_coverage(confidence, wrong)[1].mean())
    best = np.sort(wrong)
    perfect = float((np.cumsum(best) / np.arange(1, best.size + 1)).mean())
    return area, area - perfect


def risk(group: Sequence[Patient]) -> RiskCurve:
    """Return risk against coverage of pooled beats, thinned, and the areas under it."""
    confidence = np.concatenate([patient.confidence for patient in group])
    wrong = np.concatenate([patient.wrong for patient in group])
    kept, error = risk_coverage(confidence, wrong)
    at = np.unique(np.clip(np.linspace(0, 1, RISK_POINTS + 1)[1:] * kept.size, 1, kept.size).astype(np.int64) - 1)
    area, excess = area_under_risk(confidence, wrong)
    return RiskCurve(tuple(kept[at].tolist()), tuple(error[at].tolist()), area, excess)


def answered_from(group: Sequence[Patient], confidence: float) -> AbstentionResult:
    """Return the effect of answering above a confidence: share answered, its errors, those among a patient's beats."""
    answered = [patient.read & (patient.confidence >= confidence) for patient in group]
    wrong = [patient.wrong & kept for patient, kept in zip(group, answered, strict=True)]
    share = [float(w.mean()) for w in wrong]
    kept = int(sum(a.sum() for a in answered))
    return AbstentionResult(
        answered=kept / sum(a.size for a in answered),
        wrong=float(np.mean(share)),
        error=float(sum(w.sum() for w in wrong) / kept) if kept else None,
        worst=max(share),
    )


def noisy_beats(recording: Recording, config: Config = DEFAULT) -> NDArray[np.bool_]:
    """Tell which reference beats (n,) the quality gate leaves unclassified because noise hides the waves.

    None, if the recording is refused as a whole: its beats are already unread.

    Raises
    ------
    DataError
        If it has no reference beats.
    """
    sample = reference_of(recording).sample
    try:
        prepared = prepare(recording, config, samples=sample)
    except SignalError:
        return np.zeros(sample.size, np.bool_)
    return prepared.quality.is_noisy(prepared.beats.r_peak / prepared.beats.fs)


def app_rule(group: Sequence[Patient], below: float, noisy: Mapping[str, NDArray[np.bool_]]) -> AppRule:
    """Return what the app leaves unclassified, and the errors there and among the rest; shares of all beats, pooled.

    Parameters
    ----------
    group : sequence of Patient
        The patients.
    below : float
        Confidence in the network's manifest below which a beat stays unclassified.
    noisy : mapping of str to (n,) bool
        Record to its `noisy_beats`.
    """
    wrong = np.concatenate([patient.wrong for patient in group])
    read = np.concatenate([patient.read for patient in group])
    sure = np.concatenate([patient.confidence for patient in group]) >= below
    clear = ~np.concatenate([noisy[patient.record] for patient in group])
    answered = read & clear & sure
    return AppRule(
        below=below,
        beats=read.size,
        unread=_share(~read),
        noisy=_share(read & ~clear),
        unsure=_share(read & clear & ~sure),
        answered=_share(answered),
        error=GateErrors(
            all=_share(wrong),
            noisy=_share(wrong[read & ~clear]),
            unsure=_share(wrong[read & clear & ~sure]),
            after_gate=_share(wrong[read & clear]),
            answered=_share(wrong[answered]),
        ),
        on_curve=CurvePoint(coverage=_share(sure & read), error=_share(wrong[sure & read])),
    )


def _share(mask: NDArray[np.bool_]) -> float | None:
    return float(mask.mean()) if mask.size else None
