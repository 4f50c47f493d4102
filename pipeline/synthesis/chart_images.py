"""Pictures that are not curves: text, charts, doodles, screens, pages, drawn from random numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from pipeline.synthesis.chart_curves import FUNCTIONS, POINTS
from pipeline.synthesis.image_styles import Rng, draw_axes, draw_curve, draw_grid, new_canvas, photographed, write_word
from pipeline.types import FloatArray, PictureArray

Drawing = Callable[[Rng, FloatArray], PictureArray]


def _text(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    for y in range(20, canvas.pixels.shape[0] - 4, int(rng.integers(14, 30))):
        for x in range(8, canvas.pixels.shape[1] - 40, int(rng.integers(50, 110))):
            write_word(canvas.pixels, (x, y), rng, canvas.ink)
    return canvas.pixels


def _bars(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng, margin=0.1)
    draw_axes(canvas, rng)
    left, top, right, bottom = canvas.box
    count = int(rng.integers(3, 14))
    for i, height in enumerate(rng.random(count)):
        x = left + i * (right - left) // count
        corner = (x + max(2, (right - left) // count - 4), bottom)
        cv2.rectangle(canvas.pixels, (x, int(bottom - height * (bottom - top))), corner, canvas.ink, -1)
    return canvas.pixels


def _scatter(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng, margin=0.1)
    draw_axes(canvas, rng)
    left, top, right, bottom = canvas.box
    for x, y in rng.random((int(rng.integers(15, 150)), 2)):
        at = (int(left + x * (right - left)), int(top + y * (bottom - top)))
        cv2.circle(canvas.pixels, at, canvas.thickness + 1, canvas.ink, -1, cv2.LINE_AA)
    return canvas.pixels


def _scribble(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a wandering pen that crosses its own path."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    knots = rng.random((int(rng.integers(5, 14)), 2)) * (0.8 * width, 0.8 * height) + (0.1 * width, 0.1 * height)
    at = np.linspace(0, len(knots) - 1, 300)
    path = np.stack([np.interp(at, np.arange(len(knots)), knots[:, i]) for i in (0, 1)], axis=1)
    smooth = cv2.GaussianBlur(path.astype(np.float32), (1, 31), 0)
    cv2.polylines(canvas.pixels, [np.round(smooth).astype(np.int32)], False, canvas.ink, canvas.thickness, cv2.LINE_AA)
    return canvas.pixels


def _shapes(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a logo: a few filled or outlined shapes."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        at = (int(rng.uniform(0.2, 0.8) * width), int(rng.uniform(0.2, 0.8) * height))
        size, colour = int(rng.uniform(0.08, 0.35) * height), tuple(int(c) for c in rng.integers(0, 220, 3))
        if rng.random() < 0.5:
            cv2.circle(canvas.pixels, at, size, colour, int(rng.choice([-1, 3, 6])), cv2.LINE_AA)
        else:
            corner = (at[0] + size, at[1] + int(rng.uniform(0.3, 1) * size))
            cv2.rectangle(canvas.pixels, at, corner, colour, int(rng.choice([-1, 3])))
    return canvas.pixels


def _interface(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a window: bars, buttons and labels."""
    canvas = new_canvas(rng, dark=bool(rng.random() < 0.4))
    height, width = canvas.pixels.shape[:2]
    cv2.rectangle(canvas.pixels, (0, 0), (width, 24), (90, 110, 140), -1)
    for _ in range(int(rng.integers(4, 14))):
        x, y = int(rng.uniform(0, 0.75) * width), int(rng.uniform(0.1, 0.9) * height)
        cv2.rectangle(canvas.pixels, (x, y), (x + int(rng.integers(40, 120)), y + 18), (150, 160, 175), 1)
        write_word(canvas.pixels, (x + 4, y + 13), rng, canvas.ink, 0.35)
    return canvas.pixels


def _blank(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng, dark=bool(rng.random() < 0.3))
    if rng.random() < 0.5:
        draw_grid(canvas, rng, (230, 150, 160))
    return canvas.pixels


