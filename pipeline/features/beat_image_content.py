"""What a beat picture shows, as numbers: curves, ticks and bars before any pixel is drawn."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from pipeline.config import PictureConfig
from pipeline.signal.beat_windows import beat_offsets, gather
from pipeline.types import Beats, FloatArray, IntArray

STRIP_COLUMNS = 96  # columns of the rhythm strip, each with its lowest and highest value


@dataclass(frozen=True, eq=False)
class PictureContent:
    """The content of n pictures.

    Attributes
    ----------
    first, second, usual : (n, n_points) float32
        First lead, second lead and the recording's usual beat over the beat window, in units of the lead's usual QRS
        height; NaN where nothing is drawn.
    strip : (n, STRIP_COLUMNS, 2) float32
        Lowest and highest value per column of the rhythm strip.
    ticks, usual_ticks : (n, k) float32
        R peaks, and where they would be at the mean RR interval, in seconds relative to R; NaN for none.
    rr_ratio : (n, 2 * rr_neighbours + 2) float32
        RR intervals over the mean RR interval; the beat's own preceding one is at index `rr_neighbours`; NaN for none.
    """

    first: FloatArray
    second: FloatArray
    usual: FloatArray
    strip: FloatArray
    ticks: FloatArray
    usual_ticks: FloatArray
    rr_ratio: FloatArray

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.first)

    def take(self, index: IntArray) -> PictureContent:
        """Return the content of the pictures at `index`."""
        return PictureContent(*(getattr(self, f.name)[index] for f in fields(self)))


def picture_content(
    beats: Beats, index: IntArray, config: PictureConfig, *, strip_columns: int = STRIP_COLUMNS
) -> PictureContent:
    """Gather the content of the pictures of some beats.

    Parameters
    ----------
    beats : Beats
        The beats of a recording.
    index : (n,) int64
        Which beats.
    config : PictureConfig
        Geometry of the picture.
    strip_columns : int, optional
        Columns of the rhythm strip.
    """
    r_peak = beats.r_peak[index]
    window = beat_offsets(beats.fs, config)
    first = gather(beats.signal[:, 0], r_peak[:, None] + window)
    second = (
        gather(beats.signal[:, 1], r_peak[:, None] + window)
        if beats.signal.shape[1] > 1 and np.ptp(beats.signal[:, 1]) > 0
        else np.full_like(first, np.nan)
    )
    usual = np.broadcast_to(beats.template, first.shape).astype(np.float32)
    return PictureContent(
        first=first,
        second=second,
        usual=usual,
        strip=_strip(beats, r_peak, config, strip_columns),
        ticks=_ticks(beats, index, config),
        usual_ticks=_usual_ticks(beats, len(index), config),
        rr_ratio=_rr_ratio(beats, index, config),
    )


def _strip(beats: Beats, r_peak: IntArray, config: PictureConfig, columns: int) -> FloatArray:
    n_points = round(2 * config.strip_half_s * beats.fs)
    edges = np.linspace(0, n_points, columns + 1).astype(np.int64)[:-1]
    offsets = np.arange(n_points, dtype=np.int64) - n_points // 2
    values = gather(beats.signal[:, 0], r_peak[:, None] + offsets)
    return np.stack([np.minimum.reduceat(values, edges, axis=1), np.maximum.reduceat(values, edges, axis=1)], axis=2)


def _ticks(beats: Beats, index: IntArray, config: PictureConfig) -> FloatArray:
    reach = 12  # neighbours on each side: 3 s hold at most 12 beats 250 ms apart
    neighbour = index[:, None] + np.arange(-reach, reach + 1)
    inside = (neighbour >= 0) & (neighbour < len(beats))
    at = beats.r_peak[np.clip(neighbour, 0, len(beats) - 1)]
    seconds = (at - beats.r_peak[index][:, None]) / beats.fs
    return np.where(inside & (np.abs(seconds) <= config.strip_half_s), seconds, np.nan).astype(np.float32)


def _usual_ticks(beats: Beats, n: int, config: PictureConfig) -> FloatArray:
    reach = int(config.strip_half_s / 0.25)
    seconds = np.arange(-reach, reach + 1) * max(beats.mean_rr_s, 0.25)
    seconds = np.where(np.abs(seconds) <= config.strip_half_s, seconds, np.nan)
    return np.broadcast_to(seconds, (n, seconds.size)).astype(np.float32)


def _rr_ratio(beats: Beats, index: IntArray, config: PictureConfig) -> FloatArray:
    near = np.arange(-config.rr_neighbours, config.rr_neighbours + 2)
    at = index[:, None] + near
    inside = (at >= 0) & (at < len(beats))
    rr = beats.rr_s[np.clip(at, 0, max(0, len(beats) - 1))]
    return np.where(inside, rr / beats.mean_rr_s, np.nan).astype(np.float32)
