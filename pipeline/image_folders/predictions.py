"""The answers of a run to its test pictures: stored as a table, matched with another run's, compared."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from pipeline._util.files import write_bytes
from pipeline.errors import DataError
from pipeline.evaluation.class_comparison import PictureComparison, compare_answers
from pipeline.image_folders.dataset import FolderDataset
from pipeline.types import FloatArray, IntArray

FILE: Final = "predictions.csv"
_DIGITS: Final = 6
_FACTS: Final = ("picture", "sha256", "group", "class", "predicted", "confidence")
_SHARE: Final = "p_"  # before the name of a class: the column of its probability


@dataclass(frozen=True, eq=False)
class Predictions:
    """Test pictures with their answers.

    Attributes
    ----------
    classes : tuple of str
        Names of the classes, in the order of the probabilities.
    paths, digests : tuple of str
        Each picture's path below the folder, and SHA-256 of its file.
    group : (n,) int64
        Equal for copies of each other.
    label : (n,) int64
        Index of the true class.
    p : (n, k) float32
        Calibrated probabilities.
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    digests: tuple[str, ...]
    group: IntArray
    label: IntArray
    p: FloatArray


@dataclass(frozen=True)
class RunComparison:
    """Two runs on the test pictures that both have; `first` and `second` count each run's own test pictures."""

    first: int
    second: int
    found: PictureComparison


def predictions(dataset: FolderDataset, rows: IntArray, copies: IntArray, p: FloatArray) -> Predictions:
    """Put the answers to some pictures of a folder together with what they are of.

    Parameters
    ----------
    dataset : FolderDataset
        The folder.
    rows : (n,) int64
        Indices of the pictures.
    copies : (all,) int64
        Number of each picture's group of copies, as `copies.copy_groups` gives it.
    p : (n, k) float32
        Probabilities, in the order of `dataset.classes`.
    """
    found = [dataset.pictures[i] for i in rows]
    number = {name: i for i, name in enumerate(dataset.classes)}
    return Predictions(
        classes=dataset.classes,
        paths=tuple(picture.path for picture in found),
        digests=tuple(picture.digest for picture in found),
        group=copies[rows],
        label=np.array([number[picture.class_name] for picture in found], np.int64),
        p=np.asarray(p, np.float32),
    )


def write_predictions(folder: Path, answers: Predictions) -> Path:
    """Write one row per test picture; probabilities have `_DIGITS` decimals.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_FACTS, *(_SHARE + name for name in answers.classes)])
    rows = zip(answers.paths, answers.digests, answers.group, answers.label, answers.p, strict=True)
    for path, digest, group, label, p in rows:
        shares = [f"{value:.{_DIGITS}f}" for value in p]
        called = int(p.argmax())
        table.writerow([path, digest, group, answers.classes[label], answers.classes[called], shares[called], *shares])
    return write_bytes(folder / FILE, text.getvalue().encode())


def read_predictions(folder: Path) -> Predictions:
    """Read what `write_predictions` wrote.

    Raises
    ------
    DataError
        If there is none, as in runs of earlier versions, or it is damaged.
    """
    try:
        with (folder / FILE).open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        if tuple(head[: len(_FACTS)]) != _FACTS:
            raise ValueError(head)
        classes = tuple(name.removeprefix(_SHARE) for name in head[len(_FACTS) :])
        number = {name: i for i, name in enumerate(classes)}
        return Predictions(
            classes=classes,
            paths=tuple(row[0] for row in rows),
            digests=tuple(row[1] for row in rows),
            group=np.array([int(row[2]) for row in rows], np.int64),
            label=np.array([number[row[3]] for row in rows], np.int64),
            p=np.array([row[len(_FACTS) :] for row in rows], np.float32).reshape(len(rows), len(classes)),
        )
    except FileNotFoundError as error:
        raise DataError(
            f"The run {folder.name!r} has no {FILE}: an earlier version made it; train the folder again."
        ) from error
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise DataError(f"The {FILE} of the run {folder.name!r} is damaged; train the folder again.") from error


def compare_runs(first: Path, second: Path) -> RunComparison:
    """Compare two runs on the test pictures that both have.

    Pictures are the same if their files are; each counts once, and copies of each other are drawn together.

    Raises
    ------
    DataError
        If the runs have other classes, no test picture in common, or one that they hold to be of different classes.
    """
    a, b = read_predictions(first), read_predictions(second)
    if a.classes != b.classes:
        raise DataError(f"The runs cannot be compared: one knows {_listed(a.classes)}, the other {_listed(b.classes)}.")
    mine, other = _shared(a, b)
    if not mine.size:
        raise DataError(
            f"The runs cannot be compared: none of the {len(a.paths)} test pictures of one is among the "
            f"{len(b.paths)} of the other; train both on the same folder with the same seed."
        )
    if (wrong := np.flatnonzero(a.label[mine] != b.label[other])).size:
        i, j = mine[wrong[0]], other[wrong[0]]
        raise DataError(
            f"The runs cannot be compared: {a.paths[i]!r} is {a.classes[a.label[i]]!r} in one and "
            f"{b.classes[b.label[j]]!r} in the other."
        )
    found = compare_answers(a.p[mine], b.p[other], a.label[mine], len(a.classes), group=a.group[mine])
    return RunComparison(len(a.paths), len(b.paths), found)


def _shared(first: Predictions, second: Predictions) -> tuple[IntArray, IntArray]:
    """Return the rows of both runs that hold the same picture, in the order of the first."""
    at: dict[str, int] = {}
    for i, digest in enumerate(second.digests):
        at.setdefault(digest, i)
    mine: dict[str, int] = {}
    for i, digest in enumerate(first.digests):
        if digest in at:
            mine.setdefault(digest, i)
    return np.array(list(mine.values()), np.int64), np.array([at[digest] for digest in mine], np.int64)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
