"""From the ink of a page to its thirteen traces, in millivolts by the layout's scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.digitisation.layouts import TWELVE_LEADS
from pipeline.digitisation.trace import Trace, follow
from pipeline.errors import IntakeError
from pipeline.page_classifier.printed_page import COLUMNS_PX, MM_PER_MV, PrintedPage
from pipeline.types import FloatArray, read_only

COLUMN_PX: Final = COLUMNS_PX[1] - COLUMNS_PX[0]
MARGIN_PX: Final = 2  # on each side of a dividing line
_SEEN_MIN: Final = 0.5  # share of a trace's columns


@dataclass(frozen=True, eq=False)
class PageTraces:
    """`leads` (12, 221) and `rhythm` (884,) float32, mV above the row's baseline, one value per pixel column.

    The columns beside dividing lines repeat their neighbours.
    """

    leads: FloatArray
    rhythm: FloatArray


def read_traces(page: PrintedPage) -> PageTraces:
    """Follow each trace from left to right.

    Raises
    ------
    IntakeError
        If a lead has ink in fewer than half of its columns.
    """
    rows, _ = follow(page.ink, page.lanes, page.px_per_mm)
    leads = [
        _values(page, rows[i % 3], COLUMNS_PX[i // 3] + MARGIN_PX, COLUMNS_PX[i // 3 + 1] - MARGIN_PX)
        for i in range(len(TWELVE_LEADS))
    ]
    rhythm = _values(page, rows[3], COLUMNS_PX[0], COLUMNS_PX[4])
    return PageTraces(read_only(np.pad(np.stack(leads), ((0, 0), (MARGIN_PX, MARGIN_PX)), mode="edge")), rhythm)


def _values(page: PrintedPage, trace: Trace, left: int, right: int) -> FloatArray:
    """Return millivolts at the columns [left, right) of a page at `PAGE_PX`; gaps are bridged."""
    column = page.on_sheet(np.arange(left, right, dtype=np.float64) + page.shift_px)
    first, last = round(float(column[0])), round(float(column[-1])) + 1
    seen = first + np.flatnonzero(np.isfinite(trace.row[first:last]))
    if seen.size < _SEEN_MIN * (last - first):
        raise IntakeError("A lead of the page has no trace in more than half of its width; the page gets no class.")
    height_mm = (trace.lane - np.interp(column, seen, trace.row[seen])) / page.px_per_mm
    return read_only(np.asarray(height_mm / MM_PER_MV, np.float32))
