"""Fine-tuning a network on a folder of labelled pictures, and what is stored of such a run."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from models import registry
from models.softmax import softmax
from models.transfer import logits_of
from pipeline._util.progress import Progress, no_progress, stretch_of
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline.errors import DataError, EcgError
from pipeline.evaluation.calibration import fit_temperature
from pipeline.evaluation.class_scores import class_report
from pipeline.image_folders.copies import find_copies, verdict
from pipeline.image_folders.dataset import FolderDataset, read_folder
from pipeline.image_folders.doubts import doubts, untested
from pipeline.image_folders.fitting import EVERYTHING, Fitted, fit, folder_use
from pipeline.image_folders.patients import joined, patient_notice, with_notice
from pipeline.image_folders.places import (
    check_output,
    checkpoint_of,
    is_without_epochs,
    place_of_run,
    remove_checkpoint,
)
from pipeline.image_folders.predictions import predictions
from pipeline.image_folders.results import write_results
from pipeline.image_folders.runs import CopiesVerdict, DivisionCounts, FolderRun, RunPlan, link_run, runs_folder
from pipeline.image_folders.settings import usual_plan
from pipeline.image_folders.taught import write_taught
from pipeline.image_folders.training_set import Division, FolderPlan, FolderTrainingData, divide, prepare
from pipeline.image_folders.tuning import Tuned, tuned
from pipeline.page_classifier.page_picture import DRAWING
from pipeline.training.search import Watch
from pipeline.types import FloatArray, IntArray

LEFT_OUT: Final = 5  # files that are named
ANSWERED: Final = 0.99  # of the pictures, as in the networks for beats: the others get no class
_STEPS: Final = 10**6  # of a confidence, as stored
FOLDER_PICTURES: Final = "folder-1"  # how pictures become inputs, in the manifest
FOLDER_PAGES: Final = f"folder-{DRAWING}"


def run_folder(
    name: str,
    data_dir: Path,
    output_dir: Path | None = None,
    *,
    plan: FolderPlan | None = None,
    tune: int = 0,
    progress: Progress = no_progress,
    command: str = "",
) -> Path:
    """Train a picture network on a folder, and write run.json, NAME/weights and sample pictures.

    An interrupted run goes on after its last finished epoch when it is started again: same network, settings and
    pictures, and the same `output_dir`.

    Parameters
    ----------
    name : str
        Name of the network.
    data_dir : Path
        The folder of labelled pictures.
    output_dir : Path, optional
        Where the run is written; a new folder of HEARTVISION_HOME/runs if None.
    plan : FolderPlan, optional
        How to train; the network's usual plan if None.
    tune : int, optional
        Search learning rate, batch, dropout, frozen depth and augmentation in this many trials on the validation part
        first; bad trials stop early, and an interrupted search on the same pictures resumes, whatever the output is.
    progress : Progress, optional
        Called with what is being done, for a progress display.
    command : str, optional
        The command to record; the usual one if empty.

    Returns
    -------
    Path
        The folder written.

    Raises
    ------
    DataError
        If the folder is not a dataset, or a class has too few pictures.
    UsageError
        If the network cannot be trained on folders, or `output_dir` holds a finished run or anything else, or lies in
        the pictures or in the shipped weights.
    """
    use, started, commit = folder_use(name), time.monotonic(), current_commit()  # before the tree changes meanwhile
    if output_dir is not None:
        check_output(output_dir, data_dir)
    given = plan or usual_plan(use)
    dataset = read_folder(data_dir, progress=lambda f, s: progress(0.1 * f, s))
    key = _key(name, dataset, given, tune)
    output = output_dir or place_of_run(key, name, data_dir)
    prepared = prepare(dataset, given, progress)
    dataset, chosen, pictures = prepared.dataset, prepared.plan, prepared.pictures
    division = divide(dataset, prepared.copies, chosen)
    training_data = prepared.divided(division)
    label = training_data.label
    searched = Tuned(chosen, (), ())
    if tune:
        searched = _tuned(name, training_data, chosen, tune, _journal(name, dataset, chosen), progress)
        chosen = searched.plan
    fitted = _fitted(name, training_data, chosen, output, key, stretch_of(progress, 0.2, 0.9))
    model, history, chosen = fitted.model, fitted.history, fitted.plan
    held, tested = (logits_of(model)(pictures[rows]) for rows in (division.validation, division.test))
    temperature = fit_temperature(held, label[division.validation], smoothed=True)
    p = softmax(tested, temperature=temperature)
    told = command or f"python -m pipeline train --model {name} --data {data_dir.name}"
    minutes = round((time.monotonic() - started) / 60, 2)
    facts = _facts(dataset, chosen, temperature, told, minutes, history, division)
    facts |= {"commit": commit, "abstain_below": _least_confidence(softmax(held, temperature=temperature))}
    groups = joined(dataset, prepared.copies)
    report = class_report(p, label[division.test], dataset.classes, group=groups[division.test])
    golden = pictures[division.test[:4]]
    with _written(output):
        registry.write(name, model, history, golden, facts, output)
    run = FolderRun(
        model=name,
        dataset=data_dir.name,
        provenance=Provenance(told, commit, f"{len(dataset.pictures)} pictures of {data_dir.name}", now()),
        classes=dataset.classes,
        counts={split or "all": dataset.counts(split) for split in dataset.splits},
        division=DivisionCounts(
            train=int(division.train.size),
            validation=int(division.validation.size),
            test=int(division.test.size),
            dropped=division.dropped,
            own_test=division.own_test,
            by_patient=division.by_patient,
        ),
        refused=len(dataset.refused),
        verdict=_verdict(dataset, division),
        plan=RunPlan(**{k: v for k, v in vars(chosen).items() if k != "usual"}, input_shape=tuple(pictures.shape[1:])),
        trials=searched.trials,
        importance=searched.importance,
        curves={measure: tuple(values) for measure, values in history.items()},
        temperature=temperature,
        report=report,
        samples=(),
        minutes=minutes,
        start=fitted.start,
        warnings=(
            *doubts(p.argmax(axis=1), training_data, chosen, history, _settled(model, training_data)),
            *untested(report, label),
        ),
        left_out=tuple(f"{file.path}: {file.reason}" for file in dataset.refused[:LEFT_OUT]),
    )
    write_taught(output, dataset, {"train": division.train, "validation": division.validation})
    write_results(output, run, predictions(dataset, division.test, groups, p), pictures[division.test])
    remove_checkpoint(output)
    link_run(output, name, data_dir.name)
    return output


def _fitted(
    name: str, training_data: FolderTrainingData, plan: FolderPlan, output: Path, key: str, progress: Progress
) -> Fitted:
    """Train, with checkpoints in `output`; a training that is refused leaves nothing there."""
    is_new = not output.exists()
    checkpoint = checkpoint_of(output, key)
    try:
        with _written(output):
            return fit(name, training_data, plan, progress, checkpoint=checkpoint)
    except EcgError:
        if is_without_epochs(output):
            remove_checkpoint(output)
        if is_new and not any(output.iterdir()):
            output.rmdir()
        raise


@contextmanager
def _written(output: Path) -> Iterator[None]:
    """Say in a sentence that a run could not be written."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"The run could not be written to {str(output)!r} ({error.strerror}); make room, and give the same command "
            "again: it goes on after the last epoch that was kept."
        ) from error


