"""How faithful a heatmap is on one picture: squares removed or restored in its order, and where its heat lies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.gradcam import heatmap, occlusion
from models.registry import Classifier
from pipeline._util.progress import Progress
from pipeline.config import Config, PictureConfig
from pipeline.datasets.labelled_beats import LabelledBeats, load_beats
from pipeline.evaluation.faithfulness import P_S, PARTS, QRS_S, SEED, Explained, drawn
from pipeline.features.beat_image import draw
from pipeline.features.beat_image_content import PictureContent
from pipeline.types import FloatArray, PictureArray

SQUARE_PX: Final = 16  # 24 squares: finer ones blank too little at once to change an answer
STEP: Final = 4  # squares that are removed at once
MAPS: Final = ("heat", "occlusion", "qrs", "random")

Squares = NDArray[np.float64]


def explained_pictures(
    classifier: Classifier, records: Sequence[str], folder: Path, per_class: int, config: Config, progress: Progress
) -> Explained:
    """Return maps of pictures of sampled beats for the network's own answer, and the effect of their order on it.

    Parameters
    ----------
    classifier : Classifier
        A network that reads pictures.
    records : sequence of str
        Names of the records.
    folder : Path
        Where they are.
    per_class : int
        Beats sampled per class.
    config : Config
        Settings of the pipeline.
    progress : Progress
        Called with what is being done, for a progress display.
    """
    beats = load_beats(records, folder, config)
    return explained(classifier, beats.take(drawn(beats.label, beats.record, per_class)), config, progress)


def explained(classifier: Classifier, beats: LabelledBeats, config: Config, progress: Progress) -> Explained:
    """Do what `explained_pictures` does, on given beats.

    Parameters
    ----------
    classifier : Classifier
        A network that reads pictures.
    beats : LabelledBeats
        The beats.
    config : Config
        Settings of the pipeline.
    progress : Progress
        Called with what is being done, for a progress display.
    """
    pictures = draw(beats.content, config.picture)
    answer = np.array(classifier.classes)[classifier.predict(pictures).argmax(axis=1)]
    rng, heat, p = np.random.default_rng(SEED), [], []
    for i, picture in enumerate(pictures):
        progress(i / len(pictures), f"Beat {i + 1} of {len(pictures)}")
        own, maps = maps_of(classifier, picture, answer[i], config.picture, rng)
        worse = np.stack([worse_pictures(picture, maps[name]) for name in MAPS])
        heat.append(own)
        p.append(_answers(classifier, worse, classifier.classes.index(answer[i])))
    every, maps_drawn = np.asarray(p, np.float64), np.stack(heat)
    parts = places(beats.content, config.picture)
    total = np.maximum(maps_drawn.sum(axis=(1, 2)), 1e-9)
    return Explained(
        record=beats.record,
        answer=answer,
        maps=maps_drawn,
        share=(maps_drawn[:, None] * parts).sum(axis=(2, 3)) / total[:, None],
        area=parts.mean(axis=(2, 3)),
        p={name: every[:, k] for k, name in enumerate(MAPS)},
        compared=maps_drawn.max(axis=(1, 2)) > 0,
        again=lambda other, i: heatmap(other, pictures[i], str(answer[i])).values,
    )


def maps_of(
    classifier: Classifier, picture: PictureArray, answer: str, config: PictureConfig, rng: np.random.Generator
) -> tuple[FloatArray, dict[str, Squares]]:
    """Return the network's heatmap for its answer, and all maps as values of squares.

    "occlusion" is what covering each square costs the logit, "qrs" marks only the R peak in the beat panel, "random" is
    random.

    Parameters
    ----------
    classifier : Classifier
        A network that reads pictures.
    picture : (height_px, width_px, 3) uint8
        The picture.
    answer : str
        The class to explain.
    config : PictureConfig
        Geometry of the picture.
    rng : Generator
        Random generator.

    Returns
    -------
    tuple
        The heatmap (height_px, width_px) float32, and each map (rows, columns) float64.
    """
    heat = heatmap(classifier, picture, answer).values
    shape = (picture.shape[0] // SQUARE_PX, picture.shape[1] // SQUARE_PX)
    fall = occlusion(classifier, picture, answer, patch_px=SQUARE_PX)
    found = {"heat": _squares(heat), "occlusion": _squares(fall), "qrs": _squares(_near_r(config))}
    return heat, found | {"random": rng.random(shape)}


def worse_pictures(picture: PictureArray, squares: Squares) -> tuple[PictureArray, PictureArray]:
    """Return the picture with ever more squares blanked, the strongest first, and blank with ever more restored.

    Each is (steps, height_px, width_px, 3), from no square to all of them.
    """
    order = np.argsort(-squares, axis=None, kind="stable")
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    gone = rank.reshape(squares.shape)[None] < np.arange(0, order.size + 1, STEP)[:, None, None]
    pixels = np.kron(gone, np.ones((SQUARE_PX, SQUARE_PX), np.bool_))[..., None]
    return np.where(pixels, np.uint8(0), picture), np.where(pixels, picture, np.uint8(0))


def places(content: PictureContent, config: PictureConfig) -> NDArray[np.bool_]:
    """Return masks (n, 3, height_px, width_px) of `PARTS`: QRS and P window in the beat panel, and preceding interval.

    The last is the strip between the previous R peak and this one, and the bar of that interval.
    """
    n = len(content)
    masks = np.zeros((n, len(PARTS), config.height_px, config.width_px), np.bool_)
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


def _answers(classifier: Classifier, worse: NDArray[np.uint8], target: int) -> NDArray[np.float64]:
    """Return the target's probability (maps, 2, steps) for pictures that begin and end alike for every map."""
    maps, ways, steps = worse.shape[:3]
    between = worse[:, :, 1:-1].reshape(-1, *worse.shape[3:])
    answers = classifier.predict(np.concatenate([worse[0, 0, [0, -1]], between]))[:, target].astype(np.float64)
    p = np.empty((maps, ways, steps))
    p[:, 0, 0] = p[:, 1, -1] = answers[0]
    p[:, 0, -1] = p[:, 1, 0] = answers[1]
    p[:, :, 1:-1] = answers[2:].reshape(maps, ways, steps - 2)
    return p
