"""AV block, made from recorded beats: their P waves stay, the QRS and T waves that should follow are removed.

No recording of DS1 has it, so a detector trained on DS1 alone takes a P wave in the middle of a pause for a beat.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.labels import aami_class
from pipeline.types import Annotations, FloatArray, IntArray, Recording, read_only

STRETCHES: Final = 12  # stretches of block in a recording ...
STRETCH_BEATS: Final = (4, 60)  # ... with this many beats each,
CONDUCTED: Final = (1, 4)  # of which at most this many in a row are conducted: 2 : 1 to 5 : 4
P_S: Final = (-0.26, -0.07)  # the P wave, around R
GONE_S: Final = 0.45  # after R; the removed part of a blocked beat ends there
NEXT_P_S: Final = 0.28  # before the next R nothing is removed
MIN_GONE_S: Final = 0.3
P_GROWS: Final = (1.0, 2.5)  # times as high in a recording: P waves are what must be distinguished from beats
QUIET_MV: Final = 0.01


def blocked(recording: Recording, rng: np.random.Generator) -> Recording:
    """Return the recording, which has reference beats, with stretches in which some N beats are not conducted.

    Every second to fifth N beat of a stretch is blocked; the reference of the result lacks these beats.
    """
    assert recording.reference is not None
    sample = recording.reference.sample
    gone, stop = _dropped(recording, rng), _stops(sample, recording.fs)
    p_signal, growth = recording.p_signal.copy(), rng.uniform(*P_GROWS)
    for at, end in zip(sample[gone], stop[gone], strict=True):
        p_start, r_start = (int(at + round(edge * recording.fs)) for edge in P_S)
        flat = _line(p_signal, p_start, r_start)
        p_signal[p_start:r_start] = flat + growth * (p_signal[p_start:r_start] - flat)
        quiet = rng.normal(0, QUIET_MV, (end - r_start, p_signal.shape[1]))
        p_signal[r_start:end] = _line(p_signal, r_start, end) + quiet
    kept = np.flatnonzero(~gone)
    symbols = tuple(recording.reference.symbol[i] for i in kept)
    return replace(
        recording, p_signal=read_only(p_signal), reference=Annotations(read_only(sample[kept]), symbols), digest=""
    )


def _dropped(recording: Recording, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Tell which beats (n,) are not conducted: never two in a row, nor where there is no room."""
    assert recording.reference is not None
    sample, fs = recording.reference.sample, recording.fs
    usual = np.array([aami_class(symbol) == "N" for symbol in recording.reference.symbol])
    room = (_stops(sample, fs) - sample >= MIN_GONE_S * fs) & (sample > fs) & (sample < recording.n_samples - fs)
    gone = np.zeros(sample.size, np.bool_)
    for start in rng.integers(0, max(1, sample.size), STRETCHES):
        every = 1 + int(rng.integers(*CONDUCTED, endpoint=True))
        gone[start : start + int(rng.integers(*STRETCH_BEATS)) : every] = True
    gone &= usual & room
    gone[1:] &= ~gone[:-1]
    return gone


def _stops(sample: IntArray, fs: float) -> IntArray:
    """Return where the removed part of each beat (n,) would end."""
    following = np.append(sample[1:], np.iinfo(np.int64).max // 2)
    return np.asarray(np.minimum(sample + round(GONE_S * fs), following - round(NEXT_P_S * fs)))


def _line(p_signal: FloatArray, start: int, stop: int) -> FloatArray:
    """Return a straight line (stop - start, n_leads) between both ends."""
    return np.linspace(p_signal[start], p_signal[stop], stop - start, endpoint=False, dtype=np.float32)
