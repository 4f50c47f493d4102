"""VGG16 (Simonyan & Zisserman 2015, arXiv:1409.1556) on beat pictures, from ImageNet weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from models.backbone import copy_layers, pretrained
from models.network import Network
from models.runtime import keras

HEAT_LAYER = "block4_conv3"  # 8 x 12 positions; the maps of block5_conv3 are less informative (ADR 0027)
IMAGENET_FILE = "vgg16_imagenet_notop_f16.npz"
FROZEN_BLOCKS = ("block1", "block2")  # edges and strokes transfer unchanged
HIDDEN_UNITS = 128
DROPOUT = 0.4


def build(input_shape: tuple[int, int, int], classes: int) -> Any:
    """Return an untrained flat model from RGB pictures (n, h, w, 3) in 0..255 to logits (n, classes)."""
    layers = keras().layers
    inputs = layers.Input(input_shape, name="picture")
    x = keras().applications.vgg16.preprocess_input(inputs)
    x = keras().applications.VGG16(include_top=False, weights=None, input_tensor=x).output
    x = layers.Flatten(name="flatten")(x)
    x = layers.LayerNormalization(name="norm")(x)  # ImageNet features of line drawings reach the hundreds
    x = layers.Dropout(DROPOUT, name="dropout")(x)
    x = layers.Dense(HIDDEN_UNITS, activation="relu", name="hidden")(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras().Model(inputs, logits, name="vgg16")


def initialise(model: Any, weights_dir: Path) -> str:
    """Set the convolutions to their ImageNet weights: from `weights_dir`, else through Keras's own download."""
    file = weights_dir / IMAGENET_FILE
    if file.exists():
        with np.load(file, allow_pickle=False) as arrays:
            for layer in _convolutions(model):
                layer.set_weights([arrays[f"{layer.name}/{part}"].astype(np.float32) for part in ("kernel", "bias")])
        return "ImageNet weights"
    copy_layers(imagenet(), model)
    return "ImageNet weights"


def imagenet() -> Any:
    """Return the convolutions with ImageNet weights, which Keras downloads."""
    return keras().applications.VGG16(include_top=False, weights="imagenet")


def trainable(layer_name: str) -> bool:
    """Tell whether a layer is fine-tuned."""
    return not layer_name.startswith(FROZEN_BLOCKS)


def _convolutions(model: Any) -> list[Any]:
    return [layer for layer in model.layers if "_conv" in layer.name]


NETWORK = Network(
    "VGG16, ImageNet, fine-tuned",
    build,
    initialise,
    trainable,
    HEAT_LAYER,
    1.5e-4,
    place=10,
    folders=pretrained(("block5_pool", "block4_pool", "block3_pool"), IMAGENET_FILE, imagenet),
)
