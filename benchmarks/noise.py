"""Noise of the MIT-BIH Noise Stress Test Database mixed into recordings, calibrated as WFDB's `nst` does.

References
----------
Moody GB, Muldrow WE, Mark RG. A noise stress test for arrhythmia detectors. Computers in Cardiology 1984;11:381-384.
nst(1) and sigamp(1) of the WFDB Applications Guide: signal power is (QRS peak to peak within 50 ms)^2 / 8, noise power
the squared RMS in windows of a second without their mean, both without the largest and smallest 5 % of 300 values.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any, Literal

import numpy as np
import wfdb
from numpy.typing import NDArray

from pipeline.config import data_root
from pipeline.domain import Recording

Kind = Literal["em", "ma", "bw"]
Half = Literal[0, 1]
Array = NDArray[np.floating[Any]]
KINDS: tuple[Kind, ...] = ("em", "ma", "bw")
FS_HZ = 360.0


def mixed(recording: Recording, kind: Kind, snr_db: float, *, half: Half, shift: int = 0) -> Recording:
    """The recording with noise from its first to its last sample.

    Parameters
    ----------
    half : {0, 1}
        Which half of the noise record is used, over and over: 0 teaches, 1 tests.
    shift : int
        Rotates the noise by so many samples.
    """
    noise = gains(recording, kind, snr_db) * _part(recording, kind, half, shift)
    return replace(recording, p_signal=(recording.p_signal + noise).astype(np.float32))


def gains(recording: Recording, kind: Kind, snr_db: float) -> Array:
    """Factor of the noise for each lead of a recording at 360 Hz with reference beats."""
    assert recording.reference is not None
    assert recording.fs == FS_HZ
    signal = qrs_amplitude(recording.p_signal, recording.reference.sample, recording.fs) ** 2 / 8
    power = noise_amplitude(noise_record(kind), FS_HZ)[np.arange(len(recording.leads)) % 2] ** 2
    return np.sqrt(signal / power / 10 ** (snr_db / 10))


@cache
def noise_record(kind: Kind) -> Array:
    """(650 000, 2) mV at 360 Hz."""
    return np.asarray(wfdb.rdrecord(str(data_root() / "nstdb" / kind)).p_signal)


def qrs_amplitude(p_signal: Array, sample: NDArray[np.int64], fs: float) -> Array:
    """Mean peak-to-peak amplitude per lead of the first 300 QRS."""
    reach = round(0.05 * fs)
    inside = sample[(sample >= reach) & (sample < len(p_signal) - reach)][:300]
    return _trimmed(np.ptp(p_signal[inside[:, None] + np.arange(-reach, reach + 1)], axis=1))


def noise_amplitude(noise: Array, fs: float) -> Array:
    """Mean RMS per lead of the first 300 seconds."""
    count, size = min(len(noise) // int(fs), 300), int(fs)
    return _trimmed(noise[: count * size].reshape(count, size, -1).std(axis=1))


def _part(recording: Recording, kind: Kind, half: Half, shift: int) -> Array:
    """(n_samples, n_leads) of the noise record's half, over and over; its two leads in turn."""
    noise = noise_record(kind)
    middle = len(noise) // 2
    part = np.roll(noise[:middle] if half == 0 else noise[middle:], shift, axis=0)
    return np.resize(part, (recording.n_samples, 2))[:, np.arange(len(recording.leads)) % 2]


def _trimmed(values: Array) -> Array:
    cut = round(0.05 * len(values))
    return np.asarray(np.sort(values, axis=0)[cut : len(values) - cut].mean(axis=0))
