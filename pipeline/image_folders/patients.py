"""Patients of a folder of pictures: divided whole where its manifest names them, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.datasets.patient_parts import PARTS, most_even
from pipeline.image_folders.dataset import FolderDataset
from pipeline.image_folders.runs import CopiesVerdict
from pipeline.types import IntArray
from pipeline.wording import counted

Parts = tuple[IntArray, IntArray, IntArray]
NOTHING_LEAKS: Final = "clean"


def joined(dataset: FolderDataset, copies: IntArray) -> IntArray:
    """Return the groups (n,) of copies, joined where pictures are of one patient by the folder's manifest.

    Parameters
    ----------
    dataset : FolderDataset
        The folder.
    copies : (n,) int64
        Number of each picture's group of copies.
    """
    patient = _numbers(dataset)
    known = np.flatnonzero(patient >= 0)
    if not known.size:
        return copies
    count = int(copies.max()) + 1
    size = count + int(patient.max()) + 1
    edges = coo_array((np.ones(known.size), (copies[known], count + patient[known])), shape=(size, size))
    group = connected_components(edges, directed=False)[1][copies]
    return np.unique(group, return_inverse=True)[1].astype(np.int64)


def whole_patients(dataset: FolderDataset, copies: IntArray, label: IntArray, held_out: int, seed: int) -> Parts | None:
    """Return the pictures of the patients to train on, to choose the epoch by and to test on, classes spread evenly.

    Parameters
    ----------
    dataset : FolderDataset
        The folder.
    copies : (n,) int64
        Number of each picture's group of copies; copies of one picture stay together, whoever they are of.
    label : (n,) int64
        Class of each picture.
    held_out : int
        One in so many pictures is to be tested on, and one in so many of the others is for validation.
    seed : int
        Of the random generator.

    Returns
    -------
    tuple of (n,) int64 or None
        Indices for training, validation and test; None if the manifest names no patients, or too few of them to keep
        them apart and train on every class.
    """
    if not any(picture.patient for picture in dataset.pictures):
        return None
    unit = joined(dataset, copies)
    table = np.zeros((int(unit.max()) + 1, len(dataset.classes)))
    np.add.at(table, (unit, label), 1)
    if len(table) < len(PARTS):
        return None
    test, rest = 1 / held_out, 1 - 1 / held_out
    shares = {"train": rest * (1 - 1 / held_out), "val": rest / held_out, "test": test}
    part = np.array(most_even(table, seed, shares))[unit]
    train, validation, tested = (np.flatnonzero(part == name) for name in PARTS)
    if np.unique(label[train]).size < len(dataset.classes):
        return None
    return train, validation, tested


def patient_notice(dataset: FolderDataset, parts: Parts, *, by_patient: bool) -> str:
    """Return what a reader must know of the patients of a division; "" where the manifest names none.

    Parameters
    ----------
    dataset : FolderDataset
        The folder.
    parts : tuple of (n,) int64
        Indices for training, validation and test.
    by_patient : bool
        Whether whole patients were divided.
    """
    patient = _numbers(dataset)
    train, validation, test = (set(patient[rows][patient[rows] >= 0].tolist()) for rows in parts)
    unknown = int((patient < 0).sum())
    if unknown == patient.size:
        return ""
    strangers = f" Of {unknown} pictures, manifest.csv does not say whose they are." if unknown else ""
    if by_patient:
        return (
            f"Divided by patient, as manifest.csv names them: {len(train)} to train on, {len(validation)} for "
            f"validation, {len(test)} to test on; nobody is in two parts.{strangers}"
        )
    if shared := test & (train | validation):
        count = len(np.unique(patient[patient >= 0]))
        few = (
            f" {counted(count, 'patient')} {'is' if count == 1 else 'are'} too few to keep apart and train on every "
            "class: add patients."
        )
        why = "" if any(dataset.splits) else few
        return (
            f"Leakage: {len(shared)} of the {len(test)} patients tested on are in the training or validation part too, "
            f"so the scores say how well these patients are recognised and promise nothing for new ones."
            f"{why}{strangers}"
        )
    return f"Nobody of the {len(test)} patients tested on is in another part, by manifest.csv.{strangers}"


def with_notice(found: CopiesVerdict, notice: str) -> CopiesVerdict:
    """Return a verdict on copies with what is said of patients before it; a leak of patients is a leak.

    Parameters
    ----------
    found : CopiesVerdict
        What copies mean.
    notice : str
        As `patient_notice` returns it.
    """
    if not notice:
        return found
    if not notice.startswith("Leakage"):
        return replace(found, sentences=(notice, *found.sentences))
    others = () if found.severity == NOTHING_LEAKS else found.sentences  # else they say that nothing leaks
    return CopiesVerdict("leak", (notice, *others))


def _numbers(dataset: FolderDataset) -> IntArray:
    """Return the number (n,) of each picture's patient; -1 where nobody knows."""
    names = sorted({picture.patient for picture in dataset.pictures} - {""})
    number = {name: i for i, name in enumerate(names)} | {"": -1}
    return np.array([number[picture.patient] for picture in dataset.pictures], np.int64)
