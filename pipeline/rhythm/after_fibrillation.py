"""What follows fibrillation: without a QRS it goes on while there are waves, and is asystole when there are none.

The first beats after it, slow and without order, are no block.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from pipeline.config import REVIEW
from pipeline.rhythm.context import RhythmContext
from pipeline.signal.gaps import runs
from pipeline.types import Episode

LEAST_S: Final = 3.0  # without a QRS
AFTER_S: Final = 30.0  # of fibrillation, at most
# Median range of a lead within 0.2 s: in vfdb 0.19 mV and more where fibrillation grows fine, 0.10 mV and less in
# asystole. Kerber RE et al. 1997, doi:10.1161/01.CIR.95.6.1677, call waves above 0.1 to 0.2 mV fine fibrillation.
WAVES_MV: Final = 0.15
BEATS: Final = 2  # in a row that can be relied on end it: one may be a wave
CONFIDENCE: Final = 0.6
RECOVERY_S: Final = 60.0  # after fibrillation; in vfdb 423 and 430 slow beats without P waves come first for so long
RECOVERED: Final = 0.5  # share of a block that lies after that, at least
LASTING_S: Final = 10.0  # fibrillation that goes on for less leaves the heart as it was


def find_still_fibrillating(context: RhythmContext, known: Iterable[Episode]) -> list[Episode]:
    """Find stretches without a QRS, soon after fibrillation, in which waves go on.

    Parameters
    ----------
    context : RhythmContext
        Beats and signal; without a signal nothing is found.
    known : iterable of Episode
        What was found in the signal: fibrillation ends at the first two beats in a row after it whose classes can be
        relied on.

    Returns
    -------
    list of Episode
        VFL with the detail VF, in order.
    """
    taken = sorted((e for e in known if e.rhythm in ("VFL", "NOISE")), key=lambda episode: episode.start_s)
    stops = [episode.stop_s for episode in taken if episode.rhythm == "VFL"]
    if context.conditioned is None or not stops:
        return []
    found: list[Episode] = []
    waves = [(episode.start_s, episode.stop_s) for episode in taken if episode.rhythm == "VFL"]
    noise = [(episode.start_s, episode.stop_s) for episode in taken if episode.rhythm == "NOISE"]
    for start, stop in _between([*((at, at) for at in context.time_s.tolist()), *waves], context.duration_s):
        if stop - start < LEAST_S or any(a < stop and start < b for a, b in noise):
            continue
        before = [end for end in (*stops, *(episode.stop_s for episode in found)) if end <= start]
        if before and start - max(before) <= AFTER_S and not _trusted(context, max(before), start):
            waves_mv = _waves_mv(context, start, stop)
            if waves_mv >= WAVES_MV:
                evidence = f"waves of {waves_mv:.1f} mV go on after fibrillation, no QRS for {stop - start:.0f} s"
                found.append(Episode(start, stop, "VFL", "VF", CONFIDENCE, evidence))
    return found


def outside_recovery(blocks: Iterable[Episode], known: Iterable[Episode]) -> list[Episode]:
    """Leave out second-degree and complete block of which most lies in fibrillation or soon after it.

    The first beats after fibrillation are slow and without order, often on a line that still moves: their P waves are
    not seen well enough to call it block. What goes on for longer is, and so is what follows a few seconds of it.

    Parameters
    ----------
    blocks : iterable of Episode
        What `find_blocks` returned.
    known : iterable of Episode
        What was found in the signal: fibrillation.
    """
    lasting = [one for one in known if one.rhythm == "VFL" and one.seconds >= LASTING_S]
    spans = [(one.start_s, one.stop_s + RECOVERY_S) for one in lasting]
    return [
        one for one in blocks if one.rhythm not in ("BII", "BIII") or _free_s(one, spans) >= RECOVERED * one.seconds
    ]


def _free_s(episode: Episode, spans: Iterable[tuple[float, float]]) -> float:
    """Return the seconds of an episode that lie in none of the spans."""
    free, end = 0.0, episode.start_s
    for start, stop in sorted(spans):
        free += max(0.0, min(start, episode.stop_s) - end)
        end = max(end, min(stop, episode.stop_s))
    return free + max(0.0, episode.stop_s - end)


def _between(known: Iterable[tuple[float, float]], duration_s: float) -> list[tuple[float, float]]:
    """Return what lies between beats and fibrillation that are known, seconds."""
    gaps, end = [], 0.0
    for start, stop in sorted(known):
        if start > end:
            gaps.append((end, start))
        end = max(end, stop)
    return [*gaps, (end, duration_s)]


def _trusted(context: RhythmContext, start_s: float, stop_s: float) -> bool:
    """Tell whether `BEATS` in a row between two times have classes that can be relied on."""
    inside = context.trusted[(context.time_s >= start_s) & (context.time_s <= stop_s)]
    return any(last - first >= BEATS for first, last in runs(inside))


def _waves_mv(context: RhythmContext, start_s: float, stop_s: float) -> float:
    """Return the median range within a step in the lead with the highest waves, mV."""
    conditioned = context.conditioned
    if conditioned is None:
        return 0.0
    size = round(REVIEW.silence_step_s * conditioned.fs)
    first = round((start_s + REVIEW.silence_after_s) * conditioned.fs)
    piece = conditioned.signal[first : round((stop_s - REVIEW.silence_before_s) * conditioned.fs)]
    steps = piece[: len(piece) // size * size].reshape(-1, size, piece.shape[1])
    return float(np.median(np.ptp(steps, axis=1), axis=0).max()) if len(steps) else 0.0
