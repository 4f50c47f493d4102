"""EfficientNetB0 (Tan & Le 2019, arXiv:1905.11946) on beat pictures, from ImageNet weights if they are available."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.backbone import SQUEEZED, pretrained, start_from, with_head
from models.network import Network, everything
from models.runtime import keras

CUT = "block6a_expand_activation"  # 4 x 6 positions; later layers have 2 x 3, too few for three panels
SCALING = "normalization"  # name for the layer that Keras's own code leaves unnamed
IMAGENET_FILE = "efficientnetb0_notop.h5"  # https://storage.googleapis.com/keras-applications/


def build(input_shape: tuple[int, int, int], classes: int) -> Any:
    """Return an untrained model from RGB pictures (n, h, w, 3) in 0..255, which it scales, to logits (n, classes)."""
    inputs = keras().layers.Input(input_shape, name="picture")
    whole = keras().applications.EfficientNetB0(include_top=False, weights=None, input_tensor=inputs)
    if any(isinstance(layer, keras().layers.Normalization) and layer.name != SCALING for layer in whole.layers):
        whole = keras().models.clone_model(whole, clone_function=_named)
    return with_head(whole.inputs[0], whole.get_layer(CUT).output, classes, "efficientnet")


def _named(layer: Any) -> Any:
    """Copy the layer; the one that Keras numbers from the second build on gets the name of the first.

    The first build stays as Keras made it: with the same seed, a copy would start from other random weights.
    """
    config = layer.get_config()
    if isinstance(layer, keras().layers.Normalization):
        config["name"] = SCALING
    return type(layer).from_config(config)


def initialise(model: Any, weights_dir: Path) -> str:
    """Set the convolutions to their ImageNet weights from `weights_dir`; without the file, leave the random start."""
    return start_from(model, weights_dir / IMAGENET_FILE)


def imagenet() -> Any:
    """Return EfficientNetB0 with ImageNet weights, which Keras downloads."""
    return keras().applications.EfficientNetB0(include_top=False, weights="imagenet")


NETWORK = Network(
    "EfficientNetB0",
    build,
    initialise,
    everything,
    SQUEEZED,
    1e-3,
    place=40,
    folders=pretrained((CUT, "block5c_add", "block4c_add"), IMAGENET_FILE, imagenet),
)
