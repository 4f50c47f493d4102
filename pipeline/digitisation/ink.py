"""Separates the ink of the traces from the paper and its grid, on the flat sheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from pipeline.digitisation.paper import PaperSheet
from pipeline.types import FloatArray, PictureArray, read_only

Mask = NDArray[np.bool_]
Matrix = NDArray[np.float64]

_BOX_MM: Final = 5
_BLOCK_BOXES: Final = 8  # the grid's pattern is the median over blocks of this many boxes each way
_INK_PERCENTILE: Final = 99.0
_INK_MIN: Final = 0.12  # least darkness above the grid's that counts as ink
_THRESHOLD: Final = 0.45
_SPECK_MM: Final = 1.2
_FLAT_MM: Final = 1.3  # strokes lower than this belong to a baseline or a wave, not to a QRS
_SCREEN_DARK: Final = 90.0  # brightness, 0..255, below which the background of a screen is dark
_SCREEN_LINES: Final = 1.5  # how much further its lines are above the background than anything is below
_LANE_SMOOTH_MM: Final = 1.8
_LANE_APART_MM: Final = 8.0
_LANE_LEVEL: Final = 0.3  # share of the lane with the most flat ink


@dataclass(frozen=True, eq=False)
class Ink:
    """Ink on a sheet.

    Attributes
    ----------
    strength : (h, w) float32
        0..1.
    mask : (h, w) bool
        Where it is certainly ink, specks removed.
    contrast : float
        Difference in darkness between ink and grid, 0..1.
    """

    strength: FloatArray
    mask: Mask
    contrast: float


def is_dark_screen(picture: PictureArray) -> bool:
    """Tell whether a picture (h, w, 3) shows bright lines on a dark background."""
    bright = picture[::4, ::4].max(axis=2)
    low, usual, high = (float(value) for value in np.percentile(bright, (2, 50, 99)))
    return usual < _SCREEN_DARK and high - usual > _SCREEN_LINES * max(usual - low, 1.0)


def inverted(picture: PictureArray) -> PictureArray:
    """Return a dark screen as paper, (h, w, 3) uint8: the brighter a pixel in its brightest colour, the darker."""
    grey = 255 - picture.max(axis=2)
    return np.repeat(grey[..., None], 3, axis=2)


def find_ink(sheet: PaperSheet) -> Ink:
    """Find the ink of a sheet: dark in every colour, and darker than the grid's own pattern around it."""
    brightest = sheet.picture.max(axis=2)
    dark = below_background(brightest, sheet.px_per_mm)
    dark = np.maximum(dark - _pattern(dark, sheet.px_per_mm), 0)
    dark[~sheet.paper] = 0
    full = max(_INK_MIN, float(np.percentile(dark[dark > _INK_MIN / 2], 85)) if (dark > _INK_MIN / 2).any() else 0)
    strength = np.clip(dark / full, 0, 1).astype(np.float32)
    mask = _without_specks(strength > _THRESHOLD, _SPECK_MM * sheet.px_per_mm)
    return Ink(read_only(strength), read_only(mask), round(full, 3))


def below_background(channel: PictureArray, px_per_mm: int) -> FloatArray:
    """Return how much darker than the paper around it each pixel is, 0..1."""
    small = cv2.resize(channel, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    reach = max(3, round(px_per_mm * 3 / 4)) | 1
    background = cv2.medianBlur(cv2.dilate(small, np.ones((reach // 2 + 1,) * 2, np.uint8)), min(reach, 5) | 1)
    background = cv2.GaussianBlur(background, (0, 0), reach)
    wide = cv2.resize(background, (channel.shape[1], channel.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(1 - channel / np.maximum(wide.astype(np.float32), 1), 0, 1), np.float32)


def _pattern(dark: FloatArray, px_per_mm: int) -> FloatArray:
    """Return what the grid alone would look like: the median over neighbouring boxes, at each place of a box."""
    side = _BOX_MM * px_per_mm
    ny, nx = -(-dark.shape[0] // side), -(-dark.shape[1] // side)
    padded = np.pad(dark, ((0, ny * side - dark.shape[0]), (0, nx * side - dark.shape[1])), mode="reflect")
    box = padded.reshape(ny, side, nx, side)
    out = np.empty_like(box)
    for top in range(0, ny, _BLOCK_BOXES):
        for left in range(0, nx, _BLOCK_BOXES):
            rows, columns = _around(top, ny), _around(left, nx)
            usual = np.median(box[rows, :, columns, :], axis=(0, 2))
            widened = cv2.dilate(usual.astype(np.float32), np.ones((3, 3), np.uint8))
            out[top : top + _BLOCK_BOXES, :, left : left + _BLOCK_BOXES, :] = widened[None, :, None, :]
    return np.asarray(out.reshape(padded.shape)[: dark.shape[0], : dark.shape[1]])


def _around(start: int, count: int) -> slice:
    """Return a block of boxes, moved inwards at the end so that it is never a narrow remainder."""
    stop = min(start + _BLOCK_BOXES, count)
    return slice(max(0, stop - _BLOCK_BOXES), stop)


def _without_specks(mask: Mask, size_px: float) -> Mask:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sides = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    keep = sides >= size_px
    keep[0] = False
    return np.asarray(keep[labels])


def find_lanes(ink: Ink, px_per_mm: int) -> tuple[Matrix, Matrix]:
    """Find the rows (n,), in pixels, of the traces' baselines, top to bottom, and the amount of flat ink on each."""
    tall = cv2.morphologyEx(ink.mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((round(_FLAT_MM * px_per_mm), 1)))
    flat = ink.mask & (tall == 0)
    profile = _spread_out(flat).astype(np.float64)
    smooth = gaussian_filter1d(profile, _LANE_SMOOTH_MM * px_per_mm)
    apart = _LANE_APART_MM * px_per_mm
    peaks, facts = find_peaks(smooth, distance=apart, height=_LANE_LEVEL * smooth.max() if smooth.size else 0)
    return peaks.astype(np.float64), facts["peak_heights"] / max(1, flat.shape[1])


def _spread_out(flat: Mask) -> Matrix:
    """Return the flat ink per row; ink in only a few of 24 vertical strips is text, and counts little."""
    strips = np.array_split(flat, 24, axis=1)
    filled = np.array([strip.sum(axis=1) / max(1, strip.shape[1]) for strip in strips])
    return np.asarray(np.minimum(filled, 0.25).sum(axis=0))
