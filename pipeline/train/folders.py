"""Fine-tuning a network on a folder of labelled pictures, and what is kept of such a run."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models import registry
from models.networks import NETWORKS
from models.runtime import dtype_policy, keras
from models.transfer import TailPlan, feature_maps, fit_tail, logits_of, tail_of
from pipeline.config import data_root
from pipeline.datasets.folder_runs import RUN_SCHEMA, runs_folder
from pipeline.datasets.folders import FolderDataset, copy_groups, find_copies, read_folder, verdict
from pipeline.datasets.pages import folds
from pipeline.domain import IntArray, PictureArray
from pipeline.errors import DataError
from pipeline.evaluate.calibration import fit_temperature, negative_log_likelihood, softmax
from pipeline.evaluate.classes import class_report, macro_f1
from pipeline.evaluate.run import current_commit, write_json
from pipeline.export.pictures import write_png
from pipeline.intake import read_picture
from pipeline.train.search import Range, search

Progress = Callable[[float, str], None]
Array = NDArray[Any]

SPACE: Final = {"learning_rate": Range(2e-4, 5e-3, log=True), "dropout": Range(0.1, 0.6), "frozen": Range(0.0, 1.0)}
# Where a network can be divided, from the first layer that may learn to the last; "" lets everything learn.
FROZEN_UP_TO: Final = {
    "vgg16": ("block5_pool", "block4_pool", "block3_pool"),
    "mobilenet": ("block_13_expand_relu", "block_9_add", "block_6_expand_relu"),
    "cnn": ("",),
}
SAMPLES: Final = 12
STEPS_MIN: Final = 8  # of an epoch
_PAPER: Final = 255


@dataclass(frozen=True)
class FolderPlan:
    """How a folder is learnt: `head_epochs` with everything before the head frozen, then `tuning_epochs` from
    `frozen_up_to` on, at a fifth of the learning rate; `frozen_up_to` "" is the network's usual place.
    """

    head_epochs: int = 12
    tuning_epochs: int = 8
    patience: int = 3
    learning_rate: float = 1e-3
    dropout: float = 0.4
    frozen_up_to: str = ""
    held_out: int = 5  # one part of so many is held out, for validation and (if the folder has no test) for the test
    side_px: int = 96
    batch: int = 32
    seed: int = 20261122


@dataclass(frozen=True, eq=False)
class Division:
    """Indices of pictures that are learnt, that choose the epoch, that are scored; `dropped` copies were left out."""

    train: IntArray
    validation: IntArray
    test: IntArray
    dropped: int
    own_test: bool


def run_folder(
    name: str,
    data_dir: Path,
    output_dir: Path | None = None,
    *,
    plan: FolderPlan | None = None,
    tune: int = 0,
    progress: Progress = lambda fraction, sentence: None,
    command: str = "",
) -> Path:
    """Fine-tune a picture network on a folder; writes run.json, NAME/weights and sample pictures, returns the folder.

    Parameters
    ----------
    output_dir : Path, optional
        Where the run is written; a new folder of HEARTVISION_HOME/runs if None.
    tune : int
        Look for learning rate, dropout and frozen depth in so many trials on the validation part first; an
        interrupted search on the same pictures goes on, whatever the output is.

    Raises
    ------
    DataError
        If the folder is no dataset, the network reads no pictures, or a class has too few pictures.
    """
    if name not in FROZEN_UP_TO:
        raise DataError(f"Network {name!r} cannot learn a folder; choose one of {', '.join(FROZEN_UP_TO)}.")
    started = time.monotonic()
    keras().mixed_precision.set_global_policy(dtype_policy())
    dataset = read_folder(data_dir, progress=lambda f, s: progress(0.1 * f, s))
    chosen = plan or FolderPlan()
    copies = copy_groups(dataset)
    division = divide(dataset, copies, chosen)
    shape = picture_shape(dataset, chosen.side_px)
    pictures = load_pictures(dataset, shape, progress)
    output = output_dir or runs_folder() / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{name}-{_slug(data_dir.name)}"
    output.mkdir(parents=True, exist_ok=True)
    label = labels(dataset)
    lesson = Lesson(pictures, label, division, dataset.classes)
    trials: list[dict[str, Any]] = []
    if tune:
        chosen, trials = _tuned(name, lesson, chosen, tune, _journal(name, dataset, chosen), progress)
    model, history = fit(name, lesson, chosen, lambda f, s: progress(0.2 + 0.7 * f, s))
    held, tested = (logits_of(model)(pictures[rows]) for rows in (division.validation, division.test))
    temperature = fit_temperature(held, label[division.validation])
    p = softmax(tested, temperature=temperature)
    told = command or f"python -m pipeline train --model {name} --data {data_dir.name}"
    minutes = round((time.monotonic() - started) / 60, 2)
    facts = _facts(dataset, chosen, temperature, told, minutes, history, division)
    golden = pictures[division.test[:4]]
    registry.write(name, model, history, golden, facts, output)
    groups = find_copies(dataset)
    found = verdict(dataset, groups)
    write_json(
        output / "run.json",
        {
            "schema": RUN_SCHEMA,
            "model": name,
            "dataset": data_dir.name,
            "provenance": {
                "command": told,
                "commit": current_commit(),
                "date": datetime.now(UTC).isoformat(timespec="seconds"),
                "data": f"{len(dataset.pictures)} pictures of {data_dir.name}",
            },
            "classes": list(dataset.classes),
            "counts": {split or "all": dataset.counts(split) for split in dataset.splits},
            "division": {
                "train": int(division.train.size),
                "validation": int(division.validation.size),
                "test": int(division.test.size),
                "dropped": division.dropped,
                "own_test": division.own_test,
            },
            "refused": len(dataset.refused),
            "verdict": {"severity": found.severity, "sentences": list(found.sentences)},
            "plan": {**vars(chosen), "input_shape": list(shape)},
            "trials": trials,
            "curves": history,
            "temperature": temperature,
            "report": class_report(p, label[division.test], dataset.classes, group=copies[division.test]),
            "samples": _write_samples(output, pictures, p, lesson, dataset),
            "minutes": minutes,
        },
    )
    return output


@dataclass(frozen=True, eq=False)
class Lesson:
    """Pictures (n, h, w, 3) uint8, their labels (n,), and what each is for."""

    pictures: PictureArray
    label: IntArray
    division: Division
    classes: tuple[str, ...]


def divide(dataset: FolderDataset, copies: IntArray, plan: FolderPlan) -> Division:
    """The folder's own test and validation where it has them, parts of the training pictures else.

    Copies of held-out pictures are not learnt, and the parts made here never divide a group of copies.

    Raises
    ------
    DataError
        If a class has fewer than two groups of pictures to learn from, or none is left to be tested.
    """
    split, label = np.array([picture.split for picture in dataset.pictures]), labels(dataset)
    learnt = np.flatnonzero((split == "train") | (split == ""))
    test, validation = np.flatnonzero(split == "test"), np.flatnonzero(split == "validation")
    own_test = bool(test.size)
    if not own_test:
        learnt, test = _held_out(learnt, label, copies, plan, 0)
    kept = learnt[~np.isin(copies[learnt], copies[np.concatenate([test, validation])])]
    dropped = learnt.size - kept.size
    clean = validation[~np.isin(copies[validation], copies[test])]
    if clean.size:
        dropped, learnt, validation = dropped + validation.size - clean.size, kept, clean
    else:
        learnt, validation = _held_out(kept, label, copies, plan, 1)
    present = set(label[learnt].tolist())
    missing = [name for i, name in enumerate(dataset.classes) if i not in present]
    if missing or not test.size or not validation.size:
        raise DataError(
            f"Too few pictures: {len(missing)} of {len(dataset.classes)} classes have none left to learn from once "
            f"{test.size} are held out as test and {validation.size} for validation; add pictures."
        )
    return Division(learnt, validation, test, int(dropped), own_test)


def labels(dataset: FolderDataset) -> IntArray:
    """The index (n,) of each picture's class."""
    number = {name: i for i, name in enumerate(dataset.classes)}
    return np.array([number[picture.class_name] for picture in dataset.pictures], np.int64)


