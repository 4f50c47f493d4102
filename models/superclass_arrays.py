"""The network over twelve leads in numpy: its features, and the derivative of what its head makes of them.

Both are a few matrix products. Keras needs seconds to be imported and traced, and then takes as long.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.network import Weights
from models.threads import single_threaded_blas

STEM_STRIDE: Final = 2
POOL, POOL_STRIDE = 3, 2
BLOCK_STRIDES: Final = (1, 2)
_BATCH: Final = 60  # windows that are answered at once: 30 MB

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Passed:
    """What a forward pass leaves for the derivative, before each rectification.

    `stem` (n, 150, 64); `largest` (n, 75, 64), which of three neighbours the pooling took; `inner` and `summed` of each
    block, (n, t, filters).
    """

    stem: FloatArray
    largest: NDArray[np.int64]
    inner: tuple[FloatArray, ...]
    summed: tuple[FloatArray, ...]


def features(weights: Weights, windows: FloatArray) -> FloatArray:
    """Return the features (n, 38, 128) of windows (n, 300, 12), before their average over time.

    Parameters
    ----------
    weights : mapping of str to float32 array
        By the paths that `models.superclasses.build` gives them.
    windows : (n, 300, 12) float32
        Scaled leads.
    """
    with single_threaded_blas():
        return np.concatenate([_rectified(_passed(weights, part).summed[-1]) for part in _batches(windows)])


def gradients(weights: Weights, windows: FloatArray, factors: FloatArray) -> FloatArray:
    """Return the derivative (n, 300, 12) of the logits (n, 5) times `factors` (5,), summed, in each value of windows.

    Parameters
    ----------
    weights : mapping of str to float32 array
        By the paths that `models.superclasses.build` gives them.
    windows : (n, 300, 12) float32
        Scaled leads.
    factors : (5,) float32
        What each logit counts.
    """
    with single_threaded_blas():
        return np.concatenate([_gradients(weights, part, factors) for part in _batches(windows)])


def _batches(windows: FloatArray) -> Iterator[FloatArray]:
    return (windows[i : i + _BATCH] for i in range(0, len(windows), _BATCH))


def _passed(weights: Weights, windows: FloatArray) -> _Passed:
    stem = _conv(weights, windows, "stem", STEM_STRIDE)
    padded = np.pad(_rectified(stem), ((0, 0), (1, 1), (0, 0)))
    neighbours = np.lib.stride_tricks.sliding_window_view(padded, POOL, axis=1)[:, ::POOL_STRIDE]
    x, largest = neighbours.max(axis=-1), neighbours.argmax(axis=-1)
    inner, summed = [], []
    for i, stride in enumerate(BLOCK_STRIDES, start=1):
        inner.append(_conv(weights, x, f"block{i}_conv1", stride))
        beside = _conv(weights, x, f"block{i}_shortcut", stride) if stride > 1 else x
        summed.append(_conv(weights, _rectified(inner[-1]), f"block{i}_conv2", 1) + beside)
        x = _rectified(summed[-1])
    return _Passed(stem, largest, tuple(inner), tuple(summed))


def _gradients(weights: Weights, windows: FloatArray, factors: FloatArray) -> FloatArray:
    passed = _passed(weights, windows)
    steps = passed.summed[-1].shape[1]
    flow = np.broadcast_to(weights["head/kernel"] @ factors / np.float32(steps), passed.summed[-1].shape)
    for i, stride in reversed(list(enumerate(BLOCK_STRIDES, start=1))):
        inner = passed.inner[i - 1]
        size = passed.summed[i - 2].shape[1] if i > 1 else passed.largest.shape[1]
        flow = flow * (passed.summed[i - 1] > 0)
        beside = _back(weights, flow, f"block{i}_shortcut", stride, size) if stride > 1 else flow
        within = _back(weights, flow, f"block{i}_conv2", 1, inner.shape[1]) * (inner > 0)
        flow = _back(weights, within, f"block{i}_conv1", stride, size) + beside
    return _back(weights, _unpooled(flow, passed) * (passed.stem > 0), "stem", STEM_STRIDE, windows.shape[1])


def _conv(weights: Weights, x: FloatArray, name: str, stride: int) -> FloatArray:
    kernel = weights[f"{name}/kernel"]
    around = kernel.shape[0] // 2
    padded = np.pad(x, ((0, 0), (around, around), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[0], axis=1)[:, ::stride]
    flat = kernel.transpose(1, 0, 2).reshape(-1, kernel.shape[2])
    return np.asarray(seen.reshape(*seen.shape[:2], -1) @ flat + weights[f"{name}/bias"], np.float32)


def _back(weights: Weights, flow: FloatArray, name: str, stride: int, size: int) -> FloatArray:
    """Return the derivative (n, size, in) in a convolution's input, of that in its output (n, t, out)."""
    kernel = weights[f"{name}/kernel"]
    around = kernel.shape[0] // 2
    out = np.zeros((len(flow), size + 2 * around, kernel.shape[1]), np.float32)
    for tap, matrix in enumerate(kernel):
        out[:, tap : tap + stride * flow.shape[1] : stride] += flow @ matrix.T
    return out[:, around : around + size]


def _unpooled(flow: FloatArray, passed: _Passed) -> FloatArray:
    out = np.zeros((len(flow), passed.stem.shape[1] + 2, flow.shape[2]), np.float32)
    at = passed.largest + POOL_STRIDE * np.arange(flow.shape[1])[:, None]
    np.add.at(out, (np.arange(len(flow))[:, None, None], at, np.arange(flow.shape[2])), flow)
    return out[:, 1:-1]


def _rectified(x: FloatArray) -> FloatArray:
    return np.maximum(x, 0)
