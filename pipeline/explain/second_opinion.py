"""A second network's opinion on one beat: what it says, where it looked, and whether the two agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.networks import NETWORKS
from models.registry import Classifier, available
from pipeline.config import DEFAULT, PICTURE_NETWORK, RECORDING_NETWORK, Config
from pipeline.explain.heatmaps import BeatExplanation, explain_beat
from pipeline.explain.occlusion import around
from pipeline.features.beat_image import render_pictures
from pipeline.labels import CLASS_NAMES, NOT_CLASSIFIED
from pipeline.types import Beats, FloatArray, read_only
from pipeline.wording import percent


@dataclass(frozen=True, eq=False)
class Opinion:
    """What one network says of one beat.

    Attributes
    ----------
    title : str
        The network, as its manifest calls it.
    p : (5,) float32
        Calibrated probabilities of N S V F Q.
    letter : str
        The likeliest class; "?" where the network is less sure than its manifest asks.
    explanation : BeatExplanation or None
        Picture and heat; None where they were not asked for.
    """

    title: str
    p: FloatArray
    letter: str
    explanation: BeatExplanation | None = None

    @property
    def confidence(self) -> float:
        """Calibrated probability of the likeliest class."""
        return float(self.p.max())


def second_network(first: str) -> str | None:
    """Return the network to ask next: one that reads pictures after one that reads the signal, and the other way round.

    None if it is not installed.
    """
    known = available()
    reads_pictures = first in known and NETWORKS[first].reads == "pictures"
    wanted = RECORDING_NETWORK if reads_pictures else PICTURE_NETWORK
    return wanted if wanted in known else None


def opinion(classifier: Classifier, beats: Beats, index: int, config: Config = DEFAULT) -> Opinion:
    """Ask a network about one beat, and where it looked.

    Parameters
    ----------
    classifier : Classifier
        The network.
    beats : Beats
        The beats of a recording.
    index : int
        Which beat; one that can be classified.
    config : Config, optional
        Settings of the pipeline.
    """
    if classifier.network.reads == "beats":
        seen, at = around(beats, index, config)
        p = classifier.predict(seen)[at]
    else:
        p = classifier.predict(render_pictures(beats, np.array([index]), config.picture))[0]
    letter = classifier.classes[int(p.argmax())] if p.max() >= classifier.abstain_below else NOT_CLASSIFIED
    explained = explain_beat(classifier, beats, index, config)
    return Opinion(classifier.manifest.title, read_only(np.asarray(p, np.float32)), letter, explained)


def agreement(first: str, second: Opinion) -> str:
    """Say in one sentence whether a second opinion agrees with the class `first`, "?" if that is not classified.

    Examples
    --------
    >>> said = Opinion("VGG16", np.array([0.02, 0.01, 0.95, 0.01, 0.01], np.float32), "V")
    >>> agreement("V", said)
    'The second network agrees: V, 95 %.'
    >>> agreement("N", said)
    'The networks disagree: the second says V (ventricular ectopic), 95 %. Look closely.'
    >>> agreement("?", said)
    'The second network says V (ventricular ectopic), 95 %.'
    """
    sure = percent(second.confidence)
    if second.letter == NOT_CLASSIFIED:
        return f"The second network is not sure enough to name a class ({sure} at most)."
    named = f"{second.letter} ({CLASS_NAMES[second.letter].lower()}), {sure}"
    if first == NOT_CLASSIFIED:
        return f"The second network says {named}."
    if first == second.letter:
        return f"The second network agrees: {second.letter}, {sure}."
    return f"The networks disagree: the second says {named}. Look closely."
