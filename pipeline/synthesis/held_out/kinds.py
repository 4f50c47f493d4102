"""Pictures that only the evaluation draws: styles of beats, and kinds of pictures that are no beat.

Nothing here is known to training. Written before the heads of the third attempt were trained, and first read by them in
their evaluation (ADR 0012).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.synthesis.held_out.curves import FRESH_CURVES
from pipeline.synthesis.held_out.drawings import FRESH_DRAWINGS
from pipeline.synthesis.held_out.styles import FRESH_STYLES
from pipeline.synthesis.image_styles import STYLES, Rng
from pipeline.types import FloatArray, PictureArray

FRESH_KINDS: Final = (*FRESH_CURVES, *FRESH_DRAWINGS)


def fresh_beat(value: FloatArray, style: str, rng: Rng) -> PictureArray:
    """A picture (h, w, 3) of a curve (n,) in 0..1, in one of `FRESH_STYLES`."""
    return FRESH_STYLES[style](np.asarray(value, np.float32), rng)


def fresh_other(kind: str, rng: Rng, beats: FloatArray) -> PictureArray:
    """A picture (h, w, 3) of a kind of `FRESH_KINDS`; strips are made of `beats` (n, m) in 0..1."""
    if kind in FRESH_DRAWINGS:
        return FRESH_DRAWINGS[kind](rng, beats)
    curve = FRESH_CURVES[kind](rng)
    value = np.asarray((curve - curve.min()) / max(float(np.ptp(curve)), 1e-6), np.float32)
    styles = {**STYLES, **FRESH_STYLES}
    return list(styles.values())[rng.integers(len(styles))](value, rng)
