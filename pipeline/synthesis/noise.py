"""Recordings with added noise, at a signal-to-noise ratio defined as in the Noise Stress Test Database."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import data_root
from pipeline.errors import DataError
from pipeline.intake import read_path
from pipeline.types import FloatArray, IntArray, Recording, read_only

NOISES: Final = {"em": "electrode motion", "ma": "muscle noise", "bw": "baseline wander"}
BEATS: Final = 300  # QRS complexes, and seconds of noise, that define the ratio
QRS_HALF_S: Final = 0.05
TRIMMED: Final = 0.05  # share of the largest and of the smallest of both that is ignored
NoiseKind = Literal["em", "ma", "bw"]
Half = Literal[0, 1]
NOISE_KINDS: tuple[NoiseKind, ...] = ("em", "ma", "bw")


def read_noise(folder: Path, name: str) -> Recording:
    """Read the noise record `name` of nstdb in `folder`.

    Raises
    ------
    DataError
        If it is not there.
    """
    if not (folder / f"{name}.hea").is_file():
        raise DataError(f"The noise {name!r} is missing in {folder.name!r}; run `python -m pipeline data nstdb`.")
    return read_path(folder / name)


def half_of(noise: Recording, half: Literal[0, 1]) -> Recording:
    """Return half of a noise record: the first (0) is for training networks and the detector, the other for testing."""
    middle = noise.n_samples // 2
    return replace(noise, p_signal=noise.p_signal[:middle] if half == 0 else noise.p_signal[middle:])


def add_noise(
    recording: Recording, noise: Recording, snr_db: float, beats: IntArray, *, measured: Recording | None = None
) -> Recording:
    """Add noise to every lead of a recording, from its start to its end; noise that is too short is repeated.

    Parameters
    ----------
    recording : Recording
        The recording.
    noise : Recording
        Lead i of the recording gets lead i modulo the number of noise leads, so that two leads differ.
    snr_db : float
        Signal-to-noise ratio of each lead on its own, dB.
    beats : (n,) int64
        Reference beats, at `recording.fs`, from which the signal's power is measured.
    measured : Recording, optional
        What the noise's power is measured on, if `noise` is part of it.

    Raises
    ------
    DataError
        If the sampling frequencies differ, or a recording has no beat to measure.

    References
    ----------
    Moody, Muldrow & Mark 1984, Computers in Cardiology 11:381-384; nst(1) of the WFDB software package: the signal's
    power is that of a sine as high as the QRS complexes, the noise's is its mean square second by second, and the
    extreme 5 % of both are ignored. Deviation: nst leaves the first five minutes and every other two minutes clean.
    """
    if recording.fs != noise.fs:
        raise DataError(f"Noise at {noise.fs:g} Hz cannot be added to a recording at {recording.fs:g} Hz.")
    if not beats.size:
        raise DataError(f"Record {recording.name!r} has no beats to measure the signal by.")
    mixed = recording.p_signal.copy()
    for lead in range(mixed.shape[1]):
        added = noise.p_signal[:, lead % noise.p_signal.shape[1]]
        loudness = (measured or noise).p_signal[:, lead % noise.p_signal.shape[1]]
        ratio = signal_power(mixed[:, lead], beats, recording.fs) / max(noise_power(loudness, noise.fs), 1e-12)
        mixed[:, lead] += np.float32(np.sqrt(ratio / 10 ** (snr_db / 10))) * np.resize(added, len(mixed))
    return replace(recording, p_signal=read_only(mixed), digest=f"{recording.digest}+{noise.name}{snr_db:g}")


def signal_power(lead: FloatArray, beats: IntArray, fs: float) -> float:
    """Return the power of a sine as high, peak to peak, as the first QRS complexes of a lead.

    Parameters
    ----------
    lead : (n_samples,) float32
        mV.
    beats : (n,) int64
        R peaks, indices into `lead`.
    fs : float
        Sampling frequency, Hz.

    Returns
    -------
    float
        mV squared; 0 if no QRS lies completely inside.
    """
    half = round(QRS_HALF_S * fs)
    whole = beats[(beats >= half) & (beats < lead.size - half)][:BEATS]
    if not whole.size:
        return 0.0
    height = np.ptp(lead[whole[:, None] + np.arange(-half, half + 1)], axis=1)
    return float(_trimmed_mean(height[np.isfinite(height)]) ** 2 / 8)


def noise_power(lead: FloatArray, fs: float) -> float:
    """Return the mean power (mV squared) of the first seconds of a noise around each second's own mean."""
    second = round(fs)
    seconds = lead[: min(lead.size // second, BEATS) * second].reshape(-1, second)
    return _trimmed_mean(seconds.std(axis=1)) ** 2


def mixed(recording: Recording, kind: NoiseKind, snr_db: float, *, half: Half, shift: int = 0) -> Recording:
    """Add noise to a recording, which has reference beats, from its first to its last sample.

    Parameters
    ----------
    recording : Recording
        The recording.
    kind : NoiseKind
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
def noise_record(kind: NoiseKind) -> Recording:
    """Read half an hour of noise on two leads, 360 Hz."""
    return read_noise(data_root() / "nstdb", kind)


def _trimmed_mean(values: NDArray[np.floating]) -> float:
    if not values.size:
        return 0.0
    cut = int(TRIMMED * values.size)
    return float(np.sort(values)[cut : values.size - cut].mean())