def _settled(model: Any, training_data: FolderTrainingData) -> IntArray | None:
    """Return what a network with batch statistics answers to its training pictures now; None for any other."""
    if not any(hasattr(layer, "momentum") for layer in model.layers):
        return None
    return np.asarray(logits_of(model)(training_data.pictures[training_data.division.train]).argmax(axis=1))


def _verdict(dataset: FolderDataset, division: Division) -> CopiesVerdict:
    parts = division.train, division.validation, division.test
    notice = patient_notice(dataset, parts, by_patient=division.by_patient)
    return with_notice(verdict(dataset, find_copies(dataset)), notice)


def _key(name: str, dataset: FolderDataset, plan: FolderPlan, tune: int) -> str:
    """Return what a run is resumed by: network, plan, search, and pictures in splits and classes."""
    content = sorted(
        (picture.split, picture.class_name, picture.digest, picture.patient) for picture in dataset.pictures
    )
    return hashlib.sha256(f"{name} {plan!r} {tune} {content!r}".encode()).hexdigest()


def _tuned(
    name: str, training_data: FolderTrainingData, plan: FolderPlan, trials: int, journal: Path, progress: Progress
) -> Tuned:
    def measure(tried: FolderPlan, watch: Watch) -> float:
        return min(fit(name, training_data, tried, watch=watch).history["val_loss"])

    return tuned(
        plan,
        [cut or EVERYTHING for cut in folder_use(name).cuts],
        measure,
        trials=trials,
        changes=training_data.variants is None,
        journal=journal,
        progress=lambda f, s: progress(0.2, s),
    )


def _journal(name: str, dataset: FolderDataset, plan: FolderPlan) -> Path:
    """Return where the trials of a search are stored: a file per network, plan and pictures in splits and classes."""
    return runs_folder() / "tune" / f"{name}-{_key(name, dataset, plan, 0)[:12]}.journal"


def _least_confidence(p: FloatArray) -> float:
    """Return the confidence below which a picture gets no class, so that `ANSWERED` of new pictures are expected to.

    Of n validation pictures the r-th least sure has r / (n + 1) of new ones below it, on average. Below the least sure
    the confidence is taken to fall evenly to that of chance, 1 / k: fewer than 99 pictures cannot tell what 1 in 100
    falls below, and the threshold stays under all of theirs. It is rounded down: rounded up, it could reach 1.0, and
    nothing would get a class.

    References
    ----------
    Hyndman and Fan 1996, doi:10.1080/00031305.1996.10473566, definition 6 (after Weibull). Deviation: the end at 1 / k.
    """
    ranked = np.concatenate(([1 / p.shape[1]], np.sort(p.max(axis=1))))
    least = np.interp((1 - ANSWERED) * len(ranked), np.arange(len(ranked)), ranked)
    return math.floor(float(least) * _STEPS) / _STEPS


def _facts(
    dataset: FolderDataset,
    plan: FolderPlan,
    temperature: float,
    command: str,
    minutes: float,
    history: dict[str, list[float]],
    division: Division,
) -> dict[str, Any]:
    return {
        "classes": dataset.classes,
        "preprocessing": FOLDER_PAGES if plan.reads == "pages" else FOLDER_PICTURES,
        "logit_bias": (0.0,) * len(dataset.classes),
        "temperature": temperature,
        "threshold": 0.5,
        "picture_threshold": 0.5,
        "trained_on": f"{division.train.size} pictures of the folder {dataset.root.name}",
        "train_records": (),
        "validation_records": (),
        "command": command,
        "seed": plan.seed,
        "training_minutes": minutes,
        "pictures_seen": len(history["loss"]) * int(division.train.size),
    }
