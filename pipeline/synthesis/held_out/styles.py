"""Styles of beat pictures that only the evaluation draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from pipeline.synthesis.image_styles import Canvas, Rng, as_jpeg, draw_curve, new_canvas
from pipeline.types import FloatArray, PictureArray


def _chalk(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw chalk on a green board, with grains and smears of old writing."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    board = np.full((height, width, 3), (40, 80, 60), np.float64)
    board += 10 * cv2.GaussianBlur(rng.normal(0, 1, (height, width, 1)), (0, 0), 9).reshape(height, width, 1) * 6
    stroke = np.zeros((height, width, 3), np.uint8)
    draw_curve(Canvas(stroke, canvas.box, (255, 255, 255), (0, 0, 0), canvas.thickness + 1), value)
    share = stroke[..., :1] / 255.0 * rng.uniform(0.65, 1.0, (height, width, 1))
    return np.clip(board * (1 - share) + 235 * share, 0, 255).astype(np.uint8)


def _fax(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw one bit per pixel, with specks."""
    canvas = new_canvas(rng)
    draw_curve(Canvas(canvas.pixels, canvas.box, (0, 0, 0), canvas.background, canvas.thickness), value)
    grey = canvas.pixels.mean(axis=2) + rng.normal(0, 25, canvas.pixels.shape[:2])
    black = (grey < 128) ^ (rng.random(grey.shape) < 0.001)
    return np.where(black[..., None], np.uint8(0), np.uint8(255)).repeat(3, axis=2)


def _notebook(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw pencil on lined paper with a margin, as a JPEG."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    for y in range(20, height, max(16, height // 14)):
        cv2.line(canvas.pixels, (0, y), (width, y), (190, 210, 235), 1)
    cv2.line(canvas.pixels, (width // 9, 0), (width // 9, height), (235, 170, 170), 1)
    wobble = cv2.GaussianBlur(rng.normal(0, 1, (1, value.size)).astype(np.float32), (0, 0), 6)[0]
    left, top, right, bottom = canvas.box
    box = (max(left, width // 7), top, right, bottom)
    draw_curve(
        Canvas(canvas.pixels, box, (75, 75, 85), canvas.background, max(2, canvas.thickness)), value + 0.01 * wobble
    )
    return as_jpeg(canvas.pixels, int(rng.integers(50, 90)))


def _slide(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw a slide: a background that shades from top to bottom, a title bar, a shadow under the curve."""
    canvas = new_canvas(rng, margin=0.08)
    height = canvas.pixels.shape[0]
    canvas.pixels[:] = (np.linspace(252, 228, height)[:, None, None] + np.array([0, 0, 3])).clip(0, 255)
    left, top, right, bottom = canvas.box
    shadow = Canvas(
        canvas.pixels, (left + 2, top + 2, right + 2, bottom + 2), (190, 190, 200), canvas.background, canvas.thickness
    )
    draw_curve(shadow, value)
    draw_curve(canvas, value)
    cv2.rectangle(canvas.pixels, (0, 0), (canvas.pixels.shape[1], max(6, height // 25)), (40, 70, 130), -1)
    return canvas.pixels


def _monitor(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw a bedside monitor: a glowing line on black, numbers on the right."""
    width, height = int(rng.integers(320, 640)), int(rng.integers(200, 400))
    pixels = np.full((height, width, 3), (2, 4, 6), np.uint8)
    ink = [(40, 255, 90), (80, 240, 255), (255, 240, 80)][rng.integers(3)]
    box = (8, height // 10, int(0.78 * width), height - height // 10)
    glow = np.zeros_like(pixels)
    draw_curve(Canvas(glow, box, ink, (0, 0, 0), 4), value)
    pixels = np.maximum(pixels, (cv2.GaussianBlur(glow, (0, 0), 3) * 0.5).astype(np.uint8))
    draw_curve(Canvas(pixels, box, ink, (0, 0, 0), 2), value)
    at, size = (int(0.82 * width), int(0.4 * height)), width / 500
    cv2.putText(pixels, str(rng.integers(45, 130)), at, cv2.FONT_HERSHEY_SIMPLEX, size, ink, 2, cv2.LINE_AA)
    return np.asarray(pixels)


HELD_OUT_STYLES: Final[Mapping[str, Callable[[FloatArray, Rng], PictureArray]]] = MappingProxyType(
    {"chalk": _chalk, "fax": _fax, "notebook": _notebook, "slide": _slide, "monitor": _monitor}
)
