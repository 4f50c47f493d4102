"""Finds the trace of one beat in a picture, in any ink on a plain or gridded background, or says why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from pipeline._util.png_mark import NETWORKS, is_marked
from pipeline.beat_images.own_picture import own_picture, resized_picture
from pipeline.config import DEFAULT, Config
from pipeline.errors import IntakeError
from pipeline.intake.picture_reader import read_picture
from pipeline.types import BeatTrace, FloatArray, IntArray, PictureArray, read_only

Mask = NDArray[np.bool_]
Rows = NDArray[np.float64]

_WORK_SIDE_PX: Final = 1000  # larger pictures are traced at this size
_SIDE_MIN_PX: Final = 32
_BACKGROUND_TOLERANCE: Final = 48.0  # RGB distance from the background that still counts as background
_INK_APART: Final = 48.0  # RGB distance between two inks
_INK_RESIDUAL: Final = 70.0  # RGB distance of a mixed pixel from the line between paper and ink
_INKS_MAX: Final = 5
_INK_SHARE_MIN: Final = 0.0005
_THRESHOLDS: Final = (0.35, 0.55, 0.75, 0.88)  # of full ink: the first keeps hairlines, the last drops strong grids
_BACKGROUND_SHARE_MIN: Final = 0.35  # photos and shaded scans have less
_SCORE_ENOUGH: Final = 0.75  # a line so clear that no fainter ink is tried
_STRAIGHT_MAX: Final = 0.8  # share of a line's ink in long straight runs: more means a pair of axes
_SPAN_MIN: Final = 0.5  # of the picture's width
_PURITY_MIN: Final = 0.6  # share of the ink that belongs to the one line
_STROKES_MAX: Final = 0.25  # share of columns that the line crosses more than once
_MISSING_MAX: Final = 0.1  # share of columns inside the trace without ink
_HEIGHT_MIN: Final = 0.06  # of the picture's height; below it the line is flat
_PEAKS_MAX: Final = 4  # more peaks of at least half the height mean more than one beat
# A straight run of this share of the picture is an axis, frame or grid line. The second share, for charts with wide
# margins, would take a flat baseline for a beat, so it is tried only where the first finds none.
_LINE_SHARES: Final = (0.7, 0.4)
NOT_A_BEAT: Final = "This is not an ECG beat picture: "


@dataclass(frozen=True)
class _Candidate:
    """One way to read the picture: ink coverage (h, w), the mask of one line, and how much it looks like a beat."""

    coverage: FloatArray
    line: Mask
    span: float
    purity: float
    strokes: float
    plain: float  # share of the picture that is background

    @property
    def score(self) -> float:
        return self.span * self.purity * (1.0 - self.strokes)


def read_beat_picture(name: str, payload: bytes, config: Config = DEFAULT, *, page: int = 0) -> BeatTrace:
    """Find the trace of one beat in a picture or on a page of a PDF document.

    Parameters
    ----------
    name : str
        Untrusted file name; used as a label only.
    payload : bytes
        The file.
    config : Config, optional
        Its limits apply.
    page : int, optional
        Which page of a PDF document, from 0.

    Returns
    -------
    BeatTrace
        One point per column of the trace, rows with sub-pixel precision.

    Raises
    ------
    LimitError
        If the picture exceeds a published limit.
    IntakeError
        If it cannot be decoded, or holds no single line that could be one beat; the message says what was measured.
    """
    picture = read_picture(payload, name, page=page, limits=config.limits)
    drawn = own_picture(picture.pixels, config.picture)
    if drawn is None and is_marked(payload, NETWORKS):
        drawn = resized_picture(picture.pixels, config.picture)
    column, row, finding = (
        trace_picture(picture.pixels) if drawn is None else _first_lead(drawn, picture.pixels, config)
    )
    value = (row.max() - row) / (row.max() - row.min())
    return BeatTrace(
        name=picture.name,
        digest=picture.digest,
        picture=picture.pixels,
        column_px=read_only(column.astype(np.float32)),
        row_px=read_only(row.astype(np.float32)),
        value=read_only(value.astype(np.float32)),
        finding=read_only(finding),
        drawn=drawn,
    )


def _first_lead(drawn: PictureArray, pixels: PictureArray, config: Config) -> tuple[Rows, Rows, FloatArray]:
    """Return where the first lead runs in an upload that is HeartVision's own picture, as `trace_picture` does."""
    ink = drawn[: config.picture.beat_height_px, :, 0].astype(np.float64)
    column = np.flatnonzero(ink.any(axis=0))
    row = (ink[:, column] * np.arange(len(ink))[:, None]).sum(axis=0) / ink[:, column].sum(axis=0)
    to_column, to_row = (large / small for large, small in zip(pixels.shape[1::-1], drawn.shape[1::-1], strict=True))
    return (column + 0.5) * to_column - 0.5, (row + 0.5) * to_row - 0.5, np.zeros(7, np.float32)


