"""Why a network that reads beats said so: what it would cost its answer if a part looked usual or were not known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.registry import Classifier
from pipeline.config import DEFAULT, Config
from pipeline.domain import Beats, FloatArray, read_only
from pipeline.signal.sequence import LEADS, frame, rows

COVER_POINTS: Final = 8  # 64 ms: narrower than a QRS, wider than its slopes
STEP_POINTS: Final = 2


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
    sequence = config.sequence
    first = max(0, index - sequence.margin_beats)
    near = np.arange(first, min(len(beats), index + sequence.margin_beats + 1))
    seen = rows(beats, near, frame(beats, sequence, config.signal), sequence)
    at, size = index - first, sequence.points * LEADS
    starts = np.arange(0, sequence.points - COVER_POINTS + 1, STEP_POINTS)
    covered = [_covered(seen, at, slice(start * LEADS, (start + COVER_POINTS) * LEADS), size) for start in starts]
    hidden = seen.copy()
    hidden[:, 2 * size :] = 0
    name = class_name or classifier.classes[int(classifier.predict(seen)[at].argmax())]
    target = classifier.classes.index(name)
    logit = np.array([classifier.logits(part)[at, target] for part in (seen, *covered, hidden)])
    fall = np.maximum(logit[0] - logit[1:], 0).astype(np.float32)
    time_s = (starts + (COVER_POINTS - 1) / 2 - sequence.points_before) * sequence.step_s
    return Occlusion(name, read_only(time_s.astype(np.float32)), read_only(fall[:-1]), float(fall[-1]))


def _covered(seen: FloatArray, at: int, part: slice, size: int) -> NDArray[np.float32]:
    found = seen.copy()
    found[at, part] = seen[at, size + part.start : size + part.stop]
    return found
