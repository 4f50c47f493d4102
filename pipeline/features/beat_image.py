"""The beat picture: one image in three inks, the same for the network and for the clinician.

Ink R is the first lead, ink G the second, ink B the recording's own usual beat. There are three panels: the beat; the
rhythm strip with ticks at R peaks (G) and where they would be at the mean RR interval (B); and the neighbouring RR
intervals as bars against their mean (B line), the beat's own two, before and after it, in ink G, the others in ink R.
See ADR 0003.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config import PictureConfig
from pipeline.features.beat_image_content import PictureContent, picture_content
from pipeline.types import Beats, FloatArray, IntArray, PictureArray

TRACE_RANGE = (0.04, 0.96)  # an uploaded trace is drawn between these shares of the beat panel's height
SHIFT = 4  # OpenCV's fixed-point bits for sub-pixel drawing
Points = NDArray[np.int32]


def render_pictures(beats: Beats, index: IntArray, config: PictureConfig) -> PictureArray:
    """Draw the pictures of some beats, as the network sees them.

    Parameters
    ----------
    beats : Beats
        The beats of a recording.
    index : (n,) int64
        Which beats.
    config : PictureConfig
        Geometry of the picture.

    Returns
    -------
    (n, height_px, width_px, 3) uint8
        One picture per beat, inks on black.
    """
    return draw(picture_content(beats, np.asarray(index, np.int64), config), config)


def render_trace(value: FloatArray, config: PictureConfig) -> PictureArray:
    """Draw the picture (height_px, width_px, 3) of a trace found in an upload: its shape alone, in ink R.

    Parameters
    ----------
    value : (n,) float32
        The trace in 0..1, upwards, as equally spaced columns.
    config : PictureConfig
        Geometry of the picture.
    """
    picture: PictureArray = draw(trace_content(value[None], config), config)[0]
    return picture


def trace_content(value: FloatArray, config: PictureConfig) -> PictureContent:
    """Return the content of pictures of traces (n, n_points) in 0..1, each filling the beat panel and nothing else."""
    n = len(value)
    top, bottom = _panel_range(config)
    blank = np.full((n, 1), np.nan, np.float32)
    low, high = TRACE_RANGE
    first = (bottom + (low + (high - low) * value) * (top - bottom)).astype(np.float32)
    nothing = np.full_like(first, np.nan)
    bars = np.full((n, 2 * config.rr_neighbours + 2), np.nan, np.float32)
    strip = np.full((n, 2, 2), np.nan, np.float32)
    return PictureContent(first, nothing, nothing, strip, blank, blank, bars)


def render_large(
    beats: Beats, index: int, config: PictureConfig, *, scale: int = 8, dark: bool = False
) -> PictureArray:
    """Draw the picture of one beat in the same geometry but enlarged, for people.

    Parameters
    ----------
    beats : Beats
        The beats of a recording.
    index : int
        Which beat.
    config : PictureConfig
        Geometry of the picture.
    scale : int, optional
        How many times as large.
    dark : bool, optional
        Whether it is drawn on black rather than on white paper.

    Returns
    -------
    (height_px * scale, width_px * scale, 3) uint8
        RGB.
    """
    columns = config.width_px * scale // 2
    content = picture_content(beats, np.array([index], np.int64), config, strip_columns=columns)
    return on_paper(draw(content, config, scale=scale)[0], dark=dark)


def on_paper(picture: PictureArray, *, dark: bool = False) -> PictureArray:
    """Turn a picture in the three inks (..., 3) into colours on white paper or on black."""
    background, inks = INKS[1 if dark else 2]
    coverage = picture.astype(np.float32)[..., None] / 255
    result = np.full(picture.shape, background, np.float32)
    for channel in (2, 1, 0):
        result = result * (1 - coverage[..., channel, :]) + inks[channel] * coverage[..., channel, :]
    return result.round().astype(np.uint8)


PAPER_INKS = ((20, 20, 30), (0, 130, 100), (110, 150, 240))
# Grey of the background and RGB of the three inks: as networks read the picture, on dark screens, on white paper.
INKS: Final = (
    (0.0, 255 * np.eye(3, dtype=np.float32)),
    (17.0, np.array([(235, 80, 60), (40, 160, 110), (90, 120, 235)], np.float32)),
    (255.0, np.array(PAPER_INKS, np.float32)),
)


def draw(content: PictureContent, config: PictureConfig, *, scale: int = 1) -> PictureArray:
    """Draw the content of n pictures, inks on black.

    All pictures of a call are drawn on one tall canvas per ink, so that OpenCV is called only a few times.

    Parameters
    ----------
    content : PictureContent
        What the pictures show.
    config : PictureConfig
        Their geometry.
    scale : int, optional
        How many times as large as the network's picture.

    Returns
    -------
    (n, height_px * scale, width_px * scale, 3) uint8
        One picture each.
    """
    n, height, width = len(content), config.height_px * scale, config.width_px * scale
    canvas = np.zeros((3, n * height, width), np.uint8)
    thickness = max(1, round(scale * 0.5))
    for ink, curve in ((2, content.usual), (1, content.second), (0, content.first)):
        _draw_lines(canvas[ink], _curve_points(curve, config, scale), thickness)
    _draw_lines(canvas[0], _strip_points(content.strip, config, scale), thickness)
    pictures = canvas.reshape(3, n, height, width).transpose(1, 2, 3, 0).copy()
    _add_ticks(pictures, content, config, scale)
    _add_bars(pictures, content, config, scale)
    return pictures


def _panel_range(config: PictureConfig) -> tuple[float, float]:
    """Return the values at the top and the bottom of the beat panel."""
    return config.baseline * config.scale_span, (config.baseline - 1) * config.scale_span


def _draw_lines(canvas: NDArray[np.uint8], points: list[Points], thickness: int) -> None:
    if points:
        cv2.polylines(canvas, points, False, 255, thickness, cv2.LINE_AA, SHIFT)


def _curve_points(curve: FloatArray, config: PictureConfig, scale: int) -> list[Points]:
    top, bottom = _panel_range(config)
    shown = np.flatnonzero(np.isfinite(curve).all(axis=1))
    x = np.linspace(0, config.width_px - 1, curve.shape[1])
    y = (top - np.clip(curve[shown], bottom, top)) / (top - bottom) * (config.beat_height_px - 2) + 0.5
    return _fixed_point(x, y, shown * config.height_px, scale)


def _strip_points(strip: FloatArray, config: PictureConfig, scale: int) -> list[Points]:
    shown = np.flatnonzero(np.isfinite(strip).all(axis=(1, 2)))
    zigzag = strip[shown].copy()
    zigzag[:, 1::2] = zigzag[:, 1::2, ::-1]
    values = zigzag.reshape(len(shown), 2 * strip.shape[1])
    x = np.repeat(np.linspace(0, config.width_px - 1, strip.shape[1]), 2)
    room = config.strip_height_px - 3  # the bottom rows hold the ticks
    y = config.beat_height_px + 0.5 + (1.2 - np.clip(values, -1.2, 1.2)) / 2.4 * (room - 1)
    return _fixed_point(x, y, shown * config.height_px, scale)


def _fixed_point(x: NDArray[np.float64], y: FloatArray, origin: IntArray, scale: int) -> list[Points]:
    """Convert polylines to OpenCV's fixed point; pixel centres stay centres at every scale."""
    points = np.empty((*y.shape, 2), np.float64)
    points[..., 0] = x
    points[..., 1] = y + origin[:, None]
    return list(np.round(((points + 0.5) * scale - 0.5) * (1 << SHIFT)).astype(np.int32))


