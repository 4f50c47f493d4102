"""Flattens the paper: from the picture and its grid to a sheet with the same scale everywhere."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.grid import NO_GRID, Grid, darkness
from pipeline.errors import IntakeError
from pipeline.types import FloatArray, PictureArray, read_only

Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

_PX_PER_MM: Final = (6, 10)
_SIDE_MAX_MM: Final = 620.0
_SIDE_MIN_MM: Final = 40.0
_BOX_MM: Final = 5
_OUTLINE_PX: Final = 600  # longer side of the photo when the paper's outline is searched
_OUTLINE_AREA: Final = 0.15  # share of the photo
_OUTLINE_FILLED: Final = 0.93  # share of what stands out from the table that lies between the corners
_SMOOTH_BOXES: Final = 2.0  # standard deviation of the Gaussian that smooths the paper's unevenness, in boxes of 5 mm
_CAP: Final = 60  # percentile of the boxes' strength
_EDGE_BOXES: Final = 0.8  # the same where the paper's edge is searched
_EDGE_LEVEL: Final = 0.4  # share of the usual strength that no box reaches beyond the one with the edge in it
_TABLE: Final = 0.07  # an area that differs by more from the paper's brightness, and shows no grid, is table
_PAPER_LEVEL: Final = 0.3  # share of the grid's usual strength: where it is weaker, there is no paper


@dataclass(frozen=True, eq=False)
class PaperSheet:
    """The paper, flat.

    Attributes
    ----------
    picture : (h, w, 3) uint8
        The flat paper, RGB.
    px_per_mm : int
        Resolution in both directions.
    origin_mm : tuple[float, float]
        What the top left corner of `picture` shows.
    to_px : (3, 3) float64
        Maps millimetres to pixels of the original.
    uneven_mm : (ny, nx, 2) float32
        How far folds displace the middles of 5 mm boxes from there, mm.
    corners : (4, 2) float64
        Corners of the paper, in pixels of the original, clockwise.
    lattice_mm : tuple[float, float]
        Where the first of the 5 mm boxes starts.
    paper : (h, w) bool
        Where there is paper rather than table.
    """

    picture: PictureArray
    px_per_mm: int
    origin_mm: tuple[float, float]
    to_px: Matrix
    uneven_mm: FloatArray
    corners: Matrix
    lattice_mm: tuple[float, float]
    paper: Mask

    def on_original(self, points: Matrix) -> Matrix:
        """Map points (n, 2) of this sheet's picture to pixels of the original."""
        mm = (points + 0.5) / self.px_per_mm + np.array(self.origin_mm)
        at = ((mm - np.array(self.lattice_mm)) / _BOX_MM - 0.5).astype(np.float32)
        moved = mm + np.column_stack(
            [
                cv2.remap(
                    np.ascontiguousarray(self.uneven_mm[..., i]),
                    at[None, :, 0],
                    at[None, :, 1],
                    cv2.INTER_LINEAR,
                    borderMode=cv2.BORDER_REPLICATE,
                )[0]
                for i in (0, 1)
            ]
        )
        return mapped(self.to_px, moved)


def mapped(matrix: Matrix, points: Matrix) -> Matrix:
    """Map points (n, 2) through a homography (3, 3)."""
    ends = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(ends[:, :2] / ends[:, 2:])


def squared(picture: PictureArray, corners: Matrix) -> tuple[PictureArray, Matrix]:
    """Turn the quadrilateral between four corners (4, 2), clockwise from top left, into a rectangle.

    Returns
    -------
    tuple
        The rectangle (h, w, 3) uint8, and the homography (3, 3) to it.

    Raises
    ------
    IntakeError
        If the corners do not go round a convex area of some size.
    """
    ring = np.asarray(corners, np.float32).reshape(4, 2)
    if not cv2.isContourConvex(ring.reshape(-1, 1, 2)) or cv2.contourArea(ring, oriented=True) < 100 * 100:
        raise IntakeError("The four corners must go round the paper clockwise from its top left; move them.")
    sides = np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1)
    width, height = float(max(sides[0], sides[2])), float(max(sides[1], sides[3]))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
    matrix = cv2.getPerspectiveTransform(ring, target)
    flat = cv2.warpPerspective(picture, matrix, (round(width), round(height)), flags=cv2.INTER_LINEAR)
    return np.asarray(flat, np.uint8), np.asarray(matrix, np.float64)


