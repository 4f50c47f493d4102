"""Curves of every sort that are not beats: simple ones, and endless mixtures of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthesis.single_events import single_event
from pipeline.types import FloatArray

Rng = np.random.Generator
Array = NDArray[Any]
Primitive = Callable[[Rng, Array], Array]
Mixing = Callable[[Rng, Array, Array, Array], Array]

LIKE_A_BEAT_R: Final = 0.97  # a curve that correlates with some beat this much does not count as anything else
_SHIFTS: Final = (-12, -8, -4, 0, 4, 8, 12)  # points of 128


def mixed_curve(rng: Rng, points: int = 128) -> FloatArray:
    """Return a curve (points,) made of one to three simple ones, mixed at random."""
    t = np.linspace(0, 1, points)
    curve = _one(rng, t)
    for _ in range(int(rng.choice([0, 1, 2], p=(0.35, 0.45, 0.2)))):
        mix = _MIXINGS[int(rng.integers(len(_MIXINGS)))]
        curve = mix(rng, t, _unit(curve), _unit(_one(rng, t)))
    if rng.random() < 0.25:
        curve = curve + rng.uniform(0.005, 0.06) * np.ptp(curve) * rng.normal(0, 1, points)
    return np.asarray(_unit(curve), np.float32)


def unlike_beats(curves: FloatArray, beats: FloatArray) -> NDArray[np.bool_]:
    """Tell which of the curves (n, 128) resemble none of the beats (k, 128), shifted a little or not."""
    bank = np.concatenate([_standard(np.roll(beats, shift, axis=1)) for shift in _SHIFTS])
    return np.asarray((_standard(curves) @ bank.T).max(axis=1) < LIKE_A_BEAT_R)


def _standard(curves: FloatArray) -> FloatArray:
    centred = curves - curves.mean(axis=1, keepdims=True)
    return np.asarray(centred / (np.linalg.norm(centred, axis=1, keepdims=True) + 1e-6), np.float32)


def _unit(curve: Array) -> Array:
    low, high = float(curve.min()), float(curve.max())
    return (curve - low) / max(high - low, 1e-6)


def _one(rng: Rng, t: Array) -> Array:
    return np.asarray(_PRIMITIVES[int(rng.integers(len(_PRIMITIVES)))](rng, t))


# Simple curves -----------------------------------------------------------------------------------------------------


def _phase(rng: Rng, t: Array, low: float = 0.5, high: float = 12.0) -> Array:
    return np.asarray(np.exp(rng.uniform(np.log(low), np.log(high))) * t + rng.random())


def _waves(rng: Rng, t: Array) -> Array:
    """Draw a periodic wave: sine, triangle, sawtooth, square, arches or pulses."""
    phase = _phase(rng, t)
    forms: Sequence[Array] = (
        np.sin(2 * np.pi * phase),
        np.abs(phase % 1 - 0.5),
        phase % 1,
        np.sign(np.sin(2 * np.pi * phase) - rng.uniform(-0.8, 0.8)),
        np.abs(np.sin(np.pi * phase)),
        np.maximum(np.sin(2 * np.pi * phase), 0),
        np.exp(rng.uniform(2, 12) * np.cos(2 * np.pi * phase)),
        np.exp(-rng.uniform(2, 9) * (phase % 1)),
        np.sin(2 * np.pi * phase) ** int(rng.integers(2, 6)),
    )
    return np.asarray(forms[int(rng.integers(len(forms)))])


def _swept(rng: Rng, t: Array) -> Array:
    return np.sin(2 * np.pi * (rng.uniform(2, 14) * t ** rng.uniform(1.3, 3) + rng.random()))


def _ringing(rng: Rng, t: Array) -> Array:
    """Draw a decaying oscillation, from a start anywhere, on one side or both."""
    start, rate = rng.uniform(-0.1, 0.7), rng.uniform(2, 20)
    distance = t - start if rng.random() < 0.6 else np.abs(t - start)
    after = np.where(distance >= 0, np.exp(-rate * np.maximum(distance, 0)), 0)
    return after * np.cos(2 * np.pi * (rng.uniform(2, 16) * distance + rng.random()))


def _sinc(rng: Rng, t: Array) -> Array:
    curve = np.sinc(rng.uniform(4, 26) * (t - rng.uniform(0.1, 0.9)))
    return curve if rng.random() < 0.7 else np.abs(curve) ** rng.uniform(0.5, 2)


def _packet(rng: Rng, t: Array) -> Array:
    """Draw a wavelet: an oscillation under a bell, or a bell's derivative."""
    x = (t - rng.uniform(0.2, 0.8)) / rng.uniform(0.02, 0.2)
    carrier = np.cos(rng.uniform(1, 9) * x + rng.uniform(0, 6.3))
    forms = (
        carrier * np.exp(-0.5 * x**2),
        (1 - x**2) * np.exp(-0.5 * x**2),
        -x * np.exp(-0.5 * x**2),
        carrier / (1 + x**2),
    )
    return np.asarray(forms[int(rng.integers(len(forms)))])


