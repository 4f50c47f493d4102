"""Which detected beat belongs to which reference beat, by the rules of ANSI/AAMI EC57."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.types import IntArray, read_only

NONE = -1
_NEVER = np.iinfo(np.int64).max // 4


@dataclass(frozen=True, eq=False)
class Matching:
    """Pairs of beats in the order in which they were decided.

    `reference` (n_pairs,) and `detected` (n_pairs,) int64 are indices into the two lists of beats; -1 in `reference`
    marks an extra detection, -1 in `detected` a missed beat. Every beat occurs exactly once.
    """

    reference: IntArray
    detected: IntArray

    @property
    def matched(self) -> int:
        """Number of matched pairs."""
        return int(np.sum((self.reference != NONE) & (self.detected != NONE)))


def match_beats(reference: IntArray, detected: IntArray, *, fs: float, window_ms: float) -> Matching:
    """Pair reference and detected beats one to one, as WFDB's bxb does.

    Both lists are walked in time. The earlier of the two current beats is paired with the other if that lies within the
    window (inclusive) and is nearer to it than the other list's next beat; otherwise it stays alone.

    Parameters
    ----------
    reference, detected : (n,) and (m,) int64
        Non-decreasing sample indices at `fs`.
    fs : float
        Sampling frequency, Hz.
    window_ms : float
        Match window, milliseconds, rounded to the nearest sample; EC57 says 150.

    Raises
    ------
    ValueError
        If a list is not in time order.

    References
    ----------
    ANSI/AAMI EC57:2012, 4.3; bxb.c of the WFDB software package, the standard's reference implementation. Deviations:
    `Recording` has no fibrillation or shutdown episodes, so nothing is left out between VFON and VFOFF (only 207,
    in DS1, has any) and there is no pseudo-beat X: a beat lost in an unreadable stretch counts as missed (O), which is
    stricter. The learning period is cut off after matching instead of before, see `metrics`.
    """
    _check_order("reference", reference)
    _check_order("detected", detected)
    window = round(window_ms * fs / 1000)
    pairs = _walk([*reference.tolist(), _NEVER, _NEVER], [*detected.tolist(), _NEVER, _NEVER], window)
    array = np.array(pairs, np.int64).reshape(-1, 2)
    return Matching(read_only(array[:, 0].copy()), read_only(array[:, 1].copy()))


def _walk(reference: list[int], detected: list[int], window: int) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    i = j = 0
    while i < len(reference) - 2 or j < len(detected) - 2:
        now, found = reference[i], detected[j]
        distance = abs(now - found)
        rival = abs(now - detected[j + 1]) if found < now else abs(found - reference[i + 1])
        if distance <= window and distance < rival:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif found < now:
            pairs.append((NONE, j))
            j += 1
        else:
            pairs.append((i, NONE))
            i += 1
    return pairs


def _check_order(name: str, sample: IntArray) -> None:
    if sample.size > 1 and int(np.diff(sample).min()) < 0:
        raise ValueError(f"The {name} beats must be in time order; sort them first.")
