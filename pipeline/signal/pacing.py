"""What the stimulus of a pacemaker leaves in a recording: a spike, or at least an edge, where the QRS begins.

A spike lasts half a millisecond to two. Recorders for a day filter it, so that what remains is 5 to 20 ms wide, or only
an abrupt corner between a flat line and the wide QRS that follows. Measures are taken from the recording at its own
rate, unfiltered: the working signal has lost the spikes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.threads import side_by_side
from pipeline.signal.beat_windows import cut_around
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
BLOCKS_AT_ONCE: Final = 1024
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
# Two spikes to each fast beat stand in most blocks: what is usual is then told by the quieter quarter, times this.
QUIETER, OVER_QUIETER = 0.25, 1.5
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


def beat_rows(lead: FloatArray, at: NDArray[np.integer], first: int, stop: int) -> Iterator[FloatArray]:
    """Yield windows (k, stop - first) around some beats at a time; 0 where nothing was recorded.

    Parameters
    ----------
    lead : (n_samples,) float32
        The lead as recorded.
    at : (n,) int
        R peaks, indices into `lead`.
    first, stop : int
        The window, samples from R; beyond the ends of the lead, its last value goes on.
    """
    for start in range(0, at.size, BEATS_AT_ONCE):
        yield _known(cut_around(lead, at[start : start + BEATS_AT_ONCE], first, stop))


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
    first, stop = _span(WINDOW_MS, fs)
    ms = np.arange(first, stop) * np.float32(1000 / fs)
    onset = _onsets(lead, at, ms, fs)
    margin = max(3 * _samples(STEP_MS, fs), _samples(SLOW_MS, fs))
    order = np.argsort(onset, kind="stable")
    measures = np.zeros((at.size, len(MEASURES)), np.float32)
    for alike in np.split(order, np.flatnonzero(np.diff(onset[order])) + 1) if at.size else ():
        here = int(onset[alike[0]])
        seen = np.flatnonzero((ms - ms[here] >= -BEFORE_MS) & (ms - ms[here] <= COMPLEX_MS))
        low, high = max(int(seen[0]) - margin, 0), min(int(seen[-1]) + 1 + margin, ms.size)
        for k, rows in enumerate(beat_rows(lead, at[alike], first + low, first + high)):
            part = alike[k * BEATS_AT_ONCE : (k + 1) * BEATS_AT_ONCE]
            measures[part] = _measured(rows, here - low, ms[low:high], fs)
    return measures


def _known(values: FloatArray) -> FloatArray:
    """Return values with 0 for what is not known."""
    return values if np.isfinite(values).all() else np.nan_to_num(values)


def _samples(ms: float, fs: float) -> int:
    return max(1, round(ms / 1000 * fs))


def _span(window_ms: tuple[float, float], fs: float) -> tuple[int, int]:
    return round(window_ms[0] / 1000 * fs), round(window_ms[1] / 1000 * fs) + 1


def _onsets(lead: FloatArray, at: NDArray[np.integer], ms: NDArray[np.float32], fs: float) -> NDArray[np.intp]:
    """Return at which of the times `ms` each beat (n,) has its sharpest corner."""
    sought = np.flatnonzero((ms >= ONSET_MS[0]) & (ms <= ONSET_MS[1]))
    step, first = _samples(STEP_MS, fs), round(WINDOW_MS[0] / 1000 * fs) + int(sought[0])
    parts = beat_rows(lead, at, first - step, first + sought.size + step)
    found = [np.abs(_corners(rows, step)[:, step:-step]).argmax(axis=1) for rows in parts]
    return np.asarray(sought[0] + np.concatenate([np.zeros(0, np.intp), *found]))


def _part(
    measure: Callable[[FloatArray, int], FloatArray], rows: FloatArray, step: int, first: int, stop: int
) -> FloatArray:
    """Return the sizes (n, stop - first) of a measure at some samples of its windows (n, m)."""
    low, high = max(first - step, 0), min(stop + step, rows.shape[1])
    return np.abs(measure(rows[:, low:high], step)[:, first - low : stop - low])


def _measured(rows: FloatArray, at: int, ms: NDArray[np.float32], fs: float) -> FloatArray:
    """Measure beats (n, m) which all have their onset at the same sample of the window."""
    rows = np.asfortranarray(rows)  # the same sample of all beats lies together: maxima are found in half the time
    step, since = _samples(STEP_MS, fs), ms - ms[at]
    inside = np.flatnonzero((since >= -BEFORE_MS) & (since <= COMPLEX_MS))
    begin, end = int(inside[0]), int(inside[-1]) + 1
    here_from, here_to = np.flatnonzero(np.abs(since) <= GUARD_MS)[[0, -1]] + (0, 1)
    corner, edge = (_part(measure, rows, step, begin, end) for measure in (_corners, _edges))
    pulse = _part(_pulses, rows, step, here_from, end)
    coarse = _part(_corners, rows, 3 * step, here_from, here_to).max(axis=1)
    slope = _part(_edges, rows, _samples(SLOW_MS, fs), here_from, end)
    whole = rows[:, here_from:end]
    height = whole.max(axis=1) - whole.min(axis=1)
    before, here, after = (
        slice(0, here_from - begin),
        slice(here_from - begin, here_to - begin),
        slice(here_to - begin, None),
    )
    away = np.abs(whole - rows[:, max(at - 2 * step, 0), None])
    own = [corner[:, here].max(axis=1), edge[:, here].max(axis=1), pulse[:, : here_to - here_from].max(axis=1)]
    steep = slope[:, here_to - here_from :] > WIDE_SLOPE * slope.max(axis=1)[:, None]
    size, least = np.maximum(height, SMALL_MV), [np.maximum(each, SMALL_MV) for each in own]
    columns = [
        own[0] / size,
        own[1] / size,
        own[2] / size,
        coarse / least[0],
        edge[:, after].max(axis=1) / least[1],
        corner[:, after].max(axis=1) / least[0],
        pulse[:, here_to - here_from :].max(axis=1) / least[2],
        edge[:, before].max(axis=1) / least[1],
        corner[:, before].max(axis=1) / least[0],
        since[here_from + away.argmax(axis=1)],
        np.ascontiguousarray(away[:, here_to - here_from :]).mean(axis=1) / size,
        np.full(len(rows), ms[at]),
        steep.mean(axis=1),
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
    each = np.stack(list(side_by_side(lambda lead: beat_measures(lead, at, fs), p_signal.T)), axis=1)
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
    step = _samples(STEP_MS, fs)
    span, reach = _span(STIMULUS_MS, fs), round(ALIGN_MS / 1000 * fs)
    places = onset[seeds] - step // 2
    common = np.median(_slopes(p_signal, places, step, *span), axis=0)
    for _ in range(ALIGNED):
        _, _, moved = _best_match(p_signal, places + span[0], step, (-reach, reach + 1), common)
        common = np.median(_slopes(p_signal, places + moved, step, *span), axis=0)
    likeness, gain, _ = _best_match(p_signal, at - step // 2 + span[0], step, _span(ONSET_MS, fs), common)
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
    step = _samples(SHARP_MS, fs)
    block = round(NOISE_BLOCK_S * fs)
    if fs < SPIKE_FS_HZ or lead.size < 2 * block:
        return nothing
    tops_of = _highest_pulses(lead, step, block)
    quieter, middle = np.quantile(tops_of[: lead.size // block], (QUIETER, 0.5))
    limit = max(SPIKE_NOISE * float(min(middle, OVER_QUIETER * quieter)), SPIKE_MV)
    near = np.flatnonzero(tops_of > limit)[:, None] * block + np.arange(block)
    near = near[near < lead.size]
    height = _pulses_at(lead, near, step)
    tall, height = near[height > limit], height[height > limit]
    if not tall.size:
        return nothing
    starts = np.flatnonzero(np.diff(tall, prepend=-fs) > round(SPIKE_APART_MS / 1000 * fs))
    tops = np.array([a + int(height[a:b].argmax()) for a, b in pairwise([*starts.tolist(), tall.size])], np.int64)
    tops, height = tall[tops], height[tops]
    around = _known(cut_around(lead, tops, -5 * step, 5 * step + 1))
    broad = _pulses(around, 3 * step)[:, 3 * step : -3 * step].max(axis=1)
    sharp = height > SHARP_SHARE * np.maximum(broad, height)
    return Spikes(read_only(tops[sharp]), read_only(height[sharp]))


def _highest_pulses(lead: FloatArray, step: int, block: int) -> FloatArray:
    """Return the highest pulse of each block of a lead; the last block may be shorter."""
    found = []
    for start in range(0, lead.size, block * BLOCKS_AT_ONCE):
        stop = min(start + block * BLOCKS_AT_ONCE, lead.size)
        low = max(start - step, 0)
        pulse = _pulses(_known(np.ascontiguousarray(lead[None, low : stop + step])), step)[0, start - low : stop - low]
        found.append(np.maximum.reduceat(pulse, np.arange(0, pulse.size, block)))
    return np.concatenate(found)


def _pulses_at(lead: FloatArray, at: IntArray, step: int) -> FloatArray:
    """Return the pulses (n,) at some samples of a lead, as `_pulses` does; 0 at its ends."""
    inside = (at >= step) & (at < lead.size - step)
    return np.where(inside, _pulses(_known(cut_around(lead, at, -step, step + 1)), step)[:, step], 0)


def _slopes(p_signal: FloatArray, at: IntArray, step: int, first: int, stop: int) -> FloatArray:
    """Return the rises (n, stop - first, n_leads) over `step` samples around each beat, 0 where one is not known."""
    rows = np.stack([cut_around(lead, at, first, stop + step) for lead in p_signal.T], axis=2)
    slopes = rows[:, step:] - rows[:, :-step]
    beyond = np.flatnonzero((at + first < 0) | (at + stop + step > len(p_signal)))
    index = np.clip(at[beyond, None] + np.arange(first, stop), 0, len(p_signal) - step - 1)
    slopes[beyond] = p_signal[index + step] - p_signal[index]
    return _known(slopes)


def _best_match(
    p_signal: FloatArray, at: IntArray, step: int, shifts: tuple[int, int], common: FloatArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the best correlation (n,) with `common` over all shifts, its gain (n,) and the shift (n,)."""
    power = max(float((common**2).sum()), SMALL_MV**2)
    likeness, gain = np.zeros((2, at.size), np.float32)
    best = np.zeros(at.size, np.int64)

    def match(part: slice) -> tuple[FloatArray, FloatArray, IntArray]:
        slopes = _slopes(p_signal, at[part], step, shifts[0], shifts[1] - 1 + len(common))
        dot, own = _matched(slopes, common)
        alike = dot / np.sqrt(np.maximum(own * power, SMALL_MV**4))
        most, beats = alike.argmax(axis=1), np.arange(len(alike))
        return alike[beats, most], dot[beats, most] / power, most

    parts = [slice(start, start + BEATS_AT_ONCE) for start in range(0, at.size, BEATS_AT_ONCE)]
    for part, (alike, of_common, most) in zip(parts, side_by_side(match, parts), strict=True):
        likeness[part], gain[part], best[part] = alike, of_common, most
    return likeness, gain, best + shifts[0]


def _matched(slopes: FloatArray, common: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return, for each beat and shift (n, n_shifts), the products with `common` and the squares, summed.

    Parameters
    ----------
    slopes : (n, n_shifts + n_window - 1, n_leads) float32
        Slopes around each beat.
    common : (n_window, n_leads) float32
        Those of the stimulus.
    """
    n, size = len(slopes), slopes[0].size
    shifted = np.zeros((2, slopes.shape[1] - len(common) + 1, *slopes.shape[1:]), np.float32)
    for shift in range(shifted.shape[1]):
        shifted[:, shift, shift : shift + len(common)] = common, np.ones_like(common)
    weights, within = shifted.reshape(2, -1, size)
    flat = slopes.reshape(n, size)
    return flat @ weights.T, np.square(flat) @ within.T
