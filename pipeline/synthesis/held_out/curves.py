"""Curves that are not beats and that only the evaluation draws: medicine other than ECG, physics, finance, machines."""

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
    """Return noise (400,) without detail finer than `width` points, of about unit size."""
    rough = cv2.GaussianBlur(rng.normal(0, 1, (1, T.size)), (0, 0), width)[0]
    return np.asarray(rough / rough.std())


def _bell(at: Any, width: Any) -> Array:
    """Return a bell of height 1."""
    return np.asarray(np.exp(-0.5 * ((T - at) / width) ** 2))


def _pulse(rng: Rng) -> Array:
    """Draw a finger pulse by light: one to five waves, each with a second hump."""
    phase = (rng.uniform(1, 5) * T + rng.random()) % 1
    humps = [(0.2, 0.075, 1.0), (0.45, 0.12, rng.uniform(0.3, 0.6)), (1.2, 0.075, 1.0)]
    wave = sum(height * np.exp(-0.5 * ((phase - at) / width) ** 2) for at, width, height in humps)
    return np.asarray(wave + 0.1 * _soft(rng, 60))


def _spirometry(rng: Rng) -> Array:
    """Draw volume over time: quiet breaths, then everything out at once."""
    start = rng.uniform(0.3, 0.55)
    quiet = 0.12 * np.sin(2 * np.pi * rng.uniform(4, 8) * T) * (start - 0.08 > T)
    deep = 0.7 * np.clip((T - start + 0.08) / 0.08, 0, 1)
    out = 1 - np.exp(-np.clip(T - start, 0, None) * rng.uniform(6, 20))
    return quiet + deep - 1.4 * out


def _respiration(rng: Rng) -> Array:
    """Draw a chest belt: quick breaths in, slow breaths out."""
    phase = (rng.uniform(1.5, 6) * T + 0.02 * _soft(rng, 50)) % 1
    return np.sin(np.pi * phase ** rng.uniform(0.5, 0.8)) * (1 + 0.15 * _soft(rng, 70))


def _muscle(rng: Rng) -> Array:
    """Draw a muscle that works now and then."""
    bursts = np.clip(np.sin(2 * np.pi * (rng.uniform(0.8, 3) * T + rng.random())) * 4, 0, 1)
    return np.asarray((0.05 + bursts) * rng.normal(0, 1, T.size))


def _spike_and_wave(rng: Rng) -> Array:
    """Draw an absence seizure: a spike and a slow wave, three times a second."""
    phase = (rng.uniform(3, 8) * T + rng.random()) % 1
    spike = np.exp(-0.5 * ((phase - 0.15) / 0.03) ** 2)
    return np.asarray(spike - 0.8 * np.exp(-0.5 * ((phase - 0.55) / 0.17) ** 2) + 0.06 * _soft(rng, 4))


def _fetal_rate(rng: Rng) -> Array:
    """Draw a fetal heart rate: variable, with decelerations."""
    falls = sum(_bell(at, rng.uniform(0.02, 0.05)) for at in rng.uniform(0.1, 0.9, int(rng.integers(1, 4))))
    return np.asarray(140 + 5 * _soft(rng, 5) - rng.uniform(20, 45) * falls)


def _glucose(rng: Rng) -> Array:
    """Draw blood sugar over a day with three meals."""
    meals = sum(
        rng.uniform(0.5, 1) * np.clip(T - at, 0, None) * np.exp(-np.clip(T - at, 0, None) / 0.05) / 0.018
        for at in np.array([0.3, 0.52, 0.78]) + rng.normal(0, 0.02, 3)
    )
    return np.asarray(5 + 3 * meals + 0.2 * _soft(rng, 9))


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
    return np.clip(_bell(rng.uniform(0.35, 0.5), rng.uniform(0.12, 0.2)) * (1 + 0.12 * _soft(rng, 8)), 0, None)


def _muscle_cell(rng: Rng) -> Array:
    """Draw the voltage of a heart muscle cell: up, a plateau, down."""
    start, length = rng.uniform(0.1, 0.25), rng.uniform(0.3, 0.5)
    up = 1 / (1 + np.exp(-(T - start) / 0.004))
    down = 1 / (1 + np.exp((T - start - length) / rng.uniform(0.02, 0.05)))
    return up * down * (1 - 0.25 * np.clip((T - start) / length, 0, 1)) + 0.15 * _bell(start, 0.008)


# Physics, chemistry, machines --------------------------------------------------------------------------------------


