"""What a heatmap is worth on one picture: squares taken away or put back in its order, and where its heat lies."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.gradcam import heatmap, occlusion
from models.registry import Classifier
from pipeline.config import PictureConfig
from pipeline.domain import FloatArray, PictureArray
from pipeline.render.content import PictureContent

SQUARE_PX: Final = 16  # 24 squares: finer ones blank too little at once to move an answer
STEP: Final = 4  # squares that go at once
MAPS: Final = ("heat", "occlusion", "qrs", "random")
PARTS: Final = ("qrs", "p", "rr")
QRS_S: Final = 0.06  # on each side of R
P_S: Final = (-0.24, -0.08)  # before R

Squares = NDArray[np.float64]


def maps_of(
    classifier: Classifier, picture: PictureArray, answer: str, config: PictureConfig, rng: np.random.Generator
) -> tuple[FloatArray, dict[str, Squares]]:
    """The network's heatmap (height_px, width_px) for its answer, and all maps as values of squares (rows, columns).

    "occlusion" is what covering each square costs the logit, "qrs" marks the R peak in the beat panel and nothing
    else, "random" is random.
    """
    heat = heatmap(classifier, picture, answer).values
    shape = (picture.shape[0] // SQUARE_PX, picture.shape[1] // SQUARE_PX)
    fall = occlusion(classifier, picture, answer, patch_px=SQUARE_PX)
    found = {"heat": _squares(heat), "occlusion": _squares(fall), "qrs": _squares(_near_r(config))}
    return heat, found | {"random": rng.random(shape)}


def worse_pictures(picture: PictureArray, squares: Squares) -> tuple[PictureArray, PictureArray]:
    """The picture with ever more squares blanked, the strongest first, and the blank one with ever more put back.

    Each (steps, height_px, width_px, 3), from no square to all of them.
    """
    order = np.argsort(-squares, axis=None, kind="stable")
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    gone = rank.reshape(squares.shape)[None] < np.arange(0, order.size + 1, STEP)[:, None, None]
    pixels = np.kron(gone, np.ones((SQUARE_PX, SQUARE_PX), np.bool_))[..., None]
    return np.where(pixels, np.uint8(0), picture), np.where(pixels, picture, np.uint8(0))


def area_under(p: NDArray[np.floating]) -> float:
    """Area under probabilities at even steps from no square to all, 0..1."""
    return float((p[:-1] + p[1:]).mean() / 2)


def places(content: PictureContent, config: PictureConfig) -> NDArray[np.bool_]:
    """Masks (n, 3, height_px, width_px) of `PARTS`: QRS and P window in the beat panel, and the preceding interval.

    The last is the strip between the R peak before and this one, and the bar of that interval.
    """
    n = len(content)
    masks = np.zeros((n, 3, config.height_px, config.width_px), np.bool_)
    beat, strip = config.beat_height_px, config.beat_height_px + config.strip_height_px
    time_s = np.linspace(-config.beat_before_s, config.beat_after_s, config.width_px)
    masks[:, 0, :beat] = np.abs(time_s) <= QRS_S
    masks[:, 1, :beat] = (time_s >= P_S[0]) & (time_s <= P_S[1])
    before = np.where(content.ticks < -1e-3, content.ticks, -np.inf).max(axis=1)
    around_s = np.linspace(-config.strip_half_s, config.strip_half_s, config.width_px)
    between = (around_s >= before[:, None]) & (around_s <= 0)
    masks[:, 2, beat:strip] = between[:, None]
    bars = 2 * config.rr_neighbours + 2
    column = (np.arange(config.width_px) + 0.5) / config.width_px * bars
    masks[:, 2, strip:] = np.floor(column) == config.rr_neighbours
    return masks


def _near_r(config: PictureConfig) -> FloatArray:
    time_s = np.linspace(-config.beat_before_s, config.beat_after_s, config.width_px)
    near = np.zeros((config.height_px, config.width_px), np.float32)
    near[: config.beat_height_px] = np.exp(-np.abs(time_s) / QRS_S)
    return near


def _squares(values: FloatArray) -> Squares:
    rows, columns = values.shape[0] // SQUARE_PX, values.shape[1] // SQUARE_PX
    return np.asarray(values.reshape(rows, SQUARE_PX, columns, SQUARE_PX).mean(axis=(1, 3)), np.float64)
