"""Training of `af` and `af_waves`, which find atrial fibrillation in RR intervals and in the signal before the QRS.

`af` is trained on the beats of ltafdb, nsr2db and DS1 of mitdb, as annotated and with the errors that are made end to
end, on the strips of cinc2017 and on DS1 as the network over beats reads them, and on made intervals. `af_waves` is
trained on the strips and on DS1, with the short windows of `af` and the signal before the QRS. A quarter of the
patients of each database is held out in turn: these detectors stay in runs/rhythms, score the held-out patients and
calibrate what is shipped. DS2 is never trained on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
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
from pipeline.rhythm.atrial import INTERVALS, WAVES
from pipeline.rhythm.atrial_waves import MEASURES as P_WAVE_MEASURES
from pipeline.rhythm.atrial_waves import measure_p_waves
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
WAVE_MEASURES: Final = (*P_WAVE_MEASURES, *SHORT)
RECORD_WEIGHT: Final = 3.0  # of a record of half an hour in the training of `af_waves`; a strip has 1


def run(data_dir: Path | None = None, output_dir: Path | None = None, *, progress: Progress = no_progress) -> Path:
    """Train both detectors, score them on held-out patients, and write all.

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
        The folder of `af`; that of `af_waves` lies beside it.
    """
    root, started = data_dir or data_root(), time.monotonic()
    classifier = load_classifier(RECORDING_NETWORK)
    annotated, found = _records(root, classifier, part_of(progress, 0, 3))
    fold_of = folds([record.name for record in (*annotated, *found) if not _is_ds2(record.name)])
    series = _made_records()
    fold_of |= folds([record.name for record in series])
    drawn = _examples([*annotated, *series], found)
    progress(0.34, "Trees of the RR intervals")
    learners = [_fitted([part for part in drawn if fold_of[part.record] != fold]) for fold in range(FOLDS)]
    temperature = _temperature(learners, drawn, fold_of)
    waves = _wave_examples(found)
    progress(0.5, "Trees of the signal before the QRS")
    wave_learners = [_fitted_waves([part for part in waves if fold_of[part.record] != fold]) for fold in range(FOLDS)]
    wave_temperature = _temperature(wave_learners, waves, fold_of)
    temperatures = {INTERVALS: temperature, WAVES: wave_temperature}
    names = {INTERVALS: [part.record for part in drawn], WAVES: [part.record for part in waves]}
    facts = {name: _facts(sorted(set(names[name])), temperatures[name], started) for name in names}
    for fold in range(FOLDS):
        _write_fold(fold, learners[fold], wave_learners[fold], facts, fold_of)
    _write_folds({name: fold for name, fold in fold_of.items() if not name.startswith(f"{MADE}/")})
    folder = _write(_fitted(drawn), _fitted_waves(waves), facts, output_dir or WEIGHTS)
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
    names = (INTERVALS, WAVES)
    return {name: shipped / name if fold is None else _fold_folder(name, fold) / name for name in names}


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


def _fitted(parts: Sequence[Examples]) -> HistGradientBoostingClassifier:
    return _fit(together(parts), TREES)


def _fitted_waves(parts: Sequence[Examples]) -> HistGradientBoostingClassifier:
    return _fit(together(parts), WAVE_TREES)


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


def _wave_examples(found: Sequence[AfRecord]) -> list[Examples]:
    """Measure short windows and the signal before the QRS in the records that have a signal."""
    kept = []
    for record in found:
        if record.conditioned is None or _is_ds2(record.name):
            continue
        rr = measure_rr(record.rr_s, record.symbol)
        waves = measure_p_waves(record.conditioned, record.time_s, record.rr_s, record.symbol, rr.beat)
        label = record.fibrillates[rr.beat]
        at = (label != UNKNOWN) & waves.any(axis=1)
        if at.any():
            weight = (1.0 if record.database == STRIPS else RECORD_WEIGHT) / at.sum()
            measures = np.column_stack([waves, rr.short])[at].astype(np.float32)
            kept.append(Examples(record.name, measures, label[at], np.full(at.sum(), weight)))
    return kept


def _facts(names: Sequence[str], temperature: float, started: float) -> dict[str, Any]:
    records = [name for name in names if not name.startswith(f"{MADE}/")]
    counts = {database: sum(name.startswith(f"{database}/") for name in records) for database in (*ANNOTATED, STRIPS)}
    trained_on = ", ".join(f"{count} records of {name}" for name, count in counts.items() if count)
    if len(records) < len(names):
        trained_on += "; made regular, respiratory and blocked rhythms"
    return training_facts(INTERVALS, trained_on, records, started=started, seed=SEED, temperature=round(temperature, 4))


def _write(
    learner: HistGradientBoostingClassifier,
    wave_learner: HistGradientBoostingClassifier,
    facts: Mapping[str, dict[str, Any]],
    folder: Path,
) -> Path:
    """Write both detectors."""
    write_detector(
        WAVES,
        from_scikit_learn(wave_learner),
        title="Atrial fibrillation, from the signal before the QRS",
        classes=CLASSES,
        measures=WAVE_MEASURES,
        facts=facts[WAVES],
        folder=folder,
    )
    return write_detector(
        INTERVALS,
        from_scikit_learn(learner),
        title="Atrial fibrillation, from RR intervals",
        classes=CLASSES,
        measures=MEASURES,
        facts=facts[INTERVALS],
        folder=folder,
    )


def _write_fold(
    fold: int,
    learner: HistGradientBoostingClassifier,
    wave_learner: HistGradientBoostingClassifier,
    facts: Mapping[str, dict[str, Any]],
    fold_of: Mapping[str, int],
) -> None:
    """Write the detectors that do not know a fold, where evaluations look for them."""
    for name, fitted, measures in ((INTERVALS, learner, MEASURES), (WAVES, wave_learner, WAVE_MEASURES)):
        known = [record for record in facts[name]["train_records"] if fold_of[record] != fold]
        write_detector(
            name,
            from_scikit_learn(fitted),
            title=f"{name}, without fold {fold}",
            classes=CLASSES,
            measures=measures,
            facts={**facts[name], "train_records": tuple(known)},
            folder=_fold_folder(name, fold),
        )


def _write_folds(fold_of: Mapping[str, int]) -> None:
    tested = {f"mitdb/{tested}": fold_of[f"mitdb/{trained}"] for trained, tested in SAME_PERSON}
    for name in (INTERVALS, WAVES):
        write_json(runs_root() / "rhythms" / name / "folds.json", {**fold_of, **tested})
