"""ResNet50 (He et al. 2016, arXiv:1512.03385) on pictures, from ImageNet weights if they are available."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.backbone import SQUEEZED, pretrained, start_from, with_head
from models.network import Network, everything
from models.runtime import keras

CUT = "conv4_block6_out"  # 4 x 6 positions of a beat picture; the last stage has 2 x 3
IMAGENET_FILE = (
    "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"  # under .../tensorflow/keras-applications/resnet/
)


def build(input_shape: tuple[int, int, int], classes: int) -> Any:
    """Return an untrained model from RGB pictures (n, h, w, 3) in 0..255 to logits (n, classes)."""
    inputs = keras().layers.Input(input_shape, name="picture")
    x = keras().applications.resnet50.preprocess_input(inputs)
    whole = keras().applications.ResNet50(include_top=False, weights=None, input_tensor=x)
    return with_head(inputs, whole.get_layer(CUT).output, classes, "resnet50")


def initialise(model: Any, weights_dir: Path) -> str:
    """Set the convolutions to their ImageNet weights from `weights_dir`; without the file, leave the random start."""
    return start_from(model, weights_dir / IMAGENET_FILE)


def imagenet() -> Any:
    """Return ResNet50 with ImageNet weights, which Keras downloads."""
    return keras().applications.ResNet50(include_top=False, weights="imagenet")


NETWORK = Network(
    "ResNet50",
    build,
    initialise,
    everything,
    SQUEEZED,
    5e-4,
    place=35,
    folders=pretrained((CUT, "conv3_block4_out", "conv2_block3_out"), IMAGENET_FILE, imagenet),
)
