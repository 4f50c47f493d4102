"""Medical curves that are not ECGs and that only the evaluation draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from pipeline.synthesis.held_out.line import Array, Rng, T, bell, soft


def _pulse(rng: Rng) -> Array:
    """Draw a finger pulse by light: one to five waves, each with a second hump."""
    phase = (rng.uniform(1, 5) * T + rng.random()) % 1
    humps = [(0.2, 0.075, 1.0), (0.45, 0.12, rng.uniform(0.3, 0.6)), (1.2, 0.075, 1.0)]
    wave = sum(height * np.exp(-0.5 * ((phase - at) / width) ** 2) for at, width, height in humps)
    return np.asarray(wave + 0.1 * soft(rng, 60))


def _spirometry(rng: Rng) -> Array:
    """Draw volume over time: quiet breaths, then everything out at once."""
    start = rng.uniform(0.3, 0.55)
    quiet = 0.12 * np.sin(2 * np.pi * rng.uniform(4, 8) * T) * (start - 0.08 > T)
    deep = 0.7 * np.clip((T - start + 0.08) / 0.08, 0, 1)
    out = 1 - np.exp(-np.clip(T - start, 0, None) * rng.uniform(6, 20))
    return quiet + deep - 1.4 * out


def _respiration(rng: Rng) -> Array:
    """Draw a chest belt: quick breaths in, slow breaths out."""
    phase = (rng.uniform(1.5, 6) * T + 0.02 * soft(rng, 50)) % 1
    return np.sin(np.pi * phase ** rng.uniform(0.5, 0.8)) * (1 + 0.15 * soft(rng, 70))


def _muscle(rng: Rng) -> Array:
    """Draw a muscle that works now and then."""
    bursts = np.clip(np.sin(2 * np.pi * (rng.uniform(0.8, 3) * T + rng.random())) * 4, 0, 1)
    return np.asarray((0.05 + bursts) * rng.normal(0, 1, T.size))


def _spike_and_wave(rng: Rng) -> Array:
    """Draw an absence seizure: a spike and a slow wave, three times a second."""
    phase = (rng.uniform(3, 8) * T + rng.random()) % 1
    spike = np.exp(-0.5 * ((phase - 0.15) / 0.03) ** 2)
    return np.asarray(spike - 0.8 * np.exp(-0.5 * ((phase - 0.55) / 0.17) ** 2) + 0.06 * soft(rng, 4))


def _fetal_rate(rng: Rng) -> Array:
    """Draw a fetal heart rate: variable, with decelerations."""
    falls = sum(bell(at, rng.uniform(0.02, 0.05)) for at in rng.uniform(0.1, 0.9, int(rng.integers(1, 4))))
    return np.asarray(140 + 5 * soft(rng, 5) - rng.uniform(20, 45) * falls)


def _glucose(rng: Rng) -> Array:
    """Draw blood sugar over a day with three meals."""
    meals = sum(
        rng.uniform(0.5, 1) * np.clip(T - at, 0, None) * np.exp(-np.clip(T - at, 0, None) / 0.05) / 0.018
        for at in np.array([0.3, 0.52, 0.78]) + rng.normal(0, 0.02, 3)
    )
    return np.asarray(5 + 3 * meals + 0.2 * soft(rng, 9))


def _nerve_cell(rng: Rng) -> Array:
    """Draw a spike train of a nerve cell."""
    at = np.sort(rng.random(int(rng.integers(4, 12))))[:, None]
    since = T - at
    spikes = np.exp(-0.5 * (since / 0.004) ** 2) - 0.25 * np.exp(-since / 0.03) * (since > 0)
    return np.asarray(spikes.sum(axis=0) + 0.1 * T)


def _doppler(rng: Rng) -> Array:
    """Draw blood flow in an artery: forward, back, forward, several times."""
    phase = (rng.uniform(2, 5) * T + rng.random()) % 1
    forward = np.exp(-0.5 * ((phase - 0.15) / 0.06) ** 2)
    return np.asarray(
        forward - 0.3 * np.exp(-0.5 * ((phase - 0.38) / 0.05) ** 2) + 0.15 * np.exp(-0.5 * ((phase - 0.55) / 0.08) ** 2)
    )


def _urine_flow(rng: Rng) -> Array:
    return np.clip(bell(rng.uniform(0.35, 0.5), rng.uniform(0.12, 0.2)) * (1 + 0.12 * soft(rng, 8)), 0, None)


def _muscle_cell(rng: Rng) -> Array:
    """Draw the voltage of a heart muscle cell: up, a plateau, down."""
    start, length = rng.uniform(0.1, 0.25), rng.uniform(0.3, 0.5)
    up = 1 / (1 + np.exp(-(T - start) / 0.004))
    down = 1 / (1 + np.exp((T - start - length) / rng.uniform(0.02, 0.05)))
    return up * down * (1 - 0.25 * np.clip((T - start) / length, 0, 1)) + 0.15 * bell(start, 0.008)


MEDICAL_CURVES: Final[Mapping[str, Callable[[Rng], Array]]] = MappingProxyType(
    {
        "finger pulse": _pulse,
        "spirometry": _spirometry,
        "respiration": _respiration,
        "muscle": _muscle,
        "spike and wave": _spike_and_wave,
        "fetal heart rate": _fetal_rate,
        "blood sugar": _glucose,
        "nerve cell": _nerve_cell,
        "artery's flow": _doppler,
        "urine flow": _urine_flow,
        "muscle cell": _muscle_cell,
    }
)
