"""Curves that are not beats, as found in mathematics, noise and charts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from pipeline.types import FloatArray

Rng = np.random.Generator
Curve = Callable[[Rng, FloatArray], FloatArray]

POINTS: Final = 400


def _time() -> FloatArray:
    return np.linspace(0, 1, POINTS, dtype=np.float32)


def _sine(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray(np.sin(2 * np.pi * (rng.uniform(1, 7) * _time() + rng.random())), np.float32)


def _square(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray(np.sign(_sine(rng, beats) + np.float32(rng.uniform(-0.5, 0.5))), np.float32)


def _sawtooth(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray((rng.uniform(1.5, 7) * _time() + rng.random()) % 1, np.float32)


def _walk(rng: Rng, beats: FloatArray) -> FloatArray:
    steps = rng.normal(rng.uniform(-0.1, 0.1), 1, int(rng.integers(8, 200)))
    return np.asarray(np.interp(_time(), np.linspace(0, 1, steps.size), np.cumsum(steps)), np.float32)


def _points_joined(rng: Rng, beats: FloatArray) -> FloatArray:
    values = rng.random(int(rng.integers(4, 14)))
    return np.asarray(np.interp(_time(), np.linspace(0, 1, values.size), values), np.float32)


def _noise_line(rng: Rng, beats: FloatArray) -> FloatArray:
    width = int(rng.integers(1, 12))
    return np.asarray(np.convolve(rng.normal(0, 1, POINTS + width - 1), np.ones(width) / width, "valid"), np.float32)


def _growth(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray(np.exp(rng.uniform(1, 6) * (_time() if rng.random() < 0.5 else 1 - _time())), np.float32)


def _bell(rng: Rng, beats: FloatArray) -> FloatArray:
    """Draw a perfect bell: a distribution, not a beat."""
    return np.asarray(np.exp(-0.5 * ((_time() - rng.uniform(0.4, 0.6)) / rng.uniform(0.1, 0.25)) ** 2), np.float32)


def _several_beats(rng: Rng, beats: FloatArray) -> FloatArray:
    one = beats[rng.integers(len(beats))]
    count = int(rng.integers(2, 8))
    level = np.linspace(0, one[0] - one[-1], one.size, dtype=np.float32)  # so that neighbours join
    return np.concatenate([one + level] * count)


def _triangle(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray(np.abs(_sawtooth(rng, beats) - np.float32(0.5)), np.float32)


def _damped(rng: Rng, beats: FloatArray) -> FloatArray:
    t = _time()
    return np.asarray(np.exp(-rng.uniform(2, 5) * t) * np.sin(2 * np.pi * rng.uniform(4, 10) * t), np.float32)


def _parabola(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray(rng.choice([-1, 1]) * (_time() - rng.uniform(0.3, 0.7)) ** 2, np.float32)


def _staircase(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray(np.floor(_time() * rng.integers(3, 9)), np.float32)


def _chirp(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray(np.sin(2 * np.pi * rng.uniform(4, 10) * _time() ** 2), np.float32)


def _logistic(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-rng.uniform(8, 30) * (_time() - rng.uniform(0.3, 0.7)))), np.float32)


def _spectrum(rng: Rng, beats: FloatArray) -> FloatArray:
    centres, widths = rng.random((9, 1)), rng.uniform(0.003, 0.02, (9, 1))
    return np.asarray((rng.random((9, 1)) * np.exp(-0.5 * ((_time() - centres) / widths) ** 2)).sum(axis=0), np.float32)


def _smooth_noise(rng: Rng, beats: FloatArray) -> FloatArray:
    rough = rng.normal(0, 1, int(rng.integers(5, 60)))
    places = np.linspace(0, rough.size - 1, POINTS, dtype=np.float32)[None]
    nowhere = np.zeros_like(places)
    return np.asarray(cv2.remap(rough[None].astype(np.float32), places, nowhere, cv2.INTER_CUBIC)[0], np.float32)


def _bumps(rng: Rng, beats: FloatArray) -> FloatArray:
    """Draw bells of any place, width and sign."""
    count = int(rng.integers(3, 12))
    centres, widths = rng.random((count, 1)), np.exp(rng.uniform(-5, -2.2, (count, 1)))
    heights = rng.random((count, 1)) * rng.choice([-1, 1], (count, 1), p=(0.35, 0.65))
    return np.asarray((heights * np.exp(-0.5 * ((_time() - centres) / widths) ** 2)).sum(axis=0), np.float32)


def _levels(rng: Rng, beats: FloatArray) -> FloatArray:
    """Draw steps up and down."""
    edges = np.sort(rng.random(int(rng.integers(1, 14))))
    return np.asarray(rng.random(edges.size + 1)[np.searchsorted(edges, _time())], np.float32)


def _polynomial(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray(np.polynomial.Chebyshev(rng.normal(0, 1, int(rng.integers(3, 9))))(2 * _time() - 1), np.float32)


def _sinc(rng: Rng, beats: FloatArray) -> FloatArray:
    return np.asarray(np.sinc(rng.uniform(6, 16) * (_time() - rng.uniform(0.35, 0.65))), np.float32)


def _modulated(rng: Rng, beats: FloatArray) -> FloatArray:
    t = _time()
    envelope = 1 + rng.uniform(0.5, 1) * np.sin(2 * np.pi * rng.uniform(1, 2.5) * t)
    return np.asarray(envelope * np.sin(2 * np.pi * rng.uniform(8, 16) * t), np.float32)


def _charging(rng: Rng, beats: FloatArray) -> FloatArray:
    """Draw a capacitor that is charged and discharged."""
    phase = (rng.uniform(1.5, 5) * _time()) % 1
    full = 1 - np.exp(-rng.uniform(4, 9) * phase * 2)
    return np.asarray(np.where(phase < 0.5, full, np.exp(-rng.uniform(4, 9) * (phase - 0.5) * 2)), np.float32)


def _temperatures(rng: Rng, beats: FloatArray) -> FloatArray:
    """Draw warm and cold days."""
    return np.asarray(_sine(rng, beats) + 0.15 * _walk(rng, beats) + rng.normal(0, 0.05, POINTS), np.float32)


def _skyline(rng: Rng, beats: FloatArray) -> FloatArray:
    """Draw the roofs of a town."""
    roofs = rng.random(int(rng.integers(8, 20)))
    roofs[::3] *= 0.3
    return np.asarray(np.repeat(roofs, POINTS // roofs.size + 1)[:POINTS], np.float32)


FUNCTIONS: Final[Mapping[str, Curve]] = MappingProxyType(
    {
        "sine": _sine,
        "square wave": _square,
        "random walk": _walk,
        "line chart": _points_joined,
        "noise line": _noise_line,
        "growth": _growth,
        "bell": _bell,
        "several beats": _several_beats,
        "sawtooth": _sawtooth,
        "damped": _damped,
        "parabola": _parabola,
        "staircase": _staircase,
        "logistic": _logistic,
        "spectrum": _spectrum,
        "smooth noise": _smooth_noise,
        "bumps": _bumps,
        "levels": _levels,
        "polynomial": _polynomial,
        "triangle wave": _triangle,
        "chirp": _chirp,
        "sinc": _sinc,
        "modulated": _modulated,
        "charging": _charging,
        "temperatures": _temperatures,
        "skyline": _skyline,
    }
)
