"""Supraventricular tachycardia by how it begins and ends: from one beat to the next. The sinus node takes minutes."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.rhythm.context import RhythmContext
from pipeline.types import Episode

# Page RL et al. 2015 ACC/AHA/HRS guideline, doi:10.1161/CIR.0000000000000311: abrupt onset tells paroxysmal
# supraventricular from sinus tachycardia. Chosen on nsr2db, whose tachycardia is all sinus, and ltafdb.
BEATS: Final = 8  # before and after the onset that are compared, and least length
ONSET_BEATS: Final = 2  # within which the rate changes
JUMP: Final = 0.72  # of the interval before, at most
FAST_BPM: Final = 125.0
STEADY: Final = 0.05  # four of five intervals differ by less from their median, as a share
KNOWN_SHARE: Final = 0.75  # of the intervals that are compared
LEAST_S: Final = 5.0
LONGER: Final = 1.15  # than the tachycardia's: two of three such intervals end it
CONFIDENCE: Final = 0.75

Numbers = NDArray[np.float64]


def find_paroxysms(context: RhythmContext) -> list[Episode]:
    """Find regular tachycardia that begins or ends abruptly, whatever the classes of its beats.

    Runs of S beats are found by their classes; a network calls the beats of a long run N, as none comes early in it.

    Parameters
    ----------
    context : RhythmContext
        The beats. Intervals at V and F beats, and those of beats that cannot be relied on, are left out.

    Returns
    -------
    list of Episode
        SVTA, in order: from the first early beat to the beat that ends it.
    """
    ectopic = np.isin(context.symbol, ("V", "F"))
    aside = ectopic | np.concatenate([[False], ectopic[:-1]]) | ~context.trusted
    rr_s = np.where(aside, np.nan, context.rr_s)
    n = rr_s.size
    begins, ends = _spans(rr_s), [(n - last, n - first) for first, last in _spans(rr_s[::-1])]
    spans = [(*span, "begins") for span in begins] + [(*span, "ends") for span in ends]
    found: list[Episode] = []
    for first, last, how in sorted(spans):
        bpm = 60 / float(np.nanmedian(rr_s[first:last]))
        evidence = f"regular at {bpm:.0f}/min, {how} within {ONSET_BEATS} beats"
        start_s, stop_s = float(context.time_s[max(0, first - 1)]), float(context.time_s[last - 1])
        if found and start_s < found[-1].stop_s:
            before = found.pop()
            start_s, stop_s, evidence = before.start_s, max(before.stop_s, stop_s), before.evidence
        found.append(Episode(start_s, stop_s, "SVTA", "", CONFIDENCE, evidence))
    return [episode for episode in found if episode.seconds >= LEAST_S]


def _spans(rr_s: Numbers) -> list[tuple[int, int]]:
    """Return first and last interval, this excluded, of each tachycardia that begins abruptly."""
    found: list[tuple[int, int]] = []
    for first in _onsets(rr_s).tolist():
        if found and first < found[-1][1]:
            continue
        last = _end(rr_s, first)
        if last - first >= BEATS:
            found.append((first, last))
    return found


def _onsets(rr_s: Numbers) -> NDArray[np.intp]:
    """Return the intervals from which on the rhythm is fast and steady, and was slower just before."""
    if rr_s.size < 2 * BEATS + ONSET_BEATS:
        return np.zeros(0, np.intp)
    usual, apart = _usual(rr_s)
    first = np.arange(BEATS + ONSET_BEATS, rr_s.size - BEATS + 1)
    after, before = usual[first], usual[first - BEATS - ONSET_BEATS]
    with np.errstate(invalid="ignore"):
        is_onset = (after <= JUMP * before) & (FAST_BPM * after <= 60) & (apart[first] <= STEADY)
        own = rr_s[first] <= LONGER * after
    return first[is_onset & own]


def _usual(rr_s: Numbers) -> tuple[Numbers, Numbers]:
    """Return for the `BEATS` intervals from each on their median, s, and how far four of five are from it, as a share.

    NaN where too few are known.
    """
    windows = sliding_window_view(rr_s, BEATS)
    known = np.count_nonzero(~np.isnan(windows), axis=1)
    rows, middle = np.arange(len(windows)), np.maximum(known - 1, 0) // 2
    median = np.sort(windows, axis=1)[rows, middle]  # NaN sorts to the end
    apart = np.sort(np.abs(windows / median[:, None] - 1), axis=1)[rows, np.maximum(4 * known // 5 - 1, 0)]
    enough = known >= KNOWN_SHARE * BEATS
    return np.where(enough, median, np.nan), np.where(enough, apart, np.nan)


def _end(rr_s: Numbers, first: int) -> int:
    """Return the interval at which the tachycardia is over, or their number; its own rate may drift."""
    usual = float(np.nanmedian(rr_s[first : first + BEATS]))
    for at in range(first + 1, rr_s.size):
        near = rr_s[at : at + 3]
        near = near[~np.isnan(near)]
        if rr_s[at] > LONGER * usual and np.count_nonzero(near > LONGER * usual) >= min(2, near.size):
            return at
        if not np.isnan(rr_s[at]):
            usual = 0.95 * usual + 0.05 * min(float(rr_s[at]), LONGER * usual)
        if FAST_BPM * usual > 60:
            return at
    return int(rr_s.size)
