"""Measures of the waveform second by second: spectrum, shape, sharpness, repetition, each also against the usual.

Nothing here depends on the sign or the scale of a lead, on the order of the leads, or on detected beats.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import maximum_filter1d, minimum_filter1d, uniform_filter1d

from models.threads import side_by_side
from pipeline.signal.median import median
from pipeline.types import FloatArray, IntArray

# The trees of the detector "waveform" were trained on this geometry: a change needs another training.
FS_HZ: Final = 125.0
SECOND: Final = 125  # samples
WINDOW: Final = 512  # samples, 4.1 s, of a spectrum
ENVELOPE_STEP: Final = 4  # the slope's envelope is read at 31 Hz
ENVELOPE: Final = 505  # samples of a window at which that of the following ones can be read
MARGIN: Final = 4  # seconds of silence before and after a recording
SECONDS_AT_ONCE: Final = 8192  # put together at once
CHUNK_S: Final = 300  # seconds handled at a time: they fit the processor's cache
DEAD: Final = 0.02  # of the other lead's height: below it a lead is off, and the other one stands in for it
BANDS_HZ: Final = (0.7, 1.7, 2.7, 3.7, 4.7, 5.7, 7.0, 10.0, 15.0, 22.0, 38.0)
DOMINANT_HZ: Final = (1.2, 10.0)
WAVES_S: Final = (0.1, 0.75)  # periods of waves looked for in the lead itself
BEATS_S: Final = (0.2, 1.5)  # and of beats, in its slope's envelope
BLOCK_MEASURES: Final = (
    *("height", "steepness", "mean_height", "kurtosis", "frequency", "curvature", "slope_kurtosis", "slope_peak"),
    *("peak", "sharpness", "quiet_slope", "quiet_height", "crossings", "unequal_heights", "unequal_slopes"),
)
SPECTRUM_MEASURES: Final = (
    *(f"band_{low:g}" for low in BANDS_HZ[:-1]),
    *("dominant_hz", "dominant_share", "harmonic_share", "centroid_hz", "spread_hz", "entropy"),
    *("wave_repeats", "wave_s", "wave_inverts", "leakage", "beat_repeats", "beat_s", "beat_repeats_twice"),
)
LEAD_MEASURES: Final = (*BLOCK_MEASURES, *SPECTRUM_MEASURES)
SCALED: Final = ("height", "steepness")  # depend on the scale of a lead: only used against what is usual in it
# Those whose usual value in the recording is taken off to give further measures.
RELATIVE: Final = (
    *("height", "steepness", "kurtosis", "frequency", "slope_kurtosis", "slope_peak", "sharpness", "quiet_slope"),
    *("centroid_hz", "spread_hz", "wave_s", "beat_s", *(f"band_{low:g}" for low in BANDS_HZ[:-1])),
)
AROUND_S: Final = (9, 21)  # seconds around, whose means are measures too
HIGH_SHARE: Final = 0.9  # of the seconds of a recording are not higher than its usual height: silence does not lower it
EPS: Final = np.float32(1e-7)

_OWN: Final = [i for i, name in enumerate(LEAD_MEASURES) if name not in SCALED]
_RELATIVE: Final = [LEAD_MEASURES.index(name) for name in RELATIVE]
_SCALED: Final = [LEAD_MEASURES.index(name) for name in SCALED]
_HEIGHT, _SHARP = LEAD_MEASURES.index("height"), LEAD_MEASURES.index("slope_kurtosis")


def _named(kind: str, of: list[int]) -> tuple[str, ...]:
    return tuple(f"{LEAD_MEASURES[i]}{kind} of the {lead} lead" for lead in ("sharper", "other") for i in of)


MEASURES: Final = (
    *_named("", _OWN),
    *(name for around in AROUND_S for name in _named(f" within {around} s", _OWN)),
    *_named(" against usual", _RELATIVE),
    *_named(f" within {AROUND_S[0]} s against usual", _RELATIVE),
    *_named(" against high", _SCALED),
)


def per_second(signal: FloatArray, fs: float) -> FloatArray:
    """Measure every second of every lead.

    Parameters
    ----------
    signal : (n, n_leads) float32
        Filtered leads, any unit, at a multiple of 125 Hz.
    fs : float
        Sampling frequency, Hz.

    Returns
    -------
    (n_leads, n_seconds, len(LEAD_MEASURES)) float32
        The measures of second i come from a window of 3 to 4 seconds around i + 0.5 s.
    """
    leads = signal[:: max(1, round(fs / FS_HZ))].T
    seconds = max(1, round(leads.shape[1] / SECOND))
    whole, starts = leads[:, : seconds * SECOND], range(0, seconds, CHUNK_S)
    return np.concatenate(list(side_by_side(lambda first: _chunk(whole, first, seconds), starts)), axis=1)


def measured(per_lead: FloatArray) -> FloatArray:
    """Put the leads together, and every second beside those around it and what is usual in the recording.

    Parameters
    ----------
    per_lead : (n_leads, n_seconds, len(LEAD_MEASURES)) float32
        As from `per_second`; the first and the last lead are used.

    Returns
    -------
    (n_seconds, len(MEASURES)) float32
        First those of the lead with the sharper slopes, whichever it is, then those of the other; the same twice if
        there is but one.
    """
    return np.concatenate(list(measured_parts(per_lead)))


def measured_parts(per_lead: FloatArray) -> Iterator[FloatArray]:
    """Yield what `measured` returns, `SECONDS_AT_ONCE` rows at a time.

    Parameters
    ----------
    per_lead : (n_leads, n_seconds, len(LEAD_MEASURES)) float32
        As from `per_second`; the first and the last lead are used.
    """
    own, against_usual, against_high = _columns(per_lead)

    def smooth(rows: FloatArray, seconds: int) -> FloatArray:
        return np.asarray(uniform_filter1d(rows, seconds, axis=1, mode="nearest"))

    around = [smooth(own, seconds) for seconds in AROUND_S]
    rows = [own, *around, against_usual, smooth(against_usual, AROUND_S[0]), against_high]
    for start in range(0, own.shape[1], SECONDS_AT_ONCE):
        yield np.concatenate([each[:, start : start + SECONDS_AT_ONCE] for each in rows]).T


def measured_alone(per_lead: FloatArray, chosen: IntArray) -> FloatArray:
    """Return the measures of some seconds as if all around each were like it, beside what is usual in the recording.

    Parameters
    ----------
    per_lead : (n_leads, n_seconds, len(LEAD_MEASURES)) float32
        As from `per_second`; the first and the last lead are used.
    chosen : (m,) int64
        Indices of the seconds.

    Returns
    -------
    (m, len(MEASURES)) float32
        In the order of `measured`.
    """
    own, against_usual, against_high = (rows[:, chosen] for rows in _columns(per_lead))
    around = [own] * len(AROUND_S)
    return np.concatenate([own, *around, against_usual, against_usual, against_high]).T


def _columns(per_lead: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the measures of both leads (k, n_seconds), some against what is usual, sizes against the usual height."""
    sharper, other = _sorted(*(np.ascontiguousarray(lead.T) for lead in (per_lead[0], per_lead[-1])))

    def both(of: list[int]) -> FloatArray:
        return np.concatenate([sharper[of], other[of]])

    own, relative, scaled = both(_OWN), both(_RELATIVE), both(_SCALED)
    high = np.quantile(scaled, HIGH_SHARE, axis=1, keepdims=True).astype(np.float32)
    return own, relative - median(relative)[:, None], scaled - high


