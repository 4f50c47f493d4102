"""Further curves that are not beats and that only the evaluation draws; written after the heads' training was fixed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Array = NDArray[Any]
T: Final = np.linspace(0, 1, 400)


def _soft(rng: Rng, width: float) -> Array:
    """Return noise (400,) without detail finer than `width` points, of unit size."""
    rough = cv2.GaussianBlur(rng.normal(0, 1, (1, T.size)), (0, 0), width)[0]
    return np.asarray(rough / rough.std())


def _bell(at: Any, width: Any) -> Array:
    return np.asarray(np.exp(-0.5 * ((T - at) / width) ** 2))


# Medicine ----------------------------------------------------------------------------------------------------------


def _nerve_conduction(rng: Rng) -> Array:
    """Draw a muscle's answer to a nerve: the stimulus, a delay, up and down."""
    at, width = rng.uniform(0.25, 0.45), rng.uniform(0.03, 0.07)
    stimulus = rng.uniform(0, 0.6) * (np.abs(T - 0.08) < 0.006)
    return np.asarray(stimulus + _bell(at, width) - rng.uniform(0.4, 1) * _bell(at + 2.2 * width, 1.2 * width))


def _k_complex(rng: Rng) -> Array:
    """Draw sleep: one large slow wave, then a spindle."""
    at = rng.uniform(0.25, 0.45)
    wave = 0.6 * _bell(at - 0.06, 0.03) - _bell(at, 0.04) + 0.7 * _bell(at + 0.1, 0.06)
    return np.asarray(wave + 0.2 * _bell(at + 0.3, 0.08) * np.sin(2 * np.pi * 28 * T) + 0.1 * _soft(rng, 4))


def _brainstem(rng: Rng) -> Array:
    """Draw the brainstem's answer to a click: five small waves on a slow one."""
    at = 0.12 + 0.13 * np.arange(5) + rng.normal(0, 0.008, 5)
    waves = sum(h * _bell(a, 0.022) for a, h in zip(at, rng.uniform(0.4, 1, 5), strict=True))
    return np.asarray(waves - 0.8 * _bell(0.85, 0.12) + 0.08 * _soft(rng, 4))


def _saturation(rng: Rng) -> Array:
    """Draw oxygen saturation in sleep apnoea: slow falls and quick returns."""
    phase = (rng.uniform(2, 6) * T + rng.random()) % 1
    return np.where(phase < 0.75, -((phase / 0.75) ** 1.6), (phase - 0.75) / 0.25 - 1) + 0.03 * _soft(rng, 3)


def _contractions(rng: Rng) -> Array:
    """Draw labour: the pressure of contractions, alike and far apart."""
    at = np.arange(rng.uniform(0.05, 0.2), 1, rng.uniform(0.2, 0.4))
    return np.asarray(sum(rng.uniform(0.8, 1) * _bell(a, 0.035) ** 0.8 for a in at) + 0.03 * _soft(rng, 4))


def _skin(rng: Rng) -> Array:
    """Draw the conductance of skin: startled two or three times on a drifting level."""
    total = rng.uniform(-0.6, 0.6) * T
    for start in np.sort(rng.uniform(0.05, 0.7, int(rng.integers(1, 4)))):
        x = np.clip(T - start, 0, None)
        total = total + rng.uniform(0.4, 1) * (np.exp(-x / 0.2) - np.exp(-x / 0.03))
    return np.asarray(total)


def _tremor(rng: Rng) -> Array:
    return np.asarray((1 + 0.5 * _soft(rng, 40)) * np.sin(2 * np.pi * rng.uniform(5, 20) * T) + 0.1 * _soft(rng, 3))


# Physics, chemistry, machines --------------------------------------------------------------------------------------


def _fano(rng: Rng) -> Array:
    """Draw an asymmetric resonance: a peak beside a dip."""
    energy, shape = (T - rng.uniform(0.35, 0.65)) / rng.uniform(0.02, 0.08), rng.uniform(0.5, 3)
    return np.asarray((shape + energy) ** 2 / (1 + energy**2) + 0.02 * _soft(rng, 3))


def _laser(rng: Rng) -> Array:
    """Draw a laser that is switched on: spikes that grow smaller, then steady light."""
    x = np.clip(T - rng.uniform(0.05, 0.25), 0, None)
    spikes = np.exp(-x / 0.12) * (1 + np.cos(2 * np.pi * rng.uniform(9, 18) * x)) ** 2
    return np.asarray((x > 0) * (1 + 0.8 * spikes))


def _turbine(rng: Rng) -> Array:
    """Draw the power of a wind turbine over the wind's speed."""
    starts, full, out = rng.uniform(0.08, 0.15), rng.uniform(0.4, 0.55), rng.uniform(0.85, 0.97)
    return np.asarray(np.clip((T - starts) / (full - starts), 0, 1) ** 3 * (out > T))


def _notch(rng: Rng) -> Array:
    """Draw the gain of a filter that takes out one frequency, in decibels."""
    ratio = 10 ** (2 * T - 1)
    return np.asarray(20 * np.log10(np.abs((1 - ratio**2) / (1 - ratio**2 + 1j * ratio / rng.uniform(0.5, 8))) + 0.01))


def _raman(rng: Rng) -> Array:
    """Draw a Raman spectrum: narrow lines on a hill of fluorescence."""
    lines = sum(rng.uniform(0.1, 1) / (1 + ((T - a) / 0.006) ** 2) for a in rng.random(int(rng.integers(6, 15))))
    return np.asarray(lines + rng.uniform(0.3, 2) * _bell(0.6, 0.35) + 0.02 * rng.normal(0, 1, T.size))


