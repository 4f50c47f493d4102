"""Beats of the usual shape inside what the waveform seems to say is ventricular: there, it is not.

The waveform detector sees some 20 s around each second, and broad complexes look like the waves of flutter. A reader
sees the same complexes before and after, at an unhurried rate, and calls neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.rhythm.qrs_through_waves import qrs_through_waves
from pipeline.signal.gaps import runs
from pipeline.types import FloatArray, IntArray

# Chosen on held-out records of vfdb, DS1 and svdb: docs/experiments/waveform.md.
CORRELATION: Final = 0.9  # with the usual beat, over all leads
HEIGHTS: Final = (0.6, 1.4)  # of the usual beat, root mean square
BEATS: Final = 3  # in a row: waves of fibrillation resemble a beat now and then
RR_S: Final = 0.4  # median between them, at least: flutter of the same shape is faster
LONGEST: Final = 2.5  # intervals of the recording: after a longer one another run begins
WINDOW_S: Final = (0.12, 0.30)  # before and after the R peak
SHIFT_S: Final = 0.04  # peaks of broad complexes are no more exact
AROUND_S: Final = 60.0  # where usual beats are looked for
USUAL_MIN: Final = 6  # fewer make no usual beat
USUAL_MAX: Final = 80
GUARD_S: Final = 2  # seconds beside an episode whose beats are not usual
REACH_S: Final = (0.25, 0.4)  # of the first beat before its R peak, and of the last after it
GAP_S: Final = 40  # between two episodes: in a longer one a rhythm may have come and gone
GAP_PROBABILITY: Final = 0.05  # median in a gap, at least
SILENT_SHARE: Final = 0.3  # of a gap, at most: after more of it the next episode is a new one


@dataclass(frozen=True, eq=False)
class KnownBeats:
    """The signal, and where the beats in it are, also within ventricular rhythms.

    Attributes
    ----------
    signal : (n, n_leads) float32
        The filtered leads, mV.
    fs : float
        Their sampling frequency, Hz.
    time_s : (n_beats,) float64
        R peaks as detected, seconds.
    spiky : bool
        Whether a pacemaker may leave spikes, which go on in fibrillation and look like sharp QRS complexes.
    """

    signal: FloatArray
    fs: float
    time_s: NDArray[np.float64]
    spiky: bool = False


def without_usual_beats(states: IntArray, known: KnownBeats) -> IntArray:
    """Return the states (n_seconds,) without the seconds in which beats of the usual shape follow each other.

    Parameters
    ----------
    states : (n_seconds,) int64
        State of each second, 0 where no ventricular rhythm was found.
    known : KnownBeats
        Beats are usual if they look like those within a minute of an episode.
    """
    return np.where(_usual_seconds(states != 0, known, states != 0), 0, states)


def across_gaps(states: IntArray, uncut: IntArray, probability: FloatArray, known: KnownBeats) -> IntArray:
    """Return the states with gaps filled in which no usual beat came back: fibrillation does not stop and start again.

    Parameters
    ----------
    states : (n_seconds,) int64
        What `without_usual_beats` left.
    uncut : (n_seconds,) int64
        What it was given.
    probability : (n_seconds,) float32
        Of a ventricular rhythm; 0 where the leads are silent.
    known : KnownBeats
        The beats.

    Returns
    -------
    (n_seconds,) int64
        A gap of at most `GAP_S` takes the state of its longer neighbour.
    """
    filled, cut, found = states.copy(), (uncut != 0) & (states == 0), runs(states != 0)
    for (first, start), (stop, last) in pairwise(found):
        gap = slice(start, stop)
        unlikely = float(np.median(probability[gap])) < GAP_PROBABILITY
        if stop - start > GAP_S or cut[gap].any() or unlikely or np.mean(probability[gap] <= 0) > SILENT_SHARE:
            continue
        asked = np.zeros(states.size, np.bool_)
        asked[first:last] = True
        if not _usual_seconds(asked, known, (states != 0) | asked)[gap].any():
            filled[gap] = states[first] if start - first >= last - stop else states[stop]
    return filled


def _usual_seconds(asked: NDArray[np.bool_], known: KnownBeats, ventricular: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell in which of the seconds that are asked for (n_seconds,) beats of the usual shape follow each other.

    What is usual is told by the beats outside all seconds that may be ventricular.
    """
    usual_s = np.zeros(asked.size, np.bool_)
    signal, fs, time_s = known.signal, known.fs, known.time_s
    time_s = time_s[(time_s >= WINDOW_S[0] + SHIFT_S) & (time_s < len(signal) / fs - WINDOW_S[1] - SHIFT_S)]
    if not asked.any() or not time_s.size:
        return usual_s
    second = np.minimum(time_s.astype(np.int64), asked.size - 1)
    beside = np.convolve(ventricular, np.ones(2 * GUARD_S + 1))[GUARD_S:-GUARD_S] > 0
    outside = np.flatnonzero(~beside[second])
    usual, through = np.zeros(time_s.size, np.bool_), list[list[float]]()
    for first, last in runs(asked):
        inside = np.flatnonzero((second >= first) & (second < last))
        near = outside[(time_s[outside] > first - AROUND_S) & (time_s[outside] < last + AROUND_S)]
        if inside.size >= BEATS and near.size >= USUAL_MIN:
            usual[inside] = _alike(signal, fs, time_s[inside], time_s[_nearest(near, inside)])
        if not known.spiky and near.size >= USUAL_MIN:
            through += qrs_through_waves(signal, fs, (first, last), time_s[near]).tolist()
    middle = np.arange(asked.size) + 0.5
    slow = [(a, b) for a, b in _in_a_row(usual, time_s) if np.median(np.diff(time_s[a:b])) >= RR_S]
    for start, stop in [*((time_s[a], time_s[b - 1]) for a, b in slow), *through]:
        usual_s |= (middle >= start - REACH_S[0]) & (middle <= stop + REACH_S[1])
    return usual_s & asked


