"""Training of the detectors of noise: `quality`, whether beats can be trusted, and `unreadable`, whether there are any.

Half of the noise records, DS1, and half of svdb, vfdb and cinc2017 train them; the other halves and DS2 are held out.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from models import registry
from models.boosted_trees import from_scikit_learn
from models.detectors import WEIGHTS, write_detector
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress
from pipeline.analysis import load_classifier
from pipeline.config import DEFAULT, RECORDING_NETWORK, ROOT, data_root
from pipeline.datasets.splits import DS1, training_half
from pipeline.signal.noise import NO_ECG, WRONG
from pipeline.signal.noise_measures import MEASURES
from pipeline.training.rhythms.facts import training_facts
from pipeline.training.rhythms.folds import write_folds
from pipeline.training.rhythms.unreadable import unreadable_rows
from pipeline.training.rhythms.windows import Rows, joined, mixed_rows, rhythm_rows

SCORES: Final = ROOT / "docs" / "experiments" / "quality.json"
FOLDS: Final = 4
SEED: Final = 0
THRESHOLDS: Final = (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
OPTIONS: Final[Mapping[str, Any]] = {
    "learning_rate": 0.08, "max_iter": 150, "max_leaf_nodes": 24, "min_samples_leaf": 60, "l2_regularization": 5.0,
    "max_bins": 127, "early_stopping": False, "random_state": SEED,
}  # fmt: skip


def run(data_dir: Path | None, output_dir: Path | None, *, progress: Progress = no_progress) -> Path:
    """Train both detectors, write them, and write what they reach on held-out patients.

    Parameters
    ----------
    data_dir : Path or None
        The folder of the databases; `data_root()` if None.
    output_dir : Path or None
        Where their folders are written; models/weights if None, and then the scores go to docs/experiments.
    progress : Progress, optional
        Called with what is being done.

    Returns
    -------
    Path
        The folder of `quality`.
    """
    folder, began = data_dir or data_root(), time.monotonic()
    answers, ecg = _answer_rows(folder, progress), unreadable_rows(folder)
    progress(0.7, "Training on all but a fold of the patients, fold by fold")
    learners = {WRONG: _fold_learners(answers), NO_ECG: _fold_learners(ecg)}
    scores = {
        WRONG: _answer_scores(answers, _held_out(answers, learners[WRONG])),
        NO_ECG: _ecg_scores(ecg, _held_out(ecg, learners[NO_ECG])),
    }
    progress(0.9, "Training on all")
    written = {}
    for name, title, classes, rows in (
        (WRONG, "Noise that makes classes wrong", ("right", "wrong"), answers),
        (NO_ECG, "Signals without an ECG", ("ecg", "none"), ecg),
    ):
        facts = _facts(rows, began)
        said: dict[str, Any] = {"title": title, "classes": classes, "measures": MEASURES, "facts": facts}
        kept = {number: from_scikit_learn(learner) for number, learner in enumerate(learners[name])}
        write_folds(name, kept, _fold_of(rows), **said)
        written[name] = write_detector(name, from_scikit_learn(_fitted(rows)), folder=output_dir or WEIGHTS, **said)
    write_json((output_dir or SCORES.parent) / SCORES.name, scores)
    return written[WRONG]


def _answer_rows(folder: Path, progress: Progress) -> Rows:
    classifier = load_classifier(RECORDING_NETWORK)
    svdb = training_half(path.stem for path in (folder / "svdb").glob("*.hea"))
    vfdb = training_half(path.stem for path in (folder / "vfdb").glob("*.hea"))
    records = [*(("mitdb", one) for one in DS1), *(("svdb", one) for one in svdb)]
    parts = []
    for number, (database, record) in enumerate(records):
        progress(0.5 * number / len(records), f"Record {record} in noise")
        parts.append(mixed_rows(folder / database, record, classifier))
    return joined([*parts, *(rhythm_rows(folder / "vfdb", record) for record in vfdb)])


def _fitted(rows: Rows) -> HistGradientBoostingClassifier:
    measures = np.concatenate([rows.measures, rows.measures])
    answer = np.repeat([True, False], len(rows.measures))
    weight = np.concatenate([rows.wrong, rows.right])
    return HistGradientBoostingClassifier(**OPTIONS).fit(
        measures[weight > 0], answer[weight > 0], sample_weight=weight[weight > 0]
    )


def _fold_of(rows: Rows) -> dict[str, int]:
    """Return the fold of each record."""
    return {record: 7 * number % FOLDS for number, record in enumerate(np.unique(rows.record).tolist())}


def _folds(rows: Rows) -> NDArray[np.int64]:
    """Return the fold (n,) of each row."""
    fold_of = _fold_of(rows)
    return np.array([fold_of[record] for record in rows.record.tolist()], np.int64)


def _fold_learners(rows: Rows) -> list[HistGradientBoostingClassifier]:
    """Train on the other records of each fold."""
    fold = _folds(rows)
    return [_fitted(rows.only(fold != number)) for number in range(FOLDS)]


def _held_out(rows: Rows, learners: Sequence[HistGradientBoostingClassifier]) -> NDArray[np.float64]:
    """Return the probability (n,) of "wrong" by trees that were trained on the other records."""
    fold, probability = _folds(rows), np.zeros(len(rows.measures))
    for number, learner in enumerate(learners):
        probability[fold == number] = learner.predict_proba(rows.measures[fold == number])[:, 1]
    return probability


def _answer_scores(rows: Rows, probability: NDArray[np.float64]) -> dict[str, Any]:
    """Return for each kind of noise and threshold the share of beats answered, and of wrong ones among these."""
    scores = {}
    for kind in np.unique(rows.kind).tolist():
        own = rows.kind == kind
        all_of = rows.wrong[own].sum() + rows.right[own].sum()
        scores[kind] = {
            f"{limit:g}": {
                "answered": round(float((rows.wrong + rows.right)[own & (probability < limit)].sum() / all_of), 4),
                "wrong": round(float(_share(rows, own & (probability < limit))), 5),
            }
            for limit in THRESHOLDS
        }
    return scores


def _share(rows: Rows, chosen: NDArray[np.bool_]) -> float:
    wrong, right = rows.wrong[chosen].sum(), rows.right[chosen].sum()
    return float(wrong / (wrong + right)) if wrong + right else 0.0


def _ecg_scores(rows: Rows, probability: NDArray[np.float64]) -> dict[str, Any]:
    """Return for each kind of signal the share of windows that would be called unreadable."""
    limit = DEFAULT.signal.no_ecg_from
    return {
        kind: {
            "windows": int((rows.kind == kind).sum()),
            "unreadable": round(float(np.mean(probability[rows.kind == kind] >= limit)), 4),
        }
        for kind in np.unique(rows.kind).tolist()
    }


def _facts(rows: Rows, started: float) -> dict[str, Any]:
    trained_on = (
        "MIT-BIH Arrhythmia Database (DS1), half of svdb, vfdb and cinc2017, with the first half of "
        f"the noise of nstdb; answers of {RECORDING_NETWORK} {registry.load(RECORDING_NETWORK).version}"
    )
    return training_facts("quality", trained_on, np.unique(rows.record).tolist(), started=started, seed=SEED)
