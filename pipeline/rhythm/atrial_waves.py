"""What the signal before the QRS says about the atria: whether a wave stands at the same place in every beat.

In sinus rhythm a P wave precedes each conducted beat by the same time, so that it remains in the average of some beats
while noise averages out. In fibrillation nothing remains. The measure is the energy of the average over the energy that
noise alone would leave in it, as in an analysis of variance.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.signal.conditioning import Conditioned

Numbers = NDArray[np.float64]

BEFORE_S: Final = (0.25, 0.06)  # where the P wave lies, seconds before the R peak
STEP_S: Final = 0.008  # between two points that are compared
AVERAGED: Final = (8, 16, 48)  # beats in an average
EARLIEST_RR_S: Final = 0.45  # after a shorter interval the T wave of the beat before lies where the P wave should
BEATS_MIN: Final = 5  # fewer make no average
EDGE: Final = 3  # points at each end through which a line is drawn that is subtracted: baseline and T wave
TINY_MV2: Final = 1e-9

MEASURES: Final[tuple[str, ...]] = ("log_odds", *(f"constant_{n}" for n in AVERAGED))


def measure_p_waves(
    conditioned: Conditioned, time_s: Numbers, rr_s: Numbers, symbol: NDArray[np.str_], beat: NDArray[np.intp]
) -> Numbers:
    """Measure how constant the signal before the QRS is around some beats.

    Parameters
    ----------
    conditioned : Conditioned
        The filtered leads; the one with the most constant wave counts.
    time_s : (n,) float64
        R peaks, seconds.
    rr_s : (n,) float64
        Seconds since the previous beat, NaN where the interval is no RR interval.
    symbol : (n,) str
        AAMI class of each beat; beats of class N and S are averaged.
    beat : (k,) intp
        The beats around which is averaged.

    Returns
    -------
    (k, 3) float64
        Of the averages of `AVERAGED` beats, log of the energy of the average over what noise alone would leave: about 0
        without a P wave, 2 to 6 with one. 0 if too few beats can be averaged.
    """
    usable = np.flatnonzero(np.isin(symbol, ("N", "S")) & ~(rr_s < EARLIEST_RR_S))
    if usable.size < BEATS_MIN:
        return np.zeros((beat.size, len(AVERAGED)))
    r_peak = np.round(time_s[usable] * conditioned.fs).astype(np.intp)
    nearest = np.minimum(np.searchsorted(usable, beat), usable.size - 1)
    leads = [_waves(conditioned, lead, r_peak) for lead in range(conditioned.signal.shape[1])]
    return np.stack([np.max([_constancy(waves, n)[nearest] for waves in leads], axis=0) for n in AVERAGED], axis=1)


def _waves(conditioned: Conditioned, lead: int, r_peak: NDArray[np.intp]) -> Numbers:
    """Return the signal before each R peak (n, points), mV, without its trend."""
    signal, fs = conditioned.signal[:, lead], conditioned.fs
    first, last = (round(second * fs) for second in BEFORE_S)
    step = max(1, round(STEP_S * fs))
    at = np.clip(r_peak[:, None] - np.arange(first, last, -step), 0, signal.size - 1)
    wave = (signal[at].astype(np.float64) + signal[np.minimum(at + step // 2, signal.size - 1)]) / 2
    start, stop = wave[:, :EDGE].mean(axis=1), wave[:, -EDGE:].mean(axis=1)
    return wave - (start[:, None] + (stop - start)[:, None] * np.linspace(0, 1, wave.shape[1]))


def _constancy(waves: Numbers, averaged: int) -> Numbers:
    """Return for each beat (n,) the log ratio of what remains in the average to what noise would leave."""
    n = len(waves)
    size = min(averaged, n)
    start = np.clip(np.arange(n) - size // 2, 0, n - size)
    total = np.concatenate([np.zeros((1, waves.shape[1])), np.cumsum(waves, axis=0)])
    energy = np.concatenate([[0.0], np.cumsum(np.mean(waves**2, axis=1))])
    kept = np.mean(((total[start + size] - total[start]) / size) ** 2, axis=1)
    noise = np.maximum((energy[start + size] - energy[start]) / size - kept, 0)
    return np.asarray(np.log((size * kept + TINY_MV2) / (noise + TINY_MV2)), np.float64)