def _in_a_row(usual: NDArray[np.bool_], time_s: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the runs [first, stop) of at least `BEATS` usual beats: those on both sides of fibrillation are two."""
    apart = np.diff(time_s, prepend=time_s[0])
    typical = float(np.median(apart[1:])) if apart.size > 1 else 0.0
    found = []
    for first, stop in runs(usual):
        starts = first + np.flatnonzero(apart[first:stop] > LONGEST * typical)
        edges = sorted({first, *starts.tolist(), stop})
        found += [(a, b) for a, b in pairwise(edges) if b - a >= BEATS]
    return found


def _nearest(usual: NDArray[np.intp], inside: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the usual beats that lie nearest to an episode, on whichever side."""
    away = np.maximum(inside[0] - usual, usual - inside[-1])
    return np.sort(usual[np.argsort(away, kind="stable")[:USUAL_MAX]])


def _alike(
    signal: FloatArray, fs: float, time_s: NDArray[np.float64], usual_s: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which beats (n,) have the shape and the height of the median of the usual ones."""
    before, after, shift = round(WINDOW_S[0] * fs), round(WINDOW_S[1] * fs), round(SHIFT_S * fs)
    size = before + after
    usual = np.median(_cut(signal, usual_s, fs, before, size), axis=0)
    usual = usual - usual.mean(axis=0)
    energy = float(np.square(usual).sum()) + 1e-9
    wide = _cut(signal, time_s, fs, before + shift, size + 2 * shift)
    shifted = sliding_window_view(wide, size, axis=1)[:, ::2]  # (n, n_shifts, n_leads, size)
    centred = shifted - shifted.mean(axis=3, keepdims=True)
    own = np.square(centred).sum(axis=(2, 3)) + 1e-9
    correlation = np.einsum("nsli,il->ns", centred, usual) / np.sqrt(own * energy)
    best = correlation.argmax(axis=1)
    rows = np.arange(time_s.size)
    height = np.sqrt(own[rows, best] / energy)
    return np.asarray(
        (correlation[rows, best] >= CORRELATION) & (height >= HEIGHTS[0]) & (height <= HEIGHTS[1]), np.bool_
    )


def _cut(signal: FloatArray, time_s: NDArray[np.float64], fs: float, before: int, size: int) -> FloatArray:
    """Return windows (n, size, n_leads) that begin so many samples before each R peak."""
    at = np.round(time_s * fs).astype(np.int64)[:, None] - before + np.arange(size)
    return np.asarray(signal[np.clip(at, 0, len(signal) - 1)], np.float32)
