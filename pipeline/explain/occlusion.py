"""Why a network that reads beats said so: what it would cost its answer if a part looked usual or were not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.registry import Classifier
from pipeline.config import DEFAULT, Config, SequenceConfig
from pipeline.features.beat_sequence import LEADS, frame, rows
from pipeline.types import Beats, FloatArray, read_only

COVER_POINTS: Final = 8  # 64 ms: narrower than a QRS, wider than its slopes; stretches overlap by half
STEP_POINTS: Final = 4


@dataclass(frozen=True, eq=False)
class Occlusion:
    """How much the logit of `class_name` falls, 0 where it rises.

    `time_s` (k,) centres of the covered stretches, seconds relative to R; `fall` (k,) where the recording's usual beat
    takes the beat's place there; `rhythm_fall` where no RR interval around the beat is known.
    """

    class_name: str
    time_s: FloatArray
    fall: FloatArray
    rhythm_fall: float


def occlude(
    classifier: Classifier, beats: Beats, index: int, config: Config = DEFAULT, *, class_name: str | None = None
) -> Occlusion:
    """Cover the beat at `index` stretch by stretch (Zeiler & Fergus 2014, arXiv:1311.2901), then hide the rhythm.

    What covers is the usual beat, not 0: a straight line instead of a QRS is a finding of its own.
    """
    return occluded(classifier, *around(beats, index, config), config.sequence, class_name=class_name)


def around(beats: Beats, index: int, config: Config = DEFAULT) -> tuple[FloatArray, int]:
    """The rows (n, row_size) of a beat and of the neighbours that its answer depends on, and which of them it is."""
    sequence = config.sequence
    first = max(0, index - sequence.margin_beats)
    near = np.arange(first, min(len(beats), index + sequence.margin_beats + 1))
    return rows(beats, near, frame(beats, sequence, config.signal), sequence), index - first


def occluded(
    classifier: Classifier, seen: FloatArray, at: int, sequence: SequenceConfig, *, class_name: str | None = None
) -> Occlusion:
    """`occlude` of the row at `at` among rows (n, row_size) in their order."""
    starts = np.arange(0, sequence.points - COVER_POINTS + 1, STEP_POINTS)
    changed = [covered(seen, at, slice(start, start + COVER_POINTS), sequence) for start in starts]
    name = class_name or classifier.classes[int(classifier.predict(seen)[at].argmax())]
    target = classifier.classes.index(name)
    logit = np.array([classifier.logits(part)[at, target] for part in (seen, *changed, without_rhythm(seen, sequence))])
    fall = np.maximum(logit[0] - logit[1:], 0).astype(np.float32)
    time_s = (starts + (COVER_POINTS - 1) / 2 - sequence.points_before) * sequence.step_s
    return Occlusion(name, read_only(time_s.astype(np.float32)), read_only(fall[:-1]), float(fall[-1]))


def covered(seen: FloatArray, at: int, points: slice, sequence: SequenceConfig) -> NDArray[np.float32]:
    """Rows in which the recording's usual beat takes the place of some points of the beat at `at`, on both leads."""
    found = seen.copy()
    size = sequence.points * LEADS
    found[at, points.start * LEADS : points.stop * LEADS] = seen[
        at, size + points.start * LEADS : size + points.stop * LEADS
    ]
    return found


def without_rhythm(seen: FloatArray, sequence: SequenceConfig) -> NDArray[np.float32]:
    """Rows in which no RR interval is known."""
    found = seen.copy()
    found[:, 2 * sequence.points * LEADS :] = 0
    return found
