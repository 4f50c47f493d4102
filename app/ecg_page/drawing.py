"""What was read of a 12-lead page, drawn over the photo and over the flat paper. No st.*."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.digitisation.digitise import Digitised
from pipeline.types import PictureArray

PAPER_RGB, BOX_RGB = (255, 120, 0), (150, 60, 200)
TRACE_RGB = ((215, 0, 60), (0, 70, 200), (0, 130, 60))
SHOWN_PX = 1600
BOX_MM = 6.0
TICK_MM = 5


def on_photo(found: Digitised) -> PictureArray:
    """The original, faded, with the paper's corners, the lead boxes and the traces."""
    scale = min(1.0, SHOWN_PX / max(found.picture.shape[:2]))
    canvas = _paled(found.picture, scale)
    thick = 2 if canvas.shape[1] > 900 else 1
    _line(canvas, found.sheet.corners * scale, PAPER_RGB, thick + 1, closed=True)
    for box in found.boxes:
        _line(canvas, found.sheet.on_original(_ring(found, box.row, box.start, box.stop)) * scale, BOX_RGB, 1, True)
    for points, colour in _traces(found):
        _line(canvas, found.sheet.on_original(points) * scale, colour, thick)
    return canvas


def on_sheet(found: Digitised) -> PictureArray:
    """The flat paper, faded, with lead names, boxes, pulses and traces."""
    scale = min(1.0, SHOWN_PX / max(found.sheet.picture.shape[:2]))
    canvas = _paled(found.sheet.picture, scale)
    for box in found.boxes:
        ring = _ring(found, box.row, box.start, box.stop) * scale
        _line(canvas, ring, BOX_RGB, 1, closed=True)
        place = (int(ring[3, 0]) + 4, int(ring[3, 1]) - 4)
        cv2.putText(canvas, box.lead, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, BOX_RGB, 2, cv2.LINE_AA)
    for pulse in found.pulses:
        roof = np.array([[pulse.left, pulse.foot], [pulse.left, pulse.top], [pulse.right, pulse.top]])
        _line(canvas, np.vstack([roof, [pulse.right, pulse.foot]]) * scale, PAPER_RGB, 2)
    for points, colour in _traces(found):
        _line(canvas, points * scale, colour, 2)
    _ticks(canvas, found.sheet.px_per_mm * scale)
    return canvas


def _ticks(canvas: PictureArray, px_per_mm: float) -> None:
    """Every 5 mm along all edges: they meet the paper's own boxes where the grid was read rightly."""
    long = max(6, round(1.5 * px_per_mm))
    step = TICK_MM * px_per_mm
    for x in np.arange(step, canvas.shape[1], step):
        canvas[:long, round(x) - 1 : round(x) + 1] = canvas[-long:, round(x) - 1 : round(x) + 1] = PAPER_RGB
    for y in np.arange(step, canvas.shape[0], step):
        canvas[round(y) - 1 : round(y) + 1, :long] = canvas[round(y) - 1 : round(y) + 1, -long:] = PAPER_RGB


def _paled(picture: PictureArray, scale: float) -> PictureArray:
    small = picture if scale == 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.asarray(small) // 3 * 2 + 85, np.uint8)


def _ring(found: Digitised, row: int, start: int, stop: int) -> np.ndarray:
    half = BOX_MM * found.sheet.px_per_mm
    top, bottom = found.lanes[row] - half, found.lanes[row] + half
    return np.array([[start, top], [stop, top], [stop, bottom], [start, bottom]], np.float64)


def _traces(found: Digitised) -> list[tuple[np.ndarray, tuple[int, int, int]]]:
    """Unbroken pieces of the traces inside the boxes, as points (n, 2) of the sheet, with their colours."""
    pieces = []
    for box in found.boxes:
        row = found.traces[box.row].row[box.start : box.stop]
        known = np.flatnonzero(np.isfinite(row))
        for part in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
            if part.size > 1:
                points = np.column_stack([box.start + part, row[part]]).astype(np.float64)
                pieces.append((points, TRACE_RGB[box.row % len(TRACE_RGB)]))
    return pieces


def _line(
    canvas: PictureArray, points: np.ndarray, colour: tuple[int, int, int], thick: int, closed: bool = False
) -> None:
    cv2.polylines(canvas, [np.round(points * 8).astype(np.int32)], closed, colour, thick, cv2.LINE_AA, 3)
