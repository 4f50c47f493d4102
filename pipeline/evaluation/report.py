"""All that the Evaluation page shows, computed from predictions: one report per way of evaluating.

The schema (`saved.SCHEMA`) is what `run` writes and the page reads. Undefined measures are null; an
estimate is `{"value", "low", "high"}` with a 95 % interval from a bootstrap over patients.

- `schema`, `split`, `seen` [records that were trained on], `speed` {beats_per_s, beats, cores} or null,
  `error_sheet` {file, columns, width_px, height_px, count} or null, `uncertainty` (`uncertainty`) or null
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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from pipeline.config import DEFAULT, Config
from pipeline.evaluation import bootstrap, metrics
from pipeline.evaluation.metrics import Kind, ScoredBeats
from pipeline.evaluation.record_predictions import RecordPredictions
from pipeline.evaluation.report_curves import confident_errors, coverage, curves, reliability, thresholds
from pipeline.evaluation.report_scores import average, class_rows, confusion_json, confusions, estimates, record_row
from pipeline.evaluation.saved import Json
from pipeline.labels import LabelTable

S_RECORD: Final = "232"  # holds three of four S beats of DS2: each S figure comes with one that leaves it out
DIGITS: Final = 5


@dataclass(frozen=True)
class Variant:
    """One way to count: a label table, a start time, and records left out."""

    name: str
    title: str
    table: LabelTable = "de_chazal"
    start_s: float = 0.0
    without: tuple[str, ...] = ()


def variants(config: Config = DEFAULT) -> tuple[Variant, ...]:
    """Return the ways of counting that are published side by side."""
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
        """Return a copy of dict, list, str, int, float, bool and None only: NaN becomes None, floats have 5 digits."""
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
    threshold : float, optional
        A beat is flagged abnormal where 1 - p(N) reaches it.
    table : {"de_chazal", "bxb"}, optional
        The label table of the main figures.
    config : Config, optional
        Settings of the pipeline.
    left_out : sequence of str, optional
        Records not scored by rule (paced); they are reported.
    refused : mapping of str to str, optional
        Records that could not be read, with the reason; they are reported.
    resamples : int, optional
        Of the bootstrap over patients.
    seed : int, optional
        Seed of the random generator; the same seed gives the same result.

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
    matrices = confusions(beats)
    overall = job.estimates(beats)
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
        "average": average(beats, threshold),
        "classes": class_rows(beats, overall),
        "s_without_232": _s_row(beats, every_variant),
        "confusion": confusion_json(matrices.sum(axis=0)),
        "ec57": next(v for v in every_variant if v["name"] == "ec57"),
        "variants": every_variant,
        "per_record": [record_row(item, threshold) for item in beats],
        **curves(beats),
        "reliability": reliability(beats),
        "thresholds": thresholds(beats),
        "coverage": coverage(beats),
        "errors": confident_errors(beats),
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

    def estimates(self, beats: Sequence[ScoredBeats]) -> Json:
        return estimates(beats, threshold=self.threshold, resamples=self.resamples, seed=self.seed)


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
        described["overall"] = job.estimates(beats)
        described["average"] = average(beats, job.threshold)
        described["confusion"] = confusion_json(confusions(beats).sum(axis=0))
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


def _s_row(beats: Sequence[ScoredBeats], every_variant: Sequence[Json]) -> Json | None:
    """Return the row of class S without the record that holds most of them; None if that record is not present."""
    without = next(v for v in every_variant if v["name"] == "without_232")
    if not without["applies"]:
        return None
    rest = [item for item in beats if item.record != S_RECORD]
    return next(row for row in class_rows(rest, without["overall"]) if row["class"] == "S")


def plain(value: Any) -> Any:
    """Reduce data to dict, list, str, int, float, bool and None: NaN becomes None, floats get 5 digits."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round(value, DIGITS) if np.isfinite(value) else None
    return value
