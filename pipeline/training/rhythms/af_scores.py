"""How well atrial fibrillation is found in patients that the detectors do not know: af.json, and af.md for readers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline._util.files import write_bytes, write_json
from pipeline.config import ROOT
from pipeline.datasets.splits import DS2
from pipeline.evaluation.rhythm_scores import STATES, TARGETS, burden_error, time_counts, time_matrix, time_scores
from pipeline.rhythm.atrial import find_atrial
from pipeline.training.rhythms.af_beats import AfRecord

RESULTS: Final = ROOT / "docs" / "experiments"
NAMES: Final = MappingProxyType({target.name: target for target in TARGETS if target.name in ("AFIB", "AFIB_AFL")})
WORST: Final = 8  # records in the table of the worst ones
STRIP_SHARE: Final = 0.5  # of a strip in fibrillation: it counts as AF
_TITLES: Final = MappingProxyType(
    {
        "ltafdb": "ltafdb, annotated beats",
        "ltafdb, all N": "ltafdb, annotated beats, their classes not known",
        "nsr2db": "nsr2db, annotated beats",
        "nsr2db, all N": "nsr2db, annotated beats, their classes not known",
        "mitdb DS1": "mitdb, DS1, annotated beats",
        "mitdb DS2": "mitdb, DS2, annotated beats",
        "mitdb DS1, found": "mitdb, DS1, beats found and classified in the signal",
        "mitdb DS2, found": "mitdb, DS2, beats found and classified in the signal",
        "mitdb, found": "mitdb, DS1 and DS2, beats found and classified in the signal",
    }
)


_TRIED: Final = (
    "## Tried",
    "",
    "Log losses are means over held-out records; strips are those of cinc2017 with fibrillation.",
    "",
    "- No detector of the P waves of single beats (`af_p`), and a price on P waves that are constant in",
    "  the average of 16 beats from 2.5 on (3.5 now): log loss of the strips 0.150 for 0.131, of DS1",
    "  0.004 for 0.007; 23 strips found for 22.",
    "- P waves of single beats and RR intervals without the averages: 19 strips found, log loss 0.152.",
    "- The facts of single P waves beside the short windows in `af_waves` itself: log loss of all 0.111",
    "  for 0.110.",
    "- Averages without beats after intervals under 0.5, 0.55 and 0.6 s (0.45 now), for T waves that",
    "  reach into the next P wave: log loss of all 0.112 to 0.113 for 0.110, and one strip fewer.",
    "- Changes of state that cost 2, 4 and 5 (3 now): nothing changes in DS1 and in the strips.",
    "- Beats without a class as beats N: 217's fibrillation is found too, but log loss of all is 0.129.",
    "  Only beats that are surely of class Q, and follow no stimulus, count as N.",
    "- The burden of record 222, 36.6 points too high: 254 s of sinus rhythm with early beats, 213 s of",
    "  flutter and 196 s of junctional rhythm are named fibrillation. Its flutter is counted with",
    "  fibrillation by many; then 23.8 points are wrong. Other shares of the three detectors for",
    "  0.5, 0.25 and 0.25: 0.25, 0.25 and 0.5 leave 21.3 points, but find 0.952 for 0.985 of the",
    "  fibrillation of DS1, which decides; a third each 36.1 and 0.965; 0.25, 0.5 and 0.25 41.7 and",
    "  0.965; 0.1, 0.45 and 0.45 25.1 and 0.955.",
    "- Regular intervals against fibrillation, where 8 to 16 beats deviate from their median by less than",
    "  3 to 5 % (five ways): nothing changes in DS1; 222 keeps 35.3 to 36.6 points, and 0.959 to 0.971 of",
    "  the fibrillation of DS2 is found for 0.976.",
)


@dataclass(frozen=True, eq=False)
class AfScore:
    """What was named in one record.

    Attributes
    ----------
    record : str
        DATABASE/RECORD.
    group : str
        What it counts in.
    matrix : (n_states, n_states) float64
        Seconds by annotated and by named state.
    all_n : (n_states, n_states) float64 or None
        The same if the classes of the beats are not known.
    held_out : bool
        Whether detectors were trained again without it; if not, those that are shipped do not know it.
    """

    record: str
    group: str
    matrix: NDArray[np.float64]
    all_n: NDArray[np.float64] | None
    held_out: bool


def scored(record: AfRecord, *, held_out: bool) -> AfScore:
    """Find fibrillation in a record, with the detectors that `load_detector` returns, and compare.

    Parameters
    ----------
    record : AfRecord
        The record.
    held_out : bool
        Whether the detectors were trained again without it.
    """
    database, _, name = record.name.partition("/")
    group = f"mitdb {'DS2' if name in DS2 else 'DS1'}" if database == "mitdb" else database
    found = record.conditioned is not None and database == "mitdb"
    bare = replace(record, symbol=np.full(record.time_s.size, "N"))
    all_n = None if record.conditioned is not None else time_matrix(record.episodes, find_atrial(bare.context))
    matrix = time_matrix(record.episodes, find_atrial(record.context))
    return AfScore(record.name, f"{group}, found" if found else group, matrix, all_n, held_out)


def write_scores(scores: Sequence[AfScore], folder: Path | None = None) -> None:
    """Write af.json and af.md.

    Parameters
    ----------
    scores : sequence of AfScore
        Of all records.
    folder : Path, optional
        Where to; docs/experiments by default.
    """
    groups = {name: list(found) for name, found in _groups(scores).items()}
    result = {
        "groups": {name: _summary(found) for name, found in groups.items()},
        "strips": _strips([score for score in scores if score.group == "cinc2017"]),
        "records": [_of_record(score) for score in scores],
    }
    write_json((folder or RESULTS) / "af.json", result)
    write_bytes((folder or RESULTS) / "af.md", _page(result).encode())


def _groups(scores: Sequence[AfScore]) -> dict[str, list[NDArray[np.float64]]]:
    """Return the matrices of the records of each group, in the order of the table."""
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in _TITLES}
    for score in scores:
        if score.group in found:
            found[score.group].append(score.matrix)
        if score.all_n is not None and f"{score.group}, all N" in found:
            found[f"{score.group}, all N"].append(score.all_n)
    found["mitdb, found"] = [*found["mitdb DS1, found"], *found["mitdb DS2, found"]]
    return {name: matrices for name, matrices in found.items() if matrices}


def _summary(matrices: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    errors = np.array([abs(named - true) for true, named in _burdens(matrices)])
    return {
        "records": len(matrices),
        "hours": round(float(sum(matrix[1:].sum() for matrix in matrices)) / 3600, 2),
        **{name: _rates(np.sum(matrices, axis=0), name) for name in NAMES},
        "burden_error": {"median": round(float(np.median(errors)), 3), "worst": round(float(errors.max()), 2)},
    }


def _burdens(matrices: Iterable[NDArray[np.float64]]) -> list[tuple[float, float]]:
    return [burden for matrix in matrices if (burden := burden_error(matrix, NAMES["AFIB"])) is not None]


def _rates(matrix: NDArray[np.float64], name: str) -> dict[str, float | None]:
    rates = time_scores(time_counts(matrix, NAMES[name]))
    return {key: round(float(value), 4) if np.isfinite(value) else None for key, value in rates.items()}


def _of_record(score: AfScore) -> dict[str, Any]:
    counts = time_counts(score.matrix, NAMES["AFIB"])
    return {
        "record": score.record,
        "group": score.group,
        "held_out": score.held_out,
        "seconds": dict(zip(("tp", "fn", "fp", "tn"), counts.round(1).tolist(), strict=True)),
    }


def _strips(scores: Sequence[AfScore]) -> dict[str, Any]:
    """Count strips: AF against sinus and other rhythms; those called too noisy are left out."""
    named_as = STATES.index("AFIB")
    counts = {"tp": 0, "fn": 0, "fp": 0, "tn": 0}
    for score in scores:
        seconds = score.matrix.sum(axis=1)
        if seconds[STATES.index("NOISE")] or not seconds.any():
            continue
        true = seconds[named_as] > 0
        said = score.matrix[:, named_as].sum() > STRIP_SHARE * score.matrix.sum()
        counts[("tp" if said else "fn") if true else ("fp" if said else "tn")] += 1
    both = 2 * counts["tp"] + counts["fp"] + counts["fn"]
    return {**counts, "f1": round(2 * counts["tp"] / both, 4) if both else None}


def _page(result: Mapping[str, Any]) -> str:
    """Write the results for readers."""
    lines = [
        "# Atrial fibrillation",
        "",
        "Written by `python -m pipeline train --model af`, from af.json beside it. Every patient was held",
        "out from the detectors that read it: DS2 of mitdb from those that are shipped, all others from",
        "those of one of four folds. Time counts, in seconds; time that nobody annotated does not. The",
        "paced records of mitdb are left out. Flutter counts as another rhythm but in the last two",
        "columns.",
        "",
        "Settings were chosen on held-out patients of ltafdb, nsr2db, cinc2017 and DS1. Records 200 and",
        "222 of DS2 were looked at before ectopic beats were made for the training, and intervals after",
        "ectopic beats and stretches without usable intervals lost their weight; 202, 217, 219 and 222",
        "before P waves of single beats were asked, and beats of class Q without a stimulus counted. The",
        "scores of mitdb are therefore no estimate for new patients.",
        "",
        "| | records | hours | Se | Sp | PPV | F1 | burden error, points: median / worst | Se, with flutter | Sp |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(_row(title, result["groups"][name]) for name, title in _TITLES.items() if name in result["groups"]),
        "",
        _strip_sentence(result["strips"]),
        "",
        "The records with most seconds named wrongly:",
        "",
        "| record | beats | AF found, s | missed, s | wrongly named, s | other rhythms, s |",
        "|---|---|---|---|---|---|",
        *_worst(result["records"]),
        "",
        *_TRIED,
    ]
    return "\n".join(lines) + "\n"


def _row(title: str, found: Mapping[str, Any]) -> str:
    af, both, burden = found["AFIB"], found["AFIB_AFL"], found["burden_error"]
    rates = [_number(af[key]) for key in ("se", "sp", "ppv", "f1")]
    more = [f"{burden['median']:.2f} / {burden['worst']:.1f}", _number(both["se"]), _number(both["sp"])]
    hours = f"{found['hours']:.1f}"
    return f"| {' | '.join([title, str(found['records']), hours, *rates, *more])} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _strip_sentence(strips: Mapping[str, Any]) -> str:
    counts = f"{strips['tp']} found, {strips['fn']} missed, {strips['fp']} named wrongly, {strips['tn']} rightly not"
    return (
        "Strips of cinc2017, read end to end, AF against sinus and other rhythms: F1\n"
        f"{_number(strips['f1'])} ({counts})."
    )


def _worst(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return rows of the records of half an hour and more with most errors."""
    long = [record for record in records if not record["group"].startswith("cinc2017")]
    ordered = sorted(long, key=lambda each: -(each["seconds"]["fn"] + each["seconds"]["fp"]))
    return [
        f"| {each['record']} | {'found' if each['group'].endswith('found') else 'annotated'} | "
        + " | ".join(f"{each['seconds'][key]:.0f}" for key in ("tp", "fn", "fp", "tn"))
        + " |"
        for each in ordered[:WORST]
    ]
