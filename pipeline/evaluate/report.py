"""All that the Evaluation page shows, computed from predictions: one report per way of evaluating.

The schema (`saved.SCHEMA`) is what `run` writes and the page reads. Undefined measures are null; an
estimate is `{"value", "low", "high"}` with a 95 % interval from a bootstrap over patients.

- `schema`, `split`, `seen` [records that were trained on], `speed` {beats_per_s, beats, cores} or null,
  `error_sheet` {file, columns, width_px, height_px, count} or null, `uncertainty` (`conformal`) or null
- `provenance` {command, commit, data, date}
- `model`: the manifest without golden predictions {name, title, sha256, parameters, size_bytes, temperature, ...}
- `reference`, `detected`, `random_split` (null until `run.add_random_split`): reports with
  - `kind`, `records`, `left_out`, `refused` [{record, reason}], `table`, `threshold`, `hours`,
    `beats` {reference, detected, read}, `notes` [sentence]
  - `overall` {measure: estimate}: all of `metrics.all_scores` and `metrics.binary_scores`, `binary_auc`, `binary_ap`,
    `ece`; `average` {measure: mean over records}
  - `classes` [{class, name, reference, predicted, correct, se, ppv, f1 (estimates), auc, ap, ece}]; `s_without_232`
    the row of S without record 232, or null where that is not among the records
  - `confusion` {labels, counts (6 x 6)}: rows reference, columns prediction; O is "no beat"
  - `ec57` {table, start_s, overall, average, confusion}: by bxb's table, without the first five minutes
  - `variants` [{name, title, table, start_s, without, overall}]
  - `per_record` [{record, N, S, V, F, Q (reference counts), errors, accuracy, qrs_se, qrs_ppv, S_se, S_ppv, S_f1, V_se,
    V_ppv, V_f1, binary_se, binary_sp, confidence, confusion (36 counts), binary (TP, FN, FP, TN), answers (`packed`)}]
  - `roc` {fpr, tpr, threshold}, `pr` {recall, precision, threshold}: at most `CURVE_POINTS` points
  - `reliability` {bins, lower, upper, count, stated, observed, ece, classwise {class: ece}}
  - `thresholds` {threshold, se, sp, ppv, f1, balanced_accuracy, flagged_per_hour}: columns
  - `coverage` {confidence, coverage, accuracy}: beats kept when those below a confidence are left to a person
  - `errors` [{record, sample, time_s, symbol, truth, predicted, confidence, p}], `error_count`
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from pipeline.config import DEFAULT, Config
from pipeline.evaluate import bootstrap, calibration, metrics
from pipeline.evaluate.metrics import Kind, ScoredBeats, Scores
from pipeline.evaluate.records import RecordPredictions
from pipeline.evaluate.saved import Json
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES, LabelTable

CURVE_POINTS: Final = 200
S_RECORD: Final = "232"  # alone holds three of four S beats of DS2: no S figure stands without one that leaves it out
ERRORS: Final = 24
ERRORS_PER_KIND: Final = 2  # of one record, truth and prediction: else one patient fills the list
DIGITS: Final = 5
PER_CLASS_SHOWN: Final = ("S_se", "S_ppv", "S_f1", "V_se", "V_ppv", "V_f1")


@dataclass(frozen=True)
class Variant:
    """One way to count: a label table, a start time, and records left out."""

    name: str
    title: str
    table: LabelTable = "de_chazal"
    start_s: float = 0.0
    without: tuple[str, ...] = ()


def variants(config: Config = DEFAULT) -> tuple[Variant, ...]:
    """The ways of counting that are published side by side."""
    start, minutes = config.learning_period_s, config.learning_period_s / 60
    whole = Variant("whole", "Whole recordings, de Chazal's table")
    bxb = Variant("bxb", "Whole recordings, bxb's table (escape beats count as S)", table="bxb")
    ec57 = Variant("ec57", f"EC57: first {minutes:g} minutes left out, bxb's table", table="bxb", start_s=start)
    short = Variant("ec57_de_chazal", f"First {minutes:g} minutes left out, de Chazal's table", start_s=start)
    reason = "which holds 75 % of the S beats of DS2"
    return (
        whole,
        Variant("without_232", f"Without record 232, {reason}", without=(S_RECORD,)),
        Variant("without_202", "Without record 202, the same man as 201 in DS1", without=("202",)),
        *(way for counted in (bxb, ec57, short) for way in (counted, _without_232(counted))),
    )


def _without_232(variant: Variant) -> Variant:
    title = f"{variant.title}, without record {S_RECORD}"
    return replace(variant, name=f"{variant.name}_without_232", title=title, without=(S_RECORD,))


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """A report as plain data, in the schema of this module."""

    kind: Kind
    data: Mapping[str, Any]

    def to_json(self) -> Json:
        """A copy with only dict, list, str, int, float, bool and None: NaN became None, floats have 5 digits."""
        found: Json = plain(dict(self.data))
        return found


def evaluate_predictions(
    predictions: Sequence[RecordPredictions],
    *,
    kind: Kind,
    threshold: float = 0.5,
    table: LabelTable = "de_chazal",
    config: Config = DEFAULT,
    left_out: Sequence[str] = (),
    refused: Mapping[str, str] | None = None,
    resamples: int = bootstrap.RESAMPLES,
    seed: int = 0,
) -> EvaluationReport:
    """Score the predictions of a model on many records.

    Parameters
    ----------
    predictions : sequence of RecordPredictions
        One per record; a record that was refused has no beats in `sample`.
    kind : {"reference", "detected"}
        Whether the network saw reference beats or detected ones.
    threshold : float
        A beat is flagged abnormal where 1 - p(N) reaches it.
    table : {"de_chazal", "bxb"}
        The label table of the main figures.
    left_out, refused
        Records not scored by rule (paced), and records that could not be read, with the reason; both are reported.
    resamples, seed
        Of the bootstrap over patients.

    Raises
    ------
    ValueError
        If there are no records, or a record occurs twice.
    """
    names = [item.record for item in predictions]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"At least one record is needed, and each once; got {names!r}.")
    job = _Job(tuple(predictions), kind, threshold, config.match_window_ms, resamples, seed)
    beats = job.score(predictions, table)
    matrices = _matrices(beats)
    overall = _estimates(beats, job)
    every_variant = [_variant(variant, job) for variant in variants(config)]
    data: Json = {
        "kind": kind,
        "records": names,
        "left_out": list(left_out),
        "refused": [{"record": record, "reason": reason} for record, reason in (refused or {}).items()],
        "table": table,
        "threshold": threshold,
        "hours": sum(item.duration_s for item in predictions) / 3600,
        "beats": _beat_counts(predictions),
        "notes": _notes(kind, config),
        "overall": overall,
        "average": _average(beats, threshold),
        "classes": _classes(beats, overall),
        "s_without_232": _s_row(beats, every_variant),
        "confusion": _confusion(matrices.sum(axis=0)),
        "ec57": next(v for v in every_variant if v["name"] == "ec57"),
        "variants": every_variant,
        "per_record": [_record_row(item, threshold) for item in beats],
        **_curves(beats),
        "reliability": _reliability(beats),
        "thresholds": _thresholds(beats),
        "coverage": _coverage(beats),
        "errors": _errors(beats),
        "error_count": int(matrices.sum() - np.trace(matrices, axis1=1, axis2=2).sum()),
    }
    return EvaluationReport(kind, data)


@dataclass(frozen=True, eq=False)
class _Job:
    predictions: tuple[RecordPredictions, ...]
    kind: Kind
    threshold: float
    window_ms: float
    resamples: int
    seed: int

    def score(
        self, predictions: Sequence[RecordPredictions], table: LabelTable, start_s: float = 0.0
    ) -> list[ScoredBeats]:
        return [
            metrics.score_beats(item, kind=self.kind, table=table, start_s=start_s, window_ms=self.window_ms)
            for item in predictions
        ]


def _matrices(beats: Sequence[ScoredBeats]) -> NDArray[np.int64]:
    return np.stack([metrics.confusion(item.truth, item.predicted) for item in beats])


def _binary(beats: ScoredBeats) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    counted, abnormal = metrics.binary_truth(beats)
    return abnormal[counted], beats.abnormal[counted]


def _binary_counts(beats: ScoredBeats, threshold: float) -> NDArray[np.int64]:
    truth, score = _binary(beats)
    return metrics.binary_counts(truth, score >= threshold)


def _with_truth(beats: ScoredBeats) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Probabilities and true classes of the beats that were read and have a reference."""
    keep = beats.has_p & (beats.truth != metrics.O)
    return beats.p[keep].astype(np.float64), beats.truth[keep]


