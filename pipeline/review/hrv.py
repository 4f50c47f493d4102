"""Heart rate variability in time and frequency, from normal-to-normal (NN) intervals only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import REVIEW, ReviewConfig
from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.review.rhythm_events import Mask, doubled_intervals, normal_intervals
from pipeline.rhythm_names import in_sinus

Intervals = NDArray[np.float64]
_PAIRS_MIN: Final = 2
_NN50_MS: Final = 50.0
SPECTRUM_FILLED: Final = 0.9  # of a segment by NN intervals: ectopic beats spread power over all bands; chosen here
_BANDS_HZ: Final = (("vlf", 0.0033, 0.04), ("lf", 0.04, 0.15), ("hf", 0.15, 0.4))  # Task Force 1996, short recordings
_ROUNDING_MS: Final = 1e-6  # 50 ms at 360 Hz is 18 samples, but 18 / 360 * 1000 may come out a little above


@dataclass(frozen=True)
class HrvMeasure:
    """One measure; `value` is None if there is too little data, and `reason` then says how much is missing."""

    value: float | None
    unit: str
    reason: str = ""


@dataclass(frozen=True)
class Variability:
    """Time-domain measures of heart rate variability.

    Attributes
    ----------
    n_intervals : int
        How many NN intervals they are based on.
    seconds : float
        How long these last together.
    mean_nn, sdnn, sdann, sdnn_index, rmssd : Measure
        Mean, standard deviations and successive differences of the intervals, ms.
    pnn50 : Measure
        Successive intervals that differ by more than 50 ms, per cent.
    triangular_index : Measure
        Number of intervals over the height of their histogram.
    sd1, sd2 : Measure
        Axes of the Poincaré ellipse, ms.
    """

    n_intervals: int
    seconds: float
    mean_nn: HrvMeasure
    sdnn: HrvMeasure
    sdann: HrvMeasure
    sdnn_index: HrvMeasure
    rmssd: HrvMeasure
    pnn50: HrvMeasure
    triangular_index: HrvMeasure
    sd1: HrvMeasure
    sd2: HrvMeasure


@dataclass(frozen=True)
class Spectrum:
    """Power of the NN intervals by frequency, the mean of segments of five minutes.

    Attributes
    ----------
    segments : int
        How many segments it is of.
    vlf, lf, hf : HrvMeasure
        Power up to 0.04 Hz, from 0.04 to 0.15 Hz and from 0.15 to 0.4 Hz, ms squared.
    ratio : HrvMeasure
        LF over HF.
    """

    segments: int
    vlf: HrvMeasure
    lf: HrvMeasure
    hf: HrvMeasure
    ratio: HrvMeasure


@dataclass(frozen=True, eq=False)
class _Normal:
    """NN intervals in ms (n,), when they end in s (n,), and adjacent ones as pairs in ms (k, 2)."""

    ms: Intervals
    end_s: Intervals
    pairs: Intervals

    @property
    def seconds(self) -> float:
        return float(self.ms.sum()) / 1000

    @property
    def differences(self) -> Intervals:
        return self.pairs[:, 1] - self.pairs[:, 0]


def variability(beats: ReviewedBeats, config: ReviewConfig = REVIEW) -> Variability:
    """Measure the variability of the intervals between two adjacent N beats without a break in between.

    Differences are taken between adjacent NN intervals (three N beats in a row) only. Standard deviations have n - 1 in
    the denominator. pNN50 is the share of differences above 50 ms among all NN intervals, as the Task Force defines it.
    SDANN and the SDNN index use segments of five minutes from the start of the recording, at least half filled by NN
    intervals. Of all lengths, only intervals twice as long as their steady neighbours are excluded, see
    `doubled_intervals`: a single missed beat would otherwise decide on RMSSD.
    Where the rhythm is known, only intervals of sinus rhythm count: in fibrillation, pacing or noise they say nothing
    about the sinus node.

    References
    ----------
    Task Force of the ESC and NASPE. Heart rate variability. Circulation 1996;93:1043-65.
    doi:10.1161/01.CIR.93.5.1043. Brennan M et al. 2001, doi:10.1109/10.959330 (SD1 and SD2).
    """
    normal = _normal(beats)
    segments = _segments(normal, config)
    short, pairs = config.hrv_short_s, normal.pairs
    return Variability(
        n_intervals=int(normal.ms.size),
        seconds=normal.seconds,
        mean_nn=_measure(normal, short, "ms", lambda: normal.ms.mean()),
        sdnn=_measure(normal, config.hrv_sdnn_s, "ms", lambda: _sd(normal.ms)),
        sdann=_over_segments(segments, 2, config, lambda: _sd(np.array([part.mean() for part in segments]))),
        sdnn_index=_over_segments(segments, 1, config, lambda: np.mean([_sd(part) for part in segments])),
        rmssd=_measure(normal, short, "ms", lambda: np.sqrt(np.mean(normal.differences**2)), paired=True),
        pnn50=_measure(normal, short, "%", lambda: _pnn50(normal), paired=True),
        triangular_index=_measure(normal, config.hrv_triangular_s, "", lambda: _triangular(normal.ms, config)),
        sd1=_measure(normal, short, "ms", lambda: _sd(normal.differences) / np.sqrt(2), paired=True),
        sd2=_measure(normal, config.hrv_sdnn_s, "ms", lambda: _sd(pairs.sum(axis=1)) / np.sqrt(2), paired=True),
    )


def spectrum(beats: ReviewedBeats, config: ReviewConfig = REVIEW) -> Spectrum:
    """Measure the power of the NN intervals in three bands, in segments of five minutes nearly filled by them.

    Each segment, without its linear trend, gets a Lomb periodogram at the multiples of one over its length, which needs
    no resampling and bridges what is left out. The power of a sine of amplitude A is A squared over two.

    Parameters
    ----------
    beats : ReviewedBeats
        The beats in force.
    config : ReviewConfig, optional
        Length of the segments.

    References
    ----------
    Task Force of the ESC and NASPE. Circulation 1996;93:1043-65. doi:10.1161/01.CIR.93.5.1043 (bands, five minutes).
    Clifford GD, Tarassenko L. IEEE Trans Biomed Eng 2005;52:630-8. doi:10.1109/TBME.2005.844028 (Lomb's method).
    """
    normal = _normal(beats)
    number = (normal.end_s // config.hrv_segment_s).astype(np.int64)
    cuts = np.flatnonzero(np.diff(number)) + 1
    parts = zip(np.split(normal.ms, cuts), np.split(normal.end_s, cuts), strict=True)
    least_ms = 1000 * SPECTRUM_FILLED * config.hrv_segment_s
    powers = [_band_powers(ms, end_s, config.hrv_segment_s) for ms, end_s in parts if ms.sum() >= least_ms]
    if not powers:
        minutes = f"{config.hrv_segment_s / 60:.0f} min"
        none = f"no {minutes} are filled to {SPECTRUM_FILLED:.0%} by normal intervals".replace("%", " %")
        return Spectrum(0, *(HrvMeasure(None, unit, none) for unit in ("ms²", "ms²", "ms²", "")))
    vlf, lf, hf = np.mean(powers, axis=0).tolist()
    ratio = HrvMeasure(lf / hf, "") if hf > 0 else HrvMeasure(None, "", "there is no power from 0.15 to 0.4 Hz")
    return Spectrum(len(powers), HrvMeasure(vlf, "ms²"), HrvMeasure(lf, "ms²"), HrvMeasure(hf, "ms²"), ratio)


def normal_pairs(beats: ReviewedBeats) -> NDArray[np.intp]:
    """Return the positions (k,) of the beats that end the later one of two adjacent NN intervals."""
    normal = _sinus_intervals(beats)
    return np.flatnonzero(normal[1:] & normal[:-1]) + 1


def _sinus_intervals(beats: ReviewedBeats) -> Mask:
    """Tell which intervals (n,) are NN intervals of sinus rhythm, as far as the rhythm is known."""
    sinus = in_sinus(beats.rhythm, beats.time_s)
    found = normal_intervals(beats)
    found[1:] &= sinus[1:] & sinus[:-1]
    return found & ~doubled_intervals(beats)


def _normal(beats: ReviewedBeats) -> _Normal:
    ms = beats.intervals_s() * 1000
    at, later = np.flatnonzero(_sinus_intervals(beats)), normal_pairs(beats)
    return _Normal(ms[at], beats.time_s[at], np.column_stack([ms[later - 1], ms[later]]))


def _segments(normal: _Normal, config: ReviewConfig) -> list[Intervals]:
    """Return the NN intervals of each five minutes that have enough of them."""
    number = (normal.end_s // config.hrv_segment_s).astype(np.int64)
    parts = np.split(normal.ms, np.flatnonzero(np.diff(number)) + 1)
    min_ms = 1000 * config.hrv_segment_filled * config.hrv_segment_s
    return [part for part in parts if part.sum() >= min_ms]


def _band_powers(ms: Intervals, end_s: Intervals, segment_s: float) -> Intervals:
    """Return the power of intervals (n,) in each band of `_BANDS_HZ`, ms squared."""
    ms = ms - np.polyval(np.polyfit(end_s - end_s[0], ms, 1), end_s - end_s[0])
    frequency = np.arange(1, int(_BANDS_HZ[-1][2] * segment_s) + 1) / segment_s
    angle = 2 * np.pi * frequency[:, None] * end_s
    shift = 0.5 * np.arctan2(np.sin(2 * angle).sum(axis=1), np.cos(2 * angle).sum(axis=1))
    cosine, sine = np.cos(angle - shift[:, None]), np.sin(angle - shift[:, None])
    power = ((cosine @ ms) ** 2 / (cosine**2).sum(axis=1) + (sine @ ms) ** 2 / (sine**2).sum(axis=1)) / ms.size
    return np.array([power[(frequency >= low) & (frequency < high)].sum() for _, low, high in _BANDS_HZ])


def _measure(
    normal: _Normal, min_s: float, unit: str, compute: Callable[[], Any], *, paired: bool = False
) -> HrvMeasure:
    if normal.seconds < min_s:
        there = f"{normal.seconds:.0f} s"
        return HrvMeasure(None, unit, f"{there} of normal intervals, {min_s:.0f} s are needed")
    if paired and len(normal.pairs) < _PAIRS_MIN:
        return HrvMeasure(
            None, unit, f"{len(normal.pairs)} pairs of adjacent normal intervals, {_PAIRS_MIN} are needed"
        )
    return HrvMeasure(float(compute()), unit)


def _over_segments(
    segments: list[Intervals], least: int, config: ReviewConfig, compute: Callable[[], Any]
) -> HrvMeasure:
    if len(segments) < least:
        minutes = f"{config.hrv_segment_s / 60:.0f} min"
        found = f"{len(segments)} stretches of {minutes} have enough of them"
        return HrvMeasure(None, "ms", f"{found}, {least} are needed")
    return HrvMeasure(float(compute()), "ms")


def _sd(values: Intervals) -> float:
    return float(values.std(ddof=1))


def _pnn50(normal: _Normal) -> float:
    return float(100 * np.sum(np.abs(normal.differences) > _NN50_MS + _ROUNDING_MS) / normal.ms.size)


def _triangular(ms: Intervals, config: ReviewConfig) -> float:
    """Return the number of NN intervals over the height of their histogram with bins of 1/128 s."""
    bins = np.floor(ms / config.hrv_bin_ms + _ROUNDING_MS).astype(np.int64)
    return float(ms.size / np.bincount(bins - bins.min()).max())
