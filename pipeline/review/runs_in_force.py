"""Which runs of ectopic beats are none any more, because of what a reader has made of their beats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import REVIEW, ReviewConfig
from pipeline.review.rhythm_in_force import RUN_CLASSES, RhythmPiece
from pipeline.types import IntArray

_EARLIER_S: Final = 0.02  # a run lasts from its first beat, to less than a sample, to the beat after its last


def undone_runs(
    runs: Sequence[RhythmPiece],
    fs: float,
    sample: IntArray,
    model_aami: NDArray[np.str_],
    aami: NDArray[np.str_],
    config: ReviewConfig = REVIEW,
) -> tuple[RhythmPiece, ...]:
    """Return the runs that a reader has undone by what they decided about the beats.

    The model names such an episode after beats of one class in a row. Once that many are not left in a row, the reader
    has decided about the run. One that was found in the signal alone stays.

    Parameters
    ----------
    runs : sequence of RhythmPiece
        The runs, at least one.
    fs : float
        Sampling frequency, Hz.
    sample : (n,) int64
        All beats, whether in force or not, samples, increasing.
    model_aami, aami : (n,) str
        The model's class of each and the one in force, "" where there is no beat.
    config : ReviewConfig, optional
        How many beats are a run.
    """
    ends = np.array([piece.stretch for piece in runs], np.int64) - round(_EARLIER_S * fs)
    letters = np.array([RUN_CLASSES[piece.episode.rhythm] for piece in runs])
    whole = np.searchsorted(sample, ends)
    for letter in np.unique(letters).tolist():
        whole[letters == letter] = _whole(whole[letters == letter], (model_aami != letter) & (model_aami != ""))
    changed = np.concatenate([[0], np.cumsum(model_aami != aami)])
    gone = []
    for at in np.flatnonzero(np.diff(changed[whole], axis=1)[:, 0] > 0).tolist():
        first, last = whole[at].tolist()
        before, now = (_in_a_row(classes[first:last], str(letters[at])) for classes in (model_aami, aami))
        if before >= config.run_beats > now:
            gone.append(runs[at])
    return tuple(gone)


def _whole(ends: NDArray[np.intp], other: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return slices (k, 2) of beats with those of the same class beside them: another rhythm may have cut a run short.

    Parameters
    ----------
    ends : (k, 2) int
        The first beat of each slice, and the one after its last.
    other : (n,) bool
        Which beats the model found to be of another class.
    """
    bounds = np.concatenate([[-1], np.flatnonzero(other), [other.size]])
    first = bounds[np.searchsorted(bounds, ends[:, 0]) - 1] + 1
    return np.stack([first, bounds[np.searchsorted(bounds, ends[:, 1])]], axis=1)


def _in_a_row(classes: NDArray[np.str_], letter: str) -> int:
    """Return how many beats of a class come in a row at most."""
    others = "".join(one if one == letter else " " for one in classes.tolist() if one)
    return max(map(len, others.split()), default=0)