def _diffraction(rng: Rng) -> Array:
    """Draw X-rays behind a powder: a few needles on a level."""
    needles = sum(rng.uniform(0.05, 1) * _bell(a, 0.003) for a in rng.uniform(0.1, 0.95, int(rng.integers(4, 12))))
    return np.asarray(needles + 0.2 * np.exp(-4 * T) + 0.015 * rng.normal(0, 1, T.size))


def _lift(rng: Rng) -> Array:
    """Draw the acceleration in a lift: faster, even, slower."""
    start, ride = rng.uniform(0.05, 0.25), rng.uniform(0.3, 0.6)
    push = [s * np.clip((0.09 - np.abs(T - a)) / 0.04, 0, 1) for a, s in ((start + 0.05, 1), (start + ride, -1))]
    return np.asarray(sum(push) + 0.04 * _soft(rng, 2))


def _bungee(rng: Rng) -> Array:
    """Draw the height of someone on a rubber rope."""
    fall = rng.uniform(0.12, 0.2)
    x = np.clip(T - fall, 0, None)
    bounce = 0.2 + 0.5 * np.exp(-x * rng.uniform(1.5, 3)) * (1 - np.cos(2 * np.pi * x / rng.uniform(0.2, 0.3)))
    return np.where(fall > T, 1 - 0.8 * (T / fall) ** 2, bounce)


def _key_press(rng: Rng) -> Array:
    """Draw the force on a key: up, a snap, the bottom, let go."""
    x = np.clip((T - rng.uniform(0.1, 0.3)) / rng.uniform(0.3, 0.6), 0, 1)
    return np.asarray(np.interp(x, [0, 0.25, 0.35, 0.5, 0.75, 1], [0, 0.6, 0.35, 1, 0.9, 0]) + 0.01 * _soft(rng, 2))


def _enzyme(rng: Rng) -> Array:
    """Draw the rate of an enzyme that too much of its substance slows down."""
    s = 8 * T
    return np.asarray(s / (rng.uniform(0.1, 0.6) + s + s**2 / rng.uniform(1, 8)))


# Nature, society ---------------------------------------------------------------------------------------------------


def _sunspots(rng: Rng) -> Array:
    """Draw cycles of sunspots: quick up, slow down, ragged."""
    phase = (rng.uniform(2, 6) * T + rng.random()) % 1
    return np.asarray(phase * np.exp(-3.5 * phase) * (1 + 0.15 * _soft(rng, 2)) + 0.01)


def _rush_hours(rng: Rng) -> Array:
    """Draw the traffic of a day: a morning and a longer evening."""
    day = _bell(rng.uniform(0.3, 0.36), 0.04) + rng.uniform(0.7, 1.2) * _bell(rng.uniform(0.68, 0.75), 0.07)
    return np.asarray(day + 0.5 * _bell(0.52, 0.13) + 0.03 * _soft(rng, 3))


def _interest(rng: Rng) -> Array:
    """Draw what is searched for: weeks of little, one day of much, a tail."""
    x = np.clip(T - rng.uniform(0.3, 0.7), 0, None)
    return np.asarray(0.08 + 0.03 * np.sin(2 * np.pi * 20 * T) + (x > 0) / (1 + x / rng.uniform(0.01, 0.05)))


def _coin(rng: Rng) -> Array:
    """Draw a currency's price: a random walk with jumps."""
    steps = rng.normal(0, 1, T.size) + rng.normal(0, 12, T.size) * (rng.random(T.size) < 0.015)
    return np.exp(np.cumsum(steps) / 60)


def _oil(rng: Rng) -> Array:
    """Draw the oil of a country over a century."""
    return np.asarray(1 / np.cosh((T - rng.uniform(0.4, 0.6)) / rng.uniform(0.08, 0.18)) ** 2 + 0.03 * _soft(rng, 4))


def _rings(rng: Rng) -> Array:
    """Draw the widths of a tree's rings: narrower with age, good and bad years."""
    years = np.exp(0.3 * rng.normal(0, 1, 60)) * np.linspace(1, rng.uniform(0.3, 0.7), 60)
    return np.interp(T, np.linspace(0, 1, 60), years)


def _oxygen(rng: Rng) -> Array:
    """Draw the oxygen of a lake by depth: even, a steep fall, even."""
    fall = 1 / (1 + np.exp((T - rng.uniform(0.3, 0.6)) / rng.uniform(0.01, 0.06)))
    return np.asarray(fall + rng.uniform(0, 0.4) * _bell(0.4, 0.05) + 0.01 * _soft(rng, 3))


NEW_CURVES: Final[Mapping[str, Callable[[Rng], Array]]] = MappingProxyType(
    {
        "nerve conduction": _nerve_conduction,
        "K-complex": _k_complex,
        "brainstem": _brainstem,
        "oxygen saturation": _saturation,
        "contractions": _contractions,
        "skin conductance": _skin,
        "tremor": _tremor,
        "Fano resonance": _fano,
        "laser": _laser,
        "wind turbine": _turbine,
        "notch filter": _notch,
        "Raman spectrum": _raman,
        "diffraction": _diffraction,
        "lift": _lift,
        "bungee": _bungee,
        "key press": _key_press,
        "enzyme": _enzyme,
        "sunspots": _sunspots,
        "rush hours": _rush_hours,
        "search interest": _interest,
        "coin": _coin,
        "oil": _oil,
        "tree rings": _rings,
        "lake": _oxygen,
    }
)
