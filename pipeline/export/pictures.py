"""Pictures to save: a beat in the network's inks under its heatmap."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from pipeline._util.files import write_bytes
from pipeline.errors import DataError
from pipeline.features.beat_image import on_paper
from pipeline.types import FloatArray, PictureArray

_SCALE: Final = 8
_HEAT_RGB: Final = (255, 120, 0)
_HEAT_STRENGTH: Final = 0.6


def heat_overlay(picture: PictureArray, heat: FloatArray, *, rows: int) -> PictureArray:
    """Draw a picture on paper, enlarged, under its heatmap.

    Parameters
    ----------
    picture : (h, w, 3) uint8
        Picture in the three inks.
    heat : (h, w) float32
        In 0..1.
    rows : int
        Only this many rows from the top are drawn.

    Returns
    -------
    (8 * rows, 8 * w, 3) uint8
        RGB.
    """
    large = np.repeat(np.repeat(on_paper(picture[:rows]), _SCALE, axis=0), _SCALE, axis=1)
    return with_heat(large, heat[:rows])


def with_heat(picture: PictureArray, heat: FloatArray) -> PictureArray:
    """Draw a veil over a picture (h, w, 3) that is the more orange, the higher `heat` (any size, 0..1) is there."""
    size = (picture.shape[1], picture.shape[0])
    veil = cv2.resize(np.asarray(heat, np.float32), size, interpolation=cv2.INTER_LINEAR)
    alpha = (_HEAT_STRENGTH * np.clip(veil, 0, 1))[..., None]
    mixed = picture.astype(np.float32) * (1 - alpha) + np.array(_HEAT_RGB, np.float32) * alpha
    return np.asarray(mixed.round().astype(np.uint8))


def png_bytes(picture: PictureArray) -> bytes:
    """Encode a grey picture (h, w) or an RGB one (h, w, 3), uint8, as PNG. Raises DataError if that fails."""
    done, encoded = cv2.imencode(".png", picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise DataError(f"A picture of shape {picture.shape} could not be encoded.")
    return encoded.tobytes()


def write_png(picture: PictureArray, path: Path) -> Path:
    """Write an RGB picture (h, w, 3) uint8 as PNG. Raises DataError if it cannot be written."""
    return write_bytes(path, png_bytes(picture))