def trace_picture(picture: PictureArray) -> tuple[Rows, Rows, FloatArray]:
    """Trace the one line in an RGB picture (h, w, 3).

    The row of a column is the ink-weighted middle of the stroke; where the stroke turns back within a column (the top
    of a tall, narrow R) it is the outer end, so that peaks keep their height.

    Returns
    -------
    tuple
        Columns (n,) and rows (n,) in pixels, float64, and the `finding` (7,) of `BeatTrace`.

    Raises
    ------
    IntakeError
        If there is no such line; see the limits at the top of this module.
    """
    height, width = picture.shape[:2]
    if min(height, width) < _SIDE_MIN_PX:
        raise IntakeError(f"{NOT_A_BEAT}it has {width} x {height} pixels, at least {_SIDE_MIN_PX} per side are needed.")
    scale = min(1.0, _WORK_SIDE_PX / max(height, width))
    small = picture
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    candidate = _best_candidate(small)
    _require_one_line(candidate)
    column, row = _follow(candidate.coverage, candidate.line)
    _require_one_beat(column, row, small.shape[0])
    finding = _finding(candidate, column, row)
    to_column, to_row = width / small.shape[1], height / small.shape[0]
    return (column + 0.5) * to_column - 0.5, (row + 0.5) * to_row - 0.5, finding


def _finding(found: _Candidate, column: Rows, row: Rows) -> FloatArray:
    """Describe how the line was found: see `BeatTrace`."""
    tall, inked = float(np.ptp(row)), found.line.any(axis=0)
    thickness = float(np.percentile(found.line.sum(axis=0)[inked], 25))
    missing = 1.0 - float(inked.sum()) / column.size
    parts = (tall / found.line.shape[0], found.purity, found.strokes, found.plain, missing, thickness / tall)
    return np.array([found.span, *parts], np.float32)


def _best_candidate(picture: PictureArray) -> _Candidate:
    colours = picture.astype(np.float32)
    background = _background(picture)
    distance = _length(colours - background)
    plain = float((distance <= _BACKGROUND_TOLERANCE).mean())
    if plain > 1.0 - _INK_SHARE_MIN:
        raise IntakeError(f"{NOT_A_BEAT}it is blank.")
    if plain < _BACKGROUND_SHARE_MIN:
        raise IntakeError(
            f"{NOT_A_BEAT}only {plain:.0%} of it is plain ground, at least {_BACKGROUND_SHARE_MIN:.0%} are needed; "
            "crop it to one beat on an even ground."
        )
    inks = sorted(_inks(picture, distance), key=lambda ink: -float(np.linalg.norm(ink - background)))
    coverages = [_coverage(colours, background, ink) for ink in inks]
    rest: list[_Candidate] = []
    for share in _LINE_SHARES:
        best: _Candidate | None = None
        for coverage in coverages:  # traces are drawn in a stronger ink than grids
            ranked = _ranked(coverage, plain, share)
            rest += ranked[:1]
            found = next((one for one in ranked if _plausible(one)), None)
            if found is not None and (best is None or found.score > best.score + 0.02):
                best = found
            if best is not None and best.score > _SCORE_ENOUGH:
                break
        if best is not None:
            return best
    if not rest:
        raise IntakeError(f"{NOT_A_BEAT}no line was found in it.")
    return max(rest, key=lambda one: one.score)


