"""Beats without noise: drawn from waves as in textbooks, averaged over a patient's beats, or smoothed."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

Rng = np.random.Generator
Array = NDArray[Any]


def textbook_beats(count: int, rng: Rng, points: int) -> FloatArray:
    """Draw beats from P, Q, R, S, ST, T and U waves of random place, width and height.

    One in seven is wide, without P, and with T opposite to the QRS; as many are upside down. The waves are bells,
    triangles or arches.

    Parameters
    ----------
    count : int
        Number of beats.
    rng : Generator
        Random generator.
    points : int
        Points per beat.

    Returns
    -------
    (count, points) float32
        In units of the R wave's height.
    """
    before, after = rng.uniform(0.12, 0.36, (count, 1)), rng.uniform(0.38, 0.65, (count, 1))
    t = -before + (before + after) * np.linspace(0, 1, points)
    wide, form = rng.random((count, 1)) < 0.15, rng.random((count, 1))

    def wave(centre: Array, width: Array, height: Array) -> Array:
        return height * _wave((t - centre) / width, form)

    def some(low: float, high: float) -> Array:
        return rng.uniform(low, high, (count, 1))

    def perhaps(chance: float) -> Array:
        return rng.random((count, 1)) < chance

    narrow = (
        wave(-some(0.13, 0.2), some(0.018, 0.035), some(0.05, 0.25) * perhaps(0.88))
        - wave(-some(0.025, 0.04), some(0.008, 0.014), some(0, 0.25) * perhaps(0.6))
        + wave(0 * t[:, :1], some(0.010, 0.022), 1 + 0 * before)
        - wave(some(0.028, 0.045), some(0.009, 0.018), some(0, 0.6) * perhaps(0.7))
        + wave(some(0.2, 0.32), some(0.03, 0.065), some(0.08, 0.5) * rng.choice([1, -1], (count, 1), p=(0.85, 0.15)))
        + wave(some(0.38, 0.48), some(0.02, 0.04), some(0.02, 0.08) * perhaps(0.1))
        + some(-0.25, 0.3) * perhaps(0.3) / (1 + np.exp(-(t - 0.05) / 0.01)) / (1 + np.exp((t - some(0.2, 0.3)) / 0.03))
    )
    broad = (
        wave(0 * before, some(0.035, 0.075), 1 + 0 * before)
        + wave(some(0.05, 0.09), some(0.02, 0.04), some(-0.5, 0.6) * perhaps(0.5))
        - wave(some(0.2, 0.34), some(0.05, 0.1), some(0.15, 0.75))
    )
    turned = np.where(perhaps(0.14), -1, 1)
    return np.asarray(turned * np.where(wide, broad, narrow), np.float32)


def _wave(x: Array, form: Array) -> Array:
    """Return a bell, a triangle or an arch (`form` below 0.7, 0.85 and 1) of about the same width around 0."""
    bell = np.exp(-0.5 * x**2)
    triangle = np.clip(1 - np.abs(x) / 2.2, 0, None)
    arch = np.where(np.abs(x) < 2, np.cos(np.pi * np.clip(x, -2, 2) / 4), 0.0)
    return np.where(form < 0.7, bell, np.where(form < 0.85, triangle, arch))


def smoothed(curves: Array, sigma: float) -> FloatArray:
    """Return curves (n, m) without detail finer than `sigma` points."""
    return np.asarray(
        cv2.GaussianBlur(
            np.asarray(curves, np.float32), (0, 0), sigmaX=sigma, sigmaY=1e-3, borderType=cv2.BORDER_REPLICATE
        )
    )


def averaged(curves: FloatArray, group: NDArray[np.int64], index: NDArray[np.int64], rng: Rng, of: int) -> FloatArray:
    """Average each curve with others of its group.

    Parameters
    ----------
    curves : (all, m) float32
        The curves.
    group : (all,) int64
        Group of each curve, increasing: a group is a stretch of `curves`.
    index : (n,) int64
        Which curves.
    rng : Generator
        Random generator.
    of : int
        How many curves make up a mean, including the curve itself.

    Returns
    -------
    (n, m) float32
        The means.
    """
    start = np.searchsorted(group, group[index], "left")
    size = np.searchsorted(group, group[index], "right") - start
    others = start[:, None] + (rng.random((index.size, of - 1)) * size[:, None]).astype(np.int64)
    total = curves[index].astype(np.float32)
    for column in others.T:
        total = total + curves[column]
    return np.asarray(total / of, np.float32)
