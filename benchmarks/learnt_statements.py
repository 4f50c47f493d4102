"""Whether models learnt on the measures of an ECG find more than criteria: `python -m benchmarks.learnt_statements`.

For each statement with 15 positives and more: logistic regression and extremely randomised trees on what is measured
(intervals, axes, waves of twelve leads, superclasses, age and sex), in ten folds of PTB-XL and LUDB, and the sum of
their ranks with and without that of the criterion's number. Writes docs/experiments/statements.json and the table of
statements.md. No model is kept: what a fold learnt is what the readers of two databases wrote, not a criterion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.results import LearntStatement, LearntStatements
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import rounded, to_json
from pipeline.analysis import BeatClassifier, analyse, load_classifier
from pipeline.config import DEFAULT, RECORDING_NETWORK, ROOT, data_root
from pipeline.datasets.statement_references import StatedRecord, stated_records
from pipeline.errors import EcgError
from pipeline.evaluation.statements import CASES_BELOW, SPECIFICITY
from pipeline.intake import read_path
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.facts import Facts
from pipeline.twelve_leads.margins import margins
from pipeline.twelve_leads.measuring import gather
from pipeline.twelve_leads.reading import read_waves
from pipeline.twelve_leads.superclasses import read_superclasses
from pipeline.waves.shapes import LeadShape

REPORT: Final = ROOT / "docs" / "experiments" / "statements.json"
PAGE: Final = ROOT / "docs" / "experiments" / "statements.md"
MARKS: Final = ("<!-- statements:start -->", "<!-- statements:end -->")
FOLDS: Final = 10
WAYS: Final = ("criterion", "logistic regression", "trees", "both", "both and criterion")
SEX: Final = {"M": 0.0, "F": 1.0}
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Read:
    """A record: what was stated of it, the numbers of the criteria, and its measures (n,), NaN where there is none."""

    stated: StatedRecord
    margins: Mapping[str, float]
    measures: NDArray[np.float64]


def read_all() -> Iterator[Read]:
    """Reads the records end to end; those that are refused are left out."""
    classifier = load_classifier(RECORDING_NETWORK)
    for stated in stated_records(data_root()):
        try:
            yield _read(stated, classifier)
        except EcgError as error:
            print(f"{stated.record}: {error}")


def _read(stated: StatedRecord, classifier: BeatClassifier) -> Read:
    recording = read_path(stated.header)
    analysis = analyse(recording, classifier, DEFAULT)
    diagnosis = read_superclasses(recording.p_signal, recording.leads, recording.fs) or {}
    facts = gather(recording, analysis, read_waves(recording, analysis), diagnosis).facts
    of_person = (_number(stated.age_years), SEX.get(stated.sex or "", math.nan))
    numbers = [*_of_recording(facts), *of_person, *diagnosis.values()]
    leads = [value for lead in TWELVE_LEADS for value in _of_lead(facts.shapes.get(lead, LeadShape()))]
    return Read(stated, margins(facts), np.array([*numbers, *leads], np.float64))


def _of_recording(facts: Facts) -> Iterator[float]:
    for name in ("RR", "P", "PR", "QRS", "QT"):
        spread = facts.intervals.get(name)
        yield from (math.nan, math.nan) if spread is None else (spread.median, spread.high - spread.low)
    yield from (_number(facts.axis_deg.get(name)) for name in ("P", "QRS", "T"))
    yield from map(_number, (facts.qtc_ms, facts.rate_bpm, facts.p_share, facts.irregularity))


def _of_lead(shape: LeadShape) -> Iterator[float]:
    yield from (shape.r_mv, shape.s_mv, shape.depth_mv, shape.swing_mv, float(shape.is_qs), float(shape.notched))
    yield from map(_number, (shape.p_mv, shape.t_mv, shape.t_min_mv, shape.p_area, shape.qrs_area, shape.t_area))
    yield from (0.0, 0.0) if shape.q is None else (shape.q.ms, shape.q.mv)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def learnt(read: list[Read], code: str) -> LearntStatement:
    """Scores one statement by every way, each record by models that did not see it."""
    known = [one for one in read if code in one.stated.known]
    true = np.array([code in one.stated.targets for one in known])
    measures = np.stack([one.measures for one in known])
    measures = np.where(np.isnan(measures), np.nanmedian(measures, axis=0), measures)
    by = {WAYS[0]: np.array([one.margins.get(code, 0.0) for one in known])}
    models = (
        make_pipeline(StandardScaler(), LogisticRegression(C=0.02, class_weight="balanced", max_iter=2000)),
        ExtraTreesClassifier(400, min_samples_leaf=3, class_weight="balanced", random_state=0),
    )
    for name, model in zip(WAYS[1:], models, strict=False):
        by[name] = _held_out(model, measures, true)
    ranks = [np.argsort(np.argsort(by[name])) for name in WAYS[:3]]
    by[WAYS[3]] = (ranks[1] + ranks[2]).astype(np.float64)
    by[WAYS[4]] = (ranks[0] + ranks[1] + ranks[2]).astype(np.float64)
    return LearntStatement(
        code,
        int(true.sum()),
        int((~true).sum()),
        {name: _sensitivity(scores, true) for name, scores in by.items()},
        {name: float(roc_auc_score(true, scores)) for name, scores in by.items()},
    )


def _held_out(model: Any, measures: NDArray[np.float64], true: NDArray[np.bool_]) -> Scores:
    found = np.zeros(true.size)
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(measures, true):
        found[test] = model.fit(measures[train], true[train]).predict_proba(measures[test])[:, 1]
    return found


def _sensitivity(scores: Scores, true: NDArray[np.bool_]) -> float:
    """Return the sensitivity at the lowest limit with the specificity that is asked for."""
    allowed = int((1 - SPECIFICITY) * np.count_nonzero(~true))
    limit = np.sort(scores[~true])[::-1][allowed]
    return float(np.mean(scores[true] > limit))


def table(found: LearntStatements) -> str:
    """The table of the page."""
    lines = [f"| statement | positives | {' | '.join(WAYS)} |", f"|---|--:|{'--:|' * len(WAYS)}"]
    for one in found.statements:
        cells = (f"{one.sensitivity[name]:.2f} ({one.auc[name]:.2f})" for name in WAYS)
        lines.append(f"| {one.code} | {one.positives} | {' | '.join(cells)} |")
    made = f"`{found.provenance.command}`, commit {found.provenance.commit}, {found.records} records."
    return "\n".join(["", *lines, "", made, ""])


def main() -> None:
    """Writes both files."""
    read = list(read_all())
    counts = {code: sum(code in one.stated.targets for one in read) for one in read for code in one.stated.targets}
    wanted = sorted(
        code for code, count in counts.items() if count >= CASES_BELOW and any(code in r.margins for r in read)
    )
    made = Provenance("python -m benchmarks.learnt_statements", current_commit(), "PTB-XL (ptbxl), LUDB (ludb)", now())
    found = rounded(LearntStatements(made, len(read), FOLDS, tuple(learnt(read, code) for code in wanted)))
    write_json(REPORT, to_json(found))
    before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n{table(found)}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")
    print(table(found))


if __name__ == "__main__":
    main()
