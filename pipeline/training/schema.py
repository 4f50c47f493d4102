"""What files of trainings hold, as frozen dataclasses: scores of held-out patients, searches for settings. Light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline._util.provenance import Provenance
from pipeline.evaluation.schema import Matrix


@dataclass(frozen=True)
class HeldOutScores:
    """Accuracy, F1 of N, S, V and F, and the confusion matrix (5, 5), in all and by record; argmax, uncalibrated."""

    beats: int
    accuracy: float
    f1: Mapping[str, float]
    confusion: Matrix
    per_record: Mapping[str, Matrix]


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """A scores.json: what networks said of the patients of `folds` that they were not trained on.

    `held_out_ds1` and `held_out_others` are parts of `held_out` where another database trains as well; `simulated` is
    of simulated rhythms of these patients; `held_out_members` and `held_out_trees` what each half said alone.
    """

    command: str
    commit: str
    folds: tuple[tuple[str, ...], ...]
    held_out: HeldOutScores
    held_out_ds1: HeldOutScores | None = None
    held_out_others: HeldOutScores | None = None
    simulated: HeldOutScores
    held_out_members: HeldOutScores | None = None
    held_out_trees: HeldOutScores | None = None


@dataclass(frozen=True, kw_only=True)
class SettingsSearch:
    """A search for a network's settings: what was tried, with its loss on held-out patients, and the best of it."""

    provenance: Provenance | None = None
    network: str
    epochs: int
    pictures: int
    best: Mapping[str, float]
    value: float
    trials: tuple[tuple[Mapping[str, float], float], ...]
