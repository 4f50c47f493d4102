"""Measures of noise in windows of four seconds: spectrum, shape, rest between beats, and how alike the beats are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.threads import side_by_side
from pipeline.signal.beat_windows import gather, gather_around
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.nearest import mutually_nearest
from pipeline.types import FloatArray, IntArray

# The trees of the detector `quality` were trained on this geometry: a change needs `train --model quality`.
WINDOW_S: Final = 4.0
STEP: Final = 2  # every second sample: 125 Hz hold the 40 Hz that the low-pass filter leaves
CHUNK: Final = 225  # windows measured at once: they fit the processor's cache
BANDS_HZ: Final = (0.5, 2.0, 4.0, 7.0, 10.0, 15.0, 20.0, 27.0, 40.0)
REST_S: Final = 0.2  # between beats there is room for some of these
REST_QUANTILES: Final = (0.1, 0.3, 0.5, 0.8)
BEAT_S: Final = (0.12, 0.28)  # before and after R
ALIKE_S: Final = 0.1  # two detectors agree within this distance
TEMPLATE_BEATS: Final = 2000
NOT_KNOWN: Final = -1.0
SHARE: Final = 1e-9

OF_LEAD: Final = (
    *(f"band {low:g}-{high:g} Hz" for low, high in pairwise(BANDS_HZ)),
    *("spectral entropy", "pSQI", "kurtosis", "skewness", "zero crossings", "turns"),
    *("height", "spread", "power against usual"),
    *(f"rest {q:g}" for q in REST_QUANTILES),
    *("rest against usual", "sharpness", "baseline"),
    *("beats alike", "least alike beat", "like the beat before", "residual"),
)
OF_BEATS: Final = ("beats", "shortest interval", "longest interval", "irregularity", "detectors agree", "leads alike")
AROUND: Final = ("spectral entropy", "rest 0.3", "power against usual", "beats alike", "residual")
MEASURES: Final = (
    *(f"{name}, {lead} lead" for lead in ("first", "second") for name in OF_LEAD),
    *OF_BEATS,
    *(f"{name}, around" for name in AROUND),
)


@dataclass(frozen=True, eq=False)
class NoiseWindows:
    """Windows of one recording with their measures.

    Attributes
    ----------
    start_s : (n,) float64
        Where each begins, seconds; the last one ends at the end of the recording, and may overlap the one before.
    inside : (n,) bool
        Where all of the window lies in what was recorded.
    measures : (n, n_measures) float32
        In the order of `MEASURES`, -1 where not known.
    """

    start_s: NDArray[np.float64]
    inside: NDArray[np.bool_]
    measures: FloatArray


def noise_windows(conditioned: Conditioned, r_peak: IntArray, steep: IntArray) -> NoiseWindows:
    """Measure every window of one or two leads.

    Parameters
    ----------
    conditioned : Conditioned
        Filtered leads, mV.
    r_peak, steep : (n,) int64
        The beats, and those that the second detector found, as indices into the signal.
    """
    fs, signal = conditioned.fs, conditioned.signal
    size = round(WINDOW_S * fs)
    start = window_starts(len(signal), size)
    leads = list(side_by_side(lambda lead: _of_lead(lead, fs, start, size, r_peak), signal.T))
    missing = np.full_like(leads[0], NOT_KNOWN)
    both = [*leads, missing][:2]
    around = _around(leads[0])
    measures = np.concatenate([*both, _of_beats(conditioned, start, size, r_peak, steep), around], axis=1)
    inside = _inside(start, np.minimum(start + size, len(signal)) - 1, conditioned)
    return NoiseWindows(start / fs, inside, measures.astype(np.float32))


def _inside(start: IntArray, stop: IntArray, conditioned: Conditioned) -> NDArray[np.bool_]:
    """Tell which windows (n,) from `start` to `stop` lie in one segment."""
    edges = np.array(conditioned.segments, np.int64).reshape(-1, 2)
    if not edges.size:
        return np.zeros(start.size, np.bool_)
    segment = np.searchsorted(edges[:, 0], start, side="right") - 1
    return np.asarray((segment >= 0) & (stop <= edges[np.maximum(segment, 0), 1]))


def one_lead(measures: FloatArray, lead: int) -> FloatArray:
    """Return measures (n, n_measures) as if only lead 0 or 1 of the two had been recorded."""
    n = len(OF_LEAD)
    alone = measures.copy()
    alone[:, :n] = measures[:, lead * n : (lead + 1) * n]
    alone[:, n : 2 * n] = NOT_KNOWN
    alone[:, 2 * n + OF_BEATS.index("leads alike")] = NOT_KNOWN
    if lead:
        alone[:, -len(AROUND) :] = _around(alone[:, :n])
    return alone


def window_starts(n_samples: int, size: int) -> IntArray:
    """Return where windows of `size` samples begin; the last one ends with the signal."""
    start = np.arange(0, max(n_samples - size, 0) + 1, size, dtype=np.int64)
    if n_samples > size and start[-1] + size < n_samples:
        start = np.append(start, n_samples - size)
    return start


def _of_lead(lead: FloatArray, fs: float, start: IntArray, size: int, r_peak: IntArray) -> FloatArray:
    usual = _usual_beat(lead, fs, r_peak)
    height = max(float(np.ptp(usual)), 1e-3)
    alone = np.concatenate(
        [_of_signal(lead, fs, start[i : i + CHUNK], size, height) for i in range(0, start.size, CHUNK)]
    )
    rest = alone[:, [OF_LEAD.index("rest 0.3"), OF_LEAD.index("spread")]]
    typical = np.median(rest, axis=0) + 1e-4
    compared = np.log2((rest + 1e-4) / typical)
    alone[:, OF_LEAD.index("rest against usual")] = compared[:, 0]
    alone[:, OF_LEAD.index("power against usual")] = compared[:, 1]
    return np.concatenate([alone, _of_shape(lead, fs, start, size, r_peak, usual, height)], axis=1)


def _of_signal(lead: FloatArray, fs: float, start: IntArray, size: int, height: float) -> FloatArray:
    """Measure windows without knowing the beats: all of `OF_LEAD` but the last four."""
    whole = np.pad(lead[start[0] : start[-1] + size], (0, max(0, size - lead.size)))
    x = sliding_window_view(whole, size)[start - start[0], ::STEP] / np.float32(height)
    rate = fs / STEP
    mean = x.mean(axis=1, keepdims=True)
    x = x - mean
    spread = np.sqrt(np.mean(np.square(x), axis=1)) + np.float32(1e-6)
    square = np.square(x)
    kurtosis = np.mean(np.square(square), axis=1) / spread**4
    skewness = np.mean(square * x, axis=1) / spread**3
    steps = np.diff(x, axis=1)
    crossings = np.mean(np.signbit(x[:, 1:]) != np.signbit(x[:, :-1]), axis=1)
    turns = np.mean(np.signbit(steps[:, 1:]) != np.signbit(steps[:, :-1]), axis=1)
    sharpness = np.mean(np.abs(np.diff(steps, axis=1)), axis=1)
    rest, baseline = _rest(x, rate)
    bands, entropy, psqi = _spectrum(x, rate)
    columns = [
        *bands.T, entropy, psqi, np.minimum(kurtosis, 60), np.clip(skewness, -8, 8), crossings, turns,
        np.minimum(x.max(axis=1) - x.min(axis=1), 50), np.minimum(spread, 20), np.zeros(len(x)), *rest.T,
        np.zeros(len(x)), np.minimum(sharpness, 5), np.minimum(baseline, 20),
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float32)


def _rest(x: FloatArray, rate: float) -> tuple[FloatArray, FloatArray]:
    """Return quantiles of the heights of short pieces, and how much their means differ."""
    size = round(REST_S * rate)
    pieces = x[:, : x.shape[1] // size * size].reshape(len(x), -1, size)
    heights = np.sort(pieces.max(axis=2) - pieces.min(axis=2), axis=1)
    at = np.array([round(q * (heights.shape[1] - 1)) for q in REST_QUANTILES])
    return np.minimum(heights[:, at], 20), pieces.mean(axis=2).std(axis=1)


def _spectrum(x: FloatArray, rate: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    taper = np.hanning(x.shape[1]).astype(np.float32)
    spectrum = np.fft.rfft(x * taper, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    frequency = np.fft.rfftfreq(x.shape[1], 1 / rate)
    total = power[:, (frequency >= BANDS_HZ[0]) & (frequency < BANDS_HZ[-1])]
    edges = np.searchsorted(frequency, BANDS_HZ)
    bands = np.stack([power[:, a:b].sum(axis=1) for a, b in pairwise(edges)], axis=1)
    shares = bands / (bands.sum(axis=1, keepdims=True) + SHARE)
    p = total / (total.sum(axis=1, keepdims=True) + SHARE)
    entropy = -np.sum(p * np.log2(p + 1e-12), axis=1) / np.log2(total.shape[1])
    a, b, c = np.searchsorted(frequency, (5.0, 15.0, 40.0))
    psqi = power[:, a:b].sum(axis=1) / (power[:, a:c].sum(axis=1) + SHARE)
    return shares.astype(np.float32), entropy.astype(np.float32), psqi.astype(np.float32)


def _beat_offsets(fs: float) -> IntArray:
    before, after = (round(seconds * fs) for seconds in BEAT_S)
    return np.arange(-before, after + 1, STEP, dtype=np.int64)


def _usual_beat(lead: FloatArray, fs: float, r_peak: IntArray) -> FloatArray:
    some = r_peak[:: max(1, r_peak.size // TEMPLATE_BEATS)]
    offsets = _beat_offsets(fs)
    if not some.size:
        return np.zeros(offsets.size, np.float32)
    return np.median(gather(lead, some[:, None] + offsets), axis=0).astype(np.float32)


def _of_shape(
    lead: FloatArray, fs: float, start: IntArray, size: int, r_peak: IntArray, usual: FloatArray, height: float
) -> FloatArray:
    """Compare the beats of each window with the usual beat and with the beat before."""
    out = np.full((start.size, 4), NOT_KNOWN, np.float32)
    if not r_peak.size:
        return out
    beats = gather_around(lead, r_peak, _beat_offsets(fs))
    beats -= beats.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.sum(np.square(beats), axis=1)) + np.float32(1e-6)
    unit = usual - usual.mean()
    like_usual = beats @ unit / (norm * (np.sqrt(np.sum(np.square(unit))) + 1e-6))
    like_last = np.ones(r_peak.size, np.float32)
    like_last[1:] = np.sum(beats[1:] * beats[:-1], axis=1) / (norm[1:] * norm[:-1])
    residual = np.minimum(np.sqrt(np.mean(np.square(beats - unit), axis=1)) / height, 10)
    first, last = np.searchsorted(r_peak, start), np.searchsorted(r_peak, start + size)
    for column, values, reduce in (
        (0, like_usual, np.add), (1, like_usual, np.minimum), (2, like_last, np.add), (3, residual, np.add),
    ):  # fmt: skip
        out[:, column] = _per_window(values, first, last, reduce)
    return out


def _per_window(values: FloatArray, first: IntArray, last: IntArray, reduce: np.ufunc) -> FloatArray:
    """Reduce values[first:last] of each window, the mean for `np.add`; `NOT_KNOWN` for a window without beats."""
    out = np.full(first.size, NOT_KNOWN, np.float32)
    some = last > first
    if some.any():
        pairs = np.stack([first[some], last[some]], axis=1).ravel()
        padded = np.append(values, values[-1:])
        found = reduce.reduceat(padded, pairs)[::2]
        out[some] = found / (last - first)[some] if reduce is np.add else found
    return out


def _of_beats(conditioned: Conditioned, start: IntArray, size: int, r_peak: IntArray, steep: IntArray) -> FloatArray:
    fs = conditioned.fs
    out = np.full((start.size, len(OF_BEATS)), NOT_KNOWN, np.float32)
    first, last = np.searchsorted(r_peak, start), np.searchsorted(r_peak, start + size)
    out[:, 0] = last - first
    if r_peak.size > 1:
        rr_s = (np.diff(r_peak) / fs).astype(np.float32)
        rr_s = np.append(rr_s, rr_s[-1:])
        usual = float(np.median(rr_s))
        a, b = np.maximum(first - 1, 0), np.minimum(last + 1, r_peak.size)  # intervals into and out of the window too
        out[:, 1] = np.minimum(_per_window(rr_s, a, b - 1, np.minimum) / usual, 4)
        out[:, 2] = np.minimum(_per_window(rr_s, a, b - 1, np.maximum) / usual, 4)
        change = np.minimum(np.abs(np.diff(rr_s, append=rr_s[-1:])) / usual, 4)
        out[:, 3] = _per_window(change, a, b - 1, np.add)
    if r_peak.size and steep.size:
        seen = mutually_nearest(r_peak, steep, within=ALIKE_S * fs)
        extra = np.searchsorted(steep, start + size) - np.searchsorted(steep, start)
        matched = np.concatenate([[0], np.cumsum(seen)])
        agreed = matched[last] - matched[first]
        out[:, 4] = 2 * agreed / np.maximum(last - first + extra, 1)
    if conditioned.signal.shape[1] > 1:
        out[:, 5] = _leads_alike(conditioned.signal, start, size)
    return out


def _leads_alike(signal: FloatArray, start: IntArray, size: int) -> FloatArray:
    """Return the absolute correlation of both leads in each window."""
    found = []
    for i in range(0, start.size, CHUNK):
        at = start[i : i + CHUNK]
        index = np.minimum(at[:, None] + np.arange(0, size, 2 * STEP), len(signal) - 1)
        a, b = signal[:, 0][index], signal[:, 1][index]
        a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
        power = np.sum(np.square(a), axis=1) * np.sum(np.square(b), axis=1)
        found.append(np.abs(np.sum(a * b, axis=1)) / np.sqrt(power + 1e-12))
    return np.concatenate(found)


def _around(lead: FloatArray) -> FloatArray:
    """Return the mean of some measures over the windows before and after."""
    some = lead[:, [OF_LEAD.index(name) for name in AROUND]]
    padded = np.concatenate([some[:1], some, some[-1:]])
    return np.asarray((padded[:-2] + padded[2:]) / 2, np.float32)
