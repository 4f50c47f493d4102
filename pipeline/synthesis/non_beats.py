"""Pictures that are not beats, of every family, from random numbers: curves in every style, and what is no curve.

Training sees these kinds; those of the evaluation are different (`pipeline.synthesis.held_out.kinds`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.synthesis.chart_curves import FUNCTIONS
from pipeline.synthesis.chart_images import CHARTS
from pipeline.synthesis.drawings import DRAWINGS
from pipeline.synthesis.image_styles import STYLES, Rng, draw_styled
from pipeline.synthesis.physical_curves import SIGNALS
from pipeline.synthesis.single_events import EVENTS
from pipeline.types import FloatArray, PictureArray

# functions that return curves (n,) of any range, drawn like beats
CURVES: Final[Mapping[str, Callable[[Rng, FloatArray], NDArray[Any]]]] = MappingProxyType(
    {**FUNCTIONS, **SIGNALS, **EVENTS}
)
PICTURES: Final[Mapping[str, Callable[[Rng, FloatArray], PictureArray]]] = MappingProxyType({**CHARTS, **DRAWINGS})


def draw_non_beat(kind: str, rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a picture of a kind of `CURVES`, in any style, or of `PICTURES`.

    Parameters
    ----------
    kind : str
        Which kind.
    rng : Generator
        Random generator.
    beats : (n, m) float32
        Traces of single beats in 0..1, of which strips and pages of several beats are made.

    Returns
    -------
    (h, w, 3) uint8
        RGB.
    """
    if kind in CURVES:
        styles = list(STYLES)
        return draw_styled(_unit(CURVES[kind](rng, beats)), styles[rng.integers(len(styles))], rng)
    return PICTURES[kind](rng, beats)


def non_beat_picture(rng: Rng, given: tuple[str, FloatArray]) -> PictureArray:
    """Draw a picture of a kind of `PICTURES`, given with the beats that it may need."""
    kind, beats = given
    return PICTURES[kind](rng, beats)


def _unit(curve: NDArray[Any]) -> FloatArray:
    low, high = float(curve.min()), float(curve.max())
    return np.asarray((curve - low) / max(high - low, 1e-6), np.float32)
