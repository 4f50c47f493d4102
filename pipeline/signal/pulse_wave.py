"""Tells a pulse wave, such as a photoplethysmogram or an arterial pressure, from an ECG by its shape."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from pipeline.types import FloatArray

_WINDOW_S: Final = 10.0
_WINDOWS: Final = 6  # evenly spaced
_FS_HZ: Final = 100.0
_SLOW_HZ: Final = (0.7, 6.0)  # where a pulse wave has all that it has
_SHARP_HZ: Final = (6.0, 30.0)  # where a QRS complex has its slopes
# Share of the power between 0.7 and 30 Hz that lies above 6 Hz. Of 10 099 windows of ECG, ventricular fibrillation
# among them, none has less than .0147, and no recording has a median of less than .026; half of made pulse waves have
# less than .002 (docs/experiments/csv.md).
SHARP_MAX: Final = 0.012
_RHYTHM_HZ: Final = (0.7, 8.0)
_RHYTHM_S: Final = (0.3, 1.6)  # from beat to beat
RHYTHM_MIN: Final = 0.6  # likeness of one beat and the next


def looks_like_pulse_wave(lead: FloatArray, fs: float) -> bool:
    """Tell whether a signal is a pulse wave: regular waves, and none of the steepness that a QRS complex has.

    Parameters
    ----------
    lead : (n_samples,) float32
        The signal in any unit, NaN where a sample is missing.
    fs : float
        Sampling frequency, Hz.

    Returns
    -------
    bool
        False if it is shorter than 10 s, flat, or only in part there.
    """
    found = [measures for window in _windows(lead, fs) if (measures := _measured(window, fs)) is not None]
    if not found:
        return False
    sharp, rhythm = np.median(np.array(found), axis=0)
    return bool(sharp < SHARP_MAX and rhythm > RHYTHM_MIN)


def _windows(lead: FloatArray, fs: float) -> list[NDArray[np.float64]]:
    size = round(_WINDOW_S * fs)
    count = min(_WINDOWS, max(1, lead.size // (2 * size)))
    starts = np.linspace(0, max(0, lead.size - size), count).astype(int)
    windows = [lead[start : start + size].astype(np.float64) for start in starts]
    return [window for window in windows if window.size >= 0.99 * size and np.isfinite(window).all()]


def _measured(window: NDArray[np.float64], fs: float) -> tuple[float, float] | None:
    """Return the share of power in steep slopes and the likeness of one beat and the next; None for a flat line."""
    ratio = Fraction(_FS_HZ / fs).limit_denominator(2000)
    signal = window - np.median(window)
    signal = sps.resample_poly(signal, ratio.numerator, ratio.denominator)
    signal -= signal.mean()
    power = np.abs(np.fft.rfft(signal * np.hanning(signal.size))) ** 2
    hertz = np.fft.rfftfreq(signal.size, 1 / _FS_HZ)
    slow, sharp = (power[(hertz >= low) & (hertz < high)].sum() for low, high in (_SLOW_HZ, _SHARP_HZ))
    if slow + sharp <= 1e-9 * power.sum() or not power.sum() > 0:
        return None
    sos = sps.butter(2, _RHYTHM_HZ, "bandpass", fs=_FS_HZ, output="sos")
    filtered = sps.sosfiltfilt(sos, signal)
    alike = np.correlate(filtered, filtered, "full")[signal.size - 1 :]
    first, last = (round(lag * _FS_HZ) for lag in _RHYTHM_S)
    return float(sharp / (slow + sharp)), float(alike[first:last].max() / alike[0])
