"""Detectors that were trained without some records, kept for evaluations to read those (`held_out_detectors`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.boosted_trees import BoostedTrees
from models.detectors import write_detector
from pipeline._util.files import write_json
from pipeline.config import runs_root
from pipeline.datasets.splits import SAME_PERSON


def write_folds(
    name: str,
    trees: Mapping[int, BoostedTrees],
    fold_of: Mapping[str, int],
    *,
    title: str,
    classes: Sequence[str],
    measures: Sequence[str],
    facts: Mapping[str, Any],
    folder: Path | None = None,
) -> Path:
    """Write the detectors of all folds, and which fold does not know a record.

    Parameters
    ----------
    name, title : str
        The detector's name, and what people call it.
    trees : mapping of int to BoostedTrees
        By fold, the trees that were trained on the records of the other folds.
    fold_of : mapping of str to int
        The fold of each record that the detector is trained on, DATABASE/RECORD.
    classes, measures : sequence of str
        As for `models.detectors.write_detector`.
    facts : mapping of str to Any
        The same; `train_records` may name records that have no fold.
    folder : Path, optional
        Where the folders of all detectors are; runs/rhythms by default.

    Returns
    -------
    Path
        `folder`/`name`.
    """
    place = (folder or runs_root() / "rhythms") / name
    for number, each in trees.items():
        known = tuple(record for record in facts["train_records"] if fold_of.get(record) != number)
        write_detector(
            name,
            each,
            title=f"{title}, without fold {number}",
            classes=classes,
            measures=measures,
            facts={**facts, "train_records": known},
            folder=place / f"fold_{number}",
        )
    write_json(place / "folds.json", {**_of_the_same_people(fold_of), **fold_of})
    return place


def _of_the_same_people(fold_of: Mapping[str, int]) -> dict[str, int]:
    """Return the folds of records that are not trained on, but are of somebody who is."""
    pairs = [pair for a, b in SAME_PERSON for pair in ((f"mitdb/{a}", f"mitdb/{b}"), (f"mitdb/{b}", f"mitdb/{a}"))]
    return {other: fold_of[record] for record, other in pairs if record in fold_of}