def outline(picture: PictureArray) -> Matrix | None:
    """Find the corners (4, 2) of a sheet of paper on a table of another colour, clockwise from top left, or None."""
    scale = _OUTLINE_PX / max(picture.shape[:2])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    colour = cv2.cvtColor(cv2.medianBlur(np.ascontiguousarray(small), 5), cv2.COLOR_RGB2Lab).astype(np.float32)
    rim = np.concatenate([colour[:3].reshape(-1, 3), colour[-3:].reshape(-1, 3), *colour[:, (0, -1)].swapaxes(0, 1)])
    away = np.clip(np.linalg.norm(colour - np.median(rim, axis=0), axis=2), 0, 255).astype(np.uint8)
    _, mask = cv2.threshold(away, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    rings, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not rings:
        return None
    hull = cv2.convexHull(max(rings, key=cv2.contourArea))
    around = cv2.arcLength(hull, True)
    for share in np.arange(0.01, 0.08, 0.005):
        ring = cv2.approxPolyDP(hull, float(share * around), True)[:, 0].astype(np.float64)
        if len(ring) == 4:
            area = cv2.contourArea(ring.astype(np.float32))
            whole = area > _OUTLINE_AREA * mask.size and area > _OUTLINE_FILLED * cv2.contourArea(hull)
            return _clockwise(ring) / scale if whole else None
    return None


def _clockwise(ring: Matrix) -> Matrix:
    """Order four corners clockwise, as seen, starting at the top left."""
    turned = ring if cv2.contourArea(ring.astype(np.float32), oriented=True) > 0 else ring[::-1]
    return np.roll(turned, -int(turned.sum(axis=1).argmin()), axis=0)


def by_hand(px_per_mm: tuple[float, float]) -> Grid:
    """Make a grid with the spacing that the user stated, in pixels of the picture (or of the squared paper)."""
    across, down = px_per_mm
    return Grid(np.diag([1 / across, 1 / down, 1.0]), px_per_mm, 0.0, 1.0, "stated by hand")


def flatten(picture: PictureArray, grid: Grid, *, whole: bool = False) -> PaperSheet:
    """Rectify a picture by its grid, remove folds by the grid's phase, and crop to where the grid is.

    Parameters
    ----------
    picture : (h, w, 3) uint8
        RGB.
    grid : Grid
        The grid of this picture.
    whole : bool, optional
        Keep everything that the picture shows and leave folds as they are: the grid was stated, not seen.

    Raises
    ------
    IntakeError
        If the sheet would be implausibly large or small.
    """
    height, width = picture.shape[:2]
    edges = mapped(grid.to_mm, np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64) - 0.5)
    low: Matrix = np.asarray(edges.min(axis=0), np.float64)
    high: Matrix = np.asarray(edges.max(axis=0), np.float64)
    _require_size(high - low)
    fine = int(np.clip(round(float(np.mean(grid.px_per_mm))), *_PX_PER_MM))
    to_px = np.asarray(np.linalg.inv(grid.to_mm), np.float64)
    raw = _warped(picture, to_px, low, high, fine)
    boxes = (-(-raw.shape[0] // (_BOX_MM * fine)), -(-raw.shape[1] // (_BOX_MM * fine)))
    uneven = np.zeros((*boxes, 2), np.float32)
    paper = np.ones(boxes, np.bool_)
    first, last = np.zeros(2), np.array([boxes[1], boxes[0]], np.float64) * _BOX_MM
    if not whole:
        uneven, strength = _unevenness(raw, fine)
        first, last, paper = _extent(strength, _in_picture(to_px, low, boxes, picture.shape), _light(raw, boxes, fine))
    last = np.asarray(np.minimum(last, high - low), np.float64)
    _require_size(last - first)
    sheet = _sampled(picture, to_px, low, first, last, uneven, fine)
    here = read_only(_cropped(paper, first, (sheet.shape[0], sheet.shape[1]), fine))
    ring = _ring(here, fine)
    origin, lattice = (float(low[0] + first[0]), float(low[1] + first[1])), (float(low[0]), float(low[1]))
    flat = PaperSheet(read_only(sheet), fine, origin, to_px, read_only(uneven), np.zeros((4, 2)), lattice, here)
    return replace(flat, corners=read_only(flat.on_original(ring)))


def _cropped(paper: Mask, first: Matrix, shape: tuple[int, int], fine: int) -> Mask:
    """Return the pixels (h, w) of the sheet that lie in boxes of paper (ny, nx)."""
    rows = ((np.arange(shape[0]) + 0.5) / fine + first[1]) // _BOX_MM
    columns = ((np.arange(shape[1]) + 0.5) / fine + first[0]) // _BOX_MM
    rows, columns = np.clip(rows, 0, len(paper) - 1), np.clip(columns, 0, paper.shape[1] - 1)
    return np.asarray(paper[np.ix_(rows.astype(int), columns.astype(int))])


def _ring(paper: Mask, fine: int) -> Matrix:
    """Return the corners (4, 2) of the paper on its sheet (h, w), clockwise, up to half a box beyond certain paper."""
    ends = []
    for axis in (0, 1):
        seen = np.flatnonzero(paper.any(axis=axis))
        first, last = (int(seen[0]), int(seen[-1])) if seen.size else (0, paper.shape[1 - axis] - 1)
        half = _BOX_MM * fine / 2
        ends.append((max(first - half, 0), min(last + 1 + half, paper.shape[1 - axis])))
    (left, right), (top, bottom) = ends
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64) - 0.5


def _in_picture(to_px: Matrix, low: Matrix, boxes: tuple[int, int], shape: tuple[int, ...]) -> Mask:
    """Return which 5 mm boxes (ny, nx) have their middle in the picture."""
    x, y = np.meshgrid(*(low[i] + (np.arange(boxes[1 - i]) + 0.5) * _BOX_MM for i in (0, 1)))
    px = mapped(to_px, np.column_stack([x.ravel(), y.ravel()]))
    inside = (px > -0.5).all(axis=1) & (px < np.array(shape[1::-1]) - 0.5).all(axis=1)
    return np.asarray(inside.reshape(boxes))


def _require_size(size_mm: Matrix) -> None:
    if not (np.isfinite(size_mm).all() and size_mm.max() <= _SIDE_MAX_MM and size_mm.min() >= _SIDE_MIN_MM):
        raise IntakeError(
            f"By its grid the page would be {size_mm[0]:.0f} x {size_mm[1]:.0f} mm; {_SIDE_MIN_MM:g} to "
            f"{_SIDE_MAX_MM:g} mm per side are expected. State the corners and the grid by hand."
        )


def _warped(picture: PictureArray, to_px: Matrix, low: Matrix, high: Matrix, fine: int) -> PictureArray:
    """Resample the picture to square millimetres from `low` to `high`, `fine` pixels each, ignoring folds."""
    place = np.array([[1 / fine, 0, low[0] + 0.5 / fine], [0, 1 / fine, low[1] + 0.5 / fine], [0, 0, 1]])
    size = np.ceil((high - low) * fine).astype(int)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpPerspective(
        picture, to_px @ place, (int(size[0]), int(size[1])), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


def _unevenness(raw: PictureArray, fine: int) -> tuple[FloatArray, FloatArray]:
    """Return the displacement (ny, nx, 2) in mm of the grid lines per 5 mm box, and the grid's strength (ny, nx)."""
    dark = darkness(raw)
    dark = np.minimum(dark, np.percentile(dark, 97))
    side = _BOX_MM * fine
    dark = dark - cv2.blur(dark, (side, side))  # over one period: the grid's own mean, which removes shading
    ny, nx = -(-dark.shape[0] // side), -(-dark.shape[1] // side)
    dark = np.pad(dark, ((0, ny * side - dark.shape[0]), (0, nx * side - dark.shape[1])), mode="edge")
    box = dark.reshape(ny, side, nx, side)
    lines = box.sum(axis=1) / side, box.sum(axis=3).transpose(0, 2, 1) / side
    shifts, strengths = zip(*(_shift(part) for part in lines), strict=True)
    strength = np.minimum(*strengths)
    return np.stack(shifts, axis=-1).astype(np.float32), np.asarray(strength, np.float32)


def _shift(profile: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return where in its box (ny, nx, side) the grid's lines lie, in mm from the box's edge, and how clear they are.

    Where 5 mm boxes are drawn, they tell which line it is, and 1 mm lines tell exactly where. What the boxes say is
    removed from the phase of the lines before it is smoothed, because in a steep fold that phase changes quickly.
    """
    side = profile.shape[-1]
    turn = np.exp(-2j * np.pi * (np.arange(side) + 0.5) / side)
    wide, narrow = _capped(profile @ turn), _capped(profile @ turn**_BOX_MM)
    strength = np.hypot(np.abs(_smooth(wide)), np.abs(_smooth(narrow)))
    boxes, lines = (float(np.median(np.abs(_smooth(part)))) for part in (wide, narrow))
    trusted = (strength > _PAPER_LEVEL * np.percentile(strength, 75)).astype(np.float64)
    shift = np.zeros(strength.shape)
    if lines > 0.3 * boxes:
        for blur in (1.0, _SMOOTH_BOXES):
            shift = _refined(shift, narrow, 1.0, strength, blur)
    if boxes > 0.25 * lines:
        which = _refined(shift, wide, float(_BOX_MM), strength, _SMOOTH_BOXES)
        shift = which if lines <= 0.3 * boxes else shift + round(float(np.median((which - shift)[trusted > 0])))
    middle = float(np.median(shift[trusted > 0]))
    smooth = cv2.GaussianBlur(np.where(trusted > 0, shift - middle, 0), (0, 0), 1.5 * _SMOOTH_BOXES)
    weight = cv2.GaussianBlur(trusted, (0, 0), 1.5 * _SMOOTH_BOXES)
    filled = np.where(trusted > 0, shift - middle, smooth / np.maximum(weight, 1e-3))
    sharp = np.hypot(np.abs(_smooth(wide, _EDGE_BOXES)), np.abs(_smooth(narrow, _EDGE_BOXES)))
    return np.asarray(middle + filled, np.float32), np.asarray(sharp, np.float32)


def _capped(phasor: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Limit phasors to the usual strength of a grid: paper edges and ink strokes must not drown their neighbours."""
    size = np.abs(phasor)
    return np.asarray(phasor * np.minimum(1, np.percentile(size, _CAP) / np.maximum(size, 1e-12)))


def _refined(shift: Matrix, phasor: NDArray[np.complex128], period_mm: float, strength: Matrix, blur: float) -> Matrix:
    """Locate lines (mm) by their phase, near a first guess, without jumps by a period between neighbours."""
    rest = _smooth(phasor * np.exp(2j * np.pi * shift / period_mm), blur)
    found = shift - np.angle(rest) * period_mm / (2 * np.pi)
    joined = _joined(found / period_mm, strength) * period_mm
    return np.asarray(joined - period_mm * np.round(np.median(joined - found) / period_mm))


def _joined(turns: Matrix, strength: Matrix) -> Matrix:
    """Unwrap numbers (ny, nx) known up to whole turns, each next to its neighbours', the clearest boxes first."""
    ny, nx = turns.shape
    out = np.full((ny + 2, nx + 2), np.nan)
    start = np.unravel_index(int(strength.argmax()), strength.shape)
    waiting = [(0.0, int(start[0]), int(start[1]))]
    while waiting:
        _, y, x = heapq.heappop(waiting)
        if np.isfinite(out[y + 1, x + 1]):
            continue
        known = [value for value in out[y : y + 3, x : x + 3].ravel().tolist() if value == value]  # not NaN
        near = sum(known) / len(known) if known else float(turns[y, x])
        out[y + 1, x + 1] = turns[y, x] + round(near - float(turns[y, x]))
        for v, u in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if 0 <= v < ny and 0 <= u < nx and np.isnan(out[v + 1, u + 1]):
                heapq.heappush(waiting, (-float(strength[v, u]), v, u))
    return out[1:-1, 1:-1]


def _smooth(values: NDArray[np.complex128], boxes: float = _SMOOTH_BOXES) -> NDArray[np.complex128]:
    blur = (0, 0), boxes
    return np.asarray(
        cv2.GaussianBlur(np.ascontiguousarray(values.real), *blur)
        + 1j * cv2.GaussianBlur(np.ascontiguousarray(values.imag), *blur)
    )


def _light(raw: PictureArray, boxes: tuple[int, int], fine: int) -> Matrix:
    """Return how bright each 5 mm box (ny, nx) is: the median of its brightest colour."""
    side = _BOX_MM * fine
    brightest = raw.max(axis=2)
    padded = np.pad(brightest, [(0, n * side - m) for n, m in zip(boxes, brightest.shape, strict=True)], mode="edge")
    return np.asarray(np.median(padded.reshape(boxes[0], side, boxes[1], side), axis=(1, 3)), np.float64)


def _extent(strength: FloatArray, inside: Mask, light: Matrix) -> tuple[Matrix, Matrix, Mask]:
    """Return top left and bottom right, in mm, of the largest area with a strong grid, and its boxes (ny, nx).

    Boxes at an edge of the paper, beside a table, are excluded, because the edge looks like ink. A margin without grid
    is as bright as the paper and does no harm.
    """
    level = _EDGE_LEVEL * float(np.percentile(strength[inside], 75))
    mask = ((strength > level) & inside).astype(np.uint8)
    if not mask.any():
        raise IntakeError(NO_GRID)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    points = np.argwhere(labels == largest)[:, ::-1].astype(np.int32).reshape(-1, 1, 2)
    sheet = cv2.fillConvexPoly(np.zeros_like(mask), cv2.convexHull(points), 1) > 0  # paper has no holes or bays
    x, y, width, height = cv2.boundingRect(points)
    unlike = np.abs(light / max(float(np.median(light[sheet])), 1.0) - 1) > _TABLE
    table = (~sheet & inside & unlike).astype(np.uint8)
    paper = cv2.erode(1 - table, np.ones((3, 3), np.uint8), borderValue=1) > 0
    first, last = np.array([x, y], np.float64) * _BOX_MM, np.array([x + width, y + height], np.float64) * _BOX_MM
    return first, last, np.asarray(paper)


def _sampled(
    picture: PictureArray, to_px: Matrix, low: Matrix, first: Matrix, last: Matrix, uneven: FloatArray, fine: int
) -> PictureArray:
    """Sample the picture from `first` to `last` (mm from `low`), each point from where folds have moved it."""
    size = np.round((last - first) * fine).astype(int)
    x = first[0] + (np.arange(size[0]) + 0.5) / fine
    y = first[1] + (np.arange(size[1]) + 0.5) / fine
    column, row = np.meshgrid((x / _BOX_MM - 0.5).astype(np.float32), (y / _BOX_MM - 0.5).astype(np.float32))
    moved = cv2.remap(uneven, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    u = low[0] + x[None, :] + moved[..., 0]
    v = low[1] + y[:, None] + moved[..., 1]
    below = to_px[2, 0] * u + to_px[2, 1] * v + to_px[2, 2]
    px = (to_px[0, 0] * u + to_px[0, 1] * v + to_px[0, 2]) / below
    py = (to_px[1, 0] * u + to_px[1, 1] * v + to_px[1, 2]) / below
    flat = cv2.remap(
        picture,
        px.astype(np.float32),
        py.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(float(value) for value in np.percentile(picture[::8, ::8].reshape(-1, 3), 60, axis=0)),
    )
    return np.asarray(flat, np.uint8)
