"""The table of networks: whoever adds one writes one module and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from models import cnn, vgg16


@dataclass(frozen=True)
class Network:
    """How one network is made.

    `build(input_shape, classes)` gives an untrained Keras model from pictures 0..255 (float) to logits;
    `initialise(model, weights_dir)` loads what it starts from; `trainable(layer_name)` says what is fine-tuned;
    `heat_layer` is the convolution whose output Grad-CAM weighs.
    """

    title: str
    build: Callable[[tuple[int, int, int], int], Any]
    initialise: Callable[[Any, Any], None]
    trainable: Callable[[str], bool]
    heat_layer: str
    learning_rate: float


NETWORKS: Final = {
    "vgg16": Network(
        "VGG16, ImageNet, fine-tuned", vgg16.build, vgg16.initialise, vgg16.trainable, vgg16.HEAT_LAYER, 1.5e-4
    ),
    "cnn": Network("Small custom CNN", cnn.build, cnn.initialise, cnn.trainable, cnn.HEAT_LAYER, 1e-3),
}
