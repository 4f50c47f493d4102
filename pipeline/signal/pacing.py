"""What the stimulus of a pacemaker leaves in a recording: a spike, or at least an edge, where the QRS begins.

A spike lasts half a millisecond to two. Recorders for a day filter it, so that what remains is 5 to 20 ms wide, or only
an abrupt corner between a flat line and the wide QRS that follows. Measures are taken from the recording at its own
rate, unfiltered: the working signal has lost the spikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray, IntArray, read_only

WINDOW_MS: Final = (-310.0, 270.0)  # around R
ONSET_MS: Final = (-180.0, 60.0)  # where the stimulus of a beat is looked for
STEP_MS: Final = 8.0  # a filtered spike rises or falls within this
GUARD_MS: Final = 24.0  # what belongs to the stimulus itself
BEFORE_MS: Final = 100.0  # the quiet line before it
COMPLEX_MS: Final = 200.0  # the complex that it starts
SLOW_MS: Final = 24.0  # slopes of a QRS are measured over this
WIDE_SLOPE: Final = 0.2  # of the steepest slope: what is steeper belongs to the QRS
BEATS_AT_ONCE: Final = 2048
AT_ONCE: Final = 4096  # beats
SMALL_MV: Final = 1e-3
STIMULUS_MS: Final = (-35.0, 25.0)  # the part around the onset that all stimuli of a recording have in common
ALIGN_MS: Final = 20.0  # how far onsets are moved to agree ...
ALIGNED: Final = 2  # ... so many times
SPIKE_FS_HZ: Final = 200.0  # from this rate a spike is sharper than a QRS
SHARP_MS: Final = 4.0  # a sharp spike rises and falls within this
SHARP_SHARE: Final = 0.7  # of its height is reached within that; of a QRS 0.15 to 0.4
SPIKE_NOISE: Final = 6.0  # times the usual highest pulse of 0.2 s
SPIKE_MV: Final = 0.05
NOISE_BLOCK_S: Final = 0.2
SPIKE_APART_MS: Final = 20.0

MEASURES: Final = (
    "corner",
    "edge",
    "pulse",
    "coarse_corner",
    "edge_after",
    "corner_after",
    "pulse_after",
    "edge_before",
    "corner_before",
    "peak_ms",
    "area",
    "onset_ms",
    "width",
    "height",
)
CORNER, EDGE_BEFORE, CORNER_BEFORE, ONSET = (
    MEASURES.index(name) for name in ("corner", "edge_before", "corner_before", "onset_ms")
)


def beat_measures(lead: FloatArray, at: NDArray[np.integer], fs: float) -> FloatArray:
    """Measure each beat of a lead: how abruptly it begins, and how slow it is after that.

    Parameters
    ----------
    lead : (n_samples,) float32
        The lead as recorded, mV; NaN counts as 0.
    at : (n,) int
        R peaks, indices into `lead`.
    fs : float
        Sampling frequency of the lead, Hz.

    Returns
    -------
    (n, len(MEASURES)) float32
        "corner", "edge" and "pulse" are the largest second difference, first difference and pulse height at the onset,
        as shares of the height of the complex; "coarse_corner" is how much larger the corner is over three times as
        long: 3 if it is a corner, 9 where a wave begins smoothly, 1 for a pulse. "..._after" and "..._before" are the
        largest later or earlier ones as shares of those; "peak_ms" is from the onset to the largest deflection,
        "onset_ms" from R to the onset; "area" of the complex over its height; "width" the share of steep samples after
        the onset; "height" in mV.
    """
    window = np.arange(round(WINDOW_MS[0] / 1000 * fs), round(WINDOW_MS[1] / 1000 * fs) + 1)
    parts = [np.zeros((0, len(MEASURES)), np.float32)]
    for start in range(0, at.size, BEATS_AT_ONCE):
        index = np.clip(at[start : start + BEATS_AT_ONCE, None] + window, 0, lead.size - 1)
        parts.append(_measured(np.nan_to_num(lead[index]), window * np.float32(1000 / fs), fs))
    return np.concatenate(parts)


def _measured(rows: FloatArray, ms: NDArray[np.float32], fs: float) -> FloatArray:
    step = max(1, round(STEP_MS / 1000 * fs))
    corner, edge, pulse = np.abs(_corners(rows, step)), np.abs(_edges(rows, step)), _pulses(rows, step)
    sought = (ms >= ONSET_MS[0]) & (ms <= ONSET_MS[1])
    at = np.where(sought, corner, -1).argmax(axis=1)
    since = ms[None, :] - ms[at][:, None]
    here = np.abs(since) <= GUARD_MS
    after, before = (since > GUARD_MS) & (since <= COMPLEX_MS), (since < -GUARD_MS) & (since >= -BEFORE_MS)
    whole = here | after
    height = np.where(whole, rows, -np.inf).max(axis=1) - np.where(whole, rows, np.inf).min(axis=1)
    base = np.take_along_axis(rows, np.maximum(at - 2 * step, 0)[:, None], axis=1)
    away = np.abs(rows - base)
    own = [np.where(here, part, 0).max(axis=1) for part in (corner, edge, pulse)]
    coarse = np.where(here, np.abs(_corners(rows, 3 * step)), 0).max(axis=1)
    slope = np.abs(_edges(rows, max(1, round(SLOW_MS / 1000 * fs))))
    steep = (slope > WIDE_SLOPE * np.where(whole, slope, 0).max(axis=1)[:, None]) & after
    later = [np.where(after, part, 0).max(axis=1) for part in (edge, corner, pulse)]
    earlier = [np.where(before, part, 0).max(axis=1) for part in (edge, corner)]
    size = np.maximum(height, SMALL_MV)
    columns = [
        own[0] / size,
        own[1] / size,
        own[2] / size,
        coarse / np.maximum(own[0], SMALL_MV),
        later[0] / np.maximum(own[1], SMALL_MV),
        later[1] / np.maximum(own[0], SMALL_MV),
        later[2] / np.maximum(own[2], SMALL_MV),
        earlier[0] / np.maximum(own[1], SMALL_MV),
        earlier[1] / np.maximum(own[0], SMALL_MV),
        np.take_along_axis(since, np.where(whole, away, -1).argmax(axis=1)[:, None], axis=1)[:, 0],
        (away * after).sum(axis=1) / np.maximum(after.sum(axis=1), 1) / size,
        ms[at],
        steep.sum(axis=1) / np.maximum(after.sum(axis=1), 1),
        height,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _edges(rows: FloatArray, step: int) -> FloatArray:
    """Return the rise (n, m) from half a step before to half a step after each sample."""
    out = np.zeros_like(rows)
    low = step // 2
    out[:, low : rows.shape[1] - (step - low)] = rows[:, step:] - rows[:, :-step]
    return out


def _corners(rows: FloatArray, step: int) -> FloatArray:
    """Return the second difference (n, m) over `step` samples."""
    out = np.zeros_like(rows)
    out[:, step:-step] = rows[:, 2 * step :] - 2 * rows[:, step:-step] + rows[:, : -2 * step]
    return out


def _pulses(rows: FloatArray, step: int) -> FloatArray:
    """Return how far (n, m) each sample stands above, or below, both samples a step away; 0 on a slope."""
    out = np.zeros_like(rows)
    middle = rows[:, step:-step]
    left, right = middle - rows[:, : -2 * step], middle - rows[:, 2 * step :]
    low = np.minimum(left, right)
    high = np.maximum(left, right, out=left)
    np.maximum(low, np.negative(high, out=high), out=low)
    np.maximum(low, 0, out=out[:, step:-step])
    return out


@dataclass(frozen=True, eq=False)
class Stimuli:
    """What was measured about the stimulus of each beat, in up to two leads.

    Attributes
    ----------
    measures : (n, 2 * (len(MEASURES) - 1)) float32
        All but "height" of the lead that begins more abruptly, then of the other.
    onset : (n,) int64
        Where the stimulus would be, an index into the recording.
    """

    measures: FloatArray
    onset: IntArray


@dataclass(frozen=True, eq=False)
class Spikes:
    """Sharp spikes of one lead: narrower than any wave of the heart.

    Attributes
    ----------
    sample : (k,) int64
        Their tops, increasing indices into the recording.
    height : (k,) float32
        How far each stands out, in the unit of the lead.
    """

    sample: IntArray
    height: FloatArray


def stimulus_measures(p_signal: FloatArray, at: IntArray, fs: float) -> Stimuli:
    """Measure every beat in all given leads, and put the lead with the more abrupt onset first.

    Parameters
    ----------
    p_signal : (n_samples, n_leads) float32
        One or two leads as recorded, mV.
    at : (n,) int64
        R peaks, indices into `p_signal`.
    fs : float
        Sampling frequency, Hz.
    """
    each = np.stack([beat_measures(lead, at, fs) for lead in p_signal.T], axis=1)
    abrupt = each[:, :, CORNER_BEFORE] + each[:, :, EDGE_BEFORE] - each[:, :, CORNER] / 2
    first, second = abrupt.argmin(axis=1), abrupt.argmax(axis=1)
    rows = np.arange(at.size)
    measures = np.concatenate([each[rows, first, :-1], each[rows, second, :-1]], axis=1)
    onset = at + np.round(each[rows, first, ONSET] / 1000 * fs).astype(np.int64)
    return Stimuli(read_only(measures), read_only(onset))


def stimulus_likeness(
    p_signal: FloatArray, at: IntArray, fs: float, *, seeds: NDArray[np.bool_], onset: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Compare each beat with the stimulus that the surely paced beats of the same recording have in common.

    The stimulus is the same in all beats, also in fusion beats, whatever QRS follows.

    Parameters
    ----------
    p_signal : (n_samples, n_leads) float32
        The leads as recorded, mV.
    at : (n,) int64
        R peaks, indices into `p_signal`.
    fs : float
        Sampling frequency, Hz.
    seeds : (n,) bool
        The surely paced beats, at least one.
    onset : (n,) int64
        Where the stimulus of each beat would be.

    Returns
    -------
    likeness : (n,) float32
        Largest correlation of the slopes around R with those of the common stimulus, -1..1.
    gain : (n,) float32
        Size of the stimulus there, 1 where it is as large as usual.
    """
    step = max(1, round(STEP_MS / 1000 * fs))
    slopes = np.nan_to_num(p_signal[step:] - p_signal[:-step])
    window = np.arange(round(STIMULUS_MS[0] / 1000 * fs), round(STIMULUS_MS[1] / 1000 * fs) + 1)
    places = onset[seeds] - step // 2
    common = np.median(_cut(slopes, places, window), axis=0)
    shifts = np.arange(-round(ALIGN_MS / 1000 * fs), round(ALIGN_MS / 1000 * fs) + 1)
    for _ in range(ALIGNED):
        likeness, _, moved = _best_match(slopes, places, window, shifts, common)
        common = np.median(_cut(slopes, places + moved, window), axis=0)
    shifts = np.arange(round(ONSET_MS[0] / 1000 * fs), round(ONSET_MS[1] / 1000 * fs) + 1)
    likeness, gain, _ = _best_match(slopes, at - step // 2, window, shifts, common)
    return likeness, gain


def sharp_spikes(lead: FloatArray, fs: float) -> Spikes:
    """Find the spikes of a lead that rise and fall within some 4 ms.

    Below 200 Hz a QRS is as sharp as a spike: none is found there. A spike stands out from the noise of the lead
    `SPIKE_NOISE` times, and has all its height within a few milliseconds, as no QRS has.

    Parameters
    ----------
    lead : (n_samples,) float32
        The lead as recorded, mV; NaN counts as 0.
    fs : float
        Sampling frequency, Hz.
    """
    nothing = Spikes(read_only(np.zeros(0, np.int64)), read_only(np.zeros(0, np.float32)))
    step = max(1, round(SHARP_MS / 1000 * fs))
    block = round(NOISE_BLOCK_S * fs)
    if fs < SPIKE_FS_HZ or lead.size < 2 * block:
        return nothing
    whole = lead if np.isfinite(lead).all() else np.nan_to_num(lead)
    pulse = _pulses(whole[None], step)[0]
    noise = float(np.median(pulse[: pulse.size // block * block].reshape(-1, block).max(axis=1)))
    tall = np.flatnonzero(pulse > max(SPIKE_NOISE * noise, SPIKE_MV))
    if not tall.size:
        return nothing
    groups = np.split(tall, np.flatnonzero(np.diff(tall) > round(SPIKE_APART_MS / 1000 * fs)) + 1)
    tops = np.array([group[pulse[group].argmax()] for group in groups], np.int64)
    near = np.clip(tops[:, None] + np.arange(-5 * step, 5 * step + 1), 0, whole.size - 1)
    broad = _pulses(whole[near], 3 * step)[:, 3 * step : -3 * step].max(axis=1)
    sharp = pulse[tops] > SHARP_SHARE * np.maximum(broad, pulse[tops])
    return Spikes(read_only(tops[sharp]), read_only(pulse[tops[sharp]]))


def _cut(slopes: FloatArray, at: IntArray, window: IntArray) -> FloatArray:
    return np.asarray(slopes[np.clip(at[:, None] + window, 0, len(slopes) - 1)])


def _best_match(
    slopes: FloatArray, at: IntArray, window: IntArray, shifts: IntArray, common: FloatArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the best correlation (n,) with `common` over all shifts, its gain (n,) and the shift (n,)."""
    power = max(float((common**2).sum()), SMALL_MV**2)
    parts = [
        _matched(_cut(slopes, some, np.arange(window[0] + shifts[0], window[-1] + shifts[-1] + 1)), common)
        for some in np.array_split(at, -(-at.size // AT_ONCE) or 1)
    ]
    dot, own = (np.concatenate(part) for part in zip(*parts, strict=True))
    likeness = dot / np.sqrt(np.maximum(own * power, SMALL_MV**4))
    best, beats = likeness.argmax(axis=1), np.arange(at.size)
    return likeness[beats, best].astype(np.float32), (dot[beats, best] / power).astype(np.float32), shifts[best]


def _matched(around: FloatArray, common: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return, for each beat and shift (n, n_shifts), the products with `common` and the squares, summed.

    Parameters
    ----------
    around : (n, n_shifts + n_window - 1, n_leads) float32
        Slopes around each beat.
    common : (n_window, n_leads) float32
        Those of the stimulus.
    """
    n_shifts = around.shape[1] - len(common) + 1
    dot = np.zeros((len(around), n_shifts), np.float32)
    for (w, lead), value in np.ndenumerate(common):
        dot += around[:, w : w + n_shifts, lead] * np.float32(value)
    total = np.cumsum(np.square(around, dtype=np.float64).sum(axis=2), axis=1)
    total = np.concatenate([np.zeros((len(around), 1)), total], axis=1)
    return dot, (total[:, len(common) :] - total[:, : -len(common)]).astype(np.float32)