def _estimates(beats: Sequence[ScoredBeats], job: _Job) -> Json:
    weights = bootstrap.patient_weights([item.record for item in beats], resamples=job.resamples, seed=job.seed)
    matrices = _matrices(beats)
    binary = np.stack([_binary_counts(item, job.threshold) for item in beats])
    ranked = [_binary(item) for item in beats]
    truth, score = [t for t, _ in ranked], [s for _, s in ranked]
    calibrated = np.stack([_top_label_sums(item) for item in beats])
    auc, ap = metrics.ranking_scores(np.concatenate(truth), np.concatenate(score))
    value: Scores = metrics.all_scores(matrices.sum(axis=0)) | metrics.binary_scores(binary.sum(axis=0))
    value |= {"binary_auc": np.asarray(auc), "binary_ap": np.asarray(ap)}
    value |= {"ece": calibration.error_of_sums(calibrated.sum(axis=0))}
    drawn = metrics.all_scores(bootstrap.resample(matrices, weights))
    drawn |= metrics.binary_scores(bootstrap.resample(binary, weights))
    drawn |= bootstrap.ranking_resamples(truth, score, weights)
    drawn |= {"ece": calibration.error_of_sums(bootstrap.resample(calibrated, weights))}
    around = bootstrap.intervals(drawn)
    return {n: {"value": float(v), "low": around[n][0], "high": around[n][1]} for n, v in value.items()}


