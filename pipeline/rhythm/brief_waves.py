"""Fibrillation and flutter of a few seconds: the waveform detector looks at 20 s around, most of which is then sinus.

Where the sharp complexes of a recording are gone, the detector is asked again as if all around were like that second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.rhythm.waveform_measures import LEAD_MEASURES, measured_alone
from pipeline.signal.gaps import runs
from pipeline.types import FloatArray

# Chosen on 86 recordings with waves of 4 to 8 s, made of training records and of vfdb, by detectors that were not
# trained on those waves; on DS1, half of svdb and vfdb as recorded; and on DS1 in noise: docs/experiments/waveform.md.
LOG_ODDS: Final = 0.7  # of the surest second, above those of `NEEDED`
BESIDE_ODDS: Final = -2.5  # of the seconds beside it that belong to it
LESS_SHARP: Final = 0.85  # log of the kurtosis of slopes in the less sharp lead, below the recording's median
DOUBTED: Final = 0.001  # probability with all around: less is not asked again
EDGE_S: Final = 1  # the measures of a second reach into those beside it

_SHARP = LEAD_MEASURES.index("slope_kurtosis")


Detects = Callable[[FloatArray], NDArray[np.floating[Any]]]


def brief_waves(of_leads: FloatArray, probability: FloatArray, detects: Detects, needed: float) -> FloatArray:
    """Find seconds that are ventricular by themselves, whatever is around them.

    Parameters
    ----------
    of_leads : (n_leads, n_seconds, k) float32
        `per_second`.
    probability : (n_seconds,) float32
        What the detector says with all around.
    detects : callable
        The same detector: gives the probabilities (m,) of measures (m, n_measures).
    needed : float
        Log odds from which a second counts for a ventricular rhythm.

    Returns
    -------
    (n_seconds,) float32
        The probability of the surest second in each stretch of such seconds, 0 elsewhere.
    """
    found = np.zeros(probability.size, np.float32)
    sharp = of_leads[:, :, _SHARP].min(axis=0)
    asked = np.flatnonzero((sharp < np.median(sharp) - LESS_SHARP) & (probability > DOUBTED))
    if not asked.size:
        return found
    found[asked] = detects(measured_alone(of_leads, asked))
    odds = np.log(np.maximum(found, 1e-6) / np.maximum(1 - found, 1e-6)) - needed
    surest = np.zeros_like(found)
    for first, stop in runs(odds > BESIDE_ODDS):
        if odds[first:stop].max() >= LOG_ODDS:
            surest[max(0, first - EDGE_S) : stop + EDGE_S] = found[first:stop].max()
    return surest
