"""Makes a drawn page look photographed: perspective, folds, shadow, blur, noise, JPEG; the ground truth moves along."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.synthesis.ecg_pages import GeneratedPage, Matrix
from pipeline.types import PictureArray, read_only


@dataclass(frozen=True)
class Distortion:
    """How strongly a page is distorted; all 0 is a copy.

    Attributes
    ----------
    rotation_deg : float
        Rotation, degrees.
    perspective : float
        The corners move by up to this share of the sides.
    desk : float
        Share of table around the page; a negative value crops into the page.
    wrinkle_mm : float
        Largest displacement by folds, mm.
    shadow : float
        Largest loss of light, 0..1.
    blur_px : float
        Standard deviation of the blur, pixels.
    noise : float
        Standard deviation of the noise, grey levels.
    jpeg : int
        JPEG quality, 0 for none.
    tint : tuple[float, float, float]
        Factor on red, green and blue.
    """

    rotation_deg: float = 0.0
    perspective: float = 0.0
    desk: float = 0.0
    wrinkle_mm: float = 0.0
    shadow: float = 0.0
    blur_px: float = 0.0
    noise: float = 0.0
    jpeg: int = 0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)


def random_distortion(rng: np.random.Generator) -> Distortion:
    """Draw the distortion of a typical phone photo: some of everything."""
    return Distortion(
        rotation_deg=float(rng.uniform(-6, 6)),
        perspective=float(rng.uniform(0, 0.06)),
        desk=float(rng.choice([0.0, 0.04, 0.1])),
        wrinkle_mm=float(rng.choice([0.0, 0.3, 0.8])),
        shadow=float(rng.uniform(0, 0.5)),
        blur_px=float(rng.uniform(0, 1.0)),
        noise=float(rng.uniform(0, 8)),
        jpeg=int(rng.integers(50, 92)),
        tint=tuple(float(value) for value in rng.uniform(0.85, 1.0, 3)),  # type: ignore[arg-type]
    )


def distort(page: GeneratedPage, how: Distortion, seed: int = 0) -> GeneratedPage:
    """Return the page as a camera might have seen it.

    Parameters
    ----------
    page : GeneratedPage
        A drawn page.
    how : Distortion
        How strongly to distort it.
    seed : int, optional
        Seed of the random generator; the same seed gives the same result.
    """
    rng = np.random.default_rng(seed)
    picture = _wrinkled(page, how, rng) if how.wrinkle_mm else page.picture
    moved, matrix = _seen_from_aside(picture, how, rng)
    light = moved.astype(np.float32) * np.array(how.tint, np.float32)
    if how.shadow:
        light *= _shadow(moved.shape[:2], how.shadow, rng)[..., None]
    if how.blur_px:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), how.blur_px), np.float32)
    if how.noise:
        light += rng.standard_normal(light.shape, np.float32) * np.float32(how.noise)
    result = np.clip(np.round(light), 0, 255).astype(np.uint8)
    if how.jpeg:
        result = _through_jpeg(result, how.jpeg)
    truth = replace(page.truth, to_px=matrix @ page.truth.to_px)
    return GeneratedPage(read_only(result), truth)


def _through_jpeg(picture: PictureArray, quality: int) -> PictureArray:
    _, coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)  # bytes that we encoded ourselves
    return decoded[..., ::-1].copy()


def _seen_from_aside(picture: PictureArray, how: Distortion, rng: np.random.Generator) -> tuple[PictureArray, Matrix]:
    """Project the picture onto a table by a random homography; return it with the matrix from old to new pixels."""
    height, width = picture.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    shift = rng.uniform(-1, 1, (4, 2)) * how.perspective * np.array([width, height])
    angle = np.deg2rad(how.rotation_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([width, height]) / 2
    ends = (corners + shift - middle) @ turn.T
    low, high = ends.min(axis=0), ends.max(axis=0)
    pad = how.desk * (high - low)
    size = np.ceil(high - low + 2 * pad).astype(int)
    ends = ends - low + pad
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), ends.astype(np.float32))
    if not (how.rotation_deg or how.perspective or how.desk):
        return picture, np.eye(3)
    table = np.asarray(rng.integers(40, 150, 3), np.float64)
    moved = cv2.warpPerspective(
        picture,
        matrix,
        (int(size[0]), int(size[1])),
        flags=cv2.INTER_AREA if how.perspective == 0 else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(float(value) for value in table),
    )
    return np.asarray(moved, np.uint8), np.asarray(matrix, np.float64)


def _wrinkled(page: GeneratedPage, how: Distortion, rng: np.random.Generator) -> PictureArray:
    """Bend the paper: points move by a few smooth folds, and light falls differently on their slopes."""
    height, width = page.picture.shape[:2]
    amplitude = how.wrinkle_mm * page.truth.style.px_per_mm
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    dx, dy, slope = (np.zeros((height, width), np.float32) for _ in range(3))
    for _ in range(3):
        angle, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
        period = rng.uniform(0.4, 1.0) * width
        along = (x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / period) + phase
        dx += np.sin(along) * np.float32(amplitude * rng.uniform(-1, 1) / 2)
        dy += np.sin(along) * np.float32(amplitude * rng.uniform(-1, 1) / 2)
        slope += np.cos(along) / 3
    folded = cv2.remap(page.picture, x + dx, y + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(folded * (1 - 0.1 * slope[..., None]), 0, 255), np.uint8)


def _shadow(shape: tuple[int, int], depth: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return light (h, w) in 0..1: a gradient and the soft edge of a hand or phone."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    along = (x / width - rng.uniform(0.2, 0.8)) * np.cos(angle) + (y / height - rng.uniform(0.2, 0.8)) * np.sin(angle)
    edge = 1 / (1 + np.exp(-along / rng.uniform(0.02, 0.2)))
    return np.asarray(1 - depth * edge, np.float32)
