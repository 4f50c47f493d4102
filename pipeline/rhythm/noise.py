"""Noise: stretches in which no ECG can be read."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.config import DEFAULT, Config
from pipeline.rhythm.context import RhythmContext
from pipeline.signal.quality import NO_ECG, is_lost
from pipeline.types import Episode

LOST: Final = 1.0  # confidence: nothing was recorded there, which is no guess


def find_noise(context: RhythmContext, config: Config = DEFAULT) -> list[Episode]:
    """Find where no ECG can be read: noise without an ECG, and stretches in which no lead holds a signal.

    Parameters
    ----------
    context : RhythmContext
        Its `quality` is used.
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
    return found


def _none_recorded(context: RhythmContext, start_s: float, stop_s: float) -> bool:
    """Tell whether no analysed lead holds a signal in most of a stretch."""
    if context.conditioned is None:
        return True
    fs, signal = context.conditioned.fs, context.conditioned.signal
    piece = signal[round(start_s * fs) : max(round(stop_s * fs), round(start_s * fs) + 1)]
    return bool(np.mean(np.any(piece != 0, axis=1)) < 0.5) if piece.size else True
