"""A folder of labelled pictures as a training set: what is trained on, what is held out, the pictures at one size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline._util.progress import Progress, no_progress
from pipeline.errors import DataError, UsageError
from pipeline.image_folders.copies import copy_groups
from pipeline.image_folders.dataset import FolderDataset
from pipeline.image_folders.pages import VARIANTS, draw_pages, looks_like_pages, read_pages, redrawn, with_patients
from pipeline.image_folders.patients import joined, whole_patients
from pipeline.intake import read_picture
from pipeline.page_classifier.dataset import folds
from pipeline.types import IntArray, PictureArray

CLASS_WEIGHTS: Final = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}  # power of a class's count that divides its chance
_PAPER: Final = 255


@dataclass(frozen=True)
class FolderPlan:
    """How to train on a folder.

    Attributes
    ----------
    head_epochs : int
        Epochs with everything before the head frozen.
    tuning_epochs : int
        Epochs from `frozen_up_to` on, at a fifth of the learning rate.
    patience : int
        So many epochs without a better one end a phase.
    learning_rate, dropout : float
        Of the head.
    frozen_up_to : str
        The first layer that is tuned; "" is the network's usual place.
    held_out : int
        One in so many parts is held out, for validation and, if the folder has no test part, for scoring.
    side_px : int
        Side of the pictures.
    batch, seed : int
        Pictures in a batch, and seed of the random generators.
    warmup_epochs : int
        So many epochs of a phase raise the learning rate and cannot end it: patience counts from there on.
    size_px : tuple of int
        Height and width of the pictures; () takes `side_px` and the proportions of most pictures.
    augmentation : float
        Strength of the random changes to the training pictures, 1 the usual one, 0 none.
    class_weights : str
        How often the pictures of each class are drawn: "none" (as often as they occur), "sqrt", "balanced", or a
        factor for each class that differs from 1, "NAME=2,OTHER=0.5".
    reads : {"auto", "pictures", "pages"}
        Whether the network sees the pictures as they are, or 12-lead pages redrawn (`pages.redrawn`); "auto" redraws if
        nearly all can be read as such pages.
    usual : tuple of str
        Which of "epochs" and "patience" nobody chose, so that a random start has more of them (`fitting.by_start`).
    """

    head_epochs: int = 12
    tuning_epochs: int = 8
    patience: int = 3
    learning_rate: float = 1e-3
    dropout: float = 0.4
    frozen_up_to: str = ""
    held_out: int = 5  # one in this many parts is held out, for validation and (if the folder has no test) for testing
    side_px: int = 96
    batch: int = 32
    seed: int = 20261122
    warmup_epochs: int = 2
    size_px: tuple[int, ...] = ()
    augmentation: float = 1.0
    class_weights: str = "sqrt"
    reads: Literal["auto", "pictures", "pages"] = "auto"
    usual: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Division:
    """How the pictures of a folder are divided.

    Attributes
    ----------
    train, validation, test : (n,) int64
        Indices of the pictures for training, for choosing the epoch and for scoring.
    dropped : int
        Copies of held-out pictures, which are not trained on.
    own_test : bool
        Whether the folder has a test part of its own.
    by_patient : bool
        Whether whole patients were divided.
    """

    train: IntArray
    validation: IntArray
    test: IntArray
    dropped: int
    own_test: bool
    by_patient: bool = False


@dataclass(frozen=True, eq=False)
class FolderTrainingData:
    """Pictures as a network is trained on them.

    Attributes
    ----------
    pictures : (n, h, w, 3) uint8
        RGB.
    label : (n,) int64
        Indices of `classes`.
    division : Division
        What each is for.
    classes : tuple of str
        The folder's classes.
    variants : (v, n, h, w, 3) uint8 or None
        Random drawings of each picture, which are trained on in place of changed pictures.
    """

    pictures: PictureArray
    label: IntArray
    division: Division
    classes: tuple[str, ...]
    variants: PictureArray | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """The pictures of a folder as a network sees them, not divided yet.

    Attributes
    ----------
    dataset : FolderDataset
        The folder; where 12-lead pages are read, without those that cannot be.
    plan : FolderPlan
        The plan, with "auto" replaced by what was found.
    copies : (n,) int64
        Number of each picture's group of copies, and of pages that look like one patient's.
    pictures : (n, h, w, 3) uint8
        RGB.
    variants : (v, n, h, w, 3) uint8 or None
        As in `FolderTrainingData`.
    """

    dataset: FolderDataset
    plan: FolderPlan
    copies: IntArray
    pictures: PictureArray
    variants: PictureArray | None = None

    def divided(self, division: Division) -> FolderTrainingData:
        """Return the pictures, with what each is for."""
        dataset = self.dataset
        return FolderTrainingData(self.pictures, labels(dataset), division, dataset.classes, self.variants)


def divide(dataset: FolderDataset, copies: IntArray, plan: FolderPlan) -> Division:
    """Use the folder's own test and validation parts if it has them, else parts of the training pictures.

    Copies of held-out pictures are not trained on, and the parts made here never divide a group of copies. Without
    parts of its own, a folder whose manifest names patients is divided by patient.

    Parameters
    ----------
    dataset : FolderDataset
        The folder.
    copies : (n,) int64
        Number of each picture's group of copies.
    plan : FolderPlan
        Size of the parts, and the seed.

    Raises
    ------
    DataError
        If a class has fewer than two groups of pictures to train on, or none is left for testing.
    """
    split, label = np.array([picture.split for picture in dataset.pictures]), labels(dataset)
    training = np.flatnonzero((split == "train") | (split == ""))
    test, validation = np.flatnonzero(split == "test"), np.flatnonzero(split == "validation")
    own_test = bool(test.size)
    if (
        not own_test
        and not validation.size
        and (parts := whole_patients(dataset, copies, label, plan.held_out, plan.seed))
    ):
        return Division(*parts, dropped=0, own_test=False, by_patient=True)
    if not own_test:
        training, test = _held_out(training, label, copies, plan, 0)
    kept = training[~np.isin(copies[training], copies[np.concatenate([test, validation])])]
    dropped = training.size - kept.size
    clean = validation[~np.isin(copies[validation], copies[test])]
    if clean.size:
        dropped, training, validation = dropped + validation.size - clean.size, kept, clean
    else:
        training, validation = _validation(dataset, kept, label, copies, plan)
    _check_parts(dataset, label, training, validation, test)
    return Division(training, validation, test, int(dropped), own_test)


def _validation(
    dataset: FolderDataset, rows: IntArray, label: IntArray, copies: IntArray, plan: FolderPlan
) -> tuple[IntArray, IntArray]:
    """Return the rows without and with a part for validation: of other patients, where that leaves every class."""
    for group in (joined(dataset, copies), copies):
        training, validation = _held_out(rows, label, group, plan, 1)
        if validation.size and np.unique(label[training]).size == np.unique(label[rows]).size:
            break
    return training, validation


def _check_parts(
    dataset: FolderDataset, label: IntArray, training: IntArray, validation: IntArray, test: IntArray
) -> None:
    counts = np.bincount(label[training], minlength=len(dataset.classes))
    missing = [name for name, count in zip(dataset.classes, counts, strict=True) if not count]
    held_out = f"{test.size} are held out as test and {validation.size} for validation"
    if missing:
        whole = np.bincount(label, minlength=len(dataset.classes))
        listed = ", ".join(f"{name!r} ({whole[dataset.classes.index(name)]} in all)" for name in missing)
        raise DataError(
            f"Too few pictures: {listed} of {dataset.root.name!r} has none left to be trained on once {held_out}; "
            "add pictures of it, or take its folder away."
        )
    if not test.size or not validation.size:
        raise DataError(
            f"Too few pictures in {dataset.root.name!r}: of {len(dataset.pictures)}, {held_out}; add pictures."
        )


def labels(dataset: FolderDataset) -> IntArray:
    """Return the index (n,) of each picture's class."""
    number = {name: i for i, name in enumerate(dataset.classes)}
    return np.array([number[picture.class_name] for picture in dataset.pictures], np.int64)


