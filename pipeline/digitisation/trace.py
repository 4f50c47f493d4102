"""Follows the traces of a sheet: one path per lane through the ink, to a fraction of a pixel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, median_filter, minimum_filter1d

from pipeline.digitisation.ink import Ink, Mask
from pipeline.types import FloatArray

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

_STEP_COST: Final = 0.1  # per millimetre up or down, in columns without ink
_ASTRAY_COST: Final = 0.01  # per column and millimetre away from the lane
_REACH: Final = 1.25  # share of the distance to the neighbouring lane
_REACH_MM: Final = (15.0, 45.0)
_INK: Final = 0.42  # share of the darkest ink nearby: about where the edge of a blurred stroke is
_FAINT: Final = 0.2  # share of full ink below which nothing is a line
_BRIDGE_MM: Final = 0.6  # shorter gaps in a trace are bridged
_LETTER_MM: Final = (1.0, 7.0)
_SEEN_WITHOUT: Final = 0.6
_LINE_COVER: Final = 0.5  # share of the space between lanes that a line from top to bottom covers, unlike a trace
_LOST: Final = 0.02  # share of a path along its neighbour's trace above which another path is searched
_LINES_MAX: Final = 5  # three between four columns, and two of a frame
_END_MM: Final = 6.0  # a trace begins where it is visible in most of this many millimetres
_END_SHARE: Final = 0.55
_TALL: Final = 2.0  # strokes this many times as tall as the pen is thick are flanks or narrow waves
_LEVEL_MM: Final = 8.0  # the surrounding level is the median over this many millimetres
_PEN: Final = 10  # percentile of a trace's ink per column that is the pen alone: noise makes the rest thicker
_TIP_PX: Final = 0.01  # a row this near to the outermost one is the tip


@dataclass(frozen=True, eq=False)
class Trace:
    """A trace along a lane.

    Attributes
    ----------
    row : (w,) float64
        In pixels of the sheet, NaN where no ink was seen.
    start, stop : int
        First and last column (exclusive) of the trace.
    lane : float
        Row of its lane, pixels.
    clear : float
        Share of columns in between that show ink, times how dark it is there.
    """

    row: Matrix
    start: int
    stop: int
    lane: float
    clear: float


def follow(ink: Ink, lanes: Matrix, px_per_mm: int) -> tuple[tuple[Trace, ...], Mask]:
    """Follow the traces of all lanes.

    Where two traces cross, the ink is shared between them. Small pieces of ink belong to a trace only where it would
    not be visible without them.

    Parameters
    ----------
    ink : Ink
        The ink of the sheet.
    lanes : (n,) float64
        Rows of the lanes, top to bottom, pixels.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.

    Returns
    -------
    tuple
        One trace per lane, and the ink (h, w) bool that belongs to none, such as words.
    """
    strength = _without_rules(ink, lanes, px_per_mm)
    apart = float(np.median(np.diff(lanes))) if lanes.size > 1 else _REACH_MM[1] * px_per_mm
    reach = int(min(max(_REACH * apart, _REACH_MM[0] * px_per_mm), _REACH_MM[1] * px_per_mm))
    rows = np.round(lanes).astype(np.int64)
    pieces = _small_pieces(strength, px_per_mm)
    if pieces.any():
        bare = np.where(pieces > 0, 0, strength)
        aside = _not_needed(bare, pieces, _paths(bare, rows, reach, px_per_mm))
        strength = np.where(aside, 0, strength)
    else:
        aside = np.zeros(strength.shape, np.bool_)
    paths = _paths(strength, rows, reach, px_per_mm)
    mask = cv2.morphologyEx(_inked(strength), cv2.MORPH_CLOSE, np.ones((3, 1), np.uint8)) > 0
    top, bottom = _stroke_ends(mask)
    paths = _brought_back(strength, paths, lanes, (top, bottom), reach, px_per_mm)
    astray = _astray(paths, lanes)
    sums = _sums(strength)
    traces = tuple(
        _trace(
            strength, sums, mask & ~astray[i], *_own_stroke(paths, i, top, bottom), paths[i], float(lanes[i]), px_per_mm
        )
        for i in range(len(lanes))
    )
    return traces, aside


def _inked(strength: FloatArray) -> NDArray[np.uint8]:
    """Mark ink (h, w) with 1, relative to the darkest ink nearby, because a thin line is fainter than a thick one."""
    darkest = cv2.dilate(strength, np.ones((5, 5), np.uint8))
    return np.asarray(strength > np.maximum(_FAINT, _INK * darkest), np.uint8)


def _small_pieces(strength: FloatArray, px_per_mm: int) -> NDArray[np.int32]:
    """Label (h, w) connected ink as small as letters and ticks, with its edges; 0 elsewhere."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(_inked(strength), connectivity=8)
    width, height = stats[:, cv2.CC_STAT_WIDTH] / px_per_mm, stats[:, cv2.CC_STAT_HEIGHT] / px_per_mm
    small = (width <= _LETTER_MM[1]) & (height >= _LETTER_MM[0]) & (height <= _LETTER_MM[1])
    small[0] = False
    kept = np.where(small[labels], labels, 0)
    edge = cv2.dilate(kept.astype(np.float32), np.ones((3, 3), np.uint8)).astype(np.int32)
    return np.asarray(np.where((labels == 0) | (kept > 0), edge, 0), np.int32)


