"""Recognises HeartVision's own beat picture in an upload, whatever its size, and gives it back as networks read it.

The picture is known by its RR bars: fourteen bars with gaps at fixed columns, the beat's own two in another ink than
the others, and the line of the mean interval in a third. Such a picture need not be traced: it shows the beat with its
rhythm in the very inks that the network was trained on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT, PictureConfig
from pipeline.features.beat_image import INKS, bar_columns, mean_rr_row
from pipeline.types import FloatArray, PictureArray, read_only

_ASPECT_TOLERANCE: Final = 0.06  # of width over height: a picture that was cut by a pixel or two is still one
_GAP_INK_MAX: Final = 0.25  # mean coverage in the gaps between the bars, where only the line of the mean is drawn
_LINE_MIN: Final = 0.3  # mean coverage of that line in the gaps
_BAR_MIN: Final = 0.02  # mean coverage of the bars: a picture without any was not drawn from a recording
_OTHER_INK_MAX: Final = 0.1  # mean coverage of the wrong ink in bars
_CURVE_MIN: Final = 0.9  # share of columns in which the first lead is drawn
_AREA_MIN: Final = 0.5  # share of the beat panel that is an area and no curve
_INK: Final = 0.3  # coverage from which a pixel is drawn on
_LEVEL_PERCENT: Final = 20  # columns with less ink of the first lead are where it runs level
_STRANGE_MAX: Final = 40.0  # mean RGB distance of drawn pixels from what the three inks can make


def own_picture(pixels: PictureArray, config: PictureConfig) -> PictureArray | None:
    """Return the beat picture that an upload shows, as networks read it, or None if it shows something else.

    Parameters
    ----------
    pixels : (h, w, 3) uint8
        The upload, RGB; at least as large as the network's picture.
    config : PictureConfig
        Geometry of the picture.

    Returns
    -------
    (height_px, width_px, 3) uint8, or None
        Its three inks on black.
    """
    height, width = pixels.shape[:2]
    aspect = (width / height) / (config.width_px / config.height_px)
    if height < config.height_px or width < config.width_px or abs(aspect - 1) > _ASPECT_TOLERANCE:
        return None
    for background, inks in INKS:
        coverage = _coverage(pixels, background, inks)
        if coverage is not None:
            size = (config.width_px, config.height_px)
            small = np.asarray(cv2.resize(coverage, size, interpolation=cv2.INTER_AREA), np.float32)
            if _is_own(small, config):
                return read_only(_as_drawn(small, config))
    return None


def model_geometry(size_px: tuple[int, int], config: PictureConfig = DEFAULT.picture) -> PictureConfig:
    """Return the geometry of the networks' own picture at another size; its panels keep their shares of the height."""
    width, height = size_px
    beat, strip = (round(rows / config.height_px * height) for rows in (config.beat_height_px, config.strip_height_px))
    return replace(
        config, width_px=width, beat_height_px=beat, strip_height_px=strip, rr_height_px=height - beat - strip
    )


def resized_picture(pixels: PictureArray, config: PictureConfig) -> PictureArray | None:
    """Return a beat picture that was drawn by `model_geometry` as networks read it, panel by panel.

    Parameters
    ----------
    pixels : (h, w, 3) uint8
        The picture, three inks on black; of any size and proportions.
    config : PictureConfig
        Geometry of the picture that networks read.

    Returns
    -------
    (height_px, width_px, 3) uint8, or None
        The same in its geometry; None if a panel has no rows, or the first lead no curve.
    """
    height, width = pixels.shape[:2]
    given = model_geometry((width, height), config)
    if min(given.beat_height_px, given.strip_height_px, given.rr_height_px) < 1:
        return None
    if (given.width_px, given.height_px) == (config.width_px, config.height_px):
        return read_only(pixels) if _has_curve(pixels, config) else None
    coverage, panels, top = np.asarray(pixels / 255, np.float32), [], 0
    for name in ("beat_height_px", "strip_height_px", "rr_height_px"):
        panels.append(_fitted(coverage[top : top + getattr(given, name)], config.width_px, getattr(config, name)))
        top += getattr(given, name)
    drawn = _as_drawn(np.concatenate(panels), config)
    return read_only(drawn) if _has_curve(drawn, config) else None