def picture_shape(dataset: FolderDataset, side_px: int) -> tuple[int, int, int]:
    """Return a network's input: about `side_px` squared, in the proportions of most pictures, in steps of 32 pixels."""
    ratio = np.median([picture.width_px / picture.height_px for picture in dataset.pictures])
    ratio = float(np.clip(ratio, 0.4, 2.5))
    height, width = (max(64, round(side_px * factor / 32) * 32) for factor in (ratio**-0.5, ratio**0.5))
    return height, width, 3


def input_shape(dataset: FolderDataset, plan: FolderPlan) -> tuple[int, int, int]:
    """Return a network's input (height, width, 3): the plan's size, else its side in the proportions of the pictures.

    A redrawn page is square.
    """
    if plan.size_px:
        return plan.size_px[0], plan.size_px[1], 3
    return (plan.side_px, plan.side_px, 3) if plan.reads == "pages" else picture_shape(dataset, plan.side_px)


def prepare(dataset: FolderDataset, plan: FolderPlan, progress: Progress = no_progress) -> Prepared:
    """Load the pictures of a folder; 12-lead pages are redrawn, if the plan does not forbid it.

    Parameters
    ----------
    dataset : FolderDataset
        The folder.
    plan : FolderPlan
        Size, and how pictures are read.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Raises
    ------
    DataError
        If the folder was to be read as pages and is none.
    """
    as_pages = plan.reads == "pages" or (plan.reads == "auto" and looks_like_pages(dataset))
    plan = replace(plan, reads="pages" if as_pages else "pictures")
    if not as_pages:
        pictures = load_pictures(dataset, input_shape(dataset, plan), progress)
        return Prepared(dataset, plan, copy_groups(dataset), pictures)
    pages = read_pages(dataset, progress)
    copies, shape = copy_groups(pages.dataset), input_shape(pages.dataset, plan)
    numbers = range(1 + VARIANTS if plan.augmentation else 1)
    variants = np.stack([sized(draw_pages(pages.beats, number), shape) for number in numbers])
    groups = with_patients(pages, copies, labels(pages.dataset))
    return Prepared(pages.dataset, plan, groups, variants[0], variants)


