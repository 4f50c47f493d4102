"""Why the network said so: the heatmap of a beat's picture, folded back to the time axis of the signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.gradcam import BLANK_BELOW, Heatmap, heatmap
from models.registry import Classifier
from pipeline.config import DEFAULT, Config
from pipeline.explain.occlusion import Occlusion, occlude
from pipeline.features.beat_image import render_pictures
from pipeline.types import Beats, FloatArray, PictureArray, read_only

SIGNAL = "occlusion of the signal"  # the method of a heatmap for a network that reads no pictures


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
    """Picture, heatmap and heat over time of the beat at `index`; for its predicted class if none is named.

    Of a network that reads beats, the heat is by occlusion of the signal and of the RR intervals, drawn where the
    picture shows these.
    """
    picture = render_pictures(beats, np.array([index]), config.picture)[0]
    if classifier.network.reads == "beats":
        found = _on_picture(occlude(classifier, beats, index, config, class_name=class_name), config)
    else:
        found = heatmap(classifier, picture, class_name)
    time_s, heat = heat_over_time(found, config)
    return BeatExplanation(picture, found, time_s, heat, panel_share(found, config))


def heat_over_time(found: Heatmap, config: Config = DEFAULT) -> tuple[FloatArray, FloatArray]:
    """Seconds relative to R (width,) and heat 0..1 (width,) of the columns of the beat panel.

    The heat is the mean over the panel's rows, divided by the largest value of the map; all 0 for a blank map.
    """
    picture = config.picture
    time_s = np.linspace(-picture.beat_before_s, picture.beat_after_s, picture.width_px).astype(np.float32)
    heat = found.values[: picture.beat_height_px].mean(axis=0)
    strongest = float(found.values.max())
    return read_only(time_s), read_only((heat / strongest if strongest > 0 else heat).astype(np.float32))


def panel_share(found: Heatmap, config: Config = DEFAULT) -> tuple[float, float, float]:
    """How the heat is divided among the beat, the rhythm strip and the RR bars."""
    total = float(found.values.sum())
    if total <= 0:
        return (0.0, 0.0, 0.0)
    first = config.picture.beat_height_px
    second = first + config.picture.strip_height_px
    parts = (found.values[:first], found.values[first:second], found.values[second:])
    beat, strip, rr = (float(part.sum()) / total for part in parts)
    return (beat, strip, rr)


def _on_picture(found: Occlusion, config: Config) -> Heatmap:
    """The cost of each stretch in the columns of the beat panel, that of the RR intervals over their bars."""
    picture = config.picture
    values = np.zeros((picture.height_px, picture.width_px), np.float32)
    strongest = max(float(found.fall.max()), found.rhythm_fall)
    if strongest <= BLANK_BELOW:
        return Heatmap(values, found.class_name, blank=True, method=SIGNAL)
    columns = np.linspace(-picture.beat_before_s, picture.beat_after_s, picture.width_px)
    values[: picture.beat_height_px] = np.interp(columns, found.time_s, found.fall) / strongest
    values[-picture.rr_height_px :] = found.rhythm_fall / strongest
    return Heatmap(values, found.class_name, blank=False, method=SIGNAL)
