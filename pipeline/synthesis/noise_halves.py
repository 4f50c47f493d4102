"""Halves of the noise records of nstdb: one for training the detector, the other for testing it.

`pipeline.synthesis.noise` defines how noise is scaled; its power is that of the whole record, whichever half is added.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Literal

import numpy as np

from pipeline.config import data_root
from pipeline.synthesis.noise import add_noise, half_of, read_noise
from pipeline.types import Recording, read_only

Kind = Literal["em", "ma", "bw"]
Half = Literal[0, 1]
KINDS: tuple[Kind, ...] = ("em", "ma", "bw")


def mixed(recording: Recording, kind: Kind, snr_db: float, *, half: Half, shift: int = 0) -> Recording:
    """Add noise to a recording, which has reference beats, from its first to its last sample.

    Parameters
    ----------
    recording : Recording
        The recording.
    kind : Kind
        The noise record.
    snr_db : float
        Signal-to-noise ratio, dB.
    half : {0, 1}
        Which half of the noise record is used, repeatedly: 0 for training, 1 for testing.
    shift : int, optional
        Rotates the noise by this many samples.
    """
    assert recording.reference is not None
    whole = noise_record(kind)
    part = half_of(whole, half)
    noise = replace(part, p_signal=read_only(np.roll(part.p_signal, shift, axis=0)))
    return add_noise(recording, noise, snr_db, recording.reference.sample, measured=whole)


@cache
def noise_record(kind: Kind) -> Recording:
    """Read half an hour of noise on two leads, 360 Hz."""
    return read_noise(data_root() / "nstdb", kind)
