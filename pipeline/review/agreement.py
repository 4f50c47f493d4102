"""Agreement between two readers of one recording: differences beat by beat, and Cohen's kappa."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT, Config
from pipeline.labels import AAMI_CLASSES
from pipeline.review.beats_in_force import ABSENT, REJECTED, ReviewedBeats
from pipeline.review.decisions import Decision
from pipeline.signal.nearest import NO_BEAT, paired
from pipeline.types import IntArray


@dataclass(frozen=True)
class ReaderDifference:
    """A beat on which two readers differ.

    Attributes
    ----------
    first_sample, second_sample : int
        Its R peak for each reader; -1 where the reader has no beat there.
    first, second : str
        Its class for each reader; "-" where the reader has no beat there.
    model : str
        The model's answer; "" where it had no beat.
    """

    first_sample: int
    second_sample: int
    first: str
    second: str
    model: str

    @property
    def sample(self) -> int:
        """R peak of the beat, the first reader's if they have one."""
        return self.first_sample if self.first_sample != NO_BEAT else self.second_sample


@dataclass(frozen=True)
class Rate:
    """Agreement on `n` beats: how many agree, and Cohen's kappa; None if chance alone explains all, or `n` is 0."""

    n: int
    agreed: int
    kappa: float | None


@dataclass(frozen=True)
class Agreement:
    """Two readers compared: on all beats, and on the beats that both decided about.

    `everything` is flattering where both leave the model's answer as it is; `decided` is not.
    """

    everything: Rate
    decided: Rate
    differences: tuple[ReaderDifference, ...]


def compare_readings(first: ReviewedBeats, second: ReviewedBeats, config: Config = DEFAULT) -> Agreement:
    """Compare the classes in force of two readers.

    Beats within `config.match_window_ms` of each other are one beat. A beat that only one reader has counts as class
    "-" for the other.

    Parameters
    ----------
    first, second : ReviewedBeats
        The beats in force of each reader.
    config : Config, optional
        Its `match_window_ms` is used.

    References
    ----------
    Cohen 1960, doi:10.1177/001316446002000104.
    """
    pair = _paired(first.sample, second.sample, config.match_window_ms / 1000 * first.fs)
    a, b = _taken(first.aami, pair[:, 0], ABSENT), _taken(second.aami, pair[:, 1], ABSENT)
    both = (_taken(first.human, pair[:, 0], "") != "") & (_taken(second.human, pair[:, 1], "") != "")
    model = np.where(
        pair[:, 0] != NO_BEAT, _taken(first.model_aami, pair[:, 0], ""), _taken(second.model_aami, pair[:, 1], "")
    )
    at = _taken(first.sample, pair[:, 0], NO_BEAT), _taken(second.sample, pair[:, 1], NO_BEAT)
    differences = tuple(
        ReaderDifference(int(at[0][i]), int(at[1][i]), str(a[i]), str(b[i]), str(model[i]))
        for i in np.flatnonzero(a != b)
    )
    return Agreement(_rate(a, b), _rate(a[both], b[both]), differences)


def adopting(difference: ReaderDifference, text: str = "") -> Decision | None:
    """Return the decision by which the first reading adopts the second's answer; None if no beat would change."""
    first, second = (difference.first_sample,), (difference.second_sample,)
    if difference.second == ABSENT:
        return Decision("delete", first, text=text)
    if difference.first == ABSENT:
        return Decision("add", second, difference.second, text) if difference.second in AAMI_CLASSES else None
    if difference.second == REJECTED:
        return Decision("reject", first, text=text)
    if difference.second in AAMI_CLASSES:
        return Decision("override", first, difference.second, text)
    return Decision("confirm", first, text=text)


def _paired(first: IntArray, second: IntArray, window: float) -> IntArray:
    """Return rows (m, 2) of indices into both, -1 for none, in order of time; equal samples first, then the nearest."""
    _, i, j = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    rest_i, rest_j = np.setdiff1d(np.arange(first.size), i), np.setdiff1d(np.arange(second.size), j)
    near = paired(first[rest_i], second[rest_j], within=window)
    rows = [
        *zip(i.tolist(), j.tolist(), strict=True),
        *((int(rest_i[a]), int(rest_j[near[a]]) if a in near else NO_BEAT) for a in range(rest_i.size)),
        *((NO_BEAT, int(rest_j[b])) for b in sorted(set(range(rest_j.size)) - set(near.values()))),
    ]
    pair = np.array(rows, np.int64).reshape(-1, 2)
    when = np.where(pair[:, 0] != NO_BEAT, _taken(first, pair[:, 0], 0), _taken(second, pair[:, 1], 0))
    return pair[np.argsort(when, kind="stable")]


def _taken(values: NDArray[Any], index: IntArray, otherwise: object) -> NDArray[Any]:
    """Return `values` at each index, `otherwise` where it is -1."""
    if values.size == 0:
        return np.full(index.size, otherwise, values.dtype if values.dtype.kind != "U" else "<U10")
    return np.where(index == NO_BEAT, np.array(otherwise), values[index])


def _rate(a: NDArray[np.str_], b: NDArray[np.str_]) -> Rate:
    agreed = int((a == b).sum())
    if a.size == 0:
        return Rate(0, 0, None)
    by_chance = sum(float((a == name).mean() * (b == name).mean()) for name in np.union1d(a, b))
    kappa = None if by_chance >= 1 else (agreed / a.size - by_chance) / (1 - by_chance)
    return Rate(a.size, agreed, kappa)