def _not_needed(bare: FloatArray, pieces: NDArray[np.int32], paths: Rows) -> Mask:
    """Return the pieces (h, w) in whose columns the nearest path is visible without them."""
    column = np.arange(paths.shape[1])
    near = np.array([(bare[np.clip(path + d, 0, len(bare) - 1), column] > _INK) for path in paths for d in (-1, 0, 1)])
    seen = np.asarray(near.reshape(len(paths), 3, -1).any(axis=1))
    keep = np.zeros(int(pieces.max()) + 1, np.bool_)
    rows, columns = np.nonzero(pieces)
    order = np.argsort(pieces[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    labels, starts = np.unique(pieces[rows, columns], return_index=True)
    for label, start, stop in zip(labels, starts, np.append(starts[1:], rows.size), strict=True):
        left, right = int(columns[start:stop].min()), int(columns[start:stop].max()) + 1
        middle = float(rows[start:stop].mean())
        nearest = int(np.abs(paths[:, left:right].mean(axis=1) - middle).argmin())
        keep[label] = seen[nearest, left:right].mean() < _SEEN_WITHOUT
    return np.asarray((pieces > 0) & ~keep[pieces])


def _astray(paths: Rows, lanes: Matrix) -> Mask:
    """Tell where (n_lanes, w) a path has lost its own trace and runs along a neighbour's."""
    lost = np.zeros(paths.shape, np.bool_)
    for i in range(len(lanes) - 1):
        together = np.abs(paths[i] - paths[i + 1]) <= 2
        far = np.abs(paths[i : i + 2] - lanes[i : i + 2, None])
        lost[i] |= together & (far[0] > far[1])
        lost[i + 1] |= together & (far[1] >= far[0])
    return lost


def _brought_back(
    strength: FloatArray, paths: Rows, lanes: Matrix, strokes: tuple[Rows, Rows], reach: int, px_per_mm: int
) -> Rows:
    """Repeat, without the neighbour's ink, the paths (n_lanes, w) that run along a neighbour's darker trace."""
    found, lost = paths.copy(), _astray(paths, lanes)
    index = np.arange(len(strength))[:, None]
    for i in np.flatnonzero(lost.mean(axis=1) > _LOST):
        column = np.flatnonzero(lost[i])
        first, last = (ends[paths[i, column], column] for ends in strokes)
        own = strength.copy()
        own[:, column] = np.where((index >= first - 1) & (index <= last + 1), 0, own[:, column])
        found[i] = _paths(own, np.round(lanes[i : i + 1]).astype(np.int64), reach, px_per_mm)[0]
    return found


def rules(ink: Ink, lanes: Matrix, px_per_mm: int) -> Mask:
    """Find the columns with a line, dotted ones included, from top to bottom through the spaces between the lanes.

    Parameters
    ----------
    ink : Ink
        The ink of the sheet.
    lanes : (n,) float64
        Rows of the lanes, pixels.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.

    Returns
    -------
    (w,) bool
        Per column of the sheet.
    """
    if lanes.size < 2:
        return np.zeros(ink.mask.shape[1], np.bool_)
    tall = cv2.dilate((ink.strength > _INK).astype(np.uint8), np.ones((max(3, px_per_mm), 1), np.uint8))
    covers = []
    for above, below in pairwise(lanes):
        first, last = round(above + 0.3 * (below - above)), round(above + 0.7 * (below - above))
        covers.append(tall[first:last].mean(axis=0))
    covered = np.sort(np.array(covers), axis=0)
    line = covered[len(covered) // 3 :].mean(axis=0) > _LINE_COVER
    apart = np.diff(np.flatnonzero(line)) > px_per_mm
    return np.asarray(line & (np.count_nonzero(apart) < _LINES_MAX))  # if there are more, they are beats in all leads


def _without_rules(ink: Ink, lanes: Matrix, px_per_mm: int) -> FloatArray:
    line = rules(ink, lanes, px_per_mm)
    if not line.any():
        return ink.strength
    wide = np.convolve(line, np.ones(3), mode="same") > 0
    strength = ink.strength.copy()
    strength[:, wide] = 0
    return strength


def _paths(strength: FloatArray, lanes: Rows, reach: int, px_per_mm: int) -> Rows:
    """Find the rows (n_lanes, w) of the cheapest paths from left to right, each within `reach` of its lane."""
    height, width = strength.shape
    offset = np.arange(-reach, reach + 1)
    rows = lanes[:, None] + offset[None, :]
    outside = (rows < 0) | (rows >= height)
    ink = strength.T[:, np.clip(rows, 0, height - 1)]
    cost = 1 - ink + (_ASTRAY_COST / px_per_mm) * np.abs(offset)
    cost[:, outside] = 3.0
    slope = (_STEP_COST / px_per_mm) * np.arange(offset.size, dtype=np.float32)
    total = np.empty((width, *rows.shape), np.float32)
    total[0] = cost[0]
    for column in range(1, width):
        before = total[column - 1]
        down = np.minimum.accumulate(before - slope, axis=1) + slope
        up = np.minimum.accumulate((before + slope)[:, ::-1], axis=1)[:, ::-1] - slope
        np.add(np.minimum(down, up), cost[column], out=total[column])
    return _backwards(total, rows, slope)


def _backwards(total: FloatArray, rows: Rows, slope: FloatArray) -> Rows:
    width, count, _ = total.shape
    each, place = np.arange(count), np.arange(slope.size)
    step = float(slope[1])
    paths = np.empty((count, width), np.int64)
    at = total[-1].argmin(axis=1)
    for column in range(width - 1, -1, -1):
        paths[:, column] = rows[each, at]
        if column:
            at = (total[column - 1] + step * np.abs(place[None, :] - at[:, None])).argmin(axis=1)
    return paths


def _stroke_ends(mask: Mask) -> tuple[Rows, Rows]:
    """Return, for every pixel of a mask (h, w), the first and last row of the vertical stroke that it lies in."""
    index = np.arange(mask.shape[0])[:, None]
    top = np.maximum.accumulate(np.where(mask, 0, index + 1), axis=0)
    bottom = np.minimum.accumulate(np.where(mask, mask.shape[0], index - 1)[::-1], axis=0)[::-1]
    return top, np.minimum(bottom, mask.shape[0] - 1)


def _own_stroke(paths: Rows, lane: int, top: Rows, bottom: Rows) -> tuple[Rows, Rows]:
    """Return the ends (w,) of the stroke that a path meets in each column; one shared with a neighbour is divided."""
    column = np.arange(paths.shape[1])
    path = paths[lane]
    first, last = top[path, column].copy(), bottom[path, column].copy()
    for other in (lane - 1, lane + 1):
        if 0 <= other < len(paths):
            middle = (path + paths[other]) // 2
            shared = (first <= paths[other]) & (paths[other] <= last) & (paths[other] != path)
            if other < lane:
                first = np.where(shared, np.maximum(first, middle + 1), first)
            else:
                last = np.where(shared, np.minimum(last, middle), last)
    return first, last


def _sums(strength: FloatArray) -> tuple[Matrix, Matrix]:
    """Return the sums (h + 1, w) of the ink, and of the ink times its row, above each row."""
    moment = strength * np.arange(strength.shape[0], dtype=np.float64)[:, None]
    zero = np.zeros((1, strength.shape[1]))
    return (
        np.concatenate([zero, np.cumsum(strength, axis=0, dtype=np.float64)]),
        np.concatenate([zero, np.cumsum(moment, axis=0)]),
    )


def _trace(
    strength: FloatArray,
    sums: tuple[Matrix, Matrix],
    mask: Mask,
    first: Rows,
    last: Rows,
    path: Rows,
    lane: float,
    px_per_mm: int,
) -> Trace:
    column = np.arange(path.size)
    seen = mask[path, column]
    row = np.full(path.size, np.nan)
    if seen.any():
        row[seen] = _stroke_rows(strength, sums, first, last, seen, px_per_mm)
    start, stop = _ends(seen, px_per_mm)
    inside = seen[start:stop]
    clear = float((inside * strength[path, column][start:stop]).mean()) if stop > start else 0.0
    return Trace(_bridged(row, _BRIDGE_MM * px_per_mm), start, stop, lane, round(clear, 3))


def _stroke_rows(
    strength: FloatArray, sums: tuple[Matrix, Matrix], first: Rows, last: Rows, seen: Mask, px_per_mm: int
) -> Matrix:
    """Return the rows of the visible columns: the ink-weighted middle of a thin stroke, the outer edge of a tall one.

    A pen widens every wave by its own thickness and fills narrow ones. Their outline, narrowed by the pen again, is
    where the trace was: the outline on the side of the wave, seen from the surrounding level. Tips
    are narrowed by less, because columns are coarser than they are.
    """
    column = np.flatnonzero(seen)
    first, last = first[column], last[column]
    height = strength.shape[0]
    total, moment = sums
    low, high = np.maximum(first - 1, 0), np.minimum(last + 2, height)
    ink = total[high, column] - total[low, column]
    middle = (moment[high, column] - moment[low, column]) / np.maximum(ink, 1e-9)
    thick = max(1.0, float(np.percentile(ink, 25)))
    inset = (thick - 1) / 4  # a flat stroke needs twice as much, a steep one none; this is a measured compromise
    tops = np.asarray(first - strength[np.maximum(first - 1, 0), column], np.float64)
    feet = np.asarray(last + strength[np.minimum(last + 1, height - 1), column], np.float64)
    half = max(1.0, float(np.percentile(ink, _PEN))) / 2
    upper, lower = _with_tips(tops, half, inset), -_with_tips(-feet, half, inset)
    level = median_filter(middle, min(middle.size, round(_LEVEL_MM * px_per_mm)), mode="nearest")
    outer = np.where(level - upper > lower - level, upper, lower)
    return np.asarray(np.where(last - first > _TALL * thick, outer, middle), np.float64)


def _with_tips(outline: Matrix, half: float, inset: float) -> Matrix:
    """Return where the trace was under an outline (n,), narrowed by half a pen, with the tips of its waves.

    The tip of a wave fills as many columns as the pen is wide, or one less: narrowed by the whole pen it would lose a
    column of its flanks. There it is narrowed by half a column less, or, where the stroke is thinner than elsewhere, by
    a column less and lowered by half a pen.
    """
    around = 2 * math.ceil(half) + 1
    loose, looser = (_narrowed(outline, max(0.0, half - less)) for less in (0.5, 1.0))
    is_tip = loose <= minimum_filter1d(loose, around) + _TIP_PX
    tip = np.minimum(loose + inset, minimum_filter1d(looser, around) + half)
    return np.asarray(np.where(is_tip, tip, _narrowed(outline, half) + inset), np.float64)


def _narrowed(outline: Matrix, half: float) -> Matrix:
    """Return the lowest (largest) row of an outline (n,) within `half` a pen's thickness on each side, interpolated."""
    column = np.arange(outline.size, dtype=np.float64)
    ends = [np.interp(column + side * half, column, outline) for side in (-1, 1)]
    return np.asarray(np.maximum(maximum_filter1d(outline, 2 * int(half) + 1), np.maximum(*ends)), np.float64)


def _ends(seen: Mask, px_per_mm: int) -> tuple[int, int]:
    """Return first and last column (exclusive) of a trace: where it is visible most of the time from there on."""
    window = max(1, round(_END_MM * px_per_mm))
    if seen.size < window:
        return 0, 0
    total = np.concatenate([[0], np.cumsum(seen)])
    dense = (total[window:] - total[:-window]) >= _END_SHARE * window
    if not dense.any():
        return 0, 0
    index = np.flatnonzero(dense)
    begin, end = int(index[0]), int(index[-1]) + window
    inside = np.flatnonzero(seen[begin:end])
    return begin + int(inside[0]), begin + int(inside[-1]) + 1


def _bridged(row: Matrix, longest: float) -> Matrix:
    """Fill short gaps with straight lines."""
    out = row.copy()
    known = np.flatnonzero(np.isfinite(row))
    apart = np.diff(known)
    for i in np.flatnonzero((apart > 1) & (apart <= longest + 1)):
        before, after = int(known[i]), int(known[i + 1])
        out[before : after + 1] = np.interp(np.arange(before, after + 1), (before, after), row[[before, after]])
    return out
