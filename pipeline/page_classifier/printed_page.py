"""Where the twelve leads stand on the pages that the network was trained on, and whether a page matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.ink import Ink, find_ink
from pipeline.digitisation.layouts import TWELVE_LEADS
from pipeline.digitisation.paper import by_hand, flatten
from pipeline.errors import IntakeError
from pipeline.types import PictureArray

Places = NDArray[np.float64]

PAGE_PX: Final = (949, 556)  # width and height of those pages; the positions below are in their pixels
PX_PER_MM: Final = 3.574  # median over the 491 pages, by `pipeline.digitisation.grid`
PX_PER_S: Final = 25 * PX_PER_MM
MM_PER_MV: Final = 10
COLUMNS_PX: Final = (38, 259, 480, 701, 922)  # where the four columns of leads begin, and where the last ends
ROWS_PX: Final = (81, 216, 352, 488)  # rows of the baselines; the last is the rhythm strip
RHYTHM: Final = "rhythm strip"
_ASPECT_TOLERANCE: Final = 0.04
_SHIFT_PX: Final = 6
_LINE_ROWS_PX: Final = (66, 366)
_LINE_FILLED: Final = 0.9


@dataclass(frozen=True, eq=False)
class PrintedPage:
    """The ink of a page that is printed like those that the network was trained on.

    `ink` is on its flat sheet, at `px_per_mm`; the leads stand `shift_px` (of `PAGE_PX`) to the right of the usual
    place.
    """

    ink: Ink
    px_per_mm: int
    shift_px: int

    @property
    def lanes(self) -> Places:
        """Rows (4,) of the baselines on the sheet."""
        return self.on_sheet(np.array(ROWS_PX, np.float64))

    def on_sheet(self, px: Places) -> Places:
        """Convert columns or rows of a page at `PAGE_PX` to those of the sheet."""
        return np.asarray((px + 0.5) * (self.px_per_mm / PX_PER_MM) - 0.5, np.float64)


def find_page(picture: PictureArray) -> PrintedPage:
    """Find the ink of a page (height, width, 3) uint8 RGB, cropped to its grid.

    Raises
    ------
    IntakeError
        If its proportions or its dividing lines differ from those of the pages that the network was trained on.
    """
    height, width = picture.shape[:2]
    aspect, usual = width / height, PAGE_PX[0] / PAGE_PX[1]
    if abs(aspect / usual - 1) > _ASPECT_TOLERANCE:
        raise IntakeError(
            f"The page is {width} x {height} pixels, {aspect:.2f} times as wide as high; the page network reads only "
            f"pages cropped to the grid, {usual:.2f} times as wide as high: crop it."
        )
    grid = by_hand((PX_PER_MM * width / PAGE_PX[0], PX_PER_MM * height / PAGE_PX[1]))
    sheet = flatten(picture, grid, whole=True)
    page = PrintedPage(find_ink(sheet), sheet.px_per_mm, 0)
    return PrintedPage(page.ink, page.px_per_mm, _shift(page))


def lead_box(lead: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a lead's place on a page at `PAGE_PX`; lead 12 is the rhythm strip."""
    if lead == len(TWELVE_LEADS):
        left, right, row = COLUMNS_PX[0], COLUMNS_PX[-1], 3
    else:
        column, row = divmod(lead, 3)
        left, right = COLUMNS_PX[column], COLUMNS_PX[column + 1]
    half = (ROWS_PX[1] - ROWS_PX[0]) // 2
    return left, max(ROWS_PX[row] - half, 0), right, min(ROWS_PX[row] + half, PAGE_PX[1])


def _shift(page: PrintedPage) -> int:
    """Return how far to the right of their usual places the dividing lines stand."""
    top, bottom = np.round(page.on_sheet(np.array(_LINE_ROWS_PX, np.float64))).astype(int)
    filled = page.ink.mask[top:bottom].mean(axis=0)
    shifts = sorted(range(-_SHIFT_PX, _SHIFT_PX + 1), key=abs)
    joints = np.array(COLUMNS_PX[1:4], np.float64)
    places = [np.round(page.on_sheet(joints + shift)).astype(int) for shift in shifts]
    darkest = [min(filled[x - 1 : x + 2].max() for x in columns) for columns in places]
    best = int(np.argmax(darkest))
    if darkest[best] < _LINE_FILLED:
        raise IntakeError(
            "The page has not the layout that the page network learnt (3 x 4 leads between three dividing lines, "
            "a rhythm strip below); it gets no class."
        )
    return shifts[best]
