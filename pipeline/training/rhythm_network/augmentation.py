"""Changes that turn a window of beats and its usual beat into another patient's, without changing any class.

A class is defined by how a beat differs from the usual one and when it comes. Other directions of both leads, another
filter, the noise of another day or a second usual shape, as in intermittent block, change neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from pipeline.config import Config
from pipeline.training.augmentation import read_recorded_noise
from pipeline.types import FloatArray, IntArray

Pair = tuple[FloatArray, FloatArray]  # beats (n, points, 2) and their usual beat (points, 2)

QRS: Final = slice(30, 48)  # where a lead's height is measured
MIN_HEIGHT: Final = 0.25  # in usual QRS heights: leads that nearly cancel make no new lead
SLOW_POINTS, WIDE_POINTS = (0.8, 2.0), (6.0, 14.0)  # one standard deviation of the smoothing
SMOOTHER, WITHOUT_WIDE = (-0.5, 0.8), (-0.5, 0.6)  # how much of it
SECOND_BEATS: Final = (1.5, 5.0, 20.0)  # how many beats a second shape lasts, on average


def turned_leads(wave: FloatArray, usual: FloatArray, rng: np.random.Generator) -> Pair:
    """Return two leads in other directions of the plane that both span; unchanged if one is missing.

    Parameters
    ----------
    wave : (n, points, 2) float32
        Beats.
    usual : (points, 2) float32
        Their usual beat.
    rng : Generator
        Random generator.

    Returns
    -------
    tuple
        Changed beats and usual beat.
    """
    angle = rng.uniform(0, 2 * np.pi, 2)
    directions = np.stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    seen = usual @ directions
    height = heights(seen)
    if not usual.any(axis=0).all() or (height < MIN_HEIGHT).any():
        return wave, usual
    scale = heights(usual)[0] / height
    return (wave @ directions) * scale, seen * scale


def filtered(wave: FloatArray, usual: FloatArray, rng: np.random.Generator) -> Pair:
    """Pass both through another filter: smoother or sharper, and with less or more of the slow parts.

    Parameters
    ----------
    wave : (n, points, 2) float32
        Beats.
    usual : (points, 2) float32
        Their usual beat.
    rng : Generator
        Random generator.

    Returns
    -------
    tuple
        Changed beats and usual beat.
    """
    both = np.concatenate([usual[None], wave])
    slow, wide = (gaussian_filter1d(both, rng.uniform(*reach), axis=1) for reach in (SLOW_POINTS, WIDE_POINTS))
    both = both + rng.uniform(*SMOOTHER) * (slow - both) - rng.uniform(*WITHOUT_WIDE) * wide
    before, after = heights(usual), heights(both[0])
    both = (both * np.where(after > MIN_HEIGHT, before / np.maximum(after, MIN_HEIGHT), 1)).astype(np.float32)
    return both[1:], both[0]


def noisy(wave: FloatArray, usual: FloatArray, noise: FloatArray, level: float, rng: np.random.Generator) -> FloatArray:
    """Add a stretch of recorded noise to each beat.

    Parameters
    ----------
    wave : (n, points, 2) float32
        Beats.
    usual : (points, 2) float32
        Their usual beat; a missing lead, all 0, stays 0.
    noise : (m,) float32
        Recorded noise of mean square 1.
    level : float
        Standard deviation of the noise's amplitude, usual QRS heights.
    rng : Generator
        Random generator.

    Returns
    -------
    (n, points, 2) float32
        Changed beats.
    """
    start = rng.integers(0, noise.size - wave.shape[1], (len(wave), 1))
    added = noise[start + np.arange(wave.shape[1])] * np.float32(abs(rng.normal(0, level)))
    return np.asarray(wave + added[..., None] * usual.any(axis=0), np.float32)


def second_shape(
    wave: FloatArray, usual: FloatArray, other: FloatArray, chosen: IntArray, rng: np.random.Generator
) -> FloatArray:
    """Give stretches of the chosen beats another usual shape; part of what is their own remains.

    Parameters
    ----------
    wave : (n, points, 2) float32
        Beats.
    usual : (points, 2) float32
        Their usual beat.
    other : (points, 2) float32
        The other usual shape.
    chosen : (k,) int64
        Beats that may change.
    rng : Generator
        Random generator.

    Returns
    -------
    (n, points, 2) float32
        Changed beats.
    """
    other = other[:, ::-1] if rng.random() < 0.3 else other
    on = np.intersect1d(chosen, np.flatnonzero(_stretches(len(wave), float(rng.choice(SECOND_BEATS)), rng)))
    found = wave.copy()
    height, own = rng.uniform(0.6, 1.4), rng.uniform(0.5, 1.0)
    found[on] = np.float32(height) * other + np.float32(own) * (wave[on] - usual)
    return found


def heights(usual: FloatArray) -> FloatArray:
    """Return the peak-to-peak height of the QRS on each lead, (2,)."""
    return np.asarray(np.ptp(usual[QRS], axis=0), np.float32)


def recorded_noise(folder: Path, config: Config) -> FloatArray:
    """Return the first half of each noise of nstdb in `folder`, (m,), at the rate of the rows; mean square 1.

    Raises
    ------
    DataError
        If one is missing.
    """
    step = round(config.sequence.step_s * config.signal.working_fs_hz)
    return read_recorded_noise(folder, config, share=1.0, level=1.0).values[::step]


def _stretches(n: int, mean: float, rng: np.random.Generator) -> IntArray:
    """Return 1 and 0 in turn (n,), for a few beats each time."""
    lengths = 1 + rng.exponential(mean, n).astype(np.int64)
    return np.repeat((np.arange(n) + rng.integers(2)) % 2, lengths)[:n]
