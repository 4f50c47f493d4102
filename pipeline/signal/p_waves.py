"""P waves: where they stand between the beats, found by their likeness to the usual P wave of the same recording.

The usual P wave is learnt from what stands before most beats, in all analysed leads together. In complete block it
stands before some only, in 2:1 block another one hides behind the T wave: so every place between two beats is compared
with it, on a line of its own, and what is alike in shape and size is a candidate. Which candidates are P waves is for
the finders of rhythms to say, who know their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from pipeline.signal.conditioning import Conditioned
from pipeline.types import FloatArray, IntArray, read_only

STRETCH_S: Final = 900.0  # a usual P wave is learnt for so long; electrodes and posture change it
DECIMATED: Final = 2  # P waves need no more than half the working rate
HALF_S: Final = 0.1  # half the window of a P wave
TOP_S, SIDE_S, SIDE_AT_S = 0.035, 0.025, 0.09  # a bump: what is higher at its top than at both sides
BEFORE_R_S: Final = -0.36  # the P wave of most conducted beats has its top after this
BEFORE_QRS_S: Final = 0.035  # a P wave has its top so long before the QRS
AFTER_QRS_S: Final = 0.06  # ... and so long after one
SHARE_ALIKE: Final = 0.6  # correlation with the usual P wave of what it is the mean of
ROUNDS: Final = 3
BEATS_MIN: Final = 6
QRS_REACH_S: Final = 0.14  # around R, in which the QRS begins and ends
QRS_SLOPE: Final = 0.12  # of the steepest usual slope
QRS_LEAST_S: Final = (0.04, 0.05)  # before and after R, at least
APART_S: Final = 0.16  # between two candidates
LIKENESS_MIN: Final = 0.5
GAIN_MIN: Final = 0.3
RR_MIN_S: Final = 0.45  # in shorter intervals P and T waves cannot be told apart


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
    alike : (n,) float32
        For each of the beats: share of the beats around it that the usual P wave was learnt from; 0 where none was.
    height : (n,) float32
        Likewise the height of the usual P wave, as a share of that of the QRS.
    noise : (n,) float32
        Likewise the usual gain of anything between beats: how large noise is beside the usual P wave.
    """

    time_s: NDArray[np.float64]
    likeness: FloatArray
    gain: FloatArray
    before: IntArray
    alike: FloatArray
    height: FloatArray
    noise: FloatArray


