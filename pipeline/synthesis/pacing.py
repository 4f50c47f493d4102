"""Paced recordings, made from recorded beats: the stimulus of a pacemaker stands where their QRS begins.

Paced records are few, and all of them passed the same kind of recorder. Here spikes of many shapes, as many recorders
leave them, are added to the beats of others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from pipeline.types import FloatArray, IntArray, Recording, read_only

SPIKE_MS: Final = (0.4, 2.0)  # how long the stimulus lasts
RECOVERY_MS: Final = (2.0, 12.0)  # of the charge left on the electrodes
RECORDER_HZ: Final = (25.0, 250.0)  # what the recorder lets through
HEIGHT: Final = (0.25, 2.5)  # of the spike as recorded, as a share of the QRS
ONSET_SHARE: Final = 0.12  # of the steepest slope, where a QRS begins
ONSET_REACH_S: Final = 0.12
LATENCY_S: Final = (0.0, 0.02)  # from the stimulus to the QRS
OVERSAMPLED: Final = 16


def spike(fs: float, rng: np.random.Generator) -> FloatArray:
    """Return a stimulus (m,) as a recorder leaves it, 1 high, centred on its start at index m // 2."""
    fine, half = fs * OVERSAMPLED, round(0.06 * fs) * OVERSAMPLED
    time_ms = (np.arange(2 * half) - half) / fine * 1000
    lasts, recovery = rng.uniform(*SPIKE_MS), rng.uniform(*RECOVERY_MS)
    pulse = ((time_ms >= 0) & (time_ms < lasts)).astype(np.float64)
    tail = -rng.uniform(0, 0.5) * np.exp(-(time_ms - lasts) / recovery) * (time_ms >= lasts)
    edge_hz = np.exp(rng.uniform(*np.log(RECORDER_HZ)))
    sos = sps.bessel(int(rng.integers(1, 4)), min(edge_hz, 0.45 * fs), fs=fine, output="sos")
    seen = sps.sosfilt(sos, pulse + tail)[int(rng.integers(OVERSAMPLED)) :: OVERSAMPLED]
    return np.asarray(seen / np.abs(seen).max(), np.float32)


def with_spikes(recording: Recording, sample: IntArray, rng: np.random.Generator) -> Recording:
    """Return the recording with a stimulus before each of the beats `sample` (n,): they are paced now.

    The shape of the stimulus is the same in all beats, and its height in a lead varies little.

    Parameters
    ----------
    recording : Recording
        A recording without a pacemaker.
    sample : (n,) int64
        Its R peaks.
    rng : numpy.random.Generator
        Chooses shape, height and latency.
    """
    fs, p_signal = recording.fs, recording.p_signal.copy()
    starts = qrs_onsets(p_signal, sample, fs) - round(rng.uniform(*LATENCY_S) * fs)
    shape = spike(fs, rng)
    window = np.arange(shape.size) - shape.size // 2
    for lead in range(p_signal.shape[1]):
        near = np.clip(sample[:, None] + np.arange(-round(0.08 * fs), round(0.08 * fs)), 0, recording.n_samples - 1)
        height = float(np.median(np.ptp(p_signal[near, lead], axis=1))) if sample.size else 0.0
        sizes = (
            height * np.exp(rng.uniform(*np.log(HEIGHT))) * rng.choice([-1, 1]) * rng.lognormal(0, 0.08, sample.size)
        )
        for start, size in zip(starts, sizes, strict=True):
            if start + window[0] >= 0 and start + window[-1] < recording.n_samples:
                p_signal[start + window, lead] += np.float32(size) * shape
    return replace(recording, p_signal=read_only(p_signal), digest="")


def qrs_onsets(p_signal: FloatArray, sample: IntArray, fs: float) -> NDArray[np.int64]:
    """Return where the QRS of each beat (n,) begins: before that, no lead is steep.

    Parameters
    ----------
    p_signal : (n_samples, n_leads) float32
        The leads, mV.
    sample : (n,) int64
        R peaks.
    fs : float
        Sampling frequency, Hz.
    """
    reach = round(ONSET_REACH_S * fs)
    index = np.clip(sample[:, None] + np.arange(-reach, reach // 2), 1, p_signal.shape[0] - 2)
    slope = np.abs(p_signal[index + 1] - p_signal[index - 1]).sum(axis=2)
    steep = slope > ONSET_SHARE * slope.max(axis=1, keepdims=True)
    quiet = np.ones_like(steep)
    run = max(2, round(0.016 * fs))
    for shift in range(run):
        quiet[:, run:] &= ~steep[:, run - shift : steep.shape[1] - shift]
    quiet[:, :run] = False
    quiet[:, reach:] = False
    last = steep.shape[1] - 1 - quiet[:, ::-1].argmax(axis=1)
    return np.where(quiet.any(axis=1), sample - reach + last, sample - reach // 2).astype(np.int64)
