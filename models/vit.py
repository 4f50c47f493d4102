"""A small vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929) on beat pictures, from a random start.

Patches are made by three strided convolutions, which a small dataset needs (Xiao et al. 2021, arXiv:2106.14881).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from models.network import Network, everything, random_start
from models.runtime import keras

STEM_FILTERS = (24, 48)
WIDTH = 96  # of a token, which stands for 8 x 8 pixels
DEPTH = 4
HEADS = 4
DROPOUT = 0.1


def build(input_shape: tuple[int, int, int], classes: int) -> Any:
    """Return an untrained model from RGB pictures (n, h, w, 3) in 0..255 to logits (n, classes)."""
    layers = keras().layers
    inputs = layers.Input(input_shape, name="picture")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    for i, filters in enumerate(STEM_FILTERS, start=1):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False, name=f"stem{i}")(x)
        x = layers.BatchNormalization(name=f"stem{i}_norm")(x)
        x = layers.Activation("relu", name=f"stem{i}_relu")(x)
    x = layers.Conv2D(WIDTH, 3, strides=2, padding="same", name="patches")(x)
    x = layers.Reshape((x.shape[1] * x.shape[2], WIDTH), name="tokens")(x)
    x = _positions()(x)
    for i in range(1, DEPTH + 1):
        x = _block(x, f"block{i}")
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.GlobalAveragePooling1D(name="pool")(x)
    x = layers.Dropout(DROPOUT, name="dropout")(x)
    return keras().Model(inputs, layers.Dense(classes, dtype="float32", name="logits")(x), name="vit")


def _block(x: Any, name: str) -> Any:
    """Apply attention and two dense layers, each on normalised tokens and added to them."""
    layers = keras().layers
    y = layers.LayerNormalization(name=f"{name}_norm1")(x)
    y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, dropout=DROPOUT, name=f"{name}_attention")(y, y)
    x = layers.Add(name=f"{name}_add1")([x, y])
    y = layers.LayerNormalization(name=f"{name}_norm2")(x)
    y = layers.Dense(2 * WIDTH, activation="gelu", name=f"{name}_dense1")(y)
    y = layers.Dense(WIDTH, name=f"{name}_dense2")(y)
    return layers.Add(name=f"{name}_add2")([x, layers.Dropout(DROPOUT, name=f"{name}_dropout")(y)])


def _positions() -> Any:
    """Return a layer that adds a learned vector to each token: a stroke means something else in another panel."""

    class Positions(keras().layers.Layer):  # type: ignore[misc]  # Keras is imported when it is needed
        def build(self, input_shape: tuple[int, ...]) -> None:
            self.vectors = self.add_weight(shape=input_shape[1:], initializer="random_normal", name="vectors")

        def call(self, tokens: Any) -> Any:
            return tokens + keras().ops.cast(self.vectors, tokens.dtype)

        def native(self) -> tuple[Any, list[Any]]:
            """Return a layer of Keras's own that computes the same, and its weights: for files without this class."""
            tokens, width = self.vectors.shape
            equal = keras().layers.EinsumDense("btw,wv->btv", (tokens, width), bias_axes="tv", name=self.name)
            return equal, [np.eye(width, dtype=np.float32), np.asarray(self.vectors, np.float32)]

    return Positions(name="positions")


NETWORK = Network("Small vision transformer", build, random_start, everything, "", 1e-3, place=50)
