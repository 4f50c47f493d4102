"""Recordings in which the noise changes every minute or two: other kinds, other strengths, one lead or both."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Final

import numpy as np
from scipy.signal import resample_poly

from pipeline.synthesis.noise import NOISE_KINDS, Half, NoiseKind, half_of, noise_power, noise_record, signal_power
from pipeline.types import Annotations, FloatArray, Recording, read_only

CLEAN_SHARE: Final = 0.2  # of the stretches get no noise
ONE_LEAD_SHARE: Final = 0.25  # of the others get it on one lead only
STRETCH_S: Final = (15.0, 150.0)
SNR_DB: Final = (-9.0, 27.0)
FADE_S: Final = 0.5


def noise_at(kind: NoiseKind, half: Half, fs: float) -> FloatArray:
    """Return half of a noise record (n, 2) at a sampling frequency (Hz), each lead with a power of 1 mV squared.

    Parameters
    ----------
    kind : NoiseKind
        The noise record.
    half : {0, 1}
        0 for training, 1 for testing.
    fs : float
        Sampling frequency, Hz.
    """
    return _noise_at(kind, half, fs)


@cache
def _noise_at(kind: NoiseKind, half: Half, fs: float) -> FloatArray:
    whole = noise_record(kind)
    power = [noise_power(lead, whole.fs) for lead in whole.p_signal.T]
    unit = half_of(whole, half).p_signal / np.sqrt(np.array(power, np.float32))
    ratio = Fraction(fs / whole.fs).limit_denominator(1000)
    if ratio != 1:
        unit = resample_poly(unit, ratio.numerator, ratio.denominator, padtype="line")
    return read_only(np.asarray(unit, np.float32))


def with_noise(recording: Recording, kind: NoiseKind, snr_db: float, *, half: Half, shift: int = 0) -> Recording:
    """Add one noise to all of a recording, at any sampling frequency.

    Parameters
    ----------
    recording : Recording
        The recording, with reference beats.
    kind : NoiseKind
        The noise record.
    snr_db : float
        Signal-to-noise ratio of each lead on its own, dB, as in `noise.add_noise`.
    half : {0, 1}
        Which half of the noise record is used, repeatedly.
    shift : int, optional
        Rotates the noise by this many samples.
    """
    gain = np.sqrt(_powers(recording) / 10 ** (snr_db / 10))
    noise = noise_at(kind, half, recording.fs)
    added = _stretch(noise, shift, recording.n_samples)[:, np.arange(len(gain)) % noise.shape[1]]
    p_signal = (recording.p_signal + gain.astype(np.float32) * added).astype(np.float32)
    return replace(recording, p_signal=read_only(p_signal), digest=f"{recording.digest}+{kind}{snr_db:g}")


def mixture(recording: Recording, rng: np.random.Generator, *, half: Half) -> Recording:
    """Add noise whose kind, strength and leads change from stretch to stretch, some of which stay clean.

    Parameters
    ----------
    recording : Recording
        The recording, with reference beats.
    rng : numpy.random.Generator
        Decides all of it.
    half : {0, 1}
        Which half of the noise records is used.
    """
    powers, fs = _powers(recording), recording.fs
    p_signal = recording.p_signal.copy()
    start = 0
    while start < len(p_signal):
        stop = min(len(p_signal), start + round(rng.uniform(*STRETCH_S) * fs))
        if rng.random() >= CLEAN_SHARE:
            kind = NOISE_KINDS[int(rng.integers(len(NOISE_KINDS)))]
            noise = _stretch(noise_at(kind, half, fs), int(rng.integers(10**6)), stop - start)
            ramp = np.minimum(1, np.minimum(np.arange(stop - start), np.arange(stop - start)[::-1]) / (FADE_S * fs))
            gain = np.sqrt(powers / 10 ** (rng.uniform(*SNR_DB) / 10))
            if rng.random() < ONE_LEAD_SHARE and len(gain) > 1:
                gain[int(rng.integers(len(gain)))] = 0
            leads = np.arange(len(gain)) % noise.shape[1]
            p_signal[start:stop] += (noise[:, leads] * gain * ramp[:, None]).astype(np.float32)
        start = stop
    return replace(recording, p_signal=read_only(p_signal), digest=f"{recording.digest}+mixture")


def beginning(recording: Recording, seconds: float, *, start_s: float = 0.0) -> Recording:
    """Return a part of a recording, with its reference beats.

    Parameters
    ----------
    recording : Recording
        The recording, with reference beats.
    seconds : float
        Length of the part; less if the recording ends before.
    start_s : float, optional
        Where it begins, seconds.
    """
    assert recording.reference is not None
    first, last = round(start_s * recording.fs), round((start_s + seconds) * recording.fs)
    at = recording.reference.sample
    inside = np.flatnonzero((at >= first) & (at < last))
    symbol = tuple(recording.reference.symbol[i] for i in inside)
    reference = Annotations(read_only(at[inside] - first), symbol)
    digest = f"{recording.digest}[{first}:{last}]"
    return replace(recording, p_signal=recording.p_signal[first:last], reference=reference, digest=digest)


def _powers(recording: Recording) -> FloatArray:
    assert recording.reference is not None
    at = recording.reference.sample
    return np.array([signal_power(lead, at, recording.fs) for lead in recording.p_signal.T], np.float32)


def _stretch(noise: FloatArray, shift: int, size: int) -> FloatArray:
    return noise[(shift + np.arange(size)) % len(noise)]
