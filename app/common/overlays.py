"""Images made of arrays: heat over a picture, pixels without smoothing, a trace over an upload. No st.*."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.types import BeatTrace, FloatArray, PictureArray

HEAT_RGB = (255, 120, 0)
HEAT_STRENGTH = 0.6
TRACE_RGB = (230, 0, 90)
SHOWN_PX = 720  # the longer side of an upload on the page


def enlarged(picture: PictureArray, factor: int) -> PictureArray:
    """Each pixel of (h, w, 3) as a square of `factor` pixels: no smoothing, nothing invented."""
    return np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)


def with_heat(picture: PictureArray, heat: FloatArray) -> PictureArray:
    """`picture` (h, w, 3) under a veil that is the more orange, the higher `heat` (any size, 0..1) is there."""
    height, width = picture.shape[:2]
    veil = cv2.resize(np.asarray(heat, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    alpha = (HEAT_STRENGTH * np.clip(veil, 0, 1))[..., None]
    mixed = picture.astype(np.float32) * (1 - alpha) + np.array(HEAT_RGB, np.float32) * alpha
    return np.asarray(mixed.round().astype(np.uint8))


def png(picture: PictureArray) -> bytes:
    """The picture (h, w, 3), RGB, as a PNG file, which Streamlit would otherwise encode at each run of the script."""
    made, content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert made
    return content.tobytes()


def jpeg(picture: PictureArray, quality: int = 85) -> bytes:
    """The picture (h, w, 3), RGB, as a JPEG file."""
    made, content = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert made
    return content.tobytes()


def shown(picture: PictureArray) -> PictureArray:
    """An upload (h, w, 3) at a comfortable size."""
    scale = _scale(picture)
    if scale == 1.0:
        return picture
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way), np.uint8)


def with_trace(trace: BeatTrace) -> PictureArray:
    """The upload at a comfortable size, faded, with the trace found in it drawn over it."""
    canvas = np.ascontiguousarray(shown(trace.picture) // 2 + 127)
    points = (np.stack([trace.column_px, trace.row_px], axis=1) + 0.5) * _scale(trace.picture) - 0.5
    cv2.polylines(canvas, [points.round().astype(np.int32)], False, TRACE_RGB, 2, cv2.LINE_AA)
    return canvas


def _scale(picture: PictureArray) -> float:
    """Small pictures in whole steps, so that their pixels stay squares."""
    longer = max(picture.shape[:2])
    return SHOWN_PX / longer if longer > SHOWN_PX else float(max(1, round(480 / longer)))
