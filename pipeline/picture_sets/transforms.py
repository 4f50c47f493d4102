"""Signals as images of numbers in 0..1: spectrogram, scalogram and Gramian angular field.

References
----------
Allen JB, Rabiner LR. A unified approach to short-time Fourier analysis and synthesis. Proc IEEE 1977;65(11):1558-1564.
doi:10.1109/PROC.1977.10770 (spectrogram).
Torrence C, Compo GP. A practical guide to wavelet analysis. Bull Am Meteorol Soc 1998;79(1):61-78.
doi:10.1175/1520-0477(1998)079<0061:APGTWA>2.0.CO;2 (Morlet wavelet, its scales, and their normalisation).
Wang Z, Oates T. Imaging time-series to improve classification and imputation. IJCAI 2015:3939-3945. arXiv:1506.00327
(Gramian angular summation field).
Keogh E et al. Dimensionality reduction for fast similarity search in large time series databases. Knowl Inf Syst
2001;3:263-286. doi:10.1007/PL00011669 (piecewise aggregate approximation, by which the field gets its size).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

BAND_HZ: Final = (1.0, 40.0)  # the filter leaves nothing above, and little below
SEGMENT_S: Final = 0.2  # of the spectrogram: half a QRS and its neighbourhood, at a resolution of some 7 Hz (Hann)
SEGMENTS: Final = 128  # columns of the spectrogram
BINS: Final = 512  # points of its Fourier transform; the segment is padded with zeros
MORLET: Final = 6.0  # oscillations times 2 pi under the envelope: the usual choice of Torrence and Compo
SCALES: Final = 64
RANGE_DB: Final = 45.0  # what lies so far below a picture's strongest point is black
MARGIN_S: Final = 1.0  # signal on either side that the transforms of frequency need beside what they show
_TINY: Final = 1e-12


def spectrogram(signal: FloatArray, fs: float, margin: int) -> FloatArray:
    """Return the power over time and frequency, 0 to `BAND_HZ`[1], in decibels below each picture's maximum.

    Parameters
    ----------
    signal : (n, m) float32
        Stretches of signal, with margins.
    fs : float
        Sampling frequency, Hz.
    margin : int
        Samples at each end that are not shown.

    Returns
    -------
    (n, frequencies, SEGMENTS) float32
        In 0..1; 1 is the maximum, 0 is `RANGE_DB` below; the highest frequency first.
    """
    width = round(SEGMENT_S * fs)
    middle = np.linspace(margin, signal.shape[1] - margin - 1, SEGMENTS).round().astype(np.int64)
    index = middle[:, None] + np.arange(width) - width // 2
    window = np.hanning(width + 2)[1:-1].astype(np.float32)
    bins = np.fft.rfftfreq(BINS, 1 / fs)
    shown = np.flatnonzero(bins <= BAND_HZ[1])[::-1]
    power = np.empty((len(signal), shown.size, SEGMENTS), np.float32)
    for i, row in enumerate(signal):
        power[i] = (np.abs(np.fft.rfft(row[index] * window, BINS)) ** 2).T[shown]
    return _decibels(power)


def scalogram(signal: FloatArray, fs: float, margin: int) -> FloatArray:
    """Return the power of the Morlet wavelet transform over time and frequency, `BAND_HZ`, on a logarithmic axis.

    Parameters
    ----------
    signal : (n, m) float32
        Stretches of signal, with margins.
    fs : float
        Sampling frequency, Hz.
    margin : int
        Samples at each end that are not shown.

    Returns
    -------
    (n, SCALES, m - 2 * margin) float32
        In 0..1, in decibels as in `spectrogram`; the highest frequency first.
    """
    n = signal.shape[1]
    padded = 1 << (n + round(MARGIN_S * fs) - 1).bit_length()
    omega = 2 * np.pi * np.fft.fftfreq(padded, 1 / fs)
    frequency = np.geomspace(BAND_HZ[1], BAND_HZ[0], SCALES)
    scale = (MORLET + np.sqrt(2 + MORLET**2)) / (4 * np.pi * frequency)
    # the Fourier transform of the wavelet, of unit energy at every scale, divided by its scale: a rectified power
    # spectrum, in which sines of one height are equally strong at all frequencies
    wavelet = np.exp(-0.5 * (scale[:, None] * omega - MORLET) ** 2) * (omega > 0)
    spectra = np.fft.fft(signal - signal.mean(axis=1, keepdims=True), padded, axis=1)
    power = np.empty((len(signal), SCALES, n - 2 * margin), np.float32)
    for i, spectrum in enumerate(spectra):
        power[i] = np.abs(np.fft.ifft(spectrum * wavelet, axis=1)[:, margin : n - margin]) ** 2
    return _decibels(power)


def gramian_angular_field(signal: FloatArray, side: int) -> FloatArray:
    """Return cos(a_i + a_j) of every two points of time, with a = arccos of the signal scaled to -1..1.

    Parameters
    ----------
    signal : (n, m) float32
        Stretches of signal.
    side : int
        Points of time after averaging; not more than m.

    Returns
    -------
    (n, side, side) float32
        In 0..1, where 0 stands for -1; time runs to the right and down.
    """
    mean = _averaged(signal, min(side, signal.shape[1]))
    low, high = mean.min(axis=1, keepdims=True), mean.max(axis=1, keepdims=True)
    cosine = np.clip(2 * (mean - low) / np.maximum(high - low, _TINY) - 1, -1, 1)
    sine = np.sqrt(1 - cosine**2)
    field = cosine[:, :, None] * cosine[:, None, :] - sine[:, :, None] * sine[:, None, :]
    return np.asarray((field + 1) / 2, np.float32)


def _averaged(signal: FloatArray, points: int) -> NDArray[np.float64]:
    """Return the means of `points` parts of equal length; a sample on an edge counts for both, by its shares."""
    n = signal.shape[1]
    total = np.concatenate([np.zeros((len(signal), 1)), np.cumsum(signal, axis=1, dtype=np.float64)], axis=1)
    edges = np.linspace(0, n, points + 1)
    whole = np.minimum(edges.astype(np.int64), n - 1)
    at = total[:, whole] + (edges - whole) * signal[:, whole]
    return np.asarray(np.diff(at, axis=1) * points / n)


def _decibels(power: FloatArray) -> FloatArray:
    strongest = power.max(axis=(1, 2), keepdims=True)
    level = 10 * np.log10(np.maximum(power, _TINY) / np.maximum(strongest, _TINY))
    return np.asarray(np.where(strongest > _TINY, np.clip(level / RANGE_DB + 1, 0, 1), 0), np.float32)
