"""Calibration pulses: a lead that stands at one of two levels and jumps between them, as no heart does."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.signal.gaps import runs
from pipeline.types import FloatArray

WINDOW_S: Final = 4.0  # holds three jumps of pulses down to one in two seconds
HOPS: Final = 2  # windows begin so often within one
SCREENED: Final = 160  # samples of a window that are looked at first: one in 25 ms
LEAST_MV: Final = 0.1  # between the levels, and ...
DIGITS: Final = 4  # ... so many digits of the lead: a flat line flickers between two of them; but ...
PULSE_MV: Final = 0.5  # ... this is a pulse also where the lead holds nothing else, and its digit is not known ...
MOST_MV: Final = 10.0  # ... and more is a number that stands for no value
NEAR: Final = 0.06  # of the distance of the levels: a sample so near is at one of them ...
AT_LEVELS: Final = 0.97  # ... and so many are, in pulses; the slopes and the T wave of an ECG are at none
AT_EACH: Final = 0.04  # at least: the top of a QRS is shorter
JUMPS: Final = (3, 40)  # in a window: fewer are a step or one artefact, more are noise of one digit
WINDOWS_AT_ONCE: Final = 512
SAMPLES_AT_ONCE: Final = 1_000_000


def calibration_spans(lead: FloatArray, fs: float) -> list[tuple[int, int]]:
    """Find where a lead in millivolts holds calibration pulses.

    Parameters
    ----------
    lead : (n,) float32
        The lead as recorded, mV; NaN where nothing was.
    fs : float
        Sampling frequency, Hz.

    Returns
    -------
    list of (int, int)
        Stretches [start, stop), samples, in order.
    """
    size = round(WINDOW_S * fs)
    if lead.size < size:
        return []
    starts = np.append(np.arange(0, lead.size - size, size // HOPS), lead.size - size)
    step = max(1, size // SCREENED)
    found: list[int] = []
    for first in range(0, starts.size, WINDOWS_AT_ONCE):
        part = starts[first : first + WINDOWS_AT_ONCE]
        some = lead[part[:, None] + np.arange(0, size, step)]
        for start in part[_has_two_levels(some)].tolist():
            if _has_two_levels(lead[None, start : start + size])[0]:
                found.append(start)
    least_mv = min(max(LEAST_MV, DIGITS * _digit_mv(lead)), PULSE_MV) if found else LEAST_MV
    inside = np.zeros(lead.size, np.bool_)
    for start in found:
        inside[start : start + size] |= np.ptp(lead[start : start + size]) >= least_mv
    return runs(inside)


def _digit_mv(lead: FloatArray) -> float:
    """Return the smallest change from one sample of a lead (n,) to the next, mV: one digit; 0 if nothing changes."""
    least = np.inf
    for first in range(0, lead.size, SAMPLES_AT_ONCE):
        change = np.abs(np.diff(lead[first : first + SAMPLES_AT_ONCE + 1]))
        least = min(least, float(change.min(where=change > 0, initial=np.inf)))
    return least if np.isfinite(least) else 0.0


def _has_two_levels(windows: FloatArray) -> NDArray[np.bool_]:
    """Tell which windows (n, size) stand at two levels, and jump between them now and then."""
    low, high = windows.min(axis=1, keepdims=True), windows.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", over="ignore"):
        apart, middle = high - low, low / 2 + high / 2
        up, down = ((windows >= high - NEAR * apart).mean(axis=1), (windows <= low + NEAR * apart).mean(axis=1))
        jumps = np.count_nonzero(np.diff(windows > middle, axis=1), axis=1)
        possible = ((apart >= LEAST_MV) & (apart <= MOST_MV))[:, 0]
        two = (up + down >= AT_LEVELS) & (up >= AT_EACH) & (down >= AT_EACH)
    return np.asarray(possible & two & (jumps >= JUMPS[0]) & (jumps <= JUMPS[1]))
