"""How surely P waves stand before the beats around a place: sinus rhythm has them, each at the same time before R.

`atrial_waves` measures what is left of the signal before the QRS in averages; here every beat is asked by itself, by
the candidates of `pipeline.signal.p_waves`. So a few beats show where fibrillation begins and ends.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from pipeline.rhythm.conduction_measures import MEASURES as OF_BEATS
from pipeline.rhythm.conduction_measures import SURE
from pipeline.types import FloatArray

Numbers = NDArray[np.float64]

NEAR, AROUND, FAR = 5, 11, 31  # beats of a mean, the place in the middle
FACTS: Final = ("alike", "same", "noise", "usual", "height")  # of P waves in general, as in `PWaves.facts`
MEASURES: Final = (
    *(f"{name}_{size}" for size in (NEAR, AROUND, FAR) for name in ("p_score", "p_sure")),
    *(f"pr_spread_{size}" for size in (AROUND, FAR)),
    *("other_score", "p_count"),
    *FACTS,
)
TINY: Final = 1e-3


def measure_p_around(conduction: FloatArray, symbol: NDArray[np.str_], beat: NDArray[np.intp]) -> FloatArray:
    """Measure how surely P waves stand before the beats around some beats.

    Parameters
    ----------
    conduction : (n, k) float32
        What `conduction_measures` returned for all beats.
    symbol : (n,) str
        AAMI class of each; those of class V and F count for nothing.
    beat : (m,) intp
        The beats around which is measured.

    Returns
    -------
    (m, len(MEASURES)) float32
        Mean score and share of sure P waves, spread of their P-R (s), score of another wave, and number of P waves to
        a beat; then what is known of P waves in this part of the recording.
    """
    of = {name: np.maximum(conduction[:, OF_BEATS.index(name)], 0).astype(np.float64) for name in _ASKED}
    counts = ~np.isin(symbol, ("V", "F"))
    sure = of["pr_score"] >= SURE
    columns = [
        _mean(values, counts, size) for size in (NEAR, AROUND, FAR) for values in (of["pr_score"], sure.astype(float))
    ]
    columns += [_spread(of["pr_s"], counts & sure, size) for size in (AROUND, FAR)]
    columns += [_mean(of["extra_score"], counts, AROUND), _mean(of["count"], counts, AROUND)]
    columns += [of[name] for name in FACTS]
    return np.stack([column[beat] for column in columns], axis=1, dtype=np.float32, casting="same_kind")


_ASKED: Final = ("pr_score", "pr_s", "extra_score", "count", *FACTS)


def _mean(values: Numbers, counts: NDArray[np.bool_], size: int) -> Numbers:
    """Return the mean (n,) of those that count among the `size` values around each; 0 where none does."""
    share = uniform_filter1d(counts.astype(np.float64), size, mode="nearest")
    total = uniform_filter1d(values * counts, size, mode="nearest")
    return np.asarray(total / np.maximum(share, TINY), np.float64)


def _spread(values: Numbers, counts: NDArray[np.bool_], size: int) -> Numbers:
    """Return the standard deviation (n,) of those that count among the `size` values around each."""
    mean, square = _mean(values, counts, size), _mean(values**2, counts, size)
    return np.sqrt(np.maximum(square - mean**2, 0))
