"""Pictures of one curve as people make them, in any ink, paper, grid, axes, screen or camera, from random numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray, PictureArray

Colour = tuple[int, int, int]
Rng = np.random.Generator

_DARK_INKS: Final[tuple[Colour, ...]] = (
    *((0, 0, 0), (20, 20, 30), (31, 119, 180), (10, 40, 150), (200, 20, 30), (20, 110, 50), (90, 30, 120)),
    *((70, 70, 70), (150, 60, 0), (0, 90, 110)),
)
_LIGHT_INKS: Final[tuple[Colour, ...]] = (
    (90, 255, 120),
    (255, 235, 60),
    (90, 220, 255),
    (255, 255, 255),
    (255, 130, 90),
)
_PAPERS: Final[tuple[Colour, ...]] = (
    (255, 255, 255),
    (250, 250, 245),
    (255, 240, 240),
    (240, 248, 240),
    (245, 245, 255),
)
_SCREENS: Final[tuple[Colour, ...]] = ((0, 0, 0), (17, 17, 17), (14, 17, 23), (10, 25, 40), (35, 35, 38))
_GRIDS: Final[tuple[Colour, ...]] = (
    (245, 180, 185),
    (230, 120, 130),
    (190, 220, 190),
    (205, 205, 205),
    (185, 205, 235),
)
_WORDS: Final = ("Beat", "Lead II", "mV", "time (s)", "25 mm/s", "10 mm/mV", "ECG", "V1", "Normal?", "R peak", "360 Hz")


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture in the making.

    Attributes
    ----------
    pixels : (h, w, 3) uint8
        The picture, RGB.
    box : tuple of int
        Where the curve is drawn: left, top, right, bottom.
    ink, background : Colour
        RGB colours.
    thickness : int
        Of the line, pixels.
    """

    pixels: PictureArray
    box: tuple[int, int, int, int]
    ink: Colour
    background: Colour
    thickness: int


def draw_styled(value: FloatArray, style: str, rng: Rng) -> PictureArray:
    """Draw a curve in a style.

    Parameters
    ----------
    value : (n,) float32
        The curve, 0..1, upwards.
    style : str
        One of `STYLES`.
    rng : Generator
        Random generator.

    Returns
    -------
    (h, w, 3) uint8
        RGB.
    """
    return STYLES[style](np.asarray(value, np.float32), rng)


def new_canvas(rng: Rng, *, dark: bool = False, margin: float = 0.0) -> Canvas:
    """Make an empty picture of random size, background and ink.

    Parameters
    ----------
    rng : Generator
        Random generator.
    dark : bool, optional
        Whether it is light on dark.
    margin : float, optional
        Share of each side that the curve's box leaves free, in addition to a random one.
    """
    width = int(rng.integers(150, 640))
    height = int(np.clip(width * rng.uniform(0.5, 1.2), 110, 560))
    background = _SCREENS[rng.integers(len(_SCREENS))] if dark else _PAPERS[rng.integers(len(_PAPERS))]
    inks = _LIGHT_INKS if dark else _DARK_INKS
    free = margin + rng.uniform(0.02, 0.10)
    box = (int(free * width), int(free * height), int((1 - free) * width), int((1 - free) * height))
    thickness = max(1, round(rng.uniform(0.003, 0.014) * width))
    return Canvas(
        np.full((height, width, 3), background, np.uint8), box, inks[rng.integers(len(inks))], background, thickness
    )


def draw_curve(canvas: Canvas, value: FloatArray) -> None:
    """Draw a curve (n,) in 0..1 into the canvas's box."""
    left, top, right, bottom = canvas.box
    x = np.linspace(left, right, value.size)
    y = bottom - value * (bottom - top)
    points = np.round(np.stack([x, y], axis=1) * 16).astype(np.int32)
    cv2.polylines(canvas.pixels, [points], False, canvas.ink, canvas.thickness, cv2.LINE_AA, 4)


