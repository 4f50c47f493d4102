"""The usual beat of a recording: the median over its usual beats, all leads on one time base, with its marks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from pipeline.measurements import WAVE_MARKS, WaveMark, Waves
from pipeline.types import FloatArray, Recording, read_only

FS_HZ: Final = 500.0
WINDOW_S: Final = (0.4, 0.7)  # before and after the R peak
BEATS_MAX: Final = 120  # more do not make the median better
LEVEL_S: Final = (0.020, 0.004)  # before the QRS: the end of the PR segment, to which levels refer
SEEN_MIN: Final = 0.4  # of the beats: a mark that fewer have is not one of the usual beat
RECORDED_MIN: Final = 0.5  # of the beats that a lead must have whole


@dataclass(frozen=True, eq=False)
class UsualBeat:
    """The median beat.

    Attributes
    ----------
    leads : tuple of str
        The recording's leads that it could be made of.
    curve_mv : (n_samples, n_leads) float32
        mV against the end of the PR segment, at `FS_HZ`; the R peak is at `WINDOW_S[0]`.
    time_s : (n_leads, 9) float64
        The median of each mark of `WAVE_MARKS`, seconds from the R peak; NaN where most beats have none.
    overall_s : (9,) float64
        The same over all leads.
    beats : int
        How many beats it was made of.
    """

    leads: tuple[str, ...]
    curve_mv: FloatArray
    time_s: NDArray[np.float64]
    overall_s: NDArray[np.float64]
    beats: int

    def mark(self, name: WaveMark, lead: str | None = None) -> float:
        """Return a mark in seconds from the R peak, in one lead or over all; NaN if there is none."""
        row = self.overall_s if lead is None else self.time_s[self.leads.index(lead)]
        return float(row[WAVE_MARKS.index(name)])

    @property
    def axis_s(self) -> NDArray[np.float64]:
        """Time of each sample (n_samples,), seconds from the R peak."""
        return np.arange(len(self.curve_mv)) / FS_HZ - WINDOW_S[0]


def usual_beat(recording: Recording, waves: Waves, usual: NDArray[np.bool_]) -> UsualBeat | None:
    """Return the median of the usual beats; None if there are none with a QRS.

    Parameters
    ----------
    recording : Recording
        The recording; leads that are not among the marked ones are used with the marks over all leads.
    waves : Waves
        Marks of n beats.
    usual : (n,) bool
        Beats that stand for the recording.
    """
    onset_s = waves.marks("qrs_on")
    chosen = np.flatnonzero(usual & np.isfinite(onset_s))
    chosen = chosen[(waves.beat_s[chosen] >= WINDOW_S[0] / 2)]
    if not chosen.size:
        return None
    chosen = chosen[np.unique(np.linspace(0, chosen.size - 1, min(BEATS_MAX, chosen.size)).astype(np.int64))]
    beat_s = waves.beat_s[chosen]
    curves = [_median(recording, i, beat_s, onset_s[chosen]) for i in range(len(recording.leads))]
    kept = [i for i, curve in enumerate(curves) if curve is not None]
    if not kept:
        return None
    leads = tuple(recording.leads[i] for i in kept)
    curve = np.stack([curve for curve in curves if curve is not None], axis=1)
    own = [waves.time_s[chosen, waves.leads.index(lead)] if lead in waves.leads else None for lead in leads]
    nothing = np.full(len(WAVE_MARKS), np.nan)
    time_s = np.stack([nothing if one is None else _usual_marks(one - beat_s[:, None]) for one in own])
    overall_s = _usual_marks(waves.overall_s[chosen] - beat_s[:, None])
    return UsualBeat(leads, read_only(curve), read_only(time_s), read_only(overall_s), int(chosen.size))


def _usual_marks(relative_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median (9,) of marks (n, 9), NaN where too few beats have the mark."""
    seen = np.isfinite(relative_s).mean(axis=0) >= SEEN_MIN
    filled = np.where(seen, relative_s, 0.0)
    return np.where(seen, np.nanmedian(filled, axis=0), np.nan)


def _median(
    recording: Recording, index: int, beat_s: NDArray[np.float64], onset_s: NDArray[np.float64]
) -> FloatArray | None:
    """Return the median beat (n_samples,) of one lead on a line through the ends of its PR segments."""
    signal, fs = recording.p_signal[:, index], recording.fs
    at_s = beat_s[:, None] + np.arange(-round(WINDOW_S[0] * FS_HZ), round(WINDOW_S[1] * FS_HZ)) / FS_HZ
    place = at_s * fs
    missing = np.isnan(signal)
    filled = np.where(missing, np.float32(0), signal) if missing.any() else signal
    near = np.clip(np.round(place).astype(np.int64), 0, signal.size - 1)
    outside = (place < 0) | (place > signal.size - 1)
    whole = (missing[near] | outside).mean(axis=1) < 0.5 if missing.any() else np.ones(beat_s.size, np.bool_)
    if whole.mean() < RECORDED_MIN:
        return None
    values = _at(filled, place[whole])
    values[outside[whole] | missing[near[whole]]] = np.nan
    level = _levels(signal, fs, onset_s[whole])
    known = np.isfinite(level)
    if not known.any():
        return None
    line = np.interp(at_s[whole], onset_s[whole][known], level[known])
    relative = values - line
    empty = np.isnan(relative).all(axis=0)
    relative[:, empty] = 0.0
    return np.asarray(np.nanmedian(relative, axis=0), np.float32)


def _at(signal: FloatArray, place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the signal at fractional indices, by cubic splines over the stretches that are asked for."""
    if place.size * 4 > min(place.max(), signal.size) - max(place.min(), 0):
        return _within(signal, place)
    return np.stack([_within(signal, row) for row in place])


def _within(signal: FloatArray, place: NDArray[np.float64]) -> NDArray[np.float64]:
    first, last = max(0, int(place.min()) - 20), min(signal.size, int(place.max()) + 21)
    part = signal[first:last].astype(np.float64)
    return np.asarray(map_coordinates(part, [place.ravel() - first], order=3, mode="nearest")).reshape(place.shape)


def _levels(signal: FloatArray, fs: float, onset_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean level (n,) at the end of each PR segment, NaN where nothing was recorded."""
    found = np.full(onset_s.size, np.nan)
    for i, second in enumerate(onset_s.tolist()):
        first = max(0, round((second - LEVEL_S[0]) * fs))
        last = min(signal.size, max(first + 1, round((second - LEVEL_S[1]) * fs) + 1))
        if first < last and np.isfinite(signal[first:last]).all():
            found[i] = float(signal[first:last].mean())
    return found