def _inspiral(rng: Rng) -> Array:
    """Draw the merger of two black holes."""
    left = np.clip(rng.uniform(0.75, 0.9) - T, 0, None)
    chirp = np.cos(-2 * np.pi * rng.uniform(12, 22) * left**0.625) * (left + 0.02) ** -0.25 * (left > 0)
    return np.asarray(chirp + 0.1 * rng.normal(0, 1, T.size))


def _pull_test(rng: Rng) -> Array:
    """Draw stress over strain of a metal: elastic, yielding, hardening, broken."""
    elastic, broken = rng.uniform(0.06, 0.15), rng.uniform(0.85, 0.97)
    plastic = 0.6 + 0.4 * np.sin(0.5 * np.pi * np.clip((T - elastic) / (0.8 - elastic), 0, 1.25))
    return np.where(broken < T, 0, np.where(elastic > T, 0.62 * T / elastic, plastic))


def _potential(rng: Rng) -> Array:
    """Draw the energy of two atoms over their distance."""
    r = 0.93 + rng.uniform(1.2, 2.2) * T
    return np.minimum(r**-12 - r**-6, rng.uniform(0.2, 1.0))


def _chromatogram(rng: Rng) -> Array:
    """Draw peaks with tails on a rising baseline."""
    total = rng.uniform(0, 0.4) * T
    for at in rng.uniform(0.05, 0.9, int(rng.integers(5, 14))):
        since, width = T - at, rng.uniform(0.004, 0.012)
        total = total + rng.random() * np.exp(-0.5 * (np.minimum(since, 0) / width) ** 2 - np.maximum(since, 0) / 0.02)
    return np.asarray(total)


def _transmission(rng: Rng) -> Array:
    """Draw an infrared spectrum: bands that hang down from nearly full transmission."""
    at, width = rng.random((14, 1)), rng.uniform(0.004, 0.04, (14, 1))
    return np.asarray(np.prod(1 - rng.uniform(0.05, 0.9, (14, 1)) * np.exp(-0.5 * ((T - at) / width) ** 2), axis=0))


def _supernova(rng: Rng) -> Array:
    """Draw the light of a supernova: up in days, down in weeks."""
    start, rise, fall = rng.uniform(0.08, 0.25), rng.uniform(0.015, 0.04), rng.uniform(0.1, 0.3)
    return np.asarray(np.exp(-(T - start) / fall) / (1 + np.exp(-(T - start) / rise)) + rng.normal(0, 0.01, T.size))


def _planet(rng: Rng) -> Array:
    """Draw a star whose planet passes: a shallow dip."""
    half, edge = rng.uniform(0.1, 0.2), rng.uniform(0.01, 0.04)
    inside = 1 / (1 + np.exp((np.abs(T - 0.5) - half) / edge))
    return np.asarray(-inside * (1 + 0.1 * np.cos(np.pi * (T - 0.5) / half)) + 0.03 * rng.normal(0, 1, T.size))


def _solar_cell(rng: Rng) -> Array:
    return np.asarray(1 - np.expm1(rng.uniform(8, 20) * T) / np.expm1(rng.uniform(8, 20)) - rng.uniform(0, 0.2) * T)


def _thermostat(rng: Rng) -> Array:
    """Draw a room that is heated on and off."""
    phase, on = (rng.uniform(2, 7) * T + rng.random()) % 1, rng.uniform(0.2, 0.5)
    return np.where(phase < on, phase / on, 1 - (np.clip(phase - on, 0, None) / (1 - on)) ** 0.8) + 0.02 * _soft(rng, 3)


def _gibbs(rng: Rng) -> Array:
    """Draw a square wave made of few sines."""
    phase, n = 2 * np.pi * (rng.uniform(0.8, 2.5) * T + rng.random()), int(rng.integers(3, 12))
    return np.asarray(sum(np.sin((2 * k + 1) * phase) / (2 * k + 1) for k in range(n)))


def _steps_walked(rng: Rng) -> Array:
    """Draw what a phone in a pocket measures: heel, sole, heel, sole."""
    phase = (rng.uniform(3, 9) * T + rng.random()) % 1
    heel = np.exp(-phase / 0.06) * np.cos(2 * np.pi * 7 * phase)
    return np.asarray(heel + 0.4 * np.sin(2 * np.pi * phase) + 0.1 * _soft(rng, 3))


def _speech(rng: Rng) -> Array:
    """Draw a few syllables."""
    syllables = sum(_bell(at, rng.uniform(0.03, 0.07)) for at in rng.uniform(0.1, 0.9, int(rng.integers(2, 6))))
    return np.asarray((0.02 + syllables) * np.sin(2 * np.pi * 60 * T + 3 * _soft(rng, 10)))


