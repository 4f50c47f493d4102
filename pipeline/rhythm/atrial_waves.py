"""What the signal between the beats says about the atria: a wave before each QRS, a sawtooth, or neither.

In sinus rhythm a P wave precedes each conducted beat by the same time, so that it remains in the average of some beats
while noise averages out. In fibrillation nothing remains. The measure is the energy of the average over the energy that
noise alone would leave in it, as in an analysis of variance.

In flutter the atria draw a sawtooth of one frequency under the beats. Once the usual beat is subtracted, it holds most
of what is left; the waves of fibrillation spread over many frequencies.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
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

# The sawtooth. 3.8 to 6.5 Hz are 228 to 390 waves a minute: typical flutter has 240 to 340, doi:10.1093/europace/eum096
SAWTOOTH_HZ: Final = (3.8, 6.5)
ATRIAL_HZ: Final = (2.5, 12.0)  # where atrial waves of any kind have their energy
LINE_HZ: Final = 0.3  # the line of a sawtooth is not broader than this on each side
SPECTRUM_S: Final = 8.0  # stretch of one spectrum
SPECTRUM_STEP_S: Final = 2.0
SPECTRUM_N: Final = 4096  # points of its Fourier transform
QRST_S: Final = (0.06, 0.36)  # before and after R: what is subtracted of each beat
USUAL_BEATS: Final = 24  # that make up the usual beat
CHUNK_BEATS: Final = 4000  # cut, or subtracted, at once

MEASURES: Final[tuple[str, ...]] = tuple(f"constant_{n}" for n in AVERAGED)


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
    leads = range(conditioned.signal.shape[1])
    return np.asarray(np.max([_constancy(_waves(conditioned, lead, r_peak), nearest) for lead in leads], axis=0))


def _waves(conditioned: Conditioned, lead: int, r_peak: NDArray[np.intp]) -> Numbers:
    """Return the signal before each R peak (n, points), mV, without its trend."""
    signal, fs = conditioned.signal[:, lead], conditioned.fs
    first, last = (round(second * fs) for second in BEFORE_S)
    step = max(1, round(STEP_S * fs))
    before = np.arange(first, last, -step)
    found = np.zeros((r_peak.size, before.size))
    for some in (slice(start, start + CHUNK_BEATS) for start in range(0, r_peak.size, CHUNK_BEATS)):
        at = np.clip(r_peak[some, None] - before, 0, signal.size - 1)
        wave = (signal[at].astype(np.float64) + signal[np.minimum(at + step // 2, signal.size - 1)]) / 2
        start, stop = wave[:, :EDGE].mean(axis=1), wave[:, -EDGE:].mean(axis=1)
        found[some] = wave - (start[:, None] + (stop - start)[:, None] * np.linspace(0, 1, wave.shape[1]))
    return found


def _constancy(waves: Numbers, at: NDArray[np.intp]) -> Numbers:
    """Return for some of the beats (k, 3) the log ratio of what remains in the averages to what noise would leave."""
    n = len(waves)
    total = np.zeros((n + 1, waves.shape[1]))
    np.cumsum(waves, axis=0, out=total[1:])
    parts = (waves[start : start + CHUNK_BEATS] for start in range(0, n, CHUNK_BEATS))
    energy = np.cumsum(np.concatenate([[0.0], *(np.mean(part**2, axis=1) for part in parts)]))
    found = []
    for averaged in AVERAGED:
        size = min(averaged, n)
        start = np.clip(at - size // 2, 0, n - size)
        kept = np.mean(((total[start + size] - total[start]) / size) ** 2, axis=1)
        noise = np.maximum((energy[start + size] - energy[start]) / size - kept, 0)
        found.append(np.log((size * kept + TINY_MV2) / (noise + TINY_MV2)))
    return np.stack(found, axis=1)


def sawtooth(conditioned: Conditioned, time_s: Numbers, start_s: float, stop_s: float) -> tuple[Numbers, Numbers]:
    """Measure how much of what lies under the beats of a stretch is a wave of one frequency.

    Parameters
    ----------
    conditioned : Conditioned
        The filtered leads; the first decides, in which the sawtooth is looked for by convention (a lead like II).
    time_s : (n,) float64
        R peaks, seconds.
    start_s, stop_s : float
        The stretch, seconds.

    Returns
    -------
    middle_s : (k,) float64
        Middles of spectra of `SPECTRUM_S`, seconds; none in a shorter stretch.
    share : (k,) float64
        Share of the energy in `ATRIAL_HZ` that lies within `LINE_HZ` of the highest peak in `SAWTOOTH_HZ`.
    """
    fs = conditioned.fs
    first, last = max(0, round(start_s * fs)), min(len(conditioned.signal), round(stop_s * fs))
    size, step = round(SPECTRUM_S * fs), round(SPECTRUM_STEP_S * fs)
    if last - first < size:
        return np.zeros(0), np.zeros(0)
    r_peak = np.round(time_s * fs).astype(np.intp)
    within = (r_peak >= first) & (r_peak < last)
    rest = _without_beats(conditioned.signal[first:last, 0], r_peak[within] - first, fs)
    stretches = sliding_window_view(rest, size)[::step]
    shares = np.concatenate([_line_share(part, fs) for part in np.array_split(stretches, 1 + len(stretches) // 500)])
    middle_s = (first + np.arange(len(stretches), dtype=np.float64) * step + size / 2) / fs
    return middle_s, shares.astype(np.float64)


def _without_beats(lead: NDArray[np.float32], r_peak: NDArray[np.intp], fs: float) -> Numbers:
    """Return a lead (n,), mV, less the mean of the beats around at each beat, up to the beat after it."""
    rest = lead.astype(np.float64)
    before, after = (round(second * fs) for second in QRST_S)
    offsets = np.arange(-before, after)
    free = np.diff(r_peak, append=r_peak[-1:] + offsets.size)
    for start in range(0, r_peak.size, CHUNK_BEATS):
        peaks = r_peak[start : start + CHUNK_BEATS]
        at = peaks[:, None] + offsets
        usual = _moving_mean(lead[np.clip(at, 0, lead.size - 1)].astype(np.float64))
        ends = usual[:, :1] + (usual[:, -1:] - usual[:, :1]) * np.linspace(0, 1, offsets.size)
        kept = (at >= 0) & (at < lead.size) & (np.arange(offsets.size) < free[start : start + CHUNK_BEATS, None])
        rest[at[kept]] -= (usual - ends)[kept]
    return rest


def _moving_mean(beats: Numbers) -> Numbers:
    n = len(beats)
    size = min(USUAL_BEATS, n)
    start = np.clip(np.arange(n) - size // 2, 0, n - size)
    total = np.concatenate([np.zeros((1, beats.shape[1])), np.cumsum(beats, axis=0)])
    return np.asarray((total[start + size] - total[start]) / size, np.float64)


def _line_share(stretches: Numbers, fs: float) -> Numbers:
    """Return the share of the sawtooth's line in each stretch (k, n)."""
    centred = (stretches - stretches.mean(axis=1, keepdims=True)) * np.hanning(stretches.shape[1])
    power = np.abs(np.fft.rfft(centred, SPECTRUM_N, axis=1)) ** 2
    hz = np.fft.rfftfreq(SPECTRUM_N, 1 / fs)
    band = np.flatnonzero((hz > SAWTOOTH_HZ[0]) & (hz < SAWTOOTH_HZ[1]))
    peak = hz[band[power[:, band].argmax(axis=1)]]
    line = np.where(np.abs(hz - peak[:, None]) < LINE_HZ, power, 0).sum(axis=1)
    all_of = power[:, (hz > ATRIAL_HZ[0]) & (hz < ATRIAL_HZ[1])].sum(axis=1)
    return np.asarray(line / np.maximum(all_of, TINY_MV2), np.float64)
