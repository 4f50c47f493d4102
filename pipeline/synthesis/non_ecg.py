"""Signals that are no ECG: noise of several colours, muscle, mains, waves of one frequency, pulses, breaths, steps."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from pipeline.types import FloatArray

Curve = NDArray[np.float64]


def draw_non_ecg(kind: str, n_samples: int, fs: float, rng: np.random.Generator) -> FloatArray:
    """Draw one lead that is no ECG, with a standard deviation of about 0.1 to 1 mV.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    n_samples : int
        Its length.
    fs : float
        Sampling frequency, Hz.
    rng : numpy.random.Generator
        Decides everything about it.

    Returns
    -------
    (n_samples,) float32
        mV.
    """
    curve = KINDS[kind](n_samples, fs, rng)
    curve = (curve - curve.mean()) / (curve.std() + 1e-9)
    with_noise = curve + rng.uniform(0, 0.1) * rng.normal(size=n_samples)
    return np.asarray(10 ** rng.uniform(-1, 0) * with_noise, np.float32)


def draw_fibrillation(n_samples: int, fs: float, rng: np.random.Generator) -> FloatArray:
    """Draw ventricular flutter or fibrillation: waves of 2.5 to 8 Hz whose frequency and height wander.

    Parameters
    ----------
    n_samples : int
        Its length.
    fs : float
        Sampling frequency, Hz.
    rng : numpy.random.Generator
        Decides everything about it.

    Returns
    -------
    (n_samples,) float32
        mV.
    """
    depth = rng.uniform(0, 1)  # 0 is flutter, 1 coarse fibrillation
    frequency = rng.uniform(2.5, 8) * np.exp(0.25 * depth * _slow(n_samples, fs, rng, rng.uniform(0.2, 1.5)))
    phase = 2 * np.pi * np.cumsum(frequency) / fs
    curve = np.sin(phase) + rng.uniform(0, 0.4) * np.sin(2 * phase + rng.uniform(0, 6))
    curve = curve * np.exp(0.5 * depth * _slow(n_samples, fs, rng, rng.uniform(0.2, 1)))
    noise = rng.uniform(0.005, 0.08) * rng.normal(size=n_samples)
    return np.asarray(rng.uniform(0.1, 1.2) * (curve + noise), np.float32)


def _coloured(n: int, fs: float, rng: np.random.Generator) -> Curve:
    """Noise whose power falls with the frequency to a power between 0 (white) and 2 (brown)."""
    spectrum = np.fft.rfft(rng.normal(size=n))
    frequency = np.maximum(np.fft.rfftfreq(n, 1 / fs), 0.3)
    return np.asarray(np.fft.irfft(spectrum / frequency ** (rng.uniform(0, 2) / 2), n))


def _muscle(n: int, fs: float, rng: np.random.Generator) -> Curve:
    """Broad-band noise in bursts: the surface electromyogram."""
    high = min(rng.uniform(60, 150), 0.45 * fs)
    sos = sps.butter(2, (rng.uniform(8, 25), high), "bandpass", fs=fs, output="sos")
    noise = sps.sosfilt(sos, rng.normal(size=n))
    return np.asarray(noise * (rng.uniform(0, 1) + np.abs(_slow(n, fs, rng, rng.uniform(0.2, 2)))))


def _mains(n: int, fs: float, rng: np.random.Generator) -> Curve:
    frequency = float(rng.choice((50.0, 60.0)))
    time = np.arange(n) / fs
    return np.sin(2 * np.pi * frequency * time) * (1 + 0.2 * _slow(n, fs, rng, 0.3)) + 0.1 * rng.normal(size=n)


def _sine(n: int, fs: float, rng: np.random.Generator) -> Curve:
    """One frequency, below those of flutter or above: 0.3-2 Hz or 8-40 Hz."""
    slow = rng.random() < 0.6
    frequency = rng.uniform(0.3, 2) if slow else rng.uniform(8, min(40, 0.4 * fs))
    time = np.arange(n) / fs
    return np.sin(2 * np.pi * frequency * time + rng.uniform(0, 6)) + rng.uniform(0, 0.05) * rng.normal(size=n)


def _pulse(n: int, fs: float, rng: np.random.Generator) -> Curve:
    """Pulses of the volume of a finger: a rounded systolic wave with a dicrotic one, 45-140 / min."""
    time = np.arange(n) / fs
    rr = 60 / rng.uniform(45, 140)
    beats = np.cumsum(rr * (1 + rng.uniform(0.005, 0.06) * rng.normal(size=int(n / fs / rr) + 4)))
    rise, second, later = (
        rng.uniform(0.06, 0.11) * np.sqrt(rr),
        rng.uniform(0.1, 0.5),
        rng.uniform(0.28, 0.4) * np.sqrt(rr),
    )
    curve = np.zeros(n)
    for beat in beats:
        a, b = np.searchsorted(time, (beat - 5 * rise, beat + later + 6 * rise))
        since = time[a:b] - beat
        curve[a:b] += np.exp(-0.5 * (since / (rise * np.where(since < 0, 1, 1.8))) ** 2)
        curve[a:b] += second * np.exp(-0.5 * ((since - later) / (1.6 * rise)) ** 2)
    return curve * (1 + 0.1 * _slow(n, fs, rng, 0.25)) + rng.uniform(0, 0.3) * _slow(n, fs, rng, 0.3)


def _breath(n: int, fs: float, rng: np.random.Generator) -> Curve:
    time = np.arange(n) / fs
    phase = 2 * np.pi * np.cumsum(rng.uniform(0.15, 0.5) * (1 + 0.2 * _slow(n, fs, rng, 0.1))) / fs
    return np.sin(phase) + 0.3 * np.sin(2 * phase + 1) + rng.uniform(0, 0.05) * np.sin(2 * np.pi * 1.2 * time)


def _steps(n: int, fs: float, rng: np.random.Generator) -> Curve:
    """Sudden changes of level: a loose contact."""
    curve = np.zeros(n)
    at = rng.integers(0, n, max(2, int(n / fs * rng.uniform(0.3, 3))))
    curve[at] = rng.normal(size=at.size)
    decay = np.exp(-1 / (fs * rng.uniform(0.1, 2)))
    return np.asarray(sps.lfilter([1], [1, -decay], curve)) + 0.02 * rng.normal(size=n)


def _square(n: int, fs: float, rng: np.random.Generator) -> Curve:
    return np.asarray(sps.square(2 * np.pi * rng.uniform(0.3, 6) * np.arange(n) / fs, duty=rng.uniform(0.2, 0.8)))


def _slow(n: int, fs: float, rng: np.random.Generator, frequency: float) -> Curve:
    """Slow noise (n,) with a standard deviation of 1."""
    points = max(4, int(n / fs * frequency * 2))
    rough = np.interp(np.linspace(0, points - 1, n), np.arange(points), rng.normal(size=points))
    return np.asarray((rough - rough.mean()) / (rough.std() + 1e-9))


KINDS: Final = MappingProxyType(
    {
        "coloured noise": _coloured,
        "muscle": _muscle,
        "mains": _mains,
        "one frequency": _sine,
        "pulse": _pulse,
        "breath": _breath,
        "steps": _steps,
        "square": _square,
    }
)
