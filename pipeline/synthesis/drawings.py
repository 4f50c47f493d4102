"""Pictures that are not curves: strips, drawings, maps, diagrams, drawn from random numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from pipeline.synthesis.image_styles import Canvas, Rng, draw_curve, draw_grid, new_canvas
from pipeline.types import FloatArray, PictureArray


def _music(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    for y in np.linspace(0.35, 0.65, 5) * height:
        cv2.line(canvas.pixels, (0, int(y)), (width, int(y)), (40, 40, 40), 1)
    for x in range(20, width - 20, max(14, width // 14)):
        y = int(rng.uniform(0.35, 0.65) * height)
        cv2.ellipse(canvas.pixels, (x, y), (6, 4), -20, 0, 360, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.line(canvas.pixels, (x + 6, y), (x + 6, y - height // 6), (0, 0, 0), 1)
    return canvas.pixels


def _strip(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a rhythm strip of many beats on a grid, or of two on a plain background."""
    canvas = new_canvas(rng)
    if rng.random() < 0.6:
        draw_grid(canvas, rng, (240, 170, 180))
    count = int(rng.choice([2, 3, 6, 9, 14]))
    level, parts = 0.0, []
    for one in beats[rng.integers(len(beats), size=count)]:
        parts.append(one - one[0] + level)
        level = float(parts[-1][-1])
    curve = np.concatenate(parts)
    curve = curve - np.linspace(0, curve[-1] - curve[0], curve.size)
    draw_curve(canvas, np.asarray((curve - curve.min()) / np.ptp(curve), np.float32))
    return canvas.pixels


