"""What result files share: estimates with intervals, the network that was measured, its speed.

The fields of these dataclasses are the files' fields, in their order (`pipeline._util.typed_json`). None is what is
undefined: a measure of beats that do not occur, a confidence that no beat reaches. Imports no scikit-learn and no
SciPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["reference", "detected"]
EvaluationSplit = Literal["ds1", "ds2", "svdb"]
Way = Literal["deletion", "insertion"]
Matrix = tuple[tuple[int, ...], ...]
Numbers = tuple[float, ...]
Column = tuple[float | None, ...]
Curves = Mapping[str, Column]  # of a training, epoch by epoch, by measure


@dataclass(frozen=True)
class Estimate:
    """A measure with its 95 % interval, from drawing the patients anew."""

    value: float | None
    low: float | None
    high: float | None


UNDEFINED_ESTIMATE = Estimate(None, None, None)
Estimates = Mapping[str, Estimate]  # by measure: those of `metrics.all_scores` and `metrics.binary_scores`, and more


@dataclass(frozen=True)
class EvaluatedModel:
    """The network of an evaluation: its manifest without golden predictions.

    Attributes
    ----------
    name, title, classes, input_shape, preprocessing, sha256, parameters, size_bytes
        Identity and input; see `models.registry.Manifest` for these and all others.
    logit_bias, temperature, threshold, picture_threshold, abstain_below
        How its answers are read.
    trained_on, train_records, validation_records
        What it was trained on.
    commit, command, seed, training_minutes, pictures_seen
        How it was trained.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    preprocessing: str
    sha256: str
    parameters: int
    size_bytes: int
    logit_bias: tuple[float, ...]
    temperature: float
    threshold: float
    picture_threshold: float
    abstain_below: float
    trained_on: str
    train_records: tuple[str, ...]
    validation_records: tuple[str, ...]
    commit: str
    command: str
    seed: int
    training_minutes: float
    pictures_seen: int

    @property
    def identity(self) -> ModelIdentity:
        """What files beside an evaluation say of its network."""
        return ModelIdentity(self.name, self.title, self.sha256)


@dataclass(frozen=True)
class ModelIdentity:
    """Enough of a network to know whether a file beside its evaluation is of the same weights."""

    name: str
    title: str
    sha256: str


@dataclass(frozen=True)
class Speed:
    """Beats a second from samples to classes, over so many beats on so many processor cores."""

    beats_per_s: float
    beats: int
    cores: int | None


@dataclass(frozen=True)
class SheetLayout:
    """How the tiles of a sheet of pictures lie, row by row.

    Attributes
    ----------
    file : str
        Name of the sheet's file.
    columns : int
        Tiles in a row.
    width_px, height_px : int
        Size of a tile.
    count : int
        How many tiles there are.
    """

    file: str
    columns: int
    width_px: int
    height_px: int
    count: int
