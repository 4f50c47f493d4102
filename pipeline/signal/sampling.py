"""Whether the stated sampling frequency fits a heart: QRS width, T wave, rate and spectrum, all in stated seconds."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.detectors import load_detector
from pipeline.signal.beat_windows import gather
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.median import median
from pipeline.signal.noise_measures import MEASURES as OF_WINDOWS
from pipeline.signal.noise_measures import noise_windows
from pipeline.types import FloatArray, IntArray

# The trees of the detector `sampling` were trained on these: a change needs `train --model sampling`.
NAME: Final = "sampling"
FACTORS: Final = (1.0, 2.0, 3.0, 0.5, 1 / 3)  # stated over true sampling frequency: the classes, in order
SURE: Final = 0.98  # that it is too high, or too low; chosen on training records, each left out: sampling.json
LIMIT_MS: Final = 75.0  # the QRS of too high a frequency is at most this wide, of too low a one at least
BEATS_MIN: Final = 8
BEATS: Final = 400  # enough to know the usual one
BEAT_S: Final = 0.6
QRS_S: Final = 0.2
SPECTRUM: Final = tuple(
    name for name in OF_WINDOWS[: OF_WINDOWS.index("skewness, first lead")] if not name.startswith("kurtosis")
)
STEEP: Final = 0.1  # of the greatest slope
REST_S: Final = 0.02  # at the top of a wave the slope is 0
SHARES: Final = ((0.1, 0.9), (0.25, 0.75))
MEASURES: Final = (
    *("interval .1", "interval .5", "interval .9"),
    *(f"QRS {low:g}-{high:g}" for low, high in SHARES),
    *("QRS height width", "T time", "T time over root of interval", "T height", "turns", "sharpness"),
    *SPECTRUM,
)
WINDOWS: Final = 100


def qrs_width_ms(conditioned: Conditioned, r_peak: IntArray) -> float:
    """Return the width of the usual QRS in the first lead, ms: where its slope is steep; 0 in a flat lead."""
    steep = np.abs(np.diff(_middle(_usual(conditioned, r_peak), conditioned.fs)))
    if not steep.max() > 0:
        return 0.0
    at = np.flatnonzero(steep > STEEP * steep.max())
    parts = np.split(at, np.flatnonzero(np.diff(at) > REST_S * conditioned.fs) + 1)
    qrs = next(part for part in parts if int(steep.argmax()) in part)
    return 1000 * float(qrs[-1] - qrs[0] + 1) / conditioned.fs


def doubtful_factor(conditioned: Conditioned, r_peak: IntArray) -> float:
    """Return how many times the stated sampling frequency is the likely one: 1 unless almost sure.

    Parameters
    ----------
    conditioned : Conditioned
        Filtered leads; its seconds are those of the stated sampling frequency.
    r_peak : (n,) int64
        The beats, indices into the signal.
    """
    if r_peak.size < BEATS_MIN or not (width_ms := qrs_width_ms(conditioned, r_peak)):
        return 1.0
    probability = load_detector(NAME).probabilities(sampling_measures(conditioned, r_peak)[None])[0]
    for high in (True, False):
        if width_ms > LIMIT_MS if high else width_ms < LIMIT_MS:
            continue
        one_way = [k for k, factor in enumerate(FACTORS) if (factor > 1 if high else factor < 1)]
        if probability[one_way].sum() >= SURE:
            return FACTORS[max(one_way, key=lambda k: float(probability[k]))]
    return 1.0


def sampling_measures(conditioned: Conditioned, r_peak: IntArray) -> FloatArray:
    """Measure the first lead as a whole: `MEASURES` (n_measures,).

    Parameters
    ----------
    conditioned : Conditioned
        Filtered leads.
    r_peak : (n,) int64
        At least `BEATS_MIN` beats, indices into the signal.
    """
    fs = conditioned.fs
    rr_s = np.quantile(np.diff(r_peak) / fs, (0.1, 0.5, 0.9))
    usual = _usual(conditioned, r_peak)
    qrs = _middle(usual, fs)
    slope = np.square(np.diff(qrs))
    height = float(np.ptp(qrs)) + 1e-9
    after = usual[usual.size // 2 + round(0.1 * fs) :]
    peak = int(np.argmax(np.abs(after)))
    t_s = 0.1 + peak / fs
    windows = _spectrum(conditioned, r_peak)
    return np.array(
        [
            *rr_s,
            *(_width(slope, low, high) / fs for low, high in SHARES),
            float(np.mean(np.abs(qrs - np.median(qrs)) > height / 2)) * qrs.size / fs,
            *(t_s, t_s / np.sqrt(rr_s[1]), abs(float(after[peak])) / height),
            *windows,
        ],
        np.float32,
    )


def _usual(conditioned: Conditioned, r_peak: IntArray) -> FloatArray:
    reach = round(BEAT_S * conditioned.fs)
    some = r_peak[:: max(1, r_peak.size // BEATS)]
    return median(gather(conditioned.signal[:, 0], some[:, None] + np.arange(-reach, reach + 1)), axis=0)


def _middle(usual: FloatArray, fs: float) -> FloatArray:
    middle, reach = usual.size // 2, round(QRS_S * fs)
    return usual[middle - reach : middle + reach + 1]


def _width(energy: FloatArray, low: float, high: float) -> float:
    """Return in how many samples the middle part of an energy (n,) lies, from the share `low` to `high`."""
    total = np.cumsum(energy) / (energy.sum() + 1e-12)
    return float(np.interp(high, total, np.arange(total.size)) - np.interp(low, total, np.arange(total.size)))


def _spectrum(conditioned: Conditioned, r_peak: IntArray) -> FloatArray:
    """Return the medians over some windows of what the noise detector measures of turns, sharpness and spectrum."""
    first, last = max(conditioned.segments, key=lambda span: span[1] - span[0])
    last = min(last, first + round(4 * WINDOWS * conditioned.fs))
    part = Conditioned(conditioned.signal[first:last, :1], conditioned.fs, ((0, last - first),))
    inside = r_peak[(r_peak >= first) & (r_peak < last)] - first
    measures = np.median(noise_windows(part, inside, inside).measures, axis=0)
    names = ("turns, first lead", "sharpness, first lead", *SPECTRUM)
    return np.asarray(measures[[OF_WINDOWS.index(name) for name in names]])
