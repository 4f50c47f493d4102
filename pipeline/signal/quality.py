"""A quality verdict for every stretch of the analysed lead."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps
from scipy import stats

from pipeline.config import SignalConfig
from pipeline.signal.conditioning import Conditioned
from pipeline.types import FloatArray, Quality, QualitySegment, Verdict

WINDOWS_AT_ONCE = 360  # an hour of them
MIN_WINDOW_S = 1.0  # a shorter remainder joins the last window: a few samples can be flat or saturated by chance
REASONS: dict[Verdict, str] = {
    "good": "",
    "noisy": "noise hides the waves",
    "flat": "flat line: no signal, or the electrode is off",
    "saturated": "the amplifier is saturated",
    "gap": "nothing was recorded",
}


def assess(raw: FloatArray, fs: float, conditioned: Conditioned, config: SignalConfig) -> Quality:
    """Judge the first lead in windows of `config.quality_window_s` and join equal neighbours.

    Parameters
    ----------
    raw : (n_samples,) float32
        The lead in mV at `fs`, NaN in gaps.
    fs : float
        Sampling frequency of `raw`, Hz.
    conditioned : Conditioned
        The same lead, filtered, at the working rate.
    config : SignalConfig
        Window length (s) and amplitude limits (mV).

    Notes
    -----
    Noise is judged by the share of spectral power at 5-15 Hz in 5-40 Hz (pSQI) together with kurtosis (kSQI) [1]_. The
    thresholds are looser here: a window is noisy only if both say so.

    References
    ----------
    .. [1] Clifford et al. 2012, doi:10.1088/0967-3334/33/9/1419.
    """
    end_s = raw.size / fs
    edges = np.arange(0, max(end_s - MIN_WINDOW_S, config.quality_window_s), config.quality_window_s)
    stops = np.append(edges[1:], end_s)
    noisy = _noisy(conditioned, edges, stops)
    windows = zip(edges.tolist(), stops.tolist(), noisy.tolist(), strict=True)
    verdicts = [_verdict(raw, fs, conditioned, (start, stop), n, config) for start, stop, n in windows]
    segments = _joined(edges, verdicts, end_s)
    analysed = sum(stop - start for start, stop in conditioned.segments) / conditioned.fs
    lost = sum(s.stop_s - s.start_s for s in segments if s.verdict in ("flat", "saturated"))
    fraction = min(1.0, max(0.0, analysed - lost) / (raw.size / fs))
    return Quality(segments, round(fraction, 4))


def _verdict(
    raw: FloatArray, fs: float, conditioned: Conditioned, span_s: tuple[float, float], noisy: bool, config: SignalConfig
) -> Verdict:
    start, stop = span_s
    window = raw[int(start * fs) : int(stop * fs)]
    finite = window[np.isfinite(window)]
    if finite.size < 0.5 * window.size or finite.size < 2:
        return "gap"
    filtered = conditioned.signal[int(start * conditioned.fs) : int(stop * conditioned.fs), 0]
    if np.ptp(filtered) < config.flat_mv:
        return "flat"
    if _saturated(finite):
        return "saturated"
    return "noisy" if noisy else "good"


def _saturated(window: FloatArray) -> bool:
    top, bottom = window.max(), window.min()
    return bool(np.mean(window == top) > 0.1 or np.mean(window == bottom) > 0.1)


def _noisy(conditioned: Conditioned, edges: NDArray[np.float64], stops: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which of the windows (n,) from `edges` to `stops` are noisy; those of equal length are judged together."""
    lead, fs = conditioned.signal[:, 0], conditioned.fs
    starts = (edges * fs).astype(np.int64)
    lengths = np.minimum((stops * fs).astype(np.int64), lead.size) - starts
    noisy = np.zeros(edges.size, np.bool_)
    for length in np.unique(lengths[lengths >= fs]):
        alike = np.flatnonzero(lengths == length)
        for some in np.array_split(alike, -(-alike.size // WINDOWS_AT_ONCE)):
            noisy[some] = _are_noisy(lead[starts[some][:, None] + np.arange(length)], fs)
    return noisy


def _are_noisy(windows: FloatArray, fs: float) -> NDArray[np.bool_]:
    """Tell which of the windows (n, length) are noisy."""
    frequency, power = sps.welch(windows, fs, nperseg=min(windows.shape[1], int(2 * fs)))
    share = _band(frequency, power, 5, 15) / np.maximum(_band(frequency, power, 5, 40), 1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a flat window has no kurtosis; it gets another verdict
        return np.asarray((share < 0.45) & (stats.kurtosis(windows, axis=1, fisher=False) < 4.0))


def _band(frequency: NDArray[np.float64], power: FloatArray, low: float, high: float) -> FloatArray:
    return np.asarray(power[:, (frequency >= low) & (frequency < high)].sum(axis=1))


def _joined(edges: NDArray[np.float64], verdicts: list[Verdict], end_s: float) -> tuple[QualitySegment, ...]:
    stops = np.append(edges[1:], end_s)
    joined: list[QualitySegment] = []
    for start, stop, verdict in zip(edges, stops, verdicts, strict=True):
        if joined and joined[-1].verdict == verdict:
            start = joined.pop().start_s
        joined.append(QualitySegment(float(start), float(stop), verdict, REASONS[verdict]))
    return tuple(joined)
