"""EfficientNetB0 (Tan & Le 2019, arXiv:1905.11946) on beat pictures, from ImageNet weights if they are at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.backbone import SQUEEZED, start_from, with_head
from models.network import Network, everything
from models.runtime import keras

CUT = "block6a_expand_activation"  # 4 x 6 positions; what follows has 2 x 3, too few for three panels
SCALING = "normalization"  # of the layer that Keras's own code leaves without a name
IMAGENET_FILE = "efficientnetb0_notop.h5"  # https://storage.googleapis.com/keras-applications/


def build(input_shape: tuple[int, int, int], classes: int) -> Any:
    """An untrained model from RGB pictures (n, h, w, 3) in 0..255 to logits (n, classes); it scales by itself."""
    inputs = keras().layers.Input(input_shape, name="picture")
    whole = keras().applications.EfficientNetB0(include_top=False, weights=None, input_tensor=inputs)
    if any(isinstance(layer, keras().layers.Normalization) and layer.name != SCALING for layer in whole.layers):
        whole = keras().models.clone_model(whole, clone_function=_named)
    return with_head(whole.inputs[0], whole.get_layer(CUT).output, classes, "efficientnet")


def _named(layer: Any) -> Any:
    """The layer anew; the one that Keras numbers from the second build on is called as in the first.

    The first build stays as Keras made it: from a seed, a copy would start at other random weights.
    """
    config = layer.get_config()
    if isinstance(layer, keras().layers.Normalization):
        config["name"] = SCALING
    return type(layer).from_config(config)


def initialise(model: Any, weights_dir: Path) -> str:
    """Set the convolutions to their ImageNet weights from `weights_dir`; without the file, a random start."""
    return start_from(model, weights_dir / IMAGENET_FILE)


NETWORK = Network("EfficientNetB0", build, initialise, everything, SQUEEZED, 1e-3, place=40)
