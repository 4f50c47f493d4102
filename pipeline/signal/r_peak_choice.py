"""Which candidates are beats: a small network judges each one, a second one its place in the rhythm."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.signal.nearest import nearest
from pipeline.types import FloatArray, IntArray, read_only

WEIGHTS_PATH: Final = Path(__file__).with_name("r_peaks.json")
# The second network was fitted to these: a change needs a new fit.
MIN_BEATS = 5
FIRST_SCORE = -2.0  # log odds of the first network above which a candidate counts as a beat for its neighbours
APART_MS = 200.0
RR_BEATS, SCORE_BEATS = 15, 31
MAX_SCORE = 15.0
FAR_S = 3.0
TINY = np.float32(1e-3)


@dataclass(frozen=True, eq=False)
class DenseNetwork:
    """A fully connected network: layers of (n_in, n_out) weights and (n_out,) biases with ReLU between them."""

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]

    def __call__(self, features: FloatArray) -> FloatArray:
        """Return the log odds (n,) of features (n, n_in)."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            features = np.maximum(features @ weight + bias, 0)
        return np.asarray((features @ self.weights[-1] + self.biases[-1])[:, 0], np.float32)


@cache
def load_networks(path: Path = WEIGHTS_PATH) -> tuple[DenseNetwork, DenseNetwork]:
    """Load the network on a candidate's surroundings and the one on its place in the rhythm."""
    stored = json.loads(path.read_text(encoding="utf-8"))

    def network(layers: list[dict[str, list[float]]]) -> DenseNetwork:
        arrays = [(np.array(layer["weight"], np.float32), np.array(layer["bias"], np.float32)) for layer in layers]
        return DenseNetwork(tuple(read_only(w) for w, _ in arrays), tuple(read_only(b) for _, b in arrays))

    return network(stored["surroundings"]), network(stored["rhythm"])


def apart(at: IntArray, score: FloatArray, distance: float) -> NDArray[np.bool_]:
    """Thin out candidates that are too close together: keep the best, then the best of the rest, and so on.

    Parameters
    ----------
    at : (n,) int64
        Positions, increasing, samples.
    score : (n,) float32
        The higher the better.
    distance : float
        Least distance between two candidates, samples.

    Returns
    -------
    (n,) bool
        The candidates that stay.
    """
    kept = np.zeros(at.size, np.bool_)
    alive = np.arange(at.size)
    while alive.size:
        best = alive[~_beaten(at[alive], score[alive], distance)]
        kept[best] = True
        alive = alive[_distance(at[alive], at[best]) >= distance]
    return kept


def in_rhythm(at: IntArray, score: FloatArray, strength: FloatArray, fs: float) -> FloatArray | None:
    """Describe each candidate by the beats around it.

    Parameters
    ----------
    at : (n,) int64
        Positions, increasing, samples.
    score : (n,) float32
        Log odds of the first network.
    strength : (n,) float32
        Energy, as in `Candidates`.
    fs : float
        Sampling frequency of `at`, Hz.

    Returns
    -------
    (n, n_features) float32 or None
        Input of the second network; None with fewer than five likely beats.
    """
    score = np.clip(score, -MAX_SCORE, MAX_SCORE)
    likely = choose_candidates(at, score, FIRST_SCORE, APART_MS / 1000 * fs)
    if likely.size < MIN_BEATS:
        return None
    usual, irregular = _usual_rr(at, at[likely], score[likely], fs)
    columns = [score, _rival(at, score, APART_MS / 1000 * fs)]
    columns += _neighbours(at, likely, score, strength, usual, fs)
    columns += [usual, irregular, *_levels(at, likely, score)]
    features = np.stack(columns, axis=1)
    return np.clip(features, -MAX_SCORE, MAX_SCORE).astype(np.float32)


def choose_candidates(at: IntArray, score: FloatArray, threshold: float, distance: float) -> IntArray:
    """Choose the candidates with a score above `threshold` that are far enough apart.

    Parameters
    ----------
    at : (n,) int64
        Positions, increasing, samples.
    score : (n,) float32
        Log odds.
    threshold : float
        Log odds that a candidate must exceed.
    distance : float
        Least distance between two of them, samples.

    Returns
    -------
    (k,) int64
        Indices into `at`.
    """
    over = np.flatnonzero(score > threshold)
    return over[apart(at[over], score[over], distance)]


def _beaten(at: IntArray, score: FloatArray, distance: float) -> NDArray[np.bool_]:
    beaten = np.zeros(at.size, np.bool_)
    for k in range(1, at.size):
        close = at[k:] - at[:-k] < distance
        if not close.any():
            break
        beaten[:-k] |= close & (score[:-k] < score[k:])
        beaten[k:] |= close & (score[k:] <= score[:-k])
    return beaten


