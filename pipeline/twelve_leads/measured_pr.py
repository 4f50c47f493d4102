"""The P-R interval that the wave marks give, taken back into the rhythm: first-degree block and Wenckebach's periods.

The finders of rhythms see P waves by their shape before R and do not know where they begin. The marks do, so what they
measure decides: first-degree block is a P-R that lasts and is longer than 200 ms by more than the measure is uncertain.
Between, what was found stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.config import REVIEW
from pipeline.rhythm.states import partition
from pipeline.twelve_leads.conduction import PR_LONG_MS
from pipeline.twelve_leads.measuring import Marked
from pipeline.types import Analysis, Episode, Recording, RhythmCode
from pipeline.waves.delineate import delineate
from pipeline.waves.intervals import SEEN_MIN, BeatIntervals, beat_intervals
from pipeline.waves.long import STRETCH_S

# Standard deviation of one measured P-R interval, ms: of P and QRS onsets together, docs/experiments/waves.md.
PR_SD_MS: Final = 16.0
STEADY: Final = 5  # half minutes whose median is one value: a P-R near the limit does not come and go
PERIODS: Final = 60  # beats of an episode of Wenckebach periods that are marked
PAUSE: Final = 1.2  # of the median interval, from which an interval holds a P wave that was not conducted
PERIODS_MIN: Final = 3  # periods that a mean growth rests on
SINUS_CONFIDENCE: Final = 0.9  # of sinus rhythm whose P waves were marked, and whose block was not confirmed
UNDER: Final[tuple[RhythmCode, ...]] = ("N", "SBR", "ST", "BI")  # rhythms that a constant long P-R changes


def with_measured_pr(recording: Recording, analysis: Analysis, marked: Marked) -> Analysis:
    """Return an analysis whose first-degree block is what was measured, and whose Wenckebach periods say how P-R grew.

    Where no P-R could be measured the rhythm stays as it was found.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        Its beats and rhythm.
    marked : Marked
        Its waves.
    """
    beats = beat_intervals(marked.waves, marked.usual, marked.rr_s)
    rhythm = _first_degree(analysis.rhythm, beats, recording.duration_s)
    return replace(analysis, rhythm=tuple(_grown(recording, analysis, episode) for episode in rhythm))


def _first_degree(rhythm: Sequence[Episode], beats: BeatIntervals, duration_s: float) -> tuple[Episode, ...]:
    measured = _half_minutes(beats)
    changed = [piece for episode in rhythm for piece in _decided(episode, measured)]
    return tuple(rhythm) if changed == list(rhythm) else partition(changed, duration_s)


def _decided(episode: Episode, measured: Mapping[int, tuple[float, float]]) -> list[Episode]:
    """Return an episode, or its pieces where a measured P-R makes another rhythm of sinus rhythm or of a block."""
    if episode.rhythm not in UNDER:
        return [episode]
    first, last = int(episode.start_s // STRETCH_S), int(np.ceil(episode.stop_s / STRETCH_S))
    pieces = []
    for number in range(first, last):
        start_s, stop_s = max(episode.start_s, number * STRETCH_S), min(episode.stop_s, (number + 1) * STRETCH_S)
        pr_ms, rr_ms = measured.get(number, (np.nan, np.nan))
        piece = replace(episode, start_s=start_s, stop_s=stop_s)
        if pr_ms > PR_LONG_MS + PR_SD_MS:
            piece = _block(start_s, stop_s, pr_ms)
        elif episode.rhythm == "BI" and pr_ms <= PR_LONG_MS:
            piece = _sinus(start_s, stop_s, rr_ms)
        pieces.append(piece)
    kept = all((piece.rhythm, piece.evidence) == (episode.rhythm, episode.evidence) for piece in pieces)
    return [episode] if kept else pieces


def _half_minutes(beats: BeatIntervals) -> dict[int, tuple[float, float]]:
    """Return P-R and RR interval, ms, of each half minute in which most usual beats have a P-R, and it is steady."""
    number = (beats.beat_s // STRETCH_S).astype(np.int64)
    found: dict[int, tuple[float, float]] = {}
    for own in np.unique(number).tolist():
        inside = (number == own) & beats.usual
        pr_ms, rr_ms = (beats.ms[name][inside] for name in ("PR", "RR"))
        if np.count_nonzero(np.isfinite(pr_ms)) > SEEN_MIN * np.count_nonzero(inside):
            found[own] = float(np.nanmedian(pr_ms)), _median(rr_ms)
    reach = range(-(STEADY // 2), STEADY // 2 + 1)
    around = [[found[own + by][0] for by in reach if own + by in found] for own in found]
    steady = zip(found.items(), ((float(np.median(near)), near) for near in around), strict=True)
    return {
        own: (pr_ms, rr_ms)
        for (own, (_, rr_ms)), (pr_ms, near) in steady
        if np.median(np.abs(np.array(near) - pr_ms)) <= PR_SD_MS
    }


def _median(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else np.nan


def _block(start_s: float, stop_s: float, pr_ms: float) -> Episode:
    confidence = round(float(ndtr((pr_ms - PR_LONG_MS) / PR_SD_MS)), 3)
    return Episode(start_s, stop_s, "BI", "", confidence, f"P-R of {pr_ms:.0f} ms, measured from the onset of P")


def _sinus(start_s: float, stop_s: float, rr_ms: float) -> Episode:
    rate = 60_000 / rr_ms
    code: RhythmCode = "SBR" if rate < REVIEW.bradycardia_bpm else "ST" if rate > REVIEW.tachycardia_bpm else "N"
    return Episode(start_s, stop_s, code, "", SINUS_CONFIDENCE, "a P wave before each beat, and P-R is not long")


def _grown(recording: Recording, analysis: Analysis, episode: Episode) -> Episode:
    """Return an episode of Wenckebach periods with the growth of P-R in its evidence, if enough of it was measured."""
    if episode.detail != "Wenckebach":
        return episode
    time_s = analysis.time_s
    inside = time_s[(time_s >= episode.start_s) & (time_s <= episode.stop_s)][:PERIODS]
    growth = _growth(recording, inside)
    if growth.size < PERIODS_MIN:
        return episode
    more = f"; P-R grew by {np.median(growth):.0f} ms before the pause (median of {growth.size} periods measured)"
    return replace(episode, evidence=episode.evidence + more)


def _growth(recording: Recording, beat_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how many ms P-R before each pause is longer than after it."""
    if beat_s.size < 2 * PERIODS_MIN:
        return np.zeros(0)
    waves = delineate(recording.p_signal, recording.fs, recording.leads, beat_s)
    pr_ms = beat_intervals(waves, np.ones(beat_s.size, np.bool_), np.diff(beat_s, prepend=np.nan)).ms["PR"]
    rr_s = np.diff(beat_s)
    pause = np.flatnonzero(rr_s > PAUSE * np.median(rr_s))
    growth = pr_ms[pause] - pr_ms[pause + 1]
    return growth[np.isfinite(growth)]