def _top_label_sums(beats: ScoredBeats) -> NDArray[np.float64]:
    p, truth = _with_truth(beats)
    return calibration.reliability_sums(p.max(axis=1), p.argmax(axis=1) == truth)


def _average(beats: Sequence[ScoredBeats], threshold: float) -> Json:
    average: Json = dict(metrics.average_scores(_matrices(beats)))
    per_record = metrics.binary_scores(np.stack([_binary_counts(item, threshold) for item in beats]))
    for name, values in per_record.items():
        defined = values[np.isfinite(values)]
        average[name] = float(defined.mean()) if defined.size else float("nan")
    return average


def _variant(variant: Variant, job: _Job) -> Json:
    kept = [item for item in job.predictions if item.record not in variant.without]
    described: Json = {
        "name": variant.name,
        "title": variant.title,
        "table": variant.table,
        "start_s": variant.start_s,
        "without": list(variant.without),
        "applies": bool(kept) and (not variant.without or len(kept) < len(job.predictions)),
        "overall": {},
        "average": {},
        "confusion": None,
    }
    if described["applies"]:
        beats = job.score(kept, variant.table, variant.start_s)
        described["overall"] = _estimates(beats, job)
        described["average"] = _average(beats, job.threshold)
        described["confusion"] = _confusion(_matrices(beats).sum(axis=0))
    return described


def _beat_counts(predictions: Sequence[RecordPredictions]) -> Json:
    return {
        "reference": sum(item.reference_sample.size for item in predictions),
        "detected": sum(item.sample.size for item in predictions),
        "read": sum(int(item.has_p.sum()) for item in predictions),
    }


def _notes(kind: Kind, config: Config) -> list[str]:
    found = ["A beat that the network was not run on counts as Q, and as not flagged."]
    found.append("Macro F1 is the mean over N, S, V and F; Q has too few beats to be scored.")
    found.append("Normal against abnormal counts S, V and F as abnormal and leaves reference Q out.")
    if kind == "detected":
        found.append(
            f"Detected beats are matched within {config.match_window_ms:g} ms; missed and extra beats are errors."
        )
    return found


