"""Printed 12-lead pages of made-up leads."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.layouts import TWELVE_LEADS
from pipeline.page_classifier.printed_page import COLUMNS_PX, PAGE_PX, PX_PER_MM, PX_PER_S, ROWS_PX
from pipeline.synthesis.ecg_pages import GeneratedPage, PageStyle, draw_page
from pipeline.types import PictureArray

Array = NDArray[Any]


def drawn(**style: object) -> GeneratedPage:
    """A page of twelve made-up leads: the same beats, with a different height and polarity in each lead."""
    time_s = np.arange(10 * 500) / 500
    phase = (time_s % 0.8) - 0.3
    beat = np.exp(-((phase / 0.018) ** 2)) - 0.25 * np.exp(-(((phase - 0.04) / 0.018) ** 2))
    beat += 0.2 * np.exp(-(((phase - 0.25) / 0.05) ** 2)) + 0.1 * np.exp(-(((phase + 0.16) / 0.03) ** 2))
    heights = (0.7, 1.1, 0.5, -0.9, 0.4, 0.8, -0.7, -1.0, 0.6, 1.2, 1.0, 0.8)
    drift = {lead: 0.03 * np.sin(time_s * (1 + i / 5)) for i, lead in enumerate(TWELVE_LEADS)}
    leads = {
        lead: (height * beat + drift[lead]).astype(np.float32)
        for lead, height in zip(TWELVE_LEADS, heights, strict=True)
    }
    return draw_page(leads, 500, PageStyle(**{"px_per_mm": 5.0, **style}))  # type: ignore[arg-type]


def _beat(t_s: Array, height_mv: float) -> Array:
    """P, QRS and T waves around R at 0, in mV."""

    def bump(at: float, width: float, size: float) -> Array:
        return size * np.exp(-(((t_s - at) / width) ** 2))

    return height_mv * (bump(0, 0.02, 1) - bump(0.045, 0.02, 0.2) + bump(0.25, 0.05, 0.25) + bump(-0.16, 0.03, 0.1))


def known_page(size: tuple[int, int] = PAGE_PX, *, rr_s: float = 0.8, gain: float = 1.0) -> PictureArray:
    """A page of the layout that is read; lead i has R waves of `gain` times 0.5 + 0.05 i mV, every `rr_s`."""
    page = np.full((PAGE_PX[1], PAGE_PX[0], 3), 250, np.uint8)
    page[::18] = page[:, ::18] = (255, 200, 200)
    for x in COLUMNS_PX[1:4]:
        cv2.line(page, (x, 62), (x, 371), (0, 0, 0), 1)
    traces = [(i, COLUMNS_PX[i // 3], COLUMNS_PX[i // 3 + 1], ROWS_PX[i % 3]) for i in range(12)]
    for lead, left, right, row in [*traces, (12, COLUMNS_PX[0], COLUMNS_PX[4], ROWS_PX[3])]:
        x = np.arange(left, right)
        t = (x - COLUMNS_PX[0]) / PX_PER_S
        mv = _beat((t + rr_s / 2) % rr_s - rr_s / 2, gain * (0.5 + 0.05 * lead))
        points = (np.stack([x, row - mv * 10 * PX_PER_MM], 1) * 16).round().astype(np.int32)
        cv2.polylines(page, [points], False, (0, 0, 0), 2, cv2.LINE_AA, 4)
    return page if size == PAGE_PX else cv2.resize(page, size, interpolation=cv2.INTER_AREA)
