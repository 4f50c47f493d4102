"""Pictures that are not curves and that only the evaluation draws: strips, charts, screens, drawings, textures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthesis.image_styles import Canvas, Rng, draw_curve, draw_grid, new_canvas, photographed, write_word
from pipeline.types import FloatArray, PictureArray

_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX


def _path(canvas: Canvas, x: NDArray[Any], y: NDArray[Any], *, closed: bool = False) -> None:
    """Draw a line through points in 0..1 of the canvas, y downwards."""
    height, width = canvas.pixels.shape[:2]
    path = np.round(np.stack([x * width, y * height], axis=1)).astype(np.int32)
    cv2.polylines(canvas.pixels, [path], closed, canvas.ink, canvas.thickness, cv2.LINE_AA)


def _monitor_strip(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw one patient's rhythm of two to ten beats with unequal pauses, labelled, on paper or a dark screen."""
    dark = bool(rng.random() < 0.5)
    canvas = new_canvas(rng, dark=dark, margin=0.02)
    if not dark:
        draw_grid(canvas, rng, (235, 190, 190))
    one, parts = beats[rng.integers(len(beats))], []
    level = np.linspace(one[0], one[-1], one.size)
    for _ in range(int(rng.integers(2, 11))):
        parts += [one - level, np.zeros(int(rng.integers(4, one.size // 2)))]
    curve = np.concatenate(parts) + 0.05 * np.sin(np.linspace(0, rng.uniform(2, 9), sum(map(len, parts))))
    draw_curve(canvas, np.asarray((curve - curve.min()) / np.ptp(curve), np.float32))
    write_word(canvas.pixels, (6, 14), rng, canvas.ink)
    return canvas.pixels


def _leads(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw three leads of one beat below each other."""
    canvas = new_canvas(rng)
    left, top, right, bottom = canvas.box
    for row, one in enumerate(beats[rng.integers(len(beats), size=3)]):
        box = (left, top + row * (bottom - top) // 3, right, top + (row + 1) * (bottom - top) // 3 - 6)
        draw_curve(Canvas(canvas.pixels, box, canvas.ink, canvas.background, 1), one)
    return canvas.pixels


def _over_each_other(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw many beats of a patient in one place, as in a review of templates."""
    canvas = new_canvas(rng)
    for one in beats[rng.integers(len(beats), size=int(rng.integers(4, 10)))]:
        draw_curve(Canvas(canvas.pixels, canvas.box, canvas.ink, canvas.background, 1), one)
    return canvas.pixels


def _handwriting(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw one to three lines of cursive handwriting."""
    canvas = new_canvas(rng)
    rows = int(rng.integers(1, 4))
    for row in range(rows):
        t = np.linspace(0, 1, 900)
        letters = np.repeat(rng.choice([0.3, 0.5, 1.0, -0.8], 30), 30)
        wave = np.sin(2 * np.pi * rng.uniform(14, 24) * t)
        y = (row + 0.6) / rows - 0.18 / rows * cv2.GaussianBlur((letters * (1 + wave))[None], (0, 0), 5)[0]
        _path(canvas, 0.05 + 0.9 * t + 0.012 * np.cos(2 * np.pi * 20 * t), y)
    return canvas.pixels


def _gantt(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    for y in range(14, height - 14, 22):
        start, stop = np.sort(rng.integers(width // 8, width - 8, 2))
        cv2.rectangle(canvas.pixels, (int(start), y), (int(stop), y + 12), canvas.ink, -1)
    return canvas.pixels


def _clock(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    middle, size = (width // 2, height // 2), 2 * min(height, width) // 5
    cv2.circle(canvas.pixels, middle, size, canvas.ink, canvas.thickness, cv2.LINE_AA)
    for share, angle in ((0.6, rng.uniform(0, 6.3)), (0.9, rng.uniform(0, 6.3))):
        end = (int(middle[0] + share * size * np.cos(angle)), int(middle[1] + share * size * np.sin(angle)))
        cv2.line(canvas.pixels, middle, end, canvas.ink, canvas.thickness, cv2.LINE_AA)
    return canvas.pixels


def _coast(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw an island, or the coast of a country."""
    canvas = new_canvas(rng)
    t = np.linspace(0, 2 * np.pi, 400)
    radius = 0.3 + sum(0.08 / k * np.cos(k * t + rng.uniform(0, 6.3)) for k in range(2, 30))
    if rng.random() < 0.5:
        _path(canvas, 0.5 + radius * np.cos(t), 0.5 + radius * np.sin(t), closed=True)
    else:
        _path(canvas, 0.5 + radius - 0.3 + 0.1 * np.sin(t), np.linspace(0, 1, t.size))
    return canvas.pixels


def _house(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a child's house, sometimes with mountains behind it."""
    canvas = new_canvas(rng)
    wall = rng.uniform(0.15, 0.3)
    x = np.array([0.5 - wall, 0.5 - wall, 0.5, 0.5 + wall, 0.5 + wall, 0.5 - wall])
    _path(canvas, x, np.array([0.9, 0.5, 0.2, 0.5, 0.9, 0.9]), closed=True)
    if rng.random() < 0.5:
        _path(canvas, np.linspace(0, 1, 7), 0.9 - 0.6 * rng.random(7))
    return canvas.pixels


def _logo(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a tick, an arrow, a bolt or a star in a thick line."""
    canvas = new_canvas(rng, margin=0.05)
    angle = np.pi * 0.8 * np.arange(6) - np.pi / 2
    forms = (
        (np.array([0.1, 0.4, 0.9]), np.array([0.5, 0.85, 0.1])),
        (np.array([0.05, 0.95, 0.7, 0.95, 0.7]), np.array([0.5, 0.5, 0.2, 0.5, 0.8])),
        (np.array([0.55, 0.2, 0.5, 0.4, 0.85, 0.5, 0.7]), np.array([0.05, 0.55, 0.5, 0.95, 0.4, 0.42, 0.05])),
        (0.5 + 0.45 * np.cos(angle), 0.5 + 0.45 * np.sin(angle)),
    )
    _path(
        Canvas(canvas.pixels, canvas.box, canvas.ink, canvas.background, canvas.thickness * 3), *forms[rng.integers(4)]
    )
    return canvas.pixels


def _texture(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw wood, cloud or cloth: noise that is longer in one direction."""
    height, width = int(rng.integers(120, 400)), int(rng.integers(120, 500))
    sigma_px = rng.uniform(0.8, 25, 2)
    rough = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), float(sigma_px[0]), sigmaY=float(sigma_px[1]))
    tone = rng.uniform(60, 220, 3) + 45 * (rough / rough.std())[..., None]
    return np.asarray(np.clip(tone, 0, 255).astype(np.uint8))


def _bricks(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    brick, course = int(rng.integers(30, 70)), int(rng.integers(14, 30))
    for row, y in enumerate(range(0, height, course)):
        cv2.line(canvas.pixels, (0, y), (width, y), canvas.ink, 2)
        for x in range(brick // 2 * (row % 2), width, brick):
            cv2.line(canvas.pixels, (x, y), (x, y + course), canvas.ink, 2)
    return canvas.pixels


def _ultrasound(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a grey fan of speckle on black."""
    y, x = np.mgrid[0:300, 0:360]
    angle, radius = np.arctan2(x - 180, y + 40), np.hypot(x - 180, y + 40)
    speckle = np.abs(cv2.GaussianBlur(rng.normal(0, 1, (300, 360)), (0, 0), 1.5)) * 400
    grey = np.where((np.abs(angle) < 0.7) & (radius > 60) & (radius < 330), speckle, 0)
    return np.clip(grey, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)


def _x_ray(rng: Rng, beats: FloatArray) -> PictureArray:
    y, x = np.mgrid[-1:1:280j, -1:1:300j]
    ribs = 30 * np.sin(14 * y + 6 * x**2) * (np.abs(x) < 0.8)
    grey = 120 - 80 * np.exp(-((np.abs(x) - 0.4) ** 2) / 0.05 - y**2 / 0.4) + ribs + rng.normal(0, 4, x.shape)
    return np.asarray(np.clip(grey, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2))


def _spectrogram(rng: Rng, beats: FloatArray) -> PictureArray:
    bands = np.exp(-np.linspace(0, 6, 120))[:, None] * rng.random((120, 1)) * rng.random((1, 200))
    level = np.clip(900 * (bands + 0.02 * rng.random((120, 200))), 0, 255).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(cv2.resize(level, (420, 260)), cv2.COLORMAP_MAGMA), np.uint8)


def _circuit(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a loop of resistors and capacitors."""
    canvas = new_canvas(rng)
    zigzag = 0.25 - 0.08 * np.array([0, 0, 1, -1, 1, -1, 1, -1, 0, 0])
    _path(canvas, np.linspace(0.1, 0.9, 10), zigzag)
    _path(canvas, np.array([0.1, 0.1, 0.45, 0.45, 0.45]), np.array([0.25, 0.8, 0.8, 0.7, 0.9]))
    _path(canvas, np.array([0.9, 0.9, 0.55, 0.55, 0.55]), np.array([0.25, 0.8, 0.8, 0.7, 0.9]))
    return canvas.pixels


def _molecule(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw rings of six in a row, with a zigzag chain."""
    canvas = new_canvas(rng)
    angle = np.pi / 3 * np.arange(7) + np.pi / 6
    for ring in range(int(rng.integers(0, 3))):
        _path(canvas, 0.18 + 0.17 * ring + 0.1 * np.cos(angle), 0.5 + 0.14 * np.sin(angle))
    n = int(rng.integers(5, 12))
    _path(canvas, np.linspace(0.3, 0.95, n), 0.5 + 0.1 * (-1.0) ** np.arange(n))
    return canvas.pixels


def _formula(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    words = ("y = a x + b", "E = mc2", "f(x) = sin(x) / x", "p < 0.05", "QT / sqrt(RR)")
    word = words[rng.integers(len(words))]
    cv2.putText(canvas.pixels, word, (width // 20, height // 2), _FONT, width / 320, canvas.ink, 2, cv2.LINE_AA)
    return canvas.pixels


def _crossword(rng: Rng, beats: FloatArray) -> PictureArray:
    cells = int(rng.integers(6, 12))
    grid = np.where(rng.random((cells, cells)) < 0.25, 0, 255).astype(np.uint8).repeat(28, 0).repeat(28, 1)
    grid[::28], grid[:, ::28] = 0, 0
    return np.repeat(grid[..., None], 3, axis=2)


def _chat(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng, dark=bool(rng.random() < 0.3))
    height, width = canvas.pixels.shape[:2]
    for y in range(10, height - 30, 38):
        x = int(rng.choice([8, width // 3]))
        cv2.rectangle(canvas.pixels, (x, y), (x + width // 2, y + 28), (200, 225, 250), -1)
        write_word(canvas.pixels, (x + 6, y + 18), rng, (30, 30, 30), 0.4)
    return canvas.pixels


def _dendrogram(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    nodes = [(x, 0.95) for x in np.linspace(0.06, 0.94, int(rng.integers(5, 14)))]
    while len(nodes) > 1:
        i = int(rng.integers(len(nodes) - 1))
        (a, low), (b, high) = nodes[i], nodes[i + 1]
        top = min(low, high) - 0.85 / 14
        _path(canvas, np.array([a, a, b, b]), np.array([low, top, top, high]))
        nodes[i : i + 2] = [((a + b) / 2, top)]
    return canvas.pixels


def _error_bars(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw means with their errors, joined by a line."""
    canvas = new_canvas(rng)
    x = np.linspace(0.1, 0.9, int(rng.integers(5, 14)))
    y = 0.5 + 0.3 * np.cumsum(rng.normal(0, 0.4, x.size)).clip(-1, 1)
    _path(canvas, x, y)
    for a, b in zip(x, y, strict=True):
        half = rng.uniform(0.03, 0.12)
        _path(canvas, np.array([a, a]), np.array([b - half, b + half]))
    return canvas.pixels


def _violin(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    y = np.linspace(0.1, 0.9, 80)
    for centre in (0.2, 0.5, 0.8):
        half = 0.12 * np.exp(-0.5 * ((y - rng.uniform(0.3, 0.7)) / rng.uniform(0.08, 0.2)) ** 2)
        _path(canvas, np.append(centre - half, (centre + half)[::-1]), np.append(y, y[::-1]), closed=True)
    return canvas.pixels


def _floor_plan(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    _path(canvas, np.array([0.05, 0.95, 0.95, 0.05]), np.array([0.05, 0.05, 0.95, 0.95]), closed=True)
    for _ in range(int(rng.integers(3, 7))):
        a, b = rng.uniform(0.1, 0.9, 2)
        ends = np.array([a, a]), np.array([b, rng.choice([0.05, 0.95])])
        _path(canvas, *(ends if rng.random() < 0.5 else ends[::-1]))
    return canvas.pixels


def _receipt(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a shop receipt under a camera."""
    pixels = np.full((420, 240, 3), 248, np.uint8)
    for y in range(20, 400, 18):
        write_word(pixels, (14, y), rng, (50, 50, 50), 0.4)
        write_word(pixels, (180, y), rng, (50, 50, 50), 0.4)
    return photographed(pixels, rng)


def _flower(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    t = np.linspace(0, 2 * np.pi, 300)
    radius = 0.2 * np.abs(np.cos(rng.integers(2, 5) * t)) + 0.05
    _path(canvas, 0.5 + radius * np.cos(t), 0.35 + radius * np.sin(t), closed=True)
    _path(canvas, 0.5 + 0.05 * np.sin(4 * t[:50]), np.linspace(0.4, 0.95, 50))
    return canvas.pixels


HELD_OUT_DRAWINGS: Final[Mapping[str, Callable[[Rng, FloatArray], PictureArray]]] = MappingProxyType(
    {
        "rhythm strips": _monitor_strip,
        "three leads": _leads,
        "beats over each other": _over_each_other,
        "handwriting": _handwriting,
        "plan of work": _gantt,
        "clock": _clock,
        "coast": _coast,
        "house": _house,
        "logo": _logo,
        "texture": _texture,
        "bricks": _bricks,
        "ultrasound": _ultrasound,
        "X-ray": _x_ray,
        "spectrogram": _spectrogram,
        "circuit": _circuit,
        "molecule": _molecule,
        "formula": _formula,
        "crossword": _crossword,
        "chat": _chat,
        "dendrogram": _dendrogram,
        "error bars": _error_bars,
        "violins": _violin,
        "floor plan": _floor_plan,
        "receipt": _receipt,
        "flower": _flower,
    }
)