def picture_shape(dataset: FolderDataset, side_px: int) -> tuple[int, int, int]:
    """A network's input of about `side_px` squared in the proportions of most pictures, in steps of 32 pixels."""
    ratio = np.median([picture.width_px / picture.height_px for picture in dataset.pictures])
    ratio = float(np.clip(ratio, 0.4, 2.5))
    height, width = (max(64, round(side_px * factor / 32) * 32) for factor in (ratio**-0.5, ratio**0.5))
    return height, width, 3


def load_pictures(dataset: FolderDataset, shape: tuple[int, int, int], progress: Progress) -> PictureArray:
    """All pictures (n, h, w, 3) uint8, scaled into the shape without distortion, on white."""
    found = np.full((len(dataset.pictures), *shape), _PAPER, np.uint8)
    for i, file in enumerate(dataset.files):
        progress(0.1 + 0.1 * i / len(found), f"Loading picture {i + 1} of {len(found)}")
        _place(found[i], read_picture(file.read_bytes(), file.name).pixels)
    return found


def fit(
    name: str, lesson: Lesson, plan: FolderPlan, progress: Progress = lambda fraction, sentence: None
) -> tuple[Any, dict[str, list[float]]]:
    """Train in two phases, the head on frozen features and then what follows `frozen_up_to`; early stopping in both."""
    keras().utils.set_random_seed(plan.seed)
    model = NETWORKS[name].build(lesson.pictures.shape[1:], len(lesson.classes))
    NETWORKS[name].initialise(model, data_root() / "weights")
    for layer in model.layers:
        if "dropout" in layer.name:
            layer.rate = plan.dropout
        if hasattr(layer, "momentum"):
            layer.momentum = 0.9  # of batch statistics: folders are small, and runs a few hundred steps
    cuts = FROZEN_UP_TO[name]
    history: dict[str, list[float]] = {}
    tuned = plan.frozen_up_to or cuts[min(1, len(cuts) - 1)]
    if cuts[0]:
        head = TailPlan(plan.head_epochs, plan.learning_rate, plan.patience)
        history = _phase(model, cuts[0], lesson, head, plan, lambda f, s: progress(0.4 * f, s))
    rate = plan.learning_rate / 5 if cuts[0] else plan.learning_rate
    epochs = plan.tuning_epochs if cuts[0] else plan.head_epochs + plan.tuning_epochs
    second = TailPlan(epochs, rate, plan.patience)
    later = _phase(model, tuned, lesson, second, plan, lambda f, s: progress(0.4 + 0.6 * f, s)) if epochs else {}
    return model, {key: history.get(key, []) + later.get(key, []) for key in later or history}


