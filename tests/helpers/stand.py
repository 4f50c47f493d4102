"""A stand-in network for tests that are not about TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.config import DEFAULT
from pipeline.labels import AAMI_CLASSES


@dataclass(frozen=True)
class StandManifest:
    """What the command line reads of a manifest."""

    picture_threshold: float = 0.6
    version: str = "0123456789ab"


@dataclass(frozen=True)
class Stand:
    """A network without TensorFlow: the more ink, the more V. It fits `pipeline.analysis.BeatClassifier`."""

    name: str = "vgg16"
    version: str = "0123456789ab"
    classes: tuple[str, ...] = AAMI_CLASSES
    preprocessing: str = DEFAULT.preprocessing_id()
    threshold: float = 0.5
    abstain_below: float = 0.3
    manifest: StandManifest = StandManifest()

    def predict(self, pictures):
        ink = pictures.reshape(len(pictures), -1).mean(axis=1) / 255
        p = np.zeros((len(pictures), 5), np.float32)
        p[:, 2] = np.clip(ink, 0, 0.4)
        p[:, 0] = 1 - p[:, 2]
        return p

    predict_uploads = predict

    def logits(self, pictures):
        return np.log(self.predict(pictures) + 1e-6)
