"""Made RR intervals that are irregular, or fast, and yet no fibrillation: what the databases have little of."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

BEATS: Final = 300
JITTER_S: Final = 0.012  # largest standard deviation of the noise from beat to beat
RATES_BPM: Final = (30.0, 280.0)  # of regular rhythms: from escape beats to tachycardia of infants
SINUS_BPM: Final = (45.0, 110.0)


def made(kind: str, rng: np.random.Generator) -> Numbers:
    """Return RR intervals (n,), seconds.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    rng : numpy.random.Generator
        Source of randomness.
    """
    rr_s = KINDS[kind](rng)
    noise = rng.normal(0, rng.uniform(0, JITTER_S), rr_s.size) * np.minimum(1, rr_s)
    return np.asarray(np.maximum(rr_s + noise, 0.2), np.float64)


def _regular(rng: np.random.Generator) -> Numbers:
    """Return one rate, perhaps with a slow drift."""
    rr_s = 60 / np.exp(rng.uniform(*np.log(RATES_BPM)))
    drift = rng.uniform(0, 0.08) * np.sin(np.arange(BEATS) / rng.uniform(20, 120))
    return np.asarray(rr_s * (1 + drift), np.float64)


def _breathing(rng: np.random.Generator) -> Numbers:
    """Return sinus rhythm that follows the breath, as strongly as in the young."""
    k = np.arange(BEATS)
    phase = np.cumsum(2 * np.pi / (rng.uniform(3.5, 7) * np.exp(rng.normal(0, 0.1, BEATS))))
    depth = rng.uniform(0.04, 0.22) * (1 + 0.3 * np.sin(k / 40))
    return 60 / rng.uniform(*SINUS_BPM) * (1 + depth * np.sin(phase))


def _wenckebach(rng: np.random.Generator) -> Numbers:
    """Return groups of beats: the intervals shorten until one beat fails, in cycles of 3:2 to 7:6."""
    atrial_s = 60 / rng.uniform(60, 110)
    intervals: list[float] = []
    while len(intervals) < BEATS:
        conducted = int(rng.integers(2, 7))
        growth = 0.05 * np.exp(-0.5 * np.arange(conducted - 1))
        intervals += [*(atrial_s + growth), 2 * atrial_s - growth.sum()]
    return np.array(intervals[:BEATS])


def _dropped(rng: np.random.Generator) -> Numbers:
    """Return a constant rhythm of which some beats are not conducted: intervals of one to three units."""
    share = rng.uniform(0.05, 0.6)
    units = 1 + (rng.random(BEATS) < share) + (rng.random(BEATS) < share / 10)
    pattern = rng.random() < 0.5
    if pattern:
        units = np.resize(units[: int(rng.integers(2, 6))], BEATS)
    return np.asarray(60 / rng.uniform(60, 110) * units, np.float64)


def _steps(rng: np.random.Generator) -> Numbers:
    """Return runs of tachycardia that begin and end at once."""
    slow_s, fast_s = 60 / rng.uniform(50, 90), 60 / rng.uniform(110, 200)
    fast = np.repeat(rng.random(BEATS // 5 + 1) < rng.uniform(0.1, 0.5), 5)[:BEATS]
    return np.where(fast, fast_s, slow_s)


KINDS: Final = MappingProxyType[str, Callable[[np.random.Generator], Numbers]](
    {
        "regular": _regular,
        "breathing": _breathing,
        "wenckebach": _wenckebach,
        "dropped": _dropped,
        "steps": _steps,
    }
)
