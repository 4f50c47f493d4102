"""Runs, bigeminy and trigeminy in a sequence of classified beats."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import REVIEW, ReviewConfig
from pipeline.rhythm.context import RhythmContext
from pipeline.types import Episode, RhythmCode

_RUN: Final = MappingProxyType({"V": re.compile(rb"[Vv]V+"), "S": re.compile(rb"[Ss]S+")})
_CYCLES: Final[tuple[tuple[RhythmCode, str, str], ...]] = (("B", "NV", "every second"), ("T", "NNV", "every third"))
_NOT_TRUSTED: Final = ord("U")
_TOUCHING_S: Final = 1e-6  # what rounding adds to the time between two samples


def as_text(letters: NDArray[np.uint8], break_before: NDArray[np.bool_]) -> bytes:
    """Return one letter per beat, in lower case where the interval before it is not an RR interval.

    Searching bytes is fast, and a pattern of capitals then crosses no break.

    Parameters
    ----------
    letters : (n,) uint8
        ASCII codes of capitals.
    break_before : (n,) bool
        Where the interval before the beat is no RR interval.
    """
    return np.where(break_before, letters | 0x20, letters).astype(np.uint8).tobytes()


def runs_of(text: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield class, first and last position of each run of two or more V or S beats in `as_text`."""
    for letter, pattern in _RUN.items():
        for match in pattern.finditer(text):
            yield letter, match.start(), match.end() - 1


def beats_apart(time_s: NDArray[np.float64], apart_s: float) -> int:
    """Count the V beats of a run that are far enough apart: sooner after one comes only a wave that belongs to it.

    Parameters
    ----------
    time_s : (n,) float64
        Their R peaks, seconds, increasing.
    apart_s : float
        As `ReviewConfig.v_apart_s`, seconds.
    """
    count, last_s = 0, -np.inf
    for at_s in time_s.tolist():
        if at_s - last_s >= apart_s - _TOUCHING_S:
            count, last_s = count + 1, at_s
    return count


def cycles_of(text: bytes, cycle: str, count: int) -> Iterator[tuple[int, int]]:
    """Yield first and last position where `cycle`, such as "NNV", repeats.

    Parameters
    ----------
    text : bytes
        Beats as `as_text` writes them.
    cycle : str
        Classes of the beats of one cycle, the ectopic one last; it comes singly.
    count : int
        Least number of cycles.
    """
    pattern = rf"[Nn]{cycle[1:]}(?:{cycle}){{{count - 1},}}(?!{cycle[-1]})"
    for match in re.finditer(pattern.encode(), text):
        yield match.start(), match.end() - 1


def find_runs(context: RhythmContext, config: ReviewConfig = REVIEW) -> list[Episode]:
    """Find runs of three or more V or S beats, and stretches of bigeminy and trigeminy.

    Untrusted beats and breaks of the signal end them.

    Parameters
    ----------
    context : RhythmContext
        The beats.
    config : ReviewConfig, optional
        Least number of beats and cycles, how far V beats are apart at least, and the rate (1/min) from which a run is a
        tachycardia.

    Returns
    -------
    list of Episode
        VT, IVR, SVTA, B and T. A run lasts from its first beat to the beat that follows it.

    References
    ----------
    Al-Khatib SM et al. 2017 AHA/ACC/HRS guideline, doi:10.1161/CIR.0000000000000549 (runs).
    """
    letters = np.where(context.trusted, context.symbol.astype("<U1").view(np.uint32), _NOT_TRUSTED).astype(np.uint8)
    text = as_text(letters, context.break_before)
    found = [
        episode
        for letter, first, last in runs_of(text)
        if last - first + 1 >= config.run_beats and (episode := _run(context, letter, first, last, config))
    ]
    for code, cycle, every in _CYCLES:
        for first, last in cycles_of(text, cycle, config.cycles):
            evidence = f"{every} beat is ventricular, {(last - first + 1) // len(cycle)} cycles"
            found.append(episode_of(context, code, first, last, evidence=evidence))
    return found


def _run(context: RhythmContext, letter: str, first: int, last: int, config: ReviewConfig) -> Episode | None:
    time_s = context.time_s[first : last + 1]
    seconds = float(time_s[-1] - time_s[0])
    bpm = 60 * (last - first) / seconds
    fast = bpm >= config.run_bpm
    if (letter == "S" and not fast) or (letter == "V" and beats_apart(time_s, config.v_apart_s) < config.run_beats):
        return None
    code: RhythmCode = ("VT" if fast else "IVR") if letter == "V" else "SVTA"
    name = "ventricular" if letter == "V" else "supraventricular"
    evidence = f"{last - first + 1} {name} beats in a row at {bpm:.0f}/min"
    detail = "sustained" if code == "VT" and seconds >= config.sustained_s else ""
    return episode_of(context, code, first, last, detail=detail, evidence=evidence)


def episode_of(
    context: RhythmContext, code: RhythmCode, first: int, last: int, *, detail: str = "", evidence: str = ""
) -> Episode:
    """Return the episode from one beat up to the beat that follows another.

    Parameters
    ----------
    context : RhythmContext
        The beats.
    code : RhythmCode
        Its rhythm.
    first, last : int
        Positions of its first and last beat.
    detail, evidence : str, optional
        As in `Episode`.

    Returns
    -------
    Episode
        Its confidence is the mean confidence of its beats.
    """
    after = last + 1
    whole = after < len(context) and not context.break_before[after]
    usual = float(np.median(np.diff(context.time_s[first:after]))) if last > first else 1.0
    stop_s = context.time_s[after] if whole else min(context.time_s[last] + usual, context.duration_s)
    confidence = float(context.confidence[first:after].mean())
    return Episode(float(context.time_s[first]), float(stop_s), code, detail, confidence, evidence)
