"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) on beat pictures, from ImageNet weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.backbone import SQUEEZED, pretrained, start_from, with_head
from models.network import Network, everything
from models.runtime import keras

CUT = "block_13_expand_relu"  # 4 x 6 positions; later layers have 2 x 3, too few for three panels
IMAGENET_FILE = "mobilenet_v2_1.0_224_no_top_from_tfjs.h5"


def build(input_shape: tuple[int, int, int], classes: int) -> Any:
    """Return an untrained model from RGB pictures (n, h, w, 3) in 0..255 to logits (n, classes)."""
    inputs = keras().layers.Input(input_shape, name="picture")
    x = keras().layers.Rescaling(1 / 127.5, offset=-1, name="scale")(inputs)
    whole = keras().applications.MobileNetV2(include_top=False, weights=None, input_tensor=x)
    return with_head(inputs, whole.get_layer(CUT).output, classes, "mobilenet")


def initialise(model: Any, weights_dir: Path) -> str:
    """Set the convolutions to their ImageNet weights from `weights_dir`."""
    return start_from(model, weights_dir / IMAGENET_FILE)


def imagenet() -> Any:
    """Return MobileNetV2 with ImageNet weights, which Keras downloads."""
    return keras().applications.MobileNetV2((224, 224, 3), include_top=False, weights="imagenet")


NETWORK = Network(
    "MobileNetV2, fine-tuned",
    build,
    initialise,
    everything,
    SQUEEZED,
    5e-4,
    place=30,
    folders=pretrained((CUT, "block_9_add", "block_6_expand_relu"), IMAGENET_FILE, imagenet),
)