@dataclass(frozen=True, eq=False)
class _Usual:
    """The usual P wave (m, n_leads) on a line, and how many of the beats show it."""

    wave: FloatArray
    alike: float


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
    facts = np.zeros((3, n), np.float32)
    parts = [_Part(*(np.zeros(0) for _ in range(3)))]
    signal = conditioned.signal
    count = len(signal) // DECIMATED
    whole = signal[: count * DECIMATED].reshape(count, DECIMATED, -1).mean(axis=1)
    for first_s in np.arange(0.0, count / fs, STRETCH_S):
        chosen = np.flatnonzero((time_s >= first_s) & (time_s < first_s + STRETCH_S))
        if chosen.size < BEATS_MIN:
            continue
        start, stop = (max(0, round((first_s + edge) * fs)) for edge in (-2.0, STRETCH_S + 1.0))
        found = _in_stretch(whole[start:stop], time_s[chosen] * fs - start, fs)
        if found is None:
            continue
        part, facts[:, chosen] = found[0], np.array(found[1])[:, None]
        parts.append(_Part((part.at + start) / fs + 0.5 / conditioned.fs, part.likeness, part.gain))
    at, likeness, gain = (np.concatenate(column) for column in zip(*(p.columns for p in parts), strict=True))
    before = np.searchsorted(time_s, at)
    return PWaves(
        read_only(at.astype(np.float64)),
        read_only(likeness.astype(np.float32)),
        read_only(gain.astype(np.float32)),
        read_only(before.astype(np.int64)),
        *(read_only(row.copy()) for row in facts),
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """Candidates of one stretch: their places (k,), likeness (k,) and gain (k,)."""

    at: NDArray[np.floating]
    likeness: NDArray[np.floating]
    gain: NDArray[np.floating]

    @property
    def columns(self) -> tuple[NDArray[np.floating], ...]:
        return self.at, self.likeness, self.gain


def _in_stretch(
    signal: FloatArray, r_peak: NDArray[np.float64], fs: float
) -> tuple[_Part, tuple[float, float, float]] | None:
    """Return the candidates of a stretch, and its facts: alike, height, noise. None without a usual P wave."""
    live = np.ptp(signal, axis=0) > 0
    if not live.any():
        return None
    r = np.round(r_peak).astype(np.int64)
    qrs = _without_qrs(signal, r, fs)
    signal = qrs.signal
    bumps = np.stack([_bump(lead, fs) for lead in signal[:, live].T], axis=1)
    between = _between(r, len(signal), qrs, fs)
    if between.sum() < fs:
        return None
    sigma = np.maximum(np.median(np.abs(bumps[between]), axis=0), 1e-4)
    scaled = (signal[:, live] / sigma).astype(np.float32)
    usual = _usual_p_wave(scaled, np.abs(bumps / sigma).sum(axis=1), r, qrs, fs)
    if usual is None:
        return None
    likeness, gain = _compared(scaled, usual.wave)
    top = maximum_filter1d(likeness, 2 * round(APART_S / 2 * fs) + 1)
    at = np.flatnonzero((likeness == top) & (likeness >= LIKENESS_MIN) & (gain >= GAIN_MIN) & between)
    height = float((np.ptp(usual.wave, axis=0) * sigma / np.maximum(qrs.height[live], 1e-3)).max())
    noise = float(np.median(np.abs(gain[between])))
    return _Part(at.astype(np.float64), likeness[at], gain[at]), (usual.alike, height, noise)


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
    rows = signal[inside[:, None] + np.arange(-reach - 1, reach + 2)]
    slope = np.median(np.abs(rows[:, 2:] - rows[:, :-2]), axis=0).sum(axis=1)
    steep = np.flatnonzero(slope > QRS_SLOPE * slope.max())
    start = min(steep[0] - reach, round(-QRS_LEAST_S[0] * fs)) - 1
    stop = max(steep[-1] - reach, round(QRS_LEAST_S[1] * fs)) + 1
    out = signal.copy()
    window = np.arange(start, stop + 1)
    share = ((window - start) / (stop - start))[:, None].astype(np.float32)
    at = r[(r + start >= 0) & (r + stop < len(signal))]
    ends = signal[at + start], signal[at + stop]
    out[at[:, None] + window] = ends[0][:, None] * (1 - share) + ends[1][:, None] * share
    return _Lines(out, start, stop, np.median(np.ptp(rows, axis=1), axis=0))


def _bump(lead: FloatArray, fs: float) -> FloatArray:
    """Return how much higher a lead (n,) is around each sample than at both sides."""
    total = np.concatenate([[0.0], np.cumsum(lead, dtype=np.float64)])

    def mean(centre_s: float, half_s: float) -> NDArray[np.float64]:
        index = np.arange(lead.size)
        low = np.clip(index + round((centre_s - half_s) * fs), 0, lead.size)
        high = np.clip(index + round((centre_s + half_s) * fs) + 1, 0, lead.size)
        return np.asarray((total[high] - total[low]) / np.maximum(high - low, 1))

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


def _usual_p_wave(scaled: FloatArray, bump: FloatArray, r: IntArray, qrs: _Lines, fs: float) -> _Usual | None:
    """Learn the usual P wave from the largest bump before each beat: the mean of those that are alike."""
    half = round(HALF_S * fs)
    window = np.arange(round(BEFORE_R_S * fs), qrs.start - round(BEFORE_QRS_S * fs) + 1)
    room = np.diff(r, prepend=r[:1]) > qrs.stop - window[0] + AFTER_QRS_S * fs
    beats = r[room & (r + window[0] - half >= 0) & (r + window[-1] + half < len(scaled))]
    if beats.size < BEATS_MIN:
        return None
    at = beats + window[bump[beats[:, None] + window].argmax(axis=1)]
    waves = _levelled(scaled[at[:, None] + np.arange(-half, half + 1)])
    size = np.sqrt((waves**2).sum(axis=(1, 2)))
    unit = waves / np.maximum(size, 1e-6)[:, None, None]
    wave, kept = np.median(unit, axis=0), np.ones(beats.size, np.bool_)
    for _ in range(ROUNDS):
        likeness = np.einsum("nwl,wl->n", unit, wave) / max(float(np.sqrt((wave**2).sum())), 1e-6)
        kept = likeness > SHARE_ALIKE
        if kept.sum() < BEATS_MIN:
            return None
        wave = unit[kept].mean(axis=0)
    wave = np.median(waves[kept], axis=0)
    return _Usual(wave.astype(np.float32), float(kept.mean()))


def _levelled(waves: FloatArray) -> FloatArray:
    """Return waves (n, m, n_leads) without their mean and slope."""
    m = waves.shape[1]
    line = np.arange(m, dtype=np.float32) - (m - 1) / 2
    level = waves - waves.mean(axis=1, keepdims=True)
    slope = np.einsum("nml,m->nl", level, line) / (line**2).sum()
    return np.asarray(level - slope[:, None, :] * line[None, :, None], np.float32)


def _compared(scaled: FloatArray, wave: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Compare each place with a wave (m, n_leads), both without mean and slope: correlation (n,) and gain (n,)."""
    m, n = len(wave), len(scaled)
    half, line = m // 2, np.arange(m) - (m - 1) / 2
    dot, power = np.zeros(n), np.zeros(n)
    for lead, shape in zip(scaled.T.astype(np.float64), wave.T, strict=True):
        dot += _slid(lead, shape)
        power += (
            _slid(lead**2, np.ones(m)) - _slid(lead, np.ones(m)) ** 2 / m - _slid(lead, line) ** 2 / (line**2).sum()
        )
    own = float((wave**2).sum())
    gain = dot / max(own, 1e-9)
    likeness = dot / np.sqrt(np.maximum(power, 1e-6) * max(own, 1e-9))
    likeness[:half], likeness[n - half :] = 0, 0
    return likeness.astype(np.float32), gain.astype(np.float32)


def _slid(lead: NDArray[np.float64], shape: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the sum of the products of a shape with what stands around each sample (n,)."""
    if lead.size < shape.size:
        return np.zeros(lead.size)
    return np.asarray(np.correlate(lead, shape.astype(np.float64), "same"))
