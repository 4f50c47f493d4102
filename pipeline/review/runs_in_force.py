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
    changed = sample[model_aami != aami]
    ends = np.array([piece.stretch for piece in runs], np.int64) - round(_EARLIER_S * fs)
    touched = np.diff(np.searchsorted(changed, ends), axis=1)[:, 0] > 0
    gone = []
    for at in np.flatnonzero(touched).tolist():
        letter = RUN_CLASSES[runs[at].episode.rhythm]
        start, stop = np.searchsorted(sample, ends[at]).tolist()
        first, last = _whole(start, stop, model_aami == letter)
        before, now = (_in_a_row(classes[first:last], letter) for classes in (model_aami, aami))
        if before >= config.run_beats > now:
            gone.append(runs[at])
    return tuple(gone)


def _whole(first: int, last: int, same: NDArray[np.bool_]) -> tuple[int, int]:
    """Return a slice of beats with those of the same class beside it: another rhythm may have cut the episode short."""
    before, after = np.flatnonzero(~same[:first]), np.flatnonzero(~same[last:])
    return int(before[-1]) + 1 if before.size else 0, last + (int(after[0]) if after.size else same.size - last)


def _in_a_row(classes: NDArray[np.str_], letter: str) -> int:
    """Return how many beats of a class come in a row at most."""
    others = "".join(one if one == letter else " " for one in classes.tolist() if one)
    return max(map(len, others.split()), default=0)