def augmented(pictures: PictureArray, rng: np.random.Generator) -> PictureArray:
    """Pictures (b, h, w, 3) moved, scaled and made lighter or darker at random; never mirrored: time runs one way."""
    height, width = pictures.shape[1:3]
    changed = np.empty_like(pictures)
    for i, picture in enumerate(pictures):
        scale, turn = rng.uniform(0.92, 1.06), rng.uniform(-2, 2)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
        matrix[:, 2] += rng.uniform(-0.03, 0.03, 2) * (width, height)
        moved = cv2.warpAffine(picture, matrix, (width, height), borderValue=(_PAPER,) * 3)
        changed[i] = np.clip(moved * rng.uniform(0.9, 1.1) + rng.normal(0, 3), 0, 255)
    return changed


def _phase(
    model: Any, cut: str, lesson: Lesson, tail: TailPlan, plan: FolderPlan, progress: Progress
) -> dict[str, list[float]]:
    """Train what follows `cut` (everything if "") on features that are computed once, of three drawings of each."""
    label, division = lesson.label, lesson.division
    rng = np.random.default_rng(plan.seed)
    seen: Callable[[Array], Array] = feature_maps(model, cut) if cut else lambda pictures: pictures
    part = tail_of(model, cut) if cut else model
    taught = lesson.pictures[division.train]
    drawings = np.stack([seen(taught), *(seen(augmented(taught, rng)) for _ in range(2))])
    checked = seen(lesson.pictures[division.validation])
    truth, held = label[division.train], label[division.validation]
    chance = np.bincount(truth)[truth].astype(np.float64) ** -0.5
    size = min(plan.batch, taught.shape[0])

    def batches(epoch: int) -> Iterator[tuple[Array, Array]]:
        lots = np.random.default_rng([plan.seed, epoch])
        for _ in range(max(taught.shape[0] // size, STEPS_MIN)):
            drawn = lots.choice(truth.size, size, p=chance / chance.sum())
            yield drawings[lots.integers(0, len(drawings), size), drawn], truth[drawn]

    def validate(logits: Callable[[Array], Array]) -> dict[str, float]:
        found = logits(checked)
        loss = negative_log_likelihood(softmax(found), held)
        return {"val_loss": loss, "val_macro_f1": macro_f1(found.argmax(axis=1), held, len(lesson.classes))}

    return fit_tail(part, batches, validate, tail, progress)


def _tuned(
    name: str, lesson: Lesson, plan: FolderPlan, trials: int, journal: Path, progress: Progress
) -> tuple[FolderPlan, list[dict[str, Any]]]:
    cuts = FROZEN_UP_TO[name]

    def planned(settings: Mapping[str, float]) -> FolderPlan:
        depth = cuts[min(int(settings["frozen"] * len(cuts)), len(cuts) - 1)]
        return replace(plan, learning_rate=settings["learning_rate"], dropout=settings["dropout"], frozen_up_to=depth)

    def measure(settings: Mapping[str, float]) -> float:
        return min(fit(name, lesson, planned(settings))[1]["val_loss"])

    first = {"learning_rate": plan.learning_rate, "dropout": plan.dropout, "frozen": 0.5}
    found = search(journal, SPACE, measure, trials, first=first, progress=lambda f, s: progress(0.2, s))
    told = [{**dict(settings), "frozen_up_to": planned(settings).frozen_up_to, "val_loss": value}
            for settings, value in found.trials]  # fmt: skip
    return planned(found.best), told


def _journal(name: str, dataset: FolderDataset, plan: FolderPlan) -> Path:
    """Where the trials of a search are kept: one file per network, plan and pictures in their splits and classes."""
    content = sorted((picture.split, picture.class_name, picture.digest) for picture in dataset.pictures)
    key = hashlib.sha256(f"{name} {plan!r} {content!r}".encode()).hexdigest()[:12]
    return runs_folder() / "tune" / f"{name}-{key}.journal"


def _held_out(
    rows: IntArray, label: IntArray, copies: IntArray, plan: FolderPlan, number: int
) -> tuple[IntArray, IntArray]:
    """The rows without and with one of `plan.held_out` parts, which respect classes and groups of copies."""
    if not rows.size:
        return rows, rows
    group = np.unique(copies[rows], return_inverse=True)[1]
    part = folds(label[rows], group, plan.held_out, plan.seed + number)
    return rows[part != 0], rows[part == 0]


def _place(paper: PictureArray, picture: PictureArray) -> None:
    height, width = paper.shape[:2]
    scale = min(height / picture.shape[0], width / picture.shape[1])
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    paper[top : top + size[1], left : left + size[0]] = small


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
        "preprocessing": "folder-1",
        "logit_bias": (0.0,) * len(dataset.classes),
        "temperature": temperature,
        "threshold": 0.5,
        "picture_threshold": 0.5,
        "abstain_below": 0.5,
        "trained_on": f"{division.train.size} pictures of the folder {dataset.root.name}",
        "train_records": (),
        "validation_records": (),
        "commit": current_commit(),
        "command": command,
        "seed": plan.seed,
        "training_minutes": minutes,
        "pictures_seen": len(history["loss"]) * int(division.train.size),
    }


def _write_samples(
    output: Path, pictures: PictureArray, p: Array, lesson: Lesson, dataset: FolderDataset
) -> list[dict[str, Any]]:
    """Pictures of the test with their answers: the surest mistakes first, then correct ones of each class."""
    test, predicted = lesson.division.test, p.argmax(axis=1)
    wrong = [i for i in np.argsort(-p.max(axis=1), kind="stable") if predicted[i] != lesson.label[test[i]]]
    right = [i for i in range(test.size) if predicted[i] == lesson.label[test[i]]]
    shown = []
    for number, i in enumerate((wrong[: SAMPLES // 2] + right)[:SAMPLES]):
        file = f"sample-{number:02d}.png"
        write_png(pictures[test[i]], output / file)
        shown.append(
            {
                "file": file,
                "path": dataset.pictures[test[i]].path,
                "class": lesson.classes[lesson.label[test[i]]],
                "predicted": lesson.classes[int(predicted[i])],
                "confidence": round(float(p[i].max()), 4),
            }
        )
    return shown


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()[:40] or "folder"
