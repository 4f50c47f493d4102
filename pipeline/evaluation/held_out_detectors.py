"""Which detectors may read a record: those of the project, or ones that were trained without it.

A training that holds records out in turn leaves its detectors in runs/rhythms/NAME/fold_K, with the files of
models/weights/NAME, and says in folds.json beside them which fold does not know a record: {"vfdb/418": 0}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.detectors import WEIGHTS, DetectorManifest, available_detectors, detector_manifest
from models.errors import ModelError
from pipeline.config import runs_root
from pipeline.datasets.splits import SAME_PERSON
from pipeline.errors import DataError

FOLDS: Final = runs_root() / "rhythms"


@dataclass(frozen=True)
class Readers:
    """The detectors that read a record.

    Attributes
    ----------
    places : mapping of str to Path
        Detectors that are exchanged, and the folders of their manifest and weights.
    seen : tuple of str
        Detectors that were trained on the record and have no other to take their place.
    versions : mapping of str to str
        SHA-256 of the weights of all detectors.
    """

    places: Mapping[str, Path]
    seen: tuple[str, ...]
    versions: Mapping[str, str]


def readers(record: str, *, weights: Path = WEIGHTS, folds: Path = FOLDS) -> Readers:
    """Choose the detectors for a record.

    Parameters
    ----------
    record : str
        DATABASE/RECORD.
    weights : Path, optional
        The folder with the detectors' folders.
    folds : Path, optional
        Where trainings leave the detectors that do not know some records.

    Raises
    ------
    DataError
        If folds.json cannot be read, or names a detector that is missing or was trained on the record.
    """
    places: dict[str, Path] = {}
    versions: dict[str, str] = {}
    seen: list[str] = []
    for name in available_detectors(weights):
        manifest = detector_manifest(name, weights)
        if _knows(manifest, record):
            if (place := _fold_of(record, name, folds)) is None:
                seen.append(name)
            else:
                places[name], manifest = place, _checked(place, name, record)
        versions[name] = manifest.sha256
    return Readers(places, tuple(seen), versions)


def fold_count(name: str, folds: Path = FOLDS) -> int:
    """Return in how many folds a detector was trained again."""
    return len(set(_read_folds(name, folds).values()))


def _knows(manifest: DetectorManifest, record: str) -> bool:
    """Tell whether a detector was trained on a record, or on another one of the same person."""
    return not _of_one_person(record).isdisjoint(manifest.train_records)


def _of_one_person(record: str) -> set[str]:
    database, _, name = record.rpartition("/")
    return {record, *(f"{database}/{other}" for pair in SAME_PERSON if name in pair for other in pair)}


def _fold_of(record: str, name: str, folds: Path) -> Path | None:
    fold = _read_folds(name, folds).get(record)
    if fold is None:
        return None
    place = folds / name / f"fold_{fold}"
    return place if (place / "manifest.json").is_file() else place / name


def _read_folds(name: str, folds: Path) -> dict[str, int]:
    file = folds / name / "folds.json"
    if not file.is_file():
        return {}
    try:
        return {str(record): int(fold) for record, fold in json.loads(file.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"The folds of detector {name!r} cannot be read; train it again.") from error


def _checked(place: Path, name: str, record: str) -> DetectorManifest:
    try:
        manifest = detector_manifest(place.name, place.parent)
    except ModelError as error:
        raise DataError(f"The fold of detector {name!r} without {record} is missing; train it again.") from error
    if _knows(manifest, record):
        raise DataError(f"The fold of detector {name!r} for {record} was trained on it; train it again.")
    return manifest
