"""Noise: stretches in which no ECG can be read, and motion that looks like fibrillation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np

from pipeline.config import DEFAULT, Config
from pipeline.rhythm.context import RhythmContext
from pipeline.signal.beat_windows import heights_around
from pipeline.signal.gaps import runs
from pipeline.signal.quality import NO_ECG, is_lost
from pipeline.types import Episode, FloatArray

LOST: Final = 1.0  # confidence: nothing was recorded there, which is no guess
MOTION: Final = "motion"
# The waves of fibrillation and flutter in vfdb are at most 2.9 times as high as the QRS complexes of the same lead, and
# those of ventricular tachycardia at most 4.05 times.
MOTION_HEIGHTS: Final = 4.1
BESIDE_HEIGHTS: Final = 2.5  # motion goes on while the waves are this high
MOTION_CONFIDENCE: Final = 0.9
TALL: Final = 0.75  # this quantile of the heights of readable QRS complexes
QRS_S: Final = 0.08
BEATS_MIN: Final = 10
STEP_S: Final = 2.0
# Between noise, in vfdb nothing this short is found; nstdb 118e_6 has 3 s of 0.45, motion of the electrodes.
DOUBTFUL_S, DOUBTED = 5.0, 0.5
SPREAD: Final = (0.02, 0.98)


def find_noise(context: RhythmContext, config: Config = DEFAULT) -> list[Episode]:
    """Find where no ECG can be read: noise without an ECG, motion, and stretches in which no lead holds a signal.

    Parameters
    ----------
    context : RhythmContext
        Its `quality` is used, and the signal to tell motion.
    config : Config, optional
        The threshold of the detector is the confidence of what it finds.

    Returns
    -------
    list of Episode
        In order, without overlaps.
    """
    if context.quality is None:
        return []
    found = []
    for segment in context.quality.segments:
        if segment.reason == NO_ECG:
            confidence, evidence = config.signal.no_ecg_from, "no beats, and no rhythm of the heart in the waves"
        elif is_lost(segment) and _none_recorded(context, segment.start_s, segment.stop_s):
            confidence, evidence = LOST, segment.reason
        else:
            continue
        found.append(Episode(segment.start_s, segment.stop_s, "NOISE", "", confidence, evidence))
    return sorted([*found, *_motion(context)], key=lambda episode: episode.start_s)


def without_motion(proposed: Iterable[Episode], noise: Iterable[Episode]) -> list[Episode]:
    """Leave out proposals of which motion covers more than half: waves that high are no fibrillation.

    Parameters
    ----------
    proposed : iterable of Episode
        Fibrillation, flutter and tachycardia that were found in the signal.
    noise : iterable of Episode
        What `find_noise` returned.
    """
    motion = [episode for episode in noise if episode.detail == MOTION]
    return [episode for episode in proposed if _covered(episode, motion) <= 0.5 * episode.seconds]


def without_doubtful_waves(rhythm: Iterable[Episode]) -> tuple[Episode, ...]:
    """Return a rhythm in which a few doubtful waves of fibrillation between two stretches of noise are noise.

    Parameters
    ----------
    rhythm : iterable of Episode
        In order, without gaps.
    """
    found: list[Episode] = []
    for episode in rhythm:
        if len(found) > 1 and episode.rhythm == found[-2].rhythm == "NOISE" and _is_doubtful(found[-1]):
            del found[-1]
            found[-1] = replace(found[-1], stop_s=episode.stop_s)
        else:
            found.append(episode)
    return tuple(found)


def _is_doubtful(episode: Episode) -> bool:
    return episode.rhythm == "VFL" and episode.seconds <= DOUBTFUL_S and episode.confidence < DOUBTED


def _covered(episode: Episode, others: Iterable[Episode]) -> float:
    common = (min(episode.stop_s, one.stop_s) - max(episode.start_s, one.start_s) for one in others)
    return sum(max(0.0, seconds) for seconds in common)


def _motion(context: RhythmContext) -> list[Episode]:
    """Find where every lead swings several times as high as its QRS complexes for two seconds and more."""
    tall = _tall_beats(context)
    if tall is None or context.conditioned is None:
        return []
    signal, size = context.conditioned.signal, round(STEP_S * context.conditioned.fs)
    whole = signal[: len(signal) // size * size].reshape(-1, size, signal.shape[1])
    range_of = np.stack([np.ptp(lead, axis=1) for lead in np.moveaxis(whole, 2, 0)], axis=1) / tall
    high = np.all(range_of > MOTION_HEIGHTS, axis=1)  # a spike is as well
    beside = np.all(range_of > BESIDE_HEIGHTS, axis=1)
    for i in np.flatnonzero(high).tolist():
        high[i] = bool(np.all(_swing(whole[i]) > MOTION_HEIGHTS * tall))
    evidence = f"waves more than {MOTION_HEIGHTS:g} times as high as a QRS, between readable beats"
    spans = ((a * STEP_S, b * STEP_S) for a, b in runs(beside) if high[a:b].any())
    return [Episode(a, b, "NOISE", MOTION, MOTION_CONFIDENCE, evidence) for a, b in spans]


def _tall_beats(context: RhythmContext) -> FloatArray | None:
    """Return the height of tall QRS complexes of each lead (n_leads,), mV; None if too few beats can be read."""
    if context.conditioned is None or context.quality is None:
        return None
    good = np.array([segment.verdict == "good" for segment in context.quality.segments])
    readable = context.time_s[good[context.quality.index_at(context.time_s)]]
    if readable.size < BEATS_MIN:
        return None
    fs, reach = context.conditioned.fs, round(QRS_S * context.conditioned.fs)
    at = np.round(readable * fs).astype(np.int64)
    heights = [np.quantile(heights_around(lead, at, reach), TALL) for lead in context.conditioned.signal.T]
    return np.maximum(np.array(heights, np.float32), np.float32(1e-3))


def _swing(piece: FloatArray) -> FloatArray:
    low, high = np.quantile(piece, SPREAD, axis=0)
    return np.asarray(high - low, np.float32)


def _none_recorded(context: RhythmContext, start_s: float, stop_s: float) -> bool:
    """Tell whether no analysed lead holds a signal in most of a stretch."""
    if context.conditioned is None:
        return True
    fs, signal = context.conditioned.fs, context.conditioned.signal
    piece = signal[round(start_s * fs) : max(round(stop_s * fs), round(start_s * fs) + 1)]
    return bool(np.mean(np.any(piece != 0, axis=1)) < 0.5) if piece.size else True
