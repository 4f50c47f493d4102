"""Detectors of rhythms and of noise: boosted trees on measures of a stretch of signal or beats, and their manifests.

Unlike the networks of `models.registry`, which classify beats, each has classes and measures of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.boosted_trees import BoostedTrees, boosted_trees
from models.errors import ModelError
from models.softmax import softmax

WEIGHTS: Final = Path(__file__).resolve().parent / "weights"
_OTHERS: Final[ContextVar[tuple[Mapping[str, Path], set[str]] | None]] = ContextVar("_OTHERS", default=None)


@dataclass(frozen=True)
class DetectorManifest:
    """What travels with a detector: what it was trained on and how to read its answers.

    Attributes
    ----------
    name, title : str
        The detector's name, and what people call it.
    classes : tuple of str
        The classes, in the order of the probabilities.
    measures : tuple of str
        Names of its inputs, in order.
    sha256 : str
        Of the weights file.
    temperature : float
        Divides the log odds, calibrates the probabilities.
    bias : tuple of float
        Added to the log odds, restores the natural prior of the classes.
    trained_on : str
        The training data, in words.
    train_records : tuple of str
        Records that it was trained on, DATABASE/RECORD.
    commit, command : str
        The code that made it, and how.
    seed : int
        Seed of the random generators.
    training_minutes : float
        Duration of the training.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    measures: tuple[str, ...]
    sha256: str
    temperature: float
    bias: tuple[float, ...]
    trained_on: str
    train_records: tuple[str, ...]
    commit: str
    command: str
    seed: int
    training_minutes: float

    @property
    def version(self) -> str:
        """Short form of the weights' SHA-256."""
        return self.sha256[:12]


@dataclass(frozen=True, eq=False)
class Detector:
    """Boosted trees with their manifest; immutable, safe to share."""

    manifest: DetectorManifest
    trees: BoostedTrees

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the probabilities."""
        return self.manifest.classes

    def probabilities(self, measures: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Return calibrated probabilities (n, n_classes) of measures (n, n_measures).

        Raises
        ------
        ModelError
            If the number of measures is not that of the manifest.
        """
        rows = np.asarray(measures, np.float32)
        if rows.ndim != 2 or rows.shape[1] != len(self.manifest.measures):
            raise ModelError(
                f"Detector {self.manifest.name!r} reads {len(self.manifest.measures)} measures, not {rows.shape}."
            )
        logits = both_classes(self.trees(rows)) + np.array(self.manifest.bias, np.float32)
        return softmax(logits, temperature=self.manifest.temperature, dtype=np.float32)


def both_classes(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log odds (n, k) with one column per class: trees for two classes give one column, that of the second."""
    return np.concatenate([np.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits


def load_detector(name: str, folder: Path | None = None) -> Detector:
    """Load a detector after checking its weights against their SHA-256; each is read once.

    Parameters
    ----------
    name : str
        Its name.
    folder : Path, optional
        The folder that holds the folder of that name. By default models/weights, and within `detectors_from` what was
        given there.

    Raises
    ------
    ModelError
        If there is no such detector, or its files are damaged.
    """
    usual = (folder or WEIGHTS) / name
    if folder is not None or (others := _OTHERS.get()) is None:
        return _load(usual, name)
    places, asked = others
    asked.add(name)
    return _load(places.get(name, usual), name)


def forget_detectors() -> None:
    """Have detectors read again when they are next asked for, as after new weights were written."""
    _load.cache_clear()


@contextmanager
def detectors_from(places: Mapping[str, Path]) -> Iterator[set[str]]:
    """Let `load_detector` read some detectors elsewhere: those that were not trained on the record in hand.

    Parameters
    ----------
    places : mapping of str to Path
        By name of the detector, the folder of its manifest and weights; other detectors stay what they are.

    Yields
    ------
    set of str
        Names of the detectors that were asked for so far, exchanged or not.
    """
    asked: set[str] = set()
    token = _OTHERS.set((dict(places), asked))
    try:
        yield asked
    finally:
        _OTHERS.reset(token)


def detector_manifest(name: str, folder: Path = WEIGHTS) -> DetectorManifest:
    """Read what a detector was trained on.

    Raises
    ------
    ModelError
        If there is no such detector, or its manifest lacks something.
    """
    return _read_manifest(folder / name, name)


def available_detectors(folder: Path = WEIGHTS) -> tuple[str, ...]:
    """Return the names of all detectors with weights, in order; beat networks, whose manifests differ, are not."""
    return tuple(sorted(file.parent.name for file in folder.glob("*/manifest.json") if _is_detector(file)))


def _is_detector(file: Path) -> bool:
    try:
        return "measures" in json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return False


def _read_manifest(place: Path, name: str) -> DetectorManifest:
    try:
        raw = json.loads((place / "manifest.json").read_text("utf-8"))
        return DetectorManifest(**{f.name: _frozen(raw[f.name]) for f in fields(DetectorManifest)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"Detector {name!r} cannot be loaded: {error}.") from error


@cache
def _load(place: Path, name: str) -> Detector:
    facts = _read_manifest(place, name)
    try:
        payload = (place / "weights.npz").read_bytes()
        if hashlib.sha256(payload).hexdigest() != facts.sha256:
            raise ModelError(f"The weights of detector {name!r} are damaged: their SHA-256 differs.")
        with np.load(place / "weights.npz", allow_pickle=False) as kept:
            return Detector(facts, boosted_trees({key: kept[key] for key in kept.files}))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"Detector {name!r} cannot be loaded: {error}.") from error


def write_detector(
    name: str,
    trees: BoostedTrees,
    *,
    title: str,
    classes: Sequence[str],
    measures: Sequence[str],
    facts: dict[str, Any],
    folder: Path = WEIGHTS,
) -> Path:
    """Write the weights and the manifest of a detector.

    Parameters
    ----------
    name, title : str
        Its name, and what people call it.
    trees : BoostedTrees
        The trained trees.
    classes, measures : sequence of str
        What it answers, and what it is given.
    facts : dict of str to Any
        The other fields of `DetectorManifest`, but `sha256`.
    folder : Path, optional
        Where to write; models/weights by default.

    Returns
    -------
    Path
        The folder written, `folder`/NAME.
    """
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(place / "weights.npz", **trees.arrays())  # type: ignore[arg-type]
    digest = hashlib.sha256((place / "weights.npz").read_bytes()).hexdigest()
    known = DetectorManifest(
        name=name, title=title, classes=tuple(classes), measures=tuple(measures), sha256=digest, **facts
    )
    temporary = place / "manifest.json.part"
    temporary.write_text(json.dumps(asdict(known), indent=1) + "\n", encoding="utf-8")
    temporary.replace(place / "manifest.json")
    forget_detectors()
    return place


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