# Finance, nature, statistics ---------------------------------------------------------------------------------------


def _crash(rng: Rng) -> Array:
    """Draw a share that rises for years and falls in a week."""
    walk = np.cumsum(rng.normal(0.02, 0.25, T.size)) / 12
    return walk - rng.uniform(0.8, 2) / (1 + np.exp(-(T - rng.uniform(0.5, 0.8)) / 0.008))


def _river(rng: Rng) -> Array:
    """Draw a river after one to three storms."""
    total = 0.1 + 0 * T
    for start in rng.uniform(0.05, 0.7, int(rng.integers(1, 4))):
        x = np.clip(T - start, 0, None)
        total = total + rng.uniform(0.3, 1) * (x / 0.03) ** 2 * np.exp(-((x / 0.03) ** rng.uniform(0.6, 0.9)))
    return np.asarray(total)


def _precision(rng: Rng) -> Array:
    """Draw precision over recall."""
    hits = rng.random(300) < np.linspace(1, rng.uniform(0, 0.3), 300) ** rng.uniform(0.5, 2)
    precision = np.cumsum(hits) / np.arange(1, 301)
    return np.interp(T, np.cumsum(hits) / max(1, hits.sum()), precision)


def _histogram(rng: Rng) -> Array:
    """Draw the outline of a histogram."""
    values = np.concatenate([rng.normal(0, 1, 300), rng.normal(rng.uniform(1, 4), 0.6, int(rng.integers(20, 200)))])
    counts = np.histogram(values, int(rng.integers(8, 40)))[0]
    return np.asarray(counts[np.minimum((T * counts.size).astype(int), counts.size - 1)].astype(np.float64))


def _loss(rng: Rng) -> Array:
    """Draw the loss of a network in training."""
    falls = np.exp(-T * rng.uniform(4, 14)) + rng.uniform(0.05, 0.2)
    return np.asarray(falls * np.exp(0.12 * rng.normal(0, 1, T.size)) + 0.4 * (rng.random(T.size) < 0.008))


def _carbon(rng: Rng) -> Array:
    """Draw seasons on a trend."""
    return 3 * T ** rng.uniform(1, 1.6) + 0.15 * np.sin(2 * np.pi * rng.uniform(8, 25) * T)


def _hares(rng: Rng) -> Array:
    """Draw the number of hares where lynxes live."""
    prey, hunters, numbers = rng.uniform(0.5, 2), rng.uniform(0.5, 2), []
    for _ in range(400):
        for _ in range(4):
            prey, hunters = prey + 0.012 * prey * (1 - hunters), hunters + 0.012 * hunters * (prey - 1)
        numbers.append(prey)
    return np.array(numbers)


def _density(rng: Rng) -> Array:
    """Draw a density of waiting times: gamma, Weibull or log-normal."""
    x, shape = 0.01 + rng.uniform(3, 8) * T, rng.uniform(1.2, 4)
    forms = (x ** (shape - 1) * np.exp(-x), x ** (shape - 1) * np.exp(-((x / 2) ** shape)),
             np.exp(-0.5 * (np.log(x) / 0.5) ** 2) / x)  # fmt: skip
    return np.asarray(forms[int(rng.integers(3))])


def _battery(rng: Rng) -> Array:
    """Draw the charge of a phone over days."""
    phase = (rng.uniform(1.5, 5) * T + rng.random()) % 1
    return np.where(
        phase < 0.15, phase / 0.15, 1 - 0.9 * (np.clip(phase - 0.15, 0, None) / 0.85) ** rng.uniform(0.7, 1.3)
    )


def _chaos(rng: Rng) -> Array:
    x, values = rng.random(), []
    for _ in range(int(rng.integers(30, 90))):
        x = 3.9 * x * (1 - x)
        values.append(x)
    return np.interp(T, np.linspace(0, 1, len(values)), values)


HELD_OUT_CURVES: Final[Mapping[str, Callable[[Rng], Array]]] = MappingProxyType(
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
        "inspiral": _inspiral,
        "pull test": _pull_test,
        "two atoms": _potential,
        "chromatogram": _chromatogram,
        "infrared": _transmission,
        "supernova": _supernova,
        "planet": _planet,
        "solar cell": _solar_cell,
        "thermostat": _thermostat,
        "few sines": _gibbs,
        "steps walked": _steps_walked,
        "speech": _speech,
        "crash": _crash,
        "river": _river,
        "precision and recall": _precision,
        "histogram": _histogram,
        "loss in training": _loss,
        "seasons": _carbon,
        "hares": _hares,
        "waiting times": _density,
        "battery": _battery,
        "chaos": _chaos,
    }
)
