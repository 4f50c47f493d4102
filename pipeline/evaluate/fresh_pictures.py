"""Pictures that only the evaluation draws: styles of beats, and kinds of pictures that are no beat.

Nothing here is known to training, and no choice was made by looking at what the heads say of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain import FloatArray, PictureArray
from pipeline.train.picture_styles import STYLES, Canvas, Rng, as_jpeg, draw_curve, draw_grid, new_canvas

Array = NDArray[Any]
_T: Final = np.linspace(0, 1, 400)


def fresh_beat(value: FloatArray, style: str, rng: Rng) -> PictureArray:
    """A picture (h, w, 3) of a curve (n,) in 0..1, in one of `FRESH_STYLES`."""
    return FRESH_STYLES[style](np.asarray(value, np.float32), rng)


def fresh_other(kind: str, rng: Rng, beats: FloatArray) -> PictureArray:
    """A picture (h, w, 3) of a kind of `FRESH_KINDS`; strips are made of `beats` (n, m) in 0..1."""
    if kind in _CURVES:
        curve = _CURVES[kind](rng)
        value = np.asarray((curve - curve.min()) / max(float(np.ptp(curve)), 1e-6), np.float32)
        styles = {**STYLES, **FRESH_STYLES}
        return list(styles.values())[rng.integers(len(styles))](value, rng)
    return _PICTURES[kind](rng, beats)


# Styles ------------------------------------------------------------------------------------------------------------


def _chalk(value: FloatArray, rng: Rng) -> PictureArray:
    """Chalk on a green board: grains, smears of old writing."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    board = np.full((height, width, 3), (40, 80, 60), np.float64)
    board += 10 * cv2.GaussianBlur(rng.normal(0, 1, (height, width, 1)), (0, 0), 9).reshape(height, width, 1) * 6
    stroke = np.zeros((height, width, 3), np.uint8)
    draw_curve(Canvas(stroke, canvas.box, (255, 255, 255), (0, 0, 0), canvas.thickness + 1), value)
    share = stroke[..., :1] / 255.0 * rng.uniform(0.65, 1.0, (height, width, 1))
    return np.clip(board * (1 - share) + 235 * share, 0, 255).astype(np.uint8)


def _fax(value: FloatArray, rng: Rng) -> PictureArray:
    """One bit per pixel, with specks and lost lines."""
    canvas = new_canvas(rng)
    draw_curve(Canvas(canvas.pixels, canvas.box, (0, 0, 0), canvas.ground, canvas.thickness), value)
    grey = canvas.pixels.mean(axis=2) + rng.normal(0, 25, canvas.pixels.shape[:2])
    black = (grey < 128) ^ (rng.random(grey.shape) < 0.001)
    return np.where(black[..., None], np.uint8(0), np.uint8(255)).repeat(3, axis=2)


