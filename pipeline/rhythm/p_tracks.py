"""P waves that march through: the evenly paced course of P waves that the signal supports best, whatever the beats do.

In atrioventricular block the sinus node goes on at its own pace. On the line of gains (`PWaves.line`) a course of P
waves is sought whose intervals stay near one length: the sum of gains along it, which fades with the distance, is
maximised for each of many lengths by dynamic programming, forwards and backwards in time. A single P wave may drown in
noise; the sum over some twenty does not.

References
----------
Bellman 1957, Dynamic Programming; Ellis 2007, J. New Music Research 36:51-60 (doi:10.1080/09298210701653344), who
finds the beats of music so. Deviation: the sum fades, so that one pass serves all places.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.threads import side_by_side
from pipeline.signal.median import median
from pipeline.signal.p_waves import PWaves
from pipeline.types import FloatArray, IntArray

STEP: Final = 2  # samples of the line that are averaged
PP_S: Final = (0.45, 1.35)  # lengths of P-P intervals ...
RATIO: Final = 1.045  # ... from each to the next
APART: Final = 2  # an interval may be so many steps longer or shorter ...
STRAY: Final = 0.04  # ... and loses, for this relative deviation, ...
STRAY_COST: Final = 0.15  # ... so much, and four times as much for twice the deviation
FADES_S: Final = 10.0  # the sum has faded to 1 / e after
GAINS: Final = (-1.5, 2.0)  # what lies outside is counted as these
HALF: Final = 0.5  # more speaks for a P wave, less against it
PIECE_S, MARGIN_S = 40.0, 20.0  # pieces are worked on side by side; what each sees on both sides
AT_ONCE: Final = 128
SCORED: Final = 2**18  # samples of the line that are scored at a time: a whole number of steps
RR_S: Final = (0.2, 3.0)  # shorter and longer intervals are counted as these
AROUND: Final = 4  # beats on each side over which lags are compared
NOTHING: Final = -1.0
TRACKS: Final = (
    *("course", "course_over_usual", "course_over_middle", "course_pp_s", "course_rr_to_pp", "course_clear"),
    *("course_seen", "course_lag_s", "course_lag_change", "course_lag_next", "course_lag_spread", "course_pp_spread"),
)
_OF_BEAT: Final = 7
_Flags = NDArray[np.bool_]


def track_measures(time_s: NDArray[np.float64], rr_s: NDArray[np.float64], waves: PWaves, asked: _Flags) -> FloatArray:
    """Measure the course of P waves that the signal around some beats supports best.

    Parameters
    ----------
    time_s : (n,) float64
        R peaks, seconds.
    rr_s : (n,) float64
        Seconds since the beat before.
    waves : PWaves
        P waves between the beats.
    asked : (n,) bool
        The beats that are asked about, k of them.

    Returns
    -------
    (k, len(TRACKS)) float32
        The sum along the course; by how much it is clearer than one of another length, and than one midway between its
        P waves; its P-P interval, the R-R interval in units of it, and how far it stands above all other places;
        whether its last P waves before the beats could be seen; their distance from R, how much that changes from the
        beat before and to the beat after, how evenly it is spread over P-P (0 where it is constant, as in conducted
        beats, 1 in complete block), and how much P-P differs between the beats. -1 where nothing is known.
    """
    at, step_s = np.flatnonzero(asked), STEP / waves.line_fs
    if not at.size or waves.line.size < STEP:
        return np.full((at.size, len(TRACKS)), NOTHING, np.float32)
    around = np.clip(at[:, None] + np.arange(-AROUND, AROUND + 1), 0, time_s.size - 1)
    return _columns(_of_beats(time_s, waves.line, np.unique(around), step_s), rr_s, at, around, step_s)


def _of_beats(time_s: NDArray[np.float64], line: FloatArray, near: IntArray, step_s: float) -> NDArray[np.float64]:
    """Return facts (7, n) about the clearest course before each beat, NaN for those that are not `near` (k,).

    Parameters
    ----------
    time_s : (n,) float64
        R peaks, seconds.
    line : (m,) float32
        The line of gains.
    near : (k,) int64
        The beats that are looked at.
    step_s : float
        Length of a step, seconds.
    """
    score, seen = _scores(line)
    lengths = _lengths(step_s)
    place = np.clip(np.round(time_s[near] / step_s).astype(np.int64), 0, score.size - 1)
    of_beat = np.full((_OF_BEAT, time_s.size), np.nan)
    size, margin = round(PIECE_S / step_s), round(MARGIN_S / step_s)
    pieces = np.unique(place // size)

    def read(some: IntArray) -> tuple[_Flags, FloatArray]:
        span = np.arange(-margin, size + margin)[:, None] + some * size
        inside = (span >= 0) & (span < score.size)
        at_span = np.clip(span, 0, score.size - 1)
        near_score, near_seen = np.where(inside, score[at_span], 0), inside & seen[at_span]
        mine = np.isin(place // size, some)
        column = np.searchsorted(some, place[mine] // size)
        at_step = place[mine] % size + margin
        return mine, _before(near_score, near_seen, (at_step, column), lengths, step_s)

    for mine, facts in side_by_side(read, np.array_split(pieces, -(-pieces.size // AT_ONCE))):
        of_beat[:, near[mine]] = facts
    return of_beat


def _scores(line: FloatArray) -> tuple[FloatArray, _Flags]:
    """Return how much speaks for a P wave in each step (m,), 0 where none could be seen, and whether one could be."""
    n = line.size // STEP * STEP
    score, seen = np.zeros(n // STEP, np.float32), np.zeros(n // STEP, np.bool_)
    for first in range(0, n, SCORED):
        part = slice(first // STEP, (first + SCORED) // STEP)
        score[part], seen[part] = _scores_of(line[first : min(first + SCORED, n)])
    return score, seen


def _scores_of(line: FloatArray) -> tuple[FloatArray, _Flags]:
    known = np.isfinite(line)
    gain = np.where(known, np.clip(line, *GAINS), np.float32(0))
    # faster than along an axis of 2
    count, total = (sum((of[k::STEP] for k in range(1, STEP)), of[::STEP]) for of in (known.astype(np.int8), gain))
    mean = total.astype(np.float64) / np.maximum(count, 1)
    return np.where(count > 0, mean - HALF, 0).astype(np.float32), count > 0


def _lengths(step_s: float) -> IntArray:
    """Return the lengths (n_pp,) of P-P intervals, steps."""
    count = int(np.log(PP_S[1] / PP_S[0]) / np.log(RATIO)) + 1
    return np.unique(np.round(PP_S[0] * RATIO ** np.arange(count) / step_s).astype(np.int64))


def _totals(score: FloatArray, length: int, step_s: float, room: FloatArray) -> FloatArray:
    """Return the sum (n_steps, k) along the best course of one length through each step of k pieces (n_steps, k).

    Parameters
    ----------
    score : (n_steps, 2 * k) float32
        How much speaks for a P wave, forwards in time and then backwards.
    length : int
        Usual length of its intervals, steps.
    step_s : float
        Length of a step, seconds.
    room : (length + APART + n_steps or more, 2 * k) float32
        Where the sums are written; nothing of it is kept.
    """
    k = score.shape[1] // 2
    sums = _forward(score, length, step_s, room)
    total = sums[:, :k] + sums[::-1, k:]
    total -= score[:, :k]
    return total


def _forward(score: FloatArray, length: int, step_s: float, room: FloatArray) -> FloatArray:
    """Return the sum along the best course of a length that ends in each step of pieces, as `_totals` is given them."""
    before, n = length + APART, len(score)
    room[:before] = 0
    stray = np.empty((length, score.shape[1]), np.float32)
    fade = np.float32(np.exp(-length * step_s / FADES_S))
    costs = [(off, np.float32(STRAY_COST * (off / (STRAY * length)) ** 2)) for off in range(1, APART + 1)]
    block = length - APART  # within it no course has two P waves
    for start in range(0, n, block):
        stop = min(start + block, n)
        low, high = start + APART, stop + APART  # one interval earlier
        best, other = room[before + start : before + stop], stray[: stop - start]
        nearest = room[low:high]
        for off, cost in costs:  # longer and shorter intervals cost the same
            np.maximum(room[low - off : high - off], room[low + off : high + off], out=other)
            other -= cost
            np.maximum(nearest, other, out=best)
            nearest = best
        best *= fade
        best += score[start:stop]
    return room[before : before + n]


def _before(
    score: FloatArray, seen: _Flags, place: tuple[IntArray, IntArray], lengths: IntArray, step_s: float
) -> FloatArray:
    """Return facts (7, k) about the clearest course before each beat.

    Parameters
    ----------
    score, seen : (n_steps, n_pieces) float32 and bool
        How much speaks for a P wave in each step, and whether one could be seen.
    place : two of (k,) int64
        In which step and which piece the beats are.
    lengths : (n_pp,) int64
        Lengths of the courses, steps.
    step_s : float
        Length of a step, seconds.
    """
    step, column = place
    rows = np.arange(step.size)
    high, middle, clear = (np.zeros((step.size, lengths.size), np.float32) for _ in range(3))
    lag = np.zeros((step.size, lengths.size), np.int64)
    earlier = (step[:, None] - np.arange(lengths.max())) * score.shape[1] + column[:, None]
    both_ways = np.concatenate([score, score[::-1]], axis=1)
    room = np.empty((int(lengths.max()) + APART + len(score), both_ways.shape[1]), np.float32)
    for k, length in enumerate(lengths.tolist()):
        sums = _totals(both_ways, length, step_s, room).ravel().take(earlier[:, :length])
        lag[:, k] = sums.argmax(axis=1)
        high[:, k] = sums[rows, lag[:, k]]
        middle[:, k] = sums[rows, (lag[:, k] + length // 2) % length]
        clear[:, k] = high[:, k] - sums.mean(axis=1)
    best = clear.argmax(axis=1)
    own = [each[rows, best] for each in (high, middle, clear, lag)]
    over = own[2] - median(clear)
    return np.stack([own[0], over, own[0] - own[1], lengths[best], own[2], seen[step - own[3], column], own[3]])


def _columns(
    of_beat: NDArray[np.float64], rr_s: NDArray[np.float64], at: IntArray, around: IntArray, step_s: float
) -> FloatArray:
    """Return `TRACKS` (k, 12) of the beats that are asked about, `around` (k, 9) each."""
    rr = np.clip(rr_s, *RR_S) / step_s
    high, over, over_middle, pp, clear, seen, lag = of_beat
    phase = lag / pp
    last = phase.size - 1
    changes = (_circular(phase[at], phase[np.clip(at + by, 0, last)]) for by in (-1, 1))
    spread = 1 - np.abs(np.exp(2j * np.pi * phase[around]).mean(axis=1))
    middle = median(pp[around])[:, None]
    columns = (
        *(high[at], over[at], over_middle[at], pp[at] * step_s, rr[at] / pp[at], clear[at]),
        *(seen[around].mean(axis=1), lag[at] * step_s, *changes, spread),
        median(np.abs(pp[around] / middle - 1)),
    )
    return np.asarray(np.nan_to_num(np.stack(columns, axis=1), nan=NOTHING), np.float32)


def _circular(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance (k,) of phases, 0..0.5."""
    return np.abs((one - other + 0.5) % 1 - 0.5)
