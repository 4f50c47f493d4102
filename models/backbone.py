"""What networks cut out of ImageNet backbones share: the cut, a head that keeps places apart, and their start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.runtime import keras

SQUEEZED = "squeeze"  # the layer that heatmaps weigh
SQUEEZED_FILTERS = 64
HIDDEN_UNITS = 128
DROPOUT = 0.3
MOMENTUM = 0.95  # of the statistics of batches: ours differ from photographs', and runs are a few hundred steps


def with_head(inputs: Any, features: Any, classes: int, name: str) -> Any:
    """A model from a feature map (h, w, many) to logits (n, classes): panels have fixed places, so none are pooled."""
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
    """Load the layers of a Keras weights file (.h5) that the model has by name; without the file, a random start."""
    if not file.is_file():
        return f"a random start ({file.name} was not there)"
    model.load_weights(file, by_name=True)
    return "ImageNet weights"
