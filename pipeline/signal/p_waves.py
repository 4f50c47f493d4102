"""P waves: where they stand between the beats, found by their likeness to the usual P wave of the same recording.

The usual P wave is learnt from what stands before most beats, in all analysed leads together. In complete block it
stands before some only, in 2:1 block another one hides behind the T wave: so every place between two beats is compared
with it, on a line of its own, and what is alike in shape and size is a candidate. Which candidates are P waves is for
the finders of rhythms to say, who know their order.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from models.threads import side_by_side
from pipeline.signal.beat_windows import cut_around
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.matched_filter import levelled, matched_gain
from pipeline.signal.median import median
from pipeline.types import FloatArray, IntArray, read_only

STRETCH_S: Final = 900.0  # a usual P wave is learnt for so long; electrodes and posture change it
DECIMATED: Final = 3  # P waves need no more than a third of the working rate
LAG: Final = (DECIMATED - 1) / 2  # samples by which the mean of some lies after the first of them
HALF_S: Final = 0.1  # half the window of a P wave
TOP_S, SIDE_S, SIDE_AT_S = 0.035, 0.025, 0.09  # a bump: what is higher at its top than at both sides
BEFORE_R_S: Final = -0.36  # the P wave of most conducted beats has its top after this
BEFORE_QRS_S: Final = 0.035  # a P wave has its top so long before the QRS
LEARNT_BEFORE_QRS_S: Final = 0.06  # ... and is learnt from this long before: a T wave ends in a corner at the QRS
AFTER_QRS_S: Final = 0.06  # ... and so long after one
T_END_S: Final = (0.08, 0.40)  # after R the T wave ends within the first and the second times the root of R-R
MIN_ROOM_S: Final = 0.1  # between the T wave before and the latest place of a P wave
SAME_S: Final = 0.035  # P waves this near to the usual distance from R are conducted
SAME_COUNTS: Final = 0.3  # of the likeness of P waves counts wherever they stand
SHARE_ALIKE: Final = 0.6  # correlation with the usual P wave of what it is the mean of
ROUNDS: Final = 3
PLACES_AT_ONCE: Final = 4096
BEATS_MIN, BEATS_MAX = 6, 150  # before which the usual P wave of a stretch is learnt
CALM_SHARE: Final = 0.5  # of the beats, those after the shorter intervals, are left out of that
QRS_REACH_S: Final = 0.14  # around R, in which the QRS begins and ends
QRS_SLOPE: Final = 0.12  # of the steepest usual slope
QRS_LEAST_S: Final = (0.04, 0.05)  # before and after R, at least
APART_S: Final = 0.16  # between two candidates
LIKENESS_MIN: Final = 0.5
GAIN_MIN: Final = 0.3
RR_MIN_S: Final = 0.45  # in shorter intervals P and T waves cannot be told apart
FACTS: Final = (
    "alike",
    "same",
    "height",
    "noise",
    "usual",
    "halfway",
    "halfway_spread",
    "thirds",
    "elsewhere",
    "over_t",
)
AROUND: Final = 4  # intervals on each side over which gains are averaged ...
AS_LONG: Final = 0.18  # ... if they are as long as the one in the middle, up to this share
PLACES: Final = (1.0, 0.5, 1 / 3, 2 / 3, 0.75)  # shares of the way from one usual P wave to the next
SHORT: Final = 0.75  # of long intervals: in those this short the T wave stands alone where a long one has another wave
T_WAVE_S: Final = 0.7  # after R
LEAST_OVER: Final = 5  # beats on each side over which the gain of T waves is averaged, of which means ...
LEAST_SHARE: Final = 0.25  # ... this share shows no more than the T wave alone
SHIFTS: Final = (-0.08, -0.06, -0.04, -0.02, 0.0, 0.02, 0.04)  # of the interval, by which a P wave may be off


@dataclass(frozen=True, eq=False)
class PWaves:
    """Candidates for P waves, in order of time.

    Attributes
    ----------
    time_s : (k,) float64
        Their tops, seconds from sample 0.
    likeness : (k,) float32
        Correlation with the usual P wave, in all leads together, `LIKENESS_MIN`..1.
    gain : (k,) float32
        Size, 1 for the usual P wave.
    before : (k,) int64
        The first beat after each, an index into the beats.
    facts : (n, len(FACTS)) float32
        For each of the beats, all 0 where no usual P wave was learnt: "alike", the share of the beats around it that
        show the usual P wave, and "same", that of them which have it at the usual distance from R; "height" of the
        usual P wave, as a share of that of the QRS; "noise", the usual gain of anything between beats. The others are
        gains averaged over the intervals around that are as long, where P waves would stand: "usual" before the beat,
        "halfway" between two such places, at "thirds" the smaller one; "elsewhere" is where none would be. "over_t" is
        what the gain halfway has more than that so long after R in shorter intervals, where the T wave is alone; -1
        if there are none.
    line : (m,) float32
        The gain at any time, by the filter that noise disturbs least, less that of the T wave alone; NaN where no P
        wave could be seen.
    line_fs : float
        Its sampling frequency, Hz; its first sample is at 0 s.
    """

    time_s: NDArray[np.float64]
    likeness: FloatArray
    gain: FloatArray
    before: IntArray
    facts: FloatArray
    line: FloatArray
    line_fs: float


@dataclass(frozen=True, eq=False)
class _Usual:
    """The usual P wave (m, n_leads) on a line.

    `alike` is the share of the beats that show it, `same` that of them that have it `pr` samples before R.
    """

    wave: FloatArray
    alike: float
    same: float
    pr: float


def find_p_waves(conditioned: Conditioned, time_s: NDArray[np.float64]) -> PWaves:
    """Find candidates for P waves between the beats of a recording.

    Parameters
    ----------
    conditioned : Conditioned
        The analysed leads.
    time_s : (n,) float64
        R peaks, seconds from sample 0, increasing.
    """
    fs = conditioned.fs / DECIMATED
    n = time_s.size
    facts = np.zeros((len(FACTS), n), np.float32)
    nothing = np.zeros(0, np.float32)
    parts = [_Part(nothing, nothing, nothing, nothing)]
    signal = conditioned.signal
    count = len(signal) // DECIMATED
    line = np.full(count, np.nan, np.float32)

    def read(first_s: float) -> tuple[int, IntArray, tuple[_Part, FloatArray] | None]:
        chosen = np.flatnonzero((time_s >= first_s) & (time_s < first_s + STRETCH_S))
        start, stop = (max(0, round((first_s + edge) * fs)) for edge in (-2.0, STRETCH_S + 1.0))
        if chosen.size < BEATS_MIN:
            return start, chosen, None
        leads = _decimated(signal[start * DECIMATED : stop * DECIMATED])
        return start, chosen, _in_stretch(leads, time_s[chosen] * fs - start, fs)

    starts = np.arange(0.0, count / fs, STRETCH_S).tolist()
    for first_s, (start, chosen, found) in zip(starts, side_by_side(read, starts), strict=True):
        if found is None:
            continue
        part, facts[:, chosen] = found
        own = slice(max(0, round(first_s * fs)), min(count, round((first_s + STRETCH_S) * fs)))
        line[own] = part.line[own.start - start : own.stop - start]
        parts.append(replace(part, at=(part.at + start) / fs + LAG / conditioned.fs))
    at, likeness, gain = (np.concatenate(column) for column in zip(*(p.columns for p in parts), strict=True))
    before = np.searchsorted(time_s, at)
    return PWaves(
        read_only(at.astype(np.float64)),
        read_only(likeness.astype(np.float32)),
        read_only(gain.astype(np.float32)),
        read_only(before.astype(np.int64)),
        read_only(facts.T.copy()),
        read_only(line),
        fs,
    )


def _decimated(signal: FloatArray) -> FloatArray:
    """Return the means of `DECIMATED` samples each, lead by lead."""
    count = len(signal) // DECIMATED * DECIMATED
    parts = [signal[first:count:DECIMATED] for first in range(DECIMATED)]
    return np.asarray(sum(parts[1:], parts[0]) / np.float32(DECIMATED))


@dataclass(frozen=True, eq=False)
class _Part:
    """Candidates of one stretch: their places (k,), likeness (k,) and gain (k,); and its part of `PWaves.line`."""

    at: NDArray[np.floating]
    likeness: NDArray[np.floating]
    gain: NDArray[np.floating]
    line: FloatArray

    @property
    def columns(self) -> tuple[NDArray[np.floating], ...]:
        return self.at, self.likeness, self.gain


def _in_stretch(signal: FloatArray, r_peak: NDArray[np.float64], fs: float) -> tuple[_Part, FloatArray] | None:
    """Return the candidates of a stretch and the facts of its beats. None without a usual P wave."""
    live = np.array([np.ptp(lead) for lead in signal.T]) > 0  # much faster than along the long axis
    if not live.any():
        return None
    r = np.round(r_peak).astype(np.int64)
    qrs = _without_qrs(signal, r, fs)
    signal = qrs.signal
    bumps = [_bump(lead, fs) for lead in signal[:, live].T]
    between = _between(r, len(signal), qrs, fs)
    if between.sum() < fs:
        return None
    sigma = np.maximum([median(np.abs(bump[between])) for bump in bumps], np.float32(1e-4))
    scaled = (signal[:, live] / sigma).astype(np.float32)
    usual = _usual_p_wave(scaled, r, qrs, fs)
    if usual is None:
        return None
    likeness, gain = _compared(scaled, usual.wave)
    top = maximum_filter1d(likeness, 2 * round(APART_S / 2 * fs) + 1)
    at = np.flatnonzero((likeness == top) & (likeness >= LIKENESS_MIN) & (gain >= GAIN_MIN) & between)
    height = float((np.ptp(usual.wave, axis=0) * sigma / np.maximum(qrs.height[live], 1e-3)).max())
    noise = float(median(np.abs(gain[between])))
    facts = np.empty((len(FACTS), r.size), np.float32)
    facts[:4] = np.array([usual.alike, usual.same, height, noise])[:, None]
    t_wave = _t_wave(gain, r, usual.pr, fs)
    facts[4:] = _expected(gain, r, usual.pr, t_wave, fs)
    clear = matched_gain(scaled, usual.wave, between)
    line = _without(clear, r, _least_t_wave(clear, r, usual.pr, _t_wave(clear, r, usual.pr, fs), fs))
    line[~between] = np.nan
    return _Part(at.astype(np.float64), likeness[at], gain[at], line), facts


@dataclass(frozen=True, eq=False)
class _Lines:
    """A signal whose QRS complexes are replaced by lines, between `start` and `stop` samples from R; their height."""

    signal: FloatArray
    start: int
    stop: int
    height: NDArray[np.float32]


def _without_qrs(signal: FloatArray, r: IntArray, fs: float) -> _Lines:
    """Replace each QRS by a line: from where the slopes of most beats become steep to where they are flat again."""
    reach = round(QRS_REACH_S * fs)
    inside = r[(r > reach + 1) & (r < len(signal) - reach - 2)]
    rows = np.stack([cut_around(lead, inside, -reach - 1, reach + 2).T for lead in signal.T])
    slope = median(np.abs(rows[:, 2:] - rows[:, :-2])).sum(axis=0)
    steep = np.flatnonzero(slope > QRS_SLOPE * slope.max())
    start = min(steep[0] - reach, round(-QRS_LEAST_S[0] * fs)) - 1
    stop = max(steep[-1] - reach, round(QRS_LEAST_S[1] * fs)) + 1
    out = signal.copy()
    window = np.arange(start, stop + 1)
    share = ((window - start) / (stop - start))[:, None].astype(np.float32)
    at = r[(r + start >= 0) & (r + stop < len(signal))]
    ends = signal[at + start], signal[at + stop]
    out[at[:, None] + window] = ends[0][:, None] * (1 - share) + ends[1][:, None] * share
    return _Lines(out, start, stop, median(np.ptp(rows, axis=1)))


def _bump(lead: FloatArray, fs: float) -> FloatArray:
    """Return how much higher a lead (n,) is around each sample than at both sides."""
    n, reach = lead.size, round((SIDE_AT_S + SIDE_S) * fs) + 1
    total = np.cumsum(np.pad(lead.astype(np.float64), (reach + 1, reach), mode="edge"))

    def mean(centre_s: float, half_s: float) -> NDArray[np.float64]:
        first, stop = reach + round((centre_s - half_s) * fs), reach + round((centre_s + half_s) * fs) + 1
        return np.asarray((total[stop : stop + n] - total[first : first + n]) / (stop - first))

    sides = (mean(-SIDE_AT_S, SIDE_S) + mean(SIDE_AT_S, SIDE_S)) / 2
    return (mean(0.0, TOP_S) - sides).astype(np.float32)


def _between(r: IntArray, n: int, qrs: _Lines, fs: float) -> NDArray[np.bool_]:
    """Tell which samples (n,) lie where a P wave can have its top: after a QRS and before the next one."""
    edges = np.zeros(n + 1, np.int64)
    long = np.diff(r) > RR_MIN_S * fs
    starts = np.clip(r[:-1][long] + qrs.stop + round(AFTER_QRS_S * fs), 0, n)
    stops = np.clip(r[1:][long] + qrs.start - round(BEFORE_QRS_S * fs) + 1, 0, n)
    np.add.at(edges, starts, 1)
    np.add.at(edges, np.maximum(stops, starts), -1)
    return np.cumsum(edges[:n]) > 0


def _usual_p_wave(scaled: FloatArray, r: IntArray, qrs: _Lines, fs: float) -> _Usual | None:
    """Learn the usual P wave from what stands before the beats: the median of what is alike.

    It is learnt twice: beginning with the largest bump before each beat, and with the mean of what stands before all of
    them, which noise disturbs less. The better one is that which more beats show, at the same distance from R.
    """
    half = round(HALF_S * fs)
    window = np.arange(round(BEFORE_R_S * fs), qrs.start - round(LEARNT_BEFORE_QRS_S * fs) + 1)
    rr = np.diff(r, prepend=r[:1]) / fs
    clear = np.round((rr - T_END_S[0] - T_END_S[1] * np.sqrt(rr)) * fs)  # from the end of the T wave before to R
    usable = (clear >= -window[-1] + MIN_ROOM_S * fs) & (r + window[0] - half >= 0)
    usable &= r + window[-1] + half < len(scaled)
    chosen = np.flatnonzero(usable)
    if chosen.size < BEATS_MIN:
        return None
    calm = chosen[rr[chosen] >= np.quantile(rr[chosen], CALM_SHARE)]  # where the T wave before is farthest away
    chosen = calm if calm.size >= BEATS_MIN else chosen
    chosen = chosen[np.linspace(0, chosen.size - 1, min(chosen.size, BEATS_MAX)).astype(np.int64)]
    around = scaled[r[chosen, None] + np.arange(window[0] - half, window[-1] + half + 1)]
    allowed = window >= -clear[chosen, None]
    level = levelled(sliding_window_view(around, 2 * half + 1, axis=1))  # (beats, places, leads, m)
    common = level.mean(axis=0)
    high = np.where(allowed, np.abs(level[..., half]).sum(axis=2), -1).argmax(axis=1)
    first = (
        _unit(level[np.arange(chosen.size), high]).mean(axis=0),
        common[np.abs(common[..., half]).sum(axis=1).argmax()],
    )
    found = [one for wave in first if (one := _refined(level, allowed, wave, window, fs)) is not None]
    return max(found, key=lambda one: one.alike * (SAME_COUNTS + one.same), default=None)


def _refined(
    level: FloatArray, allowed: NDArray[np.bool_], wave: FloatArray, window: IntArray, fs: float
) -> _Usual | None:
    """Learn a wave (n_leads, m) anew from what is most like it before each beat, a few times over."""
    size = np.sqrt((level**2).sum(axis=(2, 3)))
    rows, same, kept, apart = np.arange(len(level)), 0.0, np.zeros(0, np.bool_), 0.0
    for _ in range(ROUNDS):
        likeness = np.tensordot(level, wave, axes=([2, 3], [0, 1])) / (size * float(np.sqrt((wave**2).sum())) + 1e-6)
        place = np.where(allowed, likeness, -1).argmax(axis=1)
        kept = likeness[rows, place] > SHARE_ALIKE
        if kept.sum() < BEATS_MIN:
            return None
        wave = median(level[rows, place][kept], axis=0)
        apart = float(np.median(window[place[kept]]))
        same = float(np.mean(np.abs(window[place[kept]] - apart) <= SAME_S * fs))
    return _Usual(wave.T.astype(np.float32), float(kept.mean()), same, -apart)


def _unit(pieces: FloatArray) -> FloatArray:
    """Return waves (n, n_leads, m) of the same size."""
    size = np.sqrt((pieces**2).sum(axis=(1, 2)))
    return np.asarray(pieces / np.maximum(size, 1e-6)[:, None, None], np.float32)


def _expected(gain: FloatArray, r: IntArray, pr: float, t_wave: FloatArray | None, fs: float) -> FloatArray:
    """Return the averaged gains (6, n) where P waves would stand: see `PWaves.facts`."""
    n = r.size
    rr = np.diff(r, prepend=r[:1]).astype(np.float64)
    shifts = np.array(SHIFTS)
    neighbours = np.clip(np.arange(n)[:, None] + np.arange(-AROUND, AROUND + 1), 1, n - 1)
    alike = np.abs(rr[neighbours] / np.maximum(rr, 1)[:, None] - 1) <= AS_LONG
    alike[:, AROUND] = True
    weight = alike / alike.sum(axis=1, keepdims=True)
    averaged, spread, over = [], np.zeros(n), np.full(n, -1.0)
    long = rr >= _short_rr(r, fs)[1] / SHORT
    for place in PLACES:
        after = np.round(rr[:, None] * (place + shifts) - pr).astype(np.int64)
        seen = gain[np.clip((r - np.diff(r, prepend=r[:1]))[:, None] + after, 0, gain.size - 1)]  # (n, shifts)
        around = seen.astype(np.float64)[neighbours]
        mean = np.einsum("nk,nks->ns", weight, around)
        best = mean.argmax(axis=1)
        averaged.append(np.take_along_axis(mean, best[:, None], axis=1)[:, 0])
        if place == PLACES[1]:
            there = np.take_along_axis(around, best[:, None, None], axis=2)[:, :, 0]
            spread = np.sqrt((weight * (there - averaged[-1][:, None]) ** 2).sum(axis=1))
            if t_wave is not None:
                alone = t_wave[np.clip(after, 0, t_wave.size - 1)] * (after < t_wave.size)
                over = np.where(long, (mean - alone).max(axis=1), -1.0)
    usual, halfway, first, second, elsewhere = averaged
    return np.stack([usual, halfway, spread, np.minimum(first, second), elsewhere, over]).astype(np.float32)


def _short_rr(r: IntArray, fs: float) -> tuple[IntArray, float]:
    """Return which beats (k,) follow a short interval, and the median of these intervals, samples; inf if few do."""
    rr = np.diff(r, prepend=r[:1])
    short = np.flatnonzero((rr > 0) & (rr <= SHORT * np.quantile(rr[1:], 0.9)) & (rr >= RR_MIN_S * fs))
    return short, float(np.median(rr[short])) if short.size >= BEATS_MIN else np.inf


def _t_wave(gain: FloatArray, r: IntArray, pr: float, fs: float) -> FloatArray | None:
    """Return the usual gain (m,) after R in short intervals, where the T wave is alone; None without such intervals."""
    short = _short_rr(r, fs)[0]
    if short.size < BEATS_MIN:
        return None
    rr = r[short] - r[short - 1]
    chosen = np.linspace(0, short.size - 1, min(short.size, BEATS_MAX)).astype(np.int64)
    short, rr = short[chosen], rr[chosen]
    t = np.arange(round(T_WAVE_S * fs))
    rows = gain[np.clip(r[short - 1][:, None] + t, 0, gain.size - 1)].astype(np.float64)
    alone = t < (rr - pr - HALF_S * fs)[:, None]
    ordered = np.sort(np.where(alone, rows, np.inf), axis=0)
    middle = np.take_along_axis(ordered, np.maximum((alone.sum(axis=0) - 1) // 2, 0)[None], axis=0)[0]
    return np.where(alone.sum(axis=0) >= BEATS_MIN, middle, 0.0).astype(np.float32)


def _least_t_wave(gain: FloatArray, r: IntArray, pr: float, t_wave: FloatArray | None, fs: float) -> FloatArray:
    """Return the usual gain (m,) after R; where no interval is short, what is least among means over some beats."""
    rr = np.diff(r)
    t = np.arange(round(T_WAVE_S * fs))
    rows = gain[np.clip(r[:-1, None] + t, 0, gain.size - 1)]
    alone = t < np.minimum(rr - pr - HALF_S * fs, fs * T_END_S[0] + T_END_S[1] * np.sqrt(rr * fs))[:, None]
    total, count = (np.concatenate([np.zeros((1, t.size)), np.cumsum(x, axis=0)]) for x in (rows * alone, alone))
    near = np.arange(rr.size)
    low, high = np.maximum(near - LEAST_OVER, 0), np.minimum(near + LEAST_OVER + 1, rr.size)
    beats = count[high] - count[low]
    mean = np.where((beats > LEAST_OVER) & alone, (total[high] - total[low]) / np.maximum(beats, 1), np.inf)
    known = np.isfinite(mean).sum(axis=0)
    place = np.maximum(known * LEAST_SHARE, 0).astype(np.int64)
    least = np.take_along_axis(np.sort(mean, axis=0), place[None], axis=0)[0]
    least = np.where(known >= BEATS_MIN, least, 0.0)
    return np.asarray(least if t_wave is None else np.where(t_wave != 0, t_wave, least), np.float32)


def _without(gain: FloatArray, r: IntArray, t_wave: FloatArray) -> FloatArray:
    """Return gains (n,) less those of the T wave (m,) after each beat."""
    at = r[:, None] + np.arange(t_wave.size)
    ends = np.append(r[1:], gain.size)[:, None]
    inside = (at >= 0) & (at < np.minimum(ends, gain.size))
    out = gain.astype(np.float32)
    out[at[inside]] -= np.broadcast_to(t_wave, at.shape)[inside]
    return out


def _compared(scaled: FloatArray, wave: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Compare each place with a wave (m, n_leads), both without mean and slope: correlation (n,) and gain (n,)."""
    m, n = len(wave), len(scaled)
    if n < m:
        return np.zeros(n, np.float32), np.zeros(n, np.float32)
    half, dot, power = m // 2, np.zeros(n, np.float32), np.zeros(n, np.float32)
    kept = levelled(np.eye(m, dtype=np.float32))
    for lead, shape in zip(scaled.T, wave.T.astype(np.float32), strict=True):
        windows = sliding_window_view(np.pad(lead, (half, m - 1 - half)), m)
        for start in range(0, n, PLACES_AT_ONCE):
            part = slice(start, start + PLACES_AT_ONCE)
            level = windows[part] @ np.column_stack([kept, shape])
            dot[part] += level[:, m]
            power[part] += np.einsum("nm,nm->n", level[:, :m], level[:, :m])
    own = max(float((wave**2).sum()), 1e-9)
    likeness = dot / np.sqrt(np.maximum(power, 1e-3) * own)
    likeness[:half], likeness[n - half :] = 0, 0
    return likeness.astype(np.float32), dot / np.float32(own)
