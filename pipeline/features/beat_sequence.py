"""Beats as a sequence: each beat's two leads, the recording's usual beat beside it, and its RR intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.config import SequenceConfig, SignalConfig
from pipeline.signal.windows import gather
from pipeline.types import Beats, FloatArray, IntArray, read_only

LEADS = 2


@dataclass(frozen=True, eq=False)
class SequenceFrame:
    """What a whole recording gives to the row of each beat.

    `usual` (n_points, 2): median of the beats that do not come early, in units of the lead's usual QRS height, 0 for a
    missing lead; `rhythm` (n, n_rhythm): RR intervals as in `rhythm_features`.
    """

    usual: FloatArray
    rhythm: FloatArray


def row_size(config: SequenceConfig) -> int:
    """Numbers per beat in `rows`: the beat, the usual beat, the RR intervals."""
    return 2 * LEADS * config.points + config.rhythm_size


def frame(beats: Beats, config: SequenceConfig, signal: SignalConfig) -> SequenceFrame:
    """What all rows of a recording share, from all of its beats."""
    usual = beats.rr_s >= signal.usual_rr_ratio * beats.mean_rr_s
    at = np.flatnonzero(usual if usual.sum() >= 5 else np.ones(len(beats), np.bool_))
    at = at[:: max(1, at.size // signal.template_beats)]
    template = np.median(waves(beats, at, config), axis=0) if at.size else np.zeros((config.points, LEADS))
    rhythm = rhythm_features(beats.rr_s, beats.mean_rr_s, config)
    return SequenceFrame(read_only(template.astype(np.float32)), read_only(rhythm))


def rows(beats: Beats, index: IntArray, shared: SequenceFrame, config: SequenceConfig) -> FloatArray:
    """The rows (n, row_size) float32 of the beats at `index` (n,): beat, usual beat and RR intervals, flattened."""
    return assembled(waves(beats, index, config), shared.usual, shared.rhythm[index])


def assembled(wave: FloatArray, usual: FloatArray, rhythm: FloatArray) -> FloatArray:
    """Rows (..., row_size) from beats (..., n_points, 2), their usual beat(s), which broadcast, and RR intervals."""
    flat = (*wave.shape[:-2], -1)
    beside = np.broadcast_to(usual, wave.shape)
    return np.concatenate([wave.reshape(flat), beside.reshape(flat), rhythm], axis=-1, dtype=np.float32)


def waves(beats: Beats, index: IntArray, config: SequenceConfig) -> FloatArray:
    """The beats at `index` (n,) on both leads, (n, n_points, 2); 0 outside the recording and for a missing lead."""
    step = round(config.step_s * beats.fs)
    offsets = np.arange(-config.points_before, config.points - config.points_before, dtype=np.int64) * step
    at = beats.r_peak[index][:, None] + offsets
    out = np.zeros((*at.shape, LEADS), np.float32)
    for i in range(min(LEADS, beats.signal.shape[1])):
        out[..., i] = gather(beats.signal[:, i], at)
    return np.clip(out, -config.height_limit, config.height_limit)


def rhythm_features(rr_s: FloatArray, mean_rr_s: float, config: SequenceConfig) -> FloatArray:
    """RR intervals before and after each beat, (n, n_rhythm): relative to the recording and nearby, and absolute.

    Columns: log2 of the interval before and after over the recording's mean, then over each running median
    (`local_beats` on each side), half the log2 of the interval before over 0.8 s, and whether both intervals are
    known; an unknown ratio is 0.
    """
    before, after = rr_s, np.append(rr_s[1:], np.nan)
    bases = [np.full(rr_s.size, mean_rr_s), *(_running_median(rr_s, reach) for reach in config.local_beats)]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [np.log2(rr / base) for base in bases for rr in (before, after)]
        ratios.append(0.5 * np.log2(before / config.absolute_rr_s))
    values = np.stack(ratios, axis=-1)
    known = np.isfinite(values)
    values = 2 * np.where(known, np.clip(values, -config.ratio_limit, config.ratio_limit), 0)
    return np.concatenate([values, known[:, :2]], axis=-1, dtype=np.float32)


def _running_median(values: FloatArray, reach: int) -> NDArray[np.float64]:
    """Median of the known values among `reach` before and after each, itself included; NaN if none is known."""
    edge = np.full(reach, np.nan)
    window = np.sort(sliding_window_view(np.concatenate([edge, values, edge]), 2 * reach + 1), axis=-1)
    count = np.isfinite(window).sum(axis=-1)  # NaN is sorted to the end
    at = np.arange(values.size)
    low, high = window[at, np.maximum(count - 1, 0) // 2], window[at, np.minimum(count // 2, 2 * reach)]
    return np.where(count > 0, (low + high) / 2, np.nan)
