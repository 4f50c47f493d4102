"""Interpolated ventricular beats: the beat after one is early only by the V before it, and no S."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.labels import AAMI_CLASSES
from pipeline.types import FloatArray

USUAL_BEATS: Final = 20  # before the V, whose median normal interval is the usual one
USUAL_MIN: Final = 3
# N - V - next beat lasts as long as one usual interval. Within these limits none of 16 such beats of mitdb's DS1, and
# none of 289 of svdb, is annotated S: `python -m benchmarks.interpolated`.
WITHIN: Final = (0.85, 1.15)
_N, _S = AAMI_CLASSES.index("N"), AAMI_CLASSES.index("S")


def after_interpolated(
    time_s: NDArray[np.float64], symbol: NDArray[np.str_], break_before: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell which beats (n,) follow an interpolated V: a V between two beats that are one usual interval apart.

    Parameters
    ----------
    time_s : (n,) float64
        R peaks, seconds, increasing.
    symbol : (n,) str
        AAMI class of each.
    break_before : (n,) bool
        Where the interval before the beat is no RR interval.
    """
    found = np.zeros(time_s.size, np.bool_)
    if time_s.size < USUAL_MIN + 2:
        return found
    rr_s = np.where(break_before, np.nan, np.diff(time_s, prepend=np.nan))
    normal = symbol == "N"
    usual = np.where(normal & np.append(False, normal[:-1]), rr_s, np.nan)
    beat = np.flatnonzero((symbol[1:-1] == "V") & normal[:-2]) + 2
    before = np.append(np.full(USUAL_BEATS, np.nan), usual)[beat[:, None] - 1 + np.arange(USUAL_BEATS)]
    known, across = np.isfinite(before).sum(axis=1), rr_s[beat - 1] + rr_s[beat]
    some = (known >= USUAL_MIN) & np.isfinite(across)
    share = across[some] / np.nanmedian(before[some], axis=1) if some.any() else across[some]
    found[beat[some]] = (share >= WITHIN[0]) & (share <= WITHIN[1])
    return found


def without_false_s(p: FloatArray, time_s: NDArray[np.float64], break_before: NDArray[np.bool_]) -> FloatArray:
    """Return the probabilities with that of S added to N for the beat after an interpolated V.

    Parameters
    ----------
    p : (n, 5) float32
        Probabilities in the order of `AAMI_CLASSES`; all 0 where a beat has none.
    time_s : (n,) float64
        R peaks, seconds.
    break_before : (n,) bool
        Where the interval before the beat is no RR interval.

    Returns
    -------
    (n, 5) float32
        A new array.
    """
    symbol = np.array(AAMI_CLASSES)[p.argmax(axis=1)] if len(p) else np.zeros(0, "<U1")
    symbol[p.sum(axis=1) == 0] = "Q"
    at = after_interpolated(time_s, symbol, break_before)
    changed = p.copy()
    changed[at, _N] += changed[at, _S]
    changed[at, _S] = 0
    return changed
