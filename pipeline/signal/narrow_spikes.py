"""Spikes of a lead that are narrower than any QRS: of a muscle, a contact or the electronics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.signal.gaps import runs
from pipeline.signal.pacing import SPIKE_FS_HZ
from pipeline.types import FloatArray

HEIGHT_MV: Final = 2.5  # of mitdb, LUDB and PTB-XL no lead has a wave as narrow from here on ...
HEIGHTS: Final = 1.5  # ... and from so many usual heights on
HALF_WIDTH_S: Final = 0.0125  # at half height; a QRS is wider
BACK_S: Final = 0.012  # after its half height it is back at the line within this ...
BACK_SHARE: Final = 0.2  # ... but for this share of its height
STEEP_SHARE: Final = 0.25  # of the height asked for, from one sample to the next
AROUND_S: Final = 0.06  # its line is the median of so much on each side
PER_MIN_MAX: Final = 20.0  # more are the stimuli of a pacemaker


def height_that_counts(usual_mv: float) -> float:
    """Return the height from which a spike of a lead is looked for, mV, from the lead's usual height."""
    return max(HEIGHT_MV, HEIGHTS * usual_mv)


def narrow_spikes(
    signal: FloatArray, within: Sequence[tuple[int, int]], fs: float, height_mv: float
) -> list[tuple[int, int]]:
    """Find spikes that rise and fall faster than a QRS can.

    Parameters
    ----------
    signal : (n_samples,) float32
        One lead as recorded, mV.
    within : sequence of (int, int)
        Stretches [start, stop) of it in which they are looked for.
    fs : float
        Sampling frequency, Hz; below 200 Hz a QRS is as sharp as a spike, and none is found.
    height_mv : float
        Height above the line around it from which one counts, mV.

    Returns
    -------
    list of (int, int)
        Samples [start, stop); none if they are as frequent as the stimuli of a pacemaker.
    """
    if fs < SPIKE_FS_HZ:
        return []
    found = sorted(set().union(*(_in_stretch(signal, start, stop, fs, height_mv) for start, stop in within)))
    return found if len(found) <= max(1.0, PER_MIN_MAX * signal.size / fs / 60) else []


def _in_stretch(signal: FloatArray, start: int, stop: int, fs: float, height_mv: float) -> set[tuple[int, int]]:
    around = round(AROUND_S * fs)
    first, last = max(0, start - around), min(signal.size, stop + around)
    piece = signal[first:last].astype(np.float64)
    with np.errstate(invalid="ignore"):
        steep = np.abs(np.diff(piece)) > STEEP_SHARE * height_mv
    found = set()
    for a, b in runs(np.convolve(steep, np.ones(_back(fs)), "same") > 0):
        low = max(0, a - around)
        if (span := _spike(piece[low : b + around], fs, height_mv)) is not None:
            found.add((first + low + span[0], first + low + span[1]))
    return found


def _spike(piece: NDArray[np.float64], fs: float, height_mv: float) -> tuple[int, int] | None:
    """Return where the highest wave of a piece is, with a sample on each side, if it is a narrow spike."""
    away = np.abs(piece - np.median(piece))
    if not np.isfinite(away).all() or away.max() < height_mv:
        return None
    top, back = int(away.argmax()), _back(fs)
    left, right = _above(away, 0.5, top)
    if right - left > HALF_WIDTH_S * fs or left < 2 * back or right + 2 * back > away.size:
        return None
    beside = max(away[left - 2 * back : left - back].max(), away[right + back : right + 2 * back].max())
    if beside > BACK_SHARE * away[top]:
        return None
    first, last = _above(away, BACK_SHARE, top)
    return first - 1, last + 1


def _above(away: NDArray[np.float64], share: float, top: int) -> tuple[int, int]:
    """Return the stretch [start, stop) around its highest sample in which it is above a share of that."""
    return next((i, j) for i, j in runs(away > share * away[top]) if i <= top < j)


def _back(fs: float) -> int:
    return max(1, round(BACK_S * fs))