def _confusion(matrix: NDArray[np.int64]) -> Json:
    return {"labels": list(metrics.LABELS), "counts": matrix.tolist()}


def _classes(beats: Sequence[ScoredBeats], overall: Json) -> list[Json]:
    matrix = _matrices(beats).sum(axis=0)
    pairs = [_with_truth(item) for item in beats]
    p, truth = np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])
    errors = calibration.classwise_calibration_error(p, truth)
    rows = []
    for i, name in enumerate(AAMI_CLASSES):
        auc, ap = metrics.ranking_scores(truth == i, p[:, i])
        rows.append(
            {
                "class": name,
                "name": CLASS_NAMES[name],
                "reference": int(matrix[i].sum()),
                "predicted": int(matrix[:, i].sum()),
                "correct": int(matrix[i, i]),
                **{measure: overall[f"{name}_{measure}"] for measure in ("se", "ppv", "f1")},
                "auc": auc,
                "ap": ap,
                "ece": float(errors[i]),
            }
        )
    return rows


def _s_row(beats: Sequence[ScoredBeats], every_variant: Sequence[Json]) -> Json | None:
    """The row of class S without the record that holds most of them; None if that record is not here."""
    without = next(v for v in every_variant if v["name"] == "without_232")
    if not without["applies"]:
        return None
    rest = [item for item in beats if item.record != S_RECORD]
    return next(row for row in _classes(rest, without["overall"]) if row["class"] == "S")


def _record_row(beats: ScoredBeats, threshold: float) -> Json:
    matrix = metrics.confusion(beats.truth, beats.predicted)
    scores = metrics.all_scores(matrix) | metrics.binary_scores(_binary_counts(beats, threshold))
    shown = (
        "accuracy",
        "qrs_se",
        "qrs_ppv",
        "S_se",
        "S_ppv",
        "S_f1",
        "V_se",
        "V_ppv",
        "V_f1",
        "binary_se",
        "binary_sp",
    )
    stated = beats.p[beats.has_p].max(axis=1)
    return {
        "record": beats.record,
        **{name: int(matrix[i].sum()) for i, name in enumerate(AAMI_CLASSES)},
        "errors": int(matrix.sum() - np.trace(matrix)),
        **{name: float(scores[name]) for name in shown},
        "confidence": float(stated.mean()) if stated.size else float("nan"),
        "confusion": matrix.ravel().tolist(),
        "binary": _binary_counts(beats, threshold).tolist(),
        "answers": packed(beats),
    }


def packed(beats: ScoredBeats) -> str:
    """Truth and answer of each row in time order, as the base64 of a deflated byte string (6 x truth + answer)."""
    return b64encode(zlib.compress((6 * beats.truth + beats.predicted).astype(np.uint8).tobytes(), 9)).decode()


def _curves(beats: Sequence[ScoredBeats]) -> Json:
    pairs = [_binary(item) for item in beats]
    truth, score = np.concatenate([t for t, _ in pairs]), np.concatenate([s for _, s in pairs])
    empty: Json = {
        "roc": {"fpr": [], "tpr": [], "threshold": []},
        "pr": {"recall": [], "precision": [], "threshold": []},
    }
    if truth.all() or not truth.any():
        return empty
    fpr, tpr, at = roc_curve(truth, score)
    precision, recall, cut = precision_recall_curve(truth, score)
    cut = np.append(cut, 1.0)
    roc, pr = _thin(fpr + tpr), _thin(recall)
    return {
        "roc": {"fpr": fpr[roc], "tpr": tpr[roc], "threshold": np.minimum(at[roc], 1.0)},
        "pr": {"recall": recall[pr], "precision": precision[pr], "threshold": cut[pr]},
    }


