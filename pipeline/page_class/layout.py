"""Where the twelve leads stand on the pages that the network learnt from, and whether a page is such a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.domain import PictureArray
from pipeline.errors import IntakeError

Mask = NDArray[np.bool_]

PAGE_PX: Final = (949, 556)  # width and height at which a page is read
COLUMNS_PX: Final = (38, 259, 480, 701, 922)  # where the four columns of leads begin and the last ends: lines divide
ROWS_PX: Final = (81, 216, 352, 488)  # height of the baselines; the last is the rhythm strip
REACH_PX: Final = 125  # a trace is looked for within this distance of its baseline
PX_PER_MV: Final = 35.4  # 10 mm/mV
PX_PER_S: Final = 88.4  # 25 mm/s: a column is 2.5 s
LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
RHYTHM: Final = "rhythm strip"
INK_BELOW: Final = 135  # the darkest colour channel of paper and grid is lighter
_ASPECT_TOLERANCE: Final = 0.04
_SHIFT_PX: Final = 6
_LINE_ROWS: Final = slice(66, 366)
_LINE_FILLED: Final = 0.9


@dataclass(frozen=True, eq=False)
class PageInk:
    """The ink of a page at `PAGE_PX`: `mask` (556, 949) bool without grid; `shift_px` to the right of the usual place.

    `scale` (x, y) are pixels of the original picture per pixel here.
    """

    mask: Mask
    shift_px: int
    scale: tuple[float, float]


def find_ink(picture: PictureArray) -> PageInk:
    """The ink of a page (height, width, 3) uint8 RGB.

    Raises
    ------
    IntakeError
        If its proportions or its dividing lines are not those of the pages that the network learnt from.
    """
    height, width = picture.shape[:2]
    aspect, usual = width / height, PAGE_PX[0] / PAGE_PX[1]
    if abs(aspect / usual - 1) > _ASPECT_TOLERANCE:
        raise IntakeError(
            f"The page is {width} x {height} pixels, {aspect:.2f} times as wide as high; the page network reads only "
            f"pages cropped to the grid, {usual:.2f} times as wide as high: crop it."
        )
    same = (width, height) == PAGE_PX
    scaled = picture if same else cv2.resize(picture, PAGE_PX, interpolation=cv2.INTER_AREA)
    mask = scaled.max(axis=2) < INK_BELOW
    return PageInk(mask, _shift(mask), (width / PAGE_PX[0], height / PAGE_PX[1]))


def lead_box(lead: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a lead's place on a page at `PAGE_PX`; lead 12 is the rhythm strip."""
    if lead == len(LEADS):
        left, right, row = COLUMNS_PX[0], COLUMNS_PX[-1], 3
    else:
        column, row = divmod(lead, 3)
        left, right = COLUMNS_PX[column], COLUMNS_PX[column + 1]
    half = (ROWS_PX[1] - ROWS_PX[0]) // 2
    return left, max(ROWS_PX[row] - half, 0), right, min(ROWS_PX[row] + half, PAGE_PX[1])


def _shift(mask: Mask) -> int:
    filled = mask[_LINE_ROWS].mean(axis=0)
    shifts = sorted(range(-_SHIFT_PX, _SHIFT_PX + 1), key=abs)
    darkest = [min(filled[x + shift - 1 : x + shift + 2].max() for x in COLUMNS_PX[1:4]) for shift in shifts]
    best = int(np.argmax(darkest))
    if darkest[best] < _LINE_FILLED:
        raise IntakeError(
            "The page has not the layout that the page network learnt (3 x 4 leads between three dividing lines, "
            "a rhythm strip below); it gets no class."
        )
    return shifts[best]