def draw_grid(canvas: Canvas, rng: Rng, colour: Colour) -> None:
    """Draw ECG paper over the whole picture: fine lines, every fifth stronger.

    Parameters
    ----------
    canvas : Canvas
        The picture, changed in place.
    rng : Generator
        Random generator.
    colour : Colour
        RGB of the fine lines.
    """
    height, width = canvas.pixels.shape[:2]
    step = max(4, int(rng.uniform(0.015, 0.06) * width))
    strong = tuple(max(0, c - 25) for c in colour)
    for i, x in enumerate(range(int(rng.integers(step)), width, step)):
        cv2.line(canvas.pixels, (x, 0), (x, height), strong if i % 5 == 0 else colour, 1 + (i % 5 == 0 and width > 300))
    for i, y in enumerate(range(int(rng.integers(step)), height, step)):
        cv2.line(canvas.pixels, (0, y), (width, y), strong if i % 5 == 0 else colour, 1 + (i % 5 == 0 and width > 300))


def write_word(picture: PictureArray, at: tuple[int, int], rng: Rng, colour: Colour, scale: float = 0.0) -> None:
    """Write a random word or number.

    Parameters
    ----------
    picture : (h, w, 3) uint8
        The picture, changed in place.
    at : tuple[int, int]
        Lower left corner (x, y), pixels.
    rng : Generator
        Random generator.
    colour : Colour
        RGB.
    scale : float, optional
        OpenCV's font scale; random if 0.
    """
    word = _WORDS[rng.integers(len(_WORDS))] if rng.random() < 0.6 else f"{rng.uniform(0, 100):.1f}"
    size = scale or float(rng.uniform(0.3, 0.55))
    cv2.putText(picture, word, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)


def _plain(value: FloatArray, rng: Rng) -> PictureArray:
    canvas = new_canvas(rng)
    draw_curve(canvas, value)
    return canvas.pixels