def _add_ticks(pictures: PictureArray, content: PictureContent, config: PictureConfig, scale: int) -> None:
    bottom = (config.beat_height_px + config.strip_height_px) * scale
    for ink, seconds, rows in ((1, content.ticks, 3), (2, content.usual_ticks, 2)):
        column = (seconds / (2 * config.strip_half_s) + 0.5) * (config.width_px - 1)
        coverage = _tick_coverage((column + 0.5) * scale, config.width_px * scale, max(1.0, scale / 3))
        band = pictures[:, bottom - rows * scale : bottom, :, ink]
        np.maximum(band, coverage[:, None, :], out=band)


def _tick_coverage(centre: FloatArray, width: int, thickness: float) -> NDArray[np.uint8]:
    """Draw ticks `thickness` pixels wide around fractional columns (n, k), as coverage (n, width) in 0..255."""
    left = np.arange(width)[None, :]
    total = np.zeros((len(centre), width), np.float32)
    for column in centre.T[:, :, None]:
        overlap = np.minimum(left + 1, column + thickness / 2) - np.maximum(left, column - thickness / 2)
        np.maximum(total, np.nan_to_num(np.clip(overlap, 0, 1)), out=total)
    return (total * 255).round().astype(np.uint8)


def _add_bars(pictures: PictureArray, content: PictureContent, config: PictureConfig, scale: int) -> None:
    """Draw RR bars with fractional heights; the mean RR is a line in ink B at the height of ratio 1."""
    ratio = content.rr_ratio
    if not np.isfinite(ratio).any():
        return
    rows = config.rr_height_px * scale
    height = np.clip(np.nan_to_num(ratio) / config.rr_span, 0, 1) * rows
    from_bottom = np.arange(rows)[::-1]
    coverage = np.clip(height[:, None, :] - from_bottom[None, :, None], 0, 1)
    column, own = bar_columns(ratio.shape[1], config, scale)
    bars = (coverage[:, :, np.maximum(column, 0)] * (column >= 0) * 255).round().astype(np.uint8)
    panel = pictures[:, -rows:]
    panel[..., 0] = np.where(own, 0, bars)
    panel[..., 1] = np.where(own, bars, 0)
    drawn = np.isfinite(ratio).any(axis=1)
    middle = mean_rr_row(config, scale)
    panel[drawn, middle : middle + max(1, scale // 2), :, 2] = 255


def mean_rr_row(config: PictureConfig, scale: int) -> int:
    """Return the row of the line of the mean RR interval, from the top of the RR panel."""
    return round(config.rr_height_px * scale * (1 - 1 / config.rr_span))


def bar_columns(bars: int, config: PictureConfig, scale: int) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return the bar of each pixel column (-1 between bars), and whether it is one of the beat's own two.

    Parameters
    ----------
    bars : int
        Number of bars.
    config : PictureConfig
        Geometry of the picture.
    scale : int
        How many times as large as the network's picture.

    Returns
    -------
    (width_px * scale,) int64, (width_px * scale,) bool
        Bar and whether it is the beat's own, by column.
    """
    width = config.width_px * scale
    position = (np.arange(width) + 0.5) / width * bars
    bar = np.floor(position).astype(np.int64)
    gap = bars / config.width_px  # one model pixel
    own = (bar == config.rr_neighbours) | (bar == config.rr_neighbours + 1)
    return np.where(position - bar < 1 - gap, bar, -1), own