def _two_colours(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw two superimposed curves in one chart."""
    canvas = new_canvas(rng, margin=0.05)
    for ink in ((200, 40, 40), (40, 80, 200)):
        curve = np.cumsum(cv2.GaussianBlur(rng.normal(0, 1, (1, 300)), (0, 0), 6)[0])
        value = np.asarray((curve - curve.min()) / np.ptp(curve), np.float32)
        draw_curve(Canvas(canvas.pixels, canvas.box, ink, canvas.background, canvas.thickness), value)
    return canvas.pixels


def _sideways(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a beat rotated by a quarter turn."""
    canvas = new_canvas(rng)
    draw_curve(canvas, beats[rng.integers(len(beats))])
    return np.ascontiguousarray(np.rot90(canvas.pixels, int(rng.choice([1, 3]))))


def _tree(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    ends = [(width / 2, height - 1.0, -np.pi / 2, height / 4.5)]
    for _ in range(7):
        next_ends = []
        for x, y, angle, length in ends:
            for turn in (-1, 1):
                to = angle + turn * rng.uniform(0.2, 0.7)
                end = (x + length * np.cos(to), y + length * np.sin(to))
                cv2.line(canvas.pixels, (int(x), int(y)), (int(end[0]), int(end[1])), canvas.ink, 1, cv2.LINE_AA)
                next_ends.append((*end, to, 0.75 * length))
        ends = next_ends
    return canvas.pixels


def _maze(rng: Rng, beats: FloatArray) -> PictureArray:
    cells = int(rng.integers(8, 20))
    picture = np.full((cells * 16, cells * 16, 3), 255, np.uint8)
    for y, x in np.argwhere(rng.random((cells, cells)) < 0.8):
        way = (16, 0) if rng.random() < 0.5 else (0, 16)
        cv2.line(picture, (16 * int(x), 16 * int(y)), (16 * int(x) + way[0], 16 * int(y) + way[1]), (0, 0, 0), 2)
    return picture


def _flow_chart(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    at = [(int(x * width), int(y * height)) for x, y in rng.uniform(0.1, 0.8, (int(rng.integers(3, 7)), 2))]
    for first, second in itertools.pairwise(at):
        cv2.arrowedLine(canvas.pixels, first, second, canvas.ink, 1, cv2.LINE_AA)
    for x, y in at:
        cv2.rectangle(canvas.pixels, (x - 26, y - 12), (x + 26, y + 12), (230, 235, 250), -1)
        cv2.rectangle(canvas.pixels, (x - 26, y - 12), (x + 26, y + 12), canvas.ink, 1)
    return canvas.pixels


def _radar(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a loop around a centre: a radar chart, a flow-volume loop, a vector loop."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    angle = np.linspace(0, 2 * np.pi, int(rng.choice([6, 9, 200])))
    radius = 0.25 + 0.15 * np.sin(rng.integers(1, 5) * angle) + 0.03 * rng.random(angle.size)
    path = np.stack([width * (0.5 + radius * np.cos(angle)), height * (0.5 + radius * np.sin(angle))], axis=1)
    cv2.polylines(canvas.pixels, [path.round().astype(np.int32)], True, canvas.ink, canvas.thickness, cv2.LINE_AA)
    return canvas.pixels


def _heat_map(rng: Rng, beats: FloatArray) -> PictureArray:
    cells = rng.integers(0, 256, (int(rng.integers(4, 14)), int(rng.integers(4, 14)))).astype(np.uint8)
    large = cv2.resize(cells, (400, 300), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.applyColorMap(large, cv2.COLORMAP_VIRIDIS), np.uint8)


def _box_plot(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng, margin=0.06)
    left, top, right, bottom = canvas.box
    for x in range(left + 20, right - 20, max(40, (right - left) // 6)):
        low, q1, q2, q3, high = (int(v) for v in np.sort(rng.uniform(top, bottom, 5)))
        cv2.line(canvas.pixels, (x, low), (x, high), canvas.ink, 1)
        cv2.rectangle(canvas.pixels, (x - 12, q1), (x + 12, q3), canvas.ink, 1)
        cv2.line(canvas.pixels, (x - 12, q2), (x + 12, q2), canvas.ink, 2)
    return canvas.pixels


def _area(rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw superimposed filled areas."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    for share, colour in ((0.5, (170, 200, 240)), (0.8, (60, 110, 190))):
        rough = cv2.GaussianBlur(rng.normal(0, 1, (1, width)), (0, 0), width / 12)[0]
        edge = height * (share + 1.5 * rough / 4)
        canvas.pixels[np.arange(height)[:, None] > edge] = colour
    return canvas.pixels


def _bar_code(rng: Rng, beats: FloatArray) -> PictureArray:
    stripes = np.repeat(rng.random(90) < 0.5, rng.integers(1, 5, 90))
    row = np.where(stripes, np.uint8(0), np.uint8(255))
    return np.pad(np.tile(row[None, :, None], (120, 1, 3)), ((20, 30), (15, 15), (0, 0)), constant_values=255)


def _network(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    nodes = (rng.uniform(0.05, 0.95, (int(rng.integers(6, 25)), 2)) * (width, height)).astype(int)
    for first, second in rng.integers(len(nodes), size=(2 * len(nodes), 2)):
        ends = tuple(map(int, nodes[first])), tuple(map(int, nodes[second]))
        cv2.line(canvas.pixels, *ends, (150, 150, 150), 1, cv2.LINE_AA)
    for x, y in nodes:
        cv2.circle(canvas.pixels, (int(x), int(y)), 6, canvas.ink, -1, cv2.LINE_AA)
    return canvas.pixels


def _face(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    middle, size = (width // 2, height // 2), min(height, width) // 3
    cv2.circle(canvas.pixels, middle, size, canvas.ink, canvas.thickness, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.circle(canvas.pixels, (middle[0] + side * size // 3, middle[1] - size // 4), size // 8, canvas.ink, -1)
    cv2.ellipse(canvas.pixels, middle, (size // 2, size // 2), 0, 20, 160, canvas.ink, canvas.thickness, cv2.LINE_AA)
    return canvas.pixels


def _street_map(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    for _ in range(int(rng.integers(6, 16))):
        ends = rng.random((2, 2)) * (width, height)
        first, second = (tuple(int(v) for v in end) for end in ends)
        cv2.line(canvas.pixels, first, second, (200, 195, 180), int(rng.integers(3, 10)), cv2.LINE_AA)
    return canvas.pixels


DRAWINGS: Final[Mapping[str, Callable[[Rng, FloatArray], PictureArray]]] = MappingProxyType(
    {
        "music": _music,
        "strips of beats": _strip,
        "two curves": _two_colours,
        "beat on its side": _sideways,
        "tree": _tree,
        "maze": _maze,
        "flow chart": _flow_chart,
        "loops": _radar,
        "heat map": _heat_map,
        "box plot": _box_plot,
        "areas": _area,
        "bar code": _bar_code,
        "network": _network,
        "face": _face,
        "street map": _street_map,
    }
)