def _tiny(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw black on white without axes, 100 to 260 pixels a side, like typical datasets of beats."""
    side = int(rng.integers(100, 260))
    free = int(rng.uniform(0.02, 0.06) * side)
    box = (free, free, side - free, side - free)
    canvas = Canvas(np.full((side, side, 3), 255, np.uint8), box, (0, 0, 0), (255, 255, 255), int(rng.integers(1, 4)))
    draw_curve(canvas, value)
    return canvas.pixels


def _grid(value: FloatArray, rng: Rng) -> PictureArray:
    canvas = new_canvas(rng)
    draw_grid(canvas, rng, _GRIDS[rng.integers(len(_GRIDS))])
    draw_curve(canvas, value)
    return canvas.pixels


def _axes(value: FloatArray, rng: Rng, *, dark: bool = False) -> PictureArray:
    """Draw a chart: frame or two axes, ticks, numbers, often light grid lines and a title."""
    canvas = new_canvas(rng, dark=dark, margin=0.1)
    draw_axes(canvas, rng, dark=dark)
    draw_curve(canvas, value)
    return canvas.pixels


def draw_axes(canvas: Canvas, rng: Rng, *, dark: bool = False) -> None:
    """Draw axes around the canvas's box, with ticks, numbers and sometimes grid lines and a title.

    Parameters
    ----------
    canvas : Canvas
        The picture, changed in place.
    rng : Generator
        Random generator.
    dark : bool, optional
        Whether it is light on dark.
    """
    left, top, right, bottom = canvas.box
    pad = max(3, (right - left) // 22)
    frame = (left - pad, top - pad, right + pad, bottom + pad)
    line: Colour = (200, 200, 200) if dark else (0, 0, 0)
    faint: Colour = (50, 52, 56) if dark else (225, 225, 225)
    grid, whole = rng.random() < 0.5, rng.random() < 0.7
    for share in np.linspace(0.05, 0.95, int(rng.integers(4, 8))):
        x, y = round(frame[0] + share * (frame[2] - frame[0])), round(frame[1] + share * (frame[3] - frame[1]))
        if grid:
            cv2.line(canvas.pixels, (x, frame[1]), (x, frame[3]), faint, 1)
            cv2.line(canvas.pixels, (frame[0], y), (frame[2], y), faint, 1)
        cv2.line(canvas.pixels, (x, frame[3]), (x, frame[3] + 4), line, 1)
        cv2.line(canvas.pixels, (frame[0] - 4, y), (frame[0], y), line, 1)
        write_number(canvas.pixels, (x - 8, frame[3] + 15), share, line)
        write_number(canvas.pixels, (max(0, frame[0] - 26), y + 4), share, line)
    if whole:
        cv2.rectangle(canvas.pixels, frame[:2], frame[2:], line, 1)
    else:
        cv2.line(canvas.pixels, (frame[0], frame[1]), (frame[0], frame[3]), line, 1)
        cv2.line(canvas.pixels, (frame[0], frame[3]), (frame[2], frame[3]), line, 1)
    if rng.random() < 0.5:
        write_word(canvas.pixels, ((left + right) // 2 - 20, max(10, frame[1] - 6)), rng, line)


def write_number(picture: PictureArray, at: tuple[int, int], number: float, colour: Colour) -> None:
    """Write the number at a tick.

    Parameters
    ----------
    picture : (h, w, 3) uint8
        The picture, changed in place.
    at : tuple[int, int]
        Lower left corner (x, y), pixels.
    number : float
        Written with one decimal.
    colour : Colour
        RGB.
    """
    cv2.putText(picture, f"{number:.1f}", at, cv2.FONT_HERSHEY_SIMPLEX, 0.32, colour, 1, cv2.LINE_AA)


def _dark(value: FloatArray, rng: Rng) -> PictureArray:
    canvas = new_canvas(rng, dark=True)
    if rng.random() < 0.5:
        draw_grid(canvas, rng, tuple(min(255, c + 28) for c in canvas.background))  # type: ignore[arg-type]
    draw_curve(canvas, value)
    return canvas.pixels


def _dark_axes(value: FloatArray, rng: Rng) -> PictureArray:
    return _axes(value, rng, dark=True)


def _screenshot(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw a window with a bar, a few words and the curve in a panel."""
    dark = bool(rng.random() < 0.4)
    canvas = new_canvas(rng, dark=dark, margin=0.05)
    if rng.random() < 0.5:
        draw_grid(canvas, rng, (60, 62, 66) if dark else _GRIDS[rng.integers(len(_GRIDS))])
    draw_curve(canvas, value)
    height, width = canvas.pixels.shape[:2]
    bar = int(rng.integers(18, 40))
    shade = int(rng.integers(40, 70)) if dark else int(rng.integers(215, 240))
    outer = np.full((height + bar + int(rng.integers(0, 30)), width + 2 * int(rng.integers(0, 12)), 3), shade, np.uint8)
    left = (outer.shape[1] - width) // 2
    outer[bar : bar + height, left : left + width] = canvas.pixels
    for i in range(int(rng.integers(1, 4))):
        write_word(outer, (6 + i * 90, bar - 6), rng, (220, 220, 220) if dark else (40, 40, 40), 0.4)
    return outer


def _photo(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw paper under a camera: slightly rotated, in perspective, unevenly lit, noisy, blurred, as JPEG."""
    canvas = new_canvas(rng)
    if rng.random() < 0.75:
        draw_grid(canvas, rng, _GRIDS[rng.integers(len(_GRIDS))])
    draw_curve(canvas, value)
    return photographed(canvas.pixels, rng, canvas.background)


def photographed(picture: PictureArray, rng: Rng, background: Colour = (255, 255, 255)) -> PictureArray:
    """Return what a camera makes of a picture that fills its view.

    Parameters
    ----------
    picture : (h, w, 3) uint8
        The picture.
    rng : Generator
        Random generator.
    background : Colour, optional
        RGB around the picture.

    Returns
    -------
    (h, w, 3) uint8
        RGB.
    """
    height, width = picture.shape[:2]
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    moved = corners + (rng.uniform(-0.03, 0.03, (4, 2)) * (width, height)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    seen = cv2.warpPerspective(picture, matrix, (width, height), borderMode=cv2.BORDER_CONSTANT, borderValue=background)
    lit = seen * lighting(height, width, rng)[..., None] + rng.normal(0, rng.uniform(1, 6), seen.shape)
    blurred = cv2.GaussianBlur(np.clip(lit, 0, 255).astype(np.uint8), (0, 0), rng.uniform(0.3, 1.0))
    return as_jpeg(blurred, int(rng.integers(55, 95)))


def lighting(height: int, width: int, rng: Rng) -> NDArray[np.float64]:
    """Return the brightness of a sheet lit from one side, often with the shadow of a hand.

    Parameters
    ----------
    height, width : int
        Size, pixels.
    rng : Generator
        Random generator.

    Returns
    -------
    (height, width) float64
        Factor on the colours.
    """
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    light = rng.uniform(0.7, 0.95) + rng.uniform(0.0, 0.25) * (np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5))
    if rng.random() < 0.5:
        edge = (x - rng.uniform(0, 1)) * np.cos(angle + 1) + (y - rng.uniform(0, 1)) * np.sin(angle + 1)
        light = light * (1 - rng.uniform(0.05, 0.3) / (1 + np.exp(-edge / rng.uniform(0.02, 0.15))))
    return np.asarray(np.clip(light, 0.2, 1.05))


def as_jpeg(picture: PictureArray, quality: int) -> PictureArray:
    """Return the picture after being encoded and decoded as JPEG."""
    _, payload = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(payload, cv2.IMREAD_COLOR), np.uint8)


def _jpeg(value: FloatArray, rng: Rng) -> PictureArray:
    kinds = (_plain, _grid, _axes)
    return as_jpeg(kinds[rng.integers(len(kinds))](value, rng), int(rng.integers(25, 80)))


def _marker(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw a thick felt pen on coloured paper."""
    width, height = int(rng.integers(250, 600)), int(rng.integers(200, 500))
    background = tuple(int(c) for c in rng.integers(170, 250, 3))
    ink = tuple(int(c) for c in rng.integers(0, 110, 3))
    box = (width // 12, height // 10, width - width // 12, height - height // 10)
    pixels = np.full((height, width, 3), background, np.uint8)
    canvas = Canvas(pixels, box, ink, background, int(rng.integers(5, 10)))  # type: ignore[arg-type]
    draw_curve(canvas, value)
    noisy = canvas.pixels + rng.normal(0, 4, pixels.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _blueprint(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw white on blue, with a grid."""
    canvas = new_canvas(rng)
    canvas.pixels[:] = (25, 60, 130)
    draw_grid(canvas, rng, (55, 90, 160))
    draw_curve(Canvas(canvas.pixels, canvas.box, (240, 245, 255), (25, 60, 130), canvas.thickness), value)
    return canvas.pixels


def _screen_photo(value: FloatArray, rng: Rng) -> PictureArray:
    """Draw a dark screen under a camera."""
    canvas = new_canvas(rng, dark=True)
    draw_curve(canvas, value)
    glow = np.maximum(canvas.pixels, (14, 16, 20)).astype(np.uint8)
    return photographed(glow, rng, canvas.background)


STYLES: Final[Mapping[str, Callable[[FloatArray, Rng], PictureArray]]] = MappingProxyType(
    {
        "plain": _plain,
        "tiny": _tiny,
        "grid": _grid,
        "axes": _axes,
        "dark": _dark,
        "dark axes": _dark_axes,
        "screenshot": _screenshot,
        "photo": _photo,
        "JPEG": _jpeg,
        "marker": _marker,
        "blueprint": _blueprint,
        "screen photo": _screen_photo,
    }
)
