"""An uploaded picture of one beat, from bytes to an answer: its trace, whether it is a beat, and its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from models.beat_image_heads import PictureHead
from models.gradcam import BLANK_BELOW, Heatmap, heatmap, occlusion
from models.registry import Classifier
from pipeline._util.png_mark import is_marked
from pipeline.beat_images.doubts import doubts_about
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
    """What is known about one picture: a trace with probabilities, or why there is none.

    Attributes
    ----------
    name : str
        Untrusted name of the file.
    trace : BeatTrace
        The line that was found.
    p : (5,) float32 or None
        Probabilities in the order of `AAMI_CLASSES`.
    refusal : str
        Why there is no answer, else "".
    doubtful : bool
        True where a line was found that does not look enough like one beat.
    threshold : float
        On 1 - p(N): from there on the beat is called abnormal.
    """

    name: str
    trace: BeatTrace | None = None
    p: FloatArray | None = None
    refusal: str = ""
    doubtful: bool = False
    threshold: float = 0.5

    @property
    def aami(self) -> str | None:
        """The most probable class."""
        return None if self.p is None else AAMI_CLASSES[int(self.p.argmax())]

    @property
    def confidence(self) -> float:
        """The largest probability, 0 without an answer."""
        return 0.0 if self.p is None else float(self.p.max())

    @property
    def abnormal(self) -> float | None:
        """1 - p(N)."""
        return None if self.p is None else float(1 - self.p[0])


def read_beat(file: PictureFile, head: PictureHead, config: Config = DEFAULT, *, confirmed: bool = False) -> BeatTrace:
    """Read the trace of the one beat in a picture.

    Whether it is a beat is not asked of HeartVision's own pictures, nor of those that `images` drew from a beat.

    Parameters
    ----------
    file : PictureFile
        The picture.
    head : PictureHead
        The head that tells beats from other lines.
    config : Config, optional
        Settings of the pipeline.
    confirmed : bool, optional
        Whether a person has confirmed that it is a beat; the head for beats is then not asked.

    Raises
    ------
    DoubtfulBeatError
        If the line does not look enough like one beat of an ECG.
    IntakeError
        If the file is refused or holds no single line.
    """
    if file.refusal:
        raise IntakeError(file.refusal)
    trace = read_beat_picture(file.name, file.payload, config, page=file.page)
    trace = replace(trace, doubts=doubts_about(trace))
    if confirmed or trace.drawn is not None or is_marked(file.payload):
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
    """Classify traces: by the head with its own network, or by another network alone.

    HeartVision's own pictures show the rhythm too, and are read by the network as in a recording.

    Parameters
    ----------
    traces : sequence of BeatTrace
        The traces.
    head : PictureHead
        The head for uploaded pictures.
    classifier : Classifier
        The network to use.
    config : Config, optional
        Settings of the pipeline.

    Returns
    -------
    list of PictureAnswer
        One per trace, in the same order.
    """
    if not traces:
        return []
    pictures = np.stack([beat_picture(trace, config) for trace in traces])
    by_head = classifier.name == head.manifest.network
    if by_head:
        p = head.probabilities([trace.value for trace in traces], classifier.logits(pictures))
    else:
        p = classifier.predict_uploads(pictures)
    threshold = head.manifest.threshold if by_head else classifier.manifest.picture_threshold
    answers = [
        PictureAnswer(trace.name, trace, read_only(row), threshold=threshold)
        for trace, row in zip(traces, p, strict=True)
    ]
    for i in (i for i, trace in enumerate(traces) if trace.drawn is not None):
        row = classifier.predict(pictures[i : i + 1])[0]
        answers[i] = replace(answers[i], p=read_only(row), threshold=classifier.threshold)
    return answers


def beat_picture(trace: BeatTrace, config: Config = DEFAULT) -> PictureArray:
    """Return the picture that the network reads, (height_px, width_px, 3) uint8: the trace in the network's inks."""
    return render_trace(trace.value, config.picture) if trace.drawn is None else trace.drawn


def heat_of(classifier: Classifier, picture: PictureArray, aami: str) -> Heatmap:
    """Return the heatmap of a class in the picture of a trace; by occlusion where the usual map is blank.

    Parameters
    ----------
    classifier : Classifier
        A network that reads pictures.
    picture : (height_px, width_px, 3) uint8
        The picture, as `beat_picture` draws it.
    aami : str
        The class to explain.
    """
    found = heatmap(classifier, picture, aami)
    if not found.blank:
        return found
    fall = np.maximum(occlusion(classifier, picture, aami), 0)
    strongest = float(fall.max())
    if strongest <= BLANK_BELOW:
        return found
    return Heatmap((fall / strongest).astype(np.float32), aami, blank=False, method="occlusion")


def heat_on_original(found: Heatmap, trace: BeatTrace, config: Config = DEFAULT) -> FloatArray:
    """Map the heat of an uploaded beat back onto the upload itself.

    The beat panel was filled with the trace from its first to its last column and from its highest to its lowest row;
    this inverts that mapping.

    Parameters
    ----------
    found : Heatmap
        The heatmap of the beat's picture.
    trace : BeatTrace
        The trace that was drawn.
    config : Config, optional
        Settings of the pipeline.

    Returns
    -------
    (h, w) float32
        Heat in 0..1, 0 outside the trace's box.
    """
    height, width = trace.picture.shape[:2]
    if trace.drawn is not None:
        return read_only(np.asarray(cv2.resize(found.values, (width, height)), np.float32))
    panel = found.values[: config.picture.beat_height_px]
    top, bottom = ((1 - share) * (config.picture.beat_height_px - 2) + 0.5 for share in TRACE_RANGE[::-1])
    across = float(trace.column_px[-1] - trace.column_px[0]) / (config.picture.width_px - 1)
    down = float(trace.row_px.max() - trace.row_px.min()) / (bottom - top)
    corner = (float(trace.column_px[0]), float(trace.row_px.min()) - top * down)
    matrix = np.array([[across, 0, corner[0]], [0, down, corner[1]]], np.float64)
    heat = cv2.warpAffine(panel, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=0)
    return read_only(np.clip(heat, 0, 1).astype(np.float32))


def refused(file: PictureFile, error: EcgError) -> PictureAnswer:
    """Return the answer for a picture that is not a beat."""
    return PictureAnswer(file.name, refusal=str(error), doubtful=isinstance(error, DoubtfulBeatError))