def _bells(rng: Rng, t: Array) -> Array:
    count = int(rng.integers(1, 11))
    centre, width = rng.random((count, 1)), np.exp(rng.uniform(-5.2, -1.6, (count, 1)))
    if rng.random() < 0.3:
        width[:] = width[0]
    height = rng.uniform(0.2, 1, (count, 1)) * rng.choice([-1, 1], (count, 1), p=(0.3, 0.7))
    x = (t - centre) / width
    return np.asarray((height * (np.exp(-0.5 * x**2) if rng.random() < 0.6 else 1 / (1 + x**2))).sum(axis=0))


def _walk(rng: Rng, t: Array) -> Array:
    steps = rng.normal(rng.uniform(-0.2, 0.2), 1, int(rng.integers(6, t.size)))
    if rng.random() < 0.3:
        steps = steps * rng.exponential(1, steps.size) ** 2
    return np.interp(t, np.linspace(0, 1, steps.size), np.cumsum(steps))


def _joined(rng: Rng, t: Array) -> Array:
    """Draw points joined by straight lines, at equal or random distances."""
    heights = rng.random(int(rng.integers(3, 18)))
    places = np.linspace(0, 1, heights.size) if rng.random() < 0.5 else np.sort(rng.random(heights.size))
    return np.interp(t, places, heights)


def _levels(rng: Rng, t: Array) -> Array:
    """Draw steps: roofs, stairs, pulses; sometimes with gables."""
    edges = np.sort(rng.random(int(rng.integers(1, 22))))
    segment = np.searchsorted(edges, t)
    heights = rng.random(edges.size + 1)
    kind = rng.integers(5)
    if kind == 0:
        heights = np.cumsum(heights)
    elif kind == 1:
        heights[:: int(rng.integers(2, 4))] *= rng.uniform(0, 0.4)
    elif kind == 2:
        heights = (heights > 0.5).astype(np.float64)
    curve = heights[segment]
    if rng.random() < 0.3:
        ends = np.concatenate([[0], edges, [1]])
        inside = (t - ends[segment]) / np.maximum(np.diff(ends)[segment], 1e-6)
        curve = curve + rng.uniform(0.1, 0.6) * (0.5 - np.abs(inside - 0.5)) * (rng.random(heights.size) < 0.5)[segment]
    return np.asarray(curve)


def _noise(rng: Rng, t: Array) -> Array:
    """Draw noise with a spectrum that falls with some power of the frequency, or within a band."""
    size = t.size // 2 + 1
    frequency = np.arange(size) + 1.0
    strength = frequency ** -rng.uniform(0, 3)
    if rng.random() < 0.4:
        strength = np.exp(-0.5 * ((frequency - rng.uniform(2, 40)) / rng.uniform(1, 8)) ** 2)
    return np.asarray(np.fft.irfft(strength * np.exp(2j * np.pi * rng.random(size)), t.size))


