"""What an upload of a beat makes doubtful: mirrored, turned or stretched pictures, by their trace and their grid.

A trace has no up and down of its own: in some leads every QRS complex points down. So what is seen is said, and no
picture is refused or turned for it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.detectors import WEIGHTS, Detector, load_detector
from models.errors import ModelError
from models.trace_measures import POINTS, shape_measures
from pipeline.digitisation.grid import measure_grid
from pipeline.errors import IntakeError
from pipeline.types import BeatTrace, FloatArray, PictureArray

Mask = NDArray[np.bool_]

NAME: Final = "orientation"
FOLDER: Final = WEIGHTS / "pictures"
ORIENTATIONS: Final = ("as recorded", "upside down", "mirrored", "turned by half a turn")
SURE: Final = 0.95  # probability of another orientation: 1 % of held-out beats have more
PERHAPS: Final = 0.8  # of upside down against as recorded: 5 % of held-out beats have more
SQUARE_WITHIN: Final = 0.15  # a grid whose squares are longer one way by more than this share was stretched


def doubts_about(trace: BeatTrace) -> tuple[str, ...]:
    """Return what is doubtful about an upload, one sentence each; nothing about HeartVision's own pictures.

    A detector that is missing or damaged says nothing.
    """
    if trace.drawn is not None:
        return ()
    found = (_orientation(trace.value), _stretched(trace.picture))
    return tuple(sentence for sentence in found if sentence)


def oriented(value: FloatArray, orientation: int) -> FloatArray:
    """Return traces in 0..1 in another orientation.

    Parameters
    ----------
    value : (n, n_points) float32
        Traces as recorded.
    orientation : int
        Index into `ORIENTATIONS`.

    Returns
    -------
    (n, n_points) float32
        The traces, upside down, mirrored, or both.
    """
    upright = 1 - value if orientation in (1, 3) else value
    return np.ascontiguousarray(upright[:, ::-1] if orientation in (2, 3) else upright, np.float32)


def orientations(value: FloatArray) -> FloatArray:
    """Return the probabilities (n, 4) of `ORIENTATIONS` for traces (n, `POINTS`) in 0..1.

    Raises
    ------
    ModelError
        If the detector is missing or damaged.
    """
    return _detector().probabilities(shape_measures(value))


def is_doubted(p: FloatArray) -> Mask:
    """Tell from probabilities (n, 4) of `ORIENTATIONS` which traces are hardly as recorded."""
    return np.asarray(p[:, 0] <= 1 - SURE)


def may_be_upside_down(p: FloatArray) -> Mask:
    """Tell which of the others may be upside down: so look beats of some leads as recorded, too."""
    upside_down = (p[:, 1] > PERHAPS * (p[:, 0] + p[:, 1])) & (p[:, 1] > p[:, 2] + p[:, 3])
    return np.asarray(upside_down & ~is_doubted(p))


def _orientation(value: FloatArray) -> str:
    try:
        p = orientations(_resampled(value)[None])
    except ModelError:
        return ""
    if may_be_upside_down(p)[0]:
        return "The beat may be upside down; if not, it is of a lead such as aVR, where beats point down."
    if not is_doubted(p)[0]:
        return ""
    word = ORIENTATIONS[1] if p[0, 1] > p[0, 2] + p[0, 3] else "mirrored or turned by half a turn"
    return f"The beat looks {word}; check the picture, for its class would be wrong."


def _resampled(value: FloatArray) -> FloatArray:
    at = np.linspace(0, value.size - 1, POINTS)
    return np.interp(at, np.arange(value.size), value).astype(np.float32)


def _stretched(pixels: PictureArray) -> str:
    try:
        across, down = measure_grid(pixels).px_per_mm
    except IntakeError:
        return ""
    ratio = across / down
    if max(ratio, 1 / ratio) < 1 + SQUARE_WITHIN:
        return ""
    wide = "wide" if ratio > 1 else "tall"
    return f"The picture is stretched: the squares of its grid are {max(ratio, 1 / ratio):.1f} times as {wide}."


@cache
def _detector() -> Detector:
    return load_detector(NAME, FOLDER)
