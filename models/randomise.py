"""Randomising a network's weights from the output backwards: a heatmap that does not change says nothing about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from models.registry import Classifier
from models.runtime import keras

STAGES = (0.2, 0.4, 0.6, 0.8, 1.0)  # shares of the layers with weights


def cascade(classifier: Classifier, seed: int) -> Iterator[tuple[str, Classifier]]:
    """Yield the last randomised layer and the network with ever more layers, from the output on, set to random weights.

    References
    ----------
    Adebayo et al. 2018, Sanity checks for saliency maps, arXiv:1810.03292. Deviation: in five steps.
    """
    facts = classifier.manifest
    layers = [layer.name for layer in reversed(classifier.model.layers) if layer.weights]
    for share in STAGES:
        lost = layers[: max(1, round(share * len(layers)))]
        yield lost[-1], Classifier(facts, _without(classifier, facts.input_shape, lost, seed))


def _without(classifier: Classifier, shape: Any, lost: list[str], seed: int) -> Any:
    keras().utils.set_random_seed(seed)
    model = classifier.network.build(shape, len(classifier.classes))
    for layer in model.layers:
        if layer.weights and layer.name not in lost:
            layer.set_weights(classifier.model.get_layer(layer.name).get_weights())
    return model