def _ranked(coverage: FloatArray, plain: float, share: float) -> list[_Candidate]:
    """Return the lines of one ink at every threshold, the most line-like first."""
    found = [_line_candidate(coverage, coverage >= threshold, plain, share) for threshold in _THRESHOLDS]
    return sorted((one for one in found if one is not None), key=lambda one: -one.score)


def _plausible(found: _Candidate) -> bool:
    """Tell whether the line meets every requirement of one beat, and is no axis."""
    rows, columns = found.line.shape
    straight = _runs(found.line, axis=1, length=round(0.3 * columns)) | _runs(
        found.line, axis=0, length=round(0.3 * rows)
    )
    if straight.sum() > _STRAIGHT_MAX * found.line.sum():
        return False
    try:
        _require_one_line(found)
        _require_one_beat(*_follow(found.coverage, found.line), rows)
    except IntakeError:
        return False
    return True


def _background(picture: PictureArray) -> FloatArray:
    """Return the most frequent colour, to within 16 levels, as the mean of its pixels."""
    pixels = picture.reshape(-1, 3)
    bins = _bins(pixels, 16)
    most = int(np.bincount(bins).argmax())
    centre = pixels[bins == most].mean(axis=0)
    near = np.ones(len(pixels), np.bool_)
    for channel in range(3):
        near &= np.abs(pixels[:, channel].astype(np.float32) - np.float32(centre[channel])) <= 16
    return np.asarray(pixels[near].mean(axis=0), np.float32)


