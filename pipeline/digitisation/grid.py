"""Measures the millimetre grid by its spatial frequencies, in two directions, all over the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.optimize import least_squares
from scipy.signal import find_peaks

from pipeline.errors import IntakeError
from pipeline.types import FloatArray, PictureArray

Matrix = NDArray[np.float64]

_WORK_SIDE_PX: Final = 2400  # larger pictures are measured at this size
_TILES: Final = 5  # along the longer side; neighbours overlap by half
_TILE_PX: Final = (192, 512)
_WEDGE_DEG: Final = 24.0  # how far the grid may be rotated against the picture
_CYCLES_MIN: Final = 4.0  # grid lines per tile
_PERIOD_MIN_PX: Final = 2.6
_LINE_MIN_PX: Final = 3.2  # finer regular lines come from a screen or the camera
_PEAK_MIN: Final = 0.6  # least log height of a peak over the profile around it
_NOTHING: Final = 1e-7  # share of the greatest power; anything weaker is rounding error
_FAINT_PEAK: Final = 0.3  # enough where the other direction shows the same lines clearly
_ALIKE: Final = 1.25  # lines of two directions are the same where their frequencies differ by less than this factor
_AGREE: Final = 0.5  # weight of such an agreement; the best score of each direction weighs 1
_STRENGTH_MIN: Final = 18.0  # least ratio of a tile's spectral peak to the median around it
_TILES_MIN: Final = 0.25  # share of the tiles that must show the grid in both directions
_ANISOTROPY_MAX: Final = 1.6  # the two directions may differ by this factor
_TRACE_PERCENTILE: Final = 97  # the trace is darker than the grid and must not drown it
_UNEQUAL: Final = 1.06  # two directions differ by more only where something else was taken for the grid, or in photos
_INK_LEVEL: Final = 0.8  # share of the brightness around it below which a pixel is ink
_INK_AROUND_PX: Final = 31
_BOX_MM: Final = 5.0
_WIDE_MM, _NARROW_MM = 550.0, 110.0  # no page is wider; few are narrower
NO_GRID: Final = (
    "This is not a 12-lead page that can be measured: no millimetre grid was found in the picture; if it is a page "
    "without a grid, give its corners and the pixels per millimetre by hand."
)


@dataclass(frozen=True, eq=False)
class Grid:
    """The grid as measured.

    Attributes
    ----------
    to_mm : (3, 3) float64
        Maps pixels of the picture to millimetres on the paper, from the top left corner of the picture.
    px_per_mm : tuple[float, float]
        Across and down, at the middle of the picture.
    skew_deg : float
        Rotation of the lines there, degrees.
    confidence : float
        0..1: the share of the picture in which the grid was seen, reduced where its lines could be 1 mm or 5 mm apart.
    boxes : str
        Which lines decided that, in words.
    """

    to_mm: Matrix
    px_per_mm: tuple[float, float]
    skew_deg: float
    confidence: float
    boxes: str


@dataclass(frozen=True, eq=False)
class _Spectra:
    """Power spectra of all tiles in the wedge around one direction.

    `power` (n_tiles, n) at the frequencies `fx`, `fy` (n,) in cycles per tile, sorted by `radius` (n,); `full`
    (n_tiles, side, side) the whole spectra, centred; `centre` (n_tiles, 2) the middles of the tiles in pixels.
    """

    power: FloatArray
    fx: Matrix
    fy: Matrix
    radius: Matrix
    full: FloatArray
    centre: Matrix

    @property
    def side(self) -> int:
        """Side of a tile, pixels."""
        return int(self.full.shape[1])


def darkness(picture: PictureArray) -> FloatArray:
    """Return how much darker than its surroundings each pixel (h, w) is in its darkest colour, 0..1; no shadows."""
    least = picture.min(axis=2)
    reach = max(15, max(picture.shape[:2]) // 40) | 1
    small = cv2.resize(least, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    background = cv2.GaussianBlur(cv2.dilate(small, np.ones((reach // 8 + 1,) * 2, np.uint8)), (0, 0), reach / 8 + 0.5)
    background = cv2.resize(background, (least.shape[1], least.shape[0]), interpolation=cv2.INTER_LINEAR).astype(
        np.float32
    )
    return np.asarray(np.clip(1 - least / np.maximum(background, 1), 0, 1), np.float32)


def measure_grid(picture: PictureArray) -> Grid:
    """Find the grid of an RGB picture (h, w, 3), and the homography that makes it square.

    In overlapping tiles the two strongest frequency vectors are measured; the homography whose derivatives fit them
    best maps the picture to the paper. No corner of the paper needs to be in the picture.

    Raises
    ------
    IntakeError
        If too few tiles show a grid in two directions.
    """
    scale = min(1.0, _WORK_SIDE_PX / max(picture.shape[:2]))
    small = picture
    if scale < 1:
        small = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = small.shape[:2]
    if min(height, width) < _TILE_PX[0]:
        raise IntakeError(
            f"The picture has {picture.shape[1]} x {picture.shape[0]} pixels, at least {_TILE_PX[0]} per side are "
            "needed for a 12-lead page; scan or photograph it larger."
        )
    grey = darkness(small)
    grid = _measured(np.minimum(grey, np.percentile(grey, _TRACE_PERCENTILE)), picture.shape, scale)
    if grid is None or not _is_square(grid):
        bare = _measured(_without_ink(grey, small), picture.shape, scale)
        if bare is not None and _is_square(bare):
            return bare
    if grid is None:
        raise IntakeError(NO_GRID)
    return grid


def _is_square(grid: Grid) -> bool:
    return max(grid.px_per_mm) <= _UNEQUAL * min(grid.px_per_mm)


def _without_ink(grey: FloatArray, picture: PictureArray) -> FloatArray:
    """Return the darkness (h, w) with usual paper in place of the ink: regular beats must not drown a faint grid.

    Ink is dark in all colours and far darker than most of the picture.
    """
    brightest = cv2.blur(picture.max(axis=2), (3, 3)).astype(np.float32)
    around = cv2.blur(brightest, (_INK_AROUND_PX, _INK_AROUND_PX))
    ink = cv2.dilate((brightest < _INK_LEVEL * around).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    bare = np.where(ink, np.median(grey), grey)
    return np.asarray(np.minimum(bare, np.percentile(bare[~ink], _TRACE_PERCENTILE)) if (~ink).any() else bare)


def _measured(grey: FloatArray, shape: tuple[int, ...], scale: float) -> Grid | None:
    """Return the grid of a picture of this shape, by its darkness (h, w) at `scale`; None if none is seen."""
    height, width = grey.shape
    full, centre = _tile_spectra(grey)
    across, down = (_wedge(full, centre, vertical=vertical) for vertical in (False, True))
    lines = _fundamentals(across, down)
    apart = None if lines is None else _lines_mm(across, down, lines, max(width, height))
    if lines is None or apart is None:
        return None
    lines_mm, sure, words = apart
    vectors = [_vectors(spectra, line) for spectra, line in zip((across, down), lines, strict=True)]
    seen = float(np.mean((vectors[0][:, 2] > 0) & (vectors[1][:, 2] > 0)))
    if seen < _TILES_MIN:
        return None
    fitted = _homography(centre, vectors[0], vectors[1], lines_mm, (width, height))
    to_mm = fitted @ np.diag([scale, scale, 1.0])
    return Grid(to_mm, *_at_middle(to_mm, shape), round(sure * min(1.0, seen / 0.6), 3), words)


def _tile_spectra(grey: FloatArray) -> tuple[FloatArray, Matrix]:
    """Return centred power spectra (n, side, side) of overlapping tiles of a darkness, and their middles (n, 2)."""
    height, width = grey.shape
    side = int(np.clip(max(height, width) // _TILES, *_TILE_PX)) // 2 * 2
    window = np.outer(np.hanning(side), np.hanning(side)).astype(np.float32)
    places = [(top, left) for top in _starts(height, side) for left in _starts(width, side)]
    power = np.empty((len(places), side, side), np.float32)
    for i, (top, left) in enumerate(places):
        part = grey[top : top + side, left : left + side]
        power[i] = np.fft.fftshift(np.abs(np.fft.fft2((part - part.mean()) * window)) ** 2)
    return power, np.array([[left + (side - 1) / 2, top + (side - 1) / 2] for top, left in places])


def _starts(length: int, side: int) -> list[int]:
    count = max(1, int(np.ceil((length - side) / (side / 2))) + 1)
    return [round(start) for start in np.linspace(0, length - side, count)]


def _wedge(full: FloatArray, centre: Matrix, *, vertical: bool) -> _Spectra:
    """Select the part of the spectra in the direction of one set of grid lines."""
    side = full.shape[1]
    axis = np.arange(side, dtype=np.float64) - side // 2
    fx, fy = (part.ravel() for part in np.meshgrid(axis, axis))
    along, aside = (fy, fx) if vertical else (fx, fy)
    radius = np.hypot(along, aside)
    inside = (along >= _CYCLES_MIN - 1) & (np.abs(aside) <= along * np.tan(np.deg2rad(_WEDGE_DEG)))
    index = np.flatnonzero(inside & (radius <= side / _PERIOD_MIN_PX + 1))
    index = index[np.argsort(radius[index], kind="stable")]
    return _Spectra(full.reshape(len(full), -1)[:, index], fx[index], fy[index], radius[index], full, centre)


def _profile(spectra: _Spectra) -> Matrix:
    """Return how far the strongest frequency of each radius (cycles per tile) stands out, log, mean over tiles."""
    ring = np.round(spectra.radius).astype(int)
    rings, starts = np.unique(ring, return_index=True)
    strongest = np.maximum.reduceat(spectra.power, starts, axis=1)
    usual = np.add.reduceat(np.sqrt(spectra.power), starts, axis=1) / np.diff(np.append(starts, ring.size))
    level = np.array([_smooth_median(row) for row in usual**2])
    found = np.zeros(rings[-1] + 1)
    floor = max(_NOTHING * float(spectra.full.max()), 1e-9)
    found[rings] = np.log1p(strongest / np.maximum(level, floor)).mean(axis=0)
    return found


def _smooth_median(values: FloatArray) -> FloatArray:
    return np.asarray(median_filter(values, 15, mode="nearest"))


def _fundamentals(across: _Spectra, down: _Spectra) -> tuple[float, float] | None:
    """Find the frequencies (cycles per tile) of the lines in both directions: those that most peaks are multiples of.

    Grid boxes are square, so directions that agree, or differ by the five lines of a box, count more than others.
    """
    ones, others = _candidates(across), _candidates(down)
    if not (ones.size and others.size):
        return None
    ratio = np.abs(np.log(ones[:, None, 0] / others[None, :, 0]))
    agree = (ratio < np.log(_ALIKE)) | (np.abs(ratio - np.log(_BOX_MM)) < np.log(_ALIKE))
    clear = (ones[:, None, 2] >= _PEAK_MIN) & (others[None, :, 2] >= _PEAK_MIN)
    either = (ones[:, None, 2] >= _PEAK_MIN) | (others[None, :, 2] >= _PEAK_MIN)
    score = ones[:, None, 1] / ones[:, 1].max() + others[None, :, 1] / others[:, 1].max() + _AGREE * agree
    score[~(clear | (agree & either))] = 0
    if score.max() <= 0:
        return None
    i, j = np.unravel_index(int(score.argmax()), score.shape)
    return float(ones[i, 0]), float(others[j, 0])


def _candidates(spectra: _Spectra) -> Matrix:
    """Return (frequency, score, highest peak) (n, 3) of what the peaks of the profile could be multiples of."""
    profile = _profile(spectra)
    excess = profile - median_filter(profile, 21, mode="nearest")
    peaks = find_peaks(excess, height=_FAINT_PEAK)[0]
    places = np.array([_between(excess, int(i)) for i in peaks])
    height = excess[peaks]
    found = []
    for candidate in np.unique(np.round(np.concatenate([places / k for k in range(1, 7)]), 3)):
        if candidate < _CYCLES_MIN:
            continue
        order = np.round(places / candidate)
        reach = 0.5 + 0.006 * places
        hit = (np.abs(places - order * candidate) < reach) & (order > 0)
        by_chance = np.minimum(1, 2 * reach / candidate)
        expected = min(10.0, places.max() * 1.01 / candidate)
        missing = max(0.0, expected - np.unique(order[hit & (order <= 10)]).size)
        score = float((height * (hit - by_chance)).sum() - 0.35 * height.mean() * missing)
        if score > 0:
            exact = float((height[hit] * places[hit] / order[hit]).sum() / height[hit].sum())
            found.append((exact, score, float(height[hit].max())))
    return np.array(found, np.float64).reshape(-1, 3)


def _between(values: Matrix, i: int) -> float:
    """Return the position of a peak between the samples of a profile."""
    if not 0 < i < values.size - 1:
        return float(i)
    weights = np.clip(values[i - 1 : i + 2], 0, None)
    return i + float((weights[2] - weights[0]) / weights.sum())


def _vectors(spectra: _Spectra, fundamental: float) -> Matrix:
    """Return (fx, fy, weight) of the fundamental per tile (n, 3), in cycles per pixel, from its strongest multiple."""
    best = np.zeros((len(spectra.power), 3))
    for multiple in range(1, 6):
        want = multiple * fundamental
        reach = max(1.5, min(0.12 * want, 0.45 * fundamental))
        low, high = np.searchsorted(spectra.radius, (want - reach, want + reach))
        if high <= low or want > spectra.side / _PERIOD_MIN_PX:
            break
        part = spectra.power[:, low:high]
        top = part.argmax(axis=1)
        strength = part.max(axis=1) / np.maximum(np.median(part, axis=1), 1e-9)
        weight = np.where(strength > _STRENGTH_MIN, np.log(strength) * np.sqrt(multiple), 0)
        for i in np.flatnonzero(weight > best[:, 2]):
            at = low + int(top[i])
            fy, fx = _parabola(spectra.full[i], int(spectra.fy[at]), int(spectra.fx[at]))
            best[i] = fx / spectra.side / multiple, fy / spectra.side / multiple, weight[i]
    return best


def _parabola(power: FloatArray, fy: int, fx: int) -> Matrix:
    """Return the position (fy, fx) of a peak between the frequencies of a centred spectrum."""
    half = power.shape[0] // 2
    place = [float(fy), float(fx)]
    for axis, (r, c) in enumerate(((1, 0), (0, 1))):
        before, here, after = (
            np.log(max(float(power[(fy + half + k * r) % (2 * half), (fx + half + k * c) % (2 * half)]), 1e-12))
            for k in (-1, 0, 1)
        )
        bend = before - 2 * here + after
        if bend < 0:
            place[axis] += float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))
    return np.array(place)


def _lines_mm(
    across: _Spectra, down: _Spectra, lines: tuple[float, float], side_px: int
) -> tuple[tuple[float, float], float, str] | None:
    """Decide how many millimetres apart the lines of each direction are, with confidence and reason; None: no grid."""
    boxes = [_is_box(spectra, line) for spectra, line in zip((across, down), lines, strict=True)]
    ratio = lines[0] / lines[1]
    if any(boxes) and not all(boxes) and not 1 / _ANISOTROPY_MAX < ratio < _ANISOTROPY_MAX:
        fine = boxes.index(False)
        apart = [_BOX_MM, _BOX_MM]
        apart[fine] = max(1.0, round(_BOX_MM * lines[1 - fine] / lines[fine]))
        if apart[fine] == 1.0:
            return (apart[0], apart[1]), 1.0, "5 mm boxes of 1 mm lines"
    if not 1 / _ANISOTROPY_MAX < ratio < _ANISOTROPY_MAX:
        return None
    if any(boxes):
        return (_BOX_MM, _BOX_MM), 1.0, "5 mm boxes of 1 mm lines"
    count = side_px * min(lines) / across.side
    if count * _BOX_MM > _WIDE_MM:
        if across.side / max(lines) < _LINE_MIN_PX:
            return None
        return (1.0, 1.0), 0.9, "1 mm lines"
    return (_BOX_MM, _BOX_MM), 0.9 if count * _BOX_MM > _NARROW_MM else 0.4, "5 mm lines"


def _is_box(spectra: _Spectra, fundamental: float) -> bool:
    """Tell whether the fifth multiple of a fundamental stands out from the fourth and sixth: boxes of five."""
    if 5 * fundamental > spectra.side / _PERIOD_MIN_PX:
        return False
    found = []
    for multiple in (4, 5, 6):
        low, high = np.searchsorted(spectra.radius, np.array([-0.4, 0.4]) * fundamental + multiple * fundamental)
        found.append(float(np.median(spectra.power[:, low:high].max(axis=1))) if high > low else 0.0)
    return found[1] > 1.5 * max(found[0], found[2])


def _homography(
    centres: Matrix, across: Matrix, down: Matrix, lines_mm: tuple[float, float], size: tuple[int, int]
) -> Matrix:
    """Fit the homography (3, 3) from pixels to millimetres to the vectors measured in the tiles, by its derivatives."""
    middle = np.array(size) / 2
    reach = max(size) / 2
    where = (centres - middle) / reach
    wanted = np.column_stack([across[:, :2] * lines_mm[0], down[:, :2] * lines_mm[1]]) * reach
    weight = np.column_stack([across[:, 2]] * 2 + [down[:, 2]] * 2)
    weight = np.sqrt(weight / weight.max())
    start = np.array([_weighted_median(wanted[:, i], weight[:, i]) for i in range(4)])
    tolerance = 0.02 * float(np.abs(start).max())

    def residual(p: Matrix) -> Matrix:
        return np.asarray(((_derivatives(p, where) - wanted) * weight / tolerance).ravel())

    found = least_squares(residual, np.concatenate([start, [0.0, 0.0]]), loss="soft_l1", max_nfev=200).x
    a, b, d, e, g, h = found
    matrix = np.array([[a, b, 0], [d, e, 0], [g, h, 1]])
    inward = np.array([[1 / reach, 0, -middle[0] / reach], [0, 1 / reach, -middle[1] / reach], [0, 0, 1]])
    return np.asarray(matrix @ inward)


def _weighted_median(values: Matrix, weight: Matrix) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][int(np.searchsorted(total, total[-1] / 2))])


def _derivatives(p: Matrix, where: Matrix) -> Matrix:
    """Return du/dx, du/dy, dv/dx, dv/dy (n, 4) of [[a, b, 0], [d, e, 0], [g, h, 1]] at points (n, 2)."""
    a, b, d, e, g, h = p
    x, y = where.T
    below = g * x + h * y + 1
    u, v = (a * x + b * y) / below, (d * x + e * y) / below
    return np.asarray(np.column_stack([a - u * g, b - u * h, d - v * g, e - v * h]) / below[:, None])


def _at_middle(to_mm: Matrix, shape: tuple[int, ...]) -> tuple[tuple[float, float], float]:
    """Return pixels per millimetre across and down, and the rotation in degrees, at the middle of a picture."""
    x, y = shape[1] / 2, shape[0] / 2
    points = np.array([[x, y, 1], [x + 1, y, 1], [x, y + 1, 1]]) @ to_mm.T
    points = points[:, :2] / points[:, 2:]
    (ux, vx), (uy, vy) = points[1] - points[0], points[2] - points[0]
    scale = 1 / float(np.hypot(ux, vx)), 1 / float(np.hypot(uy, vy))
    return scale, float(np.rad2deg(np.arctan2(-vx, ux)))
