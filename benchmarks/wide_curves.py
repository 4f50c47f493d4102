"""Curves of six wide families that are not beats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

Rng = np.random.Generator
Array = NDArray[Any]


def wide_curve(rng: Rng, points: int) -> FloatArray:
    """Return a curve (points,) of one of the families; some have two in them, few samples, noise or a slope."""
    t = np.linspace(0, 1, points)
    curve = _unit(_one(rng, t))
    also = int(rng.integers(8))
    if also == 0:
        curve = curve + rng.uniform(-0.6, 0.6) * _unit(_one(rng, t))
    elif also == 1:
        places = np.linspace(0, 1, int(rng.integers(8, 60)))
        curve = np.interp(t, places, np.interp(places, t, curve) + rng.uniform(0, 0.05) * rng.normal(size=places.size))
    elif also == 2:
        curve = curve + rng.uniform(0, 0.05) * rng.normal(size=points)
    elif also == 3:
        curve = curve + rng.uniform(-0.4, 0.4) * t
    return np.asarray(_unit(curve), np.float32)


def _unit(curve: Array) -> Array:
    return np.asarray((curve - curve.min()) / max(float(np.ptp(curve)), 1e-9))


def _one(rng: Rng, t: Array) -> Array:
    return _FAMILIES[int(rng.integers(len(_FAMILIES)))](rng, t)


def _response(rng: Rng, t: Array) -> Array:
    """Draw what a linear system answers to a pulse or a step: a sum of damped modes."""
    x, curve = np.clip(t - rng.uniform(-0.1, 0.6), 0, None), np.zeros_like(t)
    for _ in range(int(rng.integers(1, 5))):
        rate, turns = np.exp(rng.uniform(0.7, 4.6)), rng.uniform(0, 12) * (rng.random() < 0.5)
        wave = np.cos(2 * np.pi * turns * x + rng.uniform(0, 2 * np.pi))
        curve += rng.normal() * (rate * x) ** int(rng.integers(0, 3)) * np.exp(-rate * x) * wave
    curve = curve * (x > 0)
    return np.cumsum(curve) if rng.random() < 0.4 else curve


def _rational(rng: Rng, t: Array) -> Array:
    """Draw a sum of poles near the axis, as it is, squared, or its logarithm."""
    curve = np.zeros_like(t)
    for _ in range(int(rng.integers(1, 5))):
        u = (t - rng.uniform(-0.1, 1.1)) / np.exp(rng.uniform(-5, -1.2))
        curve += (rng.normal() + rng.normal() * u) / (1 + u**2)
    return (curve, curve, (curve + rng.normal()) ** 2, np.log(np.abs(curve) + rng.uniform(0.01, 0.3)))[rng.integers(4)]


def _density(rng: Rng, t: Array) -> Array:
    """Draw a mixture of gamma, log-normal and Weibull densities."""
    curve = np.zeros_like(t)
    for _ in range(int(rng.integers(1, 4))):
        x, k = np.clip(t - rng.uniform(-0.05, 0.6), 1e-9, None), np.exp(rng.uniform(-0.5, 2.5))
        u = x / np.exp(rng.uniform(-4.5, -1))
        forms = (u ** (k - 1) * np.exp(-u), np.exp(-0.5 * (np.log(u) * k) ** 2) / u, u ** (k - 1) * np.exp(-(u**k)))
        one = forms[int(rng.integers(3))]
        one = np.minimum(one, np.quantile(one, 0.99) + 1e-12)
        curve += rng.uniform(0.1, 1) * rng.choice([1, 1, -1]) * one / (one.max() + 1e-12)
    return curve


def _process(rng: Rng, t: Array) -> Array:
    """Draw smooth noise of some scale, in places stronger than in others."""
    steps = np.arange(-t.size, t.size + 1) / t.size
    curve = np.convolve(
        rng.normal(size=3 * t.size), np.exp(-0.5 * (steps / np.exp(rng.uniform(-4.5, -1.2))) ** 2), "same"
    )
    curve = curve[t.size : 2 * t.size]
    if rng.random() < 0.6:
        here = np.exp(-0.5 * ((t - rng.random()) / np.exp(rng.uniform(-3, 0))) ** 2)
        curve = curve * (here + rng.uniform(0, 0.15))
    return np.exp(curve / (curve.std() + 1e-9) * rng.uniform(0.3, 1.5)) if rng.random() < 0.2 else curve


def _shots(rng: Rng, t: Array) -> Array:
    """Draw events that come at any time, each with one rise and fall."""
    rise, fall, curve = np.exp(rng.uniform(-6, -2.5)), np.exp(rng.uniform(-4.5, -1)), np.zeros_like(t)
    for _ in range(int(rng.integers(1, 9))):
        x = np.clip(t - rng.uniform(-0.1, 1), 0, None)
        curve += rng.exponential() * (1 - np.exp(-x / rise)) * np.exp(-x / fall)
    return curve if rng.random() < 0.5 else -curve


def _marks(rng: Rng, t: Array) -> Array:
    """Draw a few levels with one form of passage between them."""
    heights = rng.random(int(rng.integers(3, 8)))
    places = np.concatenate([[0], np.sort(rng.random(heights.size - 2)), [1]])
    if rng.random() < 0.5:
        heights[-1] = heights[0]
    left = np.clip(np.searchsorted(places, t, side="right") - 1, 0, heights.size - 2)
    u = np.clip((t - places[left]) / np.maximum(places[left + 1] - places[left], 1e-6), 0, 1)
    power = np.exp(rng.uniform(-1.2, 1.2))
    u = u**power / (u**power + (1 - u) ** power) if rng.random() < 0.6 else u**power
    return np.asarray(heights[left] + (heights[left + 1] - heights[left]) * u)


_FAMILIES: Final[tuple[Callable[[Rng, Array], Array], ...]] = (
    _response,
    _rational,
    _density,
    _process,
    _shots,
    _marks,
)
