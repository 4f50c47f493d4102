"""Curves that are not beats, as found in medicine, physics, finance and weather."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

Rng = np.random.Generator
Array = NDArray[Any]

_T: Final = np.linspace(0, 1, 400)


def _pressure(rng: Rng, beats: FloatArray) -> Array:
    """Draw arterial pressure: one to four pulses with a notch."""
    phase = (rng.uniform(1, 4) * _T + rng.random()) % 1
    rise = np.clip(phase / 0.15, 0, 1) ** 1.5 * np.exp(-2.2 * np.clip(phase - 0.15, 0, None))
    return rise + 0.12 * np.exp(-0.5 * ((phase - 0.42) / 0.03) ** 2)


def _capnogram(rng: Rng, beats: FloatArray) -> Array:
    phase = (rng.uniform(1.2, 5) * _T + rng.random()) % 1
    level = 1 / (1 + np.exp(-(phase - 0.3) / 0.02)) - 1 / (1 + np.exp(-(phase - 0.8) / 0.015))
    return level * (1 + 0.15 * phase)


def _earthquake(rng: Rng, beats: FloatArray) -> Array:
    first, second = rng.uniform(0.1, 0.3), rng.uniform(0.4, 0.6)
    envelope = 0.02 + 0.3 * np.exp(-9 * (_T - first)) * (first < _T) + np.exp(-7 * (_T - second)) * (second < _T)
    return np.asarray(envelope * rng.normal(0, 1, _T.size))


def _brain(rng: Rng, beats: FloatArray) -> Array:
    """Draw brain waves: a rhythm that comes and goes in noise."""
    slow = cv2.GaussianBlur(rng.normal(0, 1, (1, _T.size)), (0, 0), 40)[0]
    return np.asarray(
        (0.3 + np.abs(slow) * 8) * np.sin(2 * np.pi * rng.uniform(9, 16) * _T) + rng.normal(0, 0.2, _T.size)
    )


def _tide(rng: Rng, beats: FloatArray) -> Array:
    return np.sin(2 * np.pi * 2 * rng.uniform(0.8, 2) * _T) + rng.uniform(0.3, 0.8) * np.sin(
        2 * np.pi * rng.uniform(0.8, 2) * _T + rng.random()
    )


def _resonance(rng: Rng, beats: FloatArray) -> Array:
    """Draw the gain of a circuit over frequency, in decibels."""
    ratio = 10 ** (2 * _T - rng.uniform(0.6, 1.4))
    return -10 * np.log10((1 - ratio**2) ** 2 + (rng.uniform(0.03, 0.5) * ratio) ** 2)


def _roc(rng: Rng, beats: FloatArray) -> Array:
    steps = np.sort(np.append(rng.random(int(rng.integers(5, 40))) ** rng.uniform(1.5, 4), [0, 1]))
    return np.searchsorted(steps, _T) / steps.size


def _survival(rng: Rng, beats: FloatArray) -> Array:
    times = np.sort(rng.random(int(rng.integers(6, 25))))
    return np.cumprod(np.append(1, 1 - rng.uniform(0.02, 0.2, times.size)))[np.searchsorted(times, _T)]


def _planck(rng: Rng, beats: FloatArray) -> Array:
    x = 0.02 + rng.uniform(6, 14) * _T
    return x**3 / np.expm1(x)


def _returns(rng: Rng, beats: FloatArray) -> Array:
    """Draw daily returns of a share: quiet and wild weeks."""
    calm = np.exp(cv2.GaussianBlur(rng.normal(0, 1, (1, _T.size)), (0, 0), 12)[0] * 5)
    return np.asarray(calm * rng.normal(0, 1, _T.size))


def _ride(rng: Rng, beats: FloatArray) -> Array:
    """Draw the elevation profile of a ride in the hills."""
    slopes = np.repeat(rng.normal(0, 1, 20), 20)
    return np.cumsum(cv2.GaussianBlur(slopes[None], (0, 0), 5)[0])


def _epidemic(rng: Rng, beats: FloatArray) -> Array:
    """Draw two or three waves of daily cases, each steep and slow to fall."""
    total = np.zeros_like(_T)
    for start in np.sort(rng.uniform(0, 0.75, int(rng.integers(2, 4)))):
        x = np.clip(_T - start, 1e-6, None) / rng.uniform(0.06, 0.12)
        total += rng.uniform(0.3, 1) * x**2 * np.exp(-x)
    return total * (1 + 0.08 * np.sin(2 * np.pi * 18 * _T))


def _fractal(rng: Rng, beats: FloatArray) -> Array:
    base = rng.uniform(0.4, 0.7)
    return np.asarray(sum(base**k * np.cos(2 * np.pi * 2**k * (_T + rng.random())) for k in range(8)))


def _step_response(rng: Rng, beats: FloatArray) -> Array:
    """Draw a controller's response to a step: overshoot, then rest."""
    t = np.clip(_T - rng.uniform(0.05, 0.3), 0, None) * rng.uniform(12, 40)
    damping = rng.uniform(0.1, 0.5)
    return np.asarray(1 - np.exp(-damping * t) * np.cos(np.sqrt(1 - damping**2) * t))