def _sorted(first: FloatArray, last: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the lead (k, n_seconds) with the sharper slopes and the other; a lead that is off is replaced."""
    off = np.float32(np.log(DEAD))
    lower, upper = first[_HEIGHT] - last[_HEIGHT] < off, last[_HEIGHT] - first[_HEIGHT] < off
    one, two = np.where(lower, last, first), np.where(upper, first, last)
    swap = one[_SHARP] < two[_SHARP]
    return np.where(swap, two, one), np.where(swap, one, two)


def _chunk(leads: FloatArray, first: int, seconds: int) -> FloatArray:
    """Return the measures (n_leads, k, len(LEAD_MEASURES)) of at most `CHUNK_S` seconds."""
    last = min(first + CHUNK_S, seconds)
    begin = (first - MARGIN) * SECOND
    inside = leads[:, max(begin, 0) : (last + MARGIN) * SECOND]
    piece = np.zeros((len(leads), (last - first + 2 * MARGIN) * SECOND), np.float32)
    piece[:, max(-begin, 0) :][:, : inside.shape[1]] = inside
    blocks = _of_blocks(piece)[:, MARGIN:-MARGIN]
    start = MARGIN * SECOND + SECOND // 2 - WINDOW // 2
    windows = sliding_window_view(piece, WINDOW, axis=1)[:, start::SECOND][:, : last - first]
    steep = _envelope(piece)
    envelopes = sliding_window_view(steep, ENVELOPE, axis=1)[:, start::SECOND, ::ENVELOPE_STEP][:, : last - first]
    return np.concatenate([blocks, _of_windows(windows, envelopes)], axis=2)


def _envelope(leads: FloatArray) -> FloatArray:
    """Return the mean slope of each `ENVELOPE_STEP` samples, from each sample on."""
    steep = np.abs(leads[:, 2:] - leads[:, :-2])
    parts = [steep[:, k : steep.shape[1] - ENVELOPE_STEP + 1 + k] for k in range(ENVELOPE_STEP)]
    return np.asarray(sum(parts[1:], parts[0]) / np.float32(ENVELOPE_STEP))


def _of_blocks(leads: FloatArray) -> FloatArray:
    """(n_leads, n) -> (n_leads, n_seconds, k): sums over whole seconds, put together for three."""
    x = leads.reshape(len(leads), -1, SECOND)
    dx = np.diff(leads, axis=1, append=leads[:, -1:]).reshape(x.shape)
    ddx = np.diff(dx.reshape(leads.shape), axis=1, append=0).reshape(x.shape)
    size, slope = np.abs(x), np.abs(dx)
    square, slope_square = np.square(x), np.square(dx)
    span = np.abs(leads[:, 4:] - leads[:, :-4])
    maxima = np.stack([size.max(2), slope.max(2), np.pad(span, ((0, 0), (2, 2))).reshape(x.shape).max(2)])
    top, steep, sharp = maximum_filter1d(maxima, 3, axis=2)
    top, steep = top + EPS, steep + EPS
    counts = [_count(slope < 0.1 * steep[..., None]), _count(size < 0.2 * top[..., None])]
    crossings = _count(x[..., 1:] * x[..., :-1] < 0)
    powers = [each.mean(2) for each in (square, slope_square, np.square(square), np.square(slope_square))]
    means = [each.mean(2) for each in (size, slope, np.abs(ddx))]
    sums = _three(np.stack([*powers, *means, *(count / np.float32(SECOND) for count in counts), crossings]))
    power, slope_power, mean, slope_mean = sums[0] + EPS**2, sums[1] + EPS**2, sums[4] + EPS, sums[5] + EPS
    return np.stack(
        [
            0.5 * np.log(power),
            np.log(steep),
            mean / np.sqrt(power),
            np.log(sums[2] / power**2 + EPS),
            np.log(slope_mean / mean),
            np.log(sums[6] / slope_mean + EPS),
            np.log(sums[3] / slope_power**2 + EPS),
            steep / slope_mean,
            top / np.sqrt(power),
            sharp / top,
            *sums[7:],
            *_unequal(maxima[:2]),
        ],
        axis=2,
    ).astype(np.float32)


def _count(where: NDArray[np.bool_]) -> FloatArray:
    """Count along the last axis, at most `SECOND`: a byte holds that."""
    return np.asarray(np.add.reduce(where.view(np.uint8), axis=-1, dtype=np.uint8), np.float32)


def _three(seconds: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(uniform_filter1d(seconds, 3, axis=-1, mode="nearest"), 0), np.float32)


def _unequal(maxima: FloatArray) -> FloatArray:
    """Smallest of the maxima of five seconds, as a share of the largest."""
    return np.asarray(minimum_filter1d(maxima, 5, axis=-1) / (maximum_filter1d(maxima, 5, axis=-1) + EPS), np.float32)


def _of_windows(windows: FloatArray, envelopes: FloatArray) -> FloatArray:
    """(n_leads, n_seconds, WINDOW) and its slope's envelope -> (n_leads, n_seconds, k): spectrum and repetition."""
    centred = windows - windows.mean(2, keepdims=True)
    hz = np.arange(WINDOW // 2 + 1, dtype=np.float32) * np.float32(FS_HZ / WINDOW)
    inside = slice(*np.searchsorted(hz, (BANDS_HZ[0], BANDS_HZ[-1])))
    hz = hz[inside]
    spectrum = _power(fft.rfft(centred * np.hanning(WINDOW).astype(np.float32), axis=2)[..., inside])
    total = spectrum.sum(2) + EPS**2
    share = spectrum / total[..., None]
    edges = np.searchsorted(hz, BANDS_HZ[:-1])
    bands = np.log(np.add.reduceat(share, edges, axis=2) + np.float32(1e-5))
    searched = slice(*np.searchsorted(hz, DOMINANT_HZ))
    offset = searched.start
    peak = offset + np.argmax(share[..., searched], axis=2)
    centroid = share @ hz
    spread = np.sqrt(np.maximum(share @ np.square(hz) - centroid**2, 0))
    entropy = -(share * np.log(share + EPS)).sum(2)
    described = [hz[peak], _around(share, peak), _around(share, 2 * peak + offset), centroid, spread, entropy]
    waves = _repetition(centred[..., ::2], WAVES_S, FS_HZ / 2)
    return np.concatenate([bands, np.stack([*described, *waves, *_beats(envelopes)], axis=2)], axis=2).astype(
        np.float32
    )


def _power(spectrum: NDArray[np.complex64]) -> FloatArray:
    return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag), np.float32)


