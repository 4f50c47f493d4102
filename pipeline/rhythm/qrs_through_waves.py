"""QRS complexes that go on, sharp and on time, through slow regular waves: tremor and rubbing, no fibrillation.

Waves of 3 to 6/s that are as high as the QRS hide P and T waves and the shape of the beats, but hardly reach above
10 Hz. There a QRS looks as before; fibrillation, flutter and ventricular tachycardia have nothing like it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from pipeline.signal.gaps import runs
from pipeline.types import FloatArray

BAND_HZ: Final = (12.0, 40.0)
ORDER: Final = 2
REACH_S: Final = 0.06  # half of a QRS
ALIKE: Final = 0.8  # correlation with the usual QRS in this band, over all leads
SIZE: Final = (0.7, 1.4)  # of the usual one
APART_S: Final = 0.25
ON_TIME: Final = (0.7, 1.4)  # interval from one to the next, relative to the usual one
IN_A_ROW: Final = 4
LEAST_SHARE: Final = 0.6  # of the stretch, in which they go on: a few may be waves of fibrillation
# Of the energy of the usual QRS, in this band at least: 0.15 to 0.4 where it is narrow. What vfdb's fibrillation and
# flutter resemble are broad complexes, of which 0.08 is the most.
SHARPNESS: Final = 0.12
BESIDE_S: Final = 2.0  # of the signal on each side is filtered with it


def qrs_through_waves(
    signal: FloatArray, fs: float, span_s: tuple[float, float], usual_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Find QRS complexes of the usual shape that follow each other at the usual rate.

    Parameters
    ----------
    signal : (n, n_leads) float32
        The filtered leads, mV.
    fs : float
        Their sampling frequency, Hz.
    span_s : (float, float)
        Where they are looked for, seconds.
    usual_s : (n_beats,) float64
        R peaks of usual beats on both sides, seconds, increasing.

    Returns
    -------
    (n_runs, 2) float64
        First and last R peak of each run of at least `IN_A_ROW`, seconds. None if the usual QRS is not sharp, or the
        runs leave much of the stretch.
    """
    if sharpness(signal, fs, usual_s) < SHARPNESS:
        return np.zeros((0, 2))
    usual_rr_s = float(np.median(np.diff(usual_s)))
    sharp, first = _sharp(signal, fs, span_s)
    around, start = _sharp(signal, fs, (float(usual_s[0]), float(usual_s[-1])))
    usual = np.median(_around(around, np.round(usual_s * fs).astype(np.int64) - start, fs), axis=0)
    found_s = (_peaks(sharp, usual, fs) + first) / fs
    found_s = found_s[(found_s >= span_s[0]) & (found_s <= span_s[1])]
    ratio = np.diff(found_s) / usual_rr_s
    on_time = (ratio >= ON_TIME[0]) & (ratio <= ON_TIME[1])
    spans = [(found_s[a], found_s[b]) for a, b in runs(on_time) if b - a + 1 >= IN_A_ROW]
    covered_s = sum(stop - start for start, stop in spans)
    return np.array(spans if covered_s >= LEAST_SHARE * (span_s[1] - span_s[0]) else [], np.float64).reshape(-1, 2)


def sharpness(signal: FloatArray, fs: float, time_s: NDArray[np.float64]) -> float:
    """Return how much of the energy of a usual QRS lies in `BAND_HZ`, as a share; 0.3 and more if it is narrow.

    Parameters
    ----------
    signal : (n, n_leads) float32
        The filtered leads, mV.
    fs : float
        Their sampling frequency, Hz.
    time_s : (n_beats,) float64
        R peaks of the beats, seconds, increasing.
    """
    sharp, start = _sharp(signal, fs, (float(time_s[0]), float(time_s[-1])))
    at = np.round(time_s * fs).astype(np.int64)
    whole = _energy(np.median(_around(signal, at, fs), axis=0))
    return _energy(np.median(_around(sharp, at - start, fs), axis=0)) / max(whole, 1e-12)


def _energy(qrs: FloatArray) -> float:
    return float(np.square(qrs - qrs.mean(axis=0)).sum())


def _sharp(signal: FloatArray, fs: float, span_s: tuple[float, float]) -> tuple[FloatArray, int]:
    """Return a stretch of the leads above the frequencies of waves, and where it begins."""
    start, stop = round((span_s[0] - BESIDE_S) * fs), round((span_s[1] + BESIDE_S) * fs)
    start = max(0, start)
    sos = sps.butter(ORDER, BAND_HZ, "bandpass", fs=fs, output="sos")
    return np.asarray(sps.sosfiltfilt(sos, signal[start:stop], axis=0), np.float32), start


def _around(leads: FloatArray, at: NDArray[np.int64], fs: float) -> FloatArray:
    reach = round(REACH_S * fs)
    inside = at[(at >= reach) & (at < len(leads) - reach)]
    return np.asarray(leads[inside[:, None] + np.arange(-reach, reach + 1)], np.float32)


def _peaks(leads: FloatArray, usual: FloatArray, fs: float) -> NDArray[np.int64]:
    """Return where the leads look like the usual QRS (m, n_leads)."""
    size, energy = len(usual), max(float(np.square(usual).sum()), 1e-12)
    if len(leads) < size:
        return np.zeros(0, np.int64)
    pairs = list(zip(leads.T.astype(np.float64), usual.T.astype(np.float64), strict=True))
    product = sum((np.correlate(lead, shape) for lead, shape in pairs), np.zeros(len(leads) - size + 1))
    power = sum((np.correlate(np.square(lead), np.ones(size)) for lead, _ in pairs), np.zeros(product.size))
    alike = product / np.sqrt(np.maximum(power * energy, 1e-12))
    of_size = (product / energy >= SIZE[0]) & (product / energy <= SIZE[1])
    tops, _ = sps.find_peaks(np.where(of_size, alike, 0), height=ALIKE, distance=max(1, round(APART_S * fs)))
    return np.asarray(tops + size // 2, np.int64)