def _bessel(rng: Rng, beats: FloatArray) -> Array:
    x, angle = rng.uniform(15, 45) * _T, np.linspace(0, np.pi, 200)[:, None]
    return np.asarray(np.cos(x * np.sin(angle) - rng.integers(0, 3) * angle).mean(axis=0))


def _gait(rng: Rng, beats: FloatArray) -> Array:
    """Draw the force under a foot: two humps."""
    x = np.clip((_T - rng.uniform(0.05, 0.2)) / rng.uniform(0.6, 0.75), 0, 1)
    return np.sin(np.pi * x) ** 0.5 - rng.uniform(0.2, 0.4) * np.sin(np.pi * x) ** 6 * np.cos(np.pi * (x - 0.5))


def _load(rng: Rng, beats: FloatArray) -> Array:
    """Draw electricity over a day: a morning, a dip of sun, an evening."""
    day = 0.6 + 0.25 * np.exp(-0.5 * ((_T - 0.33) / 0.06) ** 2) + 0.5 * np.exp(-0.5 * ((_T - 0.8) / 0.07) ** 2)
    return day - rng.uniform(0.2, 0.5) * np.exp(-0.5 * ((_T - 0.54) / 0.11) ** 2) + rng.normal(0, 0.008, _T.size)


def _drug(rng: Rng, beats: FloatArray) -> Array:
    """Draw the level of a drug that is taken repeatedly."""
    dose = rng.uniform(0.12, 0.4)
    return sum((np.exp(-4 * np.clip(_T - k * dose, 0, None)) - np.exp(-40 * np.clip(_T - k * dose, 0, None)))
               * (k * dose < _T) for k in range(8)) + np.zeros_like(_T)  # fmt: skip


def _hysteresis(rng: Rng, beats: FloatArray) -> Array:
    return np.tanh(rng.uniform(3, 12) * (2 * _T - 1)) + 0.2 * np.cos(np.pi * (2 * _T - 1)) ** 2


SIGNALS: Final[Mapping[str, Callable[[Rng, FloatArray], Array]]] = MappingProxyType(
    {
        "arterial pressure": _pressure,
        "capnogram": _capnogram,
        "earthquake": _earthquake,
        "brain waves": _brain,
        "tide": _tide,
        "resonance": _resonance,
        "ROC curve": _roc,
        "survival": _survival,
        "black body": _planck,
        "returns": _returns,
        "ride": _ride,
        "epidemic": _epidemic,
        "fractal": _fractal,
        "step response": _step_response,
        "Bessel function": _bessel,
        "gait": _gait,
        "electricity": _load,
        "drug level": _drug,
        "saturation": _hysteresis,
    }
)
