"""A small custom CNN on the same pictures: the baseline that every other network must beat."""

from __future__ import annotations

from typing import Any

from models.network import Network, everything, random_start
from models.runtime import keras

HEAT_LAYER = "conv4"
FILTERS = (32, 64, 96, 128)
DROPOUT = 0.3


def build(input_shape: tuple[int, int, int], classes: int) -> Any:
    """Return an untrained model from RGB pictures (n, h, w, 3) in 0..255 to logits (n, classes)."""
    layers = keras().layers
    inputs = layers.Input(input_shape, name="picture")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    for i, filters in enumerate(FILTERS, start=1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{i}")(x)
        x = layers.BatchNormalization(name=f"norm{i}")(x)
        x = layers.Activation("relu", name=f"relu{i}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{i}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(DROPOUT, name="dropout")(x)
    x = layers.Dense(96, activation="relu", name="hidden")(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras().Model(inputs, logits, name="cnn")


NETWORK = Network("Small custom CNN", build, random_start, everything, HEAT_LAYER, 1e-3, place=20)