def _grown(rng: Rng, t: Array) -> Array:
    """Draw a rise or fall: powers, exponentials, logistic and saturating curves, polynomials."""
    x = t if rng.random() < 0.5 else 1 - t
    forms = (
        np.exp(rng.uniform(0.5, 9) * x),
        x ** rng.uniform(0.2, 5),
        1 / (1 + np.exp(-rng.uniform(6, 60) * (x - rng.uniform(0.2, 0.8)))),
        1 - np.exp(-rng.uniform(2, 20) * x),
        np.polynomial.Chebyshev(rng.normal(0, 1, int(rng.integers(3, 10))))(2 * x - 1),
        np.abs(x - rng.uniform(0.1, 0.9)) ** rng.uniform(0.3, 3),
        x ** rng.uniform(0.5, 4) * np.exp(-rng.uniform(2, 20) * x),
        np.log(x + rng.uniform(0.001, 0.3)),
    )
    return np.asarray(forms[int(rng.integers(len(forms)))])


def _spline(rng: Rng, t: Array) -> Array:
    """Draw a smooth curve through random points."""
    knots = rng.normal(0, 1, (1, int(rng.integers(4, 30)))).astype(np.float32)
    at = (t[None] * (knots.size - 1)).astype(np.float32)
    return np.asarray(cv2.remap(knots, at, np.zeros_like(at), cv2.INTER_CUBIC)[0], np.float64)


# Ways to mix two of them -------------------------------------------------------------------------------------------


def _added(rng: Rng, t: Array, a: Array, b: Array) -> Array:
    return a + rng.uniform(-1, 1) * b


def _times(rng: Rng, t: Array, a: Array, b: Array) -> Array:
    return np.asarray((a - rng.choice([0, 0.5, a[0]])) * b)


def _then(rng: Rng, t: Array, a: Array, b: Array) -> Array:
    """Join one after the other, continuously or not."""
    cut = int(rng.uniform(0.2, 0.8) * t.size)
    step = a[cut - 1] - b[cut] if rng.random() < 0.7 else 0.0
    return np.concatenate([a[:cut], rng.uniform(0.2, 1) * (b[cut:] - b[cut]) + b[cut] + step])


def _repeated(rng: Rng, t: Array, a: Array, b: Array) -> Array:
    count = rng.uniform(1.5, 6)
    folded = (t * count) % 2
    place = np.where(folded > 1, 2 - folded, folded) if rng.random() < 0.5 else folded % 1
    return np.interp(place, t, a)


def _mirrored(rng: Rng, t: Array, a: Array, b: Array) -> Array:
    return np.asarray(a + rng.choice([-1, 1]) * a[::-1])


def _bent(rng: Rng, t: Array, a: Array, b: Array) -> Array:
    """Change the scale: powers, clipped ends, thresholds, rounding."""
    forms = (
        a ** rng.uniform(0.3, 4),
        np.clip(a, *np.sort(rng.uniform(0, 1, 2))),
        np.abs(a - rng.uniform(0.2, 0.8)),
        np.floor(a * rng.integers(2, 9)),
        np.maximum(a, b),
        np.where(a > b, a, 0.3 * b),
    )
    return np.asarray(forms[int(rng.integers(len(forms)))])


def _warped(rng: Rng, t: Array, a: Array, b: Array) -> Array:
    way = np.cumsum(np.abs(b) + 0.05)
    return np.asarray(np.interp((way - way[0]) / (way[-1] - way[0]), t, a))


def _summed(rng: Rng, t: Array, a: Array, b: Array) -> Array:
    return np.cumsum(a - a.mean()) if rng.random() < 0.5 else np.gradient(a)


_PRIMITIVES: Final[Sequence[Primitive]] = (
    *(_waves, _waves, _swept, _ringing, _ringing, _sinc, _packet, _bells, _walk),
    *(_joined, _levels, _levels, _noise, _grown, _spline),
    *(single_event, single_event, single_event, single_event),
)
_MIXINGS: Final[Sequence[Mixing]] = (
    _added,
    _added,
    _times,
    _times,
    _then,
    _repeated,
    _mirrored,
    _bent,
    _warped,
    _summed,
)