def _distance(at: IntArray, others: IntArray) -> IntArray:
    """Return the samples from each of `at` (n,) to the nearest of `others` (m,), both increasing."""
    if others.size == 0:
        return np.full(at.size, np.iinfo(np.int64).max)
    return np.asarray(np.abs(at - others[nearest(others, at)]), np.int64)


def _rival(at: IntArray, score: FloatArray, distance: float) -> FloatArray:
    """Return the best score of another candidate that is too close to be a beat as well."""
    rival = np.full(at.size, -MAX_SCORE, np.float32)
    for k in range(1, at.size):
        close = at[k:] - at[:-k] < distance
        if not close.any():
            break
        rival[:-k] = np.where(close, np.maximum(rival[:-k], score[k:]), rival[:-k])
        rival[k:] = np.where(close, np.maximum(rival[k:], score[:-k]), rival[k:])
    return rival


def _usual_rr(at: IntArray, beats: IntArray, score: FloatArray, fs: float) -> tuple[FloatArray, FloatArray]:
    """Return the median RR interval around each candidate, in seconds, and its relative variability."""
    sure = beats[score > 0] if np.count_nonzero(score > 0) >= MIN_BEATS else beats
    rr = np.minimum(np.diff(sure) / fs, 2.0).astype(np.float32)
    median = _running_quantile(rr, RR_BEATS, 0.5)
    relative_deviation = _running_quantile(np.abs(rr - median), RR_BEATS, 0.5) / median
    here = np.clip(np.searchsorted(sure, at) - 1, 0, rr.size - 1)
    return median[here], relative_deviation[here]


def _neighbours(
    at: IntArray, likely: IntArray, score: FloatArray, strength: FloatArray, usual: FloatArray, fs: float
) -> list[FloatArray]:
    """Return distance and score of two likely beats on either side, and strength relative to the nearest."""
    near = APART_MS / 1000 * fs
    before, after = np.searchsorted(at[likely], at - near, side="right") - 1, np.searchsorted(at[likely], at + near)
    found = {
        place: _of_beat(at, likely, score, position, fs)
        for place, position in (("b", before), ("a", after), ("bb", before - 1), ("aa", after + 1))
    }
    rr_before, rr_after = found["b"][0], found["a"][0]
    hole = (rr_before + rr_after) / usual
    height = np.log(strength + TINY)
    nearest = [height[likely[np.clip(position, 0, likely.size - 1)]] for position in (before, after)]
    around = _running_quantile(height[likely], SCORE_BEATS, 0.5)[_next(at, likely)]
    return [
        *(distance for distance, _ in found.values()),
        *(distance / usual for distance, _ in found.values()),
        *(other for _, other in found.values()),
        *(hole, np.abs(hole - 2), np.minimum(rr_before, rr_after) / usual),
        *(height - around, height - nearest[0], height - nearest[1]),
    ]


def _of_beat(
    at: IntArray, likely: IntArray, score: FloatArray, position: IntArray, fs: float
) -> tuple[FloatArray, FloatArray]:
    """Return the seconds to the likely beat at `position`, and its score; far away and 0 where there is none."""
    exists = (position >= 0) & (position < likely.size)
    beat = likely[np.clip(position, 0, likely.size - 1)]
    distance = np.where(exists, np.abs(at - at[beat]) / fs, FAR_S)
    return distance.astype(np.float32), np.where(exists, score[beat], 0).astype(np.float32)


def _levels(at: IntArray, likely: IntArray, score: FloatArray) -> list[FloatArray]:
    """Return whether it is a likely beat, and quantiles of the scores of likely beats and other candidates nearby."""
    is_likely = np.zeros(at.size, np.bool_)
    is_likely[likely] = True
    others = np.flatnonzero(~is_likely)
    beats = [_running_quantile(score[likely], SCORE_BEATS, q)[_next(at, likely)] for q in (0.5, 0.1)]
    if others.size:
        rest = [_running_quantile(score[others], SCORE_BEATS, q)[_next(at, others)] for q in (0.75, 0.95)]
    else:
        rest = [np.full(at.size, -MAX_SCORE, np.float32)] * 2
    return [is_likely.astype(np.float32), *beats, *rest, score - beats[1], score - rest[1]]


def _next(at: IntArray, members: IntArray) -> NDArray[np.intp]:
    """Return the position in `members` (indices into `at`) of the first at or after each candidate, else the last."""
    return np.minimum(np.searchsorted(members, np.arange(at.size)), members.size - 1)


def _running_quantile(values: FloatArray, size: int, quantile: float) -> FloatArray:
    """Return the quantile of the `size` values around each of (n,), mirrored at the ends."""
    position = round(quantile * (size - 1))
    windows = sliding_window_view(np.pad(values, size // 2, mode="symmetric"), size)
    return np.partition(windows, position, axis=1)[:, position]
