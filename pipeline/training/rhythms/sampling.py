"""Training of the detector `sampling`: recordings with a stated sampling frequency that is wrong by 2 or 3.

DS2 and half of svdb are held out.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from models.boosted_trees import from_scikit_learn
from models.detectors import WEIGHTS, write_detector
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import current_commit
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.datasets.rhythm_references import read_strip_labels
from pipeline.datasets.splits import DS1, DS2, SAME_PERSON, training_half
from pipeline.errors import EcgError
from pipeline.intake import read_path
from pipeline.signal.conditioning import condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.signal.sampling import BEATS_MIN, FACTORS, MEASURES, NAME, SURE, sampling_measures
from pipeline.training.rhythms.folds import write_folds
from pipeline.training.rhythms.unreadable import strip
from pipeline.types import FloatArray, Recording

SCORES: Final = ROOT / "docs" / "experiments" / "sampling.json"
COMMAND: Final = "python -m pipeline train --model sampling"
CLASSES: Final = ("right", "twice", "three times", "half", "a third")
DATABASES: Final = ("vfdb", "ludb", "ptbxl", "qtdb")
PART_S: Final = 60.0
PARTS_AT_S: Final = (60.0, 600.0, 1200.0)
SHORTEST_S: Final = 3.0
FOLDS: Final = 4
WEIGHT_RIGHT: Final = 6.0  # a stated sampling frequency is right nearly always
SEED: Final = 0
_MIT: Final = re.compile(r"(mitdb|svdb)/\d{3}|qtdb/sel\d{3}")


def run(data_dir: Path | None, output_dir: Path | None, *, progress: Progress = no_progress) -> Path:
    """Train the detector, write it, and write what it says of held-out patients.

    Parameters
    ----------
    data_dir : Path or None
        The folder of the databases; `data_root()` if None.
    output_dir : Path or None
        Where its folder is written; models/weights if None, and then the scores go to docs/experiments.
    progress : Progress, optional
        Called with what is being done.

    Returns
    -------
    Path
        The folder written.
    """
    folder, began = data_dir or data_root(), time.monotonic()
    half = training_half(path.stem for path in (folder / "svdb").glob("*.hea"))
    others = tuple(path.stem for path in (folder / "svdb").glob("*.hea") if path.stem not in half)
    training = _rows([*_records(folder, "mitdb", DS1), *_records(folder, "svdb", half), *_elsewhere(folder)], progress)
    held_out = _rows([*_records(folder, "mitdb", DS2), *_records(folder, "svdb", others)], no_progress)
    progress(0.9, "Training")
    trees = _fitted(*training[:2])
    fold_of = folds(training[2])
    fold = np.array([fold_of[record] for record in training[2]])
    cross, without = np.zeros((fold.size, len(FACTORS))), {}
    for number in range(FOLDS):
        own = fold == number
        fitted = _fitted(training[0][~own], training[1][~own])
        cross[own], without[number] = fitted.predict_proba(training[0][own]), from_scikit_learn(fitted)
    scores = {
        "training records, left out in turn": _scores(cross, training[1]),
        "held out": _scores(trees.predict_proba(held_out[0]), held_out[1]),
    }
    facts = {
        "temperature": 1.0,
        "bias": (0.0,) * len(FACTORS),
        "trained_on": "MIT-BIH Arrhythmia Database (DS1), half of svdb, vfdb, ludb, ptbxl, qtdb and cinc2017, "
        "read at other rates than they were sampled at",
        "train_records": tuple(np.unique(training[2]).tolist()),
        "commit": current_commit(),
        "command": COMMAND,
        "seed": SEED,
        "training_minutes": round((time.monotonic() - began) / 60, 1),
    }
    write_json((output_dir or SCORES.parent) / SCORES.name, scores)
    said: dict[str, Any] = {
        "title": "Sampling frequency",
        "classes": CLASSES,
        "measures": MEASURES,
        "facts": facts,
    }
    write_folds(NAME, without, fold_of, **said)
    return write_detector(NAME, from_scikit_learn(trees), folder=output_dir or WEIGHTS, **said)


Rows = tuple[FloatArray, NDArray[np.int64], NDArray[np.str_]]


def folds(record: NDArray[np.str_]) -> dict[str, int]:
    """Return the fold of each record, DATABASE/RECORD: the same for all that are of one person.

    Records of qtdb are parts of others: sel100 is of mitdb/100.
    """
    names = np.unique(record).tolist()
    people = {name: name.split("/")[1].removeprefix("sel") if _MIT.fullmatch(name) else name for name in names}
    people |= {f"mitdb/{b}": people[f"mitdb/{a}"] for a, b in SAME_PERSON if {f"mitdb/{a}", f"mitdb/{b}"} <= {*names}}
    number = {person: k % FOLDS for k, person in enumerate(sorted(set(people.values())))}
    return {name: number[person] for name, person in people.items()}


def _records(folder: Path, database: str, records: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    return ((f"{database}/{record}", folder / database / record) for record in records)


def _elsewhere(folder: Path) -> Iterator[tuple[str, Path]]:
    for database in DATABASES:
        for path in sorted((folder / database).rglob("*.hea")):
            yield f"{database}/{path.stem}", path.with_suffix("")
    for name, label in read_strip_labels(folder / "cinc2017").items():
        if label != "~":
            yield f"cinc2017/{name}", folder / "cinc2017" / name


def _rows(records: list[tuple[str, Path]], progress: Progress) -> Rows:
    measures, factor, record = [], [], []
    for number, (name, path) in enumerate(records):
        progress(0.9 * number / len(records), f"Record {name} at other rates")
        for part in _parts(path):
            for k, measured in _at_rates(part):
                measures.append(measured)
                factor.append(k)
                record.append(name)
    return np.stack(measures), np.array(factor, np.int64), np.array(record)


def _parts(path: Path) -> Iterator[Recording]:
    try:
        recording = strip(path.parent, path.name) if path.parent.name == "cinc2017" else read_path(path)
    except EcgError:
        return
    long = recording.duration_s > PARTS_AT_S[-1] + PART_S
    for start_s in PARTS_AT_S if long else (0.0,):
        first, last = (round(seconds * recording.fs) for seconds in (start_s, start_s + PART_S))
        yield replace(recording, p_signal=recording.p_signal[first:last], reference=None)


def _at_rates(part: Recording) -> Iterator[tuple[int, FloatArray]]:
    config = replace(DEFAULT.signal, segment_min_s=SHORTEST_S)
    for k, factor in enumerate(FACTORS):
        stated = replace(part, fs=part.fs * factor)
        if stated.fs < DEFAULT.limits.fs_min_hz or stated.duration_s < SHORTEST_S:
            continue
        try:
            conditioned = condition(stated, choose_leads(stated.leads), config)
        except EcgError:
            continue
        r_peak = detect_r_peaks(conditioned, config)
        if r_peak.size >= BEATS_MIN:
            yield k, sampling_measures(conditioned, r_peak)


def _fitted(measures: FloatArray, factor: NDArray[np.int64]) -> HistGradientBoostingClassifier:
    trees = HistGradientBoostingClassifier(
        max_iter=80,
        learning_rate=0.1,
        max_leaf_nodes=8,
        min_samples_leaf=10,
        l2_regularization=3.0,
        early_stopping=False,
        random_state=SEED,
    )
    return trees.fit(measures, factor, sample_weight=np.where(factor == 0, WEIGHT_RIGHT, 1.0))


def _scores(probability: NDArray[np.float64], factor: NDArray[np.int64]) -> dict[str, Any]:
    """Return how many recordings with each stated rate would be asked about."""
    high, low = probability[:, 1:3].sum(axis=1), probability[:, 3:].sum(axis=1)
    asked = np.maximum(high, low) >= SURE
    return {
        name: {"recordings": int((factor == k).sum()), "asked about": round(float(asked[factor == k].mean()), 4)}
        for k, name in enumerate(CLASSES)
        if (factor == k).any()
    }
