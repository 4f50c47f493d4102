"""From records read to the evaluation of rhythms: what the scores of each database and way of reading are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline._util.typed_json import rounded
from pipeline.datasets.rhythm_references import ALL_SINUS, RhythmReference
from pipeline.datasets.splits import DS2
from pipeline.evaluation import rhythm_scores as scores
from pipeline.evaluation.rhythm_confidence import calibration_error, confidence_bins
from pipeline.evaluation.rhythm_schema import (
    AlarmScores,
    BurdenScores,
    ConfidenceBin,
    Place,
    ReadFrom,
    RecordRhythms,
    SourceScores,
    StripScores,
    TargetScores,
)
from pipeline.types import Episode

STRIPS: Final = "cinc2017"
TITLES: Final = MappingProxyType(
    {
        "vfdb": "MIT-BIH Malignant Ventricular Ectopy Database",
        "mitdb": "MIT-BIH Arrhythmia Database",
        "svdb": "MIT-BIH Supraventricular Arrhythmia Database",
        "ltafdb": "Long-Term AF Database",
        "nsr2db": "Normal Sinus Rhythm RR Interval Database",
        STRIPS: "PhysioNet/CinC Challenge 2017",
    }
)
READ: Final[tuple[tuple[str, ReadFrom], ...]] = (  # in this order
    *(("vfdb", "signal"), ("mitdb", "signal"), ("svdb", "signal"), (STRIPS, "signal")),
    *(("mitdb", "beats"), ("svdb", "beats"), ("ltafdb", "beats"), ("nsr2db", "beats")),
)
_ALWAYS: Final = ("sinus", "AFIB", "VF_VFL", "shockable")  # that they are never named says something too
_MISSED_SHOWN: Final = 40
_PLACES_SHOWN: Final = 40
_AF_SHARE: Final = 0.5  # of the readable time of a strip; the label of a strip is about all of it
_AF: Final = next(target for target in scores.TARGETS if target.name == "AFIB")


@dataclass(frozen=True, eq=False)
class Compared:
    """What is known of a record after reading it.

    Attributes
    ----------
    record : str
        DATABASE/RECORD.
    read_from : {"signal", "beats"}
        What was read.
    hours : float
        Its length.
    annotated, named : tuple of Episode
        The rhythms.
    matrix : (n_states, n_states) float64
        `rhythm_scores.time_matrix` of both.
    false : mapping of str to tuple of (float, float)
        False alarms of each kind, where the record's annotations can tell.
    held_out, seen : tuple of str
        Detectors that were exchanged for ones not trained on this record, and those that were trained on it.
    refused : str
        Why nothing was named.
    unknown : mapping of str to int
        Annotated labels that are not scored.
    label, called : str
        Of a strip.
    """

    record: str
    read_from: ReadFrom
    hours: float
    annotated: tuple[Episode, ...]
    named: tuple[Episode, ...]
    matrix: NDArray[np.float64]
    false: Mapping[str, tuple[scores.Span, ...]]
    held_out: tuple[str, ...]
    seen: tuple[str, ...]
    refused: str
    unknown: Mapping[str, int]
    label: str = ""
    called: str = ""


def compare(
    reference: RhythmReference,
    named: Sequence[Episode],
    read_from: ReadFrom,
    *,
    held_out: Sequence[str] = (),
    seen: Sequence[str] = (),
    refused: str = "",
    label: str = "",
) -> Compared:
    """Compare what is named in a record with what is annotated.

    Parameters
    ----------
    reference : RhythmReference
        What is annotated.
    named : sequence of Episode
        What is named, in order, without overlap.
    read_from : {"signal", "beats"}
        What was read.
    held_out, seen : sequence of str, optional
        Detectors that were exchanged for ones not trained on this record, and those that were trained on it.
    refused : str, optional
        Why nothing was named.
    label : str, optional
        Of a strip, a key of `STRIP_LABELS`.
    """
    beats_s = reference.sample / reference.fs
    annotated = scores.graded(reference.episodes, beats_s if beats_s.size else None)
    return Compared(
        record=reference.record,
        read_from=read_from,
        hours=reference.duration_s / 3600,
        annotated=annotated,
        named=tuple(named),
        matrix=scores.time_matrix(annotated, named),
        false={} if label else _false_alarms(reference, annotated, named, read_from),
        held_out=tuple(held_out),
        seen=tuple(seen),
        refused=refused,
        unknown=reference.unknown,
        label=label,
        called=called(named) if label else "",
    )


def called(named: Sequence[Episode]) -> str:
    """Return what a strip is called: "~" if nothing was read, "A" if AF fills half of what was, else "N"."""
    read_s = sum(episode.seconds for episode in named if episode.rhythm != "NOISE")
    af_s = sum(episode.seconds for episode in named if episode.rhythm == "AFIB")
    return "~" if not read_s else "A" if af_s >= _AF_SHARE * read_s else "N"


def sources(found: Sequence[Compared]) -> tuple[SourceScores, ...]:
    """Return the scores of every database and way of reading, and of some sets of records across them."""
    ds2 = {f"mitdb/{name}" for name in DS2}
    own = [(f"{name}-{way}", TITLES[name], _of(found, way, name), True) for name, way in READ]
    vfdb, mitdb, svdb = (_of(found, "signal", name) for name in ("vfdb", "mitdb", "svdb"))
    flutter = [row for row in mitdb if row.record == "mitdb/207"]
    across = [
        (
            "mitdb_ds2-signal",
            "DS2 of mitdb, which the beat network was not trained on",
            [r for r in mitdb if r.record in ds2],
        ),
        ("vfdb_207-signal", "vfdb and record 207 of mitdb", [*vfdb, *flutter] if vfdb and flutter else []),
        ("mitdb_svdb-signal", "mitdb and svdb", [*mitdb, *svdb] if mitdb and svdb else []),
    ]
    every = [*own, *((name, title, rows, False) for name, title, rows in across)]
    return tuple(_source(name, title, rows, whole) for name, title, rows, whole in every if rows)


def _false_alarms(
    reference: RhythmReference, annotated: Sequence[Episode], named: Sequence[Episode], read_from: ReadFrom
) -> Mapping[str, tuple[scores.Span, ...]]:
    """Return the false alarms of each kind that the annotations can tell.

    Beats alone tell no AF and no block. Pauses that follow from the reference beats themselves tell nothing, except in
    healthy people, where all of them are false.
    """
    beats_s = reference.sample / reference.fs
    is_healthy = reference.record.partition("/")[0] in ALL_SINUS
    pauses = () if is_healthy else scores.pauses(beats_s, annotated)
    justified = {"VT_VF": scores.ventricular_runs(beats_s, reference.symbol), "ASYS": pauses}
    told = {alarm.name for alarm in scores.ALARMS} if annotated else set(justified)
    told -= {"ASYS"} if read_from == "beats" and not is_healthy else set()
    return {
        alarm.name: scores.false_alarms(annotated, named, alarm, justified=justified.get(alarm.name, ()))
        for alarm in scores.ALARMS
        if alarm.name in told
    }


def _of(found: Sequence[Compared], read_from: ReadFrom, database: str) -> list[Compared]:
    return [each for each in found if each.read_from == read_from and each.record.startswith(f"{database}/")]


def _source(name: str, title: str, rows: Sequence[Compared], whole: bool) -> SourceScores:
    is_strips = bool(rows[0].label)
    annotated = [row for row in rows if row.annotated]
    came_true = np.sum([confidence_bins(row.annotated, row.named) for row in rows], axis=0)
    return SourceScores(
        name=name,
        title=title,
        read_from=rows[0].read_from,
        hours=sum(row.hours for row in rows),
        records=len(rows),
        refused=sum(bool(row.refused) for row in rows),
        held_out=Counter(name for row in rows for name in row.held_out),
        seen=Counter(name for row in rows for name in row.seen),
        targets=tuple(t for target in scores.TARGETS if annotated and (t := _target(target, annotated))),
        alarms=() if is_strips else _alarms(rows),
        burden=None if is_strips else _burden(rows),
        strips=_strips(rows) if is_strips else None,
        confidence=_bins(came_true),
        calibration_error=calibration_error(came_true),
        unknown={label: sum(row.unknown.get(label, 0) for row in rows) for row in rows for label in row.unknown},
        rows=tuple(_row(row) for row in rows) if whole else (),
    )


def _target(target: scores.Target, rows: Sequence[Compared]) -> TargetScores | None:
    """Return the scores of a target; None where it is neither annotated nor named, except for the main ones."""
    each_s = [scores.time_counts(row.matrix, target) for row in rows]
    tp, fn, fp, _ = np.sum(each_s, axis=0)
    if not tp + fn + fp and target.name not in _ALWAYS:
        return None
    records = [row.record for row in rows]
    counts = [scores.episode_count(row.annotated, row.named, target) for row in rows]
    half = [scores.episode_count(row.annotated, row.named, target, least_share=0.5).found for row in rows]
    missed = [
        Place(row.record, *span) for row in rows for span in scores.missed_episodes(row.annotated, row.named, target)
    ]
    return TargetScores(
        name=target.name,
        title=target.title,
        minutes=float(tp + fn) / 60,
        records=sum(bool(found[0] + found[1]) for found in each_s),
        time=scores.pooled_time([row.matrix for row in rows], records, target),
        annotated=sum(count.annotated for count in counts),
        found=sum(count.found for count in counts),
        named=sum(count.named for count in counts),
        right=sum(count.right for count in counts),
        half_found=sum(half),
        episodes=scores.pooled_episodes(counts, records),
        missed=tuple(missed[:_MISSED_SHOWN]),
    )


def _alarms(rows: Sequence[Compared]) -> tuple[AlarmScores, ...]:
    found = []
    for alarm in scores.ALARMS:
        told = [row for row in rows if alarm.name in row.false]
        if not told:
            continue
        places = [Place(row.record, *span) for row in told for span in row.false[alarm.name]]
        numbers = [len(row.false[alarm.name]) for row in told]
        rate = scores.pooled_alarms(numbers, [row.hours for row in told], [row.record for row in told])
        found.append(AlarmScores(alarm.name, alarm.title, len(places), rate, tuple(places[:_PLACES_SHOWN])))
    return tuple(found)


def _burden(rows: Sequence[Compared]) -> BurdenScores | None:
    known = {row.record: burden for row in rows if (burden := _af_burden(row))}
    if not known:
        return None
    wrong = {record: abs(annotated - named) for record, (annotated, named) in known.items()}
    worst = max(wrong, key=wrong.__getitem__)
    return BurdenScores(float(np.median(list(wrong.values()))), wrong[worst], worst)


def _af_burden(row: Compared) -> tuple[float, float] | None:
    return scores.burden_error(row.matrix, _AF)


def _strips(rows: Sequence[Compared]) -> StripScores:
    judged = [row for row in rows if row.label != "~"]
    overall = scores.strip_scores([row.label == "A" for row in judged], [row.called == "A" for row in judged])
    labels = dict.fromkeys(row.label for row in rows)
    return StripScores(
        overall,
        {
            label: {name: sum(row.called == name for row in rows if row.label == label) for name in ("N", "A", "~")}
            for label in labels
        },
    )


def _bins(sums: NDArray[np.float64]) -> tuple[ConfidenceBin, ...]:
    return tuple(
        ConfidenceBin(seconds / 3600, stated / seconds, right / seconds, kind / seconds)
        for seconds, stated, right, kind in sums.tolist()
        if seconds
    )


def _row(row: Compared) -> RecordRhythms:
    burden = _af_burden(row) or (None, None)
    return RecordRhythms(
        record=row.record,
        hours=row.hours,
        seconds=_by_state(row.matrix),
        af_annotated=rounded(burden[0], 3),
        af_named=rounded(burden[1], 3),
        alarms={name: len(places) for name, places in row.false.items()},
        held_out=row.held_out,
        seen=row.seen,
        refused=row.refused,
        label=row.label,
        called=row.called,
    )


def _by_state(matrix: NDArray[np.float64]) -> Mapping[str, Mapping[str, float]]:
    """Return the seconds that are not 0, to a hundredth."""
    table = {
        annotated: {named: round(float(s), 2) for named, s in zip(scores.STATES, row, strict=True) if s >= 0.005}
        for annotated, row in zip(scores.STATES, matrix, strict=True)
    }
    return {annotated: row for annotated, row in table.items() if row}