def _bins(pixels: PictureArray, step: int) -> IntArray:
    quantised = pixels.astype(np.int64) // step
    levels = -(-256 // step)
    return (quantised[:, 0] * levels + quantised[:, 1]) * levels + quantised[:, 2]


def _inks(picture: PictureArray, distance: FloatArray) -> list[FloatArray]:
    """Return up to five frequent colours that are far from the background and from each other."""
    pixels = picture[distance > _BACKGROUND_TOLERANCE]
    bins = _bins(pixels, 16)
    counts = np.bincount(bins)
    inks: list[FloatArray] = []
    for index in np.argsort(counts, kind="stable")[::-1][:64]:
        if counts[index] == 0 or len(inks) == _INKS_MAX:
            break
        colour = np.asarray(pixels[bins == index].mean(axis=0), np.float32)
        if all(np.linalg.norm(colour - ink) > _INK_APART for ink in inks):
            inks.append(colour)
    return inks


def _coverage(colours: FloatArray, background: FloatArray, ink: FloatArray) -> FloatArray:
    """Return how much of each pixel (h, w) `ink` covers, 0..1: its place on the line from background to ink."""
    direction = ink - background
    offset = colours - background
    share = (offset @ direction) / (direction @ direction)
    # Colours beyond the ink (the dark core of a grey, antialiased stroke) lie on the same line and count as ink too.
    residual = _length(offset - share[..., None] * direction)
    return np.asarray(np.where(residual > _INK_RESIDUAL, 0.0, np.clip(share, 0.0, 1.0)), np.float32)


def _length(colours: FloatArray) -> FloatArray:
    """Return the length (h, w) of colours (h, w, 3)."""
    return np.asarray(np.sqrt(np.einsum("ijk,ijk->ij", colours, colours)), np.float32)


def _line_candidate(coverage: FloatArray, mask: Mask, plain: float, straight: float) -> _Candidate | None:
    """Find the component of the mask that looks most like one line from left to right; see `_LINE_SHARES`."""
    width = mask.shape[1]
    mask = _without_straight_lines(mask, straight)
    bridge = max(3, round(0.02 * width)) | 1
    joined = cv2.dilate(mask.astype(np.uint8), np.ones((3, bridge), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    if count < 2:
        return None
    labels = np.where(mask, labels, 0)
    ink = np.bincount(labels.ravel(), minlength=count)[1:]
    best: _Candidate | None = None
    for label in (np.argsort(stats[1:, cv2.CC_STAT_WIDTH], kind="stable")[::-1][:3] + 1).tolist():
        line = labels == label
        columns = np.flatnonzero(line.any(axis=0))
        if columns.size < 2:
            continue
        span = float(columns[-1] - columns[0] + 1) / width
        inside = labels[:, columns[0] : columns[-1] + 1]
        purity = float(ink[label - 1]) / max(1, int((inside > 0).sum()))
        found = _Candidate(coverage, line, span, purity, _strokes(line[:, columns]), plain)
        if best is None or found.score > best.score:
            best = found
    return best


def _strokes(line: Mask) -> float:
    """Return the share of columns that the line crosses more than once; gaps of two pixels do not count."""
    closed = cv2.morphologyEx(line.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 1), np.uint8))
    starts = (np.diff(closed.astype(np.int8), axis=0, prepend=0) == 1).sum(axis=0)
    return float((starts > 1).mean())


def _without_straight_lines(mask: Mask, share: float) -> Mask:
    """Remove axes, frames and grid lines from the mask, but keep the strokes that cross them."""
    rows, columns = mask.shape
    horizontal = _runs(mask, axis=1, length=round(share * columns))
    vertical = _runs(mask, axis=0, length=round(share * rows))
    groups = _groups(np.asarray(vertical.any(axis=0)))
    edge = max(2, round(0.03 * columns))
    ink_columns = np.flatnonzero(mask.any(axis=0))
    for start, stop in groups:
        inner = ink_columns.size and start > ink_columns[0] + edge and stop < ink_columns[-1] - edge
        if len(groups) < 4 and inner and not horizontal.any():
            vertical[:, start:stop] = False  # a tall, narrow R, not a frame or grid
    if not horizontal.any() and not vertical.any():
        return mask
    kept = mask & ~horizontal & ~vertical
    thick_h, thick_v = _thickness(np.asarray(horizontal.any(axis=1))), _thickness(np.asarray(vertical.any(axis=0)))
    closed = kept.astype(np.uint8)
    for kernel in (np.ones((thick_h + 2, 1), np.uint8), np.ones((1, thick_v + 2), np.uint8)):
        closed |= cv2.morphologyEx(kept.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    return kept | (mask & (closed > 0))


def _runs(mask: Mask, *, axis: int, length: int) -> Mask:
    """Mark the pixels that lie in a straight run of at least `length` along `axis`."""
    shape = (1, length) if axis == 1 else (length, 1)
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones(shape, np.uint8)) > 0)


