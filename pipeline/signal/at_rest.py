"""Whether a lead is at rest between two beats: a pause, and not noise, missed waves or a lost electrode."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from pipeline.config import DEFAULT, REVIEW, ReviewConfig
from pipeline.signal.median import median
from pipeline.types import FloatArray, IntArray

Silence = Literal["rest", "lost", "waves"]
_BEATS_MEASURED: Final = 500  # enough for the median height of a QRS


def between_beats(
    leads: tuple[FloatArray, ...],
    heights: tuple[float, ...],
    span: tuple[int, int],
    fs: float,
    config: ReviewConfig = REVIEW,
) -> Silence:
    """Tell what lies between two successive beats.

    "rest" if at least one lead is at rest: a pause. Otherwise "waves" if a lead has waves as tall as `wave_height` of a
    QRS (noise, missed beats, flutter or fibrillation), or "lost" if all are flat or drifting (an electrode that came
    off, an amplifier that recovers). The T and P waves of the two beats are ignored, and so are waves in between that
    are no taller than `p_height` of a QRS and as rare as P waves.

    Parameters
    ----------
    leads : tuple of (n_samples,) float32
        The leads, mV.
    heights : tuple of float
        The usual peak-to-peak height of a QRS in each of them, mV.
    span : (int, int)
        R peaks of the two beats, samples.
    fs : float
        Sampling frequency, Hz.
    config : ReviewConfig, optional
        What counts as a wave, a drift or a dead lead.
    """
    start = span[0] + round(config.silence_after_s * fs)
    stop = span[1] - round(config.silence_before_s * fs)
    size = round(config.silence_step_s * fs)
    if stop - start < size:
        return "rest"
    found = {
        of_lead(np.asarray(lead[start:stop]), size, height, config) for lead, height in zip(leads, heights, strict=True)
    }
    return "rest" if "rest" in found or not found else "waves" if "waves" in found else "lost"


def of_lead(values: FloatArray, size: int, height: float, config: ReviewConfig = REVIEW) -> Silence:
    """Judge one lead between two beats.

    Parameters
    ----------
    values : (n,) float32
        The lead, mV, NaN where nothing was recorded.
    size : int
        Length of the steps in which it is judged, samples.
    height : float
        The usual peak-to-peak height of its QRS, mV.
    config : ReviewConfig, optional
        What counts as a wave, a drift or a dead lead.
    """
    steps = values[: values.size // size * size].reshape(-1, size)
    steps = steps[np.isfinite(steps).all(axis=1)]
    heights = steps.max(axis=1, initial=-np.inf) - steps.min(axis=1, initial=np.inf)
    if not steps.size or np.ptp(steps) < DEFAULT.signal.flat_mv or median(heights) < config.dead_mv:
        return "lost"
    high = heights >= config.wave_height * height
    if high.any() and (heights.max() >= config.p_height * height or high.mean() > config.p_share):
        return "waves"
    return "lost" if float(np.ptp(median(steps))) >= config.drift_height * height else "rest"


def qrs_height(lead: FloatArray, r_peak: IntArray, fs: float) -> float:
    """Return the median peak-to-peak height around a beat, in mV; 0 without beats.

    Parameters
    ----------
    lead : (n_samples,) float32
        The lead, mV.
    r_peak : (n,) int64
        Its R peaks, samples.
    fs : float
        Sampling frequency, Hz.
    """
    reach = round(DEFAULT.signal.rr_min_ms / 2000 * fs)
    inside = r_peak[(r_peak >= reach) & (r_peak < lead.size - reach)]
    some = inside[:: max(1, -(-inside.size // _BEATS_MEASURED))]
    heights = [float(np.ptp(lead[at - reach : at + reach])) for at in some.tolist()]
    known = [height for height in heights if np.isfinite(height)]
    return float(np.median(known)) if known else 0.0
