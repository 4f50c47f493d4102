"""Occlusion for networks that read the signal: how far the answer falls if a part looks usual or is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.registry import Classifier
from pipeline.config import DEFAULT, Config, SequenceConfig
from pipeline.features.beat_sequence import N_LEADS, frame, rows
from pipeline.types import Beats, FloatArray, read_only

COVER_POINTS: Final = 8  # 64 ms: narrower than a QRS but wider than its slopes; stretches overlap by half
STEP_POINTS: Final = 4


@dataclass(frozen=True, eq=False)
class Occlusion:
    """How far the logit of `class_name` falls; 0 where it rises.

    Attributes
    ----------
    class_name : str
        The class that is explained.
    time_s : (k,) float32
        Centres of the covered stretches, seconds relative to R.
    fall : (k,) float32
        Fall of the logit when the recording's usual beat replaces that stretch of the beat.
    rhythm_fall : float
        Fall of the logit when no RR interval around the beat is known.
    """

    class_name: str
    time_s: FloatArray
    fall: FloatArray
    rhythm_fall: float


def occlude(
    classifier: Classifier, beats: Beats, index: int, config: Config = DEFAULT, *, class_name: str | None = None
) -> Occlusion:
    """Cover one beat stretch by stretch, then hide the rhythm.

    A stretch is covered by the usual beat, not by 0: a straight line instead of a QRS would be a finding in itself.

    Parameters
    ----------
    classifier : Classifier
        A network that reads rows of beats.
    beats : Beats
        The beats of a recording.
    index : int
        Which beat.
    config : Config, optional
        Settings of the pipeline.
    class_name : str, optional
        The class to explain; the predicted one if None.

    References
    ----------
    Zeiler & Fergus 2014, arXiv:1311.2901, who cover with grey.
    """
    return occluded(classifier, *around(beats, index, config), config.sequence, class_name=class_name)


def around(beats: Beats, index: int, config: Config = DEFAULT) -> tuple[FloatArray, int]:
    """Return the rows (n, row_size) of a beat and the neighbours that its answer depends on, and its own row number.

    Parameters
    ----------
    beats : Beats
        The beats of a recording.
    index : int
        Which beat.
    config : Config, optional
        Settings of the pipeline.
    """
    sequence = config.sequence
    first = max(0, index - sequence.margin_beats)
    near = np.arange(first, min(len(beats), index + sequence.margin_beats + 1))
    return rows(beats, near, frame(beats, sequence, config.signal), sequence), index - first


def occluded(
    classifier: Classifier, seen: FloatArray, at: int, sequence: SequenceConfig, *, class_name: str | None = None
) -> Occlusion:
    """Do what `occlude` does, on rows that are already made.

    Parameters
    ----------
    classifier : Classifier
        A network that reads rows of beats.
    seen : (n, row_size) float32
        Rows of neighbouring beats, in their order.
    at : int
        Which row to explain.
    sequence : SequenceConfig
        Layout of the rows.
    class_name : str, optional
        The class to explain; the predicted one if None.
    """
    starts = np.arange(0, sequence.points - COVER_POINTS + 1, STEP_POINTS)
    changed = [covered(seen, at, slice(start, start + COVER_POINTS), sequence) for start in starts]
    name = class_name or classifier.classes[int(classifier.predict(seen)[at].argmax())]
    target = classifier.classes.index(name)
    logit = np.array([classifier.logits(part)[at, target] for part in (seen, *changed, without_rhythm(seen, sequence))])
    fall = np.maximum(logit[0] - logit[1:], 0).astype(np.float32)
    time_s = (starts + (COVER_POINTS - 1) / 2 - sequence.points_before) * sequence.step_s
    return Occlusion(name, read_only(time_s.astype(np.float32)), read_only(fall[:-1]), float(fall[-1]))


def covered(seen: FloatArray, at: int, points: slice, sequence: SequenceConfig) -> NDArray[np.float32]:
    """Replace a stretch of one beat by the recording's usual beat, on both leads.

    Parameters
    ----------
    seen : (n, row_size) float32
        Rows of neighbouring beats.
    at : int
        Which row to change.
    points : slice
        The stretch, in points of the row.
    sequence : SequenceConfig
        Layout of the rows.

    Returns
    -------
    (n, row_size) float32
        The changed rows; `seen` is left as it is.
    """
    found = seen.copy()
    size = sequence.points * N_LEADS
    found[at, points.start * N_LEADS : points.stop * N_LEADS] = seen[
        at, size + points.start * N_LEADS : size + points.stop * N_LEADS
    ]
    return found


def without_rhythm(seen: FloatArray, sequence: SequenceConfig) -> NDArray[np.float32]:
    """Return the rows (n, row_size) with every RR interval marked as unknown."""
    found = seen.copy()
    found[:, 2 * sequence.points * N_LEADS :] = 0
    return found
