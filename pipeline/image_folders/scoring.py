"""A run scored on a labelled folder: class report, calibration, and what it leaves to a person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress, stretch_of
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.errors import DataError
from pipeline.evaluation.class_schema import ClassReport
from pipeline.evaluation.class_scores import class_report
from pipeline.evaluation.schema import ModelIdentity
from pipeline.image_folders.copies import copy_groups
from pipeline.image_folders.dataset import FolderDataset, read_folder
from pipeline.image_folders.patients import joined
from pipeline.image_folders.predicting import RunAnswer, TrainedRun, predict_files
from pipeline.image_folders.taught import read_taught
from pipeline.types import FloatArray
from pipeline.wording import score

ONE_GROUP: Final = "The pictures are all one patient's, or copies of one picture: no interval can be given."


@dataclass(frozen=True)
class Unscored:
    """A file of the folder that has no part in the scores, and why."""

    picture: str
    reason: str


@dataclass(frozen=True)
class Answered:
    """What is left when the run's own threshold leaves doubtful pictures to a person.

    Attributes
    ----------
    confidence : float
        The threshold.
    pictures : int
        Those with at least this confidence.
    coverage, accuracy : float, optional
        Their share of all scored pictures, and the share of right answers among them; None if there are none.
    """

    confidence: float
    pictures: int
    coverage: float | None
    accuracy: float | None


@dataclass(frozen=True)
class RunEvaluation:
    """A run on a labelled folder.

    Attributes
    ----------
    model : ModelIdentity
        The network.
    run, trained_on : str
        Name of the run, and of the folder that it was trained on.
    dataset : str
        Name of the folder that is scored.
    part : str
        "test" if the folder has a test part, which alone is scored; else "all".
    provenance : Provenance
        How it was made.
    classes : tuple of str
        The run's classes, in the order of the confusion matrix.
    unscored : tuple of Unscored
        Files that could not be read.
    answered : Answered
        The same with abstention.
    report : ClassReport
        Scores of all readable pictures, whatever their confidence.
    taught : int, optional
        How many of them the run was trained on or chose its epoch by, by the SHA-256 of the files; None where the run
        does not know, being of an earlier version.
    """

    SCHEMA: ClassVar[str] = "heartvision.run-evaluation/1"

    model: ModelIdentity
    run: str
    trained_on: str
    dataset: str
    part: str
    provenance: Provenance
    classes: tuple[str, ...]
    unscored: tuple[Unscored, ...]
    answered: Answered
    report: ClassReport
    taught: int | None = None


def evaluate_run(
    trained: TrainedRun, data_dir: Path, output: Path | None = None, *, progress: Progress = no_progress
) -> tuple[Path, RunEvaluation]:
    """Score a run on a folder of labelled pictures and write the result as JSON.

    Parameters
    ----------
    trained : TrainedRun
        The run.
    data_dir : Path
        The folder: train/CLASS/..., CLASS/train/... or CLASS/...; if it has a test part, only that is scored.
    output : Path, optional
        The JSON file; evaluation-FOLDER.json in the run's folder if None.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    tuple of Path and RunEvaluation
        The file and its content.

    Raises
    ------
    DataError
        If the folder is no dataset, has a class that the run does not know, or no picture of it can be read.
    """
    dataset = read_folder(data_dir, progress=stretch_of(progress, 0, 0.3))
    if strangers := [name for name in dataset.classes if name not in trained.run.classes]:
        raise DataError(
            f"The folder {data_dir.name!r} has the class {strangers[0]!r}, which the run {trained.folder.name!r} does "
            f"not know; its classes are {', '.join(trained.run.classes)}."
        )
    part = "test" if "test" in dataset.splits else "all"
    rows = [i for i, picture in enumerate(dataset.pictures) if part == "all" or picture.split == part]
    files = [dataset.files[i] for i in rows]
    answers = [answer for answer, _ in predict_files(trained, files, stretch_of(progress, 0.3, 1))]
    read = [k for k, answer in enumerate(answers) if answer.p is not None]
    if not read:
        raise DataError(f"No picture of {data_dir.name!r} can be read by this run: {answers[0].reason}")
    found = _evaluation(trained, dataset, part, [rows[k] for k in read], [answers[k] for k in read])
    unread = [Unscored(dataset.pictures[i].path, a.reason) for i, a in zip(rows, answers, strict=True) if a.p is None]
    told = RunEvaluation(**vars(found) | {"unscored": (*found.unscored, *unread)})
    path = output or trained.folder / f"evaluation-{data_dir.resolve().name}.json"
    write_json(path, to_json(told))
    return path, told


def read_run_evaluation(path: Path) -> RunEvaluation:
    """Read what `evaluate_run` wrote.

    Raises
    ------
    DataError
        If it is missing, not JSON, of another version, or lacks something.
    """
    return read_as(RunEvaluation, path, again="run `python -m pipeline evaluate --run` again")


def figures(found: RunEvaluation) -> str:
    """Return the main figures as lines of text."""
    report, overall = found.report, found.report.overall
    lines = [
        f"{found.run} on {report.pictures} pictures of {found.dataset}"
        + (" (its test part)" if found.part == "test" else "")
        + (f", {len(found.unscored)} files left out" if found.unscored else ""),
    ]
    if found.taught:
        lines.append(
            f"The run was trained on {found.taught} of these {report.pictures} pictures: these figures are no promise "
            "for new ones."
        )
    if found.taught is None and found.dataset == found.trained_on and found.part == "all":
        lines.append(
            "The run was trained on a folder of this name: if it is the same one, these figures count pictures that "
            "it was trained on."
        )
    if report.groups == 1:
        lines.append(ONE_GROUP)
    for title, estimate in (
        *(("accuracy", overall.accuracy), ("macro-F1", overall.macro_f1)),
        ("balanced accuracy", overall.balanced_accuracy),
    ):
        lines.append(f"  {title:<20}{score(estimate.value, estimate.low, estimate.high)}")
    lines.append(f"  {'calibration error':<20}{report.ece:.3f}")
    answered = found.answered
    lines.append(
        f"  {'with a class':<20}{score(answered.coverage)} of the pictures (confidence from {answered.confidence:.2f} "
        f"on), of which {score(answered.accuracy)} right"
    )
    width = max(len(row.class_name) for row in report.classes) + 2
    lines.append(f"  {'class':<{width}}{'pictures':>9}  {'precision':<26}{'recall':<26}F1")
    for row in report.classes:
        texts = [score(e.value, e.low, e.high) for e in (row.precision, row.recall, row.f1)]
        lines.append(f"  {row.class_name:<{width}}{row.reference:>9}  {texts[0]:<26}{texts[1]:<26}{texts[2]}")
    return "\n".join(lines) + "\n"


def _evaluation(
    trained: TrainedRun, dataset: FolderDataset, part: str, rows: list[int], answers: list[RunAnswer]
) -> RunEvaluation:
    manifest, run = trained.classifier.manifest, trained.run
    label = np.array([run.classes.index(dataset.pictures[i].class_name) for i in rows], np.int64)
    p = np.stack([answer.p for answer in answers if answer.p is not None])
    name, taught = trained.folder.resolve().name, read_taught(trained.folder)
    return RunEvaluation(
        model=ModelIdentity(manifest.name, manifest.title, manifest.sha256),
        run=name,
        trained_on=run.dataset,
        dataset=dataset.root.resolve().name,
        part=part,
        provenance=Provenance(
            f"python -m pipeline evaluate --run {name} --data {dataset.root.name}",
            current_commit(),
            f"{len(rows)} pictures of {dataset.root.resolve().name}",
            now(),
        ),
        classes=run.classes,
        unscored=tuple(Unscored(file.path, file.reason) for file in dataset.refused),
        answered=_answered(p.max(axis=1), p.argmax(axis=1) == label, manifest.abstain_below),
        report=class_report(p, label, run.classes, group=joined(dataset, copy_groups(dataset))[rows]),
        taught=None if taught is None else sum(dataset.pictures[i].digest in taught for i in rows),
    )


def _answered(confidence: FloatArray, right: NDArray[np.bool_], least: float) -> Answered:
    kept = confidence >= least
    share = round(float(right[kept].mean()), 4) if kept.any() else None
    return Answered(least, int(kept.sum()), round(float(kept.mean()), 4), share)