def seen_by(pixels: PictureArray, shape: tuple[int, ...], reads: str) -> PictureArray:
    """Return a picture as a network trained on a folder sees it.

    Parameters
    ----------
    pixels : (h, w, 3) uint8
        RGB.
    shape : tuple of int
        The network's input: height, width and 3.
    reads : {"pictures", "pages"}
        `RunPlan.reads` of its run.

    Returns
    -------
    (height, width, 3) uint8
        RGB.

    Raises
    ------
    IntakeError
        If it should be a 12-lead page and is none that can be read.
    """
    picture = redrawn(pixels) if reads == "pages" else pixels
    return np.asarray(sized(picture[None], shape)[0])


def sized(pictures: PictureArray, shape: tuple[int, ...]) -> PictureArray:
    """Return pictures (n, h, w, 3) scaled into a shape (height, width, 3) without distortion, on white."""
    found = np.full((len(pictures), *shape), _PAPER, np.uint8)
    for paper, picture in zip(found, pictures, strict=True):
        _place(paper, picture)
    return found


def load_pictures(dataset: FolderDataset, shape: tuple[int, int, int], progress: Progress) -> PictureArray:
    """Load all pictures, scaled into a shape without distortion, on white.

    Parameters
    ----------
    dataset : FolderDataset
        The folder.
    shape : tuple[int, int, int]
        Height, width (pixels) and 3.
    progress : Progress
        Called with what is being done, for a progress display.

    Returns
    -------
    (n, h, w, 3) uint8
        RGB.
    """
    found = np.full((len(dataset.pictures), *shape), _PAPER, np.uint8)
    for i, file in enumerate(dataset.files):
        progress(0.1 + 0.1 * i / len(found), f"Loading picture {i + 1} of {len(found)}")
        _place(found[i], read_picture(file.read_bytes(), file.name).pixels)
    return found


def draw_chances(label: IntArray, classes: tuple[str, ...], class_weights: str) -> NDArray[np.float64]:
    """Return how probably each training picture is drawn, (n,) float64 with sum 1.

    Parameters
    ----------
    label : (n,) int64
        Indices of `classes`.
    classes : tuple of str
        The folder's classes.
    class_weights : str
        As `FolderPlan.class_weights`.

    Raises
    ------
    UsageError
        If it names a class that is not there, or a factor that is no positive number.
    """
    if (power := CLASS_WEIGHTS.get(class_weights)) is not None:
        chance = np.bincount(label)[label].astype(np.float64) ** -power
    else:
        chance = class_factors(class_weights, classes)[label]
    return np.asarray(chance / chance.sum())


def class_factors(class_weights: str, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the factor of each class (k,) from "NAME=2,OTHER=0.5"; 1 for those that are not named.

    Raises
    ------
    UsageError
        If it names a class that is not there, or a factor that is no positive number.
    """
    factors = np.ones(len(classes))
    for part in class_weights.split(","):
        name, _, factor = part.strip().rpartition("=")
        if name not in classes:
            raise UsageError(f"class_weights names {name or part!r}; the classes are {', '.join(classes)}.")
        try:
            factors[classes.index(name)] = float(factor)
        except ValueError as error:
            raise UsageError(f"class_weights gives class {name!r} the factor {factor!r}, no number.") from error
    if not (np.isfinite(factors) & (factors > 0)).all():
        raise UsageError(f"class_weights is {class_weights!r}; every factor must be a positive number.")
    return factors


def augmented(pictures: PictureArray, rng: np.random.Generator, strength: float = 1.0) -> PictureArray:
    """Return pictures (b, h, w, 3) shifted, scaled and made lighter or darker at random, but never mirrored.

    Parameters
    ----------
    pictures : (b, h, w, 3) uint8
        RGB.
    rng : Generator
        Random generator.
    strength : float
        Multiplies every range; 0 changes nothing.
    """
    if not strength:
        return pictures
    height, width = pictures.shape[1:3]
    changed = np.empty_like(pictures)
    for i, picture in enumerate(pictures):
        scale, turn = 1 + strength * rng.uniform(-0.08, 0.06), strength * rng.uniform(-2, 2)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
        matrix[:, 2] += strength * rng.uniform(-0.03, 0.03, 2) * (width, height)
        moved = cv2.warpAffine(picture, matrix, (width, height), borderValue=(_PAPER,) * 3)
        changed[i] = np.clip(moved * (1 + strength * rng.uniform(-0.1, 0.1)) + strength * rng.normal(0, 3), 0, 255)
    return changed


def _held_out(
    rows: IntArray, label: IntArray, copies: IntArray, plan: FolderPlan, number: int
) -> tuple[IntArray, IntArray]:
    """Return the rows without and with one of `plan.held_out` parts, which respect classes and groups of copies."""
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
