"""Beats that repeat: what comes again unchanged, waves and baseline with it, is hidden by no noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.threads import side_by_side
from pipeline.signal.beat_windows import gather_around, heights_around
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.median import median
from pipeline.types import FloatArray, IntArray

WINDOW_S: Final = (0.3, 0.5)  # before and after R
QRS_S: Final = 0.08  # around R, where a peak that is off by a sample would count most
AROUND_BEATS: Final = 40  # on each side, among which a beat has its like ...
LIKE: Final = 4  # ... so many times
REST_MAX: Final = 0.02  # of the height of a beat: what is left of it without its like, root mean square
PEAK_MAX: Final = 0.12  # and at most
BETWEEN_MAX: Final = 0.25  # of the height of a QRS: waves where no beat is, P waves among them
STEP: Final = 2  # every second sample
AT_ONCE: Final = 64  # windows: those that follow on each other share most of the beats around them


def repeating_windows(
    conditioned: Conditioned,
    r_peak: IntArray,
    start_s: NDArray[np.float64],
    stop_s: NDArray[np.float64],
    asked: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Tell in which windows every beat comes again, in all leads, at least three of them, and nothing else is there.

    Parameters
    ----------
    conditioned : Conditioned
        The filtered leads.
    r_peak : (n_beats,) int64
        The beats, increasing indices into the signal.
    start_s, stop_s : (n,) float64
        The windows, seconds.
    asked : (n,) bool
        The windows that are looked at; the others are False.
    """
    found, fs = np.zeros(start_s.size, np.bool_), conditioned.fs
    first, stop = np.searchsorted(r_peak / fs, [start_s - WINDOW_S[1], stop_s + WINDOW_S[0]])
    worth = np.flatnonzero(asked & (stop - first >= LIKE - 1))
    low, high = np.maximum(first - AROUND_BEATS, 0), np.minimum(stop + AROUND_BEATS, r_peak.size)

    def look(some: NDArray[np.intp]) -> list[bool]:
        here = np.unique(np.concatenate([np.arange(low[k], high[k]) for k in some]))
        leads = [_Beats.of(lead, r_peak[here], fs) for lead in conditioned.signal.T]
        answers = []
        for k in some.tolist():
            near = slice(*np.searchsorted(here, [low[k], high[k]]).tolist())
            own = slice(int(first[k] - low[k]), int(stop[k] - low[k]))
            middle = slice((own.start + own.stop) // 2, (own.start + own.stop) // 2 + 1)
            span = round(start_s[k] * fs), round(stop_s[k] * fs)
            around = [beats.within(near) for beats in leads]
            answers.append(
                _repeat(around[0], middle)
                and all(
                    _repeat(beats, own) and _rests(lead, beats, span, fs)
                    for lead, beats in zip(conditioned.signal.T, around, strict=True)
                )
            )
        return answers

    parts = [worth[start : start + AT_ONCE] for start in range(0, worth.size, AT_ONCE)]
    for some, answers in zip(parts, side_by_side(look, parts), strict=True):
        found[some] = answers
    return found


@dataclass(frozen=True, eq=False)
class _Beats:
    """Some beats (n,) of a lead: their places, their waves (n, m) without the QRS, heights with and of it alone."""

    r_peak: IntArray
    waves: FloatArray
    height: FloatArray
    qrs_height: FloatArray

    @classmethod
    def of(cls, lead: FloatArray, r_peak: IntArray, fs: float) -> _Beats:
        offsets = np.arange(-round(WINDOW_S[0] * fs), round(WINDOW_S[1] * fs) + 1, STEP)
        beats = gather_around(lead, r_peak, offsets)
        beats -= median(beats)[:, None]
        waves = beats[:, np.abs(offsets) > QRS_S * fs]
        return cls(r_peak, waves, np.ptp(beats, axis=1), heights_around(lead, r_peak, round(QRS_S * fs)))

    def within(self, near: slice) -> _Beats:
        """Return some successive ones."""
        return _Beats(self.r_peak[near], self.waves[near], self.height[near], self.qrs_height[near])


def _rests(lead: FloatArray, beats: _Beats, span: tuple[int, int], fs: float) -> bool:
    """Tell whether a lead is at rest wherever no beat is: fibrillation hides among beats that repeat."""
    height, r_peak = float(median(beats.qrs_height)), beats.r_peak
    at, before, after = np.arange(*span), round(WINDOW_S[0] * fs), round(WINDOW_S[1] * fs)
    last = np.searchsorted(r_peak, at, side="right") - 1
    since = at - r_peak[np.maximum(last, 0)]
    until = r_peak[np.minimum(last + 1, r_peak.size - 1)] - at
    free = ((last < 0) | (since > after)) & ((last + 1 >= r_peak.size) | (until > before))
    rest = lead[span[0] : span[1]][free[: max(0, lead.size - span[0])]]
    return not rest.size or float(np.abs(rest - median(rest)).max()) <= BETWEEN_MAX * height


def _repeat(beats: _Beats, own: slice) -> bool:
    """Tell whether some of the beats have their like among all of them."""
    waves = beats.waves
    if len(waves) <= 2 * LIKE:
        return False
    apart = np.square(waves[own, None] - waves[None]).mean(axis=2)
    apart[np.arange(apart.shape[0]), np.arange(own.start, own.start + apart.shape[0])] = np.inf
    like = np.argpartition(apart, LIKE, axis=1)[:, :LIKE]
    left = np.abs(waves[own] - median(waves[like], axis=1))
    height = np.maximum(beats.height[own], 1e-6)
    quiet = np.sqrt(np.square(left).mean(axis=1)) <= REST_MAX * height
    return bool((quiet & (left.max(axis=1) <= PEAK_MAX * height)).all())
