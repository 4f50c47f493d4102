"""Measures of a trace: the features from which trees judge its shape."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

POINTS: Final = 128  # per trace
_LEVELS: Final = (0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95)
_WIDTHS: Final = (3, 7, 15, 31)  # of smoothing windows, in points
_NEAR: Final = (3, 6, 12)  # points around the steepest place
_OFFSETS: Final = np.arange(-54, 55, 6)  # places around the steepest one
_BLOCKS: Final = 16
_WAVES: Final = 24  # coefficients of the spectrum
_STILL: Final = 0.004  # a step this small counts as level
_TINY: Final = 1e-6


def shape_measures(rows: NDArray[Any]) -> Array:
    """Measure traces (n, POINTS) in 0..1, (n, k): heights, paths, bends, frequencies, and around the steepest point."""
    x = np.asarray(rows, np.float32)
    steps = np.diff(x, axis=1)
    parts = (_heights(x), _ways(x, steps), _bends(x, steps), _around(x, steps), _coarse(x))
    return np.concatenate(parts, axis=1).astype(np.float32)


def _heights(x: Array) -> Array:
    """Return shares above levels, crossings of levels, the most frequent heights, and the ends."""
    above = np.stack([x > level for level in _LEVELS], axis=1)
    crossings = (above[:, :, 1:] != above[:, :, :-1]).sum(axis=2)
    bins = np.stack([(x * 9.999).astype(int) == k for k in range(10)], axis=1).mean(axis=2)
    ends = np.stack([np.median(x, axis=1), x[:, 0], x[:, -1], x.argmax(axis=1), x.argmin(axis=1)], axis=1)
    usual = np.stack([bins.max(axis=1), bins.argmax(axis=1), np.sort(bins, axis=1)[:, -3:].sum(axis=1)], axis=1)
    return np.concatenate([above.mean(axis=2), crossings, ends, usual], axis=1)


def _ways(x: Array, steps: Array) -> Array:
    """Return how far the line goes up and down, and within how little of the width."""
    steep = np.abs(steps)
    total = np.maximum(steep.sum(axis=1, keepdims=True), _TINY)
    way = np.cumsum(steep, axis=1) / total
    ordered = np.sort(steep, axis=1)[:, ::-1]
    shares = np.cumsum(ordered, axis=1)[:, [3, 7, 15, 31, 63]] / total
    narrow = [(way < 1 - tail).mean(axis=1) - (way < tail).mean(axis=1) for tail in (0.1, 0.25)]
    middle = [(way < share).mean(axis=1) for share in (0.1, 0.25, 0.5, 0.75, 0.9)]
    plain = [total[:, 0], steep.max(axis=1), steps.max(axis=1), steps.min(axis=1), (steep < _STILL).mean(axis=1),
             (x[:, -1] - x[:, 0]) / total[:, 0], (steps > _STILL).mean(axis=1),
             (steps < -_STILL).mean(axis=1)]  # fmt: skip
    return np.concatenate([shares, np.stack([*narrow, *middle, *plain], axis=1)], axis=1)


def _bends(x: Array, steps: Array) -> Array:
    """Return how often it turns at several scales, how much of it is finer than they are, how much is straight."""
    found = []
    for width in _WIDTHS:
        smooth = _smoothed(x, width)
        slope = np.diff(smooth, axis=1)
        fine = np.abs(x - smooth)
        found += [(slope[:, 1:] * slope[:, :-1] < 0).sum(axis=1), fine.mean(axis=1), fine.max(axis=1),
                  fine.max(axis=1) / np.maximum(fine.mean(axis=1), _TINY)]  # fmt: skip
    bend = np.abs(np.diff(steps, axis=1))
    found += [bend.mean(axis=1), bend.max(axis=1), np.median(bend, axis=1), (bend < 0.5 * _STILL).mean(axis=1),
              (steps[:, 1:] * steps[:, :-1] < 0).mean(axis=1)]  # fmt: skip
    return np.stack(found, axis=1)


def _around(x: Array, steps: Array) -> Array:
    """Return what lies around the steepest place: heights, and how steep it is near and far."""
    steep = np.abs(_smoothed(steps, 3))
    place = steep.argmax(axis=1)[:, None]
    total = np.maximum(steep.sum(axis=1), _TINY)
    distance = np.abs(np.arange(steps.shape[1]) - place)
    near = [np.where(distance <= reach, steep, 0).sum(axis=1) / total for reach in _NEAR]
    far = [np.where(distance > 2 * reach, steep, 0).max(axis=1) / np.maximum(steep.max(axis=1), _TINY)
           for reach in _NEAR]  # fmt: skip
    at = np.clip(place + _OFFSETS, 0, x.shape[1] - 1)
    heights = x[np.arange(len(x))[:, None], at]
    mirrored = (x[np.arange(len(x))[:, None], np.clip(place - _OFFSETS, 0, x.shape[1] - 1)] - heights)[:, :9]
    return np.concatenate(
        [place / x.shape[1], np.stack([*near, *far, np.abs(mirrored).mean(axis=1)], axis=1), heights], axis=1
    )


def _coarse(x: Array) -> Array:
    """Return the means of blocks, and the strength of the first coefficients of the spectrum."""
    blocks = x.reshape(len(x), _BLOCKS, -1).mean(axis=2)
    waves = np.abs(np.fft.rfft(x - x.mean(axis=1, keepdims=True), axis=1)[:, 1 : _WAVES + 1])
    return np.concatenate([blocks, np.log1p(10 * waves)], axis=1)


def _smoothed(x: Array, width: int) -> Array:
    """Return means over `width` points, with the ends repeated."""
    half = width // 2
    total = np.cumsum(np.pad(x.astype(np.float64), ((0, 0), (half + 1, half)), mode="edge"), axis=1)
    return np.asarray((total[:, width:] - total[:, :-width]) / width, np.float32)
