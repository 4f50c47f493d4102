"""Curves of one event that are not beats: something happens once, and the line comes to rest again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

Rng = np.random.Generator
Array = NDArray[Any]

_T: Final = np.linspace(0, 1, 400)


def single_event(rng: Rng, t: Array) -> Array:
    """Draw a level, a change of any form, a time at the height of it and a return of any form, partial or whole.

    Parameters
    ----------
    rng : Generator
        Random generator.
    t : (n,) float64
        Places in 0..1.

    Returns
    -------
    (n,) float64
        The curve; one in three has a slope or slow waves besides.
    """
    start, rise, stay, fall = rng.uniform(-0.1, 0.6), *np.exp(rng.uniform(-5, -1.2, 2)), np.exp(rng.uniform(-5, -1))
    back = rng.choice([1.0, 0.0, rng.uniform(0.3, 1.4)], p=(0.5, 0.15, 0.35))
    up, down = _change(rng, (t - start) / rise), _change(rng, (t - start - rise - stay) / fall)
    curve = up - back * down
    if rng.random() < 0.35:
        after = t - start - rise - stay
        curve = curve + rng.uniform(-0.5, 0.5) * (after > 0) * after * np.exp(-after / fall) / fall
    if rng.random() < 0.3:
        curve = curve + rng.uniform(-0.4, 0.4) * t + rng.uniform(0, 0.08) * np.sin(2 * np.pi * rng.uniform(0.5, 4) * t)
    return np.asarray(rng.choice([-1, 1]) * curve)


def _change(rng: Rng, x: Array) -> Array:
    """Return a change from 0 to about 1 that begins at x = 0 and is mostly over at x = 1, in one of several forms."""
    inside = np.clip(x, 0, 1)
    later = np.clip(x, 0, None)
    forms: Sequence[Array] = (
        inside,
        np.sin(np.pi * inside / 2) ** 2,
        inside ** rng.uniform(0.4, 3),
        1 - np.exp(-rng.uniform(2, 5) * later),
        1 / (1 + np.exp(-np.clip(8 * (x - 0.5), -60, 60))),
        1 - 1 / (1 + rng.uniform(1, 6) * later) ** rng.uniform(1, 4),
        1 - np.exp(-rng.uniform(2, 4) * later) * np.cos(rng.uniform(2, 9) * later),
        0.5 * (1 + np.tanh(np.clip(rng.uniform(1, 3) * (2 * x - 1), -30, 30))),
    )
    return forms[int(rng.integers(len(forms)))]


# Named ones --------------------------------------------------------------------------------------------------------


def _soft(rng: Rng, width: float) -> Array:
    """Return noise (400,) without detail finer than `width` points, of unit size."""
    rough = cv2.GaussianBlur(rng.normal(0, 1, (1, _T.size)), (0, 0), width)[0]
    return np.asarray(rough / rough.std())


def _since(start: float) -> Array:
    return np.clip(_T - start, 0, None)


def _twitch(rng: Rng, beats: FloatArray) -> Array:
    """Draw the force of a muscle that is stimulated once."""
    x = _since(rng.uniform(0.03, 0.4)) / rng.uniform(0.05, 0.2)
    return np.asarray(x * np.exp(1 - x) ** rng.uniform(0.8, 1.6))


def _calcium(rng: Rng, beats: FloatArray) -> Array:
    """Draw a dye's light in a cell that fires, with a slow return."""
    x = _since(rng.uniform(0.02, 0.35))
    return np.asarray((1 - np.exp(-x / rng.uniform(0.005, 0.03))) * np.exp(-x / rng.uniform(0.08, 0.4)))


def _blast(rng: Rng, beats: FloatArray) -> Array:
    """Draw the pressure of a blast: up at once, down below the air's pressure, back."""
    x = _since(rng.uniform(0.0, 0.3)) / rng.uniform(0.08, 0.3)
    return np.asarray((rng.uniform(0.0, 0.3) < _T) * (1 - x) * np.exp(-rng.uniform(0.6, 2) * x) * (x > 0))


def _retina(rng: Rng, beats: FloatArray) -> Array:
    """Draw an electroretinogram: a dip, a rise, and small waves on it."""
    x = _since(rng.uniform(0.05, 0.25))
    dip = rng.uniform(0.2, 0.8) * x * np.exp(-x / 0.03) / 0.011
    rise = x**2 * np.exp(-x / rng.uniform(0.05, 0.09)) / 0.003
    return np.asarray(rise - dip + 0.1 * np.exp(-(((x - 0.08) / 0.04) ** 2)) * np.sin(2 * np.pi * 45 * x))


def _evoked(rng: Rng, beats: FloatArray) -> Array:
    """Draw the brain's answer to a pattern: three smooth waves in turn."""
    at = np.cumsum(rng.uniform(0.08, 0.2, 3))
    waves = [h * np.exp(-0.5 * ((_T - a) / w) ** 2) for a, w, h in zip(at, rng.uniform(0.03, 0.08, 3),
             (-rng.uniform(0.3, 0.8), 1.0, -rng.uniform(0.4, 1)), strict=True)]  # fmt: skip
    return np.asarray(sum(waves) + 0.04 * _soft(rng, 6))


def _pupil(rng: Rng, beats: FloatArray) -> Array:
    """Draw the width of a pupil after a flash."""
    x = _since(rng.uniform(0.1, 0.3))
    return np.asarray(-(1 - np.exp(-x / rng.uniform(0.03, 0.08))) * np.exp(-x / rng.uniform(0.15, 0.5)))


