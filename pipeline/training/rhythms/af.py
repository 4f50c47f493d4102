"""Training of `af`, `af_waves` and `af_p`, which find atrial fibrillation in RR intervals and before the QRS.

`af` is trained on the beats of ltafdb, nsr2db and DS1 of mitdb, as annotated and with the errors that are made end to
end, on the strips of cinc2017 and on DS1 as the network over beats reads them, and on made intervals. `af_waves` and
`af_p` are trained on the strips and on DS1: one with the short windows of `af` and the averaged signal before the QRS,
the other with the P waves of single beats alone. A quarter of the patients of each database is held out in turn: these
detectors stay in runs/rhythms, score the held-out patients and calibrate what is shipped. DS2 is never trained on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from models.boosted_trees import from_scikit_learn
from models.detectors import WEIGHTS, detectors_from, write_detector
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress, part_of
from pipeline.analysis import BeatClassifier, load_classifier
from pipeline.config import RECORDING_NETWORK, data_root, runs_root
from pipeline.datasets.rhythm_references import read_strip_labels
from pipeline.datasets.splits import DS1, DS2, SAME_PERSON
from pipeline.evaluation.calibration import fit_temperature
from pipeline.rhythm.atrial import INTERVALS, P_WAVES, WAVES
from pipeline.rhythm.atrial_waves import MEASURES as AVERAGES
from pipeline.rhythm.atrial_waves import measure_p_waves
from pipeline.rhythm.conduction_measures import conduction_of
from pipeline.rhythm.p_around import MEASURES as P_MEASURES
from pipeline.rhythm.p_around import measure_p_around
from pipeline.rhythm.rr_measures import MEASURES, SHORT, measure_rr
from pipeline.training.rhythms.af_beats import (
    UNKNOWN,
    AfRecord,
    Examples,
    Sampling,
    annotated_record,
    examples,
    found_record,
    together,
)
from pipeline.training.rhythms.af_scores import scored, write_scores
from pipeline.training.rhythms.facts import training_facts
from pipeline.training.rhythms.made_intervals import KINDS, made
from pipeline.types import Episode

FOLDS: Final = 4
SEED: Final = 20261130
CLASSES: Final = ("other", "AF")
ANNOTATED: Final = ("ltafdb", "nsr2db", "mitdb")
STRIPS: Final = "cinc2017"
MADE: Final = "made"  # the database, as it were, of made intervals
MADE_EACH: Final = 32  # series of each kind
SAMPLING: Final = MappingProxyType(
    {
        "ltafdb": Sampling(500, 250, 75),
        "nsr2db": Sampling(250, 100, 40, ectopic=200, weight=0.7),
        "mitdb": Sampling(300, 150, 30),
        STRIPS: Sampling(4, 3, 2, weight=6.0),
        MADE: Sampling(20, 0, 10),
    }
)
FOUND: Final = Sampling(200, 0, 20)  # of a record of mitdb whose beats were found in the signal
TREES: Final = MappingProxyType(
    {"max_iter": 120, "learning_rate": 0.1, "max_leaf_nodes": 24, "min_samples_leaf": 40, "max_features": 0.3}
)
WAVE_TREES: Final = MappingProxyType(
    {"max_iter": 60, "learning_rate": 0.08, "max_leaf_nodes": 6, "min_samples_leaf": 100, "max_features": 0.3}
)
RECORD_WEIGHT: Final = 3.0  # of a record of half an hour in the training before the QRS; a strip has 1


@dataclass(frozen=True)
class _Kind:
    """What one of the detectors is called for readers, what it is given, and how its trees are grown."""

    title: str
    measures: tuple[str, ...]
    trees: Mapping[str, Any]


_KINDS: Final[Mapping[str, _Kind]] = MappingProxyType(
    {
        INTERVALS: _Kind("Atrial fibrillation, from RR intervals", MEASURES, TREES),
        WAVES: _Kind("Atrial fibrillation, from the signal before the QRS", (*AVERAGES, *SHORT), WAVE_TREES),
        P_WAVES: _Kind("Atrial fibrillation, from the P waves of single beats", P_MEASURES, WAVE_TREES),
    }
)


def run(data_dir: Path | None = None, output_dir: Path | None = None, *, progress: Progress = no_progress) -> Path:
    """Train the detectors, score them on held-out patients, and write all.

    Parameters
    ----------
    data_dir : Path, optional
        Folder of the databases; the configured one by default.
    output_dir : Path, optional
        Where to write weights and scores; models/weights and docs/experiments by default.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Path
        The folder of `af`; those of the others lie beside it.
    """
    root, started = data_dir or data_root(), time.monotonic()
    classifier = load_classifier(RECORDING_NETWORK)
    annotated, found = _records(root, classifier, part_of(progress, 0, 3))
    fold_of = folds([record.name for record in (*annotated, *found) if not _is_ds2(record.name)])
    series = _made_records()
    fold_of |= folds([record.name for record in series])
    drawn = {INTERVALS: _examples([*annotated, *series], found)}
    drawn |= dict(zip((WAVES, P_WAVES), _examples_before_qrs(found), strict=True))
    facts = {}
    for number, (name, parts) in enumerate(drawn.items()):
        progress((1 + number / len(drawn)) / 3, f"Trees of {name}")
        learners = [_fitted(name, [part for part in parts if fold_of[part.record] != fold]) for fold in range(FOLDS)]
        temperature = _temperature(learners, parts, fold_of)
        facts[name] = _facts(sorted({part.record for part in parts}), temperature, started)
        for fold, learner in enumerate(learners):
            known = tuple(record for record in facts[name]["train_records"] if fold_of[record] != fold)
            of_fold = {**facts[name], "train_records": known}
            _write(name, learner, of_fold, _fold_folder(name, fold), f"{name}, without fold {fold}")
    _write_folds({name: fold for name, fold in fold_of.items() if not name.startswith(f"{MADE}/")})
    shipped = output_dir or WEIGHTS
    for name in (WAVES, P_WAVES, INTERVALS):
        folder = _write(name, _fitted(name, drawn[name]), facts[name], shipped, _KINDS[name].title)
    score(annotated, found, fold_of, output_dir, part_of(progress, 2, 3))
    return folder


def score(
    annotated: Sequence[AfRecord],
    found: Sequence[AfRecord],
    fold_of: Mapping[str, int],
    output_dir: Path | None = None,
    progress: Progress = no_progress,
) -> None:
    """Score all records with detectors that do not know them, and write af.json and af.md.

    Parameters
    ----------
    annotated, found : sequence of AfRecord
        Records with annotated beats, and with beats that were found in the signal.
    fold_of : mapping of str to int
        In which fold each record that was trained on is held out.
    output_dir : Path, optional
        Where the detectors lie and the scores go; models/weights and docs/experiments by default.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.
    """
    scores = []
    for number, record in enumerate(every := [*annotated, *found]):
        progress(number / len(every), f"Scoring {record.name}")
        fold = fold_of.get(_same_person(record.name))
        with detectors_from(_places(fold, output_dir or WEIGHTS)):
            scores.append(scored(record, held_out=fold is not None))
    write_scores(scores, output_dir)


def _places(fold: int | None, shipped: Path) -> dict[str, Path]:
    """Return the folders of the detectors that do not know a fold; of the shipped ones if it is None."""
    return {name: shipped / name if fold is None else _fold_folder(name, fold) / name for name in _KINDS}


def _fold_folder(name: str, fold: int) -> Path:
    return runs_root() / "rhythms" / name / f"fold_{fold}"


def folds(names: Sequence[str]) -> dict[str, int]:
    """Return the fold in which each record is held out: every fourth of a database, one person in one fold."""
    by_database: dict[str, set[str]] = {}
    for name in names:
        by_database.setdefault(name.partition("/")[0], set()).add(name)
    return {name: i % FOLDS for each in by_database.values() for i, name in enumerate(sorted(each))}


def _is_ds2(name: str) -> bool:
    database, _, record = name.partition("/")
    return database == "mitdb" and record in DS2


def _same_person(name: str) -> str:
    """Return the trained-on record of the same person if there is one: it must be held out as well."""
    others = {f"mitdb/{tested}": f"mitdb/{trained}" for trained, tested in SAME_PERSON}
    return others.get(name, name)


def _records(root: Path, classifier: BeatClassifier, progress: Progress) -> tuple[list[AfRecord], list[AfRecord]]:
    """Read all records with their annotated beats, and those with a signal again with the beats found in it."""
    jobs = [(path, database) for database in ANNOTATED for path in _paths(root / database) if _is_used(path, database)]
    labels = read_strip_labels(root / STRIPS)
    annotated, found = [], []
    for number, (path, database) in enumerate(jobs):
        progress(0.5 * number / len(jobs), f"Reading {database}/{path.name}")
        annotated.append(annotated_record(path, database))
        if database == "mitdb":
            found.append(found_record(path, database, classifier))
    for number, (name, label) in enumerate(sorted(labels.items())):
        progress(0.5 + 0.5 * number / len(labels), f"Reading {STRIPS}/{name}")
        found.append(found_record(root / STRIPS / name, STRIPS, classifier, label))
    return annotated, [record for record in found if record is not None]


def _paths(folder: Path) -> list[Path]:
    return sorted(path.with_suffix("") for path in folder.glob("*.hea"))


def _is_used(path: Path, database: str) -> bool:
    """Tell whether a record is trained on or tested: the paced ones of mitdb are neither."""
    return database != "mitdb" or path.name in (*DS1, *DS2)


def _made_records() -> list[AfRecord]:
    """Make intervals that are irregular, or fast, and no fibrillation."""
    records = []
    for kind in KINDS:
        for number in range(MADE_EACH):
            rng = np.random.default_rng([SEED, number, *kind.encode()])
            time_s = 1.0 + np.cumsum(made(kind, rng))
            duration_s = float(time_s[-1]) + 1.0
            classes = np.full(time_s.size, "N")
            rhythm = (Episode(0.0, duration_s, "N"),)
            records.append(AfRecord(f"{MADE}/{kind}_{number:02}", duration_s, time_s, classes, rhythm))
    return records


def _examples(annotated: Sequence[AfRecord], found: Sequence[AfRecord]) -> list[Examples]:
    drawn = []
    for record in (*annotated, *found):
        if _is_ds2(record.name):
            continue
        rng = np.random.default_rng([SEED, record.conditioned is None, *record.name.encode()])
        is_found = record.database == "mitdb" and record.conditioned is not None
        drawn.append(examples(record, FOUND if is_found else SAMPLING[record.database], rng))
    return [part for part in drawn if part is not None]


def _fitted(name: str, parts: Sequence[Examples]) -> HistGradientBoostingClassifier:
    return _fit(together(parts), _KINDS[name].trees)


def _fit(given: Examples, trees: Mapping[str, Any]) -> HistGradientBoostingClassifier:
    learner = HistGradientBoostingClassifier(
        **trees, l2_regularization=5.0, max_bins=64, early_stopping=False, random_state=SEED
    )
    return learner.fit(given.measures, given.label, sample_weight=given.weight / given.weight.mean())


def _temperature(
    learners: Sequence[HistGradientBoostingClassifier], parts: Sequence[Examples], fold_of: Mapping[str, int]
) -> float:
    """Find what calibrates the answers for held-out patients."""
    logits = [learners[fold_of[part.record]].decision_function(part.measures) for part in parts]
    both = np.concatenate(logits)
    return float(fit_temperature(np.column_stack([np.zeros_like(both), both]), together(parts).label.astype(np.int64)))


def _examples_before_qrs(found: Sequence[AfRecord]) -> tuple[list[Examples], list[Examples]]:
    """Measure the signal before the QRS in the records that have one: with short windows, and of single beats."""
    averages, single = [], []
    for record in found:
        if record.conditioned is None or _is_ds2(record.name):
            continue
        rr = measure_rr(record.rr_s, record.symbol)
        waves = measure_p_waves(record.conditioned, record.time_s, record.rr_s, record.symbol, rr.beat)
        around = measure_p_around(conduction_of(record.context), record.symbol, rr.beat)
        label = record.fibrillates[rr.beat]
        at = (label != UNKNOWN) & waves.any(axis=1)
        if not at.any():
            continue
        weight = np.full(at.sum(), (1.0 if record.database == STRIPS else RECORD_WEIGHT) / at.sum())
        measures = np.column_stack([waves, rr.short])[at].astype(np.float32)
        averages.append(Examples(record.name, measures, label[at], weight))
        single.append(Examples(record.name, around[at], label[at], weight))
    return averages, single


def _facts(names: Sequence[str], temperature: float, started: float) -> dict[str, Any]:
    records = [name for name in names if not name.startswith(f"{MADE}/")]
    counts = {database: sum(name.startswith(f"{database}/") for name in records) for database in (*ANNOTATED, STRIPS)}
    trained_on = ", ".join(f"{count} records of {name}" for name, count in counts.items() if count)
    if len(records) < len(names):
        trained_on += "; made regular, respiratory and blocked rhythms"
    return training_facts(INTERVALS, trained_on, records, started=started, seed=SEED, temperature=round(temperature, 4))


def _write(name: str, learner: HistGradientBoostingClassifier, facts: dict[str, Any], folder: Path, title: str) -> Path:
    """Write a detector into a folder of detectors, and return its own."""
    return write_detector(
        name,
        from_scikit_learn(learner),
        title=title,
        classes=CLASSES,
        measures=_KINDS[name].measures,
        facts=facts,
        folder=folder,
    )


def _write_folds(fold_of: Mapping[str, int]) -> None:
    tested = {f"mitdb/{tested}": fold_of[f"mitdb/{trained}"] for trained, tested in SAME_PERSON}
    for name in _KINDS:
        write_json(runs_root() / "rhythms" / name / "folds.json", {**fold_of, **tested})
