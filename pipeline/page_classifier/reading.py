"""From one 12-lead page to one of four classes, with the evidence for it and where on the page it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipeline.digitisation.layouts import TWELVE_LEADS
from pipeline.errors import IntakeError, ModelError
from pipeline.page_classifier.known_pages import is_known
from pipeline.page_classifier.page_beats import PageBeats, find_beats
from pipeline.page_classifier.page_picture import DRAWING, SIZE_PX, draw_page_picture, heat_on_page, lead_heat
from pipeline.page_classifier.printed_page import RHYTHM, find_page
from pipeline.page_classifier.schema import FOLDER
from pipeline.page_classifier.traces import read_traces
from pipeline.types import FloatArray, PictureArray, read_only

if TYPE_CHECKING:
    from models.registry import Classifier
    from pipeline.digitisation.digitise import Digitised


@dataclass(frozen=True, eq=False)
class PageReading:
    """What the page network says about a page.

    Attributes
    ----------
    class_name : str
        The most probable class.
    p : dict of str to float
        Calibrated probability by class.
    confident : bool
        Whether the largest probability reaches the network's threshold.
    beats : int
        Number of beats found.
    page : (height, width, 3) uint8
        The picture that was read.
    picture : (192, 192, 3) uint8
        What the network saw.
    heat : (556, 949) float32
        In 0..1, over the page scaled to 949 x 556: the leads that supported the class (the beats of a lead share
        theirs).
    lead_heat : dict of str to float
        Share of the heat by lead.
    model_version : str
        Version of the network.
    known : bool
        Whether the page is one that the network was trained on.
    """

    class_name: str
    p: dict[str, float]
    confident: bool
    beats: int
    page: PictureArray
    picture: PictureArray
    heat: FloatArray
    lead_heat: dict[str, float]
    model_version: str
    known: bool = False


def classify_page(picture: PictureArray, *, classifier: Classifier | None = None) -> PageReading:
    """Classify a 12-lead page (height, width, 3) uint8 RGB, cropped to its grid.

    Raises
    ------
    IntakeError
        If it is not laid out like the pages that the network was trained on, or has no readable traces: it then gets no
        class.
    ModelError
        If the page network's weights are missing or damaged.
    """
    return _classified(picture, page_beats(picture), classifier)


def classify_digitised(found: Digitised, *, classifier: Classifier | None = None) -> PageReading:
    """Classify a digitised page: as uploaded, or else its flat paper, whichever is laid out as the network knows it.

    Parameters
    ----------
    found : Digitised
        The page, understood as far as it can be.
    classifier : Classifier, optional
        The shipped page network if None.

    Returns
    -------
    PageReading
        Of the picture that could be read; each is inked and traced once at most.

    Raises
    ------
    IntakeError
        If neither is laid out so, or has readable traces.
    ModelError
        As in `classify_page`.
    """
    try:
        picture, beats = found.picture, page_beats(found.picture)
    except IntakeError as error:
        try:
            picture, beats = found.sheet.picture, page_beats(found.sheet.picture)
        except IntakeError:
            raise error from None
    return _classified(picture, beats, classifier)


def _classified(picture: PictureArray, beats: PageBeats, classifier: Classifier | None) -> PageReading:
    """Classify the beats of a page."""
    from models.page import page_heat

    network = classifier or page_classifier()
    drawn = draw_page_picture(beats)
    p = network.predict(drawn[None])[0]
    best = int(p.argmax())
    heat = _enlarged(page_heat(network, drawn, network.classes[best]))
    shares = lead_heat(heat)
    return PageReading(
        class_name=network.classes[best],
        p={name: float(value) for name, value in zip(network.classes, p, strict=True)},
        confident=bool(p[best] >= network.abstain_below),
        beats=int(beats.r_px.size),
        page=picture,
        picture=read_only(drawn),
        heat=read_only(heat_on_page(heat)),
        lead_heat={name: float(value) for name, value in zip((*TWELVE_LEADS, RHYTHM), shares, strict=True)},
        model_version=network.version,
        known=is_known(beats),
    )


def page_beats(picture: PictureArray) -> PageBeats:
    """Find the beats that the network would be shown of a page (height, width, 3) uint8 RGB.

    Raises
    ------
    IntakeError
        If it is not laid out like the pages that the network was trained on, or has no readable traces.
    """
    return find_beats(read_traces(find_page(picture)))


@lru_cache(maxsize=1)
def page_classifier() -> Classifier:
    """Load the page network that comes with HeartVision, verified.

    Raises
    ------
    ModelError
        If its weights, manifest or self-test disagree, or it was trained on other pictures than are drawn here.
    """
    from models import registry

    network = registry.load("page", FOLDER)
    if network.preprocessing != DRAWING:
        raise ModelError(f"The page network reads pictures {network.preprocessing!r}, not {DRAWING!r}; train it again.")
    return network


def _enlarged(heat: FloatArray) -> FloatArray:
    return np.asarray(cv2.resize(heat, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_NEAREST), np.float32)
