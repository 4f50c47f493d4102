"""Stretches of signal as pictures: a curve on white or on ECG paper, or an image of frequencies or of angles."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.export.ecg_paper import GAINS_MM_MV, SPEED_MM_S
from pipeline.picture_sets import transforms
from pipeline.synthesis.ecg_pages import PAPERS
from pipeline.types import FloatArray, PictureArray

INK: Final = (20, 20, 25)
MARGIN: Final = 0.05  # of a plain picture, at each edge
LEAST_HEIGHT: Final = 0.25  # usual QRS heights that fill a plain picture at least: noise alone is not blown up
FITTING: Final = 0.99  # of a recording's stretches fit on its paper; what is higher runs along the edge
FINE_PX: Final = 3.0  # millimetres narrower than this are not drawn
LINE_SHARE: Final = 1 / 140  # width of the line, of the picture's shorter side
CROWDED: Final = 2.0  # samples per pixel
_SHIFT: Final = 4  # OpenCV's fractional bits


def draw_plain(signal: FloatArray, size_px: tuple[int, int]) -> PictureArray:
    """Draw curves in black on white; each fills its picture, as in most published sets of beat pictures.

    Parameters
    ----------
    signal : (n, m) float32
        Stretches of signal, in usual QRS heights; NaN where nothing is drawn.
    size_px : tuple[int, int]
        Width and height.

    Returns
    -------
    (n, height, width) uint8
        Grey.
    """
    width, height = size_px
    low, high = np.nanmin(signal, axis=1, keepdims=True), np.nanmax(signal, axis=1, keepdims=True)
    span = np.maximum(high - low, LEAST_HEIGHT)
    share = 0.5 + (signal - (low + high) / 2) / span * (1 - 2 * MARGIN)
    canvas = np.full((len(signal), height, width), 255, np.uint8)
    x = np.linspace(MARGIN * width, (1 - MARGIN) * width - 1, signal.shape[1])
    _draw_curves(canvas, x, (1 - share) * (height - 1), 0)
    return canvas


def draw_on_paper(mv: FloatArray, fs: float, size_px: tuple[int, int], gain: float) -> PictureArray:
    """Draw curves on ECG paper, true to scale: 25 mm/s, `gain` mm/mV, 1 mm and 5 mm lines; each in the middle.

    Parameters
    ----------
    mv : (n, m) float32
        Stretches of signal, mV; NaN where nothing is drawn.
    fs : float
        Sampling frequency, Hz.
    size_px : tuple[int, int]
        Width and height; the width is the whole stretch.
    gain : float
        mm/mV.

    Returns
    -------
    (n, height, width, 3) uint8
        RGB.
    """
    width, height = size_px
    px_per_mm = width / (mv.shape[1] / fs * SPEED_MM_S)
    canvas = np.repeat(_paper(width, height, px_per_mm)[None], len(mv), axis=0)
    x = (np.arange(mv.shape[1]) + 0.5) * (width / mv.shape[1]) - 0.5
    middle = (np.nanmin(mv, axis=1, keepdims=True) + np.nanmax(mv, axis=1, keepdims=True)) / 2
    y = (height - 1) / 2 - (mv - middle) * gain * px_per_mm
    _draw_curves(canvas, x, np.clip(y, 0, height - 1), INK)
    return canvas


def gain_for(mv: FloatArray, fs: float, size_px: tuple[int, int]) -> float:
    """Return the greatest usual gain, mm/mV, of `GAINS_MM_MV` at which nearly all stretches fit on paper.

    Parameters
    ----------
    mv : (n, m) float32
        All stretches of a recording, mV; NaN where nothing is drawn.
    fs : float
        Sampling frequency, Hz.
    size_px : tuple[int, int]
        Width and height of the pictures.
    """
    paper_mm = size_px[1] / (size_px[0] / (mv.shape[1] / fs * SPEED_MM_S))
    high = float(np.quantile(np.nanmax(mv, axis=1) - np.nanmin(mv, axis=1), FITTING))
    return next((gain for gain in GAINS_MM_MV if high * gain <= paper_mm * (1 - MARGIN)), GAINS_MM_MV[-1])


def draw_transform(style: str, signal: FloatArray, fs: float, margin: int, size_px: tuple[int, int]) -> PictureArray:
    """Draw a transform in the colours of viridis.

    Parameters
    ----------
    style : {"spectrogram", "scalogram", "gaf"}
        Which one.
    signal : (n, m) float32
        Stretches of signal, with margins.
    fs : float
        Sampling frequency, Hz.
    margin : int
        Samples at each end that are not shown.
    size_px : tuple[int, int]
        Width and height.

    Returns
    -------
    (n, height, width, 3) uint8
        RGB.
    """
    if style == "gaf":
        values = transforms.gramian_angular_field(signal[:, margin : signal.shape[1] - margin], min(size_px))
    else:
        make = transforms.spectrogram if style == "spectrogram" else transforms.scalogram
        values = make(signal, fs, margin)
    pictures = np.empty((len(values), size_px[1], size_px[0], 3), np.uint8)
    for picture, value in zip(pictures, values, strict=True):
        smaller = value.shape[0] > size_px[1] and value.shape[1] > size_px[0]
        fitted = cv2.resize(value, size_px, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
        levels = np.round(np.clip(fitted, 0, 1) * 255).astype(np.uint8)
        cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB, dst=picture)
    return pictures


def _draw_curves(canvas: PictureArray, x: NDArray[np.float64], y: NDArray[np.floating], ink: object) -> None:
    """Draw curves (n, m), NaN at their ends where they are shorter, into pictures (n, height, width[, 3]).

    All are drawn with one call on one tall canvas.
    """
    n, height, width = canvas.shape[:3]
    drawn = np.isfinite(y)
    points = np.empty((*y.shape, 2), np.float64)
    points[..., 0] = x
    points[..., 1] = np.where(drawn, y, 0) + np.arange(n)[:, None] * height
    fixed = np.round(points * (1 << _SHIFT)).astype(np.int32)
    curves = list(fixed) if drawn.all() else [line[own] for line, own in zip(fixed, drawn, strict=True)]
    crowded = y.shape[1] > CROWDED * width  # a strip of many beats, which thick lines would fill
    thickness = 1 if crowded else max(1, round(min(height, width) * LINE_SHARE))
    tall = canvas.reshape(n * height, *canvas.shape[2:])
    cv2.polylines(tall, curves, False, ink, thickness, cv2.LINE_AA, _SHIFT)


def _paper(width: int, height: int, px_per_mm: float) -> PictureArray:
    """Draw empty paper (height, width, 3) with a strong line through its middle, where 0 is."""
    background, fine, bold = PAPERS["pink"]
    picture = np.broadcast_to(np.array(background, np.float32), (height, width, 3)).copy()
    for step, colour in ((1, fine), (5, bold)):
        if colour is None or step * px_per_mm < FINE_PX:
            continue
        cover = np.maximum(
            _lines(height, (height - 1) / 2, step * px_per_mm)[:, None], _lines(width, -0.5, step * px_per_mm)[None]
        )[..., None]
        picture = picture * (1 - cover) + np.array(colour, np.float32) * cover
    return picture.round().astype(np.uint8)


def _lines(length: int, first: float, step: float) -> FloatArray:
    """Return how far each of `length` pixels is covered by lines a pixel wide, every `step` pixels from `first` on."""
    nearest = first + np.round((np.arange(length) - first) / step) * step
    return np.asarray(np.clip(1 - np.abs(np.arange(length) - nearest), 0, 1), np.float32)
