"""From the ink of a page to its thirteen traces, in millivolts by the layout's scale."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.domain import FloatArray, read_only
from pipeline.errors import IntakeError
from pipeline.page_class.layout import COLUMNS_PX, PX_PER_MV, REACH_PX, ROWS_PX, Mask, PageInk

COLUMN_PX: Final = COLUMNS_PX[1] - COLUMNS_PX[0]
MARGIN_PX: Final = 2  # beside a dividing line
_TALL_PX: Final = 6  # a longer vertical run of ink is a steep stroke: its far end counts
_LINE_HALF_PX: Final = 1.5
_JUMP_PX: Final = 60  # the most that a jump between two columns costs
_FAR_COST: Final = 0.02  # per pixel between a run of ink and the baseline
_SEEN_MIN: Final = 0.5  # of a trace's columns

Runs = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class PageTraces:
    """`leads` (12, 221) and `rhythm` (884,) float32 mV above the row's baseline, a value per pixel column.

    The columns beside dividing lines repeat their neighbours.
    """

    leads: FloatArray
    rhythm: FloatArray


def read_traces(ink: PageInk) -> PageTraces:
    """Follow each trace from left to right.

    Raises
    ------
    IntakeError
        If a lead has ink in fewer than half of its columns.
    """
    leads = np.stack([_lead(ink, column, row) for column in range(4) for row in range(3)])
    rhythm = follow(ink.mask, COLUMNS_PX[0] + ink.shift_px, COLUMNS_PX[4] + ink.shift_px, ROWS_PX[3])
    return PageTraces(read_only(leads), read_only(rhythm))


def follow(mask: Mask, left: int, right: int, baseline: int) -> FloatArray:
    """One trace in columns `left` to `right` of the ink, as mV above `baseline` (a row).

    Of the vertical runs of ink in each column, the path with the smallest sum of gaps and distances to the baseline
    is taken (dynamic programming); where it is steep, the run's end that is further from the trace's median counts.
    """
    top_row = max(baseline - REACH_PX, 0)
    window = mask[top_row : baseline + REACH_PX, max(left, 0) : right]
    columns = [_runs(window[:, x]) for x in range(window.shape[1])]
    seen = np.array([x for x, runs in enumerate(columns) if runs[0].size], np.int64)
    if seen.size < _SEEN_MIN * (right - left):
        raise IntakeError("A lead of the page has no trace in more than half of its width; the page gets no class.")
    chosen = _cheapest_path([columns[x] for x in seen], baseline - top_row)
    top, bottom = np.array([(columns[x][0][i], columns[x][1][i]) for x, i in zip(seen, chosen, strict=True)]).T
    row = _row_of(top, bottom)
    every = np.interp(np.arange(window.shape[1]), seen, row)
    return np.asarray((baseline - top_row - every) / PX_PER_MV, np.float32)


def _lead(ink: PageInk, column: int, row: int) -> FloatArray:
    left = COLUMNS_PX[column] + ink.shift_px
    found = follow(ink.mask, left + MARGIN_PX, left + COLUMN_PX - MARGIN_PX, ROWS_PX[row])
    return np.pad(found, MARGIN_PX, mode="edge")


def _runs(column: Mask) -> Runs:
    """First and last rows of the runs of ink in a column."""
    change = np.diff(np.concatenate([[0], column.astype(np.int8), [0]]))
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1) - 1


def _cheapest_path(columns: list[Runs], baseline: int) -> list[int]:
    cost = _distance(columns[0], baseline)
    came_from = [np.zeros(cost.size, np.int64)]
    for (top_before, bottom_before), (top, bottom) in pairwise(columns):
        gap = np.maximum(top[:, None] - bottom_before, top_before - bottom[:, None])
        steps = cost + np.clip(gap, 0, _JUMP_PX)
        came_from.append(steps.argmin(axis=1))
        cost = steps.min(axis=1) + _distance((top, bottom), baseline)
    path = [int(cost.argmin())]
    for back in came_from[:0:-1]:
        path.append(int(back[path[-1]]))
    return path[::-1]


def _distance(runs: Runs, baseline: int) -> NDArray[np.float64]:
    top, bottom = runs
    return _FAR_COST * np.maximum(np.maximum(top - baseline, baseline - bottom), 0)


def _row_of(top: NDArray[np.int64], bottom: NDArray[np.int64]) -> NDArray[np.float64]:
    middle = (top + bottom) / 2
    usual = np.median(middle)
    end = np.where(usual - top > bottom - usual, top + _LINE_HALF_PX, bottom - _LINE_HALF_PX)
    return np.where(bottom - top > _TALL_PX, end, middle)
