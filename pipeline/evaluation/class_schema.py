"""Scores of a classifier of whole images: the page network and runs on folders."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.evaluation.schema import Column, Estimate, Matrix


@dataclass(frozen=True)
class PictureScores:
    """The scores of a classifier of whole pictures, over all classes."""

    macro_f1: Estimate
    accuracy: Estimate
    balanced_accuracy: Estimate


@dataclass(frozen=True)
class PictureClassRow:
    """The scores of one class of pictures.

    Attributes
    ----------
    class_name : str
        The class ("class" in the file).
    reference, predicted : int
        Pictures of this class, and pictures called so.
    precision, recall, f1 : Estimate
        Scores with their intervals.
    """

    class_name: str = field(metadata={"key": "class"})
    reference: int
    predicted: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


@dataclass(frozen=True)
class StatedAndObserved:
    """Stated confidence, how often it came true, and pictures, bin by bin; None in an empty bin."""

    stated: Column
    observed: Column
    count: tuple[int, ...]


@dataclass(frozen=True)
class ClassReport:
    """All scores of a classifier of whole pictures.

    Attributes
    ----------
    pictures, groups : int
        Pictures, and groups of them that are resampled for the intervals.
    overall : PictureScores
        Accuracy, macro-F1 and the like.
    ece : float
        Expected calibration error.
    classes : tuple of PictureClassRow
        One row per class.
    confusion : Matrix
        Confusion matrix, rows the reference.
    reliability : StatedAndObserved
        Stated and observed confidence by bin.
    """

    pictures: int
    groups: int
    overall: PictureScores
    ece: float
    classes: tuple[PictureClassRow, ...]
    confusion: Matrix
    reliability: StatedAndObserved

    def class_row(self, name: str) -> PictureClassRow:
        """Return the row of a class."""
        return next(row for row in self.classes if row.class_name == name)
