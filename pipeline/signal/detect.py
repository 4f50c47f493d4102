"""R peaks: candidates from the energy of all leads, chosen by two small networks, snapped to the local extremum."""

from __future__ import annotations

import numpy as np

from pipeline.config import SignalConfig
from pipeline.domain import FloatArray, IntArray
from pipeline.signal.candidates import find_candidates
from pipeline.signal.choice import chosen, in_rhythm, load_networks
from pipeline.signal.conditioning import Conditioned


def detect_r_peaks(conditioned: Conditioned, config: SignalConfig) -> IntArray:
    """R peaks (n,) as increasing indices into `conditioned.signal`, snapped to the first lead.

    All leads together decide whether there is a beat, the first where its R peak is. Neither sign, scale nor order
    of the leads matters to the decision; a lead that is noisy or lost for a while counts less.
    """
    pieces = find_candidates(conditioned)
    if not pieces:
        return np.zeros(0, np.int64)
    surroundings, rhythm = load_networks()
    at = np.concatenate([piece.at for piece in pieces])
    score = np.concatenate([surroundings(piece.features) for piece in pieces])
    strength = np.concatenate([piece.strength for piece in pieces])
    context = in_rhythm(at, score, strength, conditioned.fs)
    if context is not None:
        score = rhythm(context)
    beats = at[chosen(at, score, config.beat_score, config.beats_apart_ms / 1000 * conditioned.fs)]
    return _placed(beats, conditioned, config)


def _placed(beats: IntArray, conditioned: Conditioned, config: SignalConfig) -> IntArray:
    """Snapped where the first lead shows anything; a lost lead says nothing about where R is."""
    lead = conditioned.signal[:, 0]
    snapped = snap(beats, lead, conditioned.fs, config)
    return np.unique(np.where(lead[snapped] == 0, beats, snapped))


def snap(peaks: IntArray, lead: FloatArray, fs: float, config: SignalConfig) -> IntArray:
    """Move each index (n,) to the largest absolute value of `lead` within `config.snap_ms`."""
    reach = round(config.snap_ms / 1000 * fs)
    window = np.clip(peaks[:, None] + np.arange(-reach, reach + 1), 0, lead.size - 1)
    offset = np.abs(lead[window]).argmax(axis=1)
    return np.asarray(np.take_along_axis(window, offset[:, None], axis=1)[:, 0], np.int64)


def looks_inverted(lead: FloatArray, peaks: IntArray, fs: float) -> bool:
    """Whether the usual QRS of the lead points down: its median trough is over 1.5 times its median crest."""
    reach = round(0.06 * fs)
    inside = peaks[(peaks >= reach) & (peaks < lead.size - reach)]
    if inside.size == 0:
        return False
    windows = lead[inside[:, None] + np.arange(-reach, reach + 1)]
    return bool(np.median(-windows.min(axis=1)) > 1.5 * np.median(windows.max(axis=1)))