def _fitted(panel: FloatArray, width: int, height: int) -> FloatArray:
    """Resize a panel (h, w, 3) along one axis after the other: no line is lost along that in which it shrinks."""
    for size in ((panel.shape[1], height), (width, height)):
        smaller = size[0] * size[1] <= panel.shape[0] * panel.shape[1]
        panel = np.asarray(cv2.resize(panel, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))
    return panel


def _has_curve(drawn: PictureArray, config: PictureConfig) -> bool:
    """Tell whether the first lead is drawn in most columns of the beat panel, neither as an area nor all alike."""
    own = drawn[: config.beat_height_px, :, 0]
    ink = own > 0
    return bool(ink.any(axis=0).mean() > _CURVE_MIN and ink.mean() < _AREA_MIN and (np.ptp(own, axis=1) > 0).any())


def _coverage(pixels: PictureArray, background: float, inks: NDArray[np.float32]) -> FloatArray | None:
    """Return how much of each ink (h, w, 3) in 0..1 a picture has, or None if it has other colours."""
    depth = pixels.astype(np.float32) - np.float32(background)
    mixed = inks - np.float32(background)
    coverage = np.clip(depth @ np.linalg.inv(mixed), 0, 1)
    drawn = np.linalg.norm(depth, axis=-1) > _STRANGE_MAX
    if not drawn.any() or drawn.mean() > 0.5:
        return None
    strange = np.linalg.norm(coverage[drawn] @ mixed - depth[drawn], axis=-1).mean()
    return coverage.astype(np.float32) if strange < _STRANGE_MAX else None


def _is_own(coverage: FloatArray, config: PictureConfig) -> bool:
    """Tell whether the RR bars are where only this picture has them, and a curve fills the beat panel."""
    bar, own = bar_columns(2 * config.rr_neighbours + 2, config, 1)
    panel, line = coverage[-config.rr_height_px :], mean_rr_row(config, 1)
    inside = np.delete(panel, line, axis=0)
    gaps = bar < 0
    return bool(
        inside[:, gaps].mean() < _GAP_INK_MAX
        and panel[line, gaps, 2].mean() > _LINE_MIN
        and inside[:, ~gaps, :2].mean() > _BAR_MIN
        and inside[:, own & ~gaps, 0].mean() < _OTHER_INK_MAX
        and inside[:, ~own & ~gaps, 1].mean() < _OTHER_INK_MAX
        and (coverage[: config.beat_height_px, :, 0].max(axis=0) > _INK).mean() > _CURVE_MIN
    )


def _as_drawn(coverage: FloatArray, config: PictureConfig) -> PictureArray:
    """Undo what drawing larger or on paper changes: thinner lines, and inks that lie over each other.

    In an enlarged picture lines are half a model pixel wide and ticks a third; in the network's own both are one pixel.
    How much thinner they are is seen where the first lead runs level.
    """
    coverage = coverage.copy()
    beat, line = coverage[: config.beat_height_px], -config.rr_height_px + mean_rr_row(config, 1)
    level = float(np.percentile(beat[..., 0].sum(axis=0), _LEVEL_PERCENT))
    gain = float(np.clip(1 / level, 1, 2)) if level > 0 else 1.0
    ticks = slice(config.beat_height_px + config.strip_height_px - 3, config.beat_height_px + config.strip_height_px)
    coverage[: ticks.stop, :, 0] *= gain
    beat[..., 1:] *= gain
    coverage[ticks, :, 1:] *= 2 * gain - 1  # 1 where lines keep their width, 3 where they have half of it
    coverage[line, :, 2] = 1.0
    _uncover(beat)
    return (np.clip(coverage, 0, 1) * 255).round().astype(np.uint8)


def _uncover(beat: FloatArray) -> None:
    """Draw what the first lead hides of the curves below it, in place: where one has no ink, it lies under the first.

    Parameters
    ----------
    beat : (beat_height_px, width_px, 3) float32
        The beat panel.
    """
    for ink in (1, 2):
        seen = beat[..., ink].max(axis=0) > _INK
        if seen.any() or ink == 2:  # the usual beat is always drawn, a second lead is not
            beat[:, ~seen, ink] = np.maximum(beat[:, ~seen, ink], beat[:, ~seen, 0])
