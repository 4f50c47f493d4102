"""Runs of networks on folders of pictures: where they are stored, and what they hold. Imports no TensorFlow."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final, Literal

from pipeline._util.files import write_bytes
from pipeline._util.provenance import Environment, Provenance
from pipeline._util.typed_json import read_as
from pipeline.config import home_root
from pipeline.errors import DataError
from pipeline.evaluation.class_schema import ClassReport
from pipeline.evaluation.schema import Curves
from pipeline.principal import Who
from pipeline.store.permits import permitted

Severity = Literal["clean", "warning", "leak"]
Chosen = Literal["mistake", "random", "class"]
TrialState = Literal["complete", "pruned"]
LABEL_MAX: Final = 80  # letters of the name that a user gives a run
_LABEL_FILE: Final = "label.txt"


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
    by_patient : bool
        Whether whole patients were divided; their pictures are together in one part.
    """

    train: int
    validation: int
    test: int
    dropped: int
    own_test: bool
    by_patient: bool = False


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
        Where the network is divided, 0..1: 0 leaves most layers frozen, 1 the fewest; -1 where it was not searched.
    frozen_up_to : str
        The layer that this stands for.
    val_loss : float
        Lowest loss on held-out pictures; of a pruned trial, the lowest until it was stopped.
    batch : int
        Pictures in a batch; 0 where an earlier version did not search it.
    augmentation : float
        Strength of the random changes to the pictures, 1 the usual one; -1 where it was not searched.
    state : {"complete", "pruned"}
        Whether it was stopped early because it was worse than most.
    """

    learning_rate: float
    dropout: float
    frozen: float
    frozen_up_to: str
    val_loss: float
    batch: int = 0
    augmentation: float = -1.0
    state: TrialState = "complete"


@dataclass(frozen=True)
class SettingImportance:
    """Share of a setting, 0..1, in how much the losses of the trials differ."""

    setting: str
    share: float


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
    heatmap : str
        Name of the saved picture under the heatmap of the answer; "" without one.
    chosen : {"mistake", "random", "class"}
        Why it is shown: a confident mistake, drawn at random, or drawn at random from its class.
    """

    file: str
    path: str
    class_name: str = field(metadata={"key": "class"})
    predicted: str
    confidence: float
    heatmap: str = ""
    chosen: Chosen = "mistake"


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
    left_out : tuple of str
        The first of the files that could not be used, each with its reason.
    environment : Environment, optional
        Versions and processor; None in runs of earlier versions.
    importance : tuple of SettingImportance
        Which settings made the trials differ; empty without a search.
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
    left_out: tuple[str, ...] = ()
    environment: Environment | None = None
    importance: tuple[SettingImportance, ...] = ()


def runs_folder() -> Path:
    """Return where runs are stored: HEARTVISION_HOME/runs."""
    return home_root() / "runs"


def new_run(*names: str) -> Path:
    """Return a new folder for a run: its date, and what it is of."""
    slugs = [re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:40] or "folder" for name in names]
    return runs_folder() / "-".join((f"{datetime.now(UTC):%Y%m%d-%H%M%S}", *slugs))


def link_run(folder: Path, *names: str) -> None:
    """List a run that lies elsewhere among those of `runs_folder`, by a link to it; not where links are not allowed.

    Parameters
    ----------
    folder : Path
        The run.
    *names : str
        What it is of, as in `new_run`.
    """
    if folder.resolve().is_relative_to(runs_folder().resolve()):
        return
    with suppress(OSError):
        runs_folder().mkdir(parents=True, exist_ok=True)
        new_run(*names).symlink_to(folder.resolve(), target_is_directory=True)


def list_runs() -> tuple[Path, ...]:
    """Return the folders of finished runs, and the links to those that lie elsewhere, newest first."""
    found = [file.parent for file in runs_folder().glob("[!.]*/run.json")]
    return tuple(sorted(found, key=lambda folder: folder.name, reverse=True))


def read_run(folder: Path) -> FolderRun:
    """Read the run.json of a run.

    Raises
    ------
    DataError
        If it is missing, not JSON, of another version, or lacks something.
    """
    return read_as(FolderRun, folder / "run.json", what=f"The run {folder.name!r}", again="train the folder again")


def run_label(folder: Path) -> str:
    """Return the name that a user gave a run, or its folder's."""
    try:
        given = (folder / _LABEL_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return folder.name
    return _one_line(given) or folder.name


def rename_run(folder: Path, label: str, *, reader: Who = "") -> str:
    """Give a run another name; an empty one gives it its folder's name back. No path changes.

    Parameters
    ----------
    folder : Path
        The run.
    label : str
        Its new name.
    reader : Principal or str, optional
        Who renames it.

    Raises
    ------
    AccessError
        If they may not, or have signed out.
    DataError
        If the name is too long or that of another run, or cannot be written.
    """
    permitted(reader, "administer")
    label = _one_line(label)
    if len(label) > LABEL_MAX:
        raise DataError(f"The name has {len(label)} letters; a run's name has at most {LABEL_MAX}: shorten it.")
    if any(label == run_label(other) for other in list_runs() if other != folder):
        raise DataError(f"Another run is called {label!r}; choose a name that tells them apart.")
    write_bytes(folder / _LABEL_FILE, f"{label}\n".encode())
    return run_label(folder)


def delete_run(folder: Path, *, reader: Who = "") -> None:
    """Delete a run: its weights, scores, pictures and report; of one that lies elsewhere, only the link to it.

    Parameters
    ----------
    folder : Path
        The run.
    reader : Principal or str, optional
        Who deletes it.

    Raises
    ------
    AccessError
        If they may not, or have signed out.
    DataError
        If it is not a run of `runs_folder`, or cannot be deleted.
    """
    permitted(reader, "administer")
    if folder not in list_runs():
        raise DataError(f"There is no run {folder.name!r} to delete; only runs in HEARTVISION_HOME/runs are deleted.")
    if folder.is_symlink():
        folder.unlink()
        return
    aside = folder.with_name(f".deleted-{uuid.uuid4().hex}")  # at once out of the list, even if this is interrupted
    try:
        folder.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        raise DataError(f"The run {folder.name!r} could not be deleted ({error.strerror}).") from error


def _one_line(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
