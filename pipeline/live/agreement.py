"""How provisional classes agree with the final ones, those of the finished recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.live.provisional import SAME_BEAT_S, letters_of
from pipeline.signal.nearest import paired
from pipeline.types import Analysis
from pipeline.wording import share


@dataclass(frozen=True)
class Agreement:
    """Provisional and final beats, paired.

    Attributes
    ----------
    beats : int
        Final beats between the first and the last provisional one.
    same : int
        Those with the same letter: class, or `?` for unclassified.
    contrary : int
        Those with another class, where both have one.
    missed : int
        Those for which there was no provisional beat.
    extra : int
        Provisional beats that are none of the final ones.
    """

    beats: int
    same: int
    contrary: int
    missed: int
    extra: int

    @property
    def fraction(self) -> float:
        """Share of all beats, final or extra, whose letters are the same; NaN without any."""
        return self.same / (self.beats + self.extra) if self.beats + self.extra else float("nan")

    @property
    def words(self) -> str:
        """One clause for a reader."""
        if not self.beats:
            return "no provisional class was given"
        return f"the provisional class was the same in {share(self.fraction)} of {self.beats + self.extra}"

    def __add__(self, other: Agreement) -> Agreement:
        """Return both together."""
        return Agreement(
            self.beats + other.beats,
            self.same + other.same,
            self.contrary + other.contrary,
            self.missed + other.missed,
            self.extra + other.extra,
        )


def compare(final: Analysis, time_s: Sequence[float], letters: str) -> Agreement:
    """Pair provisional beats with the final ones.

    Parameters
    ----------
    final : Analysis
        Of the finished recording.
    time_s : sequence of float
        R peaks of the provisional beats, seconds, increasing.
    letters : str
        One letter each.
    """
    at = np.asarray(time_s, np.float64)
    every, known = final.time_s, letters_of(final)
    within = np.zeros(every.size, np.bool_)
    if at.size:
        within = (every >= at[0] - SAME_BEAT_S) & (every <= at[-1] + SAME_BEAT_S)
    kept = np.flatnonzero(within)
    ms = [np.round(1000 * times).astype(np.int64) for times in (every[kept], at)]
    pairs = {int(kept[i]): j for i, j in paired(ms[0], ms[1], within=1000 * SAME_BEAT_S).items()}
    same = sum(known[i] == letters[j] for i, j in pairs.items())
    contrary = sum(known[i] != letters[j] and "?" not in (known[i], letters[j]) for i, j in pairs.items())
    return Agreement(kept.size, same, contrary, kept.size - len(pairs), at.size - len(pairs))
