"""All that the Evaluation page shows, computed from predictions: one `schema.Report` per way of evaluating."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipeline._util.typed_json import rounded
from pipeline.config import DEFAULT, Config
from pipeline.evaluation import bootstrap, metrics
from pipeline.evaluation.metrics import ScoredBeats
from pipeline.evaluation.record_predictions import RecordPredictions
from pipeline.evaluation.report_curves import (
    confident_errors,
    coverage,
    precision_recall,
    reliability_bins,
    roc,
    thresholds,
)
from pipeline.evaluation.report_schema import BeatCounts, ClassRow, CountedVariant, RefusedRecord, Report
from pipeline.evaluation.report_scores import (
    average_over_records,
    class_rows,
    confusions,
    estimates,
    labelled_confusion,
    record_row,
)
from pipeline.evaluation.schema import Estimates, Kind
from pipeline.labels import LabelTable

S_RECORD: Final = "232"  # holds three of four S beats of DS2: each S figure comes with one that leaves it out


@dataclass(frozen=True)
class Variant:
    """One way to count.

    Attributes
    ----------
    name, title : str
        Its key, and its name for readers.
    table : {"de_chazal", "bxb"}
        How escape beats are counted.
    start_s : float
        Beats before this time are not counted, seconds.
    without : tuple of str
        Records that are not counted.
    """

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
) -> Report:
    """Score the predictions of a model on many records; numbers have five digits, as in its file.

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
    every_variant = {variant.name: _variant(variant, job) for variant in variants(config)}
    report = Report(
        kind=kind,
        records=tuple(names),
        left_out=tuple(left_out),
        refused=tuple(RefusedRecord(record, reason) for record, reason in (refused or {}).items()),
        table=table,
        threshold=threshold,
        hours=sum(item.duration_s for item in predictions) / 3600,
        beats=_beat_counts(predictions),
        notes=_notes(kind, config),
        overall=overall,
        average=average_over_records(beats, threshold),
        classes=class_rows(beats, overall),
        s_without_232=_s_row(beats, every_variant["without_232"]),
        confusion=labelled_confusion(matrices.sum(axis=0)),
        ec57=every_variant["ec57"],
        variants=tuple(every_variant.values()),
        per_record=tuple(record_row(item, threshold) for item in beats),
        roc=roc(beats),
        pr=precision_recall(beats),
        reliability=reliability_bins(beats),
        thresholds=thresholds(beats),
        coverage=coverage(beats),
        errors=confident_errors(beats),
        error_count=int(matrices.sum() - np.trace(matrices, axis1=1, axis2=2).sum()),
    )
    return rounded(report)


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

    def estimates(self, beats: Sequence[ScoredBeats]) -> Estimates:
        return estimates(beats, threshold=self.threshold, resamples=self.resamples, seed=self.seed)


def _variant(variant: Variant, job: _Job) -> CountedVariant:
    kept = [item for item in job.predictions if item.record not in variant.without]
    applies = bool(kept) and (not variant.without or len(kept) < len(job.predictions))
    counted = CountedVariant(
        name=variant.name,
        title=variant.title,
        table=variant.table,
        start_s=variant.start_s,
        without=variant.without,
        applies=applies,
        overall={},
        average={},
        confusion=None,
    )
    if not applies:
        return counted
    beats = job.score(kept, variant.table, variant.start_s)
    matrix = labelled_confusion(confusions(beats).sum(axis=0))
    return replace(
        counted, overall=job.estimates(beats), average=average_over_records(beats, job.threshold), confusion=matrix
    )


def _beat_counts(predictions: Sequence[RecordPredictions]) -> BeatCounts:
    return BeatCounts(
        reference=sum(item.reference_sample.size for item in predictions),
        detected=sum(item.sample.size for item in predictions),
        read=sum(int(item.has_p.sum()) for item in predictions),
    )


def _notes(kind: Kind, config: Config) -> tuple[str, ...]:
    found = ["A beat that the network was not run on counts as Q, and as not flagged."]
    found.append("Macro F1 is the mean over N, S, V and F; Q has too few beats to be scored.")
    found.append("Normal against abnormal counts S, V and F as abnormal and leaves reference Q out.")
    if kind == "detected":
        found.append(
            f"Detected beats are matched within {config.match_window_ms:g} ms; missed and extra beats are errors."
        )
    return tuple(found)


def _s_row(beats: Sequence[ScoredBeats], without: CountedVariant) -> ClassRow | None:
    """Return the row of class S without the record that holds most of them; None if that record is not present."""
    if not without.applies:
        return None
    rest = [item for item in beats if item.record != S_RECORD]
    return next(row for row in class_rows(rest, without.overall) if row.aami == "S")
