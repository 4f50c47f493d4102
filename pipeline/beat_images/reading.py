"""An uploaded picture of one beat, from bytes to an answer: trace, beat or not, class; a refusal is one too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from models.beat_image_heads import PictureHead
from models.gradcam import BLANK_BELOW, Heatmap, heatmap, occlusion
from models.registry import Classifier
from pipeline.beat_images.tracing import read_beat_picture
from pipeline.config import DEFAULT, Config
from pipeline.errors import EcgError, IntakeError
from pipeline.features.beat_image import TRACE_RANGE, render_trace
from pipeline.intake.batch import PictureFile
from pipeline.labels import AAMI_CLASSES
from pipeline.types import BeatTrace, FloatArray, PictureArray, read_only


class DoubtfulBeatError(IntakeError):
    """A line was found that does not look enough like one beat; a person may know better."""


@dataclass(frozen=True, eq=False)
class PictureAnswer:
    """What is known of one picture: a trace with probabilities `p` (5,) in the order of `AAMI_CLASSES`, or why not.

    `doubtful` where it has a line, but one that does not look enough like one beat.
    """

    name: str
    trace: BeatTrace | None = None
    p: FloatArray | None = None
    refusal: str = ""
    doubtful: bool = False

    @property
    def aami(self) -> str | None:
        return None if self.p is None else AAMI_CLASSES[int(self.p.argmax())]

    @property
    def confidence(self) -> float:
        return 0.0 if self.p is None else float(self.p.max())

    @property
    def abnormal(self) -> float | None:
        """1 - p(N)."""
        return None if self.p is None else float(1 - self.p[0])


def read_beat(file: PictureFile, head: PictureHead, config: Config = DEFAULT, *, confirmed: bool = False) -> BeatTrace:
    """The trace of the one beat in a picture.

    Parameters
    ----------
    confirmed : bool
        Whether a person said that it is a beat: then the head for beats is not asked.

    Raises
    ------
    DoubtfulBeatError
        If its line does not look enough like one beat of an ECG.
    IntakeError
        If the file is refused or holds no single line.
    """
    if file.refusal:
        raise IntakeError(file.refusal)
    trace = read_beat_picture(file.name, file.payload, config, page=file.page)
    if confirmed:
        return trace
    score, least = float(head.beat_scores([trace.value], trace.finding[None])[0]), head.manifest.accept_from
    if score < least:
        raise DoubtfulBeatError(
            f"This may not be an ECG beat: its line looks like one beat with a score of {score:.3f}, at least "
            f"{least:.3f} is needed; crop it to one beat of an ECG."
        )
    return trace


def classify_traces(
    traces: Sequence[BeatTrace], head: PictureHead, classifier: Classifier, config: Config = DEFAULT
) -> list[PictureAnswer]:
    """The answers for traces, in their order: of the heads with their own network, or of another network alone."""
    if not traces:
        return []
    pictures = np.stack([beat_picture(trace, config) for trace in traces])
    if classifier.name == head.manifest.network:
        p = head.probabilities([trace.value for trace in traces], classifier.logits(pictures))
    else:
        p = classifier.predict_uploads(pictures)
    return [PictureAnswer(trace.name, trace, read_only(row)) for trace, row in zip(traces, p, strict=True)]


def threshold_of(head: PictureHead, classifier: Classifier) -> float:
    """From which 1 - p(N) on a picture is called abnormal."""
    own = classifier.name == head.manifest.network
    return head.manifest.threshold if own else classifier.manifest.picture_threshold


def beat_picture(trace: BeatTrace, config: Config = DEFAULT) -> PictureArray:
    """The trace in the network's inks, (height_px, width_px, 3) uint8."""
    return render_trace(trace.value, config.picture)


def heat_of(classifier: Classifier, picture: PictureArray, aami: str) -> Heatmap:
    """Where the network saw a class in the picture of a trace; by covering parts where its heatmap is blank."""
    found = heatmap(classifier, picture, aami)
    if not found.blank:
        return found
    fall = np.maximum(occlusion(classifier, picture, aami), 0)
    strongest = float(fall.max())
    if strongest <= BLANK_BELOW:
        return found
    return Heatmap((fall / strongest).astype(np.float32), aami, blank=False, method="occlusion")


def heat_on_original(found: Heatmap, trace: BeatTrace, config: Config = DEFAULT) -> FloatArray:
    """The heat of an uploaded beat's picture where it lies in the upload itself, (h, w) in 0..1, 0 off the trace's box.

    The beat panel was filled with the trace from its first to its last column and from its highest to its lowest row;
    this goes back the same way.
    """
    panel = found.values[: config.picture.beat_height_px]
    top, bottom = ((1 - share) * (config.picture.beat_height_px - 2) + 0.5 for share in TRACE_RANGE[::-1])
    across = float(trace.column_px[-1] - trace.column_px[0]) / (config.picture.width_px - 1)
    down = float(trace.row_px.max() - trace.row_px.min()) / (bottom - top)
    corner = (float(trace.column_px[0]), float(trace.row_px.min()) - top * down)
    matrix = np.array([[across, 0, corner[0]], [0, down, corner[1]]], np.float64)
    height, width = trace.picture.shape[:2]
    heat = cv2.warpAffine(panel, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=0)
    return read_only(np.clip(heat, 0, 1).astype(np.float32))


def refused(file: PictureFile, error: EcgError) -> PictureAnswer:
    """The answer for a picture that is no beat."""
    return PictureAnswer(file.name, refusal=str(error), doubtful=isinstance(error, DoubtfulBeatError))
