"""What files of trainings hold, as frozen dataclasses: scores of held-out patients, searches for settings. Light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline._util.provenance import Provenance
from pipeline.evaluation.schema import Matrix


@dataclass(frozen=True)
class HeldOutScores:
    """Scores of patients that were not trained on: argmax, uncalibrated.

    Attributes
    ----------
    beats : int
        How many beats.
    accuracy : float
        Share of right answers, 0..1.
    f1 : mapping of str to float
        F1 of N, S, V and F.
    confusion : Matrix
        Confusion matrix (5, 5), rows the reference.
    per_record : mapping of str to Matrix
        The same by record.
    """

    beats: int
    accuracy: float
    f1: Mapping[str, float]
    confusion: Matrix
    per_record: Mapping[str, Matrix]


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """A scores.json: answers for the patients of each fold, by networks that were not trained on them.

    Attributes
    ----------
    command, commit : str
        How it was made, and by which code.
    folds : tuple of tuple of str
        Records of each fold.
    held_out : HeldOutScores
        Of all patients.
    held_out_ds1, held_out_others : HeldOutScores, optional
        Of DS1 and of the other database alone, where another one is trained on too.
    simulated : HeldOutScores
        Of simulated rhythms of these patients.
    held_out_members, held_out_trees : HeldOutScores, optional
        Of the ensemble's members alone, and of the boosted trees alone.
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
    """A search for a network's settings.

    Attributes
    ----------
    provenance : Provenance, optional
        How it was made.
    network : str
        Name of the network.
    epochs, pictures : int
        Budget of a trial: epochs of so many pictures.
    best : mapping of str to float
        The best settings.
    value : float
        Their loss on held-out patients.
    trials : tuple of (mapping, float)
        Settings and loss of every trial.
    """

    provenance: Provenance | None = None
    network: str
    epochs: int
    pictures: int
    best: Mapping[str, float]
    value: float
    trials: tuple[tuple[Mapping[str, float], float], ...]