def _swallow(rng: Rng, beats: FloatArray) -> Array:
    """Draw the pressure in a throat: a small wave, a rest below, a tall wave."""
    at = rng.uniform(0.3, 0.5)
    parts = ((at - 0.15, 0.03, rng.uniform(0.1, 0.3)), (at, 0.05, -0.3), (at + 0.13, rng.uniform(0.02, 0.05), 1.0))
    return np.asarray(sum(h * np.exp(-0.5 * ((_T - a) / w) ** 2) for a, w, h in parts))


def _braking(rng: Rng, beats: FloatArray) -> Array:
    """Draw the speed of a car that brakes and drives on."""
    stop, go = rng.uniform(0.2, 0.45), rng.uniform(0.55, 0.75)
    slow = 1 - np.clip((_T - stop + 0.12) / 0.12, 0, 1) * rng.uniform(0.6, 1)
    return np.asarray(np.maximum(slow, np.clip((_T - go) / rng.uniform(0.1, 0.4), 0, rng.uniform(0.5, 1.1))))


def _gauge(rng: Rng, beats: FloatArray) -> Array:
    """Draw the sea's level as a wave comes in: back, up, and swinging out."""
    x = _since(rng.uniform(0.15, 0.4))
    return np.asarray(-np.sin(2 * np.pi * x / rng.uniform(0.15, 0.4)) * np.exp(-x / rng.uniform(0.1, 0.3)))


def _titration(rng: Rng, beats: FloatArray) -> Array:
    """Draw the pH over what was added, with one or two steps."""
    steps = rng.uniform(0.2, 0.9, int(rng.integers(1, 3)))
    return np.asarray(0.2 * _T + sum(1 / (1 + np.exp(-(_T - at) / rng.uniform(0.003, 0.02))) for at in steps))


def _heat_flow(rng: Rng, beats: FloatArray) -> Array:
    """Draw the heat that a plastic takes up: a step, an upward and a downward peak."""
    step = rng.uniform(0.1, 0.3) / (1 + np.exp(-(_T - 0.2) / 0.02))
    cold = np.exp(-0.5 * ((_T - rng.uniform(0.4, 0.5)) / rng.uniform(0.02, 0.05)) ** 2)
    melting = rng.uniform(0.5, 1.5) * np.exp(-0.5 * ((_T - rng.uniform(0.65, 0.85)) / rng.uniform(0.015, 0.05)) ** 2)
    return step - cold + melting


def _dive(rng: Rng, beats: FloatArray) -> Array:
    """Draw the depth of a dive with a stop on the way up."""
    marks = np.sort(rng.uniform(0.05, 0.95, 4))
    return -np.interp(_T, [0, *marks, 1], [0, 1, rng.uniform(0.5, 1), rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.25), 0])


def _flight(rng: Rng, beats: FloatArray) -> Array:
    """Draw a rocket's height: thrust, coasting, a parachute."""
    top, burn = rng.uniform(0.25, 0.5), rng.uniform(0.05, 0.15)
    up = np.where(burn > _T, (_T / burn) ** 2 * 0.3, 1 - 0.7 * ((top - _T) / (top - burn)) ** 2)
    return np.where(top > _T, up, np.clip(1 - (_T - top) * rng.uniform(0.8, 2.5), 0, None))


def _flare(rng: Rng, beats: FloatArray) -> Array:
    """Draw the X-rays of a flare on a logarithmic scale, in noise."""
    x = _since(rng.uniform(0.1, 0.4))
    bright = 0.02 + (1 - np.exp(-x / rng.uniform(0.01, 0.04))) * np.exp(-x / rng.uniform(0.05, 0.25))
    return np.asarray(np.log(bright) + 0.05 * rng.normal(0, 1, _T.size))


def _hormone(rng: Rng, beats: FloatArray) -> Array:
    """Draw samples of a hormone that is released once, joined by lines."""
    places = np.linspace(0, 1, int(rng.integers(8, 24)))
    x = np.clip(places - rng.uniform(0.1, 0.4), 0, None) / rng.uniform(0.03, 0.12)
    return np.interp(_T, places, x * np.exp(-x) + 0.03 * rng.normal(0, 1, places.size))


def _lens(rng: Rng, beats: FloatArray) -> Array:
    """Draw a star before which another one passes: brighter, the same on both sides."""
    u = np.sqrt(rng.uniform(0.05, 0.5) ** 2 + ((_T - rng.uniform(0.35, 0.65)) / rng.uniform(0.06, 0.2)) ** 2)
    return np.asarray((u**2 + 2) / (u * np.sqrt(u**2 + 4)) + 0.01 * rng.normal(0, 1, _T.size))


def _outage(rng: Rng, beats: FloatArray) -> Array:
    """Draw the visitors of a page that is down for a while."""
    usual = 1 + 0.15 * np.sin(2 * np.pi * (_T + rng.random())) + rng.uniform(0.01, 0.05) * rng.normal(0, 1, _T.size)
    start, length = rng.uniform(0.2, 0.7), rng.uniform(0.03, 0.25)
    return np.asarray(usual * (1 - rng.uniform(0.7, 1) * ((start < _T) & (start + length > _T))))


def _any_event(rng: Rng, beats: FloatArray) -> Array:
    return single_event(rng, _T)


EVENTS: Final[Mapping[str, Callable[[Rng, FloatArray], Array]]] = MappingProxyType(
    {
        "muscle twitch": _twitch,
        "calcium": _calcium,
        "blast": _blast,
        "retina": _retina,
        "evoked potential": _evoked,
        "pupil": _pupil,
        "swallowing": _swallow,
        "braking": _braking,
        "sea level": _gauge,
        "titration": _titration,
        "heat flow": _heat_flow,
        "dive": _dive,
        "rocket": _flight,
        "flare": _flare,
        "hormone": _hormone,
        "gravitational lens": _lens,
        "outage": _outage,
        "single event": _any_event,
    }
)
