"""Beats as a sequence: each beat's two leads, the recording's usual beat beside it, and its RR intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.config import SequenceConfig, SignalConfig
from pipeline.signal.beat_windows import gather, usual_beats
from pipeline.types import Beats, FloatArray, IntArray, read_only

N_LEADS = 2
TEMPLATE_PARTS = 10


@dataclass(frozen=True, eq=False)
class SequenceFrame:
    """What a whole recording contributes to the row of each beat.

    Attributes
    ----------
    usual : (n_points, 2) float32
        Median of the beats that do not come early, in units of the lead's usual QRS height; 0 for a missing lead.
    rhythm : (n, n_rhythm) float32
        RR intervals as in `rhythm_features`.
    """

    usual: FloatArray
    rhythm: FloatArray


def row_size(config: SequenceConfig) -> int:
    """Return the numbers per beat in `rows`: the beat, the usual beat, the RR intervals."""
    return 2 * N_LEADS * config.points + config.rhythm_size


def frame(beats: Beats, config: SequenceConfig, signal: SignalConfig) -> SequenceFrame:
    """Compute what all rows of a recording share, from all of its beats.

    Parameters
    ----------
    beats : Beats
        The beats of a recording.
    config : SequenceConfig
        Layout of the rows.
    signal : SignalConfig
        Decides which beats are usual.
    """
    at = usual_beats(beats.rr_s, beats.mean_rr_s, signal)
    template = np.zeros((config.points, N_LEADS))
    if at.size:  # a few points at a time: all of a day's beats are many
        parts = np.array_split(_offsets(beats, config), TEMPLATE_PARTS)
        template = np.concatenate([np.median(_cut(beats, at, part, config), axis=0) for part in parts])
    rhythm = rhythm_features(beats.rr_s, beats.mean_rr_s, config)
    return SequenceFrame(read_only(template.astype(np.float32)), read_only(rhythm))


def rows(beats: Beats, index: IntArray, shared: SequenceFrame, config: SequenceConfig) -> FloatArray:
    """Make the rows of some beats: beat, usual beat and RR intervals, flattened.

    Parameters
    ----------
    beats : Beats
        The beats of a recording.
    index : (n,) int64
        Which beats.
    shared : SequenceFrame
        The recording's `frame`.
    config : SequenceConfig
        Layout of the rows.

    Returns
    -------
    (n, row_size) float32
        One row per beat.
    """
    return assembled(waves(beats, index, config), shared.usual, shared.rhythm[index])


def assembled(wave: FloatArray, usual: FloatArray, rhythm: FloatArray) -> FloatArray:
    """Assemble rows from their parts.

    Parameters
    ----------
    wave : (..., n_points, 2) float32
        Beats, in units of the usual QRS height.
    usual : (n_points, 2) or (..., n_points, 2) float32
        Their usual beats; broadcast to `wave`.
    rhythm : (..., n_rhythm) float32
        RR intervals, as in `rhythm_features`.

    Returns
    -------
    (..., row_size) float32
        The rows.
    """
    flat = (*wave.shape[:-2], -1)
    beside = np.broadcast_to(usual, wave.shape)
    return np.concatenate([wave.reshape(flat), beside.reshape(flat), rhythm], axis=-1, dtype=np.float32)


def waves(beats: Beats, index: IntArray, config: SequenceConfig) -> FloatArray:
    """Cut beats out of both leads.

    Parameters
    ----------
    beats : Beats
        The beats of a recording.
    index : (n,) int64
        Which beats.
    config : SequenceConfig
        Number, distance (s) and height limit (usual QRS heights) of the points.

    Returns
    -------
    (n, n_points, 2) float32
        In units of the usual QRS height; 0 outside the recording and for a missing lead.
    """
    return _cut(beats, index, _offsets(beats, config), config)


def _offsets(beats: Beats, config: SequenceConfig) -> IntArray:
    """Return where the points (n_points,) lie, samples from R."""
    step = round(config.step_s * beats.fs)
    return np.arange(-config.points_before, config.points - config.points_before, dtype=np.int64) * step


def _cut(beats: Beats, index: IntArray, offsets: IntArray, config: SequenceConfig) -> FloatArray:
    at = beats.r_peak[index][:, None] + offsets
    out = np.zeros((*at.shape, N_LEADS), np.float32)
    for i in range(min(N_LEADS, beats.signal.shape[1])):
        out[..., i] = gather(beats.signal[:, i], at)
    return np.clip(out, -config.height_limit, config.height_limit)


def rhythm_features(rr_s: FloatArray, mean_rr_s: float, config: SequenceConfig) -> FloatArray:
    """Describe the RR intervals around each beat: relative to the recording and to its neighbours, and absolutely.

    Columns: log2 of the interval before and after over the recording's mean, then over each running median
    (`local_beats` on each side); half the log2 of the interval before over 0.8 s; and whether each of both intervals is
    known. An unknown ratio is 0.

    Parameters
    ----------
    rr_s : (n,) float32
        Interval before each beat, seconds, NaN where unknown.
    mean_rr_s : float
        Mean RR interval of the recording, seconds.
    config : SequenceConfig
        Reach of the running medians, and limits.

    Returns
    -------
    (n, n_rhythm) float32
        One row per beat.
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
    """Return the median of the known values within `reach` of each, itself included; NaN if none is known."""
    edge = np.full(reach, np.nan)
    window = np.sort(sliding_window_view(np.concatenate([edge, values, edge]), 2 * reach + 1), axis=-1)
    count = np.isfinite(window).sum(axis=-1)  # NaN is sorted to the end
    at = np.arange(values.size)
    low, high = window[at, np.maximum(count - 1, 0) // 2], window[at, np.minimum(count // 2, 2 * reach)]
    return np.where(count > 0, (low + high) / 2, np.nan)