def _noise(rng: Rng, beats: FloatArray) -> PictureArray:
    height, width = int(rng.integers(100, 400)), int(rng.integers(100, 400))
    rough = rng.integers(0, 256, (max(2, height // 8), max(2, width // 8), 3)).astype(np.uint8)
    fine = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    return fine if rng.random() < 0.3 else np.asarray(cv2.resize(rough, (width, height)), np.uint8)


def _gradient(rng: Rng, beats: FloatArray) -> PictureArray:
    ends = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(ends, (int(rng.integers(100, 500)), int(rng.integers(100, 400)))), np.uint8)


def _two_traces(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw two beats, one above the other."""
    canvas = new_canvas(rng)
    for half in range(2):
        left, top, right, bottom = canvas.box
        middle = (top + bottom) // 2
        box = (left, top, right, middle - 8) if half == 0 else (left, middle + 8, right, bottom)
        one = type(canvas)(canvas.pixels, box, canvas.ink, canvas.background, max(1, canvas.thickness // 2))
        draw_curve(one, beats[rng.integers(len(beats))])
    return canvas.pixels


def _page(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a page of strips on a grid with lead names, sometimes photographed."""
    canvas = new_canvas(rng)
    draw_grid(canvas, rng, (240, 170, 180))
    height, width = canvas.pixels.shape[:2]
    rows, columns = int(rng.choice([2, 3, 4, 6])), int(rng.choice([1, 2, 4]))
    for row in range(rows):
        for column in range(columns):
            box = (column * width // columns + 4, row * height // rows + 6, (column + 1) * width // columns - 4,
                   (row + 1) * height // rows - 4)  # fmt: skip
            draw_curve(
                type(canvas)(canvas.pixels, box, canvas.ink, canvas.background, 1),
                _unit(FUNCTIONS["several beats"](rng, beats)),
            )
            write_word(canvas.pixels, (box[0], box[1] + 8), rng, canvas.ink, 0.3)
    return photographed(canvas.pixels, rng, canvas.background) if rng.random() < 0.3 else canvas.pixels


def _pie(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    ends = np.sort(rng.random(int(rng.integers(2, 7)))) * 360
    for start, stop in zip(ends, np.roll(ends, -1), strict=True):
        colour = tuple(int(c) for c in rng.integers(0, 230, 3))
        last = stop if stop > start else stop + 360
        cv2.ellipse(canvas.pixels, (width // 2, height // 2), (height // 3, height // 3), 0, start, last, colour, -1)
    return canvas.pixels


def _checks(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw squares in black and white: a chessboard, or a code to scan."""
    cells, size = int(rng.integers(6, 30)), int(rng.integers(6, 14))
    pattern = rng.random((cells, cells)) < 0.5 if rng.random() < 0.6 else np.indices((cells, cells)).sum(0) % 2 == 0
    grey = np.where(pattern, 0, 255).astype(np.uint8).repeat(size, 0).repeat(size, 1)
    return np.repeat(grey[..., None], 3, axis=2)


def _contours(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw contour lines, as on a map."""
    field = cv2.resize(rng.random((6, 6)).astype(np.float32), (360, 280), interpolation=cv2.INTER_CUBIC)
    lines = np.abs((field * rng.integers(4, 12)) % 1 - 0.5) < 0.06
    return np.where(lines[..., None], np.uint8(60), np.uint8(250)).repeat(3, axis=2)


def _letters(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a word in large handwriting."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    word = "".join(rng.choice(list("MWNVAulmnwvZS"), int(rng.integers(1, 6))))
    at, font = (width // 10, 2 * height // 3), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX
    cv2.putText(canvas.pixels, word, at, font, width / 120, canvas.ink, canvas.thickness, cv2.LINE_AA)
    return canvas.pixels


def _candles(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a candlestick chart of prices."""
    canvas = new_canvas(rng, margin=0.1)
    draw_axes(canvas, rng)
    left, top, right, bottom = canvas.box
    price = _unit(FUNCTIONS["random walk"](rng, beats))[:: POINTS // 24]
    for i, value in enumerate(price):
        x, y = left + i * (right - left) // price.size, int(bottom - value * (bottom - top))
        cv2.line(canvas.pixels, (x + 3, y - 12), (x + 3, y + 12), canvas.ink, 1)
        cv2.rectangle(canvas.pixels, (x, y - 5), (x + 6, y + 5), canvas.ink, -1 if rng.random() < 0.5 else 1)
    return canvas.pixels


def _table(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    for y in range(12, height, 26):
        cv2.line(canvas.pixels, (6, y), (width - 6, y), (120, 120, 120), 1)
        for x in range(10, width - 40, 80):
            write_word(canvas.pixels, (x, y + 18), rng, canvas.ink, 0.4)
    return canvas.pixels


def _spiral(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    angle = np.linspace(0, rng.uniform(10, 40), 500)
    radius = 0.45 * min(height, width) * angle / angle[-1]
    path = np.stack([width / 2 + radius * np.cos(angle), height / 2 + radius * np.sin(angle)], axis=1)
    cv2.polylines(canvas.pixels, [np.round(path).astype(np.int32)], False, canvas.ink, canvas.thickness, cv2.LINE_AA)
    return canvas.pixels


def _signature(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a name written with loops from left to right."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    t = np.linspace(0, 1, 600)
    loops, size = rng.uniform(5, 14), 0.25 * height * (0.4 + np.abs(np.sin(rng.uniform(3, 9) * t + rng.random())))
    x = width * (0.12 + 0.76 * t) + 0.06 * width * np.cos(2 * np.pi * loops * t)
    path = np.stack([x, height / 2 + size * np.sin(2 * np.pi * loops * t)], axis=1)
    cv2.polylines(canvas.pixels, [np.round(path).astype(np.int32)], False, canvas.ink, canvas.thickness, cv2.LINE_AA)
    return canvas.pixels


def _rings(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    for radius in range(6, height // 2, int(rng.integers(8, 30))):
        cv2.circle(canvas.pixels, (width // 2, height // 2), radius, canvas.ink, canvas.thickness, cv2.LINE_AA)
    return canvas.pixels


def _mountains(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a filled outline under the sky."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    ridge = height * (
        0.9
        - 0.6
        * np.interp(np.linspace(0, 1, width), np.linspace(0, 1, POINTS), _unit(FUNCTIONS["random walk"](rng, beats)))
    )
    canvas.pixels[np.arange(height)[:, None] > ridge] = canvas.ink
    return canvas.pixels


def _unit(curve: FloatArray) -> FloatArray:
    low, high = float(curve.min()), float(curve.max())
    return np.asarray((curve - low) / max(high - low, 1e-6), np.float32)


CHARTS: Final[Mapping[str, Drawing]] = MappingProxyType(
    {
        "text": _text,
        "bars": _bars,
        "scatter": _scatter,
        "scribble": _scribble,
        "shapes": _shapes,
        "interface": _interface,
        "blank": _blank,
        "noise": _noise,
        "gradient": _gradient,
        "two traces": _two_traces,
        "page": _page,
        "pie": _pie,
        "candles": _candles,
        "checks": _checks,
        "contours": _contours,
        "letters": _letters,
        "table": _table,
        "spiral": _spiral,
        "signature": _signature,
        "rings": _rings,
        "mountains": _mountains,
    }
)