def _groups(flags: Mask) -> list[tuple[int, int]]:
    """Return the runs of True as (start, stop)."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _thickness(flags: Mask) -> int:
    return max((stop - start for start, stop in _groups(flags)), default=0)


def _require_one_line(found: _Candidate) -> None:
    if found.span < _SPAN_MIN:
        raise IntakeError(
            f"{NOT_A_BEAT}its longest line spans {found.span:.0%} of the width, at least {_SPAN_MIN:.0%} are needed."
        )
    if found.strokes > _STROKES_MAX:
        raise IntakeError(
            f"{NOT_A_BEAT}in {found.strokes:.0%} of its columns there is more than one stroke, "
            f"{_STROKES_MAX:.0%} are allowed; crop it to one trace."
        )
    if found.purity < _PURITY_MIN:
        raise IntakeError(
            f"{NOT_A_BEAT}only {found.purity:.0%} of the ink belongs to one line, at least {_PURITY_MIN:.0%} are "
            "needed; crop it to one trace without text."
        )


def _require_one_beat(column: Rows, row: Rows, height: int) -> None:
    tall = float(row.max() - row.min())
    if tall < max(4.0, _HEIGHT_MIN * height):
        raise IntakeError(f"{NOT_A_BEAT}its line is flat ({tall:.0f} of {height} rows).")
    peaks = max(len(find_peaks(sign * row, prominence=0.5 * tall)[0]) for sign in (-1, 1))
    if peaks > _PEAKS_MAX:
        raise IntakeError(
            f"{NOT_A_BEAT}it has {peaks} tall peaks, at most {_PEAKS_MAX} are allowed; crop it to one beat."
        )


def _follow(coverage: FloatArray, line: Mask) -> tuple[Rows, Rows]:
    """Return columns (n,) and sub-pixel rows (n,) along the line."""
    columns = np.flatnonzero(line.any(axis=0))
    top, bottom = _strokes_along(line[:, columns])
    first, last = int(columns[0]), int(columns[-1])
    column = np.arange(first, last + 1)
    missing = 1.0 - columns.size / column.size
    if missing > _MISSING_MAX:
        raise IntakeError(
            f"{NOT_A_BEAT}its line is interrupted in {missing:.0%} of the columns, {_MISSING_MAX:.0%} are allowed."
        )
    row = _rows(coverage[:, columns], top, bottom)
    return column.astype(np.float64), np.interp(column, columns, row)


def _strokes_along(line: Mask) -> tuple[IntArray, IntArray]:
    """Return top and bottom row (inclusive) of the stroke in each column, chosen so that the strokes connect best."""
    closed = cv2.morphologyEx(line.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 1), np.uint8)) > 0
    choices = [_groups(closed[:, i]) for i in range(closed.shape[1])]
    costs: list[Rows] = [np.array([-0.01 * (b - a) for a, b in choices[0]])]
    origins: list[IntArray] = []
    for previous, current in pairwise(choices):
        before, now = np.array(previous), np.array(current)
        gap = np.maximum(before[None, :, 0] - now[:, None, 1], now[:, None, 0] - before[None, :, 1]).clip(0)
        total = costs[-1][None, :] + gap - 0.01 * (now[:, 1] - now[:, 0])[:, None]
        origins.append(total.argmin(axis=1))
        costs.append(total.min(axis=1))
    chosen = [int(costs[-1].argmin())]
    for origin in reversed(origins):
        chosen.append(int(origin[chosen[-1]]))
    spans = np.array([runs[i] for runs, i in zip(choices, reversed(chosen), strict=True)])
    return spans[:, 0], spans[:, 1] - 1


def _rows(coverage: FloatArray, top: IntArray, bottom: IntArray) -> Rows:
    """Return sub-pixel rows: the ink-weighted middle, or the outer end of the stroke where it turns back."""
    height, n = coverage.shape
    rows = np.arange(height)[:, None]
    # A one-pixel halo on both sides carries the sub-pixel position of an antialiased stroke.
    weight = np.where((rows >= top - 1) & (rows <= bottom + 1), coverage, 0.0).astype(np.float64)
    middle: Rows = (weight * rows).sum(axis=0) / weight.sum(axis=0)
    index = np.arange(n)
    upper = top - weight[np.maximum(top - 1, 0), index] * (top > 0)
    lower = bottom + weight[np.minimum(bottom + 1, height - 1), index] * (bottom < height - 1)
    thickness = max(1.0, float(np.percentile(weight.sum(axis=0), 25)))
    inset = (thickness - 1.0) / 2.0
    result = middle.copy()
    for edge, sign, offset in ((upper, 1.0, inset), (lower, -1.0, -inset)):
        for start, stop in _turns(sign * edge, thickness):
            outer = edge[start:stop] + offset
            result[start:stop] = (np.minimum if sign > 0 else np.maximum)(result[start:stop], outer)
    return result


def _turns(edge: Rows, thickness: float) -> list[tuple[int, int]]:
    """Return the columns (start, stop) where an outline turns back: its local minima, ends excluded."""
    _, found = find_peaks(-edge, prominence=0.5 * thickness, plateau_size=1)
    return [(int(a), int(b) + 1) for a, b in zip(found["left_edges"], found["right_edges"], strict=True)]