def _thin(position: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of at most `CURVE_POINTS` points, evenly spread along a monotone position, with both ends."""
    if position.size <= CURVE_POINTS:
        return np.arange(position.size)
    rising = position if position[-1] >= position[0] else position[::-1]
    wanted = np.linspace(rising[0], rising[-1], CURVE_POINTS - 1)
    index = np.clip(np.searchsorted(rising, wanted), 0, position.size - 1)
    index = np.append(index, position.size - 1)
    return np.unique(index if position[-1] >= position[0] else position.size - 1 - index)


def _reliability(beats: Sequence[ScoredBeats]) -> Json:
    pairs = [_with_truth(item) for item in beats]
    p, truth = np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])
    found = calibration.reliability_of_sums(np.sum([_top_label_sums(item) for item in beats], axis=0))
    errors = calibration.classwise_calibration_error(p, truth)
    return {
        "bins": calibration.BINS,
        "lower": found.lower,
        "upper": found.upper,
        "count": found.count,
        "stated": found.stated,
        "observed": found.observed,
        "ece": found.error if truth.size else float("nan"),
        "classwise": dict(zip(AAMI_CLASSES, errors.tolist(), strict=True)),
    }


def _thresholds(beats: Sequence[ScoredBeats]) -> Json:
    """The sweep behind the page's slider: 199 even steps and finer ones at both ends, where p crowds."""
    ends = np.array([0.001, 0.002, 0.995, 0.998, 0.999])
    threshold = np.unique(np.round(np.concatenate([np.linspace(0.005, 0.995, 199), ends]), 4))
    pairs = [_binary(item) for item in beats]
    truth, score = np.concatenate([t for t, _ in pairs]), np.concatenate([s for _, s in pairs])
    positive, negative = np.sort(score[truth]), np.sort(score[~truth])
    tp = positive.size - np.searchsorted(positive, threshold)
    fp = negative.size - np.searchsorted(negative, threshold)
    counts = np.stack([tp, positive.size - tp, fp, negative.size - fp], axis=-1)
    scores = metrics.binary_scores(counts)
    flagged = sum(np.sum(item.abnormal[:, None] >= threshold, axis=0) for item in beats)
    hours = sum(item.scored_s for item in beats) / 3600
    names = ("se", "sp", "ppv", "f1", "balanced_accuracy")
    columns = {name: scores[f"binary_{name}"] for name in names}
    return {"threshold": threshold, **columns, "flagged_per_hour": flagged / hours}


def _coverage(beats: Sequence[ScoredBeats]) -> Json:
    """How accurate the network is on the beats that it is surest of (risk against coverage)."""
    pairs = [_with_truth(item) for item in beats]
    p, truth = np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs])
    stated, right = p.max(axis=1), p.argmax(axis=1) == truth
    at = np.round(np.linspace(0.2, 0.99, 80), 4)
    kept = [stated >= level for level in at]
    coverage = [float(mask.mean()) if mask.size else float("nan") for mask in kept]
    accuracy = [float(right[mask].mean()) if mask.any() else float("nan") for mask in kept]
    return {"confidence": at, "coverage": coverage, "accuracy": accuracy}


def _errors(beats: Sequence[ScoredBeats]) -> list[Json]:
    """The wrong answers that were given with the highest confidence, few of a kind from one record."""
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
    return chosen


def _wrong(beats: ScoredBeats) -> NDArray[np.intp]:
    return np.flatnonzero(beats.has_p & (beats.truth != beats.predicted))


def _error(beats: ScoredBeats, i: int) -> Json:
    return {
        "record": beats.record,
        "sample": int(beats.sample[i]),
        "time_s": float(beats.sample[i] / beats.fs),
        "symbol": beats.symbol[i],
        "truth": metrics.LABELS[beats.truth[i]],
        "predicted": metrics.LABELS[beats.predicted[i]],
        "confidence": float(beats.p[i].max()),
        "p": dict(zip(AAMI_CLASSES, beats.p[i].tolist(), strict=True)),
    }


def plain(value: Any) -> Any:
    """The same data with only dict, list, str, int, float, bool and None: NaN becomes None, floats get 5 digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, DIGITS) if np.isfinite(value) else None
    return value
