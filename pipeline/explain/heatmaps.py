"""Why the network decided as it did: the heatmap of a beat's picture, mapped back to the signal's time axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.gradcam import BLANK_BELOW, Heatmap, heatmap
from models.registry import Classifier
from pipeline.config import DEFAULT, Config
from pipeline.explain.occlusion import Occlusion, occlude
from pipeline.features.beat_image import render_pictures
from pipeline.types import Beats, FloatArray, PictureArray, read_only

SIGNAL = "occlusion of the signal"  # method of the heatmap for networks that read the signal


@dataclass(frozen=True, eq=False)
class BeatExplanation:
    """One beat's picture, its heatmap, and the heat over time.

    Attributes
    ----------
    picture : (height, width, 3) uint8
        What the beat looks like to a network that reads pictures.
    heatmap : Heatmap
        The heatmap of that picture.
    time_s : (width,) float32
        Seconds relative to R, one per column of the beat panel.
    heat : (width,) float32
        In 0..1: column means of the beat panel, relative to the largest value of the map.
    panel_share : tuple[float, float, float]
        Share of the heat in the panels "beat", "strip" and "rr"; sums to 1, all 0 for a blank map.
    """

    picture: PictureArray
    heatmap: Heatmap
    time_s: FloatArray
    heat: FloatArray
    panel_share: tuple[float, float, float]


def explain_beat(
    classifier: Classifier, beats: Beats, index: int, config: Config = DEFAULT, *, class_name: str | None = None
) -> BeatExplanation:
    """Explain a network's answer for one beat: picture, heatmap and heat over time.

    For a network that reads the signal, the heat comes from occluding the signal and the RR intervals; it is drawn
    where the picture shows these.

    Parameters
    ----------
    classifier : Classifier
        The network.
    beats : Beats
        The beats of a recording.
    index : int
        Which beat.
    config : Config, optional
        Settings of the pipeline.
    class_name : str, optional
        The class to explain; the predicted one if None.
    """
    picture = render_pictures(beats, np.array([index]), config.picture)[0]
    if classifier.network.reads == "beats":
        found = _on_picture(occlude(classifier, beats, index, config, class_name=class_name), config)
    else:
        found = heatmap(classifier, picture, class_name)
    time_s, heat = heat_over_time(found, config)
    return BeatExplanation(picture, found, time_s, heat, panel_share(found, config))


def heat_over_time(found: Heatmap, config: Config = DEFAULT) -> tuple[FloatArray, FloatArray]:
    """Return seconds relative to R (width,) and heat in 0..1 (width,) for the columns of the beat panel.

    The heat is the mean over the panel's rows, divided by the largest value of the map; all 0 for a blank map.
    """
    picture = config.picture
    time_s = np.linspace(-picture.beat_before_s, picture.beat_after_s, picture.width_px).astype(np.float32)
    heat = found.values[: picture.beat_height_px].mean(axis=0)
    strongest = float(found.values.max())
    return read_only(time_s), read_only((heat / strongest if strongest > 0 else heat).astype(np.float32))


def panel_share(found: Heatmap, config: Config = DEFAULT) -> tuple[float, float, float]:
    """Return the shares of the heat in the beat, the rhythm strip and the RR bars."""
    total = float(found.values.sum())
    if total <= 0:
        return (0.0, 0.0, 0.0)
    first = config.picture.beat_height_px
    second = first + config.picture.strip_height_px
    parts = (found.values[:first], found.values[first:second], found.values[second:])
    beat, strip, rr = (float(part.sum()) / total for part in parts)
    return (beat, strip, rr)


def _on_picture(found: Occlusion, config: Config) -> Heatmap:
    """Draw the cost of each stretch in the columns of the beat panel, and that of the RR intervals over their bars."""
    picture = config.picture
    values = np.zeros((picture.height_px, picture.width_px), np.float32)
    strongest = max(float(found.fall.max()), found.rhythm_fall)
    if strongest <= BLANK_BELOW:
        return Heatmap(values, found.class_name, blank=True, method=SIGNAL)
    columns = np.linspace(-picture.beat_before_s, picture.beat_after_s, picture.width_px)
    values[: picture.beat_height_px] = np.interp(columns, found.time_s, found.fall) / strongest
    values[-picture.rr_height_px :] = found.rhythm_fall / strongest
    return Heatmap(values, found.class_name, blank=False, method=SIGNAL)
