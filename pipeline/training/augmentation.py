"""Random changes to the content of a picture that do not change its class."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from pipeline.config import Config, PictureConfig
from pipeline.features.beat_image import draw, trace_content
from pipeline.features.beat_image_content import PictureContent
from pipeline.signal.conditioning import condition
from pipeline.synthesis.noise import NOISES, read_noise
from pipeline.types import FloatArray, PictureArray, read_only


@dataclass(frozen=True, eq=False)
class RecordedNoise:
    """Noise to be added to `share` of the pictures, at most `level` of the usual QRS height (RMS).

    `values` (m,) float32 have a mean square of 1 and the rate of the working signal.
    """

    share: float
    level: float
    values: FloatArray = field(repr=False)


def read_recorded_noise(folder: Path, config: Config, *, share: float, level: float) -> RecordedNoise:
    """Read the first half of each noise of nstdb, filtered like recordings and joined.

    Parameters
    ----------
    folder : Path
        The folder of nstdb.
    config : Config
        Settings of the pipeline.
    share : float
        Share of the pictures that get noise.
    level : float
        Largest noise, in usual QRS heights (RMS).

    Raises
    ------
    DataError
        If one is missing.
    """
    parts = []
    for name in NOISES:
        noise = read_noise(folder, name)
        signal = condition(noise, noise.leads[:1], config.signal).signal[:, 0]
        half = signal[: signal.size // 2]
        parts.append(half / max(float(half.std()), 1e-6))
    return RecordedNoise(share, level, read_only(np.concatenate(parts).astype(np.float32)))


@dataclass(frozen=True)
class Augmentation:
    """How often and how much; each share is a probability per picture."""

    plain: float = 0.15  # only the trace of one beat, as in an uploaded picture
    drop_second: float = 0.15
    drop_usual: float = 0.10
    drop_strip: float = 0.08
    drop_rr: float = 0.05
    gain_log_sd: float = 0.15
    warp: float = 0.10  # time axis of the beat stretched by up to this
    shift_points: float = 2.5
    noise: float = 0.05  # in units of the usual QRS height
    tilt: float = 0.10
    recorded: RecordedNoise | None = field(default=None, repr=False)


def draw_augmented(
    content: PictureContent, config: PictureConfig, rng: np.random.Generator, strength: Augmentation
) -> PictureArray:
    """Change contents at random and draw them.

    Parameters
    ----------
    content : PictureContent
        What n pictures show.
    config : PictureConfig
        Geometry of the picture.
    rng : Generator
        Random generator.
    strength : Augmentation
        How often and how much.

    Returns
    -------
    (n, height_px, width_px, 3) uint8
        Pictures.
    """
    plain = rng.random(len(content)) < strength.plain
    pictures = np.empty((len(content), config.height_px, config.width_px, 3), np.uint8)
    if plain.any():
        pictures[plain] = draw(
            trace_content(as_trace(content.first[plain], config, rng, strength.noise), config), config
        )
    if not plain.all():
        pictures[~plain] = draw(_changed(content.take(np.flatnonzero(~plain)), rng, strength), config)
    return pictures


def as_trace(first: FloatArray, config: PictureConfig, rng: np.random.Generator, noise: float) -> FloatArray:
    """Turn beats into traces like those of pictures cut anywhere from tightly around the QRS to the whole window.

    Parameters
    ----------
    first : (n, n_points) float32
        Beats over the beat window.
    config : PictureConfig
        Geometry of the picture.
    rng : Generator
        Random generator.
    noise : float
        Amount of noise, usual QRS heights.

    Returns
    -------
    (n, n_points) float32
        In 0..1.
    """
    n, points = first.shape
    before, span = config.beat_before_s, config.beat_before_s + config.beat_after_s
    start = (before - rng.uniform(0.12, before, (n, 1))) / span
    stop = (before + rng.uniform(0.18, config.beat_after_s, (n, 1))) / span
    position = (start + (stop - start) * np.linspace(0, 1, points)) * (points - 1)
    traces = _sampled(first, position) + _noise(first.shape, rng, noise)
    low, high = traces.min(axis=1, keepdims=True), traces.max(axis=1, keepdims=True)
    return np.asarray((traces - low) / np.maximum(high - low, 1e-6), np.float32)


def _changed(content: PictureContent, rng: np.random.Generator, strength: Augmentation) -> PictureContent:
    n, points = content.first.shape
    gain = np.exp(rng.normal(0, strength.gain_log_sd, (n, 1))).astype(np.float32)
    centre = np.arange(points) - (points - 1) / 2
    warp = 1 + rng.uniform(-strength.warp, strength.warp, (n, 1))
    position = centre * warp + (points - 1) / 2 + rng.uniform(-strength.shift_points, strength.shift_points, (n, 1))
    tilt = np.asarray(rng.normal(0, strength.tilt, (n, 1)) * np.linspace(-0.5, 0.5, points), np.float32)
    first, second = (
        gain * _sampled(curve, position) + _noise((n, points), rng, strength.noise)
        for curve in (content.first, content.second)
    )
    if strength.recorded is not None:
        first, second = (curve + _recorded((n, points), rng, strength.recorded) for curve in (first, second))
    return replace(
        content,
        first=first + tilt,
        second=_dropped(second, rng, strength.drop_second),
        usual=_dropped(gain * _sampled(content.usual, position), rng, strength.drop_usual),
        strip=_dropped(gain[..., None] * content.strip, rng, strength.drop_strip),
        rr_ratio=_dropped(content.rr_ratio, rng, strength.drop_rr),
    )


def _sampled(curve: FloatArray, position: NDArray[np.float64]) -> FloatArray:
    """Interpolate each row of `curve` (n, n_points) linearly at its own positions (n, m)."""
    inside = np.clip(position, 0, curve.shape[1] - 1)
    left = np.minimum(np.floor(inside).astype(np.int64), curve.shape[1] - 2)
    share = (inside - left).astype(np.float32)
    below, above = np.take_along_axis(curve, left, 1), np.take_along_axis(curve, left + 1, 1)
    return np.asarray(below * (1 - share) + above * share, np.float32)


def _noise(shape: tuple[int, ...], rng: np.random.Generator, amount: float) -> FloatArray:
    rough = gaussian_filter1d(rng.normal(0, 1, shape), 1.2, axis=1) * 1.7
    return np.asarray(rough * np.abs(rng.normal(0, amount / 2, (shape[0], 1))), np.float32)


def _recorded(shape: tuple[int, int], rng: np.random.Generator, noise: RecordedNoise) -> FloatArray:
    start = rng.integers(0, noise.values.size - shape[1], (shape[0], 1))
    level = rng.uniform(0, noise.level, (shape[0], 1)) * (rng.random((shape[0], 1)) < noise.share)
    return np.asarray(noise.values[start + np.arange(shape[1])] * level, np.float32)


def _dropped(values: FloatArray, rng: np.random.Generator, share: float) -> FloatArray:
    gone = rng.random(len(values)) < share
    return np.where(gone.reshape(-1, *[1] * (values.ndim - 1)), np.float32(np.nan), values)
