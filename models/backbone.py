"""Shared parts of networks cut out of ImageNet backbones: a head that preserves positions, and the initialisation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.runtime import keras

SQUEEZED = "squeeze"  # the layer that heatmaps are computed from
SQUEEZED_FILTERS = 64
HIDDEN_UNITS = 128
DROPOUT = 0.3
MOMENTUM = 0.95  # of the batch statistics: they differ from those of photographs, and runs are a few hundred steps


def with_head(inputs: Any, features: Any, classes: int, name: str) -> Any:
    """Add a head to a feature map; nothing is pooled, because the panels of a picture have fixed places.

    Parameters
    ----------
    inputs : Keras tensor
        Input of the model, (n, H, W, 3).
    features : Keras tensor
        Feature map computed from it, (n, h, w, channels).
    classes : int
        Number of classes.
    name : str
        Name of the model.

    Returns
    -------
    keras.Model
        From `inputs` to logits (n, classes).
    """
    layers = keras().layers
    x = layers.Conv2D(SQUEEZED_FILTERS, 1, use_bias=False, name=f"{SQUEEZED}_conv")(features)
    x = layers.BatchNormalization(name=f"{SQUEEZED}_norm")(x)
    x = layers.Activation("relu", name=SQUEEZED)(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(DROPOUT, name="dropout")(x)
    x = layers.Dense(HIDDEN_UNITS, activation="relu", name="hidden")(x)
    model = keras().Model(inputs, layers.Dense(classes, dtype="float32", name="logits")(x), name=name)
    for layer in model.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = MOMENTUM
    return model


def start_from(model: Any, file: Path) -> str:
    """Load the layers of a Keras weights file (.h5) that the model has by name; without it, leave the random start."""
    if not file.is_file():
        return f"a random start ({file.name} was not there)"
    model.load_weights(file, by_name=True)
    return "ImageNet weights"
