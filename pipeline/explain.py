"""Why the network said so: the heatmap of a beat's picture, folded back to the time axis of the signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.gradcam import Heatmap, gradcam
from models.registry import Classifier
from pipeline.config import DEFAULT, Config
from pipeline.domain import Beats, FloatArray, PictureArray, read_only
from pipeline.render.picture import render_pictures


@dataclass(frozen=True, eq=False)
class BeatExplanation:
    """One beat's picture (height, width, 3), its heatmap, and the heat over time.

    `time_s` (width,) seconds relative to R, one per column of the beat panel; `heat` (width,) in 0..1, the
    column means of the beat panel relative to the whole picture's strongest column; `panel_share` how the heat is
    divided among the panels "beat", "strip" and "rr" (sums to 1, all 0 for a blank map).
    """

    picture: PictureArray
    heatmap: Heatmap
    time_s: FloatArray
    heat: FloatArray
    panel_share: tuple[float, float, float]


def explain_beat(
    classifier: Classifier, beats: Beats, index: int, config: Config = DEFAULT, *, class_name: str | None = None
) -> BeatExplanation:
    """Picture, Grad-CAM and heat over time of the beat at `index`; for its predicted class if none is named."""
    picture = render_pictures(beats, np.array([index]), config.picture)[0]
    heatmap = gradcam(classifier, picture, class_name)
    time_s, heat = heat_over_time(heatmap, config)
    return BeatExplanation(picture, heatmap, time_s, heat, panel_share(heatmap, config))


def heat_over_time(heatmap: Heatmap, config: Config = DEFAULT) -> tuple[FloatArray, FloatArray]:
    """Seconds relative to R (width,) and heat 0..1 (width,) of the columns of the beat panel.

    The heat is the mean over the panel's rows, divided by the largest value of the map; all 0 for a blank map.
    """
    picture = config.picture
    time_s = np.linspace(-picture.beat_before_s, picture.beat_after_s, picture.width_px).astype(np.float32)
    heat = heatmap.values[: picture.beat_height_px].mean(axis=0)
    strongest = float(heatmap.values.max())
    return read_only(time_s), read_only((heat / strongest if strongest > 0 else heat).astype(np.float32))


def panel_share(heatmap: Heatmap, config: Config = DEFAULT) -> tuple[float, float, float]:
    """How the heat is divided among the beat, the rhythm strip and the RR bars."""
    total = float(heatmap.values.sum())
    if total <= 0:
        return (0.0, 0.0, 0.0)
    first = config.picture.beat_height_px
    second = first + config.picture.strip_height_px
    parts = (heatmap.values[:first], heatmap.values[first:second], heatmap.values[second:])
    beat, strip, rr = (float(part.sum()) / total for part in parts)
    return (beat, strip, rr)


def occlusion(
    classifier: Classifier, picture: PictureArray, class_name: str, config: Config = DEFAULT, *, patch_px: int = 8
) -> FloatArray:
    """How much the class's logit falls when a patch is blanked, (height_px, width_px): the cross-check of Grad-CAM.

    Parameters
    ----------
    picture : (height_px, width_px, 3) uint8
        A beat picture.
    patch_px : int
        Side of the square that is set to black, in steps of its own size.
    """
    height, width = picture.shape[:2]
    corners = [(y, x) for y in range(0, height, patch_px) for x in range(0, width, patch_px)]
    covered = np.repeat(picture[None], len(corners) + 1, axis=0)
    for i, (y, x) in enumerate(corners, start=1):
        covered[i, y : y + patch_px, x : x + patch_px] = 0
    logit = classifier.logits(covered)[:, classifier.classes.index(class_name)]
    fall = np.zeros((height, width), np.float32)
    for (y, x), value in zip(corners, logit[1:], strict=True):
        fall[y : y + patch_px, x : x + patch_px] = logit[0] - value
    return fall
