"""Arrays to look at: heat over a picture, pixels without smoothing, a trace over an upload. No st.*."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.domain import FloatArray, PictureArray

HEAT_RGB = (255, 120, 0)
HEAT_STRENGTH = 0.6
TRACE_RGB = (230, 0, 90)


def enlarged(picture: PictureArray, factor: int) -> PictureArray:
    """Each pixel of (h, w, 3) as a square of `factor` pixels: no smoothing, nothing invented."""
    return np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)


def with_heat(picture: PictureArray, heat: FloatArray) -> PictureArray:
    """`picture` (h, w, 3) under a veil that is the more orange, the higher `heat` (any size, 0..1) is there."""
    height, width = picture.shape[:2]
    veil = cv2.resize(np.asarray(heat, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    alpha = (HEAT_STRENGTH * np.clip(veil, 0, 1))[..., None]
    mixed = picture.astype(np.float32) * (1 - alpha) + np.array(HEAT_RGB, np.float32) * alpha
    return mixed.round().astype(np.uint8)


def with_trace(picture: PictureArray, column_px: FloatArray, row_px: FloatArray) -> PictureArray:
    """`picture` (h, w, 3), enlarged to a comfortable size, with the trace found in it drawn over it."""
    factor = max(1, round(480 / picture.shape[1]))
    canvas = np.ascontiguousarray(enlarged(picture, factor) // 2 + 127)
    points = np.stack([column_px, row_px], axis=1) * factor + factor / 2
    cv2.polylines(canvas, [points.round().astype(np.int32)], False, TRACE_RGB, 2, cv2.LINE_AA)
    return canvas
