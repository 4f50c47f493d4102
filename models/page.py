"""VGG16 on pictures of 12-lead pages: ImageNet's convolutions, and heads whose logits are averaged."""

from __future__ import annotations

from typing import Any, Final

from models import vgg16
from models.network import Network
from models.runtime import keras

HEADS: Final = 5
CUT: Final = "block5_pool"  # the heads read it; everything before is ImageNet's
HEAT_LAYER: Final = "block5_conv3"
SQUEEZED: Final = 64
HIDDEN: Final = 64
DROPOUT: Final = 0.4


def build(input_shape: tuple[int, int, int], classes: int) -> Any:
    """An untrained model from RGB pictures (n, h, w, 3) in 0..255 to logits (n, classes), the mean of all heads."""
    body = vgg16.build(input_shape, classes)
    features = body.get_layer(CUT).output
    logits = [_head(features, i, classes) for i in range(HEADS)]
    mean = keras().layers.Average(name="logits", dtype="float32")(logits)
    return keras().Model(body.input, mean, name="page")


def build_head(feature_shape: tuple[int, ...], classes: int, number: int, *, dropout: float = DROPOUT) -> Any:
    """Head `number` alone, from feature maps (n, h, w, many) to logits; its layers have the names of the whole's."""
    inputs = keras().layers.Input(feature_shape, name="features")
    return keras().Model(inputs, _head(inputs, number, classes, dropout), name=f"head{number}")


def set_heads(model: Any, heads: list[Any]) -> None:
    """Give a whole network the weights of heads that were trained alone."""
    for head in heads:
        for layer in head.layers[1:]:
            model.get_layer(layer.name).set_weights(layer.get_weights())


def _head(features: Any, number: int, classes: int, dropout: float = DROPOUT) -> Any:
    layers, name = keras().layers, f"head{number}"
    x = layers.Conv2D(SQUEEZED, 1, use_bias=False, dtype="float32", name=f"{name}_squeeze")(features)
    x = layers.BatchNormalization(momentum=0.9, dtype="float32", name=f"{name}_norm")(x)
    x = layers.Activation("relu", name=f"{name}_relu")(x)
    x = layers.Flatten(name=f"{name}_flatten")(x)  # leads have fixed places, so none are pooled
    x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    x = layers.Dense(HIDDEN, activation="relu", dtype="float32", name=f"{name}_hidden")(x)
    return layers.Dense(classes, dtype="float32", name=f"{name}_logits")(x)


NETWORK = Network(
    "VGG16 on 12-lead pages", build, vgg16.initialise, lambda name: name.startswith("head"), HEAT_LAYER, 1e-3, place=200
)