def _notebook(value: FloatArray, rng: Rng) -> PictureArray:
    """A pencil on lined paper with a margin, as a JPEG."""
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    for y in range(20, height, max(16, height // 14)):
        cv2.line(canvas.pixels, (0, y), (width, y), (190, 210, 235), 1)
    cv2.line(canvas.pixels, (width // 9, 0), (width // 9, height), (235, 170, 170), 1)
    wobble = cv2.GaussianBlur(rng.normal(0, 1, (1, value.size)).astype(np.float32), (0, 0), 6)[0]
    left, top, right, bottom = canvas.box
    box = (max(left, width // 7), top, right, bottom)
    draw_curve(Canvas(canvas.pixels, box, (75, 75, 85), canvas.ground, max(2, canvas.thickness)), value + 0.01 * wobble)
    return as_jpeg(canvas.pixels, int(rng.integers(50, 90)))


def _slide(value: FloatArray, rng: Rng) -> PictureArray:
    """A slide: a ground that shades from top to bottom, a title bar, a shadow under the curve."""
    canvas = new_canvas(rng, margin=0.08)
    height = canvas.pixels.shape[0]
    canvas.pixels[:] = (np.linspace(252, 228, height)[:, None, None] + np.array([0, 0, 3])).clip(0, 255)
    left, top, right, bottom = canvas.box
    shadow = Canvas(
        canvas.pixels, (left + 2, top + 2, right + 2, bottom + 2), (190, 190, 200), canvas.ground, canvas.thickness
    )
    draw_curve(shadow, value)
    draw_curve(canvas, value)
    cv2.rectangle(canvas.pixels, (0, 0), (canvas.pixels.shape[1], max(6, height // 25)), (40, 70, 130), -1)
    return canvas.pixels


def _monitor(value: FloatArray, rng: Rng) -> PictureArray:
    """A bedside monitor: a glowing line on black, numbers at the right."""
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
    return pixels


FRESH_STYLES: Final[Mapping[str, Callable[[FloatArray, Rng], PictureArray]]] = MappingProxyType(
    {"chalk": _chalk, "fax": _fax, "notebook": _notebook, "slide": _slide, "monitor": _monitor}
)


# Curves that are no beat -------------------------------------------------------------------------------------------


def _pressure(rng: Rng) -> Array:
    """Arterial pressure: one to four pulses with a notch."""
    phase = (rng.uniform(1, 4) * _T + rng.random()) % 1
    rise = np.clip(phase / 0.15, 0, 1) ** 1.5 * np.exp(-2.2 * np.clip(phase - 0.15, 0, None))
    return rise + 0.12 * np.exp(-0.5 * ((phase - 0.42) / 0.03) ** 2)


def _capnogram(rng: Rng) -> Array:
    phase = (rng.uniform(1.2, 5) * _T + rng.random()) % 1
    level = 1 / (1 + np.exp(-(phase - 0.3) / 0.02)) - 1 / (1 + np.exp(-(phase - 0.8) / 0.015))
    return level * (1 + 0.15 * phase)


def _earthquake(rng: Rng) -> Array:
    first, second = rng.uniform(0.1, 0.3), rng.uniform(0.4, 0.6)
    envelope = 0.02 + 0.3 * np.exp(-9 * (_T - first)) * (first < _T) + np.exp(-7 * (_T - second)) * (second < _T)
    return envelope * rng.normal(0, 1, _T.size)


def _brain(rng: Rng) -> Array:
    """Brain waves: a rhythm that comes and goes in noise."""
    slow = cv2.GaussianBlur(rng.normal(0, 1, (1, _T.size)), (0, 0), 40)[0]
    return (0.3 + np.abs(slow) * 8) * np.sin(2 * np.pi * rng.uniform(9, 16) * _T) + rng.normal(0, 0.2, _T.size)


def _tide(rng: Rng) -> Array:
    return np.sin(2 * np.pi * 2 * rng.uniform(0.8, 2) * _T) + rng.uniform(0.3, 0.8) * np.sin(
        2 * np.pi * rng.uniform(0.8, 2) * _T + rng.random()
    )


def _resonance(rng: Rng) -> Array:
    """The gain of a circuit over frequency, in decibels."""
    ratio = 10 ** (2 * _T - rng.uniform(0.6, 1.4))
    return -10 * np.log10((1 - ratio**2) ** 2 + (rng.uniform(0.03, 0.5) * ratio) ** 2)


def _roc(rng: Rng) -> Array:
    steps = np.sort(np.append(rng.random(int(rng.integers(5, 40))) ** rng.uniform(1.5, 4), [0, 1]))
    return np.searchsorted(steps, _T) / steps.size


def _survival(rng: Rng) -> Array:
    times = np.sort(rng.random(int(rng.integers(6, 25))))
    return np.cumprod(np.append(1, 1 - rng.uniform(0.02, 0.2, times.size)))[np.searchsorted(times, _T)]


def _planck(rng: Rng) -> Array:
    x = 0.02 + rng.uniform(6, 14) * _T
    return x**3 / np.expm1(x)


def _returns(rng: Rng) -> Array:
    """Daily returns of a share: quiet and wild weeks."""
    calm = np.exp(cv2.GaussianBlur(rng.normal(0, 1, (1, _T.size)), (0, 0), 12)[0] * 5)
    return calm * rng.normal(0, 1, _T.size)


def _ride(rng: Rng) -> Array:
    """The heights of a ride in the hills."""
    slopes = np.repeat(rng.normal(0, 1, 20), 20)
    return np.cumsum(cv2.GaussianBlur(slopes[None], (0, 0), 5)[0])


def _epidemic(rng: Rng) -> Array:
    """Two or three waves of cases by day, each steep and slow to fall."""
    total = np.zeros_like(_T)
    for start in np.sort(rng.uniform(0, 0.75, int(rng.integers(2, 4)))):
        x = np.clip(_T - start, 1e-6, None) / rng.uniform(0.06, 0.12)
        total += rng.uniform(0.3, 1) * x**2 * np.exp(-x)
    return total * (1 + 0.08 * np.sin(2 * np.pi * 18 * _T))


def _fractal(rng: Rng) -> Array:
    base = rng.uniform(0.4, 0.7)
    return np.asarray(sum(base**k * np.cos(2 * np.pi * 2**k * (_T + rng.random())) for k in range(8)))


def _step_response(rng: Rng) -> Array:
    """A controller's answer to a step: overshoot, then rest."""
    t = np.clip(_T - rng.uniform(0.05, 0.3), 0, None) * rng.uniform(12, 40)
    damping = rng.uniform(0.1, 0.5)
    return 1 - np.exp(-damping * t) * np.cos(np.sqrt(1 - damping**2) * t)


def _bessel(rng: Rng) -> Array:
    x, angle = rng.uniform(15, 45) * _T, np.linspace(0, np.pi, 200)[:, None]
    return np.cos(x * np.sin(angle) - rng.integers(0, 3) * angle).mean(axis=0)


def _gait(rng: Rng) -> Array:
    """The force under a foot: two humps."""
    x = np.clip((_T - rng.uniform(0.05, 0.2)) / rng.uniform(0.6, 0.75), 0, 1)
    return np.sin(np.pi * x) ** 0.5 - rng.uniform(0.2, 0.4) * np.sin(np.pi * x) ** 6 * np.cos(np.pi * (x - 0.5))


def _load(rng: Rng) -> Array:
    """Electricity over a day: a morning, a dip of sun, an evening."""
    day = 0.6 + 0.25 * np.exp(-0.5 * ((_T - 0.33) / 0.06) ** 2) + 0.5 * np.exp(-0.5 * ((_T - 0.8) / 0.07) ** 2)
    return day - rng.uniform(0.2, 0.5) * np.exp(-0.5 * ((_T - 0.54) / 0.11) ** 2) + rng.normal(0, 0.008, _T.size)


def _drug(rng: Rng) -> Array:
    """The level of a drug that is taken again and again."""
    dose = rng.uniform(0.12, 0.4)
    return sum((np.exp(-4 * np.clip(_T - k * dose, 0, None)) - np.exp(-40 * np.clip(_T - k * dose, 0, None)))
               * (k * dose < _T) for k in range(8)) + np.zeros_like(_T)  # fmt: skip


def _hysteresis(rng: Rng) -> Array:
    return np.tanh(rng.uniform(3, 12) * (2 * _T - 1)) + 0.2 * np.cos(np.pi * (2 * _T - 1)) ** 2


_CURVES: Final[Mapping[str, Callable[[Rng], Array]]] = MappingProxyType(
    {
        "arterial pressure": _pressure,
        "capnogram": _capnogram,
        "earthquake": _earthquake,
        "brain waves": _brain,
        "tide": _tide,
        "resonance": _resonance,
        "ROC curve": _roc,
        "survival": _survival,
        "black body": _planck,
        "returns": _returns,
        "ride": _ride,
        "epidemic": _epidemic,
        "fractal": _fractal,
        "step response": _step_response,
        "Bessel function": _bessel,
        "gait": _gait,
        "electricity": _load,
        "drug level": _drug,
        "saturation": _hysteresis,
    }
)


# Pictures that are no beat -----------------------------------------------------------------------------------------


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
    """A rhythm strip of many beats on a grid, or of two on plain ground."""
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
    """Two curves over each other in one chart."""
    canvas = new_canvas(rng, margin=0.05)
    for ink in ((200, 40, 40), (40, 80, 200)):
        curve = np.cumsum(cv2.GaussianBlur(rng.normal(0, 1, (1, 300)), (0, 0), 6)[0])
        value = np.asarray((curve - curve.min()) / np.ptp(curve), np.float32)
        draw_curve(Canvas(canvas.pixels, canvas.box, ink, canvas.ground, canvas.thickness), value)
    return canvas.pixels


def _sideways(rng: Rng, beats: FloatArray) -> PictureArray:
    """A beat turned by a quarter."""
    canvas = new_canvas(rng)
    draw_curve(canvas, beats[rng.integers(len(beats))])
    return np.ascontiguousarray(np.rot90(canvas.pixels, int(rng.choice([1, 3]))))


def _tree(rng: Rng, beats: FloatArray) -> PictureArray:
    canvas = new_canvas(rng)
    height, width = canvas.pixels.shape[:2]
    ends = [(width / 2, height - 1.0, -np.pi / 2, height / 4.5)]
    for _ in range(7):
        grown = []
        for x, y, angle, length in ends:
            for turn in (-1, 1):
                to = angle + turn * rng.uniform(0.2, 0.7)
                end = (x + length * np.cos(to), y + length * np.sin(to))
                cv2.line(canvas.pixels, (int(x), int(y)), (int(end[0]), int(end[1])), canvas.ink, 1, cv2.LINE_AA)
                grown.append((*end, to, 0.75 * length))
        ends = grown
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
    """A loop around a centre: a radar chart, a flow-volume loop, a vector loop."""
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
    """Filled areas over each other."""
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


_PICTURES: Final[Mapping[str, Callable[[Rng, FloatArray], PictureArray]]] = MappingProxyType(
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
FRESH_KINDS: Final = (*_CURVES, *_PICTURES)
