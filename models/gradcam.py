"""Heatmaps: HiResCAM, or the cost of covering each part.

HiResCAM (Draelos & Carin 2020, arXiv:2011.08891) is Grad-CAM (Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74) without
its mean of the gradient over positions, which was no better than chance here: the panels of a picture mean different
things (ADR 0027). The second method (occlusion; Zeiler & Fergus 2014, arXiv:1311.2901) is for networks without a layer
that preserves positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.registry import Classifier
from models.runtime import keras, tensorflow

BLANK_BELOW = 1e-6  # greatest positive evidence of a map that counts as blank
NEVER: Final = -1e9  # stands for the logarithm of probability 0
CAM: Final = "HiResCAM"
PATCH_PX = 8  # side of the squares that are covered in turn
RANDOMISED_SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)  # of the layers with weights, from the output on


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Where the evidence for a class lies in a picture: `values` (height, width) float32 in 0..1; all 0 if `blank`.

    `method` is "HiResCAM" or "occlusion".
    """

    values: NDArray[np.float32]
    class_name: str
    blank: bool
    method: str = CAM


class HiResCam:
    """HiResCAM of one classifier, compiled once.

    The gradient is that of the class's log odds against the others at the natural class frequencies: a probability is
    flat where the network is certain, and a logit alone says nothing about the second most likely class.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        model = classifier.model
        heat_layer = model.get_layer(classifier.network.heat_layer)
        self._split = keras().Model(model.input, [heat_layer.output, model.output])
        self._run = self._compiled()

    def __call__(self, picture: NDArray[np.uint8], class_name: str | None = None) -> Heatmap:
        """Return the heatmap of one picture (height, width, 3) uint8 for a class; the predicted one if None.

        Raises
        ------
        ModelError
            If the class is unknown or the picture is not of the network's shape.
        """
        class_name = _asked(self._classifier, picture, class_name)
        target = self._classifier.classes.index(class_name)
        tf = tensorflow()  # a Python integer would be traced again for each class
        evidence = self._run(tf.constant(picture[None]), tf.constant(target, tf.int32)).numpy()
        return _scaled(evidence, picture.shape[:2], class_name)

    def _compiled(self) -> Any:
        tf = tensorflow()
        bias = tf.constant(self._classifier.manifest.logit_bias, tf.float32)

        def run(picture: Any, target: Any) -> Any:
            pixels = tf.cast(picture, tf.float32)
            with tf.GradientTape() as tape:
                tape.watch(pixels)  # so that everything between picture and answer is recorded
                maps, logits = self._split(pixels, training=False)
                score = logits[0] + bias
                others = tf.where(tf.range(len(bias)) == target, NEVER, score)
                odds = tf.gather(score, target) - tf.reduce_logsumexp(others)
            gradient = tf.cast(tape.gradient(odds, maps), tf.float32)
            return tf.nn.relu(tf.reduce_sum(gradient * tf.cast(maps, tf.float32), axis=-1))[0]

        return tf.function(run, reduce_retracing=True)


def occlusion(
    classifier: Classifier, picture: NDArray[np.uint8], class_name: str, *, patch_px: int = PATCH_PX
) -> NDArray[np.float32]:
    """Return how much the class's logit falls when a patch is blanked.

    Parameters
    ----------
    classifier : Classifier
        A network that reads pictures.
    picture : (height, width, 3) uint8
        A beat picture.
    class_name : str
        The class to explain.
    patch_px : int, optional
        Side of the square that is set to black, moved in steps of its own size, pixels.

    Returns
    -------
    (height, width) float32
        Fall of the logit; negative where it rises.
    """
    height, width = picture.shape[:2]
    corners = [(y, x) for y in range(0, height, patch_px) for x in range(0, width, patch_px)]
    covered = np.repeat(picture[None], len(corners) + 1, axis=0)
    for i, (y, x) in enumerate(corners, start=1):
        covered[i, y : y + patch_px, x : x + patch_px] = 0
    logit = classifier.logits(covered)[:, classifier.classes.index(class_name)]
    fall = np.zeros((height, width), np.float32)
    for (y, x), value in zip(corners, logit[1:], strict=True):
        fall[y : y + patch_px, x : x + patch_px] = logit[0] - value
    return fall


def heatmap(classifier: Classifier, picture: NDArray[np.uint8], class_name: str | None = None) -> Heatmap:
    """Return the heatmap of one picture, by the method that suits the network; compiled on first use.

    Parameters
    ----------
    classifier : Classifier
        A network that reads pictures.
    picture : (height, width, 3) uint8
        A beat picture.
    class_name : str, optional
        The class to explain; the predicted one if None.

    Raises
    ------
    ModelError
        If the class is unknown or the picture is not of the network's shape.
    """
    if classifier.network.heat_layer:
        return _explainer(classifier)(picture, class_name)
    name = _asked(classifier, picture, class_name)
    fall = np.maximum(occlusion(classifier, picture, name), 0)
    strongest = float(fall.max())
    if strongest <= BLANK_BELOW:
        return Heatmap(np.zeros(picture.shape[:2], np.float32), name, blank=True, method="occlusion")
    return Heatmap((fall / strongest).astype(np.float32), name, blank=False, method="occlusion")


def _asked(classifier: Classifier, picture: NDArray[np.uint8], class_name: str | None) -> str:
    if class_name is not None and class_name not in classifier.classes:
        raise ModelError(f"Network {classifier.name!r} has no class {class_name!r}.")
    if picture.shape != classifier.manifest.input_shape:
        raise ModelError(f"A heatmap needs a picture of {classifier.manifest.input_shape}.")
    return class_name or classifier.classes[int(classifier.predict(picture[None])[0].argmax())]


def _scaled(evidence: NDArray[np.float32], size: tuple[int, ...], class_name: str) -> Heatmap:
    strongest = float(evidence.max())
    if not np.isfinite(strongest) or strongest <= BLANK_BELOW:
        return Heatmap(np.zeros(size[:2], np.float32), class_name, blank=True)
    values = cv2.resize(evidence / strongest, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return Heatmap(np.clip(values, 0, 1).astype(np.float32), class_name, blank=False)


@lru_cache(maxsize=4)
def _explainer(classifier: Classifier) -> HiResCam:
    return HiResCam(classifier)


def cascade(classifier: Classifier, seed: int) -> Iterator[tuple[str, Classifier]]:
    """Yield the last randomised layer and the network with ever more layers, from the output on, set to random weights.

    References
    ----------
    Adebayo et al. 2018, Sanity checks for saliency maps, arXiv:1810.03292. Deviation: in five steps.
    """
    facts = classifier.manifest
    layers = [layer.name for layer in reversed(classifier.model.layers) if layer.weights]
    for share in RANDOMISED_SHARES:
        lost = layers[: max(1, round(share * len(layers)))]
        yield lost[-1], Classifier(facts, _without(classifier, facts.input_shape, lost, seed))


def _without(classifier: Classifier, shape: Any, lost: list[str], seed: int) -> Any:
    keras().utils.set_random_seed(seed)
    model = classifier.network.build(shape, len(classifier.classes))
    for layer in model.layers:
        if layer.weights and layer.name not in lost:
            layer.set_weights(classifier.model.get_layer(layer.name).get_weights())
    return model