def _around(share: FloatArray, peak: NDArray[np.intp]) -> FloatArray:
    """Share of the power within two bins (0.5 Hz) of a peak."""
    at = peak[..., None] + np.arange(-2, 3)
    inside = (at >= 0) & (at < share.shape[2])
    return np.asarray((np.take_along_axis(share, np.where(inside, at, 0), 2) * inside).sum(2), np.float32)


def _correlation(windows: FloatArray, lags: int) -> FloatArray:
    """Autocorrelation (..., lags), 1 at lag 0; corrected for the shorter overlap."""
    n = windows.shape[-1]
    size = fft.next_fast_len(n + lags, real=True)
    raw = fft.irfft(_power(fft.rfft(windows, size, axis=-1)), size, axis=-1)[..., :lags]
    overlap = n / (n - np.arange(lags, dtype=np.float32))
    return np.asarray(raw / (raw[..., :1] + EPS**2) * overlap, np.float32)


def _repetition(windows: FloatArray, periods_s: tuple[float, float], fs: float) -> list[FloatArray]:
    """How well waves repeat, after how long, how much they invert, and what remains of half a period against itself."""
    low, high = (round(s * fs) for s in periods_s)
    correlation = _correlation(windows, high)
    deep = correlation < np.minimum(0.6 * correlation.min(axis=-1, keepdims=True), 0)
    trough = np.argmax(deep, axis=-1)  # the first one, not that of a later period
    later = np.where(np.arange(high) >= np.maximum(trough, low)[..., None], correlation, -1)
    good = later >= 0.9 * later.max(axis=-1, keepdims=True)  # the first that is nearly as good as the best
    best = _climb(later, np.argmax(good, axis=-1), 6)
    inverts = np.take_along_axis(correlation, trough[..., None], -1)[..., 0]
    half = np.take_along_axis(correlation, (best // 2)[..., None], -1)[..., 0]
    return [np.take_along_axis(later, best[..., None], -1)[..., 0], (best / fs).astype(np.float32), inverts, half]


def _beats(envelopes: FloatArray) -> list[FloatArray]:
    """How well the slope's envelope repeats, after how long, and whether it does so after twice as long."""
    smooth = uniform_filter1d(envelopes, 3, axis=-1)
    fs = FS_HZ / ENVELOPE_STEP
    low, high = (round(s * fs) for s in BEATS_S)
    correlation = _correlation(smooth - smooth.mean(-1, keepdims=True), 2 * high)
    middle = correlation[..., low:high]
    # the first repetition that is nearly as good as the best
    good = middle > 0.85 * middle.max(-1, keepdims=True)
    best = low + np.argmax(good, axis=-1)
    climbed = np.minimum(_climb(correlation, best, 3), high - 1)
    twice = np.take_along_axis(correlation, (2 * climbed)[..., None], -1)[..., 0]
    return [np.take_along_axis(correlation, climbed[..., None], -1)[..., 0], (climbed / fs).astype(np.float32), twice]


def _climb(correlation: FloatArray, at: NDArray[np.intp], steps: int) -> NDArray[np.intp]:
    """Move up to the local maximum, at most some steps."""
    flat, row = correlation.ravel(), correlation.shape[-1] * np.arange(at.size).reshape(at.shape)
    height = flat.take(row + at)
    for _ in range(steps):
        following = np.minimum(at + 1, correlation.shape[-1] - 1)
        further = flat.take(row + following)
        at, height = np.where(further > height, following, at), np.maximum(further, height)
    return at
