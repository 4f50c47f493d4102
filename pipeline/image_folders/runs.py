"""Runs of networks on folders of pictures: where they are stored, and what they hold. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import read_as
from pipeline.config import home_root
from pipeline.evaluation.class_schema import ClassReport
from pipeline.evaluation.schema import Curves

Severity = Literal["clean", "warning", "leak"]


@dataclass(frozen=True)
class CopiesVerdict:
    """What the copies in a folder mean for a score on it, in words."""

    severity: Severity
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class DivisionCounts:
    """How the pictures of a folder were divided.

    Attributes
    ----------
    train, validation, test : int
        Pictures for training, for choosing the epoch and for scoring.
    dropped : int
        Copies of held-out pictures, which are not trained on.
    own_test : bool
        Whether the folder has a test part of its own.
    """

    train: int
    validation: int
    test: int
    dropped: int
    own_test: bool


@dataclass(frozen=True)
class RunPlan:
    """The settings of a run (`training_set.FolderPlan`), and the shape of the network's input."""

    head_epochs: int
    tuning_epochs: int
    patience: int
    learning_rate: float
    dropout: float
    frozen_up_to: str
    held_out: int
    side_px: int
    batch: int
    seed: int
    input_shape: tuple[int, ...]
    warmup_epochs: int = 0
    size_px: tuple[int, ...] = ()
    augmentation: float = 1.0
    class_weights: str = "sqrt"
    reads: Literal["pictures", "pages"] = "pictures"


@dataclass(frozen=True)
class SettingsTrial:
    """Settings that were tried.

    Attributes
    ----------
    learning_rate, dropout : float
        Of the head.
    frozen : float
        How deep the frozen part is, 0..1.
    frozen_up_to : str
        The layer that this stands for.
    val_loss : float
        Loss on held-out pictures.
    """

    learning_rate: float
    dropout: float
    frozen: float
    frozen_up_to: str
    val_loss: float


@dataclass(frozen=True)
class SampleAnswer:
    """A test picture with the answer to it.

    Attributes
    ----------
    file : str
        Name of the saved picture.
    path : str
        Where it was in the folder.
    class_name, predicted : str
        Its class ("class" in the file), and the answer.
    confidence : float
        Of the answer, 0..1.
    """

    file: str
    path: str
    class_name: str = field(metadata={"key": "class"})
    predicted: str
    confidence: float


@dataclass(frozen=True)
class FolderRun:
    """A run.json: one training on a folder of labelled pictures.

    Attributes
    ----------
    model, dataset : str
        Name of the network, and of the folder.
    provenance : Provenance
        How it was made.
    classes : tuple of str
        The folder's classes.
    counts : mapping of str to mapping of str to int
        Pictures of each class in each split.
    division : DivisionCounts
        How the pictures were divided.
    refused : int
        Files that could not be used.
    verdict : Verdict
        What copies mean for the scores.
    plan : RunPlan
        The settings.
    trials : tuple of SettingsTrial
        Settings that a search tried.
    curves : Curves
        Training curves, by epoch.
    temperature : float
        Calibrates the probabilities.
    report : ClassReport
        Scores on the test pictures.
    samples : tuple of SampleAnswer
        Some test pictures with their answers.
    minutes : float
        Duration.
    start : str
        What training started from, in words: ImageNet weights and from where, or a random start and why.
    warnings : tuple of str
        What makes this run doubtful, in sentences: only one class predicted, and why.
    """

    SCHEMA: ClassVar[str] = "heartvision.folder-run/1"

    model: str
    dataset: str
    provenance: Provenance
    classes: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    division: DivisionCounts
    refused: int
    verdict: CopiesVerdict
    plan: RunPlan
    trials: tuple[SettingsTrial, ...]
    curves: Curves
    temperature: float
    report: ClassReport
    samples: tuple[SampleAnswer, ...]
    minutes: float
    start: str = ""
    warnings: tuple[str, ...] = ()


def runs_folder() -> Path:
    """Return where runs are stored: HEARTVISION_HOME/runs."""
    return home_root() / "runs"


def list_runs() -> tuple[Path, ...]:
    """Return the folders of finished runs, newest first."""
    found = [file.parent for file in runs_folder().glob("*/run.json")]
    return tuple(sorted(found, key=lambda folder: folder.name, reverse=True))


def read_run(folder: Path) -> FolderRun:
    """Read the run.json of a run.

    Raises
    ------
    DataError
        If it is missing, not JSON, of another version, or lacks something.
    """
    return read_as(FolderRun, folder / "run.json", what=f"The run {folder.name!r}", again="train the folder again")
