"""What the rhythm says about single beats: where intervals are irregular by themselves, an early beat is not premature.

Networks call a beat S mostly because it comes early. In atrial fibrillation, flutter and junctional rhythm that means
nothing: there is no P wave to come before, and no sinus node whose time it could be ahead of.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.labels import AAMI_CLASSES
from pipeline.types import Episode, FloatArray, RhythmCode

WITHOUT_PREMATURITY: Final[frozenset[RhythmCode]] = frozenset(("AFIB", "AFL", "NOD"))
CONFIDENT: Final = 0.7  # of an episode, from which it decides: best for S of held-out patients of DS1 and svdb
MOVED: Final = 0.9  # share of the probability of S that N takes over; a network that is surer than that is believed


def without_prematurity(p: FloatArray, time_s: NDArray[np.float64], rhythm: Iterable[Episode]) -> FloatArray:
    """Let N take over most of the probability of S where a beat cannot be premature.

    Ventricular beats are not touched: they are known by their form.

    Parameters
    ----------
    p : (n, 5) float32
        Probabilities in the order of `AAMI_CLASSES`.
    time_s : (n,) float64
        R peaks, seconds.
    rhythm : iterable of Episode
        Rhythms of the recording; those with less than `CONFIDENT` decide nothing.

    Returns
    -------
    (n, 5) float32
        A copy, changed within episodes of `WITHOUT_PREMATURITY`; rows keep their sum.
    """
    changed = p.copy()
    within = np.zeros(time_s.size, np.bool_)
    for episode in rhythm:
        if episode.rhythm in WITHOUT_PREMATURITY and episode.confidence >= CONFIDENT:
            within |= (time_s >= episode.start_s) & (time_s < episode.stop_s)
    n, s = AAMI_CLASSES.index("N"), AAMI_CLASSES.index("S")
    moved = np.where(within, np.float32(MOVED) * p[:, s], np.float32(0))
    changed[:, n] += moved
    changed[:, s] -= moved
    return changed
