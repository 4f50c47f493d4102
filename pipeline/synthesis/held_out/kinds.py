"""Pictures that only the evaluation draws: styles of beats, and kinds of pictures that are not beats.

Training never sees any of these: the heads meet them for the first time in their evaluation (ADR 0012).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.synthesis.held_out.curves import HELD_OUT_CURVES
from pipeline.synthesis.held_out.drawings import HELD_OUT_DRAWINGS
from pipeline.synthesis.held_out.new_curves import NEW_CURVES
from pipeline.synthesis.held_out.styles import HELD_OUT_STYLES
from pipeline.synthesis.image_styles import STYLES, Rng
from pipeline.types import FloatArray, PictureArray

HELD_OUT_KINDS: Final = (*HELD_OUT_CURVES, *HELD_OUT_DRAWINGS, *NEW_CURVES)


def held_out_beat(value: FloatArray, style: str, rng: Rng) -> PictureArray:
    """Draw a curve in a held-out style.

    Parameters
    ----------
    value : (n,) float32
        The curve, 0..1, upwards.
    style : str
        One of `HELD_OUT_STYLES`.
    rng : Generator
        Random generator.

    Returns
    -------
    (h, w, 3) uint8
        RGB.
    """
    return HELD_OUT_STYLES[style](np.asarray(value, np.float32), rng)


def held_out_non_beat(kind: str, rng: Rng, beats: FloatArray) -> PictureArray:
    """Draw a picture of a held-out kind that is not a beat.

    Parameters
    ----------
    kind : str
        One of `HELD_OUT_KINDS`.
    rng : Generator
        Random generator.
    beats : (n, m) float32
        Beats in 0..1, of which strips are made.

    Returns
    -------
    (h, w, 3) uint8
        RGB.
    """
    if kind in HELD_OUT_DRAWINGS:
        return HELD_OUT_DRAWINGS[kind](rng, beats)
    curve = (NEW_CURVES if kind in NEW_CURVES else HELD_OUT_CURVES)[kind](rng)
    value = np.asarray((curve - curve.min()) / max(float(np.ptp(curve)), 1e-6), np.float32)
    styles = {**STYLES, **HELD_OUT_STYLES}
    return list(styles.values())[rng.integers(len(styles))](value, rng)
