"""Pictures that are no beat, of every family, drawn from numbers: curves in every style, and what is no curve.

Training sees these kinds; those of the evaluation are others (`pipeline.synthesis.held_out.kinds`).
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
from pipeline.types import FloatArray, PictureArray

# (n,) of any range, drawn like beats
CURVES: Final[Mapping[str, Callable[[Rng, FloatArray], NDArray[Any]]]] = MappingProxyType({**FUNCTIONS, **SIGNALS})
PICTURES: Final[Mapping[str, Callable[[Rng, FloatArray], PictureArray]]] = MappingProxyType({**CHARTS, **DRAWINGS})


def draw_not_beat(kind: str, rng: Rng, beats: FloatArray) -> PictureArray:
    """A picture (h, w, 3) uint8 of a kind of `CURVES`, in any style, or of `PICTURES`.

    Parameters
    ----------
    beats : (n, m) float32
        Traces of single beats in 0..1, of which strips and pages of several beats are made.
    """
    if kind in CURVES:
        styles = list(STYLES)
        return draw_styled(_unit(CURVES[kind](rng, beats)), styles[rng.integers(len(styles))], rng)
    return PICTURES[kind](rng, beats)


def other_picture(rng: Rng, given: tuple[str, FloatArray]) -> PictureArray:
    """A picture of a kind of `PICTURES`, with the beats that it may need."""
    kind, beats = given
    return PICTURES[kind](rng, beats)


def _unit(curve: NDArray[Any]) -> FloatArray:
    low, high = float(curve.min()), float(curve.max())
    return np.asarray((curve - low) / max(high - low, 1e-6), np.float32)
