"""How far noise hides the ECG, window by window: boosted trees on measures of the signal and of its beats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.detectors import load_detector
from pipeline.config import SignalConfig
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.noise_measures import OF_LEAD, WINDOW_S, NoiseWindows, noise_windows, one_lead
from pipeline.signal.r_peaks import detect_r_peaks, slopes
from pipeline.signal.repeating import repeating_windows
from pipeline.types import FloatArray, IntArray

WRONG: Final = "quality"  # of an answer there
NO_ECG: Final = "unreadable"  # of the whole window
# Weights of a window and its neighbours: noise lasts, and what is no ECG lasts longer.
STEADY_WRONG: Final = (1, 4, 1)
STEADY_NO_ECG: Final = (1, 2, 3, 2, 1)
SAMPLE_S: Final = 120.0
REST, LOUD = 0.2, 0.9  # quieter than this share of what the lead has in its loudest tenth
REPEATED: Final = 0.009  # no more where every beat comes again unchanged: no class is then in doubt by noise
LOST_S: Final = 0.05  # a shorter gap of a lead was bridged


@dataclass(frozen=True, eq=False)
class NoiseVerdicts:
    """Windows of a recording, and what noise does to each.

    Attributes
    ----------
    start_s, stop_s : (n,) float64
        Where each begins and ends, seconds; together they cover the signal without overlap.
    wrong : (n,) float32
        Probability that a class given there is wrong because of noise.
    wrong_alone : (n_leads, n) float32
        The same if only that lead had been recorded; NaN where that was not asked.
    no_ecg : (n,) float32
        Probability that no ECG can be read there.
    """

    start_s: NDArray[np.float64]
    stop_s: NDArray[np.float64]
    wrong: FloatArray
    wrong_alone: FloatArray
    no_ecg: FloatArray


def judge_noise(conditioned: Conditioned, r_peak: IntArray, steep: IntArray, *, doubtful: float) -> NoiseVerdicts:
    """Judge the noise in every window.

    Parameters
    ----------
    conditioned : Conditioned
        Filtered leads, mV.
    r_peak, steep : (n,) int64
        The beats, and those that the second detector found, as indices into the signal.
    doubtful : float
        Each lead is judged on its own where `wrong` is at least this.
    """
    windows = noise_windows(conditioned, r_peak, steep)
    end_s = len(conditioned.signal) / conditioned.fs
    stop_s = np.append(windows.start_s[1:], end_s)
    start_s = np.append(windows.start_s[:-1], max(0.0, windows.start_s[-1]))
    if start_s.size > 1:  # the last window reaches back into the one before
        start_s[-1] = min(start_s[-2] + WINDOW_S, end_s)
        stop_s[-2] = start_s[-1]
    n_leads = conditioned.signal.shape[1]
    measures = _without_lost_leads(windows, conditioned)
    wrong = _steadied(load_detector(WRONG).probabilities(measures)[:, 1], STEADY_WRONG)
    again = repeating_windows(conditioned, r_peak, start_s, stop_s, wrong > REPEATED)
    wrong[again] = REPEATED
    alone = np.full((n_leads, wrong.size), np.nan, np.float32)
    some = np.flatnonzero(wrong >= doubtful)
    for lead in range(n_leads):
        if some.size:
            alone[lead, some] = load_detector(WRONG).probabilities(one_lead(windows.measures[some], lead))[:, 1]
    no_ecg = _steadied(load_detector(NO_ECG).probabilities(measures)[:, 1], STEADY_NO_ECG)
    no_ecg[_at_rest(windows.measures, n_leads)] = 0
    whole = windows.inside
    return NoiseVerdicts(start_s, stop_s, _beside(wrong, whole), alone, _beside(no_ecg, whole))


def noise_alone(conditioned: Conditioned, lead: int, config: SignalConfig) -> float:
    """Return how likely a class is wrong in the middle of a recording if only this lead were read: a median.

    Parameters
    ----------
    conditioned : Conditioned
        Filtered leads, mV.
    lead : int
        Which of them.
    config : SignalConfig
        Settings of the detectors of beats.
    """
    first, last = max(conditioned.segments, key=lambda span: span[1] - span[0])
    reach = min(round(SAMPLE_S * conditioned.fs), last - first) // 2
    middle = (first + last) // 2
    some = conditioned.signal[middle - reach : middle + reach, lead : lead + 1]
    alone = Conditioned(some, conditioned.fs, ((0, len(some)),), ((),))
    steep = slopes(alone, config)
    noise = judge_noise(alone, detect_r_peaks(alone, config, lambda: steep), steep, doubtful=2.0)
    return float(np.median(np.maximum(noise.wrong, noise.no_ecg)))


def _at_rest(measures: FloatArray, n_leads: int) -> NDArray[np.bool_]:
    """Tell in which windows (n,) a lead is far quieter than it can be: an asystole shows noise alone."""
    rest = np.zeros(len(measures), np.bool_)
    for lead in range(n_leads):
        spread = measures[:, lead * len(OF_LEAD) + OF_LEAD.index("spread")]
        rest |= spread < REST * np.quantile(spread, LOUD)
    return rest


def _steadied(probability: FloatArray, weights: tuple[int, ...]) -> FloatArray:
    """Return the mean of the log odds (n,) over each window and its neighbours."""
    clipped = np.clip(probability.astype(np.float64), 1e-4, 1 - 1e-4)
    odds = np.pad(np.log(clipped / (1 - clipped)), len(weights) // 2, mode="edge")
    mean = np.convolve(odds, np.array(weights) / sum(weights), mode="valid")
    return np.asarray(1 / (1 + np.exp(-mean)), np.float32)


def _without_lost_leads(windows: NoiseWindows, conditioned: Conditioned) -> FloatArray:
    """Return the measures, of one lead alone where the other was lost for a part of the window."""
    measures = windows.measures
    if conditioned.signal.shape[1] < 2:
        return measures
    size = round(WINDOW_S * conditioned.fs)
    start = np.round(windows.start_s * conditioned.fs).astype(np.int64)
    for lost, other in ((1, 0), (0, 1)):
        spans = [(a, b) for a, b in conditioned.missing[lost] if b - a > LOST_S * conditioned.fs]
        if spans:
            begin, end = np.array(spans).T
            following = np.minimum(np.searchsorted(end, start, side="right"), end.size - 1)
            rows = (begin[following] < start + size) & (end[following] > start)
            measures = np.where(rows[:, None], one_lead(windows.measures, other), measures)
    return measures


def _beside(probability: FloatArray, whole: NDArray[np.bool_]) -> FloatArray:
    """Give windows that reach into a gap the probability of the nearest whole one, if that is beside them."""
    found = probability.copy()
    for i in np.flatnonzero(~whole).tolist():
        beside = [probability[k] for k in (i - 1, i + 1) if 0 <= k < whole.size and whole[k]]
        if beside:
            found[i] = min(*beside, probability[i])
    return found
